/* SPDX-License-Identifier: MIT */
/*
 * Scroll: a cursor in a list that is longer than the screen. Pure.
 */
#ifndef KVMLENS_UI_GRID_SCROLL_H
#define KVMLENS_UI_GRID_SCROLL_H

#include <stdbool.h>
#include <stddef.h>

#include "ui/grid/keys.h"

struct scroll {
    size_t row; /* the cursor */
    size_t top; /* first row shown */
};

/*
 * scroll_command - move the cursor for COMMAND_UP .. COMMAND_LAST, false for any other command.
 * @count rows, may be 0; @page of them are visible, at least 1.
 */
bool scroll_command(struct scroll *scroll, enum ui_command command, size_t count, size_t page);

/* scroll_fit - keep the cursor in the list and in view, after either changed. */
void scroll_fit(struct scroll *scroll, size_t count, size_t page);

/* scroll_text - the same for text without a cursor: @top moves. */
bool scroll_text(struct scroll *scroll, enum ui_command command, size_t count, size_t page);

#endif
