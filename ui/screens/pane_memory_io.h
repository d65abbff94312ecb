/* SPDX-License-Identifier: MIT */
/* The part of the pane that says where memory lies and what is read, written, received and sent. */
#ifndef KVMLENS_UI_SCREENS_PANE_MEMORY_IO_H
#define KVMLENS_UI_SCREENS_PANE_MEMORY_IO_H

#include "ui/screens/pane_pen.h"

/* pane_memory_draw - two lines: how much of RAM is resident, and where. Pure. */
void pane_memory_draw(struct pane_pen *p);

/* pane_io_draw - two lines: storage, network. Pure. */
void pane_io_draw(struct pane_pen *p);

#endif
