/* SPDX-License-Identifier: MIT */
/*
 * Histograms: what the counts of the open VM grew by in the last interval. A snapshot has only
 * those since creation, so the counts of the one before are kept while somebody looks. Pure.
 */
#ifndef KVMLENS_UI_STATE_HISTOGRAMS_H
#define KVMLENS_UI_STATE_HISTOGRAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/model/snapshot.h"

/* {0} is empty. */
struct hist_interval {
    struct vm_id vm;
    uint64_t mono_ns; /* when the counts were read */
    double seconds;   /* of the interval; 0: there is none yet */
    size_t entities;  /* the VM, then its vCPUs */
    size_t buckets;   /* of each */
    uint64_t *counts; /* [entities][buckets]: at that time */
    uint64_t *growth; /* [entities][buckets]: in the interval */
    bool *is_reset;   /* [entities]: some count of it fell */
};

/*
 * hist_interval_follow - @vm of @s: a new snapshot makes an interval, another VM or another number
 * of vCPUs or buckets none. One that was not read changes nothing. 0 or -ENOMEM, then it is empty.
 */
int hist_interval_follow(struct hist_interval *hist, const struct snapshot *s,
                         const struct snapshot_vm *vm);

/*
 * hist_interval_get - growth of the buckets of vCPU @vcpu (index; -1: all together), indexed as in
 * the snapshot. NULL: there is no interval yet, or a count fell in it.
 */
const uint64_t *hist_interval_get(const struct hist_interval *hist, int vcpu);

void hist_interval_done(struct hist_interval *hist);

#endif
