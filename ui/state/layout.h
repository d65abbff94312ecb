/* SPDX-License-Identifier: MIT */
/*
 * Layout: which part of the terminal holds what, for the views that draw there and for the mouse
 * that clicks there. Pure geometry.
 */
#ifndef KVMLENS_UI_STATE_LAYOUT_H
#define KVMLENS_UI_STATE_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>

#include "ui/grid/keys.h"
#include "ui/grid/screen.h"
#include "ui/state/counters.h"

#define LAYOUT_ROWS_MIN 6
#define LAYOUT_COLS_MIN 30

/* Tables of counters explain the selected one at the bottom of the body, when that has so many
 * rows. */
#define LAYOUT_EXPLAIN_FROM 10
#define LAYOUT_EXPLAIN_ROWS 3

struct layout {
    bool too_small; /* nothing fits; the rectangles are empty */
    struct rect header; /* 1 or 2 rows */
    struct rect titles; /* 1 row: column titles or tabs */
    struct rect body;   /* the rest, at least 1 row */
    struct rect status; /* 1 row */
    struct rect bar;    /* 1 row of function keys; none below 8 rows */
};

/* layout_make - the rectangles do not overlap, lie inside, and together cover the terminal. */
struct layout layout_make(int rows, int cols);

/* layout_bar - bindings of the function bar that find room in @cols, with their columns; returns
 * how many. The last one, Quit, is always among them. @is_over: the VM of the screen has ended. */
struct bar_item {
    const struct key_binding *binding;
    int x, width;
};
#define BAR_ITEMS_MAX 32
size_t layout_bar(enum ui_screen screen, bool is_over, int cols,
                  struct bar_item ret[BAR_ITEMS_MAX]);

/* layout_tabs - texts of the tabs, "1 Counters", and their columns in a row of @cols columns,
 * right-aligned to the edge, with a place for brackets around the open one. Where they do not fit,
 * those that are not open are "1" only. */
struct tab_item {
    enum ui_screen screen;
    char text[32];
    int x, width;
};
void layout_tabs(enum ui_screen open, int cols, struct tab_item ret[TABS_COUNT]);

/* Columns of a table of counters. */
enum counters_column_id {
    COUNTERS_PID,
    COUNTERS_NAME,
    COUNTERS_TOTAL,
    COUNTERS_SHARE,
    COUNTERS_RATE,
    COUNTERS_TREND,
    COUNTERS_KIND,
    COUNTERS_SOURCE,
    COUNTERS_COLUMN_COUNT
};
struct counters_column {
    const char *title;
    int width;
    enum align align;
    int keep; /* where room is scarce the smallest go first */
    unsigned of;               /* enum counters_of: whose tables have it */
    enum counters_order order; /* that a click asks for; COUNTERS_ORDER_COUNT: none */
};
extern const struct counters_column counters_columns[COUNTERS_COLUMN_COUNT];

/* layout_counters - which of them find room in @cols. */
struct counters_plan {
    int x[COUNTERS_COLUMN_COUNT], width[COUNTERS_COLUMN_COUNT]; /* width 0: not shown */
};
void layout_counters(int cols, enum counters_of of, struct counters_plan *ret);

/* layout_counters_order_at - the order that a click on column @x of their titles asks for;
 * COUNTERS_ORDER_COUNT: none. */
enum counters_order layout_counters_order_at(int cols, enum counters_of of, int x);

#endif
