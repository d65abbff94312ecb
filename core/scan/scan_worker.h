/* SPDX-License-Identifier: MIT */
/*
 * Worker: one background thread that does one scan at a time, so that the main thread of the
 * scanner can always be spoken to.
 *
 *   IDLE -> QUEUED -> RUNNING -> DONE -> (scan_worker_take) IDLE
 *
 * All functions are for the main thread, except where said. The thread blocks all signals
 * but those that its own code can cause.
 */
#ifndef KVMLENS_CORE_SCAN_SCAN_WORKER_H
#define KVMLENS_CORE_SCAN_SCAN_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/base/rootfs.h"
#include "core/scan/scan.h"

struct scan_worker;

struct scan_worker_progress {
    bool busy; /* queued or running, or done and not taken */
    enum scan_phase phase;
    uint64_t done_bytes;  /* of memory read */
    uint64_t total_bytes; /* 0 = not known yet */
    double bytes_per_s;   /* mean since reading began; 0 = not known */
    double eta_s;         /* negative = not known */
    struct vm_id vm;
};

/*
 * scan_worker_start - @root borrowed, outlives the worker. @wake_fd: eventfd, borrowed; 1 is added
 * to it when a job is done and when an intermediate report is there. -1: nobody is woken. Returns 0
 * or a negative errno with a sentence. Ends with scan_worker_stop.
 */
int scan_worker_start(const struct rootfs *root, int wake_fd, struct scan_worker **ret,
                      struct error *err);

/*
 * scan_worker_start_seen - the same, for a process whose progress another one looks at: @progress
 * and @beacon are borrowed, outlive the worker, and may lie in memory that both share. @bpf: NULL,
 * or borrowed, and used by the worker's thread alone from now on.
 */
int scan_worker_start_seen(const struct rootfs *root, int wake_fd, struct scan_progress *progress,
                           struct beacon *beacon, struct kvm_bpf *bpf, struct scan_worker **ret,
                           struct error *err);

/* scan_worker_submit - copies @request. 0, -EBUSY while a job is queued, running or not taken, or
 * -ENOMEM. */
int scan_worker_submit(struct scan_worker *worker, const struct scan_request *request);

/* scan_worker_cancel - returns at once; the job ends within 50 ms, with a partial report.
 * Idempotent, no job: no effect. */
void scan_worker_cancel(struct scan_worker *worker);

/* scan_worker_progress - of the current job. Any thread. */
struct scan_worker_progress scan_worker_progress(struct scan_worker *worker);

/*
 * scan_worker_progress_of - what these counters say, which any process may have written: speed and
 * time left follow from them, at CLOCK_MONOTONIC @now_ns. busy and vm are left alone. Pure.
 */
void scan_worker_progress_of(const struct scan_progress *progress, uint64_t now_ns,
                             struct scan_worker_progress *ret);

/*
 * scan_worker_peek - the newest intermediate report that was not fetched yet (state SCAN_RUNNING),
 * or NULL. The caller owns it.
 */
struct scan_report *scan_worker_peek(struct scan_worker *worker);

/* scan_worker_take - the final report, once per job (the caller owns it), else NULL. Makes the
 * worker free again. A job always has one, also when memory is short. */
struct scan_report *scan_worker_take(struct scan_worker *worker);

/*
 * scan_worker_stop - cancel, wait at most half a second, free. NULL ok.
 *
 * A thread that the kernel holds in a read of the VMM's memory cannot be waited for: then it is
 * left behind with its memory, and false is returned. It ends with the process, which the caller
 * should end soon.
 */
bool scan_worker_stop(struct scan_worker *worker);

#endif
