// SPDX-License-Identifier: MIT
#include "core/base/parse_number.h"

#include <errno.h>
#include <string.h>

#define DECIMAL_DIGITS_MAX 15

static const char blanks[] = " \t\n";

static unsigned digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    if (c >= 'a' && c <= 'f')
        return (unsigned)(c - 'a') + 10;
    return c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10 : 16;
}

/* As parse_digits. *@ret_fits false: too large, *@ret is not the number. */
static const char *take_digits(const char *s, const char *end, unsigned base, uint64_t *ret,
                               bool *ret_fits)
{
    const char *first = s;

    *ret = 0;
    *ret_fits = true;
    for (unsigned digit; s != end && (digit = digit_of(*s)) < base; s++)
        if (__builtin_mul_overflow(*ret, (uint64_t)base, ret) ||
            __builtin_add_overflow(*ret, (uint64_t)digit, ret))
            *ret_fits = false;
    return s != first ? s : NULL;
}

const char *parse_digits(const char *s, const char *end, unsigned base, uint64_t *ret)
{
    uint64_t value;
    bool fits;

    s = take_digits(s, end, base, &value, &fits);
    if (s == NULL || !fits)
        return NULL;
    *ret = value;
    return s;
}

const char *parse_id(const char *s, int *ret)
{
    uint64_t value;
    const char *end = parse_digits(s, NULL, 10, &value);

    if (end == NULL || end - s > 9)
        return NULL;
    *ret = (int)value;
    return end;
}

bool parse_whole_id(const char *s, int *ret)
{
    int id;
    const char *end = parse_id(s, &id);

    if (end == NULL || *end != '\0')
        return false;
    *ret = id;
    return true;
}

/* Digits and the white space behind them. */
static int parse_rest(const char *s, uint64_t *ret)
{
    uint64_t value;
    bool fits;

    s = take_digits(s, NULL, 10, &value, &fits);
    if (s == NULL || s[strspn(s, blanks)] != '\0')
        return -EINVAL;
    if (!fits)
        return -ERANGE;
    *ret = value;
    return 0;
}

int parse_u64(const char *s, uint64_t *ret)
{
    return parse_rest(s + strspn(s, blanks), ret);
}

int parse_i64(const char *s, int64_t *ret)
{
    uint64_t value;

    s += strspn(s, blanks);
    bool negative = *s == '-';
    int result = parse_rest(s + negative, &value);
    if (result < 0)
        return result;
    if (value > (uint64_t)INT64_MAX + negative)
        return -ERANGE;
    *ret = negative ? (int64_t)-value : (int64_t)value;
    return 0;
}

bool parse_decimal(const char *s, double *ret)
{
    double value = 0, place = 1;
    int count = 0, points = 0;

    for (; *s != '\0'; s++) {
        if (*s == '.' && points++ == 0)
            continue;
        if (*s < '0' || *s > '9' || ++count > DECIMAL_DIGITS_MAX)
            return false;
        value = value * 10 + (*s - '0');
        if (points > 0)
            place *= 10;
    }
    if (count > 0)
        *ret = value / place;
    return count > 0;
}
