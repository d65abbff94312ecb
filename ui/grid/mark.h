/* SPDX-License-Identifier: MIT */
/*
 * Marks: how a number says that it is worth a look, or bad. Everything that is marked is marked
 * here, by a sign as well as by its style: colour alone must not tell. Pure.
 */
#ifndef KVMLENS_UI_GRID_MARK_H
#define KVMLENS_UI_GRID_MARK_H

#include "ui/grid/screen.h"

enum mark { MARK_NONE, MARK_NOTICE, MARK_ALARM, MARK_COUNT };

/* From which value on; where alarm is the smaller one, below which. All 0: never. */
struct mark_bounds {
    double notice, alarm;
};

/* mark_of - @bounds NULL: never. */
enum mark mark_of(const struct mark_bounds *bounds, double value);

/* mark_text - "", "!" or "!!": stands before the number. */
const char *mark_text(enum mark mark);

/* mark_style - STYLE_NORMAL of MARK_NONE. */
enum style mark_style(enum mark mark);

#endif
