/* SPDX-License-Identifier: MIT */
/*
 * Has estimates taken by a scanner, and waits for it no longer than it may.
 */
#ifndef KVMLENS_UI_APP_ESTIMATOR_H
#define KVMLENS_UI_APP_ESTIMATOR_H

#include "core/collect/scan_link.h"
#include "ui/report/estimates.h"

struct estimator {
    struct supervisor *supervisor; /* borrowed */
    int stop_fd;                   /* borrowed, never read: readable when it is to end; -1: none */
    struct scan_link *link;        /* NULL before the first estimate */
};

void estimator_init(struct estimator *estimator, struct supervisor *supervisor, int stop_fd);
void estimator_done(struct estimator *estimator);

/* estimator_taker - for estimates_refresh. Borrows @estimator. */
struct estimates_taker estimator_taker(struct estimator *estimator);

#endif
