/* SPDX-License-Identifier: MIT */
/*
 * Screens: keys, clicks and new snapshots go to the screen that is shown, and it is drawn. Pure.
 */
#ifndef KVMLENS_UI_SCREENS_SCREENS_H
#define KVMLENS_UI_SCREENS_SCREENS_H

#include <stdbool.h>

#include "ui/grid/keys.h"
#include "ui/grid/prompt.h"
#include "ui/grid/screen.h"
#include "ui/grid/screen_list.h"
#include "ui/state/model.h"
#include "ui/state/state.h"

/*
 * ui_follow - a new snapshot (or a new size) is there: rows, selections and scroll positions follow
 * it. 0 or -ENOMEM, the rows then being empty.
 */
int ui_follow(struct ui_state *state, const struct ui_model *model);

/* ui_unasked - what the screen that is shown begins by itself, as things are now. To be asked again
 * whenever they may have changed; what has begun is not begun again. */
enum ui_action ui_unasked(const struct ui_state *state, const struct ui_model *model);

/* ui_draw - the whole screen. @out has the size that the state knows. */
void ui_draw(const struct ui_model *model, const struct ui_state *state, struct screen *out);

/* ui_update - one key or mouse event. The rows are brought up to date. */
enum ui_action ui_update(struct ui_state *state, const struct ui_model *model, struct ui_key key);

/* ui_command - what a key stands for; ui_update finds it in the key table. */
enum ui_action ui_command(struct ui_state *state, const struct ui_model *model,
                          enum ui_command command);

/* ui_mouse - a click or a turn of the wheel. */
enum ui_action ui_mouse(struct ui_state *state, const struct ui_model *model, struct ui_key key);

#endif
