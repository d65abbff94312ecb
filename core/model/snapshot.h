/* SPDX-License-Identifier: MIT */
/*
 * Snapshot: what a person or a script wants to see of two samples. Immutable.
 *
 * It holds copies of all it shows, so it outlives the samples and the VMs. Screens, text, JSON and
 * metrics are all made from it: what one of them needs belongs here.
 */
#ifndef KVMLENS_CORE_MODEL_SNAPSHOT_H
#define KVMLENS_CORE_MODEL_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "core/base/host.h"
#include "core/model/bpf_status.h"
#include "core/model/exits.h"
#include "core/model/field.h"
#include "core/model/figure.h"
#include "core/model/reading.h"
#include "core/model/sample.h"
#include "core/model/vm.h"
#include "core/model/vm_io.h"
#include "core/model/vm_load.h"
#include "core/model/vm_memory.h"

struct snapshot_value {
    struct reading reading; /* the kernel's raw number */
    struct figure rate;     /* per second, raw units; cumulative fields only, else ABSENT */
};

struct snapshot_vcpu {
    int id;
    pid_t tid;                            /* 0 = not known */
    struct snapshot_value *values;        /* [field_count] */
    uint64_t *buckets;                    /* [bucket_count] */
    struct reading gauges[VCPU_GAUGE_COUNT];
    struct figure cpu_ratio, wait_ratio; /* of one CPU: 1.0 = a whole one */
    struct vcpu_load load;
};

struct snapshot_vm {
    struct vm_id id;
    pid_t creator_tid;
    const char *vmm;      /* static text */
    const char *name;     /* cleaned, for people */
    const char *name_raw; /* for machines, to be escaped */
    size_t vcpu_count;
    struct snapshot_vcpu *vcpus;    /* ascending id */
    struct snapshot_value *values;  /* [field_count]; vCPU-scoped fields: sums over the vCPUs */
    uint64_t *buckets;              /* [bucket_count]; sums over the vCPUs likewise */
    struct reading gauges[VM_GAUGE_COUNT];
    /* between the two reads of its counters, which its rates are over; 0 = there was only one */
    double interval_s;
    /*
     * Not read in this tick: the age of its newest number; all of them are READING_STALE for
     * stale_cause. 0: it was read, or never yet.
     */
    double stale_s;
    uint8_t stale_cause;            /* enum reading_cause; CAUSE_NONE: it was read */
    struct figure cpu_ratio;        /* whole process, 1.0 = one CPU */
    struct figure wait_ratio;       /* sum over the vCPU threads */
    struct vm_load load;
    struct vm_memory memory;
    struct vm_io io;
    struct reading ram_bytes;       /* guest RAM mapped by the VMM */
    /* what KVM has mapped for the guest (EPT/NPT): 4k, 2m and 1g pages; ABSENT where the host
     * counts none */
    struct reading mapped_bytes;
    /* enum reading_source that most VM-level, vCPU-level fields came from */
    uint8_t vm_source, vcpu_source;
    /* enum reading_cause: why a better source was not used, or CAUSE_NONE */
    uint8_t vm_cause, vcpu_cause;
    uint8_t migration; /* enum vm_migration; unknown of a VM that was not read */
    bool vcpus_by_fd_order;
    bool process_is_cut; /* its process has more descriptors, VMs or vCPUs than are looked at */
};

struct snapshot {
    struct timespec wall;   /* as the first number was read */
    uint64_t mono_ns;       /* the same, CLOCK_MONOTONIC */
    double interval_s;      /* since the first number of the sample before; 0 = there was none */
    uint64_t sample_ns;     /* how long sampling took */
    uint64_t cost_ns[SOURCE_COUNT];
    double self_cpu_ratio;  /* CPU time of this program over the interval; 0 when interval_s is 0 */
    struct host host;
    struct reading host_gauges[HOST_GAUGE_COUNT];
    struct host_load host_load;
    struct bpf_status bpf;
    /* NULL: nobody asked for them, or there was no memory for these. An allocation of their own */
    struct exits *exits;
    const struct field_table *fields; /* borrowed; only the first field_count entries are in here */
    size_t field_count, bucket_count;
    size_t hidden_processes; /* that could not be looked into: each may hide VMs */
    pid_t hidden_pid;        /* the first of them; 0 = there is none */
    enum reading_cause hidden_cause; /* why that one could not */
    bool proc_hides;         /* /proc leaves out processes of others, which may have VMs */
    size_t hidden_vms;       /* VMs that debugfs names, in no process that we can see */
    size_t cut_processes;    /* that have more descriptors, VMs or vCPUs than are looked at */
    struct snapshot_vm *vms; /* ascending (pid, fd) */
    size_t vm_count, vcpu_count;
    /*
     * [field_count]: the kernel's own totals of all VMs together, where it counts none apart
     * (before Linux 4.7); else NULL. They hold what the VMs that are there have counted, so they
     * fall as one ends.
     */
    struct snapshot_value *host_values;
    unsigned vm_ends; /* how often a sample missed a VM of the one before, up to this one */
    struct spare *home; /* where its memory goes back to, and outlives it; NULL: free(3) */
};

/* snapshot_may_lack_vms - for one of the reasons above: an empty list is no answer then. */
static inline bool snapshot_may_lack_vms(const struct snapshot *s)
{
    return s->hidden_processes > 0 || s->proc_hides || s->hidden_vms > 0 || s->cut_processes > 0;
}

/*
 * snapshot_derive - pure: no I/O, no clock.
 *
 * @prev NULL on the first tick: rates are WARMUP. VMs are matched by vm_id, vCPUs by id. A
 * cumulative value that went down is READING_RESET for one interval. A change of source is WARMUP.
 * Rates use the times next to the reads. Of a VM that was skipped nothing is shown as if it were of
 * now: what it had is READING_STALE, and so is what was never read. A rate of the host's totals is
 * READING_RESET as well when a VM ended in the interval: its share went with it.
 * @self_cpu_ns: CPU time of this program between the samples.
 * Returns NULL when memory is out. Ends with snapshot_free (NULL ok).
 */
struct snapshot *snapshot_derive(const struct sample *prev, const struct sample *cur,
                                 const struct field_table *fields, uint64_t self_cpu_ns);
void snapshot_free(struct snapshot *snapshot);

/*
 * The same a VM at a time. What is handed to snapshot_begin is borrowed until the end. Its VMs are
 * added in their order; what of @cur is of the whole sample has to be right only at the end.
 *
 * snapshot_begin - NULL when memory is out. @home: where its memory comes from and goes back to;
 * NULL: malloc(3).
 * snapshot_add - the next VM of @cur, also one that is gone.
 * snapshot_finish - all have been added. The snapshot belongs to the caller.
 * snapshot_abandon - end one that was not finished (NULL ok).
 */
struct snapshot_work;
struct snapshot_work *snapshot_begin(const struct sample *prev, const struct sample *cur,
                                     const struct field_table *fields, uint64_t self_cpu_ns,
                                     struct spare *home);
void snapshot_add(struct snapshot_work *work, const struct sample_vm *before,
                  const struct sample_vm *vm);
struct snapshot *snapshot_finish(struct snapshot_work *work);
void snapshot_abandon(struct snapshot_work *work);

/* snapshot_vm_value, ... - readings of fields by name; ABSENT for a name that is not there. */
struct snapshot_value snapshot_vm_value(const struct snapshot *s, const struct snapshot_vm *vm,
                                        const char *field);
struct snapshot_value snapshot_vcpu_value(const struct snapshot *s,
                                          const struct snapshot_vcpu *vcpu, const char *field);

/* snapshot_host_value - of host_values; ABSENT also where there are none. */
struct snapshot_value snapshot_host_value(const struct snapshot *s, const char *field);

/*
 * snapshot_tsc_scaling - ticks of the guest's TSC per tick of the host's: VCPU_TSC_SCALING_RATIO /
 * 2^FRAC_BITS, not per second. Missing with the state and cause of what is missing of the two;
 * hosts without TSC scaling have neither.
 */
struct figure snapshot_tsc_scaling(const struct snapshot_vcpu *vcpu);

/*
 * snapshot_total - a field's total since an earlier moment.
 * @base: snapshot that marks the moment (start of the program, last reset); NULL: since the VM was
 * created. A VM that @base does not have began after it: its total is its raw value. So is that of
 * a counter that was seen to fall since: somebody cleared it, and of one that could not be read
 * at that moment: it shows what it is since the VM was created. Gauges and peaks have no total but
 * their value. Of a VM that was stale at that moment it counts from the number before;
 * READING_STALE where there was none yet.
 */
struct reading snapshot_total(const struct snapshot *base, const struct snapshot *s,
                              const struct snapshot_vm *vm, size_t field);

/*
 * snapshot_total_since - the same with the VM of the earlier snapshot found already; NULL: it was
 * not there.
 */
struct reading snapshot_total_since(const struct snapshot *base, const struct snapshot_vm *then,
                                    const struct snapshot *s, const struct snapshot_vm *vm,
                                    size_t field);

/*
 * snapshot_vcpu_total - the same of a vCPU of s. @then: its VM in @base, or NULL.
 */
struct reading snapshot_vcpu_total(const struct snapshot *base, const struct snapshot_vm *then,
                                   const struct snapshot *s, const struct snapshot_vcpu *vcpu,
                                   size_t field);

/*
 * snapshot_host_total - the same of host_values, which @s must have. READING_RESET where the total
 * since then is not known: a VM that was there has ended, or a total fell on the way.
 */
struct reading snapshot_host_total(const struct snapshot *base, const struct snapshot *s,
                                   size_t field);

/* snapshot_find_fd - the VM with that descriptor in that process, or NULL. */
const struct snapshot_vm *snapshot_find_fd(const struct snapshot *s, pid_t pid, int fd);

/* snapshot_find - the VM of that identity, or NULL. */
const struct snapshot_vm *snapshot_find(const struct snapshot *s, const struct vm_id *id);

/* snapshot_find_kept - the same of an identity that another process of ours wrote down: which tick
 * found the VM is not known then, and one that took its place in its process is taken for it. */
const struct snapshot_vm *snapshot_find_kept(const struct snapshot *s, const struct vm_id *id);

/* snapshot_vm_state - of the VM of that identity: VM_STATE_ENDED where it is not in the list. */
enum vm_state snapshot_vm_state(const struct snapshot *s, const struct vm_id *id);

/*
 * snapshot_interval_differs - is a time in which something was measured clearly another one than
 * @usual? 0 is a time that is not known, and no other one.
 */
bool snapshot_interval_differs(double seconds, double usual);

#endif
