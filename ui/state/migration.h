/* SPDX-License-Identifier: MIT */
/*
 * Migration: the settings that forecasts are made for, as keys change them and as they are shown
 * and kept. Pure.
 */
#ifndef KVMLENS_UI_STATE_MIGRATION_H
#define KVMLENS_UI_STATE_MIGRATION_H

#include "core/forecast/forecast_settings.h"
#include "ui/grid/format.h"
#include "ui/grid/keys.h"

/* What the configuration may say; keys stay within it. */
#define MIGRATION_MBYTES_MIN      1.0 /* 10^6 bytes per second */
#define MIGRATION_MBYTES_MAX      1e6
#define MIGRATION_DOWNTIME_MS_MIN 1.0
#define MIGRATION_DOWNTIME_MS_MAX 2e6 /* QEMU's greatest */

/* migration_command - what a key makes of @settings: the next step of bandwidth or downtime, the
 * next mode, auto-converge on or off. False: it is no such key. */
bool migration_command(struct forecast_settings *settings, enum ui_command command);

/* migration_bandwidth_parse - "125", "12.5": MB/s; migration_downtime_parse - "300": ms. Within the
 * bounds above, in bytes per second and seconds; or -EINVAL. */
int migration_bandwidth_parse(const char *text, double *ret);
int migration_downtime_parse(const char *text, double *ret);

/* migration_mode_find - enum forecast_mode of a name, or -ENOENT. */
int migration_mode_find(const char *name);

/* migration_bandwidth_text - "1 Gbit/s", "2.5 Gbit/s", "300 Mbit/s"; returns @out. */
char *migration_bandwidth_text(char out[FORMAT_MAX], double bytes_per_s);

/* migration_equal - do forecasts of both say the same? */
bool migration_equal(const struct forecast_settings *a, const struct forecast_settings *b);

#endif
