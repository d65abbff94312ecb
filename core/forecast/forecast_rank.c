// SPDX-License-Identifier: MIT
#include "core/forecast/forecast_rank.h"

#include <math.h>

enum group {
    GROUP_ENDS,
    GROUP_MAY_END,
    GROUP_DOES_NOT,
    GROUP_VOID,
    GROUP_NOT_KNOWN,
};

static enum group group_of(const struct forecast_ranked *r)
{
    if (r->forecast == NULL)
        return GROUP_NOT_KNOWN;
    if (r->is_spoilt)
        return GROUP_VOID;
    if (!isfinite(r->forecast->total_s.value))
        return GROUP_DOES_NOT;
    return r->forecast->converges == FORECAST_DOES ? GROUP_ENDS : GROUP_MAY_END;
}

static int compare_numbers(double a, double b)
{
    return (a > b) - (a < b);
}

int forecast_rank_compare(const struct forecast_ranked *a, const struct forecast_ranked *b)
{
    enum group group = group_of(a), other = group_of(b);

    if (group != other)
        return group < other ? -1 : 1;
    if (group == GROUP_DOES_NOT)
        return compare_numbers(b->forecast->margin.value, a->forecast->margin.value);
    if (group >= GROUP_VOID)
        return 0;
    int by_time = compare_numbers(a->forecast->total_s.value, b->forecast->total_s.value);
    return by_time != 0 ? by_time
                        : compare_numbers(a->forecast->bytes.value, b->forecast->bytes.value);
}
