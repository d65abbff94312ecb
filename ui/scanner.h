/* SPDX-License-Identifier: MIT */
/*
 * Scanner: the monitor's background scans, one at a time, and their results. Main thread.
 */
#ifndef KVMLENS_UI_SCANNER_H
#define KVMLENS_UI_SCANNER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/rootfs.h"
#include "core/worker.h"
#include "ui/scans.h"

#define SCANNER_WAITING_MAX 16

struct scanner {
    const struct rootfs *root; /* borrowed; NULL: nothing can be scanned */
    int wake_fd;               /* readable when scanner_wake has something to do; -1: none */
    struct worker *worker;     /* started with the first scan */
    struct scans scans;
    /* submitted in turn when the one under way has ended */
    struct scan_request waiting[SCANNER_WAITING_MAX];
    size_t waiting_count;
};

/* scanner_init - 0 or a negative errno. @root NULL: scanner_request refuses. Ends with
 * scanner_done. */
int scanner_init(struct scanner *scanner, const struct rootfs *root);

/* scanner_done - cancels what runs; at most half a second. */
void scanner_done(struct scanner *scanner);

/*
 * scanner_request - scan that VM of @snapshot: an estimate first, then all present pages.
 * One that has to wait for others is started after them.
 * 0; 1 when it waits; or a negative errno with a sentence, -EBUSY when too many wait.
 */
int scanner_request(struct scanner *scanner, const struct snapshot *snapshot,
                    const struct vm_id *vm, struct error *err);

/* scanner_cancel - end the scan of that VM, or take it from those that wait. */
void scanner_cancel(struct scanner *scanner, const struct vm_id *vm);

bool scanner_is_waiting(const struct scanner *scanner, const struct vm_id *vm);

/* scanner_wake - @wake_fd became readable: take reports, start what waits. true: something new is
 * there. */
bool scanner_wake(struct scanner *scanner, uint64_t now_ns);

struct worker_progress scanner_progress(const struct scanner *scanner); /* zero when nothing runs */

#endif
