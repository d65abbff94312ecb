// SPDX-License-Identifier: MIT
#include "ui/choose/delay.h"

#include <errno.h>

#include "core/base/parse_number.h"

int delay_parse(const char *text, double *ret)
{
    double value;

    if (!parse_decimal(text, &value) || value < DELAY_MIN_S || value > DELAY_MAX_S)
        return -EINVAL;
    *ret = value;
    return 0;
}

double delay_clamp(double seconds)
{
    if (!(seconds > DELAY_MIN_S))
        return DELAY_MIN_S;
    return seconds < DELAY_MAX_S ? seconds : DELAY_MAX_S;
}
