// SPDX-License-Identifier: MIT
/*
 * Many VMs in one process, bare so that thousands fit: a VM costs the kernel some 700 KiB. With
 * "threads" each vCPU has one of its own, as under a real VMM.
 *
 * When memory, descriptors or threads run out, it keeps what it has and says how many and why.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "tests/vm/hostile.h"

#define OTHER_FDS 64 /* besides those of the VMs */

struct crowd {
    unsigned vms, vcpus;
    bool stats, threads;
    int started;     /* threads of vCPUs */
    atomic_int done; /* of these, through with KVM_RUN */
};

static double now_s(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* As far as this process may; where it ends, the crowd ends. */
static void raise_fd_limit(uint64_t wanted)
{
    struct rlimit limit, higher = {.rlim_cur = wanted, .rlim_max = wanted};

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        hostile_fail("RLIMIT_NOFILE");
    if (limit.rlim_max < wanted && setrlimit(RLIMIT_NOFILE, &higher) == 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        hostile_fail("RLIMIT_NOFILE");
}

/* 0 or -errno: then there is no room for one more. */
static int add_vm(struct crowd *crowd, int kvm)
{
    struct bare_vm vm;
    int result = bare_vm_make(kvm, crowd->vcpus, crowd->stats, &vm);

    if (result < 0)
        return result;
    if (crowd->threads)
        result = bare_vm_start_threads(kvm, &vm, &crowd->done);
    free(vm.vcpus); /* the descriptors stay until the process ends */
    crowd->started += result > 0 ? result : 0;
    return result < 0 ? result : 0;
}

static void parse(int argc, char **argv, struct crowd *crowd)
{
    if (argc < 2)
        hostile_fail("usage: hostile crowd VMS VCPUS [stats] [threads]");
    crowd->vms = (unsigned)hostile_number(argv[0], 1, 100000, "VMs");
    crowd->vcpus = (unsigned)hostile_number(argv[1], 1, 255, "vCPUs");
    for (int i = 2; i < argc; i++) {
        crowd->stats |= strcmp(argv[i], "stats") == 0;
        crowd->threads |= strcmp(argv[i], "threads") == 0;
    }
}

int hostile_crowd(int argc, char **argv)
{
    struct crowd crowd = {.vms = 0};
    unsigned made = 0;
    double begin = now_s();
    int result = 0;
    char line[64];

    parse(argc, argv, &crowd);
    hostile_block_signals();
    int kvm = bare_kvm_open();
    raise_fd_limit((uint64_t)crowd.vms * (1 + crowd.vcpus) * (crowd.stats ? 2 : 1) + OTHER_FDS);
    while (made < crowd.vms && (result = add_vm(&crowd, kvm)) == 0)
        made++;
    errno = -result;
    if (made == 0)
        hostile_cannot("not one VM with %u vCPUs", crowd.vcpus);
    bare_vm_wait_threads(&crowd.done, crowd.started);
    printf("{\"pid\":%d,\"vms\":%u,\"vcpus\":%u,\"seconds\":%.2f,\"why\":\"%s\"}\n", (int)getpid(),
           made, crowd.vcpus, now_s() - begin, result < 0 ? strerror(-result) : "");
    fflush(stdout);
    while (hostile_command(line, sizeof(line)))
        ;
    return 0;
}
