/* SPDX-License-Identifier: MIT */
/*
 * Zero-page estimates of many VMs, for metrics: taken one after the other, kept while fresh.
 *
 * An estimate reads a few thousand random pages of a VM that are present and maps none, as
 * core/scan/scan.h has it. A VM that cannot be estimated has its reason.
 *
 * A record waits for the estimates it brings, so the time for them is bounded. A VM that is not
 * reached keeps the estimate it had, which is told its age, and comes first next time.
 */
#ifndef KVMLENS_UI_REPORT_ESTIMATES_H
#define KVMLENS_UI_REPORT_ESTIMATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/model/snapshot.h"
#include "core/scan/scan.h"
#include "ui/choose/filter.h"

#define ESTIMATES_SAMPLE_PAGES 4096 /* of each VM: an interval of at most 1.6 % */
#define ESTIMATES_FRESH_NS (300ull * 1000000000) /* taken anew when older */
/*
 * For all estimates of one record. Of a log half its interval when that is less, but no less than
 * the second figure: an estimate of a large VM would never come to its end.
 */
#define ESTIMATES_BUDGET_S 10.0
#define ESTIMATES_BUDGET_MIN_S 2.0

/* What is known of one VM. Times: CLOCK_MONOTONIC; 0 = never. */
struct estimate {
    struct vm_id vm;
    /* ended, or broken off although it had the whole time of a record for itself */
    uint64_t tried_ns;
    uint64_t taken_ns;      /* of what follows; 0: nothing is known yet */
    bool failed;            /* it could not be estimated */
    bool zero_known, wire_known;
    double zero_ratio, zero_low, zero_high;
    uint64_t wire_bytes;
    double duration_s;
};

/* Zeroed memory is an empty one. */
struct estimates {
    struct estimate *items; /* ascending (pid, fd) */
    size_t count;
};

/* Who takes one. ui/app/estimator.h; a test has its own. */
struct estimates_taker {
    void *ctx;
    uint64_t (*now_ns)(void *ctx);
    /*
     * 0: it ended, *@ret is its report, for the caller to free. -ETIME: broken off at @deadline_ns.
     * Anything else: broken off, and there is no use in going on with other VMs now (a signal
     * waits, no memory).
     */
    int (*take)(void *ctx, const struct scan_request *request, uint64_t deadline_ns,
                struct scan_report **ret);
};

/*
 * estimates_refresh - drops those of VMs that ended and takes those of the chosen VMs that are
 * missing or not fresh, the one tried longest ago first, for at most @budget_ns. Main thread.
 */
void estimates_refresh(struct estimates *estimates, const struct estimates_taker *taker,
                       const struct snapshot *s, const struct filter *filter, uint64_t budget_ns);
void estimates_done(struct estimates *estimates);

/* estimates_find - of that VM, or NULL. */
const struct estimate *estimates_find(const struct estimates *estimates, const struct vm_id *vm);

/* estimates_pending - chosen VMs of which nothing is known yet, not even that it cannot be. */
size_t estimates_pending(const struct estimates *estimates, const struct snapshot *s,
                         const struct filter *filter);

/* estimates_failed - chosen VMs that could not be estimated. *@ret_pid: the process of one of them.
 */
size_t estimates_failed(const struct estimates *estimates, const struct snapshot *s,
                        const struct filter *filter, pid_t *ret_pid);

/* estimates_of_report - what a report says of its VM, found at @now_ns. */
struct estimate estimates_of_report(const struct scan_report *report, uint64_t now_ns);

#endif
