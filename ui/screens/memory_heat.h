/* SPDX-License-Identifier: MIT */
/*
 * The heat map of the Memory tab and its legend. Pure.
 */
#ifndef KVMLENS_UI_SCREENS_MEMORY_HEAT_H
#define KVMLENS_UI_SCREENS_MEMORY_HEAT_H

#include "core/scan/scan.h"
#include "ui/grid/screen.h"

/* memory_heat_legend - which glyph is what, and how much of it there is: in the first row of @r. */
void memory_heat_legend(const struct scan_report *report, struct rect r, struct screen *out);

/* memory_heat_draw - the map, in @r at most; returns the rows it takes: a small VM has a small
 * map. */
int memory_heat_draw(const struct scan_report *report, struct rect r, struct screen *out);

#endif
