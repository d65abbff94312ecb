/* SPDX-License-Identifier: MIT */
/*
 * Beacon: says what a process of ours is about to do to a process of somebody else, in memory that
 * another process of ours looks at. Whoever waits for an answer learns from it what holds it up.
 *
 * Written by one thread, read by any: a reader may see the parts of two steps, and takes them for a
 * hint only. Nobody waits on it.
 */
#ifndef KVMLENS_CORE_BASE_BEACON_H
#define KVMLENS_CORE_BASE_BEACON_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* X(step, text) - the text ends "no answer for 3 s: ...". */
#define BEACON_STEPS(X)                                                                            \
    X(NOTHING, "")                                                                                 \
    X(LIST_FDS, "listing its descriptors")                                                         \
    X(READ_PROC, "reading its files in /proc")                                                     \
    X(READ_MAPS, "reading its memory mappings")                                                    \
    X(COPY_FD, "copying a descriptor")                                                             \
    X(STAT_FD, "asking what a descriptor is")                                                      \
    X(READ_FD, "reading a descriptor")                                                             \
    X(CLOSE_FD, "closing the copy of a descriptor")                                                \
    X(READ_DEBUGFS, "reading its counters in debugfs")                                             \
    X(OPEN_MEMORY, "opening a file that is its memory")                                            \
    X(CLOSE_MEMORY, "closing a file that is its memory")                                           \
    X(READ_MEMORY, "reading its memory")

#define BEACON_STEP(step, text) BEACON_##step,
enum beacon_step { BEACON_STEPS(BEACON_STEP) BEACON_STEP_COUNT };
#undef BEACON_STEP

/* Zeroed memory is a beacon that says nothing. */
struct beacon {
    atomic_uint_fast64_t steps; /* so far: stands still while one step takes long */
    atomic_int pid;             /* whose; 0 = nobody's */
    atomic_int step;            /* enum beacon_step */
};

/* beacon_at - the next step. @beacon NULL: nobody wants to know. */
static inline void beacon_at(struct beacon *beacon, pid_t pid, enum beacon_step step)
{
    if (beacon == NULL)
        return;
    atomic_store_explicit(&beacon->pid, (int)pid, memory_order_relaxed);
    atomic_store_explicit(&beacon->step, (int)step, memory_order_relaxed);
    atomic_fetch_add_explicit(&beacon->steps, 1, memory_order_release);
}

/* beacon_text - what a step is called; "" for a number that is none. Static text. */
const char *beacon_text(int step);

#endif
