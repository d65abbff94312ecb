/* SPDX-License-Identifier: MIT */
/* The pane of the selected VM below the table of VMs: what it does and what it fights for. */
#ifndef KVMLENS_UI_SCREENS_VMS_PANE_H
#define KVMLENS_UI_SCREENS_VMS_PANE_H

#include "ui/grid/screen.h"
#include "ui/state/model.h"
#include "ui/state/state.h"

/* vms_pane_draw - nothing where @r is empty. Pure. */
void vms_pane_draw(const struct ui_model *model, const struct ui_state *state, struct rect r,
                   struct screen *out);

#endif
