/* SPDX-License-Identifier: MIT */
/*
 * Watch: does a child of ours still move? One thread.
 *
 * It moves when its beacon does, or when it uses CPU time. One that does neither may still be kept
 * from it by the host: it waits for a CPU, or for its own memory to be read back. Nobody is to
 * blame for that.
 */
#ifndef KVMLENS_CORE_COLLECT_WATCH_H
#define KVMLENS_CORE_COLLECT_WATCH_H

#include <stdint.h>
#include <sys/types.h>

#include "core/base/beacon.h"

/* How often watch_look wants to be called. */
#define WATCH_LOOK_MS 50

struct watch {
    pid_t pid;
    uint64_t steps, cpu_ns, faults; /* as it was seen to move */
    uint64_t still_ns;              /* for so long it was not */
    uint64_t looked_ns;
};

/* watch_begin - from now on, of that process. */
void watch_begin(struct watch *watch, pid_t pid);

/*
 * watch_look - bring still_ns up to date. Only time in which we ourselves were there to look
 * counts: a host that stood still as a whole, or a front end that was stopped, is not the child's
 * fault.
 */
void watch_look(struct watch *watch, const struct beacon *beacon);

/* watch_cpu_ns - CPU time of a process of ours; 0 when it has ended. */
uint64_t watch_cpu_ns(pid_t pid);

/* watch_now_ns - CLOCK_MONOTONIC. */
uint64_t watch_now_ns(void);

#endif
