// SPDX-License-Identifier: MIT
#include "core/ram/ram_blocks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/ram/parse_maps.h"

#define MIB (1ull << 20)
#define GIB (1ull << 30)
#define BLOCK_ALIGN (2 * MIB) /* of anonymous blocks: so that they can have huge pages */
#define LIBRARY_DATA_MAX (16 * MIB)
#define ARENA_ALIGN (64 * MIB) /* a heap of malloc ends in inaccessible memory too, but here */
/* smaller blocks beside the main memory are video memory and firmware */
#define HOTPLUG_MIN (128 * MIB)

static bool begins_with_one_of(const struct maps_entry *e, const char *const *names)
{
    while (*names != NULL && !parse_maps_name_begins(e, *names))
        names++;
    return *names != NULL;
}

/*
 * May this be memory of the guest at all? Not a display's surface, which is a memfd too, and not a
 * device. Of what may only be read, NVDIMMs are.
 */
static bool may_be_memory(const struct maps_entry *e)
{
    static const char *const memory[] = {"/dev/shm/", "/dev/hugepages", "/dev/zero", NULL};
    static const char *const other[] = {"/memfd:displaysurface", "/dev/", "anon_inode:", NULL};

    if ((e->flags & (MAPS_READ | MAPS_EXEC)) != MAPS_READ)
        return false;
    if (e->inode != 0)
        return begins_with_one_of(e, memory) || !begins_with_one_of(e, other);
    return (e->flags & MAPS_WRITE) != 0 &&
           (e->name_len == 0 || e->name[0] != '[' || parse_maps_name_begins(e, "[anon"));
}

/* The data of a library is a private mapping of a file too, but small. */
static bool begins_like_block(const struct maps_entry *e)
{
    bool is_anon = e->inode == 0 || (parse_maps_name_begins(e, "/memfd:") &&
                                     !parse_maps_name_begins(e, "/memfd:memory-backend"));

    if (is_anon) /* or the memfd that stands for such memory under aux-ram-share=on */
        return e->start % BLOCK_ALIGN == 0;
    if ((e->flags & MAPS_SHARED) != 0)
        return true;
    return (e->flags & MAPS_WRITE) != 0 &&
           (parse_maps_name_begins(e, "/memfd:") || e->end - e->start >= LIBRARY_DATA_MAX);
}

/* Mappings in order of their addresses. */
struct walk {
    struct maps_entry fore, at, next; /* @next.end 0: there is none */
    uint64_t loose_bytes;             /* adjacent memory before @at that is in no block */
};

static bool is_adjacent(const struct maps_entry *a, const struct maps_entry *b)
{
    return a->end == b->start && a->end != 0;
}

static bool is_block(const struct ram_blocks *blocks, const struct walk *w)
{
    const struct maps_entry *e = &w->at;
    bool is_arena = e->start % ARENA_ALIGN == 0 && w->next.end % ARENA_ALIGN == 0;
    bool follows_block = blocks->count > 0 && blocks->at[blocks->count - 1].end == w->fore.start;
    bool is_stack = is_adjacent(&w->fore, e) && parse_maps_is_guard(&w->fore) && !follows_block;
    bool goes_on = is_adjacent(&w->fore, e) && e->inode != 0 && w->fore.inode == e->inode;

    return is_adjacent(e, &w->next) && parse_maps_is_guard(&w->next) && !is_arena && !is_stack &&
           !goes_on && may_be_memory(e) && begins_like_block(e);
}

/*
 * A block that the kernel holds in several parts has its guard behind the last one only. QEMU maps
 * poisoned pages anew, which splits a block so. Memory as large as a DIMM that is in no block may
 * be of such a one.
 */
static bool is_loose(struct walk *w)
{
    const struct maps_entry *e = &w->at;
    bool is_end = is_adjacent(e, &w->next) && parse_maps_is_guard(&w->next);
    bool may_be = may_be_memory(e) && ((e->flags & MAPS_WRITE) != 0 || is_end);
    bool goes_on = w->loose_bytes > 0 && is_adjacent(&w->fore, e) && w->fore.inode == e->inode;
    bool begins = e->inode != 0 || e->start % BLOCK_ALIGN == 0;

    w->loose_bytes = !may_be || (!goes_on && !begins) ? 0
                     : e->end - e->start + (goes_on ? w->loose_bytes : 0);
    return w->loose_bytes >= HOTPLUG_MIN;
}

static int add_block(struct ram_blocks *blocks, const struct maps_entry *e)
{
    if (blocks->count == RAM_BLOCKS_MAX) {
        blocks->too_many = true;
        return 0;
    }
    if ((blocks->count & (blocks->count - 1)) == 0) { /* full at every power of two */
        size_t cap = blocks->count == 0 ? 1 : blocks->count * 2;
        struct ram_block *grown = realloc(blocks->at, cap * sizeof(*grown));
        if (grown == NULL)
            return -ENOMEM;
        blocks->at = grown;
    }
    blocks->at[blocks->count++] = (struct ram_block){e->start, e->end, e->inode == 0};
    return 0;
}

static int take_mapping(struct ram_blocks *blocks, struct walk *w)
{
    if (is_block(blocks, w))
        return add_block(blocks, &w->at);
    blocks->is_loose |= is_loose(w);
    return 0;
}

int ram_blocks_find(const char *maps, size_t len, struct ram_blocks *ret)
{
    struct maps_cursor cursor = parse_maps_begin(maps, len);
    struct walk w = {.loose_bytes = 0};
    int n, more;

    *ret = (struct ram_blocks){0};
    do {
        w.fore = w.at;
        w.at = w.next;
        w.next.end = 0;
        more = parse_maps_next(&cursor, &w.next);
        n = w.at.end != 0 ? take_mapping(ret, &w) : 0;
    } while (n == 0 && more > 0);
    return n < 0 ? n : more;
}

void ram_blocks_done(struct ram_blocks *blocks)
{
    free(blocks->at);
    *blocks = (struct ram_blocks){0};
}

bool ram_blocks_has(const struct ram_blocks *blocks, uint64_t start)
{
    size_t low = 0, high = blocks->count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (blocks->at[middle].start < start)
            low = middle + 1;
        else
            high = middle;
    }
    return low < blocks->count && blocks->at[low].start == start;
}

/* "16G", "1.5g", "512" (MiB), as QEMU reads sizes. 0 = no size. */
static uint64_t parse_size(const char *text)
{
    static const char suffixes[] = "bkmgtpe";
    char *end;
    double value = strtod(text, &end);
    double unit = (double)MIB;

    if (end == text || !(value > 0))
        return 0;
    if (*end != '\0' && *end != ',') {
        const char *at = strchr(suffixes, *end | 0x20);
        if (at == NULL || (end[1] != '\0' && end[1] != ','))
            return 0;
        unit = (double)(1ull << (10 * (at - suffixes)));
    }
    value *= unit;
    return value < 9e18 ? (uint64_t)value : 0;
}

/* The value of "size=" in a list of options, or its first, nameless one. */
static uint64_t parse_memory_option(const char *value)
{
    const char *size = strstr(value, "size=");

    if (size != NULL && (size == value || size[-1] == ','))
        return parse_size(size + strlen("size="));
    return parse_size(value);
}

uint64_t ram_blocks_configured(const char *cmdline, size_t len)
{
    uint64_t bytes = 0; /* the last -m wins */
    const char *end = cmdline + len;

    for (const char *arg = cmdline; cmdline != NULL && arg < end;) {
        const char *stop = memchr(arg, '\0', (size_t)(end - arg));
        if (stop == NULL || stop + 1 >= end)
            break;
        const char *next = stop + 1;
        if (memchr(next, '\0', (size_t)(end - next)) == NULL)
            break;
        if (strcmp(arg, "-m") == 0 || strcmp(arg, "--m") == 0)
            bytes = parse_memory_option(next);
        arg = next;
    }
    return bytes;
}

static uint64_t round_up(uint64_t value, uint64_t unit)
{
    return (value + unit - 1) / unit * unit;
}

static uint64_t size_of(const struct ram_block *b)
{
    return b->end - b->start;
}

static int larger_first(const void *left, const void *right)
{
    uint64_t a = size_of(left), b = size_of(right);
    return a < b ? 1 : a > b ? -1 : 0;
}

uint64_t ram_blocks_main(const struct ram_blocks *blocks, uint64_t configured, uint64_t *ret_other)
{
    uint64_t main_bytes = 0;
    struct ram_block *sorted = malloc(blocks->count * sizeof(*sorted) + 1);

    *ret_other = 0;
    if (sorted == NULL)
        return 0;
    if (blocks->count > 0)
        memcpy(sorted, blocks->at, blocks->count * sizeof(*sorted));
    qsort(sorted, blocks->count, sizeof(*sorted), larger_first);
    for (size_t i = 0; i < blocks->count; i++) {
        const struct ram_block *b = &sorted[i];
        uint64_t left = configured > main_bytes ? configured - main_bytes : 0;
        bool fits = left > 0 && size_of(b) <= round_up(left, b->anon ? 2 * MIB : GIB);
        bool is_main = configured == 0 ? i == 0 : fits;
        if (is_main)
            main_bytes += size_of(b);
        else if (size_of(b) >= HOTPLUG_MIN)
            *ret_other += size_of(b);
    }
    free(sorted);
    return main_bytes;
}
