// SPDX-License-Identifier: MIT
#include "core/forecast/forecast_remedy.h"

#include <math.h>

#define STEPS 5 /* halvings of the logarithm: to 11 % */
#define TRIES 2 /* steps up, where what is found is all but enough */

typedef void set_fn(struct forecast_settings *settings, double times);

static void set_bandwidth(struct forecast_settings *s, double times)
{
    s->bandwidth *= times;
    if (s->link_bandwidth > 0)
        s->link_bandwidth = fmax(s->link_bandwidth, s->bandwidth);
}

static void set_downtime(struct forecast_settings *s, double times)
{
    s->downtime_limit_s *= times;
}

struct search {
    const struct forecast_seen *seen;
    const struct forecast_settings *settings;
    set_fn *set;
    int result;
};

static struct forecast_settings settings_at(const struct search *search, double times)
{
    struct forecast_settings settings = *search->settings;

    search->set(&settings, times);
    return settings;
}

static bool may_end_at(const struct search *search, double times)
{
    const struct forecast_settings settings = settings_at(search, times);

    return forecast_seen_ends(search->seen, &settings);
}

static bool ends_at(struct search *search, double times)
{
    const struct forecast_settings settings = settings_at(search, times);
    struct forecast forecast;

    int result = forecast_of_seen(&forecast, search->seen, &settings, NULL);
    if (result < 0)
        search->result = result;
    return result == 0 && forecast.converges == FORECAST_DOES;
}

/* How many times as much is enough; 0: nothing is. */
static double find_times(struct search *search)
{
    double low = 1, high = FORECAST_REMEDY_MOST;

    if (!may_end_at(search, high))
        return 0;
    for (int i = 0; i < STEPS; i++) {
        double middle = sqrt(low * high);
        if (may_end_at(search, middle))
            high = middle;
        else
            low = middle;
    }
    double step = high / low;
    for (int i = 0; i < TRIES && high <= FORECAST_REMEDY_MOST; i++, high *= step)
        if (ends_at(search, high))
            return high;
    return 0;
}

int forecast_remedy_find(struct forecast_remedy *ret, const struct forecast_seen *seen,
                         const struct forecast_settings *settings, struct error *err)
{
    struct forecast_settings slowed = *settings;
    struct forecast_remedy remedy = {.auto_converge = false};
    struct search bandwidth = {seen, settings, set_bandwidth, 0},
                  downtime = {seen, settings, set_downtime, 0};

    slowed.auto_converge = true;
    int result = forecast_of_seen(&remedy.with_auto_converge, seen, &slowed, err);
    if (result < 0)
        return result;
    remedy.auto_converge =
        !settings->auto_converge && remedy.with_auto_converge.converges == FORECAST_DOES;
    remedy.bandwidth = settings->bandwidth * find_times(&bandwidth);
    remedy.downtime_limit_s = settings->downtime_limit_s * find_times(&downtime);
    result = bandwidth.result < 0 ? bandwidth.result : downtime.result;
    if (result < 0)
        return error_set(err, result, "other settings could not be tried");
    *ret = remedy;
    return 0;
}
