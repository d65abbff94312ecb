/* SPDX-License-Identifier: MIT */
/*
 * Sample: the raw numbers of one tick. Filled by the sources, turned into a snapshot, kept until
 * the next.
 *
 * Field readings are indexed by the field table; a field that was not there yet when the sample was
 * taken (index >= field_count) is absent.
 */
#ifndef KVMLENS_CORE_MODEL_SAMPLE_H
#define KVMLENS_CORE_MODEL_SAMPLE_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "core/base/host.h"
#include "core/base/spare.h"
#include "core/model/bpf_status.h"
#include "core/model/exits.h"
#include "core/model/field.h"
#include "core/model/reading.h"
#include "core/model/tick_window.h"
#include "core/model/vm.h"
#include "core/model/vm_io.h"

/* Numbers of a VM that are no KVM counters. */
enum vm_gauge {
    VM_CPU_NS,          /* cumulative: CPU time of the whole process, guest time included */
    VM_RSS_BYTES,       /* resident memory of the process */
    VM_PAGETABLE_BYTES, /* its page tables (VmPTE) */
    /* The rest is read where somebody wishes for it: enum load_wish of core/model/vm_load.h */
    VM_UPTIME_NS,         /* of the process */
    VM_LOOK,              /* enum vm_look */
    VM_THROTTLED_NS,      /* cumulative, of all cgroups with a limit that its threads are in */
    VM_THROTTLED_PERIODS, /* cumulative, likewise: in which a limit was hit */
    VM_LIMITED_PERIODS,   /* cumulative, likewise: in all */
    VM_CPU_SOME_NS,       /* cumulative, and all that follow: pressure in its cgroup */
    VM_CPU_FULL_NS,
    VM_MEMORY_SOME_NS,
    VM_MEMORY_FULL_NS,
    VM_IO_SOME_NS,
    VM_IO_FULL_NS,
    /* cumulative: CPU time and wait of its threads by role, and how many there are now */
    VM_VCPU_CPU_NS,
    VM_VCPU_WAIT_NS,
    VM_VCPU_THREADS,
    VM_IOTHREAD_CPU_NS,
    VM_IOTHREAD_WAIT_NS,
    VM_IOTHREAD_THREADS,
    VM_VHOST_CPU_NS,
    VM_VHOST_WAIT_NS,
    VM_VHOST_THREADS,
    VM_MIGRATION_CPU_NS,
    VM_MIGRATION_WAIT_NS,
    VM_MIGRATION_THREADS,
    VM_KERNEL_CPU_NS,
    VM_KERNEL_WAIT_NS,
    VM_KERNEL_THREADS,
    VM_EMULATOR_CPU_NS,
    VM_EMULATOR_WAIT_NS,
    VM_EMULATOR_THREADS,
    /* bytes, what they are: core/model/vm_memory.h */
    VM_RSS_ANON_BYTES,
    VM_RSS_FILE_BYTES,
    VM_RSS_SHMEM_BYTES,
    VM_HUGETLB_BYTES,
    VM_SWAP_BYTES,
    VM_KSM_MERGED_BYTES,
    VM_KSM_ZERO_BYTES,
    VM_CGROUP_BYTES,
    VM_CGROUP_SWAP_BYTES,
    VM_CGROUP_MAX_BYTES,
    VM_CGROUP_HIGH_BYTES,
    VM_CGROUP_FULLEST_BYTES, /* of the one that is nearest to its limit */
    VM_CGROUP_FULLEST_LIMIT_BYTES,
    /* of one look at page tables, pages of 4 KiB that were resident */
    VM_LOOKED_PAGES,
    VM_LOOKED_THP_PAGES, /* of them in transparent huge pages */
    VM_LOOKED_HUGETLB_PAGES,
    VM_NUMA_PAGES,      /* whose node was asked for */
    VM_NUMA_PAIRS,      /* the same for each vCPU whose node was known */
    VM_NUMA_LOCAL,      /* of these pairs with one node */
    VM_NUMA_NODE,       /* on which most of the pages were */
    VM_NUMA_NODE_PAGES, /* so many */
    /* core/model/vm_io.h */
    VM_STORAGE_READ_BYTES,    /* cumulative */
    VM_STORAGE_WRITTEN_BYTES, /* cumulative */
    VM_DEVICES_FOUND,
    VM_VHOST_NETS,
    VM_GAUGE_COUNT
};

/* Numbers of a vCPU that are no KVM counters. The debugfs ones: arch/x86/kvm/debugfs.c. */
enum vcpu_gauge {
    VCPU_CPU_NS,     /* cumulative: CPU time of its thread, schedstat field 1 */
    VCPU_WAIT_NS,    /* cumulative: time it was runnable but had no CPU, schedstat field 2 */
    VCPU_TSC_OFFSET, /* two's complement of a signed number */
    VCPU_TSC_SCALING_RATIO,
    VCPU_TSC_SCALING_FRAC_BITS, /* ratio = VCPU_TSC_SCALING_RATIO / 2^this */
    VCPU_GUEST_MODE,            /* 1: runs a nested guest */
    VCPU_LAPIC_TIMER_ADVANCE_NS,
    /* The kernel tells these through BPF only, but for the host CPU. */
    VCPU_L1_TSC_OFFSET, /* as VCPU_TSC_OFFSET, but never that of a nested guest */
    VCPU_HOST_CPU,      /* that it runs on, or ran on last; /proc/PID/task/TID/stat field 39 */
    VCPU_PREEMPTED,     /* 1: its thread lost the CPU while the guest ran */
    VCPU_HALT_POLL_WINDOW_NS, /* how long it polls now when its guest halts, before it sleeps */
    /* These where somebody wishes for them (core/model/vm_load.h). */
    VCPU_LOOK,         /* enum vcpu_look */
    VCPU_GUEST_NS,     /* cumulative: CPU time in the guest, field 43 of its thread's stat */
    VCPU_THROTTLED_NS, /* cumulative, of all cgroups with a limit that its thread is in */
    VCPU_CPU_COUNT,    /* on which its thread may run (Cpus_allowed_list) */
    VCPU_GAUGE_COUNT
};

/* Numbers of the host that are no KVM counters, where somebody wishes for them. */
enum host_gauge {
    HOST_LOAD_1, /* hundredths, /proc/loadavg */
    HOST_LOAD_5,
    HOST_LOAD_15,
    /* cumulative, of all CPUs: /proc/stat */
    HOST_CPU_NS, /* whatever they did, nothing included */
    HOST_IDLE_NS,
    HOST_IOWAIT_NS,
    HOST_STEAL_NS,       /* that the hypervisor below gave to others */
    HOST_GUEST_NS,       /* in guests */
    HOST_MEM_FREE_BYTES, /* /proc/meminfo */
    HOST_MEM_AVAILABLE_BYTES,
    HOST_SWAP_TOTAL_BYTES,
    HOST_SWAP_FREE_BYTES,
    HOST_CPU_SOME_NS, /* cumulative, and all that follow: /proc/pressure */
    HOST_CPU_FULL_NS,
    HOST_MEMORY_SOME_NS,
    HOST_MEMORY_FULL_NS,
    HOST_IO_SOME_NS,
    HOST_IO_FULL_NS,
    HOST_GAUGE_COUNT
};

/* One VM or one vCPU. Arrays belong to the sample. */
struct sample_entity {
    uint64_t time_ns[SOURCE_COUNT]; /* monotonic, next to the read, per source; 0 = not read */
    struct reading *readings;       /* [field_count] */
    /* [bucket_count]; field f has its size places at bucket_index */
    uint64_t *buckets;
    /* enum reading_cause: why the sources gave nothing, also where no field is known yet */
    uint8_t cause;
};

/* A device or file of a VM, with what is counted of it. */
struct sample_device {
    const char *name; /* cleaned; belongs to the sample */
    uint8_t kind;     /* enum io_device_kind */
    bool is_read_only;
    uint64_t time_ns; /* monotonic, when it was read; 0 = not read */
    struct reading counts[IO_COUNTER_COUNT];
};

struct sample_vcpu {
    int id;
    pid_t tid; /* 0 = not known */
    const char *cpus_allowed; /* "0-3,8"; NULL = not known; belongs to the sample */
    struct sample_entity entity;
    struct reading gauges[VCPU_GAUGE_COUNT];
    struct tick_marks ticks; /* set by sample_follow */
};

/* What is known of a VM beside its numbers, as it was when the sample was laid out. */
struct vm_facts {
    pid_t creator_tid;    /* 0 = not known */
    uint64_t object;      /* inode of its debugfs directory; 0 = not known */
    const char *vmm;      /* static text */
    const char *name_raw; /* as the VMM gave it: may hold any byte but NUL */
    const char *name;     /* cleaned, never empty */
    uint64_t ram_bytes;   /* 0 = not known */
    uint8_t fds_cause;    /* enum reading_cause: why its descriptors could not be listed */
    uint8_t migration;    /* enum vm_migration */
    bool vcpus_by_fd_order;
    bool process_is_cut;
};

struct sample_vm {
    struct vm_id id;
    struct vm *vm; /* borrowed from the list until the next discovery; NULL in another process */
    struct vm_facts facts; /* texts belong to the sample */
    bool gone;           /* found dead in this tick: shows nowhere */
    bool skipped; /* not read in this tick: its numbers, if any, are those of an earlier one */
    uint8_t skip_cause;          /* enum reading_cause: why */
    bool lacks_vcpus;            /* it has more than are listed: there are no sums over them */
    struct sample_entity entity; /* vCPU-scoped fields: sums over the vCPUs */
    struct reading gauges[VM_GAUGE_COUNT];
    struct sample_vcpu *vcpus; /* [vcpu_count], ascending id */
    size_t vcpu_count;
    struct sample_device *devices; /* [device_count], by kind, then name */
    size_t device_count;
};

struct sample {
    /* As the first number was read: finding the VMs, which may take long, was before. */
    struct timespec wall;  /* CLOCK_REALTIME */
    uint64_t read_ns;      /* CLOCK_MONOTONIC */
    uint64_t self_cpu_ns;  /* CPU time of this program until then */
    uint64_t duration_ns;  /* of the whole sample, finding the VMs included */
    /* CPU time of this thread per source; SOURCE_NONE: discovery and the rest */
    uint64_t cost_ns[SOURCE_COUNT];
    size_t field_count, bucket_count; /* of the field table when the sample was laid out */
    struct sample_vm *vms;
    size_t vm_count;
    struct reading host_gauges[HOST_GAUGE_COUNT]; /* read at host.time_ns */
    /* all VMs together, where the kernel counts none apart; no other sum goes in here */
    struct sample_entity host;
    bool has_host;    /* were these totals read? */
    struct tick_marks host_ticks; /* set by sample_follow */
    unsigned vm_ends; /* samples before this one, and this one, that miss a VM of the one before */
    size_t hidden_processes; /* that could not be looked into: each may hide VMs */
    pid_t hidden_pid;        /* the first of them; 0 = there is none */
    enum reading_cause hidden_cause; /* why that one could not */
    bool proc_hides;         /* /proc leaves out processes of others, which may have VMs */
    size_t hidden_vms;       /* VMs that debugfs names, in no process that we can see */
    size_t cut_processes;    /* that have more descriptors, VMs or vCPUs than are looked at */
    struct host host_facts;
    struct bpf_status bpf; /* set by who loads it */
    struct exits_count *exits; /* likewise; NULL: nobody asked for them */
    void *memory; /* all arrays above */
    void *matrices; /* readings and buckets, where they are not part of @memory; else NULL */
    void *kept;     /* what sample_keep added */
    struct spare *home; /* where @matrices goes back to, and outlives it; NULL: free(3) */
};

/* vm_facts_of - what @vm tells; its texts are borrowed. Pure. */
struct vm_facts vm_facts_of(const struct vm *vm);

/*
 * sample_new - laid out for these VMs and the fields known now; every reading is ABSENT without a
 * cause. 0 or -ENOMEM. Ends with sample_free (NULL ok).
 */
int sample_new(const struct vm_list *vms, const struct field_table *fields, struct sample **ret);
void sample_free(struct sample *sample);

/*
 * sample_add_vcpu_sums - vCPU-scoped fields of each VM that has none yet: the sum over its vCPUs,
 * when every one of them has an OK reading from one source. Histograms bucket by bucket.
 */
void sample_add_vcpu_sums(struct sample *sample, const struct field_table *fields);

/* sample_vm_add_vcpu_sums - the same for one VM of it. */
void sample_vm_add_vcpu_sums(const struct sample *sample, const struct field_table *fields,
                             struct sample_vm *vm);

/* Parts of the points below. */
enum { TICK_VCPU_CPU, TICK_VCPU_GUEST };
enum { TICK_HOST_IDLE, TICK_HOST_IOWAIT, TICK_HOST_STEAL, TICK_HOST_GUEST };

/* sample_vcpu_ticks, ..._host_ticks - what is known of the CPU time of a vCPU, of the host's CPUs;
 * nothing where a number is missing. */
struct tick_point sample_vcpu_ticks(const struct sample_vcpu *vcpu);
struct tick_point sample_host_ticks(const struct sample *sample);

/* A walk through the VMs of a sample, in their order. */
struct sample_walk {
    const struct sample *sample; /* NULL: it has none */
    size_t at;
};

/* sample_walk_to - the VM of that identity, or NULL. Each call asks for one further on. */
const struct sample_vm *sample_walk_to(struct sample_walk *walk, const struct vm_id *id);

/*
 * sample_find_device - the device of @vm that has kind and name of @device, or NULL. @at: where it
 * probably is. @vm NULL: there is none. Pure.
 */
const struct sample_device *sample_find_device(const struct sample_vm *vm, size_t at,
                                               const struct sample_device *device);

/*
 * sample_follow - carry on from @prev what totals lost: the falls of each number of a VM (somebody
 * cleared it); of the totals of the host vm_ends and their falls (a 32-bit counter of a vCPU began
 * again at 0); and over which time parts of CPU time are looked at. A VM that was skipped keeps the
 * numbers that it had in @prev, with their times: the rates of the sample after are over the time
 * since these were read.
 */
void sample_follow(const struct sample *prev, struct sample *sample);

/*
 * The same a VM at a time. sample_follow_vm: @vm of @sample, and what it was in @prev; NULL: it was
 * not there. sample_follow_host: what is of the sample as a whole.
 */
void sample_follow_vm(const struct sample *prev, const struct sample_vm *before,
                      const struct sample *sample, struct sample_vm *vm);
void sample_follow_host(const struct sample *prev, struct sample *sample);

/*
 * sample_keep - VMs of @prev that cannot be looked at any more stay in the list.
 *
 * Those of the processes @pids that @sample lacks come into it, marked as skipped for @cause; the
 * numbers that they had come with sample_follow. Both samples are of one field table. Once for a
 * sample. 0 or -ENOMEM: then it stays as it was. Pure.
 */
int sample_keep(const struct sample *prev, const pid_t *pids, size_t count,
                enum reading_cause cause, struct sample *sample);

#endif
