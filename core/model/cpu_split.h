/* SPDX-License-Identifier: MIT */
/*
 * CPU split: over which time the CPU time of a vCPU is split into that in the guest and that
 * outside of it. Pure.
 *
 * The kernel counts the time in the guest by clock ticks, 100 to 1000 in a second, where it counts
 * all CPU time in nanoseconds, and tells it in steps of 10 ms (account_guest_time in
 * kernel/sched/cputime.c, field 43 of /proc/PID/task/TID/stat). In a tenth of a second a few ticks
 * tell nothing: so how CPU time is split is taken from a second at least, of which the last
 * interval is the end. Of a vCPU that has a CPU all the time the parts are then known to 7 of 100
 * at 250 ticks in a second (two standard deviations, at worst), and that is less of less CPU time.
 */
#ifndef KVMLENS_CORE_MODEL_CPU_SPLIT_H
#define KVMLENS_CORE_MODEL_CPU_SPLIT_H

#include <stdbool.h>
#include <stdint.h>

/* A second, and some room for one that was a little early. */
#define CPU_SPLIT_MIN_NS 900000000ull

/* What was known at one moment; time_ns 0: nothing. */
struct cpu_point {
    uint64_t time_ns, cpu_ns, guest_ns;
};

/* Kept with a sample, and carried on from one to the next. */
struct cpu_split_marks {
    struct cpu_point from; /* where the time begins that is looked at now */
    struct cpu_point next; /* where the next one does, as soon as it is long enough */
};

/*
 * cpu_split_follow - the marks at @now, which follow those of @before, where @then was known. None
 * where one of both is not known, or a number fell: it is another thread.
 */
struct cpu_split_marks cpu_split_follow(const struct cpu_split_marks *before,
                                        const struct cpu_point *then, const struct cpu_point *now);

/*
 * cpu_split_grown - what CPU time and guest time grew by up to @now in the time that is looked at,
 * and how long it is. @marks: at @now; where there are none it begins with @then, of the sample
 * before. False: there is no such time.
 */
bool cpu_split_grown(const struct cpu_split_marks *marks, const struct cpu_point *then,
                     const struct cpu_point *now, struct cpu_point *ret);

#endif
