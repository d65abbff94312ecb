// SPDX-License-Identifier: MIT
/*
 * What counting costs the guest: CPU time of its thread for a port write that the VMM gets, without
 * the programs and with them, in turn. Two of them run at each: at kvm_pio and kvm_userspace_exit,
 * and where exits are real, those at kvm_exit and kvm_entry too.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/bpf/kvm_exits.h"
#include "core/demo/minivm.h"

#define WRITES 30000
#define RUNS   9

enum way { WITHOUT, REASONS, ALL, WAYS };

static const char *const way_names[WAYS] = {"without programs", "reasons and times", "and keys"};

/* The clock of CPU time of a thread of this process (CPUCLOCK_PERTHREAD_MASK | CPUCLOCK_SCHED). */
static double cpu_ns(pid_t tid)
{
    struct timespec t = {0};

    clock_gettime((clockid_t)(~(unsigned)tid << 3 | 6), &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* ns for each write; negative: it could not be done. */
static double run(const struct rootfs *root, enum way way)
{
    static const struct minivm_work work = {MINIVM_WORK_PORT_WRITE, WRITES, 0x84};
    const struct minivm_config config = {.ram_bytes = 4 << 20,
                                         .vcpus = 1,
                                         .program = MINIVM_WORK,
                                         .works = &work,
                                         .work_count = 1,
                                         .work_times = 1};
    const struct kvm_exits_config wanted = {.no_keys = way == REASONS};
    struct kvm_exits *exits = NULL;
    struct minivm *vm;
    struct error err;

    if (way != WITHOUT && kvm_exits_open(root, &wanted, &exits, &err) < 0) {
        printf("skipped: %s\n", err.msg);
        return -1;
    }
    if (minivm_start(&config, &vm, &err) < 0) {
        printf("skipped: %s\n", err.msg);
        kvm_exits_close(exits);
        return -1;
    }
    const pid_t tid = minivm_info(vm)->vcpus[0].tid;
    const double before = cpu_ns(tid);
    minivm_go(vm);
    while (!minivm_did(vm, 0).is_done)
        poll(NULL, 0, 1);
    const double ns = (cpu_ns(tid) - before) / WRITES;
    minivm_stop(vm);
    kvm_exits_close(exits);
    return ns;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

int main(void)
{
    double ns[WAYS][RUNS];
    struct rootfs root;

    if (rootfs_open(NULL, &root, NULL) < 0)
        return 1;
    for (int i = 0; i < RUNS; i++)
        for (unsigned way = 0; way < WAYS; way++)
            if ((ns[way][i] = run(&root, way)) < 0)
                return 0;
    for (unsigned way = 0; way < WAYS; way++)
        qsort(ns[way], RUNS, sizeof(double), by_size);
    for (unsigned way = 0; way < WAYS; way++)
        printf("%-18s %7.0f ns for a port write (%.0f .. %.0f), %+6.0f\n", way_names[way],
               ns[way][RUNS / 2], ns[way][0], ns[way][RUNS - 1],
               ns[way][RUNS / 2] - ns[WITHOUT][RUNS / 2]);
    rootfs_close(&root);
    return 0;
}
