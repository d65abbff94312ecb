/* SPDX-License-Identifier: MIT */
/*
 * Wishes: which facts of contention the screen needs, so that nothing else is read. Pure.
 */
#ifndef KVMLENS_UI_STATE_LOAD_WISH_H
#define KVMLENS_UI_STATE_LOAD_WISH_H

#include "core/model/vm_load.h"
#include "ui/state/state.h"

/*
 * load_wish_of - what the screen that is shown needs, or that the help or the chooser lies over:
 * the columns that find room, and the one that is sorted by; the line about the host; the pane or
 * the tab of one VM.
 */
struct load_wish_set load_wish_of(const struct ui_state *state);

#endif
