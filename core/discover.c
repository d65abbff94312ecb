// SPDX-License-Identifier: MIT
#include "core/discover.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/kvm_dirs.h"
#include "core/proc_fds.h"
#include "core/process_list.h"
#include "core/ram.h"
#include "core/vcpu_threads.h"
#include "core/vm_build.h"
#include "core/vm_twins.h"

/* a process without a VM, and the vCPUs of a VM, are looked at this often at least */
#define LOOK_AGAIN_TICKS 32
#define YOUNG_LOOKS 4         /* looks in a row at a process that appeared while we watch */
#define RAM_AGAIN_TICKS 64    /* memory can be plugged in */
#define RAM_LOOKUPS_PER_TICK 64
/* above, a look costs tens of ms: neither a changing number nor its turn are reason enough */
#define BUSY_FDS 4096

struct discover {
    const struct rootfs *root;
    const struct host *host;
    struct process_list processes;
    struct kvm_dirs dirs;
    int dirs_result;           /* of kvm_dirs_read */
    struct vm **vms;           /* ascending (pid, fd) */
    struct vm **shown;         /* of these, what discover_vms shows; room for vm_cap */
    size_t vm_count, vm_cap;
    struct vm_list list;
    uint64_t tick;
    size_t denied;
    bool proc_hides;
};

struct discover *discover_new(const struct rootfs *root, const struct host *host)
{
    struct discover *d = calloc(1, sizeof(*d));

    if (d != NULL) {
        d->root = root;
        d->host = host;
    }
    return d;
}

void discover_free(struct discover *d, discover_forget_fn *forget, void *user)
{
    if (d == NULL)
        return;
    for (size_t i = 0; i < d->vm_count; i++) {
        if (forget != NULL)
            forget(user, d->vms[i]);
        vm_free(d->vms[i]);
    }
    free(d->vms);
    free(d->shown);
    process_list_done(&d->processes);
    kvm_dirs_done(&d->dirs);
    free(d);
}

const struct vm_list *discover_vms(const struct discover *d)
{
    return &d->list;
}

/*
 * Whatever VM a process has, debugfs names it. That it names none is an answer too, but not of an
 * old kernel.
 */
static bool debugfs_tells(const struct discover *d)
{
    return d->host->debugfs[0] != '\0' && d->dirs_result == 0 &&
           (d->dirs.count > 0 || !host_kernel_may_lack_vm_dirs(d->host));
}

size_t discover_hidden_processes(const struct discover *d)
{
    return debugfs_tells(d) ? 0 : d->denied;
}

bool discover_proc_hides(const struct discover *d)
{
    return d->proc_hides && !debugfs_tells(d);
}

size_t discover_hidden_vms(const struct discover *d)
{
    size_t hidden = 0;

    /* One that was not there a tick ago may belong to a VM that is just being made or ended. */
    for (size_t i = 0; i < d->dirs.count && d->dirs.dirs[i].pid == 0; i++) {
        bool shown = !d->dirs.dirs[i].seen_before;
        for (size_t k = 0; k < d->vm_count && !shown; k++)
            shown = d->vms[k]->debugfs_inode == d->dirs.dirs[i].inode;
        hidden += !shown;
    }
    return hidden;
}

bool discover_is_alive(const struct discover *d, const struct vm *vm)
{
    char path[400];
    struct stat st;

    if (vm->fds_cause == CAUSE_NONE)
        return proc_fds_is_vm(d->root, vm->id.pid, vm->id.fd);
    snprintf(path, sizeof(path), "%s/%s", d->host->debugfs, vm->debugfs_dir);
    return rootfs_stat(d->root, path, &st) == 0;
}

/* --- the list --------------------------------------------------------------------------------- */

static void remove_vm(struct discover *d, size_t i, discover_forget_fn *forget, void *user)
{
    if (forget != NULL)
        forget(user, d->vms[i]);
    vm_free(d->vms[i]);
    d->vm_count--;
    memmove(&d->vms[i], &d->vms[i + 1], (d->vm_count - i) * sizeof(d->vms[0]));
    vm_twins_lost(d->vms, d->vm_count);
}

static int grow(struct vm ***list, size_t cap)
{
    struct vm **grown = realloc(*list, cap * sizeof(struct vm *));

    if (grown == NULL)
        return -ENOMEM;
    *list = grown;
    return 0;
}

static int insert_vm(struct discover *d, struct vm *take_vm)
{
    size_t at = 0;

    if (d->vm_count == d->vm_cap) {
        size_t cap = d->vm_cap ? d->vm_cap * 2 : 32;
        if (grow(&d->vms, cap) < 0 || grow(&d->shown, cap) < 0) {
            vm_free(take_vm);
            return -ENOMEM;
        }
        d->vm_cap = cap;
    }
    while (at < d->vm_count &&
           (d->vms[at]->id.pid < take_vm->id.pid ||
            (d->vms[at]->id.pid == take_vm->id.pid && d->vms[at]->id.fd < take_vm->id.fd)))
        at++;
    memmove(&d->vms[at + 1], &d->vms[at], (d->vm_count - at) * sizeof(d->vms[0]));
    d->vms[at] = take_vm;
    d->vm_count++;
    return 0;
}

/* Index of the first VM of a process, or where it would stand. */
static size_t first_of(const struct discover *d, pid_t pid)
{
    size_t low = 0, high = d->vm_count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (d->vms[mid]->id.pid < pid)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* --- one process ------------------------------------------------------------------------------ */

/*
 * The debugfs directory of a VM; one whose creator thread is gone is recognised by its fd, if only
 * one can be meant.
 */
static const struct kvm_dir *dir_of(const struct discover *d, pid_t pid, int fd)
{
    const struct kvm_dir *found = kvm_dirs_find(&d->dirs, pid, fd), *orphan = NULL;

    if (found != NULL)
        return found;
    for (size_t i = 0; i < d->dirs.count && d->dirs.dirs[i].pid == 0; i++) {
        if (d->dirs.dirs[i].fd != fd)
            continue;
        if (orphan != NULL)
            return NULL;
        orphan = &d->dirs.dirs[i];
    }
    for (size_t i = 0; orphan != NULL && i < d->vm_count; i++)
        if (d->vms[i]->id.fd == fd && d->vms[i]->id.pid != pid && d->vms[i]->debugfs_inode == 0)
            return NULL;
    return orphan;
}

static bool is_known_dir(const struct vm *vm, const struct kvm_dir *dir)
{
    return vm->debugfs_inode == (dir != NULL ? dir->inode : 0);
}

static enum reading_cause dir_cause(const struct discover *d)
{
    if (d->host->debugfs[0] == '\0')
        return CAUSE_DEBUGFS_UNMOUNTED;
    if (d->dirs_result == -ENOENT)
        return CAUSE_NOT_IN_KERNEL;
    return d->dirs_result < 0 ? CAUSE_DEBUGFS_DENIED : CAUSE_NO_VM_DIR;
}

/*
 * The VM fds of a process: from its links, or, where these are hidden, from the names of its
 * debugfs directories. @fds is filled in the second case as well, so that the caller sees one
 * shape.
 */
static int vm_fds_of(const struct discover *d, pid_t pid, struct proc_fds *fds,
                     enum reading_cause *ret_cause)
{
    int result = proc_fds_read(d->root, pid, fds);

    *ret_cause = CAUSE_NONE;
    if (result != -EACCES && result != -EPERM)
        return result;
    *ret_cause = CAUSE_NO_PERMISSION;
    *fds = (struct proc_fds){0};
    for (size_t i = 0; i < d->dirs.count; i++) {
        if (d->dirs.dirs[i].pid != pid)
            continue;
        struct proc_fd *grown = realloc(fds->fds, (fds->count + 1) * sizeof(*grown));
        if (grown == NULL) {
            proc_fds_done(fds);
            return -ENOMEM;
        }
        fds->fds = grown;
        fds->fds[fds->count++] = (struct proc_fd){.fd = d->dirs.dirs[i].fd, .kind = PROC_FD_VM};
        fds->vm_count++;
    }
    return 0;
}

/* Looks into a process: its VMs are added, refreshed or removed. */
static int look(struct discover *d, struct process *p, discover_forget_fn *forget, void *user)
{
    struct proc_fds fds = {0};
    enum reading_cause cause;
    struct vm_process info = {0};
    int result = vm_fds_of(d, p->pid, &fds, &cause);

    p->looks++;
    p->denied = cause != CAUSE_NONE;
    p->vm_count = 0;
    if (result == -ENOMEM)
        return result;
    /* Out of descriptors says nothing about the VMs: they stay as they were, until the next
     * look. */
    if (result == -EMFILE || result == -ENFILE) {
        p->looks = 0;
        return 0;
    }
    if (result < 0 || fds.vm_count == 0) {
        for (size_t i = first_of(d, p->pid); i < d->vm_count && d->vms[i]->id.pid == p->pid;)
            remove_vm(d, i, forget, user);
        proc_fds_done(&fds);
        return 0;
    }

    result = vm_process_read(d->root, p->pid, &info);
    /* Gone or made anew under the same number: the old object must not live on. */
    for (size_t i = first_of(d, p->pid); i < d->vm_count && d->vms[i]->id.pid == p->pid;) {
        const struct vm *vm = d->vms[i];
        bool found = false;
        for (size_t k = 0; k < fds.count && !found; k++)
            found = fds.fds[k].kind == PROC_FD_VM && fds.fds[k].fd == vm->id.fd;
        if (result < 0 || !found || vm->id.start_ticks != info.start_ticks ||
            (vm->debugfs_inode != 0 && !is_known_dir(vm, dir_of(d, p->pid, vm->id.fd))))
            remove_vm(d, i, forget, user);
        else
            i++;
    }
    for (size_t k = 0; result == 0 && k < fds.count; k++) {
        if (fds.fds[k].kind != PROC_FD_VM)
            continue;
        size_t i = first_of(d, p->pid);
        while (i < d->vm_count && d->vms[i]->id.pid == p->pid && d->vms[i]->id.fd != fds.fds[k].fd)
            i++;
        struct vm *vm = i < d->vm_count && d->vms[i]->id.pid == p->pid ? d->vms[i] : NULL;
        if (vm == NULL) {
            result = vm_build(&info, fds.fds[k].fd, &vm);
            if (result < 0)
                break;
            vm->id.born = d->tick;
            if ((result = insert_vm(d, vm)) < 0)
                break;
        } else if ((result = vm_build_set_name(&info, vm)) < 0) {
            break;
        }
        vm->fds_cause = cause;
        vm_build_set_dir(vm, dir_of(d, p->pid, vm->id.fd), dir_cause(d));
        result = vm_build_set_vcpus(d->root, d->host->debugfs, &fds, vm);
        p->vm_count++;
    }
    proc_fds_done(&fds);
    return result == -ENOMEM ? result : 0;
}

/* --- one tick --------------------------------------------------------------------------------- */

static bool vms_as_before(const struct discover *d, const struct process *p)
{
    for (size_t i = first_of(d, p->pid); i < d->vm_count && d->vms[i]->id.pid == p->pid; i++)
        if (!discover_is_alive(d, d->vms[i]) ||
            !is_known_dir(d->vms[i], dir_of(d, p->pid, d->vms[i]->id.fd)))
            return false;
    return true;
}

/* Does a directory of debugfs belong to this process that no VM of ours has? */
static bool has_new_dir(const struct discover *d, pid_t pid)
{
    for (size_t i = 0; i < d->dirs.count; i++) {
        const struct kvm_dir *dir = &d->dirs.dirs[i];
        if (dir->pid != pid)
            continue;
        bool known = false;
        for (size_t k = first_of(d, pid); k < d->vm_count && d->vms[k]->id.pid == pid && !known;
             k++)
            known = d->vms[k]->debugfs_inode == dir->inode;
        if (!known)
            return true;
    }
    return false;
}

static bool must_look(struct discover *d, struct process *p, bool has_dir)
{
    bool turn = ((uint64_t)p->pid + d->tick) % LOOK_AGAIN_TICKS == 0;
    uint64_t count;

    if (p->no_fds)
        return false;
    bool told = debugfs_tells(d);
    if (turn && told && p->vm_count == 0 && p->fd_count >= BUSY_FDS)
        turn = false;
    if (p->looks == 0 || turn || !d->root->live)
        return true;
    if (p->vm_count > 0) {
        count = process_list_fd_count(d->root, p->pid);
        bool changed = count == 0 || count != p->fd_count;
        p->fd_count = count;
        return changed || (has_dir && has_new_dir(d, p->pid)) || !vms_as_before(d, p);
    }
    /* Where debugfs tells of new VMs nothing else needs to be watched. */
    if (has_dir || told)
        return has_dir;
    if (p->looks < YOUNG_LOOKS)
        return true;
    count = process_list_fd_count(d->root, p->pid);
    bool changed = count != p->fd_count && count < BUSY_FDS;
    p->fd_count = count;
    return changed;
}

static void forget_dead(struct discover *d, discover_forget_fn *forget, void *user)
{
    for (size_t i = 0; i < d->vm_count;) {
        if (process_list_has(&d->processes, d->vms[i]->id.pid))
            i++;
        else
            remove_vm(d, i, forget, user);
    }
}

static bool is_alone(const struct discover *d, size_t i)
{
    pid_t pid = d->vms[i]->id.pid;

    return (i == 0 || d->vms[i - 1]->id.pid != pid) &&
           (i + 1 == d->vm_count || d->vms[i + 1]->id.pid != pid);
}

/*
 * What gets known late or costs more than a look: threads, since vcpuN/pid is 0 until the vCPU has
 * run and VMMs name theirs some time after the start; the size of the RAM, a few VMs per tick, so
 * that no tick gets long.
 */
static void find_details(struct discover *d)
{
    size_t ram_lookups = 0;

    for (size_t i = 0; i < d->vm_count; i++) {
        struct vm *vm = d->vms[i];
        uint64_t age = d->tick - vm->id.born;
        if (age < 8 || (d->tick + (uint64_t)vm->id.pid) % 8 == 0)
            vcpu_threads_find(d->root, d->host->debugfs, is_alone(d, i), vm);
        bool ram_due = vm->ram_tick == 0 || d->tick - vm->ram_tick >= RAM_AGAIN_TICKS ||
                       (vm->ram_bytes == 0 && age < 8);
        if (ram_due && ram_lookups++ < RAM_LOOKUPS_PER_TICK) {
            vm->ram_bytes = ram_quick_bytes(d->root, vm->id.pid, vm->vmm, is_alone(d, i) ? 1 : 2);
            vm->ram_tick = d->tick;
        }
    }
}

static void show(struct discover *d)
{
    vm_twins_mark(d->root, debugfs_tells(d), d->vms, d->vm_count);
    d->list = (struct vm_list){.vms = d->shown};
    for (size_t i = 0; i < d->vm_count; i++)
        if (!d->vms[i]->is_copy)
            d->shown[d->list.count++] = d->vms[i];
}

static bool process_lives(const void *user, pid_t pid)
{
    return process_list_has(user, pid);
}

static void list_dirs(struct discover *d)
{
    struct kvm_dirs dirs = {0};

    d->dirs_result = d->host->debugfs[0] == '\0'
                         ? -ENOENT
                         : kvm_dirs_read(d->root, d->host->debugfs, &d->dirs, &dirs);
    kvm_dirs_done(&d->dirs);
    d->dirs = dirs;
}

int discover_tick(struct discover *d, discover_forget_fn *forget, void *user, struct error *err)
{
    bool first = d->tick == 0;
    size_t dir = 0;

    list_dirs(d);
    int result = process_list_update(d->root, &d->processes);
    if (result < 0)
        return error_set(err, result, "cannot list processes in /proc: %s", strerror(-result));
    /* Every pid namespace has a process 1, and it is rarely our own: where it is missing, others
     * are. */
    d->proc_hides = d->root->live && !process_list_has(&d->processes, 1);
    kvm_dirs_orphan(&d->dirs, process_lives, &d->processes);
    d->tick++;
    d->denied = 0;
    forget_dead(d, forget, user);
    for (size_t i = 0; i < d->processes.count; i++) {
        struct process *p = &d->processes.processes[i];
        while (dir < d->dirs.count && d->dirs.dirs[dir].pid < p->pid)
            dir++;
        bool has_dir = dir < d->dirs.count && d->dirs.dirs[dir].pid == p->pid;
        if (must_look(d, p, has_dir) && (result = look(d, p, forget, user)) < 0)
            return error_set(err, result, "out of memory while looking for VMs");
        /* What ran before we came is not young. */
        if (first)
            p->looks += YOUNG_LOOKS;
        d->denied += p->denied;
    }
    find_details(d);
    show(d);
    return 0;
}
