// SPDX-License-Identifier: MIT
#include "ui/choose/delay.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>

#define DIGITS_MAX 18

int delay_parse(const char *text, double *ret)
{
    double value = 0, place = 1;
    size_t digits = 0, points = 0;

    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '.' && points++ == 0)
            continue;
        if (!isdigit((unsigned char)*p) || ++digits > DIGITS_MAX)
            return -EINVAL;
        value = value * 10 + (*p - '0');
        if (points > 0)
            place *= 10;
    }
    value /= place;
    if (digits == 0 || value < DELAY_MIN_S || value > DELAY_MAX_S)
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
