/* SPDX-License-Identifier: MIT */
/*
 * Views: what all screens, or all tabs, show around their own part. Pure: they read their arguments
 * only and draw inside their rectangle only.
 */
#ifndef KVMLENS_UI_VIEW_VIEW_H
#define KVMLENS_UI_VIEW_VIEW_H

#include <stdbool.h>

#include "ui/grid/keys.h"
#include "ui/grid/prompt.h"
#include "ui/grid/screen.h"
#include "ui/state/model.h"
#include "ui/state/state.h"

/* view_header - the host, totals, the clock: 1 or 2 rows at the top. */
void view_header(const struct ui_model *model, const struct ui_state *state, struct rect r,
                 struct screen *out);

/* view_host - CPUs, load, pressure, steal, memory and swap of the host: 1 row. */
void view_host(const struct snapshot *now, struct rect r, struct screen *out);

/* view_tabs - the VM whose drill-down is open, and its tabs: 1 row. */
void view_tabs(const struct ui_model *model, const struct ui_state *state, struct rect r,
               struct screen *out);

/* view_prompt, view_message - what is asked or said in the status line. */
void view_prompt(const struct ui_prompt *prompt, struct rect r, struct screen *out);
void view_message(const char *message, struct rect r, struct screen *out);

/* view_cause - in the status line, why something of this VM is missing, and what helps. False:
 * nothing is missing, or @vm is NULL. @now says what the host is like. */
bool view_cause(const struct snapshot *now, const struct snapshot_vm *vm, struct rect r,
                struct screen *out);

/* view_bar - the function keys of a screen. */
void view_bar(const struct ui_state *state, struct rect r, struct screen *out);

#endif
