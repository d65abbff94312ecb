/* SPDX-License-Identifier: MIT */
/*
 * Views: state and snapshot become cells. Pure: they read their arguments only and draw inside
 * their rectangle only.
 */
#ifndef KVMLENS_UI_VIEW_VIEW_H
#define KVMLENS_UI_VIEW_VIEW_H

#include "ui/state/model.h"
#include "ui/grid/screen.h"
#include "ui/state/state.h"

/* view_draw - the whole screen. @out has the size that the state knows. */
void view_draw(const struct ui_model *model, const struct ui_state *state, struct screen *out);

/* Parts of it. */
void view_header(const struct ui_model *model, const struct ui_state *state, struct rect r,
                 struct screen *out);
void view_vms(const struct ui_model *model, const struct ui_state *state, struct rect titles,
              struct rect body, struct screen *out);
void view_tabs(const struct ui_model *model, const struct ui_state *state, struct rect r,
               struct screen *out);
void view_counters(const struct ui_model *model, const struct ui_state *state, struct rect body,
                   struct screen *out);
void view_vcpus(const struct ui_model *model, const struct ui_state *state, struct rect body,
                struct screen *out);
void view_memory(const struct ui_model *model, const struct ui_state *state, struct rect body,
                 struct screen *out);
void view_histograms(const struct ui_model *model, const struct ui_state *state, struct rect body,
                     struct screen *out);
void view_host(const struct ui_model *model, const struct ui_state *state, struct rect titles,
               struct rect body, struct screen *out);
void view_chooser(const struct ui_state *state, struct rect titles, struct rect body,
                  struct screen *out);
void view_help(const struct ui_state *state, struct rect titles, struct rect body,
               struct screen *out);
void view_status(const struct ui_model *model, const struct ui_state *state, struct rect r,
                 struct screen *out);
void view_bar(const struct ui_state *state, struct rect r, struct screen *out);

#endif
