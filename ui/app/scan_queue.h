/* SPDX-License-Identifier: MIT */
/*
 * Scan queue: the monitor's background scans, one at a time, and their results. Main thread.
 */
#ifndef KVMLENS_UI_APP_SCAN_QUEUE_H
#define KVMLENS_UI_APP_SCAN_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/collect/scan_link.h"
#include "ui/state/model.h"
#include "ui/state/scan_reports.h"

/* Beside the one under way: more VMs than this have no report that is kept. */
#define SCAN_QUEUE_WAITING_MAX (SCAN_REPORTS_MAX - 1)

enum scan_queue_depth {
    SCAN_QUEUE_LOOK,  /* residency and an estimate; all only where that is done at once */
    SCAN_QUEUE_EXACT, /* an estimate first, then all present pages */
    SCAN_QUEUE_DIRTY, /* looks at what the VM writes, for SCAN_DIRTY_DURATION_S */
    /* the same, begun by themselves: they never wait for another scan, and give way to one that
     * somebody asks for */
    SCAN_QUEUE_DIRTY_UNASKED,
};

struct scan_queue_item {
    struct scan_request request;
    enum scan_queue_depth depth;
    bool is_of_many; /* what is asked for of one VM goes before it */
};

struct scan_queue {
    struct supervisor *supervisor; /* borrowed; NULL: nothing can be scanned */
    struct scan_link *link;        /* NULL before the first scan */
    enum scan_queue_depth depth; /* of the scan under way */
    struct scan_reports scans;
    /* submitted in turn when the one under way has ended */
    struct scan_queue_item waiting[SCAN_QUEUE_WAITING_MAX];
    size_t waiting_count;
    bool is_late;      /* the first of them waits for a scanner, which is not there yet */
    uint64_t retry_ns; /* when it is asked for again; monotonic */
};

/* scan_queue_init - @supervisor NULL: scan_queue_request refuses. Ends with scan_queue_done. */
void scan_queue_init(struct scan_queue *queue, struct supervisor *supervisor);

/* scan_queue_done - what runs is not waited for. */
void scan_queue_done(struct scan_queue *queue);

/*
 * scan_queue_request - scan that VM of @snapshot.
 * One that has to wait for others is started after them, but before those of many; an exact one
 * waits for a look at the same VM, and looks at what it writes for either of them. 0; 1 when it
 * waits for another VM; or a negative errno with a sentence, -EBUSY when too many wait, or looks
 * that nobody asked for would have to.
 */
int scan_queue_request(struct scan_queue *queue, const struct snapshot *snapshot,
                       const struct vm_id *vm, enum scan_queue_depth depth, struct error *err);

/* scan_queue_request_of_many - the same, of one of many VMs: it waits behind all others. */
int scan_queue_request_of_many(struct scan_queue *queue, const struct snapshot *snapshot,
                               const struct vm_id *vm, enum scan_queue_depth depth,
                               struct error *err);

/* scan_queue_cancel - end the scan of that VM, and take all of it from those that wait. */
void scan_queue_cancel(struct scan_queue *queue, const struct vm_id *vm);

/* scan_queue_cancel_all - that of each VM. */
void scan_queue_cancel_all(struct scan_queue *queue);

/* scan_queue_forget_ended - VMs that are not in @snapshot wait no longer. The scan under way ends
 * with its VM by itself. */
void scan_queue_forget_ended(struct scan_queue *queue, const struct snapshot *snapshot);

/* scan_queue_list - what is under way and waits, for people; @selected is counted apart. */
struct ui_scans scan_queue_list(const struct scan_queue *queue, const struct vm_id *selected);

/* scan_queue_renew - scans that begin from now on follow the supervisor's wish for BPF. */
void scan_queue_renew(struct scan_queue *queue);

/* scan_queue_is_waiting - does a scan of zero pages wait; scan_queue_looks_wait: do looks? */
bool scan_queue_is_waiting(const struct scan_queue *queue, const struct vm_id *vm);
bool scan_queue_looks_wait(const struct scan_queue *queue, const struct vm_id *vm);

/* scan_queue_is_looking - is what is under way looks at what a VM writes? */
bool scan_queue_is_looking(const struct scan_queue *queue);

/* scan_queue_fd - readable when scan_queue_wake has something to do; -1: none. Another one at any
 * time: to be asked before each poll. */
int scan_queue_fd(const struct scan_queue *queue);

/* scan_queue_wait_ms - after which scan_queue_wake is to be called anyway; -1: never. */
int scan_queue_wait_ms(const struct scan_queue *queue);

/* scan_queue_wake - take reports, start what waits. true: something new is there. */
bool scan_queue_wake(struct scan_queue *queue, uint64_t now_ns);

struct scan_worker_progress scan_queue_progress(
    const struct scan_queue *queue); /* zero when nothing runs */

#endif
