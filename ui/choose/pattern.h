/* SPDX-License-Identifier: MIT */
/*
 * Pattern: a regular expression a person typed, and plain search.
 */
#ifndef KVMLENS_UI_CHOOSE_PATTERN_H
#define KVMLENS_UI_CHOOSE_PATTERN_H

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>

#define PATTERN_MAX 200

struct pattern {
    bool set;
    char text[PATTERN_MAX];
    regex_t regex; /* only when set */
};

/*
 * What an expression may be. glibc writes repetitions out before it looks at memory, and descends
 * into parentheses without looking at its stack: a line of text could take gigabytes or crash.
 */
#define PATTERN_LENGTH_MAX 2000 /* bytes */
#define PATTERN_NESTED_MAX 20   /* parentheses within parentheses */
#define PATTERN_REPEATED_MAX 1000 /* characters that repetitions add when they are written out */
/* One of the other, "a?+": with three, "a?+?b?+?...", glibc takes twice as long for each atom. */
#define PATTERN_STACKED_MAX 2

/*
 * pattern_compile - regcomp(3) with REG_EXTENDED, REG_NOSUB and @flags, within these limits.
 * 0, or -EINVAL with the reason in @why (may be NULL), which is cut to @why_size; @ret is then not
 * to be freed.
 */
int pattern_compile(regex_t *ret, const char *text, int flags, char *why, size_t why_size);

/*
 * pattern_set - POSIX extended regular expression that was typed into a screen: upper and lower
 * case are alike; "" clears. 0, or -EINVAL with the reason in @why (may be NULL); the old pattern
 * then stays.
 */
int pattern_set(struct pattern *pattern, const char *text, char *why, size_t why_size);

/* pattern_set_exact - the same from the command line, where upper and lower case differ. */
int pattern_set_exact(struct pattern *pattern, const char *text, char *why, size_t why_size);
void pattern_clear(struct pattern *pattern); /* also frees; zeroed memory ok */

/* pattern_match - anywhere in @text; a pattern that is not set matches everything. */
bool pattern_match(const struct pattern *pattern, const char *text);

/* pattern_contains - plain search: does @text contain @part, ASCII case ignored? "" is in
 * everything. */
bool pattern_contains(const char *text, const char *part);

#endif
