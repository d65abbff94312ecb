/* SPDX-License-Identifier: MIT */
/*
 * The KVM descriptors of a process, from the links in /proc/PID/fd. Main thread.
 *
 * Link texts (virt/kvm/kvm_main.c): anon_inode:kvm-vm, anon_inode:kvm-vcpu:ID,
 * anon_inode:kvm-vm-stats, anon_inode:kvm-vcpu-stats:ID. They cannot be forged: a path begins with
 * a slash.
 */
#ifndef KVMLENS_CORE_FIND_PROC_FDS_H
#define KVMLENS_CORE_FIND_PROC_FDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/base/rootfs.h"

enum proc_fd_kind { PROC_FD_OTHER, PROC_FD_VM, PROC_FD_VCPU, PROC_FD_VM_STATS, PROC_FD_VCPU_STATS };

struct proc_fd {
    int fd;
    enum proc_fd_kind kind;
    int vcpu; /* id, of the two vCPU kinds */
    /* Of VMs and vCPUs, where the kernel tells (fd_owners.h): */
    uint64_t vm; /* equal for all of one VM; 0 = not known */
    uint32_t birth; /* of a VM, as all of it in kvm_bpf.h */
    int vm_vcpus;   /* of a VM: it has so many, whoever holds them; 0 or less = not known */
    pid_t tid;   /* thread of a vCPU; 0 = not known, or it has not run yet */
};

struct proc_fds {
    struct proc_fd *fds; /* the KVM ones, ascending fd */
    size_t count;
    size_t vm_count;     /* of them PROC_FD_VM */
    bool is_cut;         /* the process has more than is looked at: some may be missing */
};

/*
 * Bounds against a hostile process, which may have a million descriptors or more. What lies beyond
 * is not in the list, and is_cut says so.
 */
#define PROC_FDS_LOOKED_AT_MAX 262144 /* of any kind: some tenths of a second */
#define PROC_FDS_MAX           40960 /* KVM descriptors: of 2000 VMs with 8 vCPUs each, and stats */
#define PROC_FDS_VMS_MAX       4096   /* VMs */

/* proc_fds_parse - kind of a link text; @ret_vcpu is set for the vCPU kinds. Pure. */
enum proc_fd_kind proc_fds_parse(const char *link, int *ret_vcpu);

/*
 * proc_fds_read - 0, -EACCES/-EPERM (not ours to look into), -ENOENT/-ESRCH (process gone), or
 * another error, which says nothing about the process. @ret is set on success only.
 */
int proc_fds_read(const struct rootfs *root, pid_t pid, struct proc_fds *ret);
void proc_fds_done(struct proc_fds *fds);

/* proc_fds_is_vm - is descriptor @fd of @pid a VM now? 1, 0, or -errno where that is not known. */
int proc_fds_is_vm(const struct rootfs *root, pid_t pid, int fd);

#endif
