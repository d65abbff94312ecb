/* SPDX-License-Identifier: MIT */
/*
 * Which thread of a VMM runs which vCPU: from vcpuN/pid of debugfs where the kernel has it, else
 * from the names that VMMs give their vCPU threads. Main thread.
 */
#ifndef KVMLENS_CORE_FIND_VCPU_THREADS_H
#define KVMLENS_CORE_FIND_VCPU_THREADS_H

#include "core/base/rootfs.h"
#include "core/model/vm.h"

/* vcpu_threads_parse - "CPU 3/KVM" -> 3; -1 for a name that is no vCPU thread's. Pure. */
int vcpu_threads_parse(const char *comm);

/*
 * vcpu_threads_find - fill in the tid of every vCPU that has none.
 *
 * @debugfs: the kvm directory, "" when there is none. @by_name: whether thread names may be used;
 * false with several VMs in the process, whose names do not tell them apart. @again: look at those
 * that are known as well, at two reads for each: a vCPU that was unplugged and plugged in again has
 * another thread. Unknown ones are 0.
 */
void vcpu_threads_find(const struct rootfs *root, const char *debugfs, bool by_name, bool again,
                       struct vm *vm);

#endif
