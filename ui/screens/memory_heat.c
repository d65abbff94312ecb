// SPDX-License-Identifier: MIT
#include "ui/screens/memory_heat.h"

#include <string.h>

#include "ui/grid/format.h"
#include "ui/screens/memory_map.h"

#define MAP_LABEL_COLS 7

/* From what matters least to what matters most: a cell of the map shows the last one it holds. */
static const struct {
    enum page_class page_class;
    enum glyph glyph;
    const char *label;
    bool always; /* in the legend, also when there are none */
} classes[] = {
    {PAGE_UNTOUCHED, GLYPH_SHADE_0, "untouched", true},
    {PAGE_ZERO_MAPPED, GLYPH_SHADE_1, "zero-mapped", true},
    {PAGE_ZERO_CONTENT, GLYPH_SHADE_2, "zero", true},
    {PAGE_UNREAD, GLYPH_UNREAD, "not read", false},
    {PAGE_SWAPPED, GLYPH_SHADE_4, "swapped", false},
    {PAGE_UNREADABLE, GLYPH_UNKNOWN, "unreadable", false},
    {PAGE_NONZERO, GLYPH_SHADE_3, "nonzero", true},
};
#define CLASSES (sizeof(classes) / sizeof(classes[0]))

void memory_heat_legend(const struct scan_report *r, struct rect line, struct screen *out)
{
    int x = line.x;
    uint64_t hole = memory_map_hole_pages(r);
    bool wide = line.cols >= (hole > 0 ? 140 : 100);
    bool all = wide && r->counts.pages[PAGE_UNREAD] == 0; /* else none found is not none there */

    for (size_t i = CLASSES; i-- > 0;) {
        uint64_t pages = r->counts.pages[classes[i].page_class];
        char count[FORMAT_MAX], bytes[FORMAT_MAX];
        if (pages == 0 && !(classes[i].always && all))
            continue;
        x += screen_text(out, line, line.y, x, STYLE_GRAPH, screen_glyph(out, classes[i].glyph));
        x += screen_printf(out, line, line.y, x, STYLE_NORMAL, " %s %s", classes[i].label,
                           wide ? format_exact(count, pages)
                                : format_bytes(count, (double)pages * SCAN_PAGE_BYTES));
        if (classes[i].page_class == PAGE_ZERO_CONTENT && pages > 0 && wide)
            x += screen_printf(out, line, line.y, x, STYLE_DIM, " (%s resident for nothing)",
                               format_bytes(bytes, (double)pages * SCAN_PAGE_BYTES));
        x += wide ? 3 : 2;
    }
    if (hole > 0) {
        char count[FORMAT_MAX];
        x += screen_text(out, line, line.y, x, STYLE_DIM, screen_glyph(out, GLYPH_HOLE));
        screen_printf(out, line, line.y, x, STYLE_NORMAL, " hole %s",
                      wide ? format_exact(count, hole)
                           : format_bytes(count, (double)hole * SCAN_PAGE_BYTES));
    }
}

/* Slices of one cell of the map, added up. */
static void sum_slices(const struct scan_report *r, size_t from, size_t to,
                       uint64_t ret[PAGE_CLASS_COUNT])
{
    memset(ret, 0, PAGE_CLASS_COUNT * sizeof(ret[0]));
    for (size_t s = from; s < to && s < r->slice_count; s++)
        for (int c = 0; c < PAGE_CLASS_COUNT; c++)
            ret[c] += r->slices[s].pages[c];
}

/* Slices that have pages of a cell. Without slots a cell is so many slices. */
static void sum_cell(const struct scan_report *r, const struct memory_cell *cell, size_t i,
                     size_t cells, uint64_t ret[PAGE_CLASS_COUNT])
{
    uint64_t total = r->pages_total, slices = r->slice_count;
    size_t from = i * r->slice_count / cells, to = (i + 1) * r->slice_count / cells;

    if (r->has_slots) {
        from = (size_t)(cell->first * slices / total);
        to = (size_t)((cell->end * slices + total - 1) / total);
    }
    sum_slices(r, from, to > from ? to : from + 1, ret);
}

/* The glyph says what is in it, the style how much of that: half and more, a twentieth and more,
 * less. */
static void draw_cell(const uint64_t pages[PAGE_CLASS_COUNT], struct rect r, int y, int x,
                      struct screen *out)
{
    uint64_t total = 0;

    for (int c = 0; c < PAGE_CLASS_COUNT; c++)
        total += pages[c];
    for (size_t i = CLASSES; i-- > 0;) {
        uint64_t n = pages[classes[i].page_class];
        if (n == 0)
            continue;
        enum style style = n * 2 >= total    ? STYLE_GRAPH_HIGH
                           : n * 20 >= total ? STYLE_GRAPH_ALT
                                             : STYLE_GRAPH;
        if (classes[i].page_class == PAGE_UNTOUCHED || classes[i].page_class == PAGE_ZERO_MAPPED)
            style = STYLE_DIM;
        screen_text(out, r, y, x, style, screen_glyph(out, classes[i].glyph));
        return;
    }
}

int memory_heat_draw(const struct scan_report *r, struct rect area, struct screen *out)
{
    int width = area.cols - MAP_LABEL_COLS, rows = area.rows;
    size_t cells = width > 0 && rows > 0 ? (size_t)rows * (size_t)width : 0;

    /* No more cells than slices: a small VM has a small map. */
    if (cells > r->slice_count) {
        rows = (int)((r->slice_count + (size_t)width - 1) / (size_t)width);
        cells = r->slice_count;
    }
    struct memory_map map = memory_map_begin(r, cells);
    for (size_t i = 0; i < cells; i++) {
        struct memory_cell cell = memory_map_next(&map);
        uint64_t pages[PAGE_CLASS_COUNT];
        int y = area.y + (int)(i / (size_t)width),
            x = area.x + MAP_LABEL_COLS + (int)(i % (size_t)width);
        char at[FORMAT_MAX];

        if (i % (size_t)width == 0)
            screen_field(out, area, y, area.x, MAP_LABEL_COLS - 1, ALIGN_RIGHT, STYLE_LABEL,
                         cell.has_address ? format_bytes(at, (double)cell.address)
                                          : screen_glyph(out, GLYPH_NOTHING));
        if (cell.first == cell.end) {
            screen_text(out, area, y, x, STYLE_DIM, screen_glyph(out, GLYPH_HOLE));
            continue;
        }
        sum_cell(r, &cell, i, cells, pages);
        draw_cell(pages, area, y, x, out);
    }
    return rows;
}
