/* SPDX-License-Identifier: MIT */
/*
 * What was seen of a VM, as far as forecasts need it: made once of a scan of mode SCAN_DIRTY, good
 * for any number of forecasts with other settings.
 *
 * Plain data, no pointers. Pure, any thread.
 */
#ifndef KVMLENS_CORE_FORECAST_FORECAST_SEEN_H
#define KVMLENS_CORE_FORECAST_FORECAST_SEEN_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/forecast/dirty_curve.h"
#include "core/forecast/forecast_model.h"
#include "core/scan/scan.h"

struct forecast_seen {
    struct forecast_pages pages;
    struct dirty_curve curve;
    double vcpu_busy;  /* as in struct scan_dirty */
    uint32_t voids;    /* bit 1 << enum scan_void, those of the scan and what the curve shows */
    bool is_spoilt;    /* one of them leaves nothing to be made of the rates */
    double duration_s; /* it was looked at for so long */
};

/*
 * forecast_seen_make - of @report, which may be one of a scan under way or one that was cancelled:
 * two looks are enough. Pages that could not be read, and those that are swapped out, count as sent
 * whole.
 *
 * -ENODATA with a sentence: it is no report of SCAN_DIRTY, regions were left out, or there are no
 * two looks to compare; for a scan that was refused or failed its own sentence. @ret is written
 * only with 0.
 */
int forecast_seen_make(struct forecast_seen *ret, const struct scan_report *report,
                       struct error *err);

/*
 * forecast_of_seen - the forecast with @settings and forecast_costs_default. Where is_spoilt, what
 * it says of convergence is unsure. Takes some milliseconds at most. As forecast_make.
 */
int forecast_of_seen(struct forecast *ret, const struct forecast_seen *seen,
                     const struct forecast_settings *settings, struct error *err);

/* forecast_seen_ends - would it say FORECAST_DOES? As forecast_ends, in a fifth of the time. */
bool forecast_seen_ends(const struct forecast_seen *seen, const struct forecast_settings *settings);

#endif
