// SPDX-License-Identifier: MIT
#include "ui/pattern.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int pattern_set(struct pattern *p, const char *text, char *why, size_t why_size)
{
    regex_t regex;

    if (*text == '\0') {
        pattern_clear(p);
        return 0;
    }
    int r = regcomp(&regex, text, REG_EXTENDED | REG_NOSUB | REG_ICASE);
    if (r != 0) {
        if (why)
            regerror(r, &regex, why, why_size);
        return -EINVAL;
    }
    pattern_clear(p);
    p->regex = regex;
    p->set = true;
    snprintf(p->text, sizeof(p->text), "%s", text);
    return 0;
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
