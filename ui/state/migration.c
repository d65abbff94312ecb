// SPDX-License-Identifier: MIT
#include "ui/state/migration.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/parse_number.h"

#define BYTES_PER_MBIT 125000.0

/* What links have, and steps between them. */
static const double mbits[] = {100,  200,  300,   500,   1000,  2000,
                               2500, 5000, 10000, 25000, 40000, 100000};
/* QEMU's default is 300. */
static const double limits_ms[] = {10, 30, 50, 100, 200, 300, 500, 1000, 2000, 5000, 10000, 30000};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The next of @steps, which ascend, above @value or below it; @value where there is none. A step
 * that @value is all but equal to is the one where it stands. */
static double step(const double *steps, size_t count, double value, bool up)
{
    for (size_t i = 0; i < count; i++) {
        double s = up ? steps[i] : steps[count - 1 - i];
        if (up ? s > value * 1.001 : s < value * 0.999)
            return s;
    }
    return value;
}

bool migration_command(struct forecast_settings *s, enum ui_command command)
{
    bool up = command == COMMAND_BANDWIDTH_MORE || command == COMMAND_DOWNTIME_MORE;

    switch (command) {
    case COMMAND_BANDWIDTH_MORE:
    case COMMAND_BANDWIDTH_LESS:
        s->bandwidth =
            step(mbits, COUNT(mbits), s->bandwidth / BYTES_PER_MBIT, up) * BYTES_PER_MBIT;
        break;
    case COMMAND_DOWNTIME_MORE:
    case COMMAND_DOWNTIME_LESS:
        s->downtime_limit_s =
            step(limits_ms, COUNT(limits_ms), s->downtime_limit_s * 1e3, up) / 1e3;
        break;
    case COMMAND_MIGRATION_MODE:
        s->mode = (uint8_t)((s->mode + 1) % FORECAST_MODE_COUNT);
        break;
    case COMMAND_AUTO_CONVERGE:
        s->auto_converge = !s->auto_converge;
        break;
    default:
        return false;
    }
    return true;
}

int migration_bandwidth_parse(const char *text, double *ret)
{
    double mbytes;

    if (!parse_decimal(text, &mbytes) || mbytes < MIGRATION_MBYTES_MIN ||
        mbytes > MIGRATION_MBYTES_MAX)
        return -EINVAL;
    *ret = mbytes * 1e6;
    return 0;
}

int migration_downtime_parse(const char *text, double *ret)
{
    double ms;

    if (!parse_decimal(text, &ms) || ms < MIGRATION_DOWNTIME_MS_MIN ||
        ms > MIGRATION_DOWNTIME_MS_MAX)
        return -EINVAL;
    *ret = ms / 1e3;
    return 0;
}

int migration_mode_find(const char *name)
{
    for (int mode = 0; mode < FORECAST_MODE_COUNT; mode++)
        if (strcmp(forecast_mode_name((enum forecast_mode)mode), name) == 0)
            return mode;
    return -ENOENT;
}

char *migration_bandwidth_text(char out[FORMAT_MAX], double bytes_per_s)
{
    double mbit = bytes_per_s / BYTES_PER_MBIT;
    bool is_large = mbit >= 999.5;

    snprintf(out, FORMAT_MAX, "%.3g %s", is_large ? mbit / 1000 : mbit,
             is_large ? "Gbit/s" : "Mbit/s");
    return out;
}

bool migration_equal(const struct forecast_settings *a, const struct forecast_settings *b)
{
    return a->mode == b->mode && a->zero_detection == b->zero_detection &&
           a->channels == b->channels && a->auto_converge == b->auto_converge &&
           a->bandwidth == b->bandwidth && a->link_bandwidth == b->link_bandwidth &&
           a->downtime_limit_s == b->downtime_limit_s;
}
