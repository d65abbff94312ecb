/* SPDX-License-Identifier: MIT */
/*
 * A collector that takes the place of another numbers the VMs anew (born of struct vm_id). Those
 * that were there before keep the identity by which screens and totals know them. One thread.
 */
#ifndef KVMLENS_CORE_COLLECT_ADOPT_H
#define KVMLENS_CORE_COLLECT_ADOPT_H

#include <stddef.h>

#include "core/model/sample.h"

/* Zeroed memory has adopted none. */
struct adopted {
    struct adoption *items; /* ascending (pid, fd) */
    size_t count;
};

/*
 * adopted_apply - give the VMs of @sample the identities they are known by. @before: the last
 * sample of the collector before, when @sample is the first of a new one; else NULL. Without memory
 * a VM is taken for a new one.
 */
void adopted_apply(struct adopted *adopted, const struct sample *before, struct sample *sample);

void adopted_done(struct adopted *adopted);

#endif
