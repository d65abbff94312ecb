/* SPDX-License-Identifier: MIT */
/*
 * Threads whose exits are counted: which VM each one runs a vCPU of, and whose rows are those of
 * the past. The kernel knows a thread by its number alone; here it is seen that the number is
 * another thread's, that the thread has another VM, or that nobody wants to know any more.
 *
 * One thread.
 */
#ifndef KVMLENS_CORE_COLLECT_EXITS_THREADS_H
#define KVMLENS_CORE_COLLECT_EXITS_THREADS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/bpf/kvm_exits.h"
#include "core/collect/message.h"

/*
 * In one tick it is asked of so many threads that run no vCPU of the sample whether they live; of
 * this share of all where that is more. It takes a microsecond or two each, and where small VMs end
 * by the hundred in each tick the table would be full of them in a minute.
 */
#define EXITS_PROBES_MAX   64
#define EXITS_PROBES_SHARE 4

/* Whose vCPUs are watched. */
struct exits_watch {
    pid_t *pids; /* [count], ascending; NULL: there are none, or all are watched */
    size_t count;
    bool is_all;
};

/*
 * exits_watch_choose - the process that @wanted names; where it names none and the scope is
 * @is_narrow those of its vCPUs, as far as the kernel watches so many, else all. 0 or -ENOMEM. Ends
 * with exits_watch_done.
 */
int exits_watch_choose(const struct message_count *wanted, bool is_narrow, struct exits_watch *ret);
void exits_watch_done(struct exits_watch *watch);

bool exits_watch_has(const struct exits_watch *watch, pid_t pid);
bool exits_watch_equal(const struct exits_watch *a, const struct exits_watch *b);

/* A thread that was counted, or runs a vCPU of the sample. */
struct exits_known {
    pid_t tid;
    bool has_vm;
    bool is_past;    /* its rows are to be forgotten, and meanwhile shown to nobody */
    pid_t pid;       /* of that VM */
    uint32_t vm;     /* the last that it was seen to run a vCPU of */
};

/* Zeroed memory knows none. */
struct exits_threads {
    struct exits_known *items; /* ascending tid */
    size_t count;
    pid_t probed; /* the last that was asked after */
};

/*
 * exits_threads_follow - bring it up to date: rows of @reading are past where their process is not
 * in @watch, where their thread has ended, and where it has another VM in @wanted than it had.
 * What is past stays so until it is forgotten (exits_threads_forgot). 0 or -ENOMEM: then nothing
 * has changed.
 */
int exits_threads_follow(struct exits_threads *threads, const struct message_count *wanted,
                         const struct kvm_exits_reading *reading, const struct exits_watch *watch);

/* exits_threads_is_past - of one of the last reading. */
bool exits_threads_is_past(const struct exits_threads *threads, pid_t tid);

/* exits_threads_forgot - the kernel has none of its rows any more: what comes now begins anew. */
void exits_threads_forgot(struct exits_threads *threads, pid_t tid);

void exits_threads_done(struct exits_threads *threads);

#endif
