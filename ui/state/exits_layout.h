/* SPDX-License-Identifier: MIT */
/*
 * Where the parts of the table of exits lie, for drawing and for the mouse. Pure geometry.
 */
#ifndef KVMLENS_UI_STATE_EXITS_LAYOUT_H
#define KVMLENS_UI_STATE_EXITS_LAYOUT_H

#include "ui/grid/screen.h"
#include "ui/state/exits.h"

/* All as wide as the body, one below the other. Some have no row where room is scarce. */
struct exits_layout {
    struct rect head;    /* where the time goes, and what counting costs: 1 or 2 rows */
    struct rect notice;  /* what a person has to know about the numbers */
    struct rect titles;  /* 1 row */
    struct rect table;   /* at least 1 row */
    struct rect explain; /* the selected reason */
};

/* exits_layout - @notice_rows: that the notice takes. */
struct exits_layout exits_layout(struct rect body, int notice_rows);

enum exits_column_id {
    EXITS_NAME,
    EXITS_RATE,
    EXITS_SHARE,
    EXITS_TIME,
    EXITS_AVG,
    EXITS_P50,
    EXITS_P99,
    EXITS_MAX,
    EXITS_TREND,
    EXITS_COLUMN_COUNT
};
struct exits_column {
    const char *title;
    int width;
    enum align align;
    int keep;               /* where room is scarce the smallest go first */
    enum exits_order order; /* that a click asks for; EXITS_ORDER_COUNT: none */
};
extern const struct exits_column exits_columns[EXITS_COLUMN_COUNT];

struct exits_plan {
    int x[EXITS_COLUMN_COUNT], width[EXITS_COLUMN_COUNT]; /* width 0: not shown */
};

/* exits_plan_columns - which of them find room in @cols. */
void exits_plan_columns(int cols, struct exits_plan *ret);

/* exits_order_at - the order that a click on column @x of the titles asks for; EXITS_ORDER_COUNT:
 * none. */
enum exits_order exits_order_at(int cols, int x);

#endif
