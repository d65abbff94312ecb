/* SPDX-License-Identifier: MIT */
/*
 * Has VMs looked at for forecasts, side by side, and waits for them no longer than it may.
 */
#ifndef KVMLENS_UI_APP_FORECASTER_H
#define KVMLENS_UI_APP_FORECASTER_H

#include "ui/app/scan_pool.h"
#include "ui/report/kept_forecasts.h"

#define FORECASTER_SIDE_BY_SIDE 16 /* a service has fewer processes than a command */

struct forecaster {
    struct supervisor *supervisor; /* borrowed */
    int stop_fd;                   /* borrowed, never read: readable when it is to end; -1: none */
};

void forecaster_init(struct forecaster *forecaster, struct supervisor *supervisor, int stop_fd);

/* forecaster_taker - for kept_forecasts_refresh. Borrows @forecaster. Scanners are there only while
 * it works: there are many of them, and nothing to do for minutes. */
struct kept_forecasts_taker forecaster_taker(struct forecaster *forecaster);

#endif
