/* SPDX-License-Identifier: MIT */
/*
 * What the kernel told of each process in one tick, for all who want to know: discovery sees from
 * it that the VMs of a process are those that they were, and the source takes their counters. It is
 * read once.
 *
 * Main thread. Nothing of KVM is kept from tick to tick, but the memory for it.
 */
#ifndef KVMLENS_CORE_BPF_KVM_BPF_TICK_H
#define KVMLENS_CORE_BPF_KVM_BPF_TICK_H

#include "core/base/beacon.h"
#include "core/bpf/kvm_bpf.h"

struct kvm_bpf_tick;

struct kvm_bpf_tick_config {
    struct kvm_bpf *bpf;      /* borrowed, outlives the ticks */
    struct beacon *beacon;    /* says what is read; NULL: nobody wants to know. Borrowed */
    uint64_t (*now_ns)(void); /* monotonic */
};

/* The KVM files of one process. Valid until the next kvm_bpf_tick_begin. */
struct kvm_bpf_process {
    pid_t pid;
    int result;       /* of kvm_bpf_read_process; below 0 there are no files */
    uint64_t read_ns; /* when */
    struct kvm_bpf_file *files; /* ascending descriptor, with their counters */
    size_t count;
    const struct kvm_bpf_file **vcpus; /* those that are vCPUs, ascending (VM, id) */
    size_t vcpu_count;
};

/* kvm_bpf_tick_new - NULL: no memory. */
struct kvm_bpf_tick *kvm_bpf_tick_new(const struct kvm_bpf_tick_config *config);
void kvm_bpf_tick_free(struct kvm_bpf_tick *tick); /* NULL ok */

/* kvm_bpf_tick_bpf - what it reads with. */
struct kvm_bpf *kvm_bpf_tick_bpf(const struct kvm_bpf_tick *tick);

/* kvm_bpf_tick_begin - all is read anew. What was not read in the tick before is forgotten. @wants:
 * bits of enum kvm_bpf_want. */
void kvm_bpf_tick_begin(struct kvm_bpf_tick *tick, unsigned wants);

/* kvm_bpf_tick_read - reads it, where that was not done yet in this tick. NULL: no memory. */
const struct kvm_bpf_process *kvm_bpf_tick_read(struct kvm_bpf_tick *tick, pid_t pid);

/* kvm_bpf_process_vm - the VM with that descriptor, kvm_bpf_process_vcpu - a vCPU of a VM, that is
 * of kvm_bpf_file.vm. NULL: there is none. */
const struct kvm_bpf_file *kvm_bpf_process_vm(const struct kvm_bpf_process *process, int fd);
const struct kvm_bpf_file *kvm_bpf_process_vcpu(const struct kvm_bpf_process *process, uint64_t vm,
                                                int id);

#endif
