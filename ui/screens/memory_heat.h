/* SPDX-License-Identifier: MIT */
/*
 * The heat map of the Memory tab and its legend. Pure.
 */
#ifndef KVMLENS_UI_SCREENS_MEMORY_HEAT_H
#define KVMLENS_UI_SCREENS_MEMORY_HEAT_H

#include "core/scan/scan.h"
#include "ui/grid/screen.h"

/* memory_heat_legend - which glyph is what, and how much of it there is: in the first row of
 * @line. */
void memory_heat_legend(const struct scan_report *r, struct rect line, struct screen *out);

/* memory_heat_draw - the map, in @area at most; returns the rows it takes: a small VM has a small
 * map. */
int memory_heat_draw(const struct scan_report *r, struct rect area, struct screen *out);

#endif
