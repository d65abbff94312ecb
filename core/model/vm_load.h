/* SPDX-License-Identifier: MIT */
/*
 * Load: what a VM is doing now and what it fights for: its state, the CPU time it gets and the
 * CPU time it waits for, its threads by role, limits that hold it back, and pressure. Derived from
 * the gauges of two samples (core/model/sample.h), and part of a snapshot. Pure.
 *
 * Reading these costs system calls, so only what somebody wishes for is read (enum load_wish). What
 * nobody wished for is READING_ABSENT with CAUSE_NOT_ASKED_FOR, and what is missing is never 0.
 *
 * Ratios of a VM, a vCPU and a role are CPU time over time: 1.0 is one whole CPU. Ratios of the
 * host's CPU time are of all its CPUs: 1.0 is all of them. Pressure is a share of time.
 */
#ifndef KVMLENS_CORE_MODEL_VM_LOAD_H
#define KVMLENS_CORE_MODEL_VM_LOAD_H

#include <stdint.h>
#include <sys/types.h>

#include "core/model/figure.h"
#include "core/model/reading.h"

/*
 * What somebody wants to see: a mask, with which the front end asks for samples. CPU time and wait
 * of vCPUs and halt polling need none of these: they come with what is read anyway.
 */
enum load_wish {
    LOAD_STATE = 1 << 0,    /* state and uptime of VMs */
    LOAD_VCPUS = 1 << 1,    /* state, guest time and last host CPU of each vCPU, its affinity */
    LOAD_ROLES = 1 << 2,    /* CPU time and wait of all threads by role */
    LOAD_THROTTLE = 1 << 3, /* limits of the cgroups */
    LOAD_PRESSURE = 1 << 4, /* pressure in the VM's cgroup */
    LOAD_HOST = 1 << 5,     /* load, CPU time, memory and pressure of the host */
    /* core/model/vm_memory.h */
    LOAD_MEMORY = 1 << 6,    /* memory as the kernel counts it, limits of the cgroups */
    LOAD_PLACEMENT = 1 << 7, /* huge pages and NUMA nodes: page tables are looked at now and then */
    LOAD_IO = 1 << 8,        /* core/model/vm_io.h */
    LOAD_ALL = (1 << 9) - 1
};

/* Wishes, and of whom: masks of enum load_wish. */
struct load_wish_set {
    uint32_t all; /* of every VM, and of the host */
    uint32_t one; /* beside it of the VMs of these processes; nothing of the host */
    pid_t pid;    /* 0: of none */
    pid_t before; /* that was looked at before that one, and may be again; 0: none */
};

/* --- state ------------------------------------------------------------------------------------ */

enum vm_state {
    VM_STATE_UNKNOWN, /* nobody asked, or it could not be looked at: load.state_cause */
    VM_STATE_RUNNING, /* a vCPU's thread was in KVM_RUN or on its way through the VMM */
    /* in two looks every vCPU's thread slept outside KVM_RUN: somebody stopped the guest, it has
     * not been started yet, or (without KVM's interrupt controller) it is halted */
    VM_STATE_PAUSED,
    VM_STATE_IDLE_OR_PAUSED, /* in one look, or without a look no CPU time: it may be either */
    VM_STATE_STOPPED,        /* the process was stopped, by SIGSTOP or a debugger */
    VM_STATE_FROZEN,         /* its cgroup was frozen */
    VM_STATE_MIGRATING,      /* it is not paused, and a thread of the VMM migrates it away */
    VM_STATE_ENDED,          /* only of a VM that is not in the list any more */
    VM_STATE_COUNT
};

enum vcpu_state {
    VCPU_STATE_UNKNOWN,
    VCPU_STATE_GUEST,   /* has a CPU, and spends most of its time in the guest */
    VCPU_STATE_HOST,    /* works outside the guest, or waits there for the VMM */
    VCPU_STATE_HALTED,  /* sleeps in KVM_RUN: the guest has nothing for it to do */
    VCPU_STATE_READY,   /* could run, and has no CPU */
    VCPU_STATE_PAUSED,  /* in two looks it slept outside KVM_RUN */
    VCPU_STATE_BLOCKED, /* cannot be woken: waits for memory or a disk of the host */
    VCPU_STATE_STOPPED, /* by SIGSTOP or a debugger */
    /* guest, host or ready: which of them could not be told, as the kernel counts no time of its
     * guest, or there was too little time to count */
    VCPU_STATE_NOT_HALTED,
    VCPU_STATE_COUNT
};

/* vm_state_name, vcpu_state_name - for machines, stable: "running", "idle-or-paused", "unknown". */
const char *vm_state_name(enum vm_state state);
const char *vcpu_state_name(enum vcpu_state state);

/* vm_state_text, vcpu_state_text - for people, at most 14 cells: "idle or paused"; "" of UNKNOWN.
 */
const char *vm_state_text(enum vm_state state);
const char *vcpu_state_text(enum vcpu_state state);

/* What one look saw: the raw number of the gauges VM_LOOK and VCPU_LOOK. */
enum vm_look {
    VM_LOOK_RUNS,    /* a vCPU's thread was in KVM_RUN, or did not sleep */
    VM_LOOK_OUTSIDE, /* all of them slept outside KVM_RUN */
    VM_LOOK_STOPPED,
    VM_LOOK_FROZEN,
    VM_LOOK_COUNT
};

enum vcpu_look {
    VCPU_LOOK_RUNS,    /* has a CPU or waits for one, in KVM_RUN or outside */
    VCPU_LOOK_SLEEPS,  /* in KVM_RUN */
    VCPU_LOOK_OUTSIDE, /* sleeps outside KVM_RUN */
    VCPU_LOOK_BLOCKED, /* sleeps, and no signal wakes it */
    VCPU_LOOK_STOPPED,
    VCPU_LOOK_COUNT
};

/* --- threads by role -------------------------------------------------------------------------- */

enum vm_role {
    VM_ROLE_VCPU,
    VM_ROLE_IOTHREAD,  /* virtio queues of disks: iothreads */
    VM_ROLE_VHOST,     /* vhost workers: kernel threads, or since Linux 6.4 threads of the VMM */
    VM_ROLE_MIGRATION, /* that send or receive the VM */
    VM_ROLE_KERNEL,    /* other helpers in the kernel: huge-page recovery, the PIT */
    VM_ROLE_EMULATOR,  /* the main loop, and all threads that are none of the others */
    VM_ROLE_COUNT
};

/* vm_role_name - for machines and people: "vcpu", "iothread", ... */
const char *vm_role_name(enum vm_role role);

/* --- pressure --------------------------------------------------------------------------------- */

/* Some: at least one task waited. Full: all did. Of the host's CPUs "full" says nothing. */
enum pressure {
    PRESSURE_CPU_SOME,
    PRESSURE_CPU_FULL,
    PRESSURE_MEMORY_SOME,
    PRESSURE_MEMORY_FULL,
    PRESSURE_IO_SOME,
    PRESSURE_IO_FULL,
    PRESSURE_COUNT
};

/* pressure_name - for machines: "cpu_some", "memory_full", ... */
const char *pressure_name(enum pressure pressure);

/* --- what a snapshot holds -------------------------------------------------------------------- */

struct role_load {
    struct reading threads;  /* how many there are */
    struct figure cpu, wait; /* sums over them: on a CPU, waiting for one */
};

/* Of a VM. */
struct vm_load {
    uint8_t state;          /* enum vm_state */
    uint8_t state_cause;    /* enum reading_cause: why it is not known; CAUSE_NONE else */
    struct figure uptime_s; /* of its process */
    /* RUN and RDY over its vCPUs: the mean, and the worst, which is the largest */
    struct figure run_mean, run_worst, ready_mean, ready_worst;
    /* CPU time of its vCPUs in the guest, and outside of it, as of each: sums, together the run
     * time */
    struct figure guest, host;
    /*
     * Held back by limits (%MLMTD), summed over the cgroups that have one and that its threads are
     * in: time that its CPUs were kept from it. And the share of periods in which a limit was hit,
     * of all of these cgroups together. ABSENT with CAUSE_NO_CPU_LIMIT: none of them has one.
     */
    struct figure throttled, throttled_periods;
    struct figure halt_poll; /* CPU time in which halted vCPUs were polled for */
    struct role_load roles[VM_ROLE_COUNT];
    struct figure pressure[PRESSURE_COUNT]; /* of its nearest cgroup that has processes (v2) */
};

/* Of a vCPU. RUN is its cpu_ratio, RDY its wait_ratio. */
struct vcpu_load {
    uint8_t state;             /* enum vcpu_state */
    uint8_t state_cause;       /* as of a VM */
    /* Together its cpu_ratio; how it is split is the mean of a second or more: tick_window.h */
    struct figure guest, host;
    struct figure throttled;
    struct figure halt_poll;
    struct reading host_cpu;  /* that its thread ran on last */
    struct reading cpu_count; /* on which it may run */
    const char *cpus_allowed; /* the same as a list, "0-3,8"; NULL = not known, or too long */
};

/* Of the host. */
struct host_load {
    struct figure load_1, load_5, load_15;    /* mean number of tasks that run or want to */
    /* Of all CPUs, guest is part of busy; the mean of a second of their time: tick_window.h */
    struct figure busy, guest, steal, iowait;
    struct reading mem_free, mem_available, swap_total, swap_free; /* bytes */
    struct figure pressure[PRESSURE_COUNT];
};

#endif
