// SPDX-License-Identifier: MIT
#include "core/model/cpu_split.h"

/* Is it a later one of the same thread? */
static bool has_grown(const struct cpu_point *then, const struct cpu_point *now)
{
    return then->time_ns != 0 && now->time_ns > then->time_ns && now->cpu_ns >= then->cpu_ns &&
           now->guest_ns >= then->guest_ns;
}

struct cpu_split_marks cpu_split_follow(const struct cpu_split_marks *before,
                                        const struct cpu_point *then, const struct cpu_point *now)
{
    struct cpu_split_marks marks = *before;

    if (!has_grown(then, now))
        return (struct cpu_split_marks){0};
    if (marks.from.time_ns == 0)
        marks.from = marks.next = *then;
    if (now->time_ns - marks.next.time_ns >= CPU_SPLIT_MIN_NS) {
        marks.from = marks.next;
        marks.next = *now;
    }
    return marks;
}

bool cpu_split_grown(const struct cpu_split_marks *marks, const struct cpu_point *then,
                     const struct cpu_point *now, struct cpu_point *ret)
{
    const struct cpu_point *from = marks->from.time_ns != 0 ? &marks->from : then;

    if (!has_grown(from, now))
        return false;
    *ret = (struct cpu_point){now->time_ns - from->time_ns, now->cpu_ns - from->cpu_ns,
                              now->guest_ns - from->guest_ns};
    return true;
}
