/* SPDX-License-Identifier: MIT */
/*
 * The curve of the writable working set as a table: at which times it is told.
 *
 * Pure, any thread.
 */
#ifndef KVMLENS_CORE_FORECAST_FORECAST_TIMES_H
#define KVMLENS_CORE_FORECAST_FORECAST_TIMES_H

#include <stddef.h>

#include "core/forecast/dirty_curve.h"

#define FORECAST_TIMES_MOST 16

struct forecast_point {
    double seconds;
    struct dirty_estimate dirty;
};

/* forecast_times_table - @curve at 0.1, 0.2, 0.5, 1, 2, 5 ... seconds: until a minute, or as much
 * longer as it was looked at. Returns how many points there are. */
size_t forecast_times_table(struct forecast_point ret[FORECAST_TIMES_MOST],
                            const struct dirty_curve *curve);

#endif
