/* SPDX-License-Identifier: MIT */
/*
 * Scan queue: the monitor's background scans, one at a time, and their results. Main thread.
 */
#ifndef KVMLENS_UI_APP_SCAN_QUEUE_H
#define KVMLENS_UI_APP_SCAN_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/rootfs.h"
#include "core/scan/scan_worker.h"
#include "ui/state/model.h"
#include "ui/state/scan_reports.h"

#define SCAN_QUEUE_WAITING_MAX 16

enum scan_queue_depth {
    SCAN_QUEUE_LOOK,  /* residency and an estimate; all only where that is done at once */
    SCAN_QUEUE_EXACT, /* an estimate first, then all present pages */
};

struct scan_queue {
    const struct rootfs *root;   /* borrowed; NULL: nothing can be scanned */
    int wake_fd;                 /* readable when scan_queue_wake has something to do; -1: none */
    struct scan_worker *worker;  /* started with the first scan */
    enum scan_queue_depth depth; /* of the scan under way */
    struct scan_reports scans;
    /* submitted in turn when the one under way has ended */
    struct scan_request waiting[SCAN_QUEUE_WAITING_MAX];
    size_t waiting_count;
};

/* scan_queue_init - 0 or a negative errno. @root NULL: scan_queue_request refuses. Ends with
 * scan_queue_done. */
int scan_queue_init(struct scan_queue *queue, const struct rootfs *root);

/* scan_queue_done - cancels what runs; at most half a second. */
void scan_queue_done(struct scan_queue *queue);

/*
 * scan_queue_request - scan that VM of @snapshot.
 * One that has to wait for others is started after them; an exact one waits for a look at the same
 * VM.
 * 0; 1 when it waits for another VM; or a negative errno with a sentence, -EBUSY when too many
 * wait.
 */
int scan_queue_request(struct scan_queue *queue, const struct snapshot *snapshot,
                       const struct vm_id *vm, enum scan_queue_depth depth, struct error *err);

/* scan_queue_cancel - end the scan of that VM, or take it from those that wait. */
void scan_queue_cancel(struct scan_queue *queue, const struct vm_id *vm);

bool scan_queue_is_waiting(const struct scan_queue *queue, const struct vm_id *vm);

/* scan_queue_wake - @wake_fd became readable: take reports, start what waits. true: something new
 * is there. */
bool scan_queue_wake(struct scan_queue *queue, uint64_t now_ns);

struct scan_worker_progress scan_queue_progress(
    const struct scan_queue *queue); /* zero when nothing runs */

#endif
