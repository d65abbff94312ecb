/* SPDX-License-Identifier: MIT */
/*
 * A VMM in one file: makes a real KVM VM in the calling process, for the demo and for tests.
 *
 * The guest is a few bytes of real-mode code. The kernel's own interrupt controller is used, so a
 * halted guest sleeps inside KVM_RUN and its counters stand still. Guest-physical layout is that of
 * a PC: RAM at 0..640 KiB, 1 MiB..3 GiB and from 4 GiB on, all one mapping in this process; the
 * hole at 640 KiB is MMIO.
 *
 * One thread per vCPU, named "CPU N/KVM"; one more ("vm-ticker") wakes a busy guest. x86-64 only.
 * No mutable state outside struct minivm: a process may hold any number.
 *
 * Source: Documentation/virt/kvm/api.rst.
 */
#ifndef KVMLENS_CORE_DEMO_MINIVM_H
#define KVMLENS_CORE_DEMO_MINIVM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/base/error.h"
#include "core/demo/minivm_ram.h"
#include "core/demo/minivm_work.h"

#define MINIVM_VCPUS_MAX  64
#define MINIVM_BOOT_BYTES (128u << 10) /* start of the RAM: code, stacks, pages the guest writes   \
                                        */
#define MINIVM_RAM_MIN (2ull << 20)

enum minivm_program {
    MINIVM_HALT, /* one port write, then halted for good */
    MINIVM_BUSY, /* sleeps; each wake-up: port reads and writes, one MMIO write, 16 pages written */
    /* writes one byte of each page of a range, one port write, then halted for good */
    MINIVM_TOUCH,
    MINIVM_WORK, /* waits for minivm_go, does what it was told so often, then halted for good */
    MINIVM_PROGRAM_COUNT
};

struct minivm_config {
    uint64_t ram_bytes; /* at least MINIVM_RAM_MIN, a multiple of 4096; of 2 MiB for HUGETLB */
    enum minivm_backing backing;
    unsigned vcpus;           /* 1..MINIVM_VCPUS_MAX */
    bool keep_vm_stats_fd;    /* hold the VM's binary stats fd, where the kernel has them (5.14) */
    bool keep_vcpu_stats_fds; /* and one for each vCPU */
    enum minivm_program program;
    unsigned wake_hz; /* BUSY: wake-ups of each vCPU per second, 1..1000 */
    unsigned
        wave_s; /* BUSY: the rate swings between wake_hz/4 and wake_hz in this time; 0: steady */
    uint64_t touch_start, touch_bytes; /* TOUCH: multiples of 4096 in RAM at the same address in the
                                          guest: from 1 MiB to 3 GiB; no part of ranges */
    const struct minivm_work *works;   /* WORK: 1..MINIVM_WORKS_MAX; not needed after the start */
    size_t work_count;
    unsigned work_times; /* vCPU number i does all of it work_times + i times, so that all differ;
                            from 1 on */
    const struct minivm_range *ranges; /* what the RAM holds besides its first MINIVM_BOOT_BYTES */
    size_t range_count;
    uint64_t seed;
};

struct minivm_vcpu_info {
    int fd, stats_fd; /* stats_fd -1: none */
    pid_t tid;
};

/* What is known of a running minivm. The pages of MINIVM_BOOT_BYTES count as nonzero. */
struct minivm_info {
    int vm_fd, stats_fd; /* stats_fd -1: none */
    pid_t creator_tid;   /* thread that made the VM */
    const void *ram;     /* its mapping in this process */
    uint64_t ram_bytes;
    struct minivm_pages pages;
    unsigned vcpu_count;
    struct minivm_vcpu_info vcpus[MINIVM_VCPUS_MAX];
};

/* What a vCPU has made the VMM do, by the VMM's own count. */
struct minivm_did {
    uint64_t io_exits, mmio_exits; /* returns of KVM_RUN for a port, for an address without RAM */
    bool is_done;                  /* WORK: it halts for good */
};

struct minivm;

/*
 * minivm_start - make the VM and run it; returns when every vCPU has run guest code.
 *
 * Returns 0, -EINVAL for a bad config, -ENOENT/-EACCES/-ENOTTY and the like with cause and fix
 * in @err where /dev/kvm is not usable. Ends with minivm_stop.
 */
int minivm_start(const struct minivm_config *config, struct minivm **ret, struct error *err);

/* minivm_stop - end the threads, destroy the VM, unmap its RAM. NULL ok. Takes some milliseconds.
 */
void minivm_stop(struct minivm *vm);

/* minivm_go - WORK: let the vCPUs begin. Once. */
void minivm_go(struct minivm *vm);

/* minivm_did - what vCPU @index did until now; any thread. */
struct minivm_did minivm_did(const struct minivm *vm, unsigned index);

/* minivm_info - constant while the VM lives; any thread. */
const struct minivm_info *minivm_info(const struct minivm *vm);

#endif
