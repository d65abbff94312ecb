/* SPDX-License-Identifier: MIT */
/*
 * What a thread is there for, as its name says. A VMM names its threads as it likes, so this is a
 * label and no more. Pure, any thread.
 *
 * Kernel: vhost_worker_create in drivers/vhost/vhost.c (kernel threads "vhost-PID" before Linux
 * 6.4, threads of the VMM since), kvm_vm_create_worker_thread in virt/kvm/kvm_main.c, since 6.13
 * kvm_mmu_start_lpage_recovery in arch/x86/kvm/mmu/mmu.c, kvm_create_pit in arch/x86/kvm/i8254.c.
 */
#ifndef KVMLENS_CORE_FIND_THREAD_ROLE_H
#define KVMLENS_CORE_FIND_THREAD_ROLE_H

#include <stdbool.h>
#include <sys/types.h>

#include "core/model/vm_load.h"

/* thread_role - of a thread of a VMM; @comm without its newline. VM_ROLE_EMULATOR: any other. */
enum vm_role thread_role(const char *comm);

/*
 * thread_role_helper - of a kernel thread: is it there for a process? *@ret_owner: the number in
 * its name, of that process or of a thread of it.
 */
bool thread_role_helper(const char *comm, pid_t *ret_owner, enum vm_role *ret);

#endif
