/* SPDX-License-Identifier: MIT */
/*
 * A table of counters: what the Counters tab of a VM and the host counters have in common.
 */
#ifndef KVMLENS_UI_SCREENS_COUNTERS_TABLE_H
#define KVMLENS_UI_SCREENS_COUNTERS_TABLE_H

#include <stdbool.h>

#include "ui/grid/keys.h"
#include "ui/grid/screen.h"
#include "ui/state/counters.h"
#include "ui/state/layout.h"
#include "ui/state/model.h"
#include "ui/state/state.h"

/* counters_table_draw - titles, rows, and the explanation of the selected one where @r has room.
 * @s is the snapshot that @rows were made from, @vm the VM they are of, or NULL. */
void counters_table_draw(const struct ui_model *model, const struct counters_state *cs,
                         const struct counters *rows, const struct snapshot *s,
                         const struct snapshot_vm *vm, struct rect r, struct screen *out);

/* counters_table_follow - make @rows anew. The caller says in @query what they are of; the rest
 * of it is filled in here. 0 or -ENOMEM. */
int counters_table_follow(struct ui_state *state, const struct ui_model *model,
                          struct counters_state *cs, struct counters *rows,
                          struct counters_query query);

/* counters_table_command - false: it is none of a table of counters. */
bool counters_table_command(const struct ui_state *state, struct counters_state *cs,
                            const struct counters *rows, enum ui_command command);

/* counters_table_click - into the body. True: on the row that was selected already. */
bool counters_table_click(const struct ui_state *state, struct counters_state *cs,
                          const struct counters *rows, bool detail, const struct layout *layout,
                          struct ui_key key);

/* counters_table_search - see struct screen_object. */
bool counters_table_search(struct counters_state *cs, const struct counters *rows,
                           const struct snapshot *s, const char *text, bool after);

#endif
