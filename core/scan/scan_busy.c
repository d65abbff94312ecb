// SPDX-License-Identifier: MIT
/* How busy the vCPUs are while they are looked at. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "core/base/parse_proc.h"
#include "core/scan/scan_looks.h"

#define THREADS_FIRST 16
#define THREADS_MOST  4096
#define LOOKS_LEAST   3 /* at which it runs, of one that is not known to run a vCPU */

/* The thread @tid, which is taken up if it is new; NULL: there is no room. */
static struct scan_busy_thread *thread_of(struct scan_busy *busy, pid_t tid)
{
    for (size_t i = 0; i < busy->count; i++)
        if (busy->threads[i].tid == tid)
            return &busy->threads[i];
    if (busy->count == busy->room) {
        size_t room = busy->room > 0 ? 2 * busy->room : THREADS_FIRST;
        struct scan_busy_thread *threads =
            room <= THREADS_MOST ? realloc(busy->threads, room * sizeof(*threads)) : NULL;
        if (threads == NULL)
            return NULL;
        busy->threads = threads;
        busy->room = room;
    }
    struct scan_busy_thread *thread = &busy->threads[busy->count++];
    *thread = (struct scan_busy_thread){.tid = tid};
    return thread;
}

void scan_busy_note(struct scan_busy *busy, const struct rootfs *root, pid_t pid, pid_t tid,
                    bool is_vcpu)
{
    char path[96], text[128];
    uint64_t cpu_ns, wait_ns;

    snprintf(path, sizeof(path), "proc/%d/task/%d/schedstat", (int)pid, (int)tid);
    ssize_t n = rootfs_read(root, path, text, sizeof(text));
    uint64_t now_ns = scan_now_ns();
    if (n <= 0 || !parse_proc_schedstat(text, &cpu_ns, &wait_ns))
        return;
    struct scan_busy_thread *thread = thread_of(busy, tid);
    if (thread == NULL) {
        busy->is_cut = true;
        return;
    }
    if (thread->begin_ns == 0) {
        thread->look = busy->look;
        thread->begin_ns = now_ns;
        thread->begin_cpu_ns = cpu_ns;
    }
    thread->looks++;
    thread->is_vcpu |= is_vcpu;
    thread->end_ns = now_ns;
    thread->end_cpu_ns = cpu_ns;
}

static bool runs_vcpu(const struct scan_busy *busy, const struct scan_busy_thread *t)
{
    return t->is_vcpu || (t->looks >= LOOKS_LEAST && t->looks == busy->look);
}

double scan_busy_share(const struct scan_busy *busy)
{
    double sum = 0, squares = 0;

    for (size_t i = 0; i < busy->count && !busy->is_cut; i++) {
        const struct scan_busy_thread *t = &busy->threads[i];
        if (!runs_vcpu(busy, t) || t->end_ns <= t->begin_ns || t->end_cpu_ns <= t->begin_cpu_ns)
            continue;
        double share =
            fmin(1, (double)(t->end_cpu_ns - t->begin_cpu_ns) / (double)(t->end_ns - t->begin_ns));
        sum += share;
        squares += share * share;
    }
    return sum > 0 ? squares / sum : 0;
}

static bool is_gone(const struct rootfs *root, pid_t pid, pid_t tid)
{
    char path[64];
    struct stat stat;

    snprintf(path, sizeof(path), "proc/%d/task/%d", (int)pid, (int)tid);
    return rootfs_stat(root, path, &stat) == -ENOENT;
}

bool scan_busy_is_replaced(const struct scan_busy *busy, const struct rootfs *root, pid_t pid)
{
    size_t gone = 0, others = 0;

    for (size_t i = 0; i < busy->count && !busy->is_cut; i++) {
        const struct scan_busy_thread *t = &busy->threads[i];
        if (!t->is_vcpu)
            continue;
        if (t->look > 1)
            others++;
        else if (is_gone(root, pid, t->tid))
            gone++;
        else
            return false;
    }
    return gone > 0 && others > 0;
}

void scan_busy_done(struct scan_busy *busy)
{
    free(busy->threads);
    *busy = (struct scan_busy){.count = 0};
}
