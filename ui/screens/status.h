/* SPDX-License-Identifier: MIT */
/*
 * The status line: what is asked, what was said, what the screen says of itself. One that is longer
 * than the terminal is wide ends at a word, and the help has all of it.
 */
#ifndef KVMLENS_UI_SCREENS_STATUS_H
#define KVMLENS_UI_SCREENS_STATUS_H

#include "ui/grid/screen.h"
#include "ui/state/model.h"
#include "ui/state/state.h"

#define STATUS_COLS 500 /* of a status line, at most */

void status_draw(const struct ui_model *model, const struct ui_state *state, struct rect r,
                 struct screen *out);

/*
 * status_rest - all of the status line that the help lies over, where it does not fit @cols
 * columns; else "". Cut to @size; returns @out.
 */
const char *status_rest(const struct ui_model *model, const struct ui_state *state, int cols,
                        char *out, size_t size);

#endif
