/* SPDX-License-Identifier: MIT */
/*
 * The curve of the writable working set as a small graph: how much is written within a time, over
 * the logarithm of that, with its 95 % interval. Pure.
 */
#ifndef KVMLENS_UI_SCREENS_DIRTY_GRAPH_H
#define KVMLENS_UI_SCREENS_DIRTY_GRAPH_H

#include "core/forecast/dirty_curve.h"
#include "ui/grid/screen.h"

#define DIRTY_GRAPH_ROWS_MIN 5 /* two of them are the axis and its labels */
#define DIRTY_GRAPH_COLS_MIN 30
#define DIRTY_GRAPH_COLS_MAX 90

/*
 * dirty_graph_draw - in @r, which has at least so many rows and columns; of more columns than the
 * most it leaves the rest.
 *
 * @until_s: the longest time, which @curve may have to be extrapolated to; taken up to the next
 * 1, 2 or 5 of a power of ten. What is extrapolated has another axis.
 */
void dirty_graph_draw(const struct dirty_curve *curve, double until_s, struct rect r,
                      struct screen *out);

#endif
