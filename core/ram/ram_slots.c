// SPDX-License-Identifier: MIT
/*
 * Guest RAM by KVM's memslots, see core/ram/ram.h.
 *
 * Source: virt/kvm/kvm_main.c, arch/x86/include/asm/kvm_host.h (KVM_INTERNAL_MEM_SLOTS).
 */
#include "core/ram/ram.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <linux/kvm.h>

#include "core/model/vmm.h"
#include "core/ram/parse_maps.h"
#include "core/ram/ram_alias.h"
#include "core/ram/ram_mapping.h"
#include "core/ram/ram_spans.h"

#define ADDRESS_END (1ull << 57) /* five levels of page tables */
#define GFN_END     (1ull << 40) /* 52 bits of guest physical address */
/* Parts before they are settled; a VMM may cut its memory into more than anybody would look at. */
#define PARTS_MAX (8 * RAM_REGIONS_MAX)

#ifdef __x86_64__
#define SLOT_IDS_END 32764 /* KVM_USER_MEM_SLOTS: above are three of KVM's own */
#else
#define SLOT_IDS_END 32767
#endif

const char ram_rule_memslot[] = "memslot";

/* Whose a page is, when several have it: see ram.h. */
enum {
    RANK_SLOTLESS = 63,
    RANK_OTHER_SPACE = 62,
    RANK_ROM = 61,
};

static bool is_rom(const struct kvm_bpf_slot *slot)
{
    return (slot->flags & KVM_MEM_READONLY) != 0;
}

static bool is_usable(const struct kvm_bpf_slot *slot)
{
    return slot->id < SLOT_IDS_END && slot->pages > 0 && slot->user_start % RAM_PAGE_BYTES == 0 &&
           slot->user_start < ADDRESS_END && slot->gfn < GFN_END &&
           slot->pages <= (ADDRESS_END - slot->user_start) / RAM_PAGE_BYTES &&
           slot->pages <= GFN_END - slot->gfn;
}

static uint64_t rank_of(bool is_other_space, bool rom, uint64_t gfn)
{
    return (uint64_t)is_other_space << RANK_OTHER_SPACE | (uint64_t)rom << RANK_ROM | gfn;
}

/* Which slot has which addresses of the VMM; *@ret to be freed. 0 or -ENOMEM. */
static int settle_slots(const struct kvm_bpf_slot *slots, size_t count, struct ram_span **ret,
                        size_t *ret_count)
{
    struct ram_span *spans = malloc(count * sizeof(*spans) + 1);
    size_t n = 0;

    if (spans == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        const struct kvm_bpf_slot *slot = &slots[i];
        if (is_usable(slot))
            spans[n++] = (struct ram_span){
                .start = slot->user_start,
                .end = slot->user_start + slot->pages * RAM_PAGE_BYTES,
                .rank = rank_of(slot->space != 0, is_rom(slot), slot->gfn),
                .of = i,
            };
    }
    int result = ram_spans_settle(spans, n, ret, ret_count);
    free(spans);
    return result;
}

/* --- mappings and slots become parts ---------------------------------------------------------- */

struct cut {
    const struct kvm_bpf_slot *slots;
    const struct ram_span *pieces; /* of the VMM's addresses, each of one slot */
    size_t piece_count, piece;     /* the first that does not end before where we are */
    struct ram_map *map;
    size_t cap;
    uint64_t rss_left; /* of the mapping */
};

static bool is_continued(const struct ram_region *a, const struct ram_region *b)
{
    return a->start + a->bytes == b->start && a->map_start == b->map_start && a->rule == b->rule &&
           a->skip == b->skip && a->is_rom == b->is_rom && a->has_gfn == b->has_gfn &&
           (!a->has_gfn || a->gfn + a->bytes / RAM_PAGE_BYTES == b->gfn);
}

static int add_region(struct cut *c, const struct ram_region *region)
{
    struct ram_map *map = c->map;
    struct ram_region *last = map->count > 0 ? &map->regions[map->count - 1] : NULL;

    if (last != NULL && is_continued(last, region)) {
        last->bytes += region->bytes;
        last->rss_bytes += region->rss_bytes;
        return 0;
    }
    if (map->count == PARTS_MAX) {
        map->too_many = true;
        return 0;
    }
    if (map->regions == NULL || map->count == c->cap) {
        size_t cap = c->cap == 0 ? 16 : c->cap * 2;
        struct ram_region *grown = realloc(map->regions, cap * sizeof(*grown));
        if (grown == NULL)
            return -ENOMEM;
        map->regions = grown;
        c->cap = cap;
    }
    map->regions[map->count++] = *region;
    return 0;
}

/* [@start, @end) of @e, NULL: of no mapping. @slot NULL: of a block, and no slot has it. */
static int add_part(struct cut *c, const struct maps_entry *e, uint64_t start, uint64_t end,
                    const struct kvm_bpf_slot *slot, const char *rule)
{
    struct ram_region region = {.start = start, .bytes = end - start, .page_bytes = RAM_PAGE_BYTES,
                                .skip = RAM_SKIP_UNMAPPED, .rule = rule};

    if (e != NULL)
        region = ram_mapping_part(e, start, end, rule);
    if (region.rss_bytes > c->rss_left)
        region.rss_bytes = c->rss_left;
    c->rss_left -= region.rss_bytes;
    if (slot != NULL) {
        region.has_gfn = slot->space == 0;
        region.gfn = region.has_gfn ? slot->gfn + (start - slot->user_start) / RAM_PAGE_BYTES : 0;
        region.is_rom = is_rom(slot);
        region.skip = slot->is_private && e != NULL ? RAM_SKIP_PRIVATE : region.skip;
    }
    return add_region(c, &region);
}

/*
 * What slots have of [@start, @end), one mapping or a gap between two. @whole: the rule that takes
 * all of that mapping; NULL: none does.
 */
static int cut_range(struct cut *c, const struct maps_entry *e, uint64_t start, uint64_t end,
                     const char *whole)
{
    bool is_device = e != NULL && ram_mapping_is_device(e);
    uint64_t at = start;
    int n = 0;

    while (c->piece < c->piece_count && c->pieces[c->piece].end <= start)
        c->piece++;
    c->rss_left = e != NULL ? e->rss_bytes : 0;
    for (size_t i = c->piece; n == 0 && i < c->piece_count && c->pieces[i].start < end; i++) {
        const struct ram_span *piece = &c->pieces[i];
        uint64_t from = piece->start > start ? piece->start : start;
        uint64_t to = piece->end < end ? piece->end : end;
        if (is_device) { /* seen once */
            c->map->device_count++;
            return 0;
        }
        if (whole != NULL && at < from)
            n = add_part(c, e, at, from, NULL, whole);
        if (n == 0)
            n = add_part(c, e, from, to, &c->slots[piece->of], ram_rule_memslot);
        at = to;
    }
    if (n == 0 && whole != NULL && at < end)
        n = add_part(c, e, at, end, NULL, whole);
    return n;
}

static int lower_address(const void *left, const void *right)
{
    const struct ram_region *a = left, *b = right;

    return (a->start > b->start) - (a->start < b->start);
}

/* @blocks: mappings that are in as a whole, by address. */
static int cut_all(struct cut *c, const char *text, size_t len, const struct ram_map *blocks)
{
    struct maps_cursor cursor = parse_maps_begin(text, len);
    struct maps_entry e;
    uint64_t at = 0;
    size_t block = 0;
    int n;

    while ((n = parse_maps_next(&cursor, &e)) > 0) {
        while (block < blocks->count && blocks->regions[block].start < e.start)
            block++;
        bool is_block = block < blocks->count && blocks->regions[block].start == e.start;
        n = e.start > at ? cut_range(c, NULL, at, e.start, NULL) : 0;
        if (n == 0)
            n = cut_range(c, &e, e.start, e.end, is_block ? blocks->regions[block].rule : NULL);
        if (n < 0)
            return n;
        at = e.end;
    }
    return n < 0 || at >= ADDRESS_END ? n : cut_range(c, NULL, at, ADDRESS_END, NULL);
}

/* --- one page of a file through several mappings ---------------------------------------------- */

/* Views of one file stand together; what is none is last. */
static int by_file(const void *left, const void *right)
{
    const struct ram_region *a = left, *b = right;
    int order = ram_alias_compare_files(a, b);

    return order != 0 ? order : ram_alias_compare(a->start, b->start);
}

static uint64_t rank_region(const struct ram_region *r)
{
    bool has_slot = r->rule == ram_rule_memslot;

    return has_slot ? rank_of(!r->has_gfn, r->is_rom, r->gfn) : 1ull << RANK_SLOTLESS;
}

/* [@start, @end) of its file. */
static struct ram_region part_of_view(const struct ram_region *r, uint64_t start, uint64_t end)
{
    struct ram_region part = *r;
    uint64_t skipped = start - r->file_offset;

    part.start += skipped;
    part.file_offset = start;
    part.bytes = end - start;
    part.gfn += part.has_gfn ? skipped / RAM_PAGE_BYTES : 0;
    part.rss_bytes = r->rss_bytes < part.bytes ? r->rss_bytes : part.bytes;
    return part;
}

/* The views @r[@count] of one file, each page of it once. */
static int add_views(struct cut *to, const struct ram_region *r, size_t count)
{
    struct ram_span *spans = malloc(count * sizeof(*spans)), *pieces = NULL;
    bool *is_in = calloc(count, sizeof(*is_in));
    size_t piece_count = 0;
    int n = spans == NULL || is_in == NULL ? -ENOMEM : 0;

    for (size_t i = 0; n == 0 && i < count; i++)
        spans[i] = (struct ram_span){.start = r[i].file_offset,
                                     .end = r[i].file_offset + r[i].bytes,
                                     .rank = rank_region(&r[i]),
                                     .of = i};
    if (n == 0)
        n = ram_spans_settle(spans, count, &pieces, &piece_count);
    for (size_t i = 0; n == 0 && i < piece_count; i++) {
        struct ram_region part = part_of_view(&r[pieces[i].of], pieces[i].start, pieces[i].end);
        is_in[pieces[i].of] = true;
        n = add_region(to, &part);
    }
    for (size_t i = 0; n == 0 && i < count; i++)
        to->map->alias_count += !is_in[i];
    free(spans);
    free(pieces);
    free(is_in);
    return n;
}

static int settle_views(struct ram_map *map)
{
    struct ram_map once = {0};
    struct cut to = {.map = &once};
    int n = 0;

    if (map->count > 0)
        qsort(map->regions, map->count, sizeof(*map->regions), by_file);
    for (size_t i = 0, count; n == 0 && i < map->count; i += count) {
        const struct ram_region *r = &map->regions[i];
        count = 1;
        while (ram_alias_is_view(r) && i + count < map->count && ram_alias_is_view(&r[count]) &&
               ram_alias_is_same_file(r, &r[count]))
            count++;
        n = count > 1 ? add_views(&to, r, count) : add_region(&to, r);
    }
    free(map->regions);
    map->regions = once.regions;
    map->count = once.count;
    map->alias_count += once.alias_count;
    map->too_many |= once.too_many;
    return n;
}

/* --- the map ---------------------------------------------------------------------------------- */

/* As the guest sees them; what it does not see last. */
static int guest_order(const void *left, const void *right)
{
    const struct ram_region *a = left, *b = right;
    int order = (int)b->has_gfn - (int)a->has_gfn;

    if (order == 0)
        order = ram_alias_compare(a->gfn, b->gfn);
    return order != 0 ? order : ram_alias_compare(a->start, b->start);
}

/* Memory of a guest address is that of one slot. Who says otherwise is not believed. */
static void order_for_guest(struct ram_map *map)
{
    uint64_t end = 0;
    bool is_good = true;

    qsort(map->regions, map->count, sizeof(*map->regions), guest_order);
    for (size_t i = 0; i < map->count; i++) {
        struct ram_region *r = &map->regions[i];
        if (!r->has_gfn)
            break;
        if (r->gfn >= end) {
            end = r->gfn + r->bytes / RAM_PAGE_BYTES;
            continue;
        }
        r->has_gfn = is_good = false;
        r->gfn = 0;
    }
    if (!is_good)
        qsort(map->regions, map->count, sizeof(*map->regions), guest_order);
}

static void sum_up(struct ram_map *map)
{
    for (size_t i = 0; i < map->count; i++) {
        const struct ram_region *r = &map->regions[i];
        bool has_slot = r->rule == ram_rule_memslot;
        map->bytes += r->bytes;
        map->uffd_count += r->skip == RAM_SKIP_UFFD;
        map->private_count += r->skip == RAM_SKIP_PRIVATE;
        map->rom_bytes += r->is_rom ? r->bytes : 0;
        map->ram_bytes += has_slot && !r->is_rom ? r->bytes : 0;
        map->slotless_bytes += has_slot ? 0 : r->bytes;
    }
}

static int finish(struct ram_map *map)
{
    int n = settle_views(map);

    if (n < 0)
        return n;
    if (map->count > RAM_REGIONS_MAX) {
        qsort(map->regions, map->count, sizeof(*map->regions), ram_alias_larger_first);
        map->count = RAM_REGIONS_MAX;
        map->too_many = true;
    }
    if (map->count > 0)
        order_for_guest(map);
    map->has_slots = true;
    sum_up(map);
    return map->count > 0 ? 0 : -ENODATA;
}

/* @blocks: of QEMU; it becomes void of order. */
static int select_slots(const char *text, size_t len, const struct ram_slots *slots,
                        struct ram_map *blocks, struct ram_map *ret)
{
    struct ram_span *pieces = NULL;
    struct cut c = {.slots = slots->at, .map = ret};

    *ret = (struct ram_map){.alias_count = blocks->alias_count};
    if (blocks->count > 0)
        qsort(blocks->regions, blocks->count, sizeof(*blocks->regions), lower_address);
    int n = settle_slots(slots->at, slots->count, &pieces, &c.piece_count);
    c.pieces = pieces;
    if (n == 0)
        n = cut_all(&c, text, len, blocks);
    if (n == 0)
        n = finish(ret);
    if (blocks->device_count > ret->device_count) /* BARs that no slot shows now */
        ret->device_count = blocks->device_count;
    free(pieces);
    if (n < 0)
        ram_map_done(ret);
    return n;
}

static bool has_blocks(const char *vmm, const struct ram_slots *slots)
{
    return slots->is_only_vm && vmm_by_name(vmm)->has_ram_blocks;
}

/* Only what is certain to be a block, and all of it. */
static void keep_blocks(struct ram_map *blocks)
{
    if (blocks->count > 0 && !ram_rule_is_block(blocks->regions[0].rule))
        ram_map_done(blocks);
}

int ram_slots_select(const char *smaps, size_t len, const char *vmm, const struct ram_slots *slots,
                     struct ram_map *ret, struct error *err)
{
    struct ram_map blocks = {0};

    if (has_blocks(vmm, slots) && ram_select(smaps, len, vmm, NULL, 0, &blocks, NULL) == 0)
        keep_blocks(&blocks);
    int n = select_slots(smaps, len, slots, &blocks, ret);
    ram_map_done(&blocks);
    if (n == -ENODATA)
        error_set(err, n, "KVM knows no memory of this VM yet");
    else if (n == -EBADMSG)
        error_set(err, n, "the list of mappings is not in the form that Linux gives it");
    else if (n == -ENOMEM)
        error_set(err, n, "out of memory");
    return n;
}

int ram_slots_select_maps(const char *maps, size_t len, const char *cmdline, size_t cmdline_len,
                          const char *vmm, const struct ram_slots *slots, struct ram_map *ret)
{
    struct ram_map blocks = {0};
    int n = 0;

    if (has_blocks(vmm, slots))
        n = ram_select_maps(maps, len, cmdline, cmdline_len, vmm, NULL, 0, &blocks);
    if (n == 0)
        n = select_slots(maps, len, slots, &blocks, ret);
    ram_map_done(&blocks);
    return n;
}

static bool differ(const struct kvm_bpf_slot *a, const struct kvm_bpf_slot *b)
{
    return a->gfn != b->gfn || a->pages != b->pages || a->user_start != b->user_start ||
           a->space != b->space || is_rom(a) != is_rom(b) || a->is_private != b->is_private;
}

bool ram_slots_differ(const struct kvm_bpf_slots *a, const struct kvm_bpf_slots *b)
{
    bool same = a->count == b->count && a->is_own_mm == b->is_own_mm;

    for (size_t i = 0; same && i < a->count; i++)
        same = !differ(&a->slots[i], &b->slots[i]);
    return !same;
}
