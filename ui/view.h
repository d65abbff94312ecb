/* SPDX-License-Identifier: MIT */
/*
 * Views: state and snapshot become cells. Pure: they read their arguments only and draw inside
 * their rectangle only.
 */
#ifndef KVMLENS_UI_VIEW_H
#define KVMLENS_UI_VIEW_H

#include "core/snapshot.h"
#include "ui/screen.h"
#include "ui/state.h"
#include "ui/trends.h"

/* What there is to show. All borrowed. */
struct ui_model {
    const struct snapshot *now; /* NULL before the first */
    const struct trends *trends;
};

/* view_draw - the whole screen. @out has the size that the state knows. */
void view_draw(const struct ui_model *model, const struct ui_state *state, struct screen *out);

/* Parts of it. */
void view_header(const struct ui_model *model, const struct ui_state *state, struct rect r,
                 struct screen *out);
void view_vms(const struct ui_model *model, const struct ui_state *state, struct rect titles,
              struct rect body, struct screen *out);
void view_help(const struct ui_state *state, struct rect titles, struct rect body, struct screen *out);
void view_status(const struct ui_model *model, const struct ui_state *state, struct rect r,
                 struct screen *out);
void view_bar(const struct ui_state *state, struct rect r, struct screen *out);

#endif
