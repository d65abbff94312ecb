/* SPDX-License-Identifier: MIT */
/* What the files of core/find/discover.h share. Main thread. */
#ifndef KVMLENS_CORE_FIND_DISCOVER_INTERNAL_H
#define KVMLENS_CORE_FIND_DISCOVER_INTERNAL_H

#include "core/find/dir_match.h"
#include "core/find/discover.h"
#include "core/find/kvm_dirs.h"
#include "core/find/process_list.h"
#include "core/find/vm_table.h"

struct discover {
    const struct rootfs *root;
    const struct host *host;
    struct beacon *beacon;
    const struct shun_list *shunned;
    struct sampler_scope scope;
    const struct budget *budget; /* NULL: there is none */
    struct kvm_bpf_tick *bpf_tick; /* NULL: there is none */
    struct kvm_bpf *bpf;           /* what it reads with */
    struct process_list processes;
    struct kvm_dirs dirs;
    int dirs_result; /* of kvm_dirs_read */
    struct vm_table all;
    struct vm **shown; /* of these, what discover_vms shows */
    size_t shown_cap;
    struct dir_match match;
    struct vm_list list;
    uint64_t tick, first_tick;
    size_t hidden, cut, hidden_vms;
    pid_t first_hidden;              /* of the hidden processes; 0 = there is none */
    enum reading_cause hidden_cause; /* of that one */
    bool proc_hides;
};

/*
 * discover_has_dirs - was debugfs read in this tick? Else it tells neither what there is nor what
 * is gone.
 */
bool discover_has_dirs(const struct discover *d);

/* discover_dirs_tell - so that there is no VM of this kernel which debugfs does not name. */
bool discover_dirs_tell(const struct discover *d);

/* discover_dir_cause - why a VM has no directory. */
enum reading_cause discover_dir_cause(const struct discover *d);

/* discover_is_same_dir - is it the VM that it was, as far as debugfs tells? */
bool discover_is_same_dir(const struct discover *d, const struct vm *vm);

/*
 * discover_is_gone - does the error mean that what was looked for has ended? Any other says nothing
 * about it.
 */
bool discover_is_gone(int result);

/*
 * discover_look - into a process: its VMs are added, refreshed or removed. Where it cannot be
 * looked into they stay, and process.unread says why. 0 or -ENOMEM.
 * Bounded work: see proc_fds.h.
 */
int discover_look(struct discover *d, struct process *p, discover_forget_fn *forget, void *user);

/* discover_forget_dead - VMs of processes that are no longer in the list, or left alone, go. */
void discover_forget_dead(struct discover *d, discover_forget_fn *forget, void *user);

#endif
