/* SPDX-License-Identifier: MIT */
/*
 * Model: what there is to show. Read by the views and by the keys, made by the monitor.
 */
#ifndef KVMLENS_UI_STATE_MODEL_H
#define KVMLENS_UI_STATE_MODEL_H

#include "core/model/sample_wait.h"
#include "core/model/snapshot.h"
#include "core/scan/scan_worker.h"
#include "ui/state/rows.h"
#include "ui/state/scan_reports.h"
#include "ui/state/trends.h"

#define UI_SCAN_AT_ONCE_S 0.1 /* memory that takes no longer is read without being asked for */
/* Where finding out what is there takes no longer, looks at what is written begin by themselves. */
#define UI_LOOKS_AT_ONCE_S 0.5

#define UI_SCANS_NAMED 8

/* The scans, and looks at what VMs write, that are under way or wait. */
struct ui_scans {
    size_t count;       /* that under way, and those that wait */
    size_t waiting;     /* of them, those that wait */
    size_t of_selected; /* of them, those of the VM that is selected on the VMs screen */
    struct vm_id next[UI_SCANS_NAMED]; /* the VMs of the first that wait, in turn */
};

/* All borrowed. */
struct ui_model {
    const struct snapshot *now;  /* NULL before the first */
    const struct snapshot *base; /* totals count from here; NULL: since each VM was created */
    const struct trends *trends;
    struct ui_rows *rows; /* made by ui_follow from all this and the state; views only read them */
    /* Of the VM whose drill-down is open: @now while it lives, afterwards the last that had it. */
    const struct snapshot *detail;
    const struct scan_reports *scans; /* NULL: this host cannot be scanned (a saved tree) */
    struct scan_worker_progress scan; /* of the scan under way; not busy: none */
    uint64_t mono_ns;            /* the time, CLOCK_MONOTONIC; 0: that of @now */
    bool scan_looks;             /* that one looks at what its VM writes */
    bool scan_waiting;           /* a scan of the open VM waits for that one */
    bool looks_waiting;          /* looks at what the open VM writes do */
    struct ui_scans scan_list;   /* those, and all others */
    struct sample_wait wait;     /* for the next snapshot */
};

#endif
