// SPDX-License-Identifier: MIT
// The curve as a graph: where it is drawn, and that it tells the same without colours.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/looks_report.h"
#include "tests/lib/screen_dump.h"
#include "ui/screens/dirty_graph.h"

#define ROWS 12
#define COLS 67 /* 60 of them the plot */
#define PLOT 7  /* its first column */
#define AXIS (ROWS - 2)

static void fit(struct dirty_curve *ret, const struct truth *truth)
{
    static const double when[] = {0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2};
    struct dirty_looks looks;
    uint64_t random = 3;

    truth_look(&looks, truth, 16384, when, 7, &random);
    assert_int_equal(dirty_curve_fit(ret, &looks, NULL), 0);
}

static void draw(struct screen *screen, const struct dirty_curve *curve, double until_s)
{
    assert_int_equal(screen_init(screen, ROWS, COLS, false), 0);
    dirty_graph_draw(curve, until_s, screen_rect(screen), screen);
}

static char at(const struct screen *screen, int row, int col)
{
    return (char)screen_cell(screen, row, PLOT + col)->code;
}

/* The row of the curve in a column; -1: none. */
static int curve_row(const struct screen *screen, int col)
{
    int found = -1;

    for (int row = 0; row < AXIS; row++)
        if (at(screen, row, col) == '#') {
            assert_int_equal(found, -1);
            found = row;
        }
    return found;
}

static void text_of_row(const struct screen *screen, int row, char out[COLS + 1])
{
    for (int x = 0; x < COLS; x++)
        out[x] = (char)screen_cell(screen, row, x)->code;
    out[COLS] = '\0';
}

/* From the left to the right it only rises, and around it is its interval. */
static void the_curve_rises_within_its_interval(void **unused)
{
    const struct truth truth = {TRUTH_UNIFORM, 200000, 100000, 20000, 1};
    struct dirty_curve curve;
    struct screen screen;
    int before = AXIS - 1;

    (void)unused;
    fit(&curve, &truth);
    draw(&screen, &curve, 20);
    for (int col = 0; col < COLS - PLOT; col++) {
        int row = curve_row(&screen, col);
        assert_in_range(row, 0, before);
        before = row;
        for (int other = 0, inside = 0; other < AXIS; other++) {
            bool is_drawn = at(&screen, other, col) != ' ';
            assert_true(!is_drawn || inside != 2); /* one piece */
            inside = is_drawn ? 1 : inside == 1 ? 2 : inside;
        }
    }
    assert_int_equal(curve_row(&screen, 0), AXIS - 1);
    assert_in_range(before, 0, 5); /* of 200,000 pages 98,000 are met in 20 s */
    screen_done(&screen);
}

static void axes_say_what_and_what_was_not_seen(void **unused)
{
    const struct truth truth = {TRUTH_UNIFORM, 200000, 100000, 20000, 1};
    struct dirty_curve curve;
    struct screen screen;
    char times[COLS + 1], top[COLS + 1];

    (void)unused;
    fit(&curve, &truth);
    draw(&screen, &curve, 11); /* 20 s: a round number */
    text_of_row(&screen, ROWS - 1, times);
    assert_memory_equal(times, "within 0.1s", 11);
    assert_non_null(strstr(times, " 1s "));
    assert_non_null(strstr(times, " 10s "));
    assert_null(strstr(times, "30s"));
    text_of_row(&screen, 0, top);
    assert_true(strtod(top, NULL) > 300 && top[5] == 'M');
    assert_int_equal(at(&screen, AXIS, 0), '-');
    assert_int_equal(at(&screen, AXIS, COLS - PLOT - 1), ':'); /* beyond 3.2 s */
    screen_done(&screen);
}

static void nothing_written_lies_on_the_axis(void **unused)
{
    const struct truth truth = {TRUTH_IDLE, 200000, 1, 0, 1};
    struct dirty_curve curve;
    struct screen screen;

    (void)unused;
    fit(&curve, &truth);
    draw(&screen, &curve, 3.2);
    for (int col = 0; col < COLS - PLOT; col++)
        assert_int_equal(curve_row(&screen, col), AXIS - 1);
    screen_done(&screen);
    curve = (struct dirty_curve){.population = 0};
    draw(&screen, &curve, 0);
    assert_int_equal(curve_row(&screen, 0), AXIS - 1);
    screen_done(&screen);
}

static void nothing_is_drawn_outside(void **unused)
{
    const struct truth truth = {TRUTH_SEQUENTIAL, 200000, 100000, 20000, 1};
    struct dirty_curve curve;
    struct screen screen;

    (void)unused;
    fit(&curve, &truth);
    assert_int_equal(screen_init(&screen, 30, 120, true), 0);
    for (int rows = DIRTY_GRAPH_ROWS_MIN; rows < 20; rows++)
        for (int cols = DIRTY_GRAPH_COLS_MIN; cols < 110; cols += 7) {
            screen_clear(&screen);
            dirty_graph_draw(&curve, 1000.0 / cols, (struct rect){4, 5, rows, cols}, &screen);
            for (int y = 0; y < 30; y++)
                for (int x = 0; x < 120; x++)
                    if (y < 4 || y >= 4 + rows || x < 5 || x >= 5 + cols)
                        assert_int_equal(screen_cell(&screen, y, x)->code, ' ');
        }
    screen_done(&screen);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_curve_rises_within_its_interval),
        cmocka_unit_test(axes_say_what_and_what_was_not_seen),
        cmocka_unit_test(nothing_written_lies_on_the_axis),
        cmocka_unit_test(nothing_is_drawn_outside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
