/* SPDX-License-Identifier: MIT */
/*
 * A collector that takes the place of another numbers the VMs anew (born of struct vm_id). Those
 * that were there before keep the identity by which screens and totals know them. One thread.
 */
#ifndef KVMLENS_CORE_COLLECT_ADOPT_H
#define KVMLENS_CORE_COLLECT_ADOPT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/model/sample.h"

/* Zeroed memory has adopted none. */
struct adopted {
    struct adoption *items; /* ascending (pid, fd) */
    size_t count;
};

/*
 * adopted_apply - give the VMs of @sample the identities they are known by. @before: the sample
 * before, NULL: there was none. @is_first: @sample is the first of its collector. A VM that was
 * kept as stuck is found again by whatever collector comes to it. Without memory a VM is taken for
 * a new one.
 */
void adopted_apply(struct adopted *adopted, const struct sample *before, bool is_first,
                   struct sample *sample);

void adopted_done(struct adopted *adopted);

#endif
