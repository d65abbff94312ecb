/* SPDX-License-Identifier: MIT */
/*
 * What the files of ui/app/options.h share: what goes together, and the options of --scan and
 * --forecast, rows of the table in options.c.
 */
#ifndef KVMLENS_UI_APP_OPTIONS_INTERNAL_H
#define KVMLENS_UI_APP_OPTIONS_INTERNAL_H

#include "core/base/error.h"
#include "ui/app/options.h"

#define OPTIONS_SHOWN_MAX 80 /* bytes of a bad argument that an error message repeats */

/* A bad argument as a message may show it. */
struct options_shown {
    char text[OPTIONS_SHOWN_MAX];
};

/* options_show - cleaned, and cut where it is long. */
struct options_shown options_show(const char *arg);

/* options_check - what was parsed has a meaning as a whole: 0, or -EINVAL with a sentence. */
int options_check(const struct options *opts, struct error *err);

/* options_count - a whole number from 1 to @max, of the option @name: 0, or -EINVAL. */
int options_count(const char *name, const char *arg, uint64_t max, uint64_t *ret,
                  struct error *err);

/* Each takes its argument into opts->scan: 0, or -EINVAL with a sentence. */
int options_scan_sample(struct options *opts, const char *arg, struct error *err);
int options_scan_max_rate(struct options *opts, const char *arg, struct error *err);
int options_scan_threads(struct options *opts, const char *arg, struct error *err);
int options_scan_force(struct options *opts, const char *arg, struct error *err);
int options_scan_ram(struct options *opts, const char *arg, struct error *err);
int options_scan_accel(struct options *opts, const char *arg, struct error *err);

/* Each takes its argument into opts->forecast, the last into opts->scan: likewise. */
int options_forecast_bandwidth(struct options *opts, const char *arg, struct error *err);
int options_forecast_link(struct options *opts, const char *arg, struct error *err);
int options_forecast_downtime(struct options *opts, const char *arg, struct error *err);
int options_forecast_mode(struct options *opts, const char *arg, struct error *err);
int options_forecast_zero(struct options *opts, const char *arg, struct error *err);
int options_forecast_channels(struct options *opts, const char *arg, struct error *err);
int options_forecast_duration(struct options *opts, const char *arg, struct error *err);

/* The words of --mode and --zero-page-detection, in the order of their enums; NULL ends. */
extern const char *const options_forecast_modes[], *const options_forecast_zeros[];

/* options_forecast_check - what options_check says of these. */
int options_forecast_check(const struct options *opts, struct error *err);

#endif
