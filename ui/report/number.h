/* SPDX-License-Identifier: MIT */
/*
 * Numbers as reports print them: one place for units and for times. Pure; needs LC_NUMERIC "C".
 * What is not 0 never reads as 0: "<0.1".
 */
#ifndef KVMLENS_UI_REPORT_NUMBER_H
#define KVMLENS_UI_REPORT_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "core/model/field.h"
#include "core/model/snapshot.h"

#define NUMBER_MAX 96 /* room for anything below, with NUL */

/* number_missing - why a number is not there: "denied (lockdown=integrity)", "n/a". */
void number_missing(uint8_t state, uint8_t cause, char buf[NUMBER_MAX]);

/* number_reading_bytes - "16.0G", "55.1M", "512", powers of 1024; or the state's short text. */
void number_reading_bytes(const struct reading *reading, char buf[NUMBER_MAX]);

/* number_ratio - "12.3%", or the state's short text ("...", "n/a"). */
void number_ratio(const struct figure *ratio, char buf[NUMBER_MAX]);

/* number_percent - the same without its sign, for a column that has it in its title: "12.3". */
void number_percent(const struct figure *ratio, char buf[NUMBER_MAX]);

/*
 * number_sum - puts a ">" before the text of a sum that is short: that lacks the number of some VM.
 * One that is missing as a whole says so already. @state: of the sum.
 */
void number_sum(bool is_short, uint8_t state, char buf[NUMBER_MAX]);

/* number_figure - "120.0", or the state's short text. */
void number_figure(const struct figure *figure, char buf[NUMBER_MAX]);

/*
 * number_value - a field's number in its unit: "1.500000s" of what is measured in seconds, else
 * plain, "120" or, where the kernel counts in parts, "0.120000".
 */
void number_value(const struct field *field, uint64_t raw, char buf[NUMBER_MAX]);

/*
 * number_rate - a field's rate: "120.0" of its unit per second; a time counter as share of the
 * interval, "12.3%"; else the state's short text.
 */
void number_rate(const struct field *field, const struct figure *rate, char buf[NUMBER_MAX]);

/* number_scale - factor from raw values to the field's unit: base^exponent. */
double number_scale(const struct field *field);

/* number_time - UTC with milliseconds: "2026-01-01T00:00:00.000Z". */
void number_time(const struct timespec *wall, char buf[NUMBER_MAX]);

#endif
