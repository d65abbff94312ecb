/* SPDX-License-Identifier: MIT */
/*
 * A VM whose descriptors are open in more than one process is one VM. fork() does that, and VMMs
 * that run each device in a process of its own. Used by discover only; main thread.
 */
#ifndef KVMLENS_CORE_FIND_VM_TWINS_H
#define KVMLENS_CORE_FIND_VM_TWINS_H

#include <stdbool.h>

#include "core/base/rootfs.h"
#include "core/model/vm.h"

/*
 * vm_twins_mark - sets is_copy of all but one of the VMs of several processes that are one open
 * file.
 *
 * The one that debugfs names stays, else that of the oldest process, which made it. Asks only about
 * VMs that are new or lost a twin (twin_checked), and where @debugfs_tells only those without a
 * directory: of n VMs and m such ones, (n + m) log m times kcmp(2). Where kcmp is refused each one
 * stays. 0 or -ENOMEM.
 */
int vm_twins_mark(const struct rootfs *root, bool debugfs_tells, struct vm *const *vms,
                  size_t count);

/*
 * vm_twins_lost - a VM ended: a copy may be the only one left. To be called before vm_twins_mark.
 */
void vm_twins_lost(struct vm *const *vms, size_t count);

#endif
