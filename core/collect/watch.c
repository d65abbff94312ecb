// SPDX-License-Identifier: MIT
#include "core/collect/watch.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/base/parse_proc.h"
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

static bool is_runnable(const struct rootfs *live, pid_t pid, const char *tid)
{
    struct proc_stat stat;
    char path[96], text[2048];

    snprintf(path, sizeof(path), "proc/%d/task/%.20s/stat", (int)pid, tid);
    return rootfs_read(live, path, text, sizeof(text)) > 0 && parse_proc_stat(text, &stat) == 0 &&
           stat.state == 'R';
}

/* /proc/PID/stat has the state of the first thread, which only listens where there are others. */
static bool does_a_worker_run(const struct rootfs *live, pid_t pid, char state_of_first)
{
    char path[64];
    int result;
    bool has_workers = false, runs = false;

    snprintf(path, sizeof(path), "proc/%d/task", (int)pid);
    DIR *dir = rootfs_opendir(live, path, &result);
    for (struct dirent *e; dir != NULL && !runs && (e = rootfs_readdir(dir, &result)) != NULL;) {
        if (!isdigit((unsigned char)e->d_name[0]) || atoi(e->d_name) == pid)
            continue;
        has_workers = true;
        runs = is_runnable(live, pid, e->d_name);
    }
    if (dir != NULL)
        closedir(dir);
    return has_workers ? runs : state_of_first == 'R';
}

/* Runnable without a CPU, or waiting for memory of its own that was swapped out. */
static bool is_held_by_host(struct watch *w)
{
    struct rootfs live;
    struct proc_stat stat;

    if (rootfs_open(NULL, &live, NULL) < 0)
        return false;
    int result = rootfs_process_stat(&live, w->pid, &stat);
    bool runs = result == 0 && does_a_worker_run(&live, w->pid, stat.state);
    rootfs_close(&live);
    if (result < 0)
        return false;
    bool faulted = stat.major_faults > w->faults;
    w->faults = stat.major_faults;
    return faulted || runs;
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
