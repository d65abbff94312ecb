/* SPDX-License-Identifier: MIT */
/*
 * Scanner: the monitor's background scans, one at a time, and their results. Main thread.
 */
#ifndef KVMLENS_UI_STATE_SCANNER_H
#define KVMLENS_UI_STATE_SCANNER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/rootfs.h"
#include "core/scan/worker.h"
#include "ui/state/scans.h"

#define SCANNER_WAITING_MAX 16
#define SCANNER_AT_ONCE_S 0.1 /* what takes no longer is read without being asked for */

enum scanner_depth {
    SCANNER_LOOK,  /* residency and an estimate; all only where that is done at once */
    SCANNER_EXACT, /* an estimate first, then all present pages */
};

struct scanner {
    const struct rootfs *root; /* borrowed; NULL: nothing can be scanned */
    int wake_fd;               /* readable when scanner_wake has something to do; -1: none */
    struct worker *worker;     /* started with the first scan */
    enum scanner_depth depth;  /* of the scan under way */
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
 * scanner_request - scan that VM of @snapshot.
 * One that has to wait for others is started after them; an exact one waits for a look at the same
 * VM.
 * 0; 1 when it waits for another VM; or a negative errno with a sentence, -EBUSY when too many
 * wait.
 */
int scanner_request(struct scanner *scanner, const struct snapshot *snapshot,
                    const struct vm_id *vm, enum scanner_depth depth, struct error *err);

/* scanner_cancel - end the scan of that VM, or take it from those that wait. */
void scanner_cancel(struct scanner *scanner, const struct vm_id *vm);

bool scanner_is_waiting(const struct scanner *scanner, const struct vm_id *vm);

/* scanner_wake - @wake_fd became readable: take reports, start what waits. true: something new is
 * there. */
bool scanner_wake(struct scanner *scanner, uint64_t now_ns);

struct worker_progress scanner_progress(const struct scanner *scanner); /* zero when nothing runs */

#endif
