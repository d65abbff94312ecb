/* SPDX-License-Identifier: MIT */
/* Why a column of contention has no number for a VM. */
#ifndef KVMLENS_UI_SCREENS_LOAD_CAUSE_H
#define KVMLENS_UI_SCREENS_LOAD_CAUSE_H

#include <stdbool.h>

#include "core/model/snapshot.h"
#include "ui/grid/screen.h"
#include "ui/state/columns.h"

/*
 * load_cause_draw - in the status line: the first of the columns in @plan whose number is missing
 * for a reason that can be helped, that reason, and what helps. One of the host is said of all VMs,
 * and not where @has_pane, which says it. False: there is none, or @vm is NULL.
 */
bool load_cause_draw(const struct snapshot *now, const struct snapshot_vm *vm,
                     const struct column_plan *plan, bool has_pane, struct rect r,
                     struct screen *out);

#endif
