// SPDX-License-Identifier: MIT
#include "core/forecast/forecast_words.h"

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
    {FORECAST_OVER_DOWNTIME, "over-downtime", "the downtime is longer than its limit"},
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
        return "ends, but the guest stands still for longer than allowed";
    return "ends";
}
