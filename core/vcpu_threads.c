// SPDX-License-Identifier: MIT
#include "core/vcpu_threads.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Name = prefix, number, suffix. comm is cut at 15 bytes, which none of these reaches below 1000
 * vCPUs.
 */
static const struct {
    const char *prefix, *suffix;
} patterns[] = {
    {"CPU ", "/KVM"},     /* QEMU with debug-threads=on */
    {"fc_vcpu ", ""},     /* Firecracker */
    {"vcpu", ""},         /* cloud-hypervisor */
    {"crosvm_vcpu", ""},  /* crosvm */
    {"kvm-vcpu-", ""},    /* kvmtool */
};

int vcpu_threads_parse(const char *comm)
{
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        size_t n = strlen(patterns[i].prefix);
        if (strncmp(comm, patterns[i].prefix, n) != 0)
            continue;
        size_t digits = strspn(comm + n, "0123456789");
        if (digits > 0 && digits < 6 && strcmp(comm + n + digits, patterns[i].suffix) == 0)
            return atoi(comm + n);
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

static void from_debugfs(const struct rootfs *root, const char *debugfs, struct vm *vm)
{
    for (size_t i = 0; i < vm->vcpu_count; i++) {
        char path[400], buf[32];
        int tid;
        if (vm->vcpus[i].tid != 0)
            continue;
        snprintf(path, sizeof(path), "%s/%s/vcpu%d/pid", debugfs, vm->debugfs_dir, vm->vcpus[i].id);
        ssize_t n = rootfs_read(root, path, buf, sizeof(buf));
        if (n < 0)
            return; /* older kernels do not have the file: none of the vCPUs has it */
        /* 0 until the vCPU has run once. */
        if (sscanf(buf, "%d", &tid) == 1 && tid > 0)
            vm->vcpus[i].tid = tid;
    }
}

static void from_names(const struct rootfs *root, struct vm *vm)
{
    char path[96], comm[64];
    int result;

    snprintf(path, sizeof(path), "proc/%d/task", (int)vm->id.pid);
    DIR *dir = rootfs_opendir(root, path, &result);
    if (dir == NULL)
        return;
    struct dirent *entry;
    while ((entry = readdir(dir)) != NULL) {
        int tid = atoi(entry->d_name);
        if (tid <= 0)
            continue;
        snprintf(path, sizeof(path), "proc/%d/task/%d/comm", (int)vm->id.pid, tid);
        if (rootfs_read(root, path, comm, sizeof(comm)) <= 0)
            continue;
        comm[strcspn(comm, "\n")] = '\0';
        int id = vcpu_threads_parse(comm);
        struct vm_vcpu *vcpu = id < 0 ? NULL : find_vcpu(vm, id);
        if (vcpu != NULL && vcpu->tid == 0)
            vcpu->tid = tid;
    }
    closedir(dir);
}

void vcpu_threads_find(const struct rootfs *root, const char *debugfs, bool by_name, struct vm *vm)
{
    if (all_known(vm))
        return;
    if (debugfs[0] != '\0' && vm->debugfs_dir[0] != '\0')
        from_debugfs(root, debugfs, vm);
    if (by_name && !all_known(vm))
        from_names(root, vm);
}
