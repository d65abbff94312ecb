// SPDX-License-Identifier: MIT
#include "core/forecast/forecast_words.h"

#include <math.h>
#include <stdio.h>

#define MB         1e6
#define MBIT       125e3 /* bytes per second */
#define GBIT_FROM  999.5 /* of Mbit/s */
#define MS_PER_S   1e3
#define FEW_DIGITS 2

const struct forecast_reason_words forecast_reason_table[] = {
    {FORECAST_TOO_FAST, "too-fast", "pages are dirtied faster than they are sent"},
    {FORECAST_HOT_SET, "hot-set",
     "some pages are dirtied again at once, and they are too many for the downtime"},
    {FORECAST_NEAR_LIMIT, "near-limit", "it is close: a little more or less load decides"},
    {FORECAST_BURSTS, "bursts", "the guest writes in bursts: a quiet moment lets it through"},
    {FORECAST_THROTTLED, "throttled",
     "auto-converge slows the vCPUs down meanwhile, which helps with busy ones only"},
    {FORECAST_BUSY_UNKNOWN, "busy-unknown",
     "how busy the vCPUs are is not known, so they are taken as always busy"},
    {FORECAST_OVER_DOWNTIME, "over-downtime",
     "the downtime is longer than its limit, unless the line is faster than said"},
    {FORECAST_STOPPED, "stopped", "the guest does not run"},
    {FORECAST_QUIET, "quiet", "nothing was seen to be dirtied"},
    {FORECAST_ONE_ROUND, "one-round", "little is left after the first pass over memory"},
    {FORECAST_MOSTLY_ZERO, "mostly-zero", "more than half of the pages are zero"},
    {FORECAST_CPU_BOUND, "cpu-bound", "the sender's CPU takes longer than the line"},
    {FORECAST_EXTRAPOLATED, "extrapolated",
     "its rounds are longer than the VM was looked at: look longer to be surer"},
};
const size_t forecast_reason_count =
    sizeof(forecast_reason_table) / sizeof(forecast_reason_table[0]);

const char *forecast_converges_name(enum forecast_converges converges)
{
    static const char *const names[] = {
        [FORECAST_DOES_NOT] = "false",
        [FORECAST_DOES] = "true",
        [FORECAST_UNSURE] = "unsure",
    };
    return names[converges];
}

const char *forecast_verdict(const struct forecast *forecast, const struct forecast_seen *seen)
{
    if (seen->is_spoilt)
        return "void: what was seen does not tell what a migration would take";
    if (forecast->converges == FORECAST_UNSURE)
        return "unsure: it may take long, or not end";
    if (forecast->converges == FORECAST_DOES_NOT && (forecast->reasons & FORECAST_HOT_SET) != 0)
        return "does not end: what is dirtied again at once does not fit the downtime";
    if (forecast->converges == FORECAST_DOES_NOT)
        return "does not end: the guest dirties memory faster than it is sent";
    if ((forecast->reasons & FORECAST_THROTTLED) != 0)
        return "ends, with the guest slowed down";
    if ((forecast->reasons & FORECAST_OVER_DOWNTIME) != 0)
        return "ends, but the guest may stand still for longer than allowed";
    return "ends";
}

/* To two digits: no more are known, and less would not be enough. */
static double round_up(double value)
{
    double unit = value > 0 ? pow(10, floor(log10(value)) + 1 - FEW_DIGITS) : 1;

    return ceil(value / unit - 1e-9) * unit;
}

static void bandwidth_words(const struct forecast_remedy *remedy, char *ret)
{
    double bytes_per_s = round_up(remedy->bandwidth), mbit = bytes_per_s / MBIT;
    bool is_large = mbit >= GBIT_FROM;

    snprintf(ret, FORECAST_WAY_SIZE, "send about %.10g MB/s (%.10g %s) or more", bytes_per_s / MB,
             is_large ? mbit / 1e3 : mbit, is_large ? "Gbit/s" : "Mbit/s");
}

static void downtime_words(const struct forecast_remedy *remedy, char *ret)
{
    snprintf(ret, FORECAST_WAY_SIZE, "let it stand still for about %.10g ms or more",
             round_up(remedy->downtime_limit_s * MS_PER_S));
}

static void auto_converge_words(const struct forecast_remedy *remedy, char *ret)
{
    snprintf(ret, FORECAST_WAY_SIZE,
             "hold its vCPUs back for up to %.0f %%: it takes about %.10g s",
             remedy->with_auto_converge.throttle * 100,
             round_up(remedy->with_auto_converge.total_s.value));
}

static void write_less_words(const struct forecast_remedy *remedy, char *ret)
{
    (void)remedy;
    snprintf(ret, FORECAST_WAY_SIZE, "have it write less");
}

static bool is_there(const struct forecast_remedy *remedy, enum forecast_way way)
{
    const bool there[FORECAST_WAY_COUNT] = {
        [FORECAST_WAY_BANDWIDTH] = remedy->bandwidth > 0,
        [FORECAST_WAY_DOWNTIME] = remedy->downtime_limit_s > 0,
        [FORECAST_WAY_AUTO_CONVERGE] = remedy->auto_converge,
        [FORECAST_WAY_WRITE_LESS] = true,
    };
    return there[way];
}

size_t forecast_remedy_words(const struct forecast_remedy *remedy,
                             struct forecast_way_words ret[FORECAST_WAY_COUNT])
{
    static void (*const words[FORECAST_WAY_COUNT])(const struct forecast_remedy *, char *) = {
        [FORECAST_WAY_BANDWIDTH] = bandwidth_words,
        [FORECAST_WAY_DOWNTIME] = downtime_words,
        [FORECAST_WAY_AUTO_CONVERGE] = auto_converge_words,
        [FORECAST_WAY_WRITE_LESS] = write_less_words,
    };
    size_t count = 0;

    for (int way = 0; way < FORECAST_WAY_COUNT; way++) {
        if (!is_there(remedy, (enum forecast_way)way))
            continue;
        ret[count].way = (enum forecast_way)way;
        words[way](remedy, ret[count++].text);
    }
    return count;
}
