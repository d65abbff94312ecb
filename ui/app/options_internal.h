/* SPDX-License-Identifier: MIT */
/*
 * What the files of ui/app/options.h share: the options of --scan, rows of the table in options.c.
 */
#ifndef KVMLENS_UI_APP_OPTIONS_INTERNAL_H
#define KVMLENS_UI_APP_OPTIONS_INTERNAL_H

#include "core/base/error.h"
#include "ui/app/options.h"

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

#endif
