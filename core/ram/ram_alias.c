// SPDX-License-Identifier: MIT
#include "core/ram/ram_alias.h"

#include <errno.h>
#include <stdlib.h>

/* Above that the map is settled, which halves it at least. */
#define REGIONS_HELD_MAX (2 * RAM_REGIONS_MAX)

bool ram_alias_is_view(const struct ram_region *r)
{
    return r->shared && r->inode != 0 && r->file_offset <= UINT64_MAX - r->bytes;
}

bool ram_alias_is_same_file(const struct ram_region *a, const struct ram_region *b)
{
    return a->inode == b->inode && a->dev_major == b->dev_major && a->dev_minor == b->dev_minor;
}

int ram_alias_compare(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

int ram_alias_compare_files(const struct ram_region *a, const struct ram_region *b)
{
    int order = (int)ram_alias_is_view(b) - (int)ram_alias_is_view(a);

    if (order == 0)
        order = ram_alias_compare(a->inode, b->inode);
    if (order == 0)
        order = ram_alias_compare(a->dev_major, b->dev_major);
    return order != 0 ? order : ram_alias_compare(a->dev_minor, b->dev_minor);
}

/* Views of one file stand together, by offset; of those that begin alike the longest is first. */
static int by_file(const void *left, const void *right)
{
    const struct ram_region *a = left, *b = right;
    int order = ram_alias_compare_files(a, b);

    if (order == 0)
        order = ram_alias_compare(a->file_offset, b->file_offset);
    if (order == 0)
        order = ram_alias_compare(b->bytes, a->bytes);
    return order != 0 ? order : ram_alias_compare(a->start, b->start);
}

int ram_alias_larger_first(const void *left, const void *right)
{
    const struct ram_region *a = left, *b = right;
    int order = ram_alias_compare(b->bytes, a->bytes);

    return order != 0 ? order : ram_alias_compare(a->start, b->start);
}

/*
 * Whatever covers a view begins before it in its file, or with it, and so is before it in the
 * order: the one that reaches furthest of those is enough to ask.
 */
static void drop_aliases(struct ram_map *map)
{
    const struct ram_region *furthest = NULL;
    size_t kept = 0;

    qsort(map->regions, map->count, sizeof(*map->regions), by_file);
    for (size_t i = 0; i < map->count; i++) {
        const struct ram_region *r = &map->regions[i];
        bool same = ram_alias_is_view(r) && furthest != NULL && ram_alias_is_same_file(furthest, r);
        if (same && r->file_offset + r->bytes <= furthest->file_offset + furthest->bytes) {
            map->alias_count++;
            continue;
        }
        map->regions[kept] = *r;
        furthest = ram_alias_is_view(r) ? &map->regions[kept] : NULL;
        kept++;
    }
    map->count = kept;
}

void ram_alias_settle(struct ram_map *map)
{
    if (map->count > 0) {
        drop_aliases(map);
        qsort(map->regions, map->count, sizeof(*map->regions), ram_alias_larger_first);
    }
    if (map->count > RAM_REGIONS_MAX) {
        map->count = RAM_REGIONS_MAX;
        map->too_many = true;
    }
    map->bytes = 0;
    map->uffd_count = 0;
    for (size_t i = 0; i < map->count; i++) {
        map->bytes += map->regions[i].bytes;
        map->uffd_count += map->regions[i].skip == RAM_SKIP_UFFD;
    }
}

int ram_alias_add(struct ram_map *map, const struct ram_region *region)
{
    if (map->count == REGIONS_HELD_MAX)
        ram_alias_settle(map);
    if ((map->count & (map->count - 1)) == 0) { /* full at every power of two */
        size_t cap = map->count == 0 ? 1 : map->count * 2;
        struct ram_region *grown = realloc(map->regions, cap * sizeof(*grown));
        if (grown == NULL)
            return -ENOMEM;
        map->regions = grown;
    }
    map->regions[map->count++] = *region;
    return 0;
}
