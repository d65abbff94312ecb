// SPDX-License-Identifier: MIT
#include "core/base/parse_number.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static const char blanks[] = " \t\n";

/* Digits and what follows them. */
static int parse_digits(const char *s, uint64_t *ret)
{
    uint64_t value = 0;
    size_t digits = strspn(s, "0123456789");

    if (digits == 0 || s[digits + strspn(s + digits, blanks)] != '\0')
        return -EINVAL;
    for (size_t i = 0; i < digits; i++)
        if (__builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (uint64_t)(s[i] - '0'), &value))
            return -ERANGE;
    *ret = value;
    return 0;
}

int parse_u64(const char *s, uint64_t *ret)
{
    return parse_digits(s + strspn(s, blanks), ret);
}

int parse_i64(const char *s, int64_t *ret)
{
    uint64_t value;

    s += strspn(s, blanks);
    bool negative = *s == '-';
    int result = parse_digits(s + negative, &value);
    if (result < 0)
        return result;
    if (value > (uint64_t)INT64_MAX + negative)
        return -ERANGE;
    *ret = negative ? (int64_t)-value : (int64_t)value;
    return 0;
}
