// SPDX-License-Identifier: MIT
/*
 * Is it still the VM that it was? A process may end one and make another with the same descriptor.
 * Its memory map may look the same then, and what differs between two looks is not what a guest
 * wrote.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/scan/scan_looks.h"

static void note_file(void *user, const struct kvm_bpf_file *file)
{
    struct scan_identity *identity = user;

    if (file->kind != KVM_BPF_VM || file->fd != identity->fd)
        return;
    identity->vm = file->vm;
    identity->birth = file->birth;
}

/* The descriptor is closed, or is something else. Where it may not be asked, it is there. */
static bool is_closed(const struct scan_job *job)
{
    static const char vm[] = "anon_inode:kvm-vm";
    char path[64], link[64];

    snprintf(path, sizeof(path), "proc/%d/fd/%d", (int)job->request->vm.pid, job->request->vm.fd);
    ssize_t n = rootfs_readlink(job->env->root, path, link, sizeof(link));
    return n == -ENOENT || (n > 0 && strcmp(link, vm) != 0);
}

void scan_identity_read(const struct scan_job *job, struct scan_identity *ret)
{
    const struct vm_id *vm = &job->request->vm;

    *ret = (struct scan_identity){.fd = vm->fd};
    if (vm->fd < 0)
        return;
    beacon_at(job->env->beacon, vm->pid, BEACON_LIST_FDS);
    ret->is_closed = is_closed(job);
    if (job->env->bpf != NULL)
        kvm_bpf_read_process(job->env->bpf, vm->pid, 0, note_file, ret, NULL);
}

enum scan_same scan_identity_compare(const struct scan_identity *before,
                                     const struct scan_identity *now, bool has_other_threads)
{
    bool is_known = before->vm != 0 && now->vm != 0;

    if (now->is_closed && !before->is_closed)
        return SCAN_VM_CLOSED;
    if (is_known && (before->vm != now->vm || before->birth != now->birth))
        return SCAN_VM_ANOTHER;
    /* birth 0: the same place in the kernel may be another VM's by now */
    if (is_known && before->birth != 0)
        return SCAN_VM_SAME;
    return has_other_threads ? SCAN_VM_ANOTHER : SCAN_VM_SAME;
}
