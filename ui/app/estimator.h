/* SPDX-License-Identifier: MIT */
/*
 * Takes estimates on a thread of its own, and waits for it no longer than it may.
 */
#ifndef KVMLENS_UI_APP_ESTIMATOR_H
#define KVMLENS_UI_APP_ESTIMATOR_H

#include "core/base/rootfs.h"
#include "core/scan/scan_worker.h"
#include "ui/report/estimates.h"

struct estimator {
    const struct rootfs *root; /* borrowed */
    int stop_fd;               /* borrowed, never read: readable when it is to end; -1: none */
    int wake_fd;
    struct scan_worker *worker; /* started with the first estimate */
    /* the kernel holds the thread in a read of some VM: no more estimates in this run */
    bool is_stuck;
};

void estimator_init(struct estimator *estimator, const struct rootfs *root, int stop_fd);

/* estimator_done - at most half a second. A thread that is stuck is left to the end of the process,
 * and with it @root must stay. */
void estimator_done(struct estimator *estimator);

/* estimator_taker - for estimates_refresh. Borrows @estimator. */
struct estimates_taker estimator_taker(struct estimator *estimator);

#endif
