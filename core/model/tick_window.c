// SPDX-License-Identifier: MIT
#include "core/model/tick_window.h"

static bool has_grown(const struct tick_point *then, const struct tick_point *now)
{
    bool grown = then->at_ns != 0 && now->at_ns > then->at_ns;

    for (int i = 0; i < TICK_PARTS; i++)
        grown &= now->part_ns[i] >= then->part_ns[i];
    return grown;
}

struct tick_marks tick_window_follow(const struct tick_marks *before, const struct tick_point *then,
                                     const struct tick_point *now)
{
    struct tick_marks marks = *before;

    if (!has_grown(then, now))
        return (struct tick_marks){0};
    if (marks.from.at_ns == 0)
        marks.from = marks.next = *then;
    if (now->at_ns - marks.next.at_ns >= TICK_WINDOW_MIN_NS) {
        marks.from = marks.next;
        marks.next = *now;
    }
    return marks;
}

bool tick_window_grown(const struct tick_marks *marks, const struct tick_point *then,
                       const struct tick_point *now, struct tick_point *ret)
{
    const struct tick_point *from = marks->from.at_ns != 0 ? &marks->from : then;

    if (!has_grown(from, now))
        return false;
    ret->at_ns = now->at_ns - from->at_ns;
    for (int i = 0; i < TICK_PARTS; i++)
        ret->part_ns[i] = now->part_ns[i] - from->part_ns[i];
    return true;
}
