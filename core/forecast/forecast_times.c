// SPDX-License-Identifier: MIT
#include "core/forecast/forecast_times.h"

#define ALWAYS_S 60.0 /* what lies beyond a minute is guessed, unless it was looked at for long */

static const double times[] = {0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 120, 300, 600, 1800, 3600};

_Static_assert(sizeof(times) / sizeof(times[0]) <= FORECAST_TIMES_MOST, "the table has its room");

size_t forecast_times_table(struct forecast_point ret[FORECAST_TIMES_MOST],
                            const struct dirty_curve *curve)
{
    size_t count = 0;

    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
        if (times[i] <= ALWAYS_S || times[i] <= curve->longest_s)
            ret[count++] = (struct forecast_point){times[i], dirty_curve_at(curve, times[i])};
    return count;
}
