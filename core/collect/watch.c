// SPDX-License-Identifier: MIT
#include "core/collect/watch.h"

#include <stdbool.h>
#include <time.h>

#include "core/base/rootfs.h"

#define MS             1000000ull
#define ASKED_AFTER_NS (150 * MS) /* what /proc says costs some calls */

uint64_t watch_now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t watch_cpu_ns(pid_t pid)
{
    struct timespec t;
    clockid_t clock;

    if (pid <= 0 || clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) < 0)
        return 0;
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void watch_begin(struct watch *w, pid_t pid)
{
    *w = (struct watch){.pid = pid, .looked_ns = watch_now_ns()};
}

/* Runnable without a CPU, or waiting for memory of its own that was swapped out. */
static bool is_held_by_host(struct watch *w)
{
    struct rootfs live;
    struct proc_stat stat;

    if (rootfs_open(NULL, &live, NULL) < 0)
        return false;
    int result = rootfs_process_stat(&live, w->pid, &stat);
    rootfs_close(&live);
    if (result < 0)
        return false;
    bool faulted = stat.major_faults > w->faults;
    w->faults = stat.major_faults;
    return faulted || stat.state == 'R';
}

void watch_look(struct watch *w, const struct beacon *beacon)
{
    const uint64_t most = 4 * WATCH_LOOK_MS * MS;
    uint64_t now = watch_now_ns(), passed = now - w->looked_ns, cpu = watch_cpu_ns(w->pid);
    uint64_t steps = atomic_load_explicit(&beacon->steps, memory_order_acquire);
    bool moved = steps != w->steps || cpu > w->cpu_ns + MS;

    w->looked_ns = now;
    if (moved || (w->still_ns >= ASKED_AFTER_NS && is_held_by_host(w))) {
        w->steps = steps;
        w->cpu_ns = cpu;
        w->still_ns = 0;
        return;
    }
    w->still_ns += passed < most ? passed : most;
}
