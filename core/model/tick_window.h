/* SPDX-License-Identifier: MIT */
/*
 * Tick window: over which time the parts of CPU time are looked at that the kernel counts by clock
 * ticks, 100 to 1000 in a second, and tells in steps of 10 ms (account_guest_time in
 * kernel/sched/cputime.c; field 43 of /proc/PID/task/TID/stat, /proc/stat). Pure.
 *
 * In a tenth of a second a few ticks tell nothing. So how CPU time is split is taken from a second
 * at least, of which the last interval is the end: of a vCPU a second of time, of the host one of
 * CPU time, which it has sooner the more CPUs there are. A part is then known to 7 of 100 at 250
 * ticks in a second (two standard deviations, at worst); where a vCPU has less CPU time, to less.
 */
#ifndef KVMLENS_CORE_MODEL_TICK_WINDOW_H
#define KVMLENS_CORE_MODEL_TICK_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

/* A second, and some room for one that was a little early. */
#define TICK_WINDOW_MIN_NS 900000000ull

#define TICK_PARTS 4

/* What was known at one moment, all of it cumulative; at_ns 0: nothing. */
struct tick_point {
    uint64_t at_ns; /* that a window is as long as */
    uint64_t part_ns[TICK_PARTS];
};

/* Kept with a sample, and carried on from one to the next. */
struct tick_marks {
    struct tick_point from; /* where the window of now begins */
    struct tick_point next; /* where the next one does, as soon as that is long enough */
};

/*
 * tick_window_follow - the marks at @now, which follow those of @before, where @then was known.
 * None where one of both is not known, or a number fell: it is of something else.
 */
struct tick_marks tick_window_follow(const struct tick_marks *before, const struct tick_point *then,
                                     const struct tick_point *now);

/*
 * tick_window_grown - what all grew by up to @now in the window. @marks: at @now; where there are
 * none the window begins with @then, of the sample before. False: there is no window.
 */
bool tick_window_grown(const struct tick_marks *marks, const struct tick_point *then,
                       const struct tick_point *now, struct tick_point *ret);

#endif
