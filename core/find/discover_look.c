// SPDX-License-Identifier: MIT
/* The half of discovery that looks into one process. */
#include <errno.h>
#include <stdlib.h>

#include "core/find/discover_internal.h"
#include "core/find/fd_owners.h"
#include "core/find/proc_fds.h"
#include "core/find/vm_build.h"
#include "core/find/vm_twins.h"

bool discover_has_dirs(const struct discover *d)
{
    return d->dirs_result == 0;
}

bool discover_is_gone(int result)
{
    return result == -ENOENT || result == -ESRCH;
}

/* Of an error that says nothing about what was looked for. */
static enum reading_cause cause_of(int result)
{
    return result == -EMFILE || result == -ENFILE ? CAUSE_FD_LIMIT : CAUSE_READ_ERROR;
}

enum reading_cause discover_dir_cause(const struct discover *d)
{
    if (d->host->debugfs[0] == '\0')
        return CAUSE_DEBUGFS_UNMOUNTED;
    switch (d->dirs_result) {
    case 0:
        return CAUSE_NO_VM_DIR;
    case -ENOENT:
        return CAUSE_NOT_IN_KERNEL;
    case -EACCES:
    case -EPERM:
        return CAUSE_DEBUGFS_DENIED;
    default:
        return cause_of(d->dirs_result);
    }
}

static const struct kvm_dir *dir_of(const struct discover *d, const struct vm_id *id)
{
    return dir_match_find(&d->match, &d->dirs, id->pid, id->fd);
}

bool discover_is_same_dir(const struct discover *d, const struct vm *vm)
{
    const struct kvm_dir *dir = discover_has_dirs(d) ? dir_of(d, &vm->id) : NULL;

    return !discover_has_dirs(d) || vm->debugfs_inode == (dir != NULL ? dir->inode : 0);
}

static void tell_owners(const struct discover *d, pid_t pid, struct proc_fds *fds)
{
    const struct kvm_bpf_process *seen =
        d->bpf_tick != NULL && fds->vm_count > 0 ? kvm_bpf_tick_read(d->bpf_tick, pid) : NULL;

    if (seen != NULL)
        fd_owners_tell(seen, fds);
}

/*
 * The VM fds of a process: from its links, or, where these are hidden, from the kernel (BPF), or
 * from the names of its debugfs directories. @fds is filled in each case, so that the caller sees
 * one shape. @ret_all: none of the VMs can be missing.
 */
static int vm_fds_of(const struct discover *d, pid_t pid, struct proc_fds *fds,
                     enum reading_cause *ret_cause, bool *ret_all)
{
    size_t count;

    beacon_at(d->beacon, pid, BEACON_LIST_FDS);
    int result = proc_fds_read(d->root, pid, fds);

    *ret_cause = CAUSE_NONE;
    *ret_all = true;
    if (result == 0)
        tell_owners(d, pid, fds);
    if (result != -EACCES && result != -EPERM)
        return result;
    *ret_cause = CAUSE_NO_PERMISSION;
    *fds = (struct proc_fds){0};
    const struct kvm_bpf_process *seen =
        d->bpf_tick != NULL ? kvm_bpf_tick_read(d->bpf_tick, pid) : NULL;
    if (seen != NULL && seen->result == 0)
        return fd_owners_list(seen, fds);
    *ret_all = false;
    const struct kvm_dir *dirs = kvm_dirs_of(&d->dirs, pid, &count);
    if (count == 0)
        return 0;
    fds->is_cut = count > PROC_FDS_VMS_MAX;
    count = fds->is_cut ? PROC_FDS_VMS_MAX : count;
    fds->fds = calloc(count, sizeof(*fds->fds));
    if (fds->fds == NULL)
        return -ENOMEM;
    /* Two threads of it may have made a VM with one number each. */
    for (size_t i = 0; i < count; i++)
        if (fds->count == 0 || fds->fds[fds->count - 1].fd != dirs[i].fd)
            fds->fds[fds->count++] = (struct proc_fd){.fd = dirs[i].fd, .kind = PROC_FD_VM};
    fds->vm_count = fds->count;
    return 0;
}

/* --- one process ------------------------------------------------------------------------------ */

/* One look into a process. */
struct look {
    struct discover *d;
    discover_forget_fn *forget;
    void *user;
    struct process *process;
    struct proc_fds fds;
    enum reading_cause cause; /* why its descriptors could not be listed */
    struct vm_process info;
    struct vm_plan plan;
    bool changed;
};

static void end_vm(struct look *look, size_t i)
{
    struct discover *d = look->d;

    if (look->forget != NULL)
        look->forget(look->user, d->all.vms[i]);
    vm_free(d->all.vms[i]);
    d->all.vms[i] = NULL;
    look->changed = true;
}

static void close_gaps(struct look *look)
{
    size_t before = look->d->all.count;

    vm_table_close_gaps(&look->d->all);
    if (look->d->all.count != before)
        vm_twins_lost(look->d->all.vms, look->d->all.count);
}

/* Gone or made anew under the same number: the old object must not live on. */
static void end_lost_vms(struct look *look, bool process_lives)
{
    struct discover *d = look->d;
    pid_t pid = look->process->pid;
    const struct proc_fds *fds = &look->fds;
    size_t first = vm_table_first(&d->all, pid), end = vm_table_end(&d->all, first, pid), k = 0;

    for (size_t i = first; i < end; i++) {
        const struct vm *vm = d->all.vms[i];
        while (k < fds->count && (fds->fds[k].fd < vm->id.fd || fds->fds[k].kind != PROC_FD_VM))
            k++;
        bool found = k < fds->count && fds->fds[k].fd == vm->id.fd;
        if (!process_lives || !found || vm_is_another(vm, fds->fds[k].vm, fds->fds[k].birth) ||
            vm->id.start_ticks != look->info.start_ticks ||
            (vm->debugfs_inode != 0 && !discover_is_same_dir(d, vm)))
            end_vm(look, i);
    }
    close_gaps(look);
}

static int set_vm(struct look *look, size_t at, struct vm *vm)
{
    struct discover *d = look->d;
    unsigned version = vm->vcpus_version;
    ino_t inode = vm->debugfs_inode;

    vm->fds_cause = look->cause;
    if (look->fds.fds[at].vm != 0) {
        vm->kernel_vm = look->fds.fds[at].vm;
        vm->kernel_birth = look->fds.fds[at].birth;
    }
    if (discover_has_dirs(d) || inode == 0)
        vm_build_set_dir(vm, discover_has_dirs(d) ? dir_of(d, &vm->id) : NULL,
                         discover_dir_cause(d));
    else
        vm_build_lose_dir(vm, discover_dir_cause(d));
    if (!scope_has(&d->scope, vm))
        return 0;
    /* The directory that tells several VMs' vCPUs apart is out of reach: they stay as they were. */
    if (!discover_has_dirs(d) && inode != 0 && look->fds.vm_count > 1 && !look->plan.is_known)
        return 0;
    if (vm->debugfs_dir[0] != '\0')
        beacon_at(d->beacon, vm->id.pid, BEACON_READ_DEBUGFS);
    int result = vm_build_set_vcpus(d->root, d->host->debugfs, &look->plan, at, vm);
    if (result > 0)
        look->fds.is_cut = true;
    look->changed |= vm->vcpus_version != version || vm->debugfs_inode != inode;
    return result < 0 ? result : 0;
}

static int make_vm(struct look *look, size_t at, struct vm **ret)
{
    struct vm *vm;
    int result = vm_build(&look->info, look->fds.fds[at].fd, &vm);

    if (result < 0)
        return result;
    vm->id.born = look->d->tick;
    look->changed = true;
    result = set_vm(look, at, vm);
    if (result < 0)
        vm_free(vm);
    else
        *ret = vm;
    return result;
}

/* Those that are there are brought up to date, those that are not are made. */
static int update_vms(struct look *look)
{
    struct discover *d = look->d;
    pid_t pid = look->process->pid;
    size_t i = vm_table_first(&d->all, pid), end = vm_table_end(&d->all, i, pid), fresh_count = 0;
    struct vm **fresh = calloc(look->fds.vm_count, sizeof(*fresh));
    int result = fresh == NULL ? -ENOMEM : vm_build_plan(&look->fds, &look->plan);

    for (size_t at = 0; result == 0 && at < look->fds.count; at++) {
        if (look->fds.fds[at].kind != PROC_FD_VM)
            continue;
        look->process->vm_count++;
        if (i == end || d->all.vms[i]->id.fd != look->fds.fds[at].fd) {
            result = make_vm(look, at, &fresh[fresh_count]);
            fresh_count += result == 0;
            continue;
        }
        result = vm_build_set_name(&look->info, d->all.vms[i]);
        if (result == 0)
            result = set_vm(look, at, d->all.vms[i]);
        i++;
    }
    int inserted = fresh_count > 0 ? vm_table_insert(&d->all, fresh, fresh_count) : 0;
    for (size_t k = 0; inserted < 0 && k < fresh_count; k++)
        vm_free(fresh[k]);
    free(fresh);
    return result < 0 ? result : inserted;
}

/* That says nothing about the VMs: they stay as they were, until the next look. */
static int look_later(struct look *look, int why)
{
    look->process->unread = cause_of(why);
    look->process->unsettled = true;
    proc_fds_done(&look->fds);
    return 0;
}

int discover_look(struct discover *d, struct process *p, discover_forget_fn *forget, void *user)
{
    struct look look = {.d = d, .forget = forget, .user = user, .process = p};
    bool has_dir, all;
    size_t dir_count;
    int result = vm_fds_of(d, p->pid, &look.fds, &look.cause, &all);

    p->looks++;
    p->denied = !all;
    p->unread = CAUSE_NONE;
    if (result < 0 && !discover_is_gone(result))
        return look_later(&look, result);
    bool lives = result == 0;
    if (lives && (look.fds.vm_count > 0 || p->vm_count > 0)) {
        beacon_at(d->beacon, p->pid, BEACON_READ_PROC);
        result = vm_process_read(d->root, p->pid, &look.info);
        if (result < 0 && !discover_is_gone(result))
            return look_later(&look, result);
        lives = result == 0;
    }
    /* What only debugfs tells of is not gone because debugfs is. */
    if (lives && p->denied && !discover_has_dirs(d) && p->vm_count > 0) {
        proc_fds_done(&look.fds);
        return 0;
    }
    p->vm_count = 0;
    end_lost_vms(&look, lives);
    result = lives && look.fds.vm_count > 0 ? update_vms(&look) : 0;
    has_dir = kvm_dirs_of(&d->dirs, p->pid, &dir_count) != NULL;
    /* Of a process that is no VMM nothing is missing: debugfs names every VM. */
    p->is_cut = look.fds.is_cut && (p->vm_count > 0 || has_dir || !discover_dirs_tell(d));
    for (size_t i = vm_table_first(&d->all, p->pid), end = vm_table_end(&d->all, i, p->pid);
         i < end; i++)
        d->all.vms[i]->process_is_cut = p->is_cut;
    p->unsettled = look.changed && p->vm_count > 0;
    proc_fds_done(&look.fds);
    return result == -ENOMEM ? result : 0;
}

void discover_forget_dead(struct discover *d, discover_forget_fn *forget, void *user)
{
    struct look look = {.d = d, .forget = forget, .user = user};

    for (size_t i = 0; i < d->all.count; i++) {
        const struct process *p = process_list_find(&d->processes, d->all.vms[i]->id.pid);
        if (p == NULL || p->is_shunned)
            end_vm(&look, i);
    }
    close_gaps(&look);
}
