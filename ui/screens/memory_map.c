// SPDX-License-Identifier: MIT
#include "ui/screens/memory_map.h"

#define HOLE_PART 8 /* of the RAM: the most that a hole takes in the map */

static uint64_t pages_of(const struct ram_region *ram)
{
    return ram->bytes / SCAN_PAGE_BYTES;
}

/* Before a region that begins behind @before_end; what the guest does not see has none. */
static uint64_t hole_before(const struct ram_region *ram, uint64_t before_end)
{
    return ram->has_gfn && ram->gfn > before_end ? ram->gfn - before_end : 0;
}

static uint64_t end_of(const struct ram_region *ram, uint64_t before_end)
{
    return ram->has_gfn ? ram->gfn + pages_of(ram) : before_end;
}

uint64_t memory_map_hole_pages(const struct scan_report *report)
{
    uint64_t pages = 0, end = 0;

    for (size_t i = 0; report->has_slots && i < report->region_count; i++) {
        const struct ram_region *ram = &report->regions[i].ram;
        pages += hole_before(ram, end);
        end = end_of(ram, end);
    }
    return pages;
}

static uint64_t shown(uint64_t hole, uint64_t most)
{
    return hole < most ? hole : most;
}

struct memory_map memory_map_begin(const struct scan_report *report, size_t cells)
{
    struct memory_map map = {.report = report, .cells = cells, .length = report->pages_total};
    uint64_t end = 0, holes = 0;

    if (!report->has_slots)
        return map;
    for (size_t i = 0; i < report->region_count; i++) {
        holes += hole_before(&report->regions[i].ram, end) > 0;
        end = end_of(&report->regions[i].ram, end);
    }
    map.hole_most = report->pages_total / (holes > HOLE_PART ? holes : HOLE_PART);
    end = 0;
    for (size_t i = 0; i < report->region_count; i++) {
        const struct ram_region *ram = &report->regions[i].ram;
        map.length += shown(hole_before(ram, end), map.hole_most);
        end = end_of(ram, end);
    }
    return map;
}

/* Is it a whole number of halves of the largest unit that is not above it? */
static bool is_round(uint64_t bytes)
{
    uint64_t unit = 1024;

    while (unit <= bytes / 1024)
        unit *= 1024;
    return bytes % (unit / 2) == 0;
}

/* The least length of a row that is round and has room for @pages. */
static uint64_t round_up(uint64_t pages)
{
    static const uint64_t quarters[] = {4, 5, 6};

    for (uint64_t power = 1;; power *= 2)
        for (size_t i = 0; i < sizeof(quarters) / sizeof(quarters[0]); i++) {
            uint64_t length = quarters[i] * power;
            if (length >= pages && is_round(length * SCAN_PAGE_BYTES))
                return length;
        }
}

struct memory_map memory_map_rows(const struct scan_report *report, size_t rows, size_t cols)
{
    struct memory_map map = memory_map_begin(report, 1);
    size_t most = (report->slice_count + cols - 1) / cols;

    if (rows > most)
        rows = most > 0 ? most : 1;
    map.cols = cols;
    map.row_pages = round_up((map.length + rows - 1) / rows);
    if (map.row_pages < cols)
        map.row_pages = cols; /* no cell without a page */
    rows = (size_t)((map.length + map.row_pages - 1) / map.row_pages);
    map.cells = rows * cols;
    map.length = rows * map.row_pages;
    return map;
}

/* The page at place @at of the map, or the one behind the hole there; places only ascend. */
static uint64_t page_at(struct memory_map *m, uint64_t at, struct memory_cell *ret)
{
    const struct scan_report *r = m->report;

    for (; m->region < r->region_count; m->region++) {
        const struct ram_region *ram = &r->regions[m->region].ram;
        uint64_t hole = hole_before(ram, m->before_end), hole_shown = shown(hole, m->hole_most);
        uint64_t offset = at - m->region_at;
        if (offset < hole_shown + pages_of(ram)) {
            uint64_t in = offset < hole_shown ? 0 : offset - hole_shown;
            double share = hole_shown > 0 ? (double)offset / (double)hole_shown : 0;
            ret->has_address = ram->has_gfn;
            ret->address = ram->gfn + in;
            if (offset < hole_shown)
                ret->address = m->before_end + (uint64_t)((double)hole * share);
            ret->address *= SCAN_PAGE_BYTES;
            return m->region_page + in;
        }
        m->region_at += hole_shown + pages_of(ram);
        m->region_page += pages_of(ram);
        m->before_end = end_of(ram, m->before_end);
    }
    return r->pages_total;
}

/* The first page of cell @i, of a map that is all pages in their order. */
static uint64_t page_without_slots(const struct memory_map *m, size_t i)
{
    uint64_t at = i * m->length / m->cells, total = m->report->pages_total;

    return at < total ? at : total;
}

static struct memory_cell cell_without_slots(const struct memory_map *m, size_t i)
{
    double from = (double)m->length * SCAN_PAGE_BYTES * (double)i / (double)m->cells;

    return (struct memory_cell){.first = page_without_slots(m, i),
                                .end = page_without_slots(m, i + 1),
                                .has_address = true,
                                .address = (uint64_t)from};
}

struct memory_cell memory_map_next(struct memory_map *m)
{
    size_t i = m->next++;
    struct memory_cell cell = {.has_address = false}, behind;

    if (!m->report->has_slots)
        return cell_without_slots(m, i);
    cell.first = page_at(m, i * m->length / m->cells, &cell);
    cell.end = page_at(m, (i + 1) * m->length / m->cells, &behind);
    return cell;
}
