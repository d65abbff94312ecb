// SPDX-License-Identifier: MIT
#include "ui/screens/memory_heat.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/base/text.h"
#include "ui/grid/format.h"
#include "ui/screens/memory_map.h"

#define MAP_LABEL_COLS 7

/*
 * What a cell may look like. The colour tells which kind of memory most of it is, the glyph how
 * much of it is not zero; so that without colours the glyph tells enough.
 */
enum heat {
    HEAT_UNTOUCHED, /* no memory of its own: untouched, or the kernel's zero page */
    HEAT_ZERO,
    HEAT_NONZERO,
    HEAT_SWAPPED,
    HEAT_UNREADABLE,
    HEAT_UNREAD,
    HEAT_COUNT
};

static const struct {
    enum glyph glyph; /* where nearly all of a cell is that */
    enum style style;
} looks[HEAT_COUNT] = {
    [HEAT_UNTOUCHED] = {GLYPH_SHADE_0, STYLE_DIM},
    [HEAT_ZERO] = {GLYPH_SHADE_1, STYLE_GRAPH_ALT},
    [HEAT_NONZERO] = {GLYPH_SHADE_3, STYLE_GRAPH_HIGH},
    [HEAT_SWAPPED] = {GLYPH_SHADE_4, STYLE_GRAPH},
    [HEAT_UNREADABLE] = {GLYPH_UNKNOWN, STYLE_NOTICE},
    [HEAT_UNREAD] = {GLYPH_UNREAD, STYLE_NORMAL},
};
#define GLYPH_MIXED GLYPH_SHADE_2 /* from an eighth to seven eighths are not zero */
#define MIXED_PART  8

/* In the order of the legend: the last ones may find no room in it. */
static const struct {
    enum page_class page_class;
    enum heat heat;
    const char *label;
    bool always; /* in the legend, also when there are none */
} classes[] = {
    {PAGE_NONZERO, HEAT_NONZERO, "nonzero", true},
    {PAGE_ZERO_CONTENT, HEAT_ZERO, "zero", true},
    {PAGE_UNTOUCHED, HEAT_UNTOUCHED, "untouched", true},
    {PAGE_UNREAD, HEAT_UNREAD, "not read", false},
    {PAGE_SWAPPED, HEAT_SWAPPED, "swapped", false},
    {PAGE_UNREADABLE, HEAT_UNREADABLE, "unreadable", false},
    {PAGE_ZERO_MAPPED, HEAT_UNTOUCHED, "zero-mapped", false},
};
#define CLASSES (sizeof(classes) / sizeof(classes[0]))

/* --- legend ----------------------------------------------------------------------------------- */

struct legend_item {
    enum glyph glyph;
    enum style style;
    bool is_extra; /* makes the others no narrower */
    char text[48];
};

#define LEGEND_MOST (CLASSES + 3)

static void add_amount(struct legend_item *item, enum glyph glyph, enum style style,
                       const char *label, uint64_t pages)
{
    char bytes[FORMAT_MAX];

    *item = (struct legend_item){.glyph = glyph, .style = style};
    snprintf(item->text, sizeof(item->text), " %s %s", label,
             format_bytes(bytes, (double)pages * SCAN_PAGE_BYTES));
}

static void add_extra(struct legend_item *item, enum glyph glyph, enum style style,
                      const char *label)
{
    *item = (struct legend_item){.glyph = glyph, .style = style, .is_extra = true};
    snprintf(item->text, sizeof(item->text), " %s", label);
}

static size_t make_items(const struct scan_report *r, int cols,
                         struct legend_item items[LEGEND_MOST])
{
    bool all = r->counts.pages[PAGE_UNREAD] == 0; /* else none found is not none there */
    uint64_t hole = memory_map_hole_pages(r);
    size_t count = 0;

    for (size_t i = 0; i < CLASSES; i++) {
        uint64_t pages = r->counts.pages[classes[i].page_class];
        if (pages > 0 || (classes[i].always && all))
            add_amount(&items[count++], looks[classes[i].heat].glyph, looks[classes[i].heat].style,
                       classes[i].page_class == PAGE_ZERO_CONTENT && cols >= 120
                           ? "zero, resident for nothing"
                           : classes[i].label,
                       pages);
    }
    if (hole > 0)
        add_amount(&items[count++], GLYPH_HOLE, STYLE_DIM, "hole", hole);
    if (r->counts.pages[PAGE_NONZERO] > 0)
        add_extra(&items[count++], GLYPH_MIXED, looks[HEAT_ZERO].style, "partly zero");
    if (r->region_count > 1)
        add_extra(&items[count++], GLYPH_BORDER, STYLE_LABEL, "next region");
    return count;
}

static int items_width(const struct legend_item *items, size_t count, int gap)
{
    int width = 0;

    for (size_t i = 0; i < count; i++)
        width += items[i].is_extra ? 0 : 1 + (int)text_width(items[i].text) + gap;
    return width - gap;
}

void memory_heat_legend(const struct scan_report *r, struct rect line, struct screen *out)
{
    struct legend_item items[LEGEND_MOST];
    size_t count = make_items(r, line.cols, items);
    int gap = 3, x = line.x;

    while (gap > 1 && items_width(items, count, gap) > line.cols)
        gap--;
    for (size_t i = 0; i < count; i++) {
        int end = x + 1 + (int)text_width(items[i].text);
        if (i > 0 && end > line.x + line.cols)
            continue;
        screen_text(out, line, line.y, x, items[i].style, screen_glyph(out, items[i].glyph));
        screen_text(out, line, line.y, x + 1, STYLE_NORMAL, items[i].text);
        x = end + gap;
    }
}

/* --- map -------------------------------------------------------------------------------------- */

/* Slices of a cell, added up. One that belongs to two cells is in the later one. */
static void sum_cell(const struct scan_report *r, const struct memory_cell *cell,
                     uint64_t ret[HEAT_COUNT])
{
    uint64_t total = r->pages_total, slices = r->slice_count;
    size_t from = (size_t)(cell->first * slices / total), to = (size_t)(cell->end * slices / total);

    memset(ret, 0, HEAT_COUNT * sizeof(ret[0]));
    for (size_t s = from; s < (to > from ? to : from + 1) && s < r->slice_count; s++)
        for (size_t i = 0; i < CLASSES; i++)
            ret[classes[i].heat] += r->slices[s].pages[classes[i].page_class];
}

static enum heat most_of(const uint64_t pages[HEAT_COUNT], enum heat from, enum heat to)
{
    enum heat most = from;

    for (int i = (int)from + 1; i <= (int)to; i++)
        if (pages[i] > pages[most])
            most = (enum heat)i;
    return most;
}

static void draw_cell(const uint64_t pages[HEAT_COUNT], struct rect r, int y, int x,
                      struct screen *out)
{
    uint64_t known = pages[HEAT_UNTOUCHED] + pages[HEAT_ZERO] + pages[HEAT_NONZERO];
    uint64_t other = pages[HEAT_SWAPPED] + pages[HEAT_UNREADABLE] + pages[HEAT_UNREAD];
    enum heat most = other > known ? most_of(pages, HEAT_SWAPPED, HEAT_UNREAD)
                                   : most_of(pages, HEAT_UNTOUCHED, HEAT_NONZERO);
    uint64_t parts = pages[HEAT_NONZERO] * MIXED_PART;
    bool is_mixed = other <= known && parts >= known && parts < known * (MIXED_PART - 1);

    if (known + other > 0) /* else it was not looked at yet */
        screen_text(out, r, y, x, looks[most].style,
                    screen_glyph(out, is_mixed ? GLYPH_MIXED : looks[most].glyph));
}

/* Where regions begin, in the order of the cells. */
struct borders {
    size_t region; /* the next one, */
    uint64_t page; /* and its first page */
};

/* Does one begin in @cell? In the first one the smallest do, and nobody looks for them. */
static bool has_border(struct borders *b, const struct scan_report *r,
                       const struct memory_cell *cell)
{
    bool found = false;

    for (; b->region < r->region_count && b->page < cell->end; b->region++) {
        found |= cell->first > 0 && b->page >= cell->first;
        b->page += r->regions[b->region].ram.bytes / SCAN_PAGE_BYTES;
    }
    return found;
}

/* Rows begin at multiples of their length: told without losing a digit where they do. */
static const char *address_text(char out[FORMAT_MAX], uint64_t address, uint64_t row_bytes)
{
    static const char units[] = "KMGTPE";
    uint64_t unit = 1024;
    size_t u = 0;

    /* The unit of a row, or the next where halves of it do. */
    while (units[u + 1] != '\0' && unit * 512 <= row_bytes && row_bytes % (unit * 512) == 0) {
        unit *= 1024;
        u++;
    }
    if (address >= unit * 100000 || address % (unit / 2) != 0)
        return format_bytes(out, (double)address);
    if (u > 0 && address < unit)
        snprintf(out, FORMAT_MAX, "%llu%c", (unsigned long long)(address / (unit / 1024)),
                 units[u - 1]);
    else
        snprintf(out, FORMAT_MAX, "%.*f%c", address % unit != 0, (double)address / (double)unit,
                 units[u]);
    return address == 0 ? "0" : out;
}

static void draw_label(const struct memory_map *map, const struct memory_cell *cell, struct rect r,
                       int y, struct screen *out)
{
    char at[FORMAT_MAX];

    screen_field(out, r, y, r.x, MAP_LABEL_COLS - 1, ALIGN_RIGHT, STYLE_LABEL,
                 cell->has_address
                     ? address_text(at, cell->address, map->row_pages * SCAN_PAGE_BYTES)
                     : screen_glyph(out, GLYPH_NOTHING));
}

int memory_heat_draw(const struct scan_report *r, struct rect area, struct screen *out)
{
    struct borders borders = {.region = 0};

    if (area.cols <= MAP_LABEL_COLS || area.rows <= 0 || r->slice_count == 0)
        return 0;
    struct memory_map map =
        memory_map_rows(r, (size_t)area.rows, (size_t)(area.cols - MAP_LABEL_COLS));
    for (size_t i = 0; i < map.cells; i++) {
        struct memory_cell cell = memory_map_next(&map);
        int y = area.y + (int)(i / map.cols), x = area.x + MAP_LABEL_COLS + (int)(i % map.cols);
        uint64_t pages[HEAT_COUNT];

        if (cell.first >= r->pages_total)
            break;
        if (i % map.cols == 0)
            draw_label(&map, &cell, area, y, out);
        bool is_border = has_border(&borders, r, &cell);
        if (is_border || cell.first == cell.end) {
            screen_text(out, area, y, x, is_border ? STYLE_LABEL : STYLE_DIM,
                        screen_glyph(out, is_border ? GLYPH_BORDER : GLYPH_HOLE));
            continue;
        }
        sum_cell(r, &cell, pages);
        draw_cell(pages, area, y, x, out);
    }
    return (int)(map.cells / map.cols);
}
