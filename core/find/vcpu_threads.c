// SPDX-License-Identifier: MIT
#include "core/find/vcpu_threads.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "core/base/parse_number.h"
#include "core/model/vmm.h"

/* comm is cut at 15 bytes, which no name of a vCPU thread reaches below 1000 vCPUs. */
int vcpu_threads_parse(const char *comm)
{
    for (const struct vmm *vmm = vmm_table; vmm->name != NULL; vmm++) {
        size_t n = vmm->vcpu_thread.prefix != NULL ? strlen(vmm->vcpu_thread.prefix) : 0;
        if (n == 0 || strncmp(comm, vmm->vcpu_thread.prefix, n) != 0)
            continue;
        int id;
        const char *suffix = vmm->vcpu_thread.suffix != NULL ? vmm->vcpu_thread.suffix : "";
        const char *end = parse_id(comm + n, &id);
        if (end != NULL && end - (comm + n) < 6 && strcmp(end, suffix) == 0)
            return id;
    }
    return -1;
}

static struct vm_vcpu *find_vcpu(struct vm *vm, int id)
{
    for (size_t i = 0; i < vm->vcpu_count; i++)
        if (vm->vcpus[i].id == id)
            return &vm->vcpus[i];
    return NULL;
}

static bool all_known(const struct vm *vm)
{
    for (size_t i = 0; i < vm->vcpu_count; i++)
        if (vm->vcpus[i].tid == 0)
            return false;
    return true;
}

/* Threads of vCPUs as debugfs has them; those that it does not have stay. */
static void from_debugfs(const struct rootfs *root, const char *debugfs, bool again, struct vm *vm)
{
    for (size_t i = 0; i < vm->vcpu_count; i++) {
        struct vm_vcpu *vcpu = &vm->vcpus[i];
        char path[400], buf[32];
        uint64_t tid;
        if (vcpu->tid != 0 && !again)
            continue;
        snprintf(path, sizeof(path), "%s/%s/vcpu%d/pid", debugfs, vm->debugfs_dir, vcpu->id);
        ssize_t n = rootfs_read(root, path, buf, sizeof(buf));
        if (n < 0)
            return; /* older kernels do not have the file: none of the vCPUs has it */
        /* 0 until the vCPU has run once. */
        if (parse_u64(buf, &tid) == 0 && tid > 0 && tid <= INT_MAX) {
            vcpu->tid = (pid_t)tid;
            vcpu->tid_by_name = false;
        }
    }
}

/* vCPU number in the name of a thread; -1: another name, -2: there is no such thread. */
static int vcpu_of_thread(const struct rootfs *root, pid_t pid, pid_t tid)
{
    char path[96], comm[64];

    snprintf(path, sizeof(path), "proc/%d/task/%d/comm", (int)pid, (int)tid);
    ssize_t n = rootfs_read(root, path, comm, sizeof(comm));
    if (n == -ENOENT || n == -ESRCH)
        return -2;
    comm[strcspn(comm, "\n")] = '\0';
    return vcpu_threads_parse(comm);
}

/*
 * An unplugged vCPU's thread ends, and its number may come to be another's. A name that was taken
 * for the vCPU's must still be there; of a thread that debugfs told it says little, for not every
 * VMM gives names.
 */
static void drop_ended(const struct rootfs *root, struct vm *vm)
{
    for (size_t i = 0; i < vm->vcpu_count; i++) {
        struct vm_vcpu *vcpu = &vm->vcpus[i];
        if (vcpu->tid == 0)
            continue;
        int id = vcpu_of_thread(root, vm->id.pid, vcpu->tid);
        if (id == -2 || (vcpu->tid_by_name && id != vcpu->id))
            vcpu->tid = 0;
    }
}

static void from_names(const struct rootfs *root, struct vm *vm)
{
    char path[64];
    int result;

    snprintf(path, sizeof(path), "proc/%d/task", (int)vm->id.pid);
    DIR *dir = rootfs_opendir(root, path, &result);
    if (dir == NULL)
        return;
    struct dirent *entry;
    while ((entry = readdir(dir)) != NULL) {
        pid_t tid;
        int id = parse_whole_id(entry->d_name, &tid) ? vcpu_of_thread(root, vm->id.pid, tid) : -1;
        struct vm_vcpu *vcpu = id < 0 ? NULL : find_vcpu(vm, id);
        if (vcpu != NULL && vcpu->tid == 0) {
            vcpu->tid = tid;
            vcpu->tid_by_name = true;
        }
    }
    closedir(dir);
}

void vcpu_threads_find(const struct rootfs *root, const char *debugfs, bool by_name, bool again,
                       struct vm *vm)
{
    if (!again && all_known(vm))
        return;
    if (debugfs[0] != '\0' && vm->debugfs_dir[0] != '\0')
        from_debugfs(root, debugfs, again, vm);
    /* debugfs names the last thread of a vCPU, also when that has ended. */
    if (again)
        drop_ended(root, vm);
    if (by_name && !all_known(vm))
        from_names(root, vm);
}
