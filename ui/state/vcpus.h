/* SPDX-License-Identifier: MIT */
/*
 * vCPUs: the rows of the tab of a VM's vCPUs, in the order that somebody chose. Pure.
 */
#ifndef KVMLENS_UI_STATE_VCPUS_H
#define KVMLENS_UI_STATE_VCPUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/model/snapshot.h"
#include "ui/grid/scroll.h"
#include "ui/state/columns.h"

/* By what they are sorted: columns of the tab, from left to right. */
enum vcpus_order {
    VCPUS_BY_ID,
    VCPUS_BY_TID,
    VCPUS_BY_CPU,
    VCPUS_BY_WAIT,
    VCPUS_BY_EXITS,
    VCPUS_BY_HALT,
    VCPUS_BY_STATE,
    VCPUS_BY_TSC,
    VCPUS_ORDER_COUNT
};

struct vcpus_state {
    enum vcpus_order order;
    bool inverted;
    bool has_selected; /* else the first row is, whichever it is */
    int selected;      /* id: it stays the same vCPU wherever it is sorted to */
    struct scroll scroll;
};

/* {0} is empty. */
struct vcpus_rows {
    uint32_t *rows; /* [count]: indices into the VM's vCPUs */
    size_t count, cap;
};

/*
 * vcpus_collect - fill @ret, reusing its memory: numbers of activity begin with the largest, others
 * with the smallest, and what is not known comes last in any case. Those alike stand by their ids.
 * 0 or -ENOMEM.
 */
int vcpus_collect(const struct snapshot *s, const struct scan_reports *scans,
                  const struct snapshot_vm *vm, const struct vcpus_state *state,
                  struct vcpus_rows *ret);
void vcpus_rows_done(struct vcpus_rows *rows);

/* vcpus_sort_by - the same again turns the order round. */
void vcpus_sort_by(struct vcpus_state *state, enum vcpus_order order);

/* vcpus_descends - does that order begin with the largest? */
bool vcpus_descends(enum vcpus_order order);

/* vcpus_column - the column of the VMs screen whose numbers these are; COLUMN_COUNT: of none. */
enum column_id vcpus_column(enum vcpus_order order);

/*
 * vcpus_state_text - "preempted", "nested", else as vcpu_state_text says; where nobody looked
 * "running", "halted", "not halted"; NULL: nothing is known. A vCPU that does not block may as well
 * be paused, or wait for a migration: its thread then sleeps outside of KVM.
 */
const char *vcpus_state_text(const struct snapshot *s, const struct snapshot_vcpu *vcpu);

#endif
