/* SPDX-License-Identifier: MIT */
/*
 * Forecasts of many VMs, for metrics: made side by side, kept while fresh. Beside
 * ui/report/estimates.h, whose rules are these as well: a record waits for a bounded time, a VM
 * that is not reached keeps the forecast that it had, and comes first next time.
 *
 * All are for the same settings.
 */
#ifndef KVMLENS_UI_REPORT_KEPT_FORECASTS_H
#define KVMLENS_UI_REPORT_KEPT_FORECASTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/forecast/forecast_model.h"
#include "core/model/snapshot.h"
#include "core/scan/scan.h"
#include "ui/choose/filter.h"

#define KEPT_FORECASTS_FRESH_NS (300ull * 1000000000) /* made anew when older */

/* What is known of one VM. Times: CLOCK_MONOTONIC; 0 = never. */
struct kept_forecast {
    struct vm_id vm;
    uint64_t tried_ns; /* made, or broken off although it had its time */
    uint64_t taken_ns; /* of what follows; 0: nothing is known yet */
    bool failed;       /* there is none, or it is void: none of the following */
    bool is_shared;    /* it is of all VMs of the process together */
    uint8_t converges; /* enum forecast_converges */
    struct forecast_range dirty_pages_per_s, bytes, total_s, downtime_s, margin;
    double looked_s;
};

/* Zeroed memory but for settings and look is an empty one. */
struct kept_forecasts {
    struct forecast_settings settings;
    struct scan_request look;    /* what all looks have in common: duration, rate */
    struct kept_forecast *items; /* ascending (pid, fd) */
    size_t count;
};

/* Who looks. ui/app/forecaster.h; a test has its own. */
struct kept_forecasts_taker {
    void *ctx;
    uint64_t (*now_ns)(void *ctx);
    /*
     * Looks at all of @requests, each of which takes its duration_s, and lets @done free the report
     * of each that was begun; none is at work any more after @deadline_ns. 0 or a negative errno.
     */
    int (*take)(void *ctx, const struct scan_request *requests, size_t count, uint64_t deadline_ns,
                void *done_ctx,
                void (*done)(void *done_ctx, size_t index, struct scan_report *report));
};

/*
 * kept_forecasts_refresh - drops those of VMs that ended and has those of the chosen VMs made that
 * are missing or not fresh, the one tried longest ago first, for at most @budget_ns: where that is
 * less than it takes to look, shorter looks are taken. Main thread.
 */
void kept_forecasts_refresh(struct kept_forecasts *forecasts,
                            const struct kept_forecasts_taker *taker, const struct snapshot *s,
                            const struct filter *filter, uint64_t budget_ns);
void kept_forecasts_done(struct kept_forecasts *forecasts);

/* kept_forecasts_find - of that VM, or NULL. */
const struct kept_forecast *kept_forecasts_find(const struct kept_forecasts *forecasts,
                                                const struct vm_id *vm);

/* kept_forecasts_pending - chosen VMs of which nothing is known yet, not even that it cannot be. */
size_t kept_forecasts_pending(const struct kept_forecasts *forecasts, const struct snapshot *s,
                              const struct filter *filter);

/* kept_forecasts_failed - chosen VMs without a forecast of use. *@ret_pid: the process of one of
 * them.
 */
size_t kept_forecasts_failed(const struct kept_forecasts *forecasts, const struct snapshot *s,
                             const struct filter *filter, pid_t *ret_pid);

#endif
