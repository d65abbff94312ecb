/* SPDX-License-Identifier: MIT */
/*
 * Numbers in small kernel files. Strict: digits, an optional sign where allowed, white space
 * around, nothing else. Pure, any thread, independent of the locale.
 */
#ifndef KVMLENS_CORE_BASE_PARSE_NUMBER_H
#define KVMLENS_CORE_BASE_PARSE_NUMBER_H

#include <stdint.h>

/* 0; -EINVAL for anything that is no number; -ERANGE when it does not fit. */
int parse_u64(const char *s, uint64_t *ret);
int parse_i64(const char *s, int64_t *ret);

#endif
