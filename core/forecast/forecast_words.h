/* SPDX-License-Identifier: MIT */
/*
 * What a forecast says in words: for machines and for people. Pure, any thread.
 */
#ifndef KVMLENS_CORE_FORECAST_FORECAST_WORDS_H
#define KVMLENS_CORE_FORECAST_FORECAST_WORDS_H

#include <stddef.h>

#include "core/forecast/forecast_remedy.h"
#include "core/forecast/forecast_seen.h"

/* forecast_converges_name - "true", "false", "unsure". */
const char *forecast_converges_name(enum forecast_converges converges);

/* forecast_verdict - one short sentence: whether to migrate, or why that cannot be said. */
const char *forecast_verdict(const struct forecast *forecast, const struct forecast_seen *seen);

struct forecast_reason_words {
    enum forecast_reason reason;
    const char *name; /* "mostly-zero", ... */
    const char *text; /* a sentence without its full stop, that begins small */
};

/* Each reason once, what decides first. */
extern const struct forecast_reason_words forecast_reason_table[];
extern const size_t forecast_reason_count;

/* What can be done so that it ends, as somebody may want to be told how. */
enum forecast_way {
    FORECAST_WAY_BANDWIDTH,
    FORECAST_WAY_DOWNTIME,
    FORECAST_WAY_AUTO_CONVERGE,
    FORECAST_WAY_WRITE_LESS,
    FORECAST_WAY_COUNT
};

#define FORECAST_WAY_SIZE 80

struct forecast_way_words {
    enum forecast_way way;
    char text[FORECAST_WAY_SIZE]; /* "send about 240 MB/s (1.92 Gbit/s) or more" */
};

/* forecast_remedy_words - all that @remedy has, what is least trouble first, and at last what
 * always helps. Numbers to two digits, rounded up. Returns how many: 1 or more. */
size_t forecast_remedy_words(const struct forecast_remedy *remedy,
                             struct forecast_way_words ret[FORECAST_WAY_COUNT]);

#endif
