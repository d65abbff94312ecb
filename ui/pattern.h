/* SPDX-License-Identifier: MIT */
/*
 * Pattern: a regular expression a person typed, and plain search.
 */
#ifndef KVMLENS_UI_PATTERN_H
#define KVMLENS_UI_PATTERN_H

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
 * pattern_set - POSIX extended regular expression, upper and lower case alike; "" clears.
 * 0, or -EINVAL with the reason in @why (may be NULL); the old pattern then stays.
 */
int pattern_set(struct pattern *pattern, const char *text, char *why, size_t why_size);
void pattern_clear(struct pattern *pattern); /* also frees; zeroed memory ok */

/* pattern_match - anywhere in @text; a pattern that is not set matches everything. */
bool pattern_match(const struct pattern *pattern, const char *text);

/* pattern_contains - plain search: does @text contain @part, ASCII case ignored? "" is in
 * everything. */
bool pattern_contains(const char *text, const char *part);

#endif
