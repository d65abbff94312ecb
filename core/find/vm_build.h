/* SPDX-License-Identifier: MIT */
/*
 * Makes struct vm from what /proc and debugfs tell of one process. Used by discover, on the main
 * thread; only vm_process_start may be called on any.
 */
#ifndef KVMLENS_CORE_FIND_VM_BUILD_H
#define KVMLENS_CORE_FIND_VM_BUILD_H

#include "core/base/rootfs.h"
#include "core/find/kvm_dirs.h"
#include "core/find/proc_fds.h"
#include "core/model/vm.h"

/* What all VMs of a process share. */
struct vm_process {
    pid_t pid;
    uint64_t start_ticks;
    const char *vmm;             /* static text */
    char name[VM_NAME_RAW_MAX];  /* as given */
    bool is_named;               /* false: its arguments could not be read, so these are a guess */
};

/* vm_process_read - 0; -ENOENT/-ESRCH gone, or another error, which says nothing about it. */
int vm_process_read(const struct rootfs *root, pid_t pid, struct vm_process *ret);

/*
 * vm_process_start - field 22 of /proc/PID/stat, to tell reused pids apart. 0, -ENOENT/-ESRCH gone,
 * -EBADMSG.
 */
int vm_process_start(const struct rootfs *root, pid_t pid, uint64_t *ret);

/* vm_build - a VM without vCPUs and directory. 0 or -ENOMEM; vm_free ends it. */
int vm_build(const struct vm_process *process, int fd, struct vm **ret);

/*
 * vm_build_set_name - a process may change its name while its VMs run. A guess is no change. 0 or
 * -ENOMEM: then the old name stays.
 */
int vm_build_set_name(const struct vm_process *process, struct vm *vm);

/* vm_build_set_dir - @dir NULL: it has none, for the reason @cause. */
void vm_build_set_dir(struct vm *vm, const struct kvm_dir *dir, enum reading_cause cause);

/*
 * vm_build_lose_dir - its directory is out of reach for now, for the reason @cause. Which one it is
 * stays known, so that the VM is the same when it is back.
 */
void vm_build_lose_dir(struct vm *vm, enum reading_cause cause);

/* What is found out once per look at a process, for all of its VMs. */
struct vm_plan {
    const struct proc_fds *fds; /* borrowed */
    bool is_trusted;            /* the order of descriptors tells whose they are */
    bool is_known;              /* of VMs and vCPUs the kernel has told it */
    size_t vm_stats_count;      /* VM-level stats fds of the process */
};

/*
 * vm_build_plan - which descriptors of a process are whose.
 *
 * @fds: all KVM descriptors of the process, outlives the plan. With one VM all are its own. With
 * several nothing in /proc says which vCPU belongs to which VM: descriptors between two VM fds are
 * taken for the first one's, but only when that is complete for all VMs of the process.
 * Where the kernel has told of all VMs and vCPUs (fd_owners.h) that is so, and the order only
 * says which stats descriptors are whose. n log n in the number of descriptors. 0 or -ENOMEM.
 */
int vm_build_plan(const struct proc_fds *fds, struct vm_plan *ret);

/*
 * vm_build_set_vcpus - vCPUs and stats fds of the VM whose descriptor has index @at in plan.fds.
 *
 * Where the plan is not to be trusted, or debugfs contradicts it, the stats fds stay unused and the
 * cause is CAUSE_AMBIGUOUS. 0; 1 when there are more than VM_VCPUS_MAX, of which the first are in;
 * -ENOMEM.
 */
int vm_build_set_vcpus(const struct rootfs *root, const char *debugfs, const struct vm_plan *plan,
                       size_t at, struct vm *vm);

#endif
