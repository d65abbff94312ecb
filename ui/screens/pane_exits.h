/* SPDX-License-Identifier: MIT */
/* The part of the pane that says why the selected VM leaves its guest: by reasons where exits are
 * counted, by KVM's counters else. */
#ifndef KVMLENS_UI_SCREENS_PANE_EXITS_H
#define KVMLENS_UI_SCREENS_PANE_EXITS_H

#include "ui/screens/pane_pen.h"

/* pane_exits_draw - a line that says which, then bars. Pure. */
void pane_exits_draw(struct pane_pen *p);

#endif
