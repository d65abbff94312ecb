/* SPDX-License-Identifier: MIT */
/*
 * Scans of several VMs side by side, within a budget for all of them together.
 *
 * Each place of the pool has a scanner of its own, so one that hangs holds up no other: it is given
 * up (core/collect/scan_link.h), and its VM has its reason.
 *
 * Main thread.
 */
#ifndef KVMLENS_UI_APP_SCAN_POOL_H
#define KVMLENS_UI_APP_SCAN_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/collect/scan_link.h"

#define SCAN_POOL_SIDE_BY_SIDE 32    /* at most; more VMs wait for a place */
#define SCAN_POOL_CPU          0.25  /* of one CPU, all together */
#define SCAN_POOL_RATE         500e6 /* bytes read per second, all together; of who names none */

struct scan_pool;

struct scan_pool_progress {
    size_t done, under_way, total; /* scans */
    double eta_s;                  /* negative: not known */
    enum scan_phase phase;         /* of the one under way that is furthest behind */
};

/* What scans are taken for. Times: CLOCK_MONOTONIC. */
struct scan_pool_work {
    const struct scan_request *requests; /* [count]; their shares of the budget are set here */
    size_t count;
    size_t places; /* at most so many side by side; 0: SCAN_POOL_SIDE_BY_SIDE */
    void *ctx;
    /* The last report of request @index, owned by the callee now; in the order in which they end.
     * Not called for those that were not begun before it was all to end. */
    void (*done)(void *ctx, size_t index, struct scan_report *report);
    /* Now and then; NULL: nobody wants to know. */
    void (*progress)(void *ctx, const struct scan_pool_progress *progress);
    int stop_fd;             /* a signalfd, or -1 */
    bool reads_signals;      /* it is read: a second signal ends all at once. Else left as it is */
    uint64_t deadline_ns;    /* all is to end then; 0: never */
    uint64_t begin_until_ns; /* no scan begins later; 0: whenever there is a place */
};

/* scan_pool_open - @supervisor is borrowed. No scanner is started before it is needed. NULL: no
 * memory. */
struct scan_pool *scan_pool_open(struct supervisor *supervisor);

/* scan_pool_close - NULL ok. */
void scan_pool_close(struct scan_pool *pool);

/*
 * scan_pool_run - until all have ended.
 *
 * When @work->stop_fd has something to tell, or the deadline has come, those under way are
 * cancelled, which takes 50 ms, and none begins any more. One that does not end is given up with
 * what it had half a second later, and all are at a second signal.
 *
 * 0: all were done; -EINTR: ended by a signal, -ETIME: by a deadline, either with what there was;
 * or a negative errno with a sentence in @err: none can be done.
 */
int scan_pool_run(struct scan_pool *pool, const struct scan_pool_work *work, struct error *err);

#endif
