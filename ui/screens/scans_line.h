/* SPDX-License-Identifier: MIT */
/* What the status line of the VMs screen says of scans that are under way or wait. */
#ifndef KVMLENS_UI_SCREENS_SCANS_LINE_H
#define KVMLENS_UI_SCREENS_SCANS_LINE_H

#include "ui/grid/screen.h"
#include "ui/state/model.h"

/*
 * scans_line_draw - which VM is scanned, and how many wait; @names: and which, in turn, as far as
 * they are known. Returns the columns that it took; 0: nothing is scanned.
 */
int scans_line_draw(const struct ui_model *model, bool names, struct rect r, struct screen *out);

#endif
