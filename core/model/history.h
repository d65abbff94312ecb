/* SPDX-License-Identifier: MIT */
/*
 * History: the last values of some numbers per VM, for graphs. A fixed ring per VM identity.
 *
 * Pure but for memory: values come in from snapshots, in the order of time. Main thread.
 */
#ifndef KVMLENS_CORE_MODEL_HISTORY_H
#define KVMLENS_CORE_MODEL_HISTORY_H

#include <stddef.h>

#include "core/model/vm.h"

#define HISTORY_LENGTH 128 /* values kept per series */
#define HISTORY_VMS_MAX 4096 /* VMs remembered at a time; more get no history */

struct history;

/* history_new - @series numbers per VM, 1 or more; NULL = no memory. */
struct history *history_new(size_t series);
void history_free(struct history *history); /* NULL ok */

/*
 * One tick: history_begin, then history_add once per VM, then history_end, which forgets the VMs
 * that were not added. @values: [series]; NAN = missing in this tick, a gap. history_add returns 0,
 * -ENOSPC when HISTORY_VMS_MAX are known, or -ENOMEM; the VM then has no history. Adding in
 * ascending order of (pid, fd), as in a snapshot, costs least.
 */
void history_begin(struct history *history);
int history_add(struct history *history, const struct vm_id *id, const float *values);
void history_end(struct history *history);

/*
 * history_get - the last values of a series, oldest first.
 * Writes at most @count values to @ret; returns how many. 0 for a VM that is not known.
 */
size_t history_get(const struct history *history, const struct vm_id *id, size_t series, float *ret,
                   size_t count);

#endif
