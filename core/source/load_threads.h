/* SPDX-License-Identifier: MIT */
/*
 * Load: all threads of a VMM by role, with their CPU time and their wait, and the kernel threads
 * that are there for it.
 *
 * What a role has used goes on when one of its threads ends. A thread that came and went between
 * two looks is not seen. Names are looked at when the number of threads changed, and now and then.
 *
 * Main thread.
 */
#ifndef KVMLENS_CORE_SOURCE_LOAD_THREADS_H
#define KVMLENS_CORE_SOURCE_LOAD_THREADS_H

#include "core/find/kernel_helpers.h"
#include "core/model/sample.h"
#include "core/source/load_env.h"

struct load_threads;

/* load_threads_new - NULL: no memory. load_threads_free: NULL ok. */
struct load_threads *load_threads_new(void);
void load_threads_free(struct load_threads *threads);

/* Kernel threads that are there for VMs, of the whole host. */
struct helper_list {
    struct kernel_helper at[512];
    size_t count;
    bool is_whole; /* false: there may be others */
};

/* helper_list_fill - of this tick. */
void helper_list_fill(struct helper_list *list, const struct load_env *env);

/*
 * load_threads_read - the gauges of all roles of process @pid but that of vCPUs, whose threads are
 * not counted: with LOAD_ROLES all of them, else how many threads migrate. @thread_count: of the
 * process, 0 = not known. @vms: where the VMs of the process are found; NULL: nowhere.
 */
void load_threads_read(struct load_threads *threads, const struct load_env *env,
                       const struct helper_list *helpers, pid_t pid, uint64_t thread_count,
                       const struct vm_list *vms, struct reading gauges[VM_GAUGE_COUNT]);

/* load_add_vcpu_role - the role of vCPUs, of what was read of them. */
void load_add_vcpu_role(struct sample_vm *sv);

#endif
