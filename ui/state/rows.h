/* SPDX-License-Identifier: MIT */
/*
 * Rows: what is made from a snapshot and the state, so that it is not made anew for every frame.
 * The state is what a person chose; these can be thrown away at any time.
 */
#ifndef KVMLENS_UI_STATE_ROWS_H
#define KVMLENS_UI_STATE_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "ui/state/counters.h"
#include "ui/state/exits.h"
#include "ui/state/exits_page.h"
#include "ui/state/forecasts.h"
#include "ui/state/histograms.h"
#include "ui/state/vcpus.h"

/* A row of the VMs screen: a VM, or one vCPU of it. Indices into the snapshot. */
struct vms_row {
    uint32_t vm;
    int32_t vcpu; /* -1: the VM itself */
};

struct vms_rows {
    struct vms_row *rows; /* [count] */
    size_t count, cap;
    size_t vm_count; /* VMs among them */
};

/* {0} is empty. */
struct ui_rows {
    struct vms_rows vms;
    struct counters counters; /* of the VM whose drill-down is open */
    struct vcpus_rows vcpus;  /* of that VM */
    struct hist_interval hist; /* likewise, while they are shown */
    struct counters host;     /* of all VMs together, or by guest */
    struct exits_rows exits;  /* of the screen of exits that is shown */
    struct forecasts forecasts;
    struct exits_page exits_page; /* the reason that is open there */
};

/* ui_rows_done - give back their memory; they are empty then. */
void ui_rows_done(struct ui_rows *rows);

#endif
