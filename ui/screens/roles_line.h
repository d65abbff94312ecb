/* SPDX-License-Identifier: MIT */
/* The threads of a VM by role, in one line. */
#ifndef KVMLENS_UI_SCREENS_ROLES_LINE_H
#define KVMLENS_UI_SCREENS_ROLES_LINE_H

#include "core/model/snapshot.h"
#include "ui/grid/screen.h"

/* roles_line_draw - each role that has threads: how many, their CPU time, their wait where it is
 * worth a word. Where room is scarce, the last ones go. Pure. */
void roles_line_draw(const struct snapshot_vm *vm, struct rect r, struct screen *out);

/* roles_line_put - the same without its label, in as many rows as @r has. */
void roles_line_put(const struct snapshot_vm *vm, struct rect r, struct screen *out);

#endif
