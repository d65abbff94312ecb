/* SPDX-License-Identifier: MIT */
/*
 * A process with real VMs, and the BPF programs that read it: for tests of what comes through BPF.
 */
#ifndef KVMLENS_TESTS_LIB_KVM_GUEST_H
#define KVMLENS_TESTS_LIB_KVM_GUEST_H

#include <stdbool.h>

#include "core/bpf/kvm_bpf.h"
#include "tests/lib/guest.h"

struct kvm_guest_config {
    unsigned vms, vcpus; /* VMs, and vCPUs of each; they halt at once */
    bool stats_fds;      /* it keeps them all */
    unsigned files;      /* descriptors it has before it makes them */
    bool lends; /* the last vCPU of the last VM is held by a thread with descriptors of its own */
    bool is_busy;        /* they go on instead: wake-ups, port I/O */
};

/*
 * guest_fn: @arg is a struct kvm_guest_config. Descriptors of the first two VMs are in extra[0] and
 * extra[1], the thread of the first vCPU of the first VM in extra[2].
 */
guest_fn kvm_guest;

/*
 * kvm_guest_bpf - the programs, loaded; NULL where that cannot be, with the reason printed.
 * @root: opened by it. Ends with kvm_bpf_close and rootfs_close.
 */
struct kvm_bpf *kvm_guest_bpf(struct rootfs *root);

#endif
