// SPDX-License-Identifier: MIT
#include "ui/grid/scroll.h"

#include <stdint.h>

/* Where a command leads from @at; SIZE_MAX is cut to the last row by the caller. false: no such
 * command. */
static bool step(enum ui_command command, size_t at, size_t page, size_t *ret)
{
    switch (command) {
    case COMMAND_UP: *ret = at > 0 ? at - 1 : 0; return true;
    case COMMAND_DOWN: *ret = at + 1; return true;
    case COMMAND_PAGE_UP: *ret = at > page ? at - page : 0; return true;
    case COMMAND_PAGE_DOWN: *ret = at + page; return true;
    case COMMAND_FIRST: *ret = 0; return true;
    case COMMAND_LAST: *ret = SIZE_MAX; return true;
    default: return false;
    }
}

void scroll_fit(struct scroll *s, size_t count, size_t page)
{
    size_t last_top = count > page ? count - page : 0;

    if (s->row >= count)
        s->row = count > 0 ? count - 1 : 0;
    if (s->row < s->top)
        s->top = s->row;
    else if (s->row >= s->top + page)
        s->top = s->row - page + 1;
    if (s->top > last_top)
        s->top = last_top;
}

bool scroll_command(struct scroll *s, enum ui_command command, size_t count, size_t page)
{
    size_t to;

    if (!step(command, s->row, page, &to))
        return false;
    s->row = to;
    scroll_fit(s, count, page);
    return true;
}

bool scroll_text(struct scroll *s, enum ui_command command, size_t count, size_t page)
{
    size_t to, last = count > page ? count - page : 0;

    if (!step(command, s->top, page, &to))
        return false;
    s->top = to < last ? to : last;
    s->row = s->top;
    return true;
}
