// SPDX-License-Identifier: MIT
/*
 * Whether the RAM of a guest is still where it was found: from maps, which needs no walk of page
 * tables.
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/ram/parse_maps.h"
#include "core/ram/ram.h"

#define LARGE_BYTES (128ull << 20) /* the smallest DIMM that an x86 guest can take */
#define MAPS_MAX (32ull << 20)

uint64_t ram_large_bytes(const char *text, size_t len)
{
    struct maps_cursor cursor = parse_maps_begin(text, len);
    struct maps_entry e;
    uint64_t bytes = 0;

    while (parse_maps_next(&cursor, &e) > 0) {
        bool may_be_memory = (e.flags & MAPS_READ) && (e.flags & MAPS_WRITE);
        if (may_be_memory && e.end - e.start >= LARGE_BYTES)
            bytes += e.end - e.start;
    }
    return bytes;
}

static int lower_first(const void *left, const void *right)
{
    const struct ram_region *a = *(const struct ram_region *const *)left,
                            *b = *(const struct ram_region *const *)right;
    return a->start < b->start ? -1 : a->start > b->start;
}

/* Is the region a part of this mapping, which ends behind its start, and of the same file? */
static bool is_within(const struct ram_region *r, const struct maps_entry *e)
{
    return e->start <= r->start && r->start + r->bytes <= e->end && e->inode == r->inode &&
           (r->inode == 0 || e->offset + (r->start - e->start) == r->file_offset);
}

/* @order: by address. Both lists ascend, so each mapping is looked at once. */
static bool all_are_there(const struct ram_region *const *order, size_t count, const char *maps,
                          size_t len)
{
    struct maps_cursor cursor = parse_maps_begin(maps, len);
    struct maps_entry e = {.end = 0};
    int n = 1;

    for (size_t i = 0; i < count; i++) {
        const struct ram_region *r = order[i];
        while (n > 0 && e.end <= r->start)
            n = parse_maps_next(&cursor, &e);
        bool overlaps = n > 0 && e.start < r->start + r->bytes;
        if (r->skip == RAM_SKIP_UNMAPPED ? overlaps : !overlaps || !is_within(r, &e))
            return false;
    }
    return true;
}

bool ram_changed_in(const char *maps, size_t len, const struct ram_map *map)
{
    const struct ram_region **order = malloc(map->count * sizeof(*order) + 1);

    if (order == NULL)
        return false;
    for (size_t i = 0; i < map->count; i++)
        order[i] = &map->regions[i];
    qsort(order, map->count, sizeof(*order), lower_first);
    bool same = all_are_there(order, map->count, maps, len) &&
                (map->is_given || ram_large_bytes(maps, len) == map->large_bytes);
    free(order);
    return !same;
}

bool ram_changed(const struct rootfs *root, pid_t pid, const struct ram_map *map)
{
    char path[64];
    char *maps;
    size_t len;

    snprintf(path, sizeof(path), "proc/%d/maps", (int)pid);
    if (rootfs_read_all(root, path, MAPS_MAX, &maps, &len) < 0)
        return false;
    bool changed = ram_changed_in(maps, len, map);
    free(maps);
    return changed;
}
