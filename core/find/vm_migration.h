/* SPDX-License-Identifier: MIT */
/*
 * Whether a VM is being migrated away, as it can be seen from outside.
 *
 * KVM notes writes to a memslot that has a log of dirty pages. A migration turns that on for all of
 * the guest's RAM, and so does a measurement of its dirty rate; and after a migration it stays on
 * until the VM runs again. So "migrating" takes a second sign: the thread of QEMU that does it,
 * which has its name where threads have names (-name debug-threads=on, as libvirt always says).
 * The slot of video memory is logged at all times, so the largest writable slot counts.
 *
 * Main thread.
 */
#ifndef KVMLENS_CORE_FIND_VM_MIGRATION_H
#define KVMLENS_CORE_FIND_VM_MIGRATION_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/rootfs.h"
#include "core/bpf/kvm_bpf.h"
#include "core/model/vm.h"

/*
 * vm_migration_is_due - are the slots to be read in tick @tick of discovery? That costs 16 us of
 * CPU time, so only while there is a log, now and then, and when a sign changed: how many slots the
 * kernel says are logged. Where it does not say that, the sign is the number of threads of the
 * process, for a migration begins with one; then also in the tick after, for the log is turned on
 * a little later, and more often. @sign: as it is now. Pure.
 */
bool vm_migration_is_due(const struct vm *vm, uint64_t tick, bool is_counted, uint64_t sign);

/*
 * vm_migration_tick - sets vm->migration, when it is time to; once in each tick. @logged: how many
 * slots are logged; -1: the kernel does not say. VM_MIGRATION_UNKNOWN when the slots cannot be
 * read.
 */
void vm_migration_tick(const struct rootfs *root, struct kvm_bpf *bpf, uint64_t tick, int logged,
                       struct vm *vm);

/* vm_migration_is_logged - is the RAM logged, which these slots show? Pure. */
bool vm_migration_is_logged(const struct kvm_bpf_slots *slots);

/* vm_migration_has_thread - has the process a thread that migrates, of one of the names that QEMU
 * gives it? */
bool vm_migration_has_thread(const struct rootfs *root, pid_t pid);

/* vm_migration_is_thread - of a thread's name, without its newline. Pure. */
bool vm_migration_is_thread(const char *comm);

#endif
