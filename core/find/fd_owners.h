/* SPDX-License-Identifier: MIT */
/*
 * Which vCPU is whose, told by the kernel (BPF) instead of guessed from the order of descriptors.
 * Pure.
 */
#ifndef KVMLENS_CORE_FIND_FD_OWNERS_H
#define KVMLENS_CORE_FIND_FD_OWNERS_H

#include "core/bpf/kvm_bpf_tick.h"
#include "core/find/proc_fds.h"
#include "core/model/vm.h"

/*
 * fd_owners_tell - fill in vm and tid of the VMs and vCPUs in @fds, which are those of the process
 * @seen. What the kernel does not tell, and what changed between the two looks, stays 0.
 */
void fd_owners_tell(const struct kvm_bpf_process *seen, struct proc_fds *fds);

/*
 * fd_owners_list - the same without a list of the process's links, which may be hidden from us:
 * its VMs and vCPUs, without stats descriptors. 0 or -ENOMEM.
 */
int fd_owners_list(const struct kvm_bpf_process *seen, struct proc_fds *ret);

/* fd_owners_are_known - is it known of all VMs and vCPUs in @fds? */
bool fd_owners_are_known(const struct proc_fds *fds);

/*
 * fd_owners_are_same - has the process the VMs, and have these the vCPUs, that @vms says? They are
 * those of the process in the list, ascending descriptor. False too where it is not known of all.
 */
bool fd_owners_are_same(const struct kvm_bpf_process *seen, struct vm *const *vms, size_t count);

/*
 * fd_owners_have_changed - is one of @vms gone, or another one in its place? Not the opposite:
 * false too where the kernel has told nothing.
 */
bool fd_owners_have_changed(const struct kvm_bpf_process *seen, struct vm *const *vms,
                            size_t count);

#endif
