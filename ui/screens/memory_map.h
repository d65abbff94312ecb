/* SPDX-License-Identifier: MIT */
/*
 * What lies where in the map of a guest's memory: from the regions of a scan to the cells of the
 * Memory tab.
 *
 * Where memslots are known the map is in the order of guest-physical addresses, with its holes.
 * Those between RAM and devices of 64 bits may be a thousand times as large as the RAM, so none
 * takes more of the map than an eighth of what the RAM takes, and all together no more than the
 * RAM. Memory that the guest does not see comes last. Else pages are in the order of the regions,
 * without holes.
 *
 * Pure. Nothing is allocated: whoever draws asks for one cell after the other.
 */
#ifndef KVMLENS_UI_SCREENS_MEMORY_MAP_H
#define KVMLENS_UI_SCREENS_MEMORY_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/scan/scan.h"

struct memory_map {
    const struct scan_report *report;
    size_t cells;
    size_t next;           /* cell */
    size_t region;         /* where we are: the region that is not behind us yet, */
    uint64_t region_at;    /* where in the map it begins, its hole included, */
    uint64_t region_page;  /* how many pages are before it, */
    uint64_t before_end;   /* and the gfn behind the one before it */
    uint64_t hole_most;    /* no hole is longer in the map */
    uint64_t length;       /* of the map: pages, holes, and what rounds the last row up */
    size_t cols;           /* of memory_map_rows: cells of a row, */
    uint64_t row_pages;    /* and its length */
};

struct memory_cell {
    uint64_t first, end; /* pages of all pages_total, in report order; equal: a hole */
    bool has_address;
    uint64_t address;    /* of its beginning, guest-physical where slots are known */
};

/* memory_map_begin - @report is borrowed. @cells: at least 1. */
struct memory_map memory_map_begin(const struct scan_report *report, size_t cells);

/*
 * memory_map_rows - the same as at most @rows rows of @cols cells, each at least 1. Rows begin at
 * round numbers: their length is 1, 1.25 or 1.5 times a power of two. Behind the last page are
 * cells whose first is pages_total. No more rows than make a cell of a slice.
 */
struct memory_map memory_map_rows(const struct scan_report *report, size_t rows, size_t cols);

/* memory_map_next - the next of the cells. */
struct memory_cell memory_map_next(struct memory_map *map);

/* memory_map_hole_pages - between the first and the last page that the guest sees. */
uint64_t memory_map_hole_pages(const struct scan_report *report);

#endif
