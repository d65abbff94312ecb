/* SPDX-License-Identifier: MIT */
/*
 * What a forecast says in words: for machines and for people. Numbers are not in them.
 *
 * Pure, any thread. All texts are static.
 */
#ifndef KVMLENS_CORE_FORECAST_FORECAST_WORDS_H
#define KVMLENS_CORE_FORECAST_FORECAST_WORDS_H

#include <stddef.h>

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

#endif
