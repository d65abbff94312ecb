// SPDX-License-Identifier: MIT
#include "ui/choose/pattern.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- limits ----------------------------------------------------------------------------------- */

/* A group, or the whole: characters as they stand, and when repetitions are written out. */
struct extent {
    size_t plain, written;
    size_t stacked; /* so many repetitions one of the other, at most */
};

/* What may be repeated next, and what it is part of. */
struct scan {
    struct extent groups[PATTERN_NESTED_MAX + 1];
    size_t depth;
    size_t last; /* written length of the atom before; 0: none */
    size_t last_stacked;
};

/* After the bracket expression that begins at @p, a '['. */
static const char *after_bracket(const char *p)
{
    p += p[1] == '^' ? 2 : 1;
    if (*p == ']')
        p++;
    while (*p != '\0' && *p != ']') {
        char kind = p[0] == '[' && p[1] != '\0' && strchr(".=:", p[1]) != NULL ? p[1] : '\0';
        p++;
        if (kind == '\0')
            continue;
        for (p++; *p != '\0' && !(p[0] == kind && p[1] == ']');)
            p++;
        p += *p != '\0' ? 2 : 0;
    }
    return *p == ']' ? p + 1 : p;
}

static size_t number(const char **p)
{
    size_t n = 0;

    for (; isdigit((unsigned char)**p); (*p)++)
        if (n <= PATTERN_REPEATED_MAX)
            n = n * 10 + (size_t)(**p - '0');
    return n;
}

/*
 * How many copies of the atom before it the repetition at @p makes; 0: there is none. *@ret_end:
 * behind it. "{2,4}" makes 4, and so does "{3,}", the last of them with a star; "+" makes 2.
 */
static size_t copies(const char *p, const char **ret_end)
{
    *ret_end = p + 1;
    if (*p == '*' || *p == '?')
        return 1;
    if (*p == '+')
        return 2;
    if (*p != '{' || !(isdigit((unsigned char)p[1]) || p[1] == ','))
        return 0;
    p++;
    size_t low = number(&p), high = low;
    if (*p == ',') {
        p++;
        high = isdigit((unsigned char)*p) ? number(&p) : low + 1;
    }
    *ret_end = *p == '}' ? p + 1 : p;
    return high > low ? high : low > 0 ? low : 1;
}

static void add_atom(struct scan *s)
{
    s->groups[s->depth].plain++;
    s->groups[s->depth].written++;
    s->last = 1;
    s->last_stacked = 0;
}

/* What has come is repeated once more. */
static void add_repetition(struct scan *s, size_t copies)
{
    struct extent *group = &s->groups[s->depth];

    group->written += s->last * (copies - 1);
    s->last *= copies;
    if (++s->last_stacked > group->stacked)
        group->stacked = s->last_stacked;
}

/* A group has ended and is an atom of what it is in. */
static void close_group(struct scan *s)
{
    struct extent inner = s->groups[s->depth--];

    s->groups[s->depth].plain += inner.plain + 1;
    s->groups[s->depth].written += inner.written + 1;
    s->last = inner.written + 1;
    s->last_stacked = inner.stacked;
    if (inner.stacked > s->groups[s->depth].stacked)
        s->groups[s->depth].stacked = inner.stacked;
}

/* NULL, or why glibc is not to see it. What is no valid expression is for glibc to say. */
static const char *beyond_limits(const char *p)
{
    struct scan s = {.depth = 0};

    if (strlen(p) > PATTERN_LENGTH_MAX)
        return "longer than 2000 characters";
    while (*p != '\0') {
        const char *end;
        size_t n = copies(p, &end);
        if (n > 0) {
            add_repetition(&s, n);
            p = end;
        } else if (*p == '(') {
            if (s.depth == PATTERN_NESTED_MAX)
                return "more than 20 nested parentheses";
            s.groups[++s.depth] = (struct extent){0};
            s.last = s.last_stacked = 0;
            p++;
        } else if (*p == ')' && s.depth > 0) {
            close_group(&s);
            p++;
        } else {
            add_atom(&s);
            p = *p == '[' ? after_bracket(p) : p + (p[0] == '\\' && p[1] != '\0' ? 2 : 1);
        }
        if (s.groups[s.depth].written > s.groups[s.depth].plain + PATTERN_REPEATED_MAX)
            return "repetitions that stand for more than 1000 characters";
        if (s.groups[s.depth].stacked > PATTERN_STACKED_MAX)
            return "a repetition of a repetition of a repetition";
    }
    return NULL;
}

int pattern_compile(regex_t *ret, const char *text, int flags, char *why, size_t why_size)
{
    const char *limit = beyond_limits(text);

    if (limit != NULL) {
        if (why != NULL)
            snprintf(why, why_size, "%s", limit);
        return -EINVAL;
    }
    int result = regcomp(ret, text, REG_EXTENDED | REG_NOSUB | flags);
    if (result != 0 && why != NULL)
        regerror(result, ret, why, why_size);
    return result != 0 ? -EINVAL : 0;
}

/* --- patterns --------------------------------------------------------------------------------- */

static int set(struct pattern *p, const char *text, int flags, char *why, size_t why_size)
{
    regex_t regex;

    if (*text == '\0') {
        pattern_clear(p);
        return 0;
    }
    if (pattern_compile(&regex, text, flags, why, why_size) < 0)
        return -EINVAL;
    pattern_clear(p);
    p->regex = regex;
    p->set = true;
    snprintf(p->text, sizeof(p->text), "%s", text);
    return 0;
}

int pattern_set(struct pattern *p, const char *text, char *why, size_t why_size)
{
    return set(p, text, REG_ICASE, why, why_size);
}

int pattern_set_exact(struct pattern *p, const char *text, char *why, size_t why_size)
{
    return set(p, text, 0, why, why_size);
}

void pattern_clear(struct pattern *p)
{
    if (p->set)
        regfree(&p->regex);
    p->set = false;
    p->text[0] = '\0';
}

bool pattern_match(const struct pattern *p, const char *text)
{
    return !p->set || regexec(&p->regex, text, 0, NULL, 0) == 0;
}

bool pattern_contains(const char *text, const char *part)
{
    return strcasestr(text, part) != NULL;
}
