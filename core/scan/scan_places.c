// SPDX-License-Identifier: MIT
/* Where in memory pages lie, in the order in which QEMU sends them. Pure. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/scan/scan_looks.h"

/* A run of regions without a gap between them: a RAM block, or a part of one. */
struct block {
    size_t first, count; /* of the regions by address */
    uint64_t start, bytes;
};

static int by_address(const void *left, const void *right)
{
    const struct scan_region *a = *(const struct scan_region *const *)left,
                             *b = *(const struct scan_region *const *)right;

    return (a->ram.start > b->ram.start) - (a->ram.start < b->ram.start);
}

/*
 * QEMU puts a new block behind those of its size, and asks the kernel for the memory of one after
 * the other, which hands it out downwards: of blocks of one size that at the highest address is
 * first (seen of QEMU 7.2 and 10, two NUMA nodes of one size).
 */
static int by_size(const void *left, const void *right)
{
    const struct block *a = left, *b = right;

    if (a->bytes != b->bytes)
        return a->bytes > b->bytes ? -1 : 1;
    return (a->start < b->start) - (a->start > b->start);
}

/*
 * Behind each block QEMU keeps a page without access, so what touches is of one block: mappings
 * that were parted by mbind(2) or madvise(2), and what different memslots show of it.
 */
static bool is_one_block(const struct ram_region *a, const struct ram_region *b)
{
    return a->start + a->bytes == b->start && a->inode == b->inode &&
           a->dev_major == b->dev_major && a->dev_minor == b->dev_minor &&
           (a->inode == 0 || a->file_offset + a->bytes == b->file_offset);
}

static size_t find_blocks(const struct scan_region *const *sorted, size_t count, struct block *ret)
{
    size_t n = 0;

    for (size_t i = 0; i < count; i++) {
        if (i == 0 || !is_one_block(&sorted[i - 1]->ram, &sorted[i]->ram))
            ret[n++] = (struct block){.first = i, .start = sorted[i]->ram.start};
        ret[n - 1].count++;
        ret[n - 1].bytes += sorted[i]->ram.bytes;
    }
    return n;
}

int scan_places_order(const struct scan_region *regions, size_t count, uint64_t *ret_first)
{
    const struct scan_region **sorted = malloc((count + 1) * sizeof(const struct scan_region *));
    struct block *blocks = calloc(count + 1, sizeof(*blocks));
    uint64_t page = 0;

    if (sorted == NULL || blocks == NULL) {
        free(sorted);
        free(blocks);
        return -ENOMEM;
    }
    for (size_t i = 0; i < count; i++)
        sorted[i] = &regions[i];
    qsort(sorted, count, sizeof(const struct scan_region *), by_address);
    size_t n = find_blocks(sorted, count, blocks);
    qsort(blocks, n, sizeof(*blocks), by_size);
    for (size_t b = 0; b < n; b++)
        for (size_t i = blocks[b].first; i < blocks[b].first + blocks[b].count; i++) {
            ret_first[sorted[i] - regions] = page;
            page += sorted[i]->ram.bytes / SCAN_PAGE_BYTES;
        }
    free(sorted);
    free(blocks);
    return 0;
}

/* The row of the first look that read place @i. */
static size_t first_read(const struct scan_looks *looks, size_t i)
{
    size_t row = 0, end = looks->looks * looks->room;

    while (row < end && looks->time_us[row + i] == 0)
        row += looks->room;
    return row;
}

void scan_places_fill(const struct scan_looks *looks, const struct scan_region *regions,
                      const uint64_t *first, uint64_t pages_total,
                      struct dirty_place ret[DIRTY_PLACES])
{
    memset(ret, 0, DIRTY_PLACES * sizeof(*ret));
    if (looks->looks < 2)
        return;
    size_t last = (looks->looks - 1) * looks->room;
    for (size_t i = 0; i < looks->count; i++) {
        const struct scan_place *place = &looks->places[i];
        size_t begin = first_read(looks, i);
        if (begin >= last || looks->time_us[last + i] == 0)
            continue;
        uint64_t page = first[place->region] +
                        (place->address - regions[place->region].ram.start) / SCAN_PAGE_BYTES;
        struct dirty_place *at = &ret[page * DIRTY_PLACES / pages_total];
        at->sampled++;
        at->changed += looks->hash[begin + i] != looks->hash[last + i];
    }
}
