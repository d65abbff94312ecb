// SPDX-License-Identifier: MIT
#include "ui/grid/mark.h"

#include <stdbool.h>
#include <stddef.h>

static const struct {
    const char *text;
    enum style style;
} marks[MARK_COUNT] = {
    [MARK_NONE] = {"", STYLE_NORMAL},
    [MARK_NOTICE] = {"!", STYLE_NOTICE},
    [MARK_ALARM] = {"!!", STYLE_WARNING},
};

static bool reaches(const struct mark_bounds *b, double bound, double value)
{
    return b->alarm < b->notice ? value < bound : value >= bound;
}

enum mark mark_of(const struct mark_bounds *b, double value)
{
    if (b == NULL || b->notice <= 0 || !reaches(b, b->notice, value))
        return MARK_NONE;
    return reaches(b, b->alarm, value) ? MARK_ALARM : MARK_NOTICE;
}

const char *mark_text(enum mark mark)
{
    return marks[mark].text;
}

enum style mark_style(enum mark mark)
{
    return marks[mark].style;
}
