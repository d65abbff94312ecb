// SPDX-License-Identifier: MIT
#include "core/vm_build.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "core/vmm_name.h"

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
    if (rootfs_read_all(root, path, CMDLINE_MAX, &cmdline, &len) < 0)
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
    if (vm->name_raw != NULL && strcmp(vm->name_raw, process->name) == 0 && vm->vmm == process->vmm)
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

void vm_build_set_dir(struct vm *vm, const struct kvm_dir *dir, enum reading_cause cause)
{
    vm->debugfs_dir[0] = '\0';
    vm->debugfs_inode = 0;
    vm->debugfs_cause = cause;
    if (dir == NULL)
        return;
    snprintf(vm->debugfs_dir, sizeof(vm->debugfs_dir), "%d-%d", (int)dir->tid, dir->fd);
    vm->debugfs_inode = dir->inode;
    vm->debugfs_cause = CAUSE_NONE;
    vm->creator_tid = dir->tid;
}

/* --- vCPUs ------------------------------------------------------------------------------------ */

static int compare_vcpu(const void *a, const void *b)
{
    const struct vm_vcpu *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

/* vcpuN directories of debugfs into @out[VM_VCPUS_MAX]; how many, 0 when there is no directory. */
static size_t vcpus_of_debugfs(const struct rootfs *root, const char *debugfs, const struct vm *vm,
                               struct vm_vcpu *out)
{
    char path[400];
    size_t count = 0;
    int result;

    if (vm->debugfs_dir[0] == '\0')
        return 0;
    snprintf(path, sizeof(path), "%s/%s", debugfs, vm->debugfs_dir);
    DIR *dir = rootfs_opendir(root, path, &result);
    if (dir == NULL)
        return 0;
    struct dirent *entry;
    while ((entry = readdir(dir)) != NULL && count < VM_VCPUS_MAX) {
        int id = kvm_dirs_parse_vcpu(entry->d_name);
        if (id >= 0)
            out[count++] = (struct vm_vcpu){.id = id, .stats_fd = -1};
    }
    closedir(dir);
    qsort(out, count, sizeof(*out), compare_vcpu);
    return count;
}

/* Descriptors of VM number @nth of the process lie between its fd and the next VM's. */
struct fd_range {
    int low, high;
};

static struct fd_range range_of(const struct proc_fds *fds, int vm_fd)
{
    struct fd_range r = {vm_fd, INT_MAX};

    if (fds->vm_count == 1)
        return (struct fd_range){-1, INT_MAX};
    for (size_t i = 0; i < fds->count; i++)
        if (fds->fds[i].kind == PROC_FD_VM && fds->fds[i].fd > vm_fd) {
            r.high = fds->fds[i].fd;
            break;
        }
    return r;
}

static size_t collect(const struct proc_fds *fds, struct fd_range r, enum proc_fd_kind kind,
                      struct vm_vcpu *out)
{
    size_t count = 0;

    for (size_t i = 0; i < fds->count && count < VM_VCPUS_MAX; i++)
        if (fds->fds[i].kind == kind && fds->fds[i].fd > r.low && fds->fds[i].fd < r.high)
            out[count++] = (struct vm_vcpu){.id = fds->fds[i].vcpu, .stats_fd = fds->fds[i].fd};
    qsort(out, count, sizeof(*out), compare_vcpu);
    return count;
}

static bool same_ids(const struct vm_vcpu *a, size_t a_count, const struct vm_vcpu *b,
                     size_t b_count)
{
    for (size_t i = 0; a_count == b_count && i < a_count; i++)
        if (a[i].id != b[i].id)
            return false;
    return a_count == b_count;
}

static size_t without_repeats(struct vm_vcpu *list, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++)
        if (kept == 0 || list[kept - 1].id != list[i].id)
            list[kept++] = list[i];
    return kept;
}

/* Several VMs: may the order of descriptors be trusted for @kind? See vm_build_set_vcpus. */
static bool order_is_complete(const struct proc_fds *fds, struct vm_vcpu *a, struct vm_vcpu *b)
{
    int first = INT_MAX;

    for (size_t i = 0; i < fds->count; i++) {
        const struct proc_fd *fd = &fds->fds[i];
        if (fd->kind != PROC_FD_VM) {
            if (first == INT_MAX)
                return false; /* older than all VMs: the fd number was used again */
            continue;
        }
        if (first == INT_MAX)
            first = fd->fd;
        struct fd_range r = range_of(fds, fd->fd);
        size_t vcpus = collect(fds, r, PROC_FD_VCPU, a);
        size_t stats = collect(fds, r, PROC_FD_VCPU_STATS, b);
        if (vcpus == 0 || without_repeats(a, vcpus) != vcpus || !same_ids(a, vcpus, b, stats))
            return false;
    }
    return true;
}

static int vm_stats_fd(const struct proc_fds *fds, const struct vm *vm,
                       enum reading_cause *ret_cause)
{
    int found = -1;
    size_t total = 0, own = 0;
    struct fd_range r = range_of(fds, vm->id.fd);

    for (size_t i = 0; i < fds->count; i++) {
        if (fds->fds[i].kind != PROC_FD_VM_STATS)
            continue;
        total++;
        if (fds->fds[i].fd > r.low && fds->fds[i].fd < r.high) {
            found = fds->fds[i].fd;
            own++;
        }
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

    for (size_t i = 0; same && i < count; i++) {
        same = vm->vcpus[i].stats_fd == take_list[i].stats_fd;
        take_list[i].tid = vm->vcpus[i].tid;
    }
    free(vm->vcpus);
    vm->vcpus = take_list;
    vm->vcpu_count = count;
    vm->vcpus_version += !same;
}

int vm_build_set_vcpus(const struct rootfs *root, const char *debugfs, const struct proc_fds *fds,
                       struct vm *vm)
{
    bool several = fds->vm_count > 1;
    struct fd_range r = range_of(fds, vm->id.fd);
    /* Three work lists of the largest size; they live only as long as this call. */
    struct vm_vcpu *by_dir = calloc(3 * (size_t)VM_VCPUS_MAX, sizeof(*by_dir));

    if (by_dir == NULL)
        return -ENOMEM;
    struct vm_vcpu *by_fd = by_dir + VM_VCPUS_MAX, *stats = by_fd + VM_VCPUS_MAX;
    bool trusted = !several || order_is_complete(fds, by_fd, stats);
    size_t dir_count = vcpus_of_debugfs(root, debugfs, vm, by_dir);
    size_t fd_count = without_repeats(by_fd, collect(fds, r, PROC_FD_VCPU, by_fd));
    size_t stats_count = without_repeats(stats, collect(fds, r, PROC_FD_VCPU_STATS, stats));
    if (several && dir_count > 0 && !same_ids(by_dir, dir_count, by_fd, fd_count))
        trusted = false;

    /* The directory knows all vCPUs of this VM; else the descriptors; else what the stats fds
     * say. */
    const struct vm_vcpu *ids = dir_count > 0 ? by_dir : by_fd;
    size_t count = dir_count > 0 ? dir_count : several && !trusted ? 0 : fd_count;
    if (count == 0 && trusted && stats_count > 0) {
        ids = stats;
        count = stats_count;
    }
    struct vm_vcpu *list = calloc(count ? count : 1, sizeof(*list));
    if (list == NULL) {
        free(by_dir);
        return -ENOMEM;
    }
    size_t k = 0;
    for (size_t i = 0; i < count; i++) {
        list[i] = (struct vm_vcpu){.id = ids[i].id, .stats_fd = -1};
        while (trusted && k < stats_count && stats[k].id < ids[i].id)
            k++;
        if (trusted && k < stats_count && stats[k].id == ids[i].id)
            list[i].stats_fd = stats[k].stats_fd;
    }
    vm->vcpu_fd_cause = vm->fds_cause != CAUSE_NONE ? vm->fds_cause
                        : trusted                   ? CAUSE_NO_STATS_FD
                                                    : CAUSE_AMBIGUOUS;
    vm->stats_fd = vm_stats_fd(fds, vm, &vm->stats_fd_cause);
    if (vm->fds_cause != CAUSE_NONE)
        vm->stats_fd_cause = vm->fds_cause;
    vm->vcpus_by_fd_order = several && trusted && dir_count == 0;
    free(by_dir);
    replace_vcpus(vm, list, count);
    return 0;
}
