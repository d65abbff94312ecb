// SPDX-License-Identifier: MIT
/* Rules in, regions out: the pure half of core/ram/ram.h. */
#include "core/ram/ram.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/model/vmm.h"
#include "core/ram/parse_maps.h"
#include "core/ram/ram_alias.h"
#include "core/ram/ram_blocks.h"
#include "core/ram/ram_mapping.h"

#define MIB             (1ull << 20)
#define LIKE_SIZE_BYTES (128 * MIB) /* a mapping this large beside the largest is RAM too */
#define RAM_GIVEN_MAX (1ull << 52) /* KVM's guests have 52 bits of physical address at most */
#define STACK_MAX (16 * MIB) /* glibc's are 8 MiB as a rule */
#define LIKE_SIZE_PART 8            /* or one that has this part of it */

static const char rule_given[] = "given with --ram";
static const char rule_dontfork[] = "QEMU RAM block (dontfork)";
static const char rule_block[] = "QEMU RAM block (guard page)";
static const char rule_dontfork_other[] = "marked dontfork, as VMMs mark guest RAM";
static const char rule_shared[] = "largest shared memory";
static const char rule_anon[] = "largest private anonymous memory";

/* What the first pass over the mappings found. */
struct ram_survey {
    uint64_t dontfork_bytes, shared_bytes, anon_bytes; /* of the largest of each kind */
    bool has_named;
    bool has_blocks;                 /* of QEMU */
    const struct ram_blocks *blocks; /* those, when the text is maps; else NULL */
};

const char *ram_rule_named(const char *text)
{
    static const char *const rules[] = {rule_given, ram_rule_memslot,    rule_dontfork,
                                        rule_block, rule_dontfork_other, rule_shared,
                                        rule_anon};

    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        if (strcmp(text, rules[i]) == 0)
            return rules[i];
    for (const struct vmm *vmm = vmm_table; vmm->name != NULL; vmm++)
        if (vmm->ram.rule != NULL && strcmp(text, vmm->ram.rule) == 0)
            return vmm->ram.rule;
    return "another rule";
}

bool ram_rule_is_block(const char *rule)
{
    return rule == rule_dontfork || rule == rule_block;
}

/* Could this be guest RAM at all? Heap, stacks, code and device memory could not. */
static bool is_candidate(const struct maps_entry *e)
{
    if ((e->flags & (MAPS_READ | MAPS_WRITE)) != (MAPS_READ | MAPS_WRITE) ||
        ram_mapping_is_device(e))
        return false;
    return e->name_len == 0 || e->name[0] != '[' || parse_maps_name_begins(e, "[anon:") ||
           parse_maps_name_begins(e, "[anon_shmem:");
}

/* A VMM may be called anything, so the name of the memory speaks for itself. */
static const char *named_rule(const struct maps_entry *e)
{
    for (const struct vmm *vmm = vmm_table; vmm->name != NULL; vmm++)
        if (vmm->ram.mapping != NULL && parse_maps_name_begins(e, vmm->ram.mapping))
            return vmm->ram.rule;
    return NULL;
}

static bool is_shared_memory(const struct maps_entry *e)
{
    enum ram_backing backing = ram_mapping_backing(e);
    return (backing == RAM_SHMEM && (e->flags & MAPS_SHARED)) || backing == RAM_HUGETLB ||
           (backing == RAM_FILE && (e->flags & MAPS_SHARED));
}

static void keep_max(uint64_t *max, uint64_t value)
{
    if (value > *max)
        *max = value;
}

static int survey(const char *text, size_t len, const char *vmm, const struct ram_blocks *blocks,
                  struct ram_survey *ret)
{
    struct maps_cursor cursor = parse_maps_begin(text, len);
    struct maps_entry e;
    int n;

    *ret = (struct ram_survey){.has_blocks = vmm_by_name(vmm)->has_ram_blocks, .blocks = blocks};
    while ((n = parse_maps_next(&cursor, &e)) > 0) {
        uint64_t bytes = e.end - e.start;
        if ((e.flags & MAPS_DONTFORK) && !ram_mapping_is_device(&e))
            keep_max(&ret->dontfork_bytes, bytes);
        if (!is_candidate(&e))
            continue;
        ret->has_named |= named_rule(&e) != NULL;
        if (is_shared_memory(&e))
            keep_max(&ret->shared_bytes, bytes);
        else
            keep_max(&ret->anon_bytes, bytes);
    }
    return n;
}

static bool is_like_size(uint64_t bytes, uint64_t largest)
{
    return bytes >= largest / LIKE_SIZE_PART || bytes >= LIKE_SIZE_BYTES;
}

/*
 * Each rule: does it apply to this process, and does this mapping belong? NULL text = no.
 * PROT_NONE blocks stay in under dontfork: QEMU reserves memory of virtio-mem devices so.
 */
typedef bool rule_applies_fn(const struct ram_survey *s);
typedef const char *rule_takes_fn(const struct ram_survey *s, const struct maps_entry *e,
                                  const struct maps_entry *fore);

static bool dontfork_applies(const struct ram_survey *s)
{
    uint64_t largest = s->anon_bytes > s->shared_bytes ? s->anon_bytes : s->shared_bytes;
    /* Other programs mark small buffers (RDMA): theirs must be the bulk of the memory. */
    return s->dontfork_bytes > 0 && (s->has_blocks || s->dontfork_bytes >= largest / 2);
}

static const char *dontfork_takes(const struct ram_survey *s, const struct maps_entry *e,
                                  const struct maps_entry *fore)
{
    (void)fore;
    if (!(e->flags & MAPS_DONTFORK))
        return NULL;
    return s->has_blocks ? rule_dontfork : rule_dontfork_other;
}

static bool block_applies(const struct ram_survey *s)
{
    return s->blocks != NULL;
}

static const char *block_takes(const struct ram_survey *s, const struct maps_entry *e,
                               const struct maps_entry *fore)
{
    (void)fore;
    /* BARs are RAM blocks as well, without a guard: to be counted as device memory */
    bool is_bar = parse_maps_name_begins(e, "/dev/vfio/") ||
                  parse_maps_name_begins(e, "anon_inode:[vfio-device]");

    return is_bar || ram_blocks_has(s->blocks, e->start) ? rule_block : NULL;
}

static bool named_applies(const struct ram_survey *s)
{
    return s->has_named;
}

static const char *named_takes(const struct ram_survey *s, const struct maps_entry *e,
                               const struct maps_entry *fore)
{
    (void)fore;
    (void)s;
    return is_candidate(e) ? named_rule(e) : NULL;
}

static bool shared_applies(const struct ram_survey *s)
{
    return s->shared_bytes > 0 && s->shared_bytes >= s->anon_bytes;
}

static const char *shared_takes(const struct ram_survey *s, const struct maps_entry *e,
                                const struct maps_entry *fore)
{
    (void)fore;
    if (!is_candidate(e) || !is_shared_memory(e))
        return NULL;
    return is_like_size(e->end - e->start, s->shared_bytes) ? rule_shared : NULL;
}

static bool anon_applies(const struct ram_survey *s)
{
    return s->anon_bytes > 0;
}

/* Beside a small guest the stacks of threads are large: each has its guard in front. */
static bool is_stack(const struct ram_survey *s, const struct maps_entry *e,
                     const struct maps_entry *fore)
{
    uint64_t bytes = e->end - e->start;
    bool is_guarded = fore->end == e->start && parse_maps_is_guard(fore);

    return is_guarded && bytes <= STACK_MAX && bytes < s->anon_bytes;
}

static const char *anon_takes(const struct ram_survey *s, const struct maps_entry *e,
                              const struct maps_entry *fore)
{
    if (!is_candidate(e) || is_shared_memory(e) || is_stack(s, e, fore))
        return NULL;
    return is_like_size(e->end - e->start, s->anon_bytes) ? rule_anon : NULL;
}

struct ram_rule {
    rule_applies_fn *applies;
    rule_takes_fn *takes;
};
static const struct ram_rule ram_rules[] = {
    {dontfork_applies, dontfork_takes},
    {block_applies, block_takes},
    {named_applies, named_takes},
    {shared_applies, shared_takes},
    {anon_applies, anon_takes},
};

static int add_part(struct ram_map *map, const struct maps_entry *e, uint64_t start, uint64_t end,
                    const char *rule)
{
    struct ram_region region = ram_mapping_part(e, start, end, rule);

    return ram_alias_add(map, &region);
}

static int add_unmapped(struct ram_map *map, uint64_t start, uint64_t end)
{
    struct ram_region region = {.start = start,
                                .bytes = end - start,
                                .page_bytes = RAM_PAGE_BYTES,
                                .skip = RAM_SKIP_UNMAPPED,
                                .rule = rule_given};
    return start < end ? ram_alias_add(map, &region) : 0;
}

/* One --ram range: the parts of all mappings inside, and the gaps between them. */
static int select_range(const char *text, size_t len, struct ram_range range, struct ram_map *map)
{
    struct maps_cursor cursor = parse_maps_begin(text, len);
    struct maps_entry e;
    uint64_t at = range.start;
    int n;

    while ((n = parse_maps_next(&cursor, &e)) > 0) {
        uint64_t start = e.start > at ? e.start : at;
        uint64_t end = e.end < range.end ? e.end : range.end;
        if (start >= end)
            continue;
        n = add_unmapped(map, at, start);
        if (n == 0)
            n = add_part(map, &e, start, end, rule_given);
        if (n < 0)
            return n;
        at = end;
    }
    return n < 0 ? n : add_unmapped(map, at, range.end);
}

static int select_given(const char *text, size_t len, const struct ram_range *given, size_t count,
                        struct ram_map *map, struct error *err)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (given[i].start < given[j].end && given[j].start < given[i].end)
                return error_set(err, -EINVAL, "the ranges given with --ram overlap");
        }
        bytes += given[i].end - given[i].start; /* they do not overlap: no overflow */
        if (bytes > RAM_GIVEN_MAX)
            return error_set(err, -EINVAL, "the ranges given with --ram are larger than any guest: "
                                           "more than 4 PiB");
        int n = select_range(text, len, given[i], map);
        if (n < 0)
            return n;
    }
    return 0;
}

static int select_by_rule(const char *text, size_t len, const struct ram_survey *s,
                          const struct ram_rule *rule, struct ram_map *map)
{
    struct maps_cursor cursor = parse_maps_begin(text, len);
    struct maps_entry e = {.end = 0}, fore;
    int n;

    while (fore = e, (n = parse_maps_next(&cursor, &e)) > 0) {
        const char *taken = rule->takes(s, &e, &fore);
        if (taken == NULL)
            continue;
        if (ram_mapping_is_device(&e)) {
            map->device_count++;
            continue;
        }
        n = add_part(map, &e, e.start, e.end, taken);
        if (n < 0)
            return n;
    }
    return n;
}

static int select_found(const char *text, size_t len, const char *vmm,
                        const struct ram_blocks *blocks, struct ram_map *map)
{
    struct ram_survey s;
    int n = survey(text, len, vmm, blocks, &s);

    for (size_t i = 0; n == 0 && i < sizeof(ram_rules) / sizeof(ram_rules[0]); i++) {
        if (map->count == 0 && ram_rules[i].applies(&s))
            n = select_by_rule(text, len, &s, &ram_rules[i], map);
    }
    return n;
}

static int select_regions(const char *text, size_t len, const char *vmm,
                          const struct ram_range *given, size_t given_count,
                          const struct ram_blocks *blocks, struct ram_map *ret, struct error *err)
{
    int n;

    *ret = (struct ram_map){0};
    if (given_count > 0)
        n = select_given(text, len, given, given_count, ret, err);
    else
        n = select_found(text, len, vmm, blocks, ret);
    if (n == 0 && ret->count == 0)
        n = error_set(err, -ENODATA, "no mapping of this process looks like guest RAM; "
                                     "--ram START-END names one");
    else if (n == -EBADMSG)
        error_set(err, n, "the list of mappings is not in the form that Linux gives it");
    else if (n == -ENOMEM)
        error_set(err, n, "out of memory");
    if (n < 0) {
        ram_map_done(ret);
        return n;
    }
    ram_alias_settle(ret);
    return 0;
}

int ram_select(const char *text, size_t len, const char *vmm, const struct ram_range *given,
               size_t given_count, struct ram_map *ret, struct error *err)
{
    return select_regions(text, len, vmm, given, given_count, NULL, ret, err);
}

/* Was all of the memory found, so that what was found can be trusted? */
static bool is_complete(const struct ram_blocks *blocks, const char *cmdline, size_t len)
{
    uint64_t configured = ram_blocks_configured(cmdline, len), other;

    return configured != 0 && !blocks->is_loose && !blocks->too_many &&
           ram_blocks_main(blocks, configured, &other) >= configured;
}

static bool has_named(const char *maps, size_t len, const char *vmm)
{
    struct ram_survey s;
    return survey(maps, len, vmm, NULL, &s) == 0 && s.has_named;
}

int ram_select_maps(const char *maps, size_t len, const char *cmdline, size_t cmdline_len,
                    const char *vmm, const struct ram_range *given, size_t given_count,
                    struct ram_map *ret)
{
    struct ram_blocks blocks = {0};
    bool has_blocks = vmm_by_name(vmm)->has_ram_blocks, is_certain;
    int n = 0;

    *ret = (struct ram_map){0};
    if (given_count > 0) {
        is_certain = true;
    } else if (has_blocks) {
        n = ram_blocks_find(maps, len, &blocks);
        is_certain = n == 0 && is_complete(&blocks, cmdline, cmdline_len);
    } else {
        is_certain = has_named(maps, len, vmm);
    }
    if (is_certain)
        n = select_regions(maps, len, vmm, given, given_count, has_blocks ? &blocks : NULL, ret,
                           NULL);
    ram_blocks_done(&blocks);
    return n < 0 || is_certain ? n : -ENODATA;
}
