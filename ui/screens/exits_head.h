/* SPDX-License-Identifier: MIT */
/*
 * What stands above the table of exits: where the time goes, what counting costs, what has to be
 * known about the numbers; and why there is no table.
 */
#ifndef KVMLENS_UI_SCREENS_EXITS_HEAD_H
#define KVMLENS_UI_SCREENS_EXITS_HEAD_H

#include "ui/grid/screen.h"
#include "ui/state/exits.h"
#include "ui/state/state.h"

#define EXITS_TEXT_MAX 1000

/* exits_head_draw - in 0, 1 or 2 rows. Of EXITS_STAGE_SHOWN. */
void exits_head_draw(const struct exits_view *view, struct rect r, struct screen *out);

/* exits_head_notice - what has to be known about the numbers; "": nothing. Returns @out. Of
 * EXITS_STAGE_SHOWN. */
char *exits_head_notice(const struct exits_view *view, char out[EXITS_TEXT_MAX]);

/* exits_head_stage - why there is no table; "" of EXITS_STAGE_SHOWN. Returns @out. */
char *exits_head_stage(const struct ui_state *state, const struct exits_view *view,
                       char out[EXITS_TEXT_MAX]);

#endif
