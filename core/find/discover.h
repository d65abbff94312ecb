/* SPDX-License-Identifier: MIT */
/*
 * Finds the VMs of the host, every tick, without walking every descriptor of every process.
 *
 * Two places tell of VMs: directories TID-FD in debugfs (TID is the thread that created the VM),
 * and links to anon_inode:kvm-vm in /proc/PID/fd. Both are read and merged: debugfs may be absent,
 * its directory may be missing for one VM ("duplicate directory"), and descriptors may be hidden
 * from us.
 *
 * A process that was looked into and has no VM is remembered by pid and inode of its /proc
 * directory, which a reused pid cannot have. It is looked into again when the number of its
 * descriptors changes (Linux 6.2 tells it in st_size), when debugfs names one of its threads, while
 * it is young, and now and then.
 *
 * Main thread only. No descriptor stays open between two calls.
 */
#ifndef KVMLENS_CORE_FIND_DISCOVER_H
#define KVMLENS_CORE_FIND_DISCOVER_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/beacon.h"
#include "core/base/error.h"
#include "core/base/host.h"
#include "core/base/rootfs.h"
#include "core/bpf/kvm_bpf_tick.h"
#include "core/find/budget.h"
#include "core/model/scope.h"
#include "core/model/shun.h"
#include "core/model/vm.h"

struct discover;

/* All of it is borrowed and outlives the discovery. */
struct discover_config {
    const struct rootfs *root;
    const struct host *host;
    struct beacon *beacon; /* says what is looked at; NULL: nobody wants to know */
    /* not looked into, as if their descriptors were refused for CAUSE_STUCK; NULL: none. May change
     * between two ticks */
    const struct shun_list *shunned;
    /* ticks of another discovery before this one: what both find is told apart by when it was found
     */
    uint64_t first_tick;
    struct sampler_scope scope;
    const struct budget *budget; /* NULL: no process is ever too slow */
    struct kvm_bpf_tick *bpf_tick; /* NULL: the kernel is not asked which vCPU is whose */
};

/* discover_new - NULL: no memory. */
struct discover *discover_new(const struct discover_config *config);

/* discover_set_scope - from the next tick on. */
void discover_set_scope(struct discover *d, const struct sampler_scope *scope);

/* discover_forget_fn - called so that sources can drop what they keep for a VM. */
typedef void discover_forget_fn(void *user, struct vm *vm);

/* discover_forget_all - calls @forget for all VMs, those that discover_vms leaves out as well. */
void discover_forget_all(const struct discover *d, discover_forget_fn *forget, void *user);

void discover_free(struct discover *d); /* NULL ok; nothing may be kept for a VM any more */

/*
 * discover_tick - bring the list up to date. A VM stays the same object while it lives; @forget is
 * called for those that ended. Returns 0, -ENOMEM, or what opening /proc said, with a sentence in
 * @err.
 */
int discover_tick(struct discover *d, discover_forget_fn *forget, void *user, struct error *err);

/* discover_vms - those in the scope. */
const struct vm_list *discover_vms(const struct discover *d);

/*
 * discover_hidden_processes - processes that may have VMs which are not in the list, because we may
 * not list their descriptors, could not in this tick, or leave them alone; where debugfs lists all
 * VMs, only those that it says have one. *@ret_first: one of them, or 0; *@ret_cause: why that one.
 */
size_t discover_hidden_processes(const struct discover *d, pid_t *ret_first,
                                 enum reading_cause *ret_cause);

/*
 * discover_cut_processes - processes that have more descriptors, VMs or vCPUs than are looked at
 * (PROC_FDS_LOOKED_AT_MAX, PROC_FDS_MAX, PROC_FDS_VMS_MAX, VM_VCPUS_MAX): some may be missing.
 */
size_t discover_cut_processes(const struct discover *d);

/*
 * discover_proc_hides - /proc leaves out processes of others (hidepid=invisible), and these may
 * have VMs which nothing else tells of.
 */
bool discover_proc_hides(const struct discover *d);

/*
 * discover_hidden_vms - directories of debugfs that belong to no VM of the list: the process is in
 * another pid namespace, or hidden by the mount options of /proc.
 */
size_t discover_hidden_vms(const struct discover *d);

/*
 * discover_time_of - what the process has taken of this tick, for who reads its VMs. NULL: there is
 * no such process, or no budget. @d may be NULL.
 */
struct process_time *discover_time_of(const struct discover *d, pid_t pid);

/* discover_is_alive - does the VM still exist, asked of /proc (or debugfs) now? */
bool discover_is_alive(const struct discover *d, const struct vm *vm);

#endif
