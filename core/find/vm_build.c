// SPDX-License-Identifier: MIT
#include "core/find/vm_build.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "core/find/fd_owners.h"
#include "core/find/vmm_name.h"

#define CMDLINE_MAX (256u << 10) /* QEMU's run to some 10 KiB; the name stands near the front */

int vm_process_start(const struct rootfs *root, pid_t pid, uint64_t *ret)
{
    struct proc_stat stat;
    int result = rootfs_process_stat(root, pid, &stat);

    if (result == 0)
        *ret = stat.start_ticks;
    return result;
}

int vm_process_read(const struct rootfs *root, pid_t pid, struct vm_process *ret)
{
    char path[64];
    struct proc_stat stat;
    char *cmdline = NULL;
    size_t len = 0;

    int n = rootfs_process_stat(root, pid, &stat);
    if (n < 0)
        return n;
    snprintf(path, sizeof(path), "proc/%d/cmdline", (int)pid);
    ret->is_named = rootfs_read_all(root, path, CMDLINE_MAX, &cmdline, &len) == 0;
    if (!ret->is_named)
        len = 0;
    ret->pid = pid;
    ret->start_ticks = stat.start_ticks;
    ret->vmm =
        vmm_name(stat.comm, cmdline != NULL ? cmdline : "", len, ret->name, sizeof(ret->name));
    free(cmdline);
    return 0;
}

int vm_build_set_name(const struct vm_process *process, struct vm *vm)
{
    if (vm->name_raw != NULL && (!process->is_named || (strcmp(vm->name_raw, process->name) == 0 &&
                                                        vm->vmm == process->vmm)))
        return 0;
    size_t len = strlen(process->name);
    char *raw = strdup(process->name), *name = malloc(len + 2);
    if (raw == NULL || name == NULL) {
        free(raw);
        free(name);
        return -ENOMEM;
    }
    if (text_clean(process->name, len, name, len + 1) == 0)
        strcpy(name, "?");
    free(vm->name_raw);
    free(vm->name);
    vm->name_raw = raw;
    vm->name = name;
    vm->vmm = process->vmm;
    return 0;
}

int vm_build(const struct vm_process *process, int fd, struct vm **ret)
{
    struct vm *vm = calloc(1, sizeof(*vm));

    if (vm == NULL)
        return -ENOMEM;
    vm->id = (struct vm_id){.pid = process->pid, .start_ticks = process->start_ticks, .fd = fd};
    vm->stats_fd = -1;
    vm->stats_fd_cause = CAUSE_NO_STATS_FD;
    vm->vcpu_fd_cause = CAUSE_NO_STATS_FD;
    int result = vm_build_set_name(process, vm);
    if (result < 0)
        vm_free(vm);
    else
        *ret = vm;
    return result;
}

void vm_build_lose_dir(struct vm *vm, enum reading_cause cause)
{
    vm->debugfs_dir[0] = '\0';
    vm->debugfs_cause = cause;
}

void vm_build_set_dir(struct vm *vm, const struct kvm_dir *dir, enum reading_cause cause)
{
    vm_build_lose_dir(vm, cause);
    vm->debugfs_inode = 0;
    if (dir == NULL)
        return;
    snprintf(vm->debugfs_dir, sizeof(vm->debugfs_dir), "%d-%d", (int)dir->tid, dir->fd);
    vm->debugfs_inode = dir->inode;
    vm->debugfs_cause = CAUSE_NONE;
    vm->creator_tid = dir->tid;
}

/* --- vCPUs ------------------------------------------------------------------------------------ */

struct vcpu_list {
    struct vm_vcpu *at; /* ascending id, each once, when sort_list is through with it */
    size_t count, cap;
};

static int append(struct vcpu_list *list, struct vm_vcpu vcpu)
{
    if (list->count == list->cap) {
        size_t cap = list->cap != 0 ? list->cap * 2 : 16;
        struct vm_vcpu *grown = realloc(list->at, cap * sizeof(*grown));
        if (grown == NULL)
            return -ENOMEM;
        list->at = grown;
        list->cap = cap;
    }
    list->at[list->count++] = vcpu;
    return 0;
}

static int compare_vcpu(const void *a, const void *b)
{
    const struct vm_vcpu *x = a, *y = b;
    if (x->id != y->id)
        return x->id < y->id ? -1 : 1;
    return (x->stats_fd > y->stats_fd) - (x->stats_fd < y->stats_fd);
}

/* Of several descriptors of one vCPU the lowest stays. True when there were none such. */
static bool sort_list(struct vcpu_list *list)
{
    size_t all = list->count, kept = 0;

    if (all > 0)
        qsort(list->at, all, sizeof(*list->at), compare_vcpu);
    for (size_t i = 0; i < all; i++)
        if (kept == 0 || list->at[kept - 1].id != list->at[i].id)
            list->at[kept++] = list->at[i];
    list->count = kept;
    return kept == all;
}

static bool same_ids(const struct vm_vcpu *a, size_t a_count, const struct vm_vcpu *b,
                     size_t b_count)
{
    for (size_t i = 0; a_count == b_count && i < a_count; i++)
        if (a[i].id != b[i].id)
            return false;
    return a_count == b_count;
}

static bool same_lists(const struct vcpu_list *a, const struct vcpu_list *b)
{
    return same_ids(a->at, a->count, b->at, b->count);
}

/* The vcpuN directories of debugfs; none when there is no directory. 0 or -ENOMEM. */
static int list_debugfs(const struct rootfs *root, const char *debugfs, const struct vm *vm,
                        struct vcpu_list *list)
{
    char path[400];
    int result;

    if (vm->debugfs_dir[0] == '\0')
        return 0;
    snprintf(path, sizeof(path), "%s/%s", debugfs, vm->debugfs_dir);
    DIR *dir = rootfs_opendir(root, path, &result);
    if (dir == NULL)
        return 0;
    struct dirent *entry;
    int failed = 0;
    result = 0;
    while (result == 0 && list->count < VM_VCPUS_MAX &&
           (entry = rootfs_readdir(dir, &failed)) != NULL) {
        int id = kvm_dirs_parse_vcpu(entry->d_name);
        if (id >= 0)
            result = append(list, (struct vm_vcpu){.id = id, .stats_fd = -1});
    }
    closedir(dir);
    /* Part of a list is worse than none, for which descriptors can stand in. */
    if (failed < 0)
        list->count = 0;
    sort_list(list);
    return result;
}

/* --- which descriptors are whose -------------------------------------------------------------- */

/* Some of the descriptors of a process: those with an index from @begin, below @end. */
struct fd_run {
    size_t begin, end;
};

/* Those of the VM whose own has index @at: all, or, of several VMs, up to the next VM's. */
static struct fd_run run_of(const struct proc_fds *fds, size_t at)
{
    struct fd_run run = {at + 1, at + 1};

    if (fds->vm_count == 1)
        return (struct fd_run){0, fds->count};
    while (run.end < fds->count && fds->fds[run.end].kind != PROC_FD_VM)
        run.end++;
    return run;
}

static int list_fds(const struct proc_fds *fds, struct fd_run run, enum proc_fd_kind kind,
                    struct vcpu_list *list, bool *ret_once)
{
    int result = 0;

    list->count = 0;
    for (size_t i = run.begin; i < run.end && result == 0; i++)
        if (fds->fds[i].kind == kind)
            result =
                append(list, (struct vm_vcpu){.id = fds->fds[i].vcpu, .stats_fd = fds->fds[i].fd});
    *ret_once = sort_list(list);
    return result;
}

/* Those of the process that the kernel says are of VM @vm, with their threads. */
static int list_known(const struct proc_fds *fds, uint64_t vm, struct vcpu_list *list)
{
    int result = 0;

    for (size_t i = 0; i < fds->count && result == 0; i++)
        if (fds->fds[i].kind == PROC_FD_VCPU && fds->fds[i].vm == vm)
            result = append(
                list,
                (struct vm_vcpu){.id = fds->fds[i].vcpu, .tid = fds->fds[i].tid, .stats_fd = -1});
    sort_list(list);
    return result;
}

/* Has the VM more vCPUs than the process? */
static bool lacks_some(const struct vm_plan *plan, size_t at, const struct vcpu_list *list)
{
    int vcpus = plan->fds->fds[at].vm_vcpus;

    return plan->is_known && vcpus > 0 && list->count < (size_t)vcpus;
}

/*
 * Where it has, another process holds them, or a thread with descriptors of its own: the directory
 * knows them all the same. What the kernel told of the others stays.
 */
static int list_others(const struct rootfs *root, const char *debugfs, const struct vm *vm,
                       struct vcpu_list *list)
{
    struct vcpu_list all = {0};
    int result = list_debugfs(root, debugfs, vm, &all);
    size_t k = 0;

    for (size_t i = 0; i < all.count && all.count > list->count; i++) {
        while (k < list->count && list->at[k].id < all.at[i].id)
            k++;
        if (k < list->count && list->at[k].id == all.at[i].id)
            all.at[i] = list->at[k];
    }
    if (result < 0 || all.count <= list->count) {
        free(all.at);
        return result;
    }
    free(list->at);
    *list = all;
    return 0;
}

/* May the order of descriptors tell the vCPUs of several VMs apart? See vm_build_plan. */
static int order_is_complete(const struct proc_fds *fds, bool *ret)
{
    struct vcpu_list vcpus = {0}, stats = {0};
    bool complete = fds->count > 0 && fds->fds[0].kind == PROC_FD_VM, once;
    int result = 0;

    /* One that is older than all VMs: its number was used again. */
    for (size_t at = 0; result == 0 && complete && at < fds->count;) {
        struct fd_run run = run_of(fds, at);
        result = list_fds(fds, run, PROC_FD_VCPU_STATS, &stats, &once);
        complete = once;
        if (result == 0)
            result = list_fds(fds, run, PROC_FD_VCPU, &vcpus, &once);
        complete = complete && once && vcpus.count > 0 && same_lists(&vcpus, &stats);
        at = run.end;
    }
    free(vcpus.at);
    free(stats.at);
    *ret = complete;
    return result;
}

int vm_build_plan(const struct proc_fds *fds, struct vm_plan *ret)
{
    struct vm_plan plan = {.fds = fds, .is_trusted = true, .is_known = fd_owners_are_known(fds)};
    int result = 0;

    for (size_t i = 0; i < fds->count; i++)
        plan.vm_stats_count += fds->fds[i].kind == PROC_FD_VM_STATS;
    if (fds->vm_count > 1)
        result = order_is_complete(fds, &plan.is_trusted);
    /* Of a list that was cut the order tells nothing. */
    if (fds->vm_count > 1 && fds->is_cut)
        plan.is_trusted = false;
    if (result == 0)
        *ret = plan;
    return result;
}

static int vm_stats_fd(const struct vm_plan *plan, struct fd_run run, enum reading_cause *ret_cause)
{
    const struct proc_fds *fds = plan->fds;
    size_t total = plan->vm_stats_count, own = 0;
    int found = -1;

    for (size_t i = run.begin; i < run.end; i++) {
        if (fds->fds[i].kind != PROC_FD_VM_STATS)
            continue;
        found = fds->fds[i].fd;
        own++;
    }
    *ret_cause = total == 0 ? CAUSE_NO_STATS_FD : CAUSE_NONE;
    if (fds->vm_count > 1 && total > 0 && (own != 1 || total != fds->vm_count)) {
        *ret_cause = CAUSE_AMBIGUOUS;
        return -1;
    }
    return found;
}

static void replace_vcpus(struct vm *vm, struct vm_vcpu *take_list, size_t count)
{
    bool same = vm->vcpus != NULL && same_ids(vm->vcpus, vm->vcpu_count, take_list, count);
    size_t k = 0;

    /* Threads stay known: that one vCPU is plugged in changes nothing for the others. */
    for (size_t i = 0; vm->vcpus != NULL && i < count; i++) {
        while (k < vm->vcpu_count && vm->vcpus[k].id < take_list[i].id)
            k++;
        if (k == vm->vcpu_count || vm->vcpus[k].id != take_list[i].id)
            continue;
        same &= vm->vcpus[k].stats_fd == take_list[i].stats_fd;
        take_list[i].cpus_allowed = vm->vcpus[k].cpus_allowed;
        vm->vcpus[k].cpus_allowed = NULL;
        if (take_list[i].tid != 0)
            continue;
        take_list[i].tid = vm->vcpus[k].tid;
        take_list[i].tid_by_name = vm->vcpus[k].tid_by_name;
    }
    vm_vcpus_free(vm->vcpus, vm->vcpu_count);
    vm->vcpus = take_list;
    vm->vcpu_count = count;
    vm->vcpus_version += !same;
}

/* What is known of a VM's vCPUs, from each place that tells of them. */
struct vcpu_lists {
    struct vcpu_list certain, by_fd, stats; /* certain: from the kernel, else its directory */
};

static int read_lists(const struct rootfs *root, const char *debugfs, const struct vm_plan *plan,
                      size_t at, const struct vm *vm, struct vcpu_lists *ret)
{
    struct fd_run run = run_of(plan->fds, at);
    bool once;
    int result = plan->is_known ? list_known(plan->fds, plan->fds->fds[at].vm, &ret->certain)
                                : list_debugfs(root, debugfs, vm, &ret->certain);

    if (result == 0 && lacks_some(plan, at, &ret->certain))
        result = list_others(root, debugfs, vm, &ret->certain);
    if (result == 0)
        result = list_fds(plan->fds, run, PROC_FD_VCPU, &ret->by_fd, &once);
    if (result == 0)
        result = list_fds(plan->fds, run, PROC_FD_VCPU_STATS, &ret->stats, &once);
    return result;
}

/*
 * The kernel or the directory knows all vCPUs of this VM; else the descriptors do, and else the
 * stats fds, where these can be told apart.
 */
static const struct vcpu_list *best_list(const struct vcpu_lists *lists, bool is_known,
                                         bool is_trusted)
{
    static const struct vcpu_list none = {0};

    if (is_known || lists->certain.count > 0)
        return &lists->certain;
    if (!is_trusted)
        return &none;
    return lists->by_fd.count > 0 ? &lists->by_fd : &lists->stats;
}

int vm_build_set_vcpus(const struct rootfs *root, const char *debugfs, const struct vm_plan *plan,
                       size_t at, struct vm *vm)
{
    struct fd_run run = run_of(plan->fds, at);
    struct vcpu_lists lists = {0};
    struct vm_vcpu *made = NULL;
    bool several = plan->fds->vm_count > 1, is_trusted = plan->is_trusted;

    int result = read_lists(root, debugfs, plan, at, vm, &lists);
    if (result < 0)
        goto out;
    if (several && (plan->is_known || lists.certain.count > 0) &&
        !same_lists(&lists.certain, &lists.by_fd))
        is_trusted = false;
    const struct vcpu_list *ids = best_list(&lists, plan->is_known, is_trusted);
    size_t count = ids->count < VM_VCPUS_MAX ? ids->count : VM_VCPUS_MAX, k = 0;
    made = calloc(count ? count : 1, sizeof(*made));
    if (made == NULL) {
        result = -ENOMEM;
        goto out;
    }
    for (size_t i = 0; i < count; i++) {
        made[i] = (struct vm_vcpu){.id = ids->at[i].id, .tid = ids->at[i].tid, .stats_fd = -1};
        while (is_trusted && k < lists.stats.count && lists.stats.at[k].id < made[i].id)
            k++;
        if (is_trusted && k < lists.stats.count && lists.stats.at[k].id == made[i].id)
            made[i].stats_fd = lists.stats.at[k].stats_fd;
    }
    vm->vcpu_fd_cause = vm->fds_cause != CAUSE_NONE ? vm->fds_cause
                        : is_trusted                ? CAUSE_NO_STATS_FD
                                                    : CAUSE_AMBIGUOUS;
    vm->stats_fd = vm_stats_fd(plan, run, &vm->stats_fd_cause);
    if (vm->fds_cause != CAUSE_NONE)
        vm->stats_fd_cause = vm->fds_cause;
    vm->vcpus_by_fd_order = several && is_trusted && lists.certain.count == 0;
    vm->vcpus_by_kernel = plan->is_known;
    replace_vcpus(vm, made, count);
    result = ids->count > count;
out:
    free(lists.certain.at);
    free(lists.by_fd.at);
    free(lists.stats.at);
    return result;
}
