/* SPDX-License-Identifier: MIT */
/*
 * Numbers in text: the one place where digits become values. Pure, any thread, independent of the
 * locale.
 */
#ifndef KVMLENS_CORE_BASE_PARSE_NUMBER_H
#define KVMLENS_CORE_BASE_PARSE_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/*
 * parse_digits - the number that begins at @s: digits only, neither sign nor blank nor prefix.
 *
 * @end: behind the text, NULL when it ends with a NUL. @base: 10 or 16. Returns what follows the
 * digits, or NULL when there are none or the number is too large; then *@ret is left alone.
 */
const char *parse_digits(const char *s, const char *end, unsigned base, uint64_t *ret);

/*
 * parse_id - number of a process, thread, descriptor or vCPU: one to nine digits, so that it fits.
 * As parse_digits otherwise.
 */
const char *parse_id(const char *s, int *ret);

/* parse_whole_id - the same where nothing may follow. */
bool parse_whole_id(const char *s, int *ret);

/*
 * parse_u64, parse_i64 - all of a small kernel file: digits, an optional minus where allowed, white
 * space around, nothing else. 0; -EINVAL for anything that is no number; -ERANGE when it does not
 * fit.
 */
int parse_u64(const char *s, uint64_t *ret);
int parse_i64(const char *s, int64_t *ret);

/*
 * parse_decimal - all of a text that a person gave: at most 15 digits, so that it is exact, and at
 * most one point. Neither sign nor exponent nor blank. *@ret is written only with true.
 */
bool parse_decimal(const char *s, double *ret);

#endif
