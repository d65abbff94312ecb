/* SPDX-License-Identifier: MIT */
/*
 * Numbers for narrow columns. Pure; no locale but "C" for numbers may be set.
 *
 * Every function writes a NUL-terminated text of at most FORMAT_MAX - 1 bytes and returns @out.
 */
#ifndef KVMLENS_UI_GRID_FORMAT_H
#define KVMLENS_UI_GRID_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#define FORMAT_MAX 32

/*
 * format_count - at most 5 columns: "0", "3.2", "120", "38.1k", "310k", "1.2M" (steps of 1000).
 * What is not 0 never reads as 0: "<0.1".
 */
char *format_count(char out[FORMAT_MAX], double value);

/* format_bytes - at most 5 columns: "0", "512", "55.0M", "16.0G" (steps of 1024). */
char *format_bytes(char out[FORMAT_MAX], double bytes);

/* format_bytes_per_s - the same of a rate: what is not 0 never reads as 0: "<1". */
char *format_bytes_per_s(char out[FORMAT_MAX], double bytes);

/* format_percent - of a ratio, one decimal and no sign: "3.1", "612.0"; "<0.1". */
char *format_percent(char out[FORMAT_MAX], double ratio);

/*
 * format_rank - what to sort a count or a percentage by: all that read "<0.1" are as good as 0, and
 * alike. Else they change places with each refresh.
 */
double format_rank(double shown);

/* format_share - of a ratio in percent, with as many digits as it takes not to read as 0 or 100:
 * "99.994", "0.00002". */
char *format_share(char out[FORMAT_MAX], double ratio);

/* format_exact - all digits, grouped by commas: "4,198,361". */
char *format_exact(char out[FORMAT_MAX], uint64_t value);

/* format_seconds - a time span in at most 6 columns: "12ns", "812us", "3.1ms", "9.0s", "2m05s",
 * "3h12m", "4d02h". */
char *format_seconds(char out[FORMAT_MAX], double seconds);

/* format_span - the same, with another digit of few microseconds: "1.3us". */
char *format_span(char out[FORMAT_MAX], double seconds);

#endif
