// SPDX-License-Identifier: MIT
#include "ui/screens/dirty_graph.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/forecast/forecast_settings.h"
#include "ui/grid/format.h"

#define LABEL_COLS 7 /* with the blank behind it */
#define FIRST_S    0.1
#define LAST_S     10000.0

/* Where time and pages lie. */
struct scale {
    double first_s, last_s;
    double most; /* pages at the top */
    int cols, rows;
};

/* 0.1, 0.2, 0.5, 1, 2 ... */
static double round_up_125(double value)
{
    static const double steps[] = {1, 2, 5};
    double decade = pow(10, floor(log10(value) + 1e-9));

    for (size_t i = 0; i < 3; i++)
        if (value <= steps[i] * decade * (1 + 1e-9))
            return steps[i] * decade;
    return 10 * decade;
}

static double time_of(const struct scale *s, int col)
{
    double part = s->cols > 1 ? (double)col / (s->cols - 1) : 0;

    return s->first_s * pow(s->last_s / s->first_s, part);
}

static int col_of(const struct scale *s, double seconds)
{
    return (int)lround(log(seconds / s->first_s) / log(s->last_s / s->first_s) * (s->cols - 1));
}

/* From the top; 0 pages lie in the lowest one. */
static int row_of(const struct scale *s, double pages)
{
    int row = s->rows - 1 - (int)floor(pages / s->most * s->rows);

    return row < 0 ? 0 : row > s->rows - 1 ? s->rows - 1 : row;
}

static void draw_column(const struct dirty_curve *curve, const struct scale *s, int col,
                        struct rect plot, struct screen *out)
{
    struct dirty_estimate e = dirty_curve_at(curve, time_of(s, col));
    int low = row_of(s, e.low), high = row_of(s, e.high);

    for (int row = high; row <= low; row++)
        screen_text(out, plot, plot.y + row, plot.x + col, STYLE_GRAPH_ALT,
                    screen_glyph(out, GLYPH_SHADE_0));
    screen_text(out, plot, plot.y + row_of(s, e.pages), plot.x + col, STYLE_GRAPH,
                screen_glyph(out, GLYPH_SHADE_3));
    screen_text(out, (struct rect){plot.y, plot.x, plot.rows + 1, plot.cols}, plot.y + plot.rows,
                plot.x + col, STYLE_DIM,
                screen_glyph(out, e.is_extrapolated ? GLYPH_UNREAD : GLYPH_HOLE));
}

/* At each 1 and at each 3 of a power of ten that finds room. */
static void draw_times(const struct scale *s, struct rect r, int y, int x, struct screen *out)
{
    static const double times[] = {FIRST_S, 0.3, 1, 3, 10, 30, 100, 300, 1000, 3000, LAST_S};
    int end = x;

    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        char text[FORMAT_MAX];
        int width = snprintf(text, sizeof(text), "%gs", times[i]), col = x + col_of(s, times[i]);
        if (times[i] > s->last_s * 1.01 || col < end || col + width > r.x + r.cols)
            continue;
        screen_text(out, r, y, col, STYLE_LABEL, text);
        end = col + width + 2;
    }
}

static void draw_amount(double pages, struct rect r, int y, struct screen *out)
{
    char text[FORMAT_MAX];

    screen_field(out, r, y, r.x, LABEL_COLS - 1, ALIGN_RIGHT, STYLE_LABEL,
                 format_bytes(text, pages * FORECAST_PAGE_BYTES));
}

void dirty_graph_draw(const struct dirty_curve *curve, double until_s, struct rect r,
                      struct screen *out)
{
    struct scale s = {.first_s = FIRST_S, .rows = r.rows - 2};

    r.cols = r.cols < DIRTY_GRAPH_COLS_MAX ? r.cols : DIRTY_GRAPH_COLS_MAX;
    s.cols = r.cols - LABEL_COLS;
    s.last_s = round_up_125(fmin(fmax(until_s, 10 * FIRST_S), LAST_S));
    s.most = dirty_curve_at(curve, s.last_s).high;
    if (!(s.most > 0))
        s.most = 1;
    const int middle = s.rows / 2;
    const struct rect plot = {r.y, r.x + LABEL_COLS, s.rows, s.cols};
    for (int col = 0; col < s.cols; col++)
        draw_column(curve, &s, col, plot, out);
    draw_amount(s.most, r, r.y, out);
    if (s.rows >= 5)
        draw_amount(s.most * (s.rows - middle - 0.5) / s.rows, r, r.y + middle, out);
    draw_amount(0, r, r.y + s.rows - 1, out);
    screen_field(out, r, r.y + s.rows + 1, r.x, LABEL_COLS - 1, ALIGN_RIGHT, STYLE_LABEL, "within");
    draw_times(&s, r, r.y + s.rows + 1, plot.x, out);
}
