/* SPDX-License-Identifier: MIT */
/*
 * What would make a migration end that does not: other settings are tried, one at a time, and
 * what is found once more with all that a forecast has.
 *
 * Pure, any thread. Takes up to 50 ms (tests/bench/bench_forecast.c).
 */
#ifndef KVMLENS_CORE_FORECAST_FORECAST_REMEDY_H
#define KVMLENS_CORE_FORECAST_FORECAST_REMEDY_H

#include <stdbool.h>

#include "core/forecast/forecast_seen.h"

#define FORECAST_REMEDY_MOST 32.0 /* times what is set: nobody looks further */

struct forecast_remedy {
    double bandwidth;        /* bytes per second, about: with it, and no less, it ends; 0: none */
    double downtime_limit_s; /* likewise */
    bool auto_converge;      /* it ends with that, and was set to do without */
    struct forecast with_auto_converge; /* with that it does */
};

/* forecast_remedy_find - for a forecast with @settings that is not FORECAST_DOES. As
 * forecast_of_seen. */
int forecast_remedy_find(struct forecast_remedy *ret, const struct forecast_seen *seen,
                         const struct forecast_settings *settings, struct error *err);

#endif
