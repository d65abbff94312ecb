/* SPDX-License-Identifier: MIT */
/*
 * Layout: which part of the terminal holds what. Pure geometry.
 */
#ifndef KVMLENS_UI_LAYOUT_H
#define KVMLENS_UI_LAYOUT_H

#include <stdbool.h>

#include "ui/screen.h"

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

#endif
