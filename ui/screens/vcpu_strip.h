/* SPDX-License-Identifier: MIT */
/*
 * The vCPUs of a VM as a strip of cells: what each gets of a CPU, how long it waits for one, and
 * what it does. Signs say the same as colours.
 */
#ifndef KVMLENS_UI_SCREENS_VCPU_STRIP_H
#define KVMLENS_UI_SCREENS_VCPU_STRIP_H

#include <stddef.h>

#include "core/model/snapshot.h"
#include "ui/grid/screen.h"

/* RUN: a bar, without Unicode tens of percent. RDY: a dot, + from 5 %, tens of percent from 10 %.
 * STATE: a letter. */
#define VCPU_STRIP_ROWS 3

/* One cell: a vCPU, or where there are more than cells the one of several that waits longest. */
struct vcpu_cell {
    struct figure run, ready; /* the largest of them */
    enum vcpu_state state;
};

/*
 * vcpu_strip_make - the cells of @vm, at most @max (at least 1). Pure. Returns how many;
 * *@ret_per_cell: vCPUs that one stands for.
 */
size_t vcpu_strip_make(const struct snapshot_vm *vm, size_t max, struct vcpu_cell *ret,
                       size_t *ret_per_cell);

/* vcpu_strip_letter - of a state: 'G' of guest; '?' of one that is not known. */
char vcpu_strip_letter(enum vcpu_state state);

/* vcpu_strip_draw - three rows from (y, x) on. */
void vcpu_strip_draw(const struct vcpu_cell *cells, size_t count, struct rect clip, int y, int x,
                     struct screen *out);

#endif
