// SPDX-License-Identifier: MIT
#include "core/find/fd_owners.h"

#include <errno.h>
#include <stdlib.h>

/* Both lists ascend, so one walk through them is enough. */
struct telling {
    struct proc_fds *fds;
    size_t next;
};

static enum proc_fd_kind kind_of(const struct kvm_bpf_file *file)
{
    return file->kind == KVM_BPF_VM ? PROC_FD_VM : PROC_FD_VCPU;
}

static void tell(void *user, const struct kvm_bpf_file *file)
{
    struct telling *t = user;

    while (t->next < t->fds->count && t->fds->fds[t->next].fd < file->fd)
        t->next++;
    if (t->next == t->fds->count)
        return;
    struct proc_fd *fd = &t->fds->fds[t->next];
    if (fd->fd != file->fd || fd->kind != kind_of(file) ||
        (fd->kind == PROC_FD_VCPU && fd->vcpu != file->vcpu_id))
        return;
    fd->vm = file->vm;
    fd->tid = file->tid;
}

void fd_owners_tell(struct kvm_bpf *bpf, pid_t pid, struct proc_fds *fds)
{
    struct telling telling = {.fds = fds};

    if (bpf != NULL && fds->vm_count > 0)
        kvm_bpf_read_process(bpf, pid, 0, tell, &telling, NULL);
}

struct listing {
    struct proc_fds fds;
    size_t cap;
    int result;
};

static void list(void *user, const struct kvm_bpf_file *file)
{
    struct listing *l = user;

    if (l->result < 0 || l->fds.is_cut)
        return;
    if (l->fds.count == PROC_FDS_MAX ||
        (file->kind == KVM_BPF_VM && l->fds.vm_count == PROC_FDS_VMS_MAX)) {
        l->fds.is_cut = true;
        return;
    }
    if (l->fds.count == l->cap) {
        size_t cap = l->cap != 0 ? l->cap * 2 : 16;
        struct proc_fd *grown = realloc(l->fds.fds, cap * sizeof(*grown));
        if (grown == NULL) {
            l->result = -ENOMEM;
            return;
        }
        l->fds.fds = grown;
        l->cap = cap;
    }
    l->fds.fds[l->fds.count++] = (struct proc_fd){
        .fd = file->fd,
        .kind = kind_of(file),
        .vcpu = file->kind == KVM_BPF_VCPU ? file->vcpu_id : 0,
        .vm = file->vm,
        .tid = file->tid,
    };
    l->fds.vm_count += file->kind == KVM_BPF_VM;
}

int fd_owners_list(struct kvm_bpf *bpf, pid_t pid, struct proc_fds *ret)
{
    struct listing listing = {0};
    int result = kvm_bpf_read_process(bpf, pid, 0, list, &listing, NULL);

    if (result == 0)
        result = listing.result;
    if (result < 0)
        proc_fds_done(&listing.fds);
    else
        *ret = listing.fds;
    return result;
}

bool fd_owners_are_known(const struct proc_fds *fds)
{
    for (size_t i = 0; i < fds->count; i++)
        if ((fds->fds[i].kind == PROC_FD_VM || fds->fds[i].kind == PROC_FD_VCPU) &&
            fds->fds[i].vm == 0)
            return false;
    return fds->vm_count > 0;
}
