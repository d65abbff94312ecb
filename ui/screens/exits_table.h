/* SPDX-License-Identifier: MIT */
/*
 * The table of exits: what the Exits tab of a VM and the exits of all VMs have in common. A reason
 * that is opened takes its place.
 */
#ifndef KVMLENS_UI_SCREENS_EXITS_TABLE_H
#define KVMLENS_UI_SCREENS_EXITS_TABLE_H

#include <stdbool.h>

#include "ui/grid/keys.h"
#include "ui/grid/screen.h"
#include "ui/state/exits.h"
#include "ui/state/model.h"
#include "ui/state/state.h"

/* exits_table_draw - the table, the reason that is open, or why there is neither. */
void exits_table_draw(const struct ui_model *model, const struct ui_state *state,
                      const struct exits_chosen *es, const struct exits_view *view, struct rect r,
                      struct screen *out);

/* exits_table_status - in the status line: what is left out. */
void exits_table_status(const struct exits_chosen *es, const struct exits_rows *rows, struct rect r,
                        struct screen *out);

/* exits_table_follow - make the rows anew, or the lines of the open reason. 0 or -ENOMEM. */
int exits_table_follow(const struct ui_state *state, const struct ui_model *model,
                       struct exits_chosen *es, const struct exits_view *view);

/* exits_table_command - keys that both screens have. */
void exits_table_command(const struct ui_state *state, const struct ui_model *model,
                         struct exits_chosen *es, const struct exits_view *view,
                         enum ui_command command);

/* exits_table_close - true: a reason was open, and is no longer. */
bool exits_table_close(struct exits_chosen *es);

/* exits_table_click - into the body. */
void exits_table_click(const struct ui_model *model, struct exits_chosen *es,
                       const struct exits_view *view, struct rect body, struct ui_key key);

#endif
