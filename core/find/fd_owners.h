/* SPDX-License-Identifier: MIT */
/*
 * Which vCPU is whose, told by the kernel (BPF) instead of guessed from the order of descriptors.
 * Main thread.
 */
#ifndef KVMLENS_CORE_FIND_FD_OWNERS_H
#define KVMLENS_CORE_FIND_FD_OWNERS_H

#include "core/bpf/kvm_bpf.h"
#include "core/find/proc_fds.h"

/*
 * fd_owners_tell - fill in vm and tid of the VMs and vCPUs in @fds, which are those of process
 * @pid. What the kernel does not tell, and what changed between the two looks, stays 0.
 * @bpf NULL: nothing is told.
 */
void fd_owners_tell(struct kvm_bpf *bpf, pid_t pid, struct proc_fds *fds);

/*
 * fd_owners_list - the same without a list of the process's links, which may be hidden from us:
 * its VMs and vCPUs, without stats descriptors. 0, -ENOMEM, or what kvm_bpf_read_process says.
 */
int fd_owners_list(struct kvm_bpf *bpf, pid_t pid, struct proc_fds *ret);

/* fd_owners_are_known - is it known of all VMs and vCPUs in @fds? */
bool fd_owners_are_known(const struct proc_fds *fds);

#endif
