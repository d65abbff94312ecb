// SPDX-License-Identifier: MIT
/* Options of --forecast. */
#include <errno.h>
#include <string.h>

#include "core/base/parse_number.h"
#include "core/base/text.h"
#include "ui/app/options_internal.h"

#define MB            1e6
#define BANDWIDTH_MIN 0.01
#define BANDWIDTH_MAX 1e6 /* 1 TB/s */
#define DOWNTIME_MAX  2e6 /* QEMU takes no more */
#define CHANNELS_MAX  255
#define MS_PER_S      1e3

const char *const options_forecast_modes[] = {"precopy", "multifd", "mapped-ram", NULL};
const char *const options_forecast_zeros[] = {"default", "legacy", "none", NULL};

static int number(const char *name, const char *arg, double least, double most, double *ret,
                  struct error *err)
{
    char shown[80];

    if (parse_decimal(arg, ret) && *ret >= least && *ret <= most)
        return 0;
    text_clean(arg, strlen(arg), shown, sizeof(shown));
    return error_set(err, -EINVAL, "%s '%s': give a number from %.10g to %.10g", name, shown, least,
                     most);
}

/* The place of a word in a list, or -EINVAL. */
static int word(const char *name, const char *arg, const char *const words[], struct error *err)
{
    char shown[80], list[80] = "";
    int count = 0;

    for (; words[count] != NULL; count++)
        if (strcmp(words[count], arg) == 0)
            return count;
    for (int i = 0; i < count; i++) {
        size_t len = strlen(list);
        snprintf(list + len, sizeof(list) - len, "%s%s",
                 i == 0           ? ""
                 : i == count - 1 ? " or "
                                  : ", ",
                 words[i]);
    }
    text_clean(arg, strlen(arg), shown, sizeof(shown));
    return error_set(err, -EINVAL, "%s '%s': give %s", name, shown, list);
}

int options_forecast_bandwidth(struct options *opts, const char *arg, struct error *err)
{
    double value;
    int n = number("--bandwidth", arg, BANDWIDTH_MIN, BANDWIDTH_MAX, &value, err);

    if (n == 0)
        opts->forecast.bandwidth = value * MB;
    return n;
}

int options_forecast_link(struct options *opts, const char *arg, struct error *err)
{
    double value;
    int n = number("--link", arg, BANDWIDTH_MIN, BANDWIDTH_MAX, &value, err);

    if (n == 0)
        opts->forecast.link_bandwidth = value * MB;
    return n;
}

int options_forecast_downtime(struct options *opts, const char *arg, struct error *err)
{
    double value;
    int n = number("--downtime", arg, 1, DOWNTIME_MAX, &value, err);

    if (n == 0)
        opts->forecast.downtime_limit_s = value / MS_PER_S;
    return n;
}

int options_forecast_mode(struct options *opts, const char *arg, struct error *err)
{
    int n = word("--mode", arg, options_forecast_modes, err);

    if (n >= 0)
        opts->forecast.mode = (uint8_t)n;
    return n < 0 ? n : 0;
}

int options_forecast_zero(struct options *opts, const char *arg, struct error *err)
{
    int n = word("--zero-page-detection", arg, options_forecast_zeros, err);

    if (n >= 0)
        opts->forecast.zero_detection = (uint8_t)n;
    return n < 0 ? n : 0;
}

int options_forecast_channels(struct options *opts, const char *arg, struct error *err)
{
    uint64_t channels = 0;
    int n = options_count("--channels", arg, CHANNELS_MAX, &channels, err);

    if (n == 0) {
        opts->forecast.channels = (unsigned)channels;
        opts->has_channels = true;
    }
    return n;
}

int options_forecast_duration(struct options *opts, const char *arg, struct error *err)
{
    return number("--duration", arg, SCAN_DIRTY_DURATION_MIN_S, SCAN_DIRTY_DURATION_MAX_S,
                  &opts->scan.duration_s, err);
}

int options_forecast_check(const struct options *opts, struct error *err)
{
    const struct forecast_settings *f = &opts->forecast;

    if (opts->has_channels && f->mode != FORECAST_MULTIFD)
        return error_set(err, -EINVAL, "--channels goes with --mode multifd");
    if (f->link_bandwidth > 0 && f->link_bandwidth < f->bandwidth)
        return error_set(
            err, -EINVAL,
            "--link is what the line gives without a limit: not less than --bandwidth");
    return 0;
}
