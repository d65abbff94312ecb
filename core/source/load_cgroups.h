/* SPDX-License-Identifier: MIT */
/*
 * Load: cgroups. Which limits on CPU time hold back the threads of a VM, whether it is frozen, and
 * the pressure in its cgroup.
 *
 * libvirt gives each vCPU a cgroup of its own, with a limit of its own, so each thread is asked for
 * its cgroup. Limits of all cgroups above count too. Pressure is that of the nearest cgroup which
 * may have processes: of threads alone the kernel measures no memory. Cgroups of version 1 and 2
 * may stand beside each other.
 *
 * Kernel: cpu.stat, cpu.max and cpu.cfs_quota_us in kernel/sched/core.c, cgroup.events and
 * cgroup.type in kernel/cgroup/cgroup.c, freezer.state in kernel/cgroup/legacy_freezer.c,
 * psi_show in kernel/sched/psi.c, memory.* in mm/memcontrol.c and mm/memcontrol-v1.c.
 *
 * Main thread.
 */
#ifndef KVMLENS_CORE_SOURCE_LOAD_CGROUPS_H
#define KVMLENS_CORE_SOURCE_LOAD_CGROUPS_H

#include "core/model/sample.h"
#include "core/source/cgroup_tree.h"
#include "core/source/load_env.h"

struct load_cgroups; /* those of one VM */

/* load_cgroups_new - NULL: no memory. @vcpus: of the VM. load_cgroups_free: NULL ok. */
struct load_cgroups *load_cgroups_new(struct cgroup_table *table, size_t vcpus);
void load_cgroups_free(struct load_cgroups *groups);

/* load_cgroups_read - limits, memory and pressure of @sv, as far as they are wished for, and as
 * many vCPUs as @groups was made for. */
void load_cgroups_read(struct load_cgroups *groups, const struct load_env *env,
                       struct sample_vm *sv);

/* load_cgroups_are_frozen - is the process of @sv frozen? False also where that is not known. */
bool load_cgroups_are_frozen(struct load_cgroups *groups, const struct load_env *env,
                             const struct sample_vm *sv);

#endif
