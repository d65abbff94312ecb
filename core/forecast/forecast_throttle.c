// SPDX-License-Identifier: MIT
#include "core/forecast/forecast_throttle.h"

#include <math.h>

double forecast_throttle_pace(double throttle, double busy)
{
    double awake = 1 - throttle;

    return busy > 0 ? fmin(1, awake / fmin(1, busy)) : awake;
}
