// SPDX-License-Identifier: MIT
// The heat map: a cell shows how much of it is zero, with colours and without.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/screen_dump.h"
#include "ui/screens/memory_heat.h"

#define SLICES      60
#define SLICE_PAGES 1024
#define MAP_X       7

/* A VM of 240 MiB: SLICES slices of 4 MiB, one for each cell. */
struct bed {
    struct scan_report report;
    struct scan_region regions[2];
    struct scan_slice slices[SLICES];
    struct screen screen;
};

static void open_bed(struct bed *bed)
{
    *bed = (struct bed){
        .report = {.pages_total = SLICES * SLICE_PAGES, .slice_count = SLICES, .region_count = 1}};
    bed->report.slices = bed->slices;
    bed->report.regions = bed->regions;
    bed->regions[0].ram.bytes = SLICES * SLICE_PAGES * (uint64_t)SCAN_PAGE_BYTES;
    for (size_t i = 0; i < SLICES; i++)
        bed->slices[i].pages[PAGE_UNTOUCHED] = SLICE_PAGES;
}

/* @part of a slice are of one class, the others of another. */
static void fill(struct bed *bed, size_t slice, enum page_class c, uint32_t part,
                 enum page_class others)
{
    memset(bed->slices[slice].pages, 0, sizeof(bed->slices[slice].pages));
    bed->slices[slice].pages[others] = SLICE_PAGES - part;
    bed->slices[slice].pages[c] += part;
}

static void draw(struct bed *bed)
{
    for (int c = 0; c < PAGE_CLASS_COUNT; c++)
        for (size_t i = 0; i < SLICES; i++)
            bed->report.counts.pages[c] += bed->slices[i].pages[c];
    /* 64 cells: a row of 256 MiB, and the last four are behind the end. */
    assert_int_equal(screen_init(&bed->screen, 3, MAP_X + 64, false), 0);
    memory_heat_legend(&bed->report, (struct rect){0, 0, 1, MAP_X + 64}, &bed->screen);
    assert_int_equal(
        memory_heat_draw(&bed->report, (struct rect){1, 0, 2, MAP_X + 64}, &bed->screen), 1);
}

static void expect(struct bed *bed, size_t slice, char glyph, enum style style)
{
    const struct cell *cell = screen_cell(&bed->screen, 1, MAP_X + (int)slice);

    if (cell->code != (uint32_t)glyph || cell->style != style)
        fail_msg("slice %zu is '%c' in style %d", slice, (char)cell->code, cell->style);
}

/* One page claimed a cell, and a guest that is zero for three quarters was all red. */
static void a_cell_tells_the_share_and_what_most_of_it_is(void **unused)
{
    struct bed bed;

    (void)unused;
    open_bed(&bed);
    fill(&bed, 1, PAGE_NONZERO, 1, PAGE_UNTOUCHED);
    fill(&bed, 2, PAGE_NONZERO, SLICE_PAGES / 4, PAGE_UNTOUCHED);
    fill(&bed, 3, PAGE_NONZERO, SLICE_PAGES / 4, PAGE_ZERO_CONTENT);
    fill(&bed, 4, PAGE_NONZERO, SLICE_PAGES * 3 / 4, PAGE_ZERO_CONTENT);
    fill(&bed, 5, PAGE_NONZERO, SLICE_PAGES - 1, PAGE_ZERO_CONTENT);
    fill(&bed, 6, PAGE_NONZERO, 1, PAGE_ZERO_CONTENT);
    fill(&bed, 7, PAGE_ZERO_MAPPED, SLICE_PAGES, PAGE_UNTOUCHED);
    fill(&bed, 8, PAGE_SWAPPED, SLICE_PAGES / 4, PAGE_UNTOUCHED);
    fill(&bed, 9, PAGE_SWAPPED, SLICE_PAGES * 3 / 4, PAGE_NONZERO);
    fill(&bed, 10, PAGE_UNREAD, SLICE_PAGES, PAGE_NONZERO);
    fill(&bed, 11, PAGE_UNREADABLE, SLICE_PAGES, PAGE_NONZERO);
    draw(&bed);
    expect(&bed, 0, '.', STYLE_DIM);
    expect(&bed, 1, '.', STYLE_DIM);
    expect(&bed, 2, '0', STYLE_DIM);
    expect(&bed, 3, '0', STYLE_GRAPH_ALT);
    expect(&bed, 4, '0', STYLE_GRAPH_HIGH);
    expect(&bed, 5, '#', STYLE_GRAPH_HIGH);
    expect(&bed, 6, 'o', STYLE_GRAPH_ALT);
    expect(&bed, 7, '.', STYLE_DIM);
    expect(&bed, 8, '.', STYLE_DIM);
    expect(&bed, 9, 's', STYLE_GRAPH);
    expect(&bed, 10, ':', STYLE_NORMAL);
    expect(&bed, 11, '?', STYLE_NOTICE);
    expect(&bed, SLICES, ' ', STYLE_NORMAL); /* behind the end */
    screen_done(&bed.screen);
}

/* What the legend shows is what the map does, glyph and colour. */
static void the_legend_has_the_glyphs_and_colours_of_the_map(void **unused)
{
    struct bed bed;

    (void)unused;
    open_bed(&bed);
    fill(&bed, 1, PAGE_NONZERO, SLICE_PAGES, PAGE_UNTOUCHED);
    fill(&bed, 2, PAGE_ZERO_CONTENT, SLICE_PAGES, PAGE_UNTOUCHED);
    draw(&bed);
    char *text = screen_dump(&bed.screen), *legend = strchr(text, '\n') + 1;
    static const char *const items[] = {"# nonzero 4.0M", "o zero 4.0M", ". untouched 232M"};
    for (size_t i = 0; i < 3; i++) {
        char *found = strstr(legend, items[i]);
        const size_t slices[] = {1, 2, 0};
        assert_non_null(found);
        expect(&bed, slices[i], *found,
               (enum style)screen_cell(&bed.screen, 0, (int)(found - legend))->style);
    }
    free(text);
    screen_done(&bed.screen);
}

static void a_region_begins_at_a_line(void **unused)
{
    struct bed bed;

    (void)unused;
    open_bed(&bed);
    bed.report.region_count = 2;
    bed.regions[0].ram.bytes -= 16 << 20;
    bed.regions[1].ram.bytes = 16 << 20;
    draw(&bed);
    expect(&bed, SLICES - 5, '.', STYLE_DIM);
    expect(&bed, SLICES - 4, '|', STYLE_LABEL);
    expect(&bed, SLICES - 3, '.', STYLE_DIM);
    screen_done(&bed.screen);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cell_tells_the_share_and_what_most_of_it_is),
        cmocka_unit_test(the_legend_has_the_glyphs_and_colours_of_the_map),
        cmocka_unit_test(a_region_begins_at_a_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
