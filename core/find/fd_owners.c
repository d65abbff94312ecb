// SPDX-License-Identifier: MIT
#include "core/find/fd_owners.h"

#include <errno.h>
#include <stdlib.h>

static enum proc_fd_kind kind_of(const struct kvm_bpf_file *file)
{
    return file->kind == KVM_BPF_VM ? PROC_FD_VM : PROC_FD_VCPU;
}

static bool is_same(const struct proc_fd *fd, const struct kvm_bpf_file *file)
{
    return fd->fd == file->fd && fd->kind == kind_of(file) &&
           (fd->kind == PROC_FD_VM || fd->vcpu == file->vcpu_id);
}

void fd_owners_tell(const struct kvm_bpf_process *seen, struct proc_fds *fds)
{
    size_t k = 0;

    /* Both lists ascend. */
    for (size_t i = 0; i < seen->count; i++) {
        while (k < fds->count && fds->fds[k].fd < seen->files[i].fd)
            k++;
        if (k == fds->count)
            return;
        if (!is_same(&fds->fds[k], &seen->files[i]))
            continue;
        fds->fds[k].vm = seen->files[i].vm;
        fds->fds[k].birth = seen->files[i].birth;
        fds->fds[k].vm_vcpus = seen->files[i].vcpus;
        fds->fds[k].tid = seen->files[i].tid;
    }
}

int fd_owners_list(const struct kvm_bpf_process *seen, struct proc_fds *ret)
{
    struct proc_fds list = {0};

    *ret = list;
    if (seen->count == 0)
        return 0;
    size_t max = seen->count < PROC_FDS_MAX ? seen->count : PROC_FDS_MAX;
    list.fds = calloc(max, sizeof(*list.fds));
    if (list.fds == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < seen->count && !list.is_cut; i++) {
        const struct kvm_bpf_file *file = &seen->files[i];
        bool is_vm = file->kind == KVM_BPF_VM;
        list.is_cut = list.count == max || (is_vm && list.vm_count == PROC_FDS_VMS_MAX);
        if (list.is_cut)
            break;
        list.fds[list.count++] = (struct proc_fd){.fd = file->fd,
                                                  .kind = kind_of(file),
                                                  .vcpu = is_vm ? 0 : file->vcpu_id,
                                                  .vm = file->vm,
                                                  .birth = file->birth,
                                                  .vm_vcpus = file->vcpus,
                                                  .tid = file->tid};
        list.vm_count += is_vm;
    }
    *ret = list;
    return 0;
}

bool fd_owners_are_known(const struct proc_fds *fds)
{
    for (size_t i = 0; i < fds->count; i++)
        if ((fds->fds[i].kind == PROC_FD_VM || fds->fds[i].kind == PROC_FD_VCPU) &&
            fds->fds[i].vm == 0)
            return false;
    return fds->vm_count > 0;
}

/* A VM of the process as the list has it. */
static bool has_vm(struct vm *const *vms, size_t count, uint64_t kernel_vm)
{
    for (size_t i = 0; i < count; i++)
        if (vms[i]->kernel_vm == kernel_vm)
            return true;
    return false;
}

/* One more than the list has? A second descriptor of one VM is none. */
static bool has_more_vms(const struct kvm_bpf_process *seen, struct vm *const *vms, size_t count)
{
    size_t k = 0;

    for (size_t i = 0; i < seen->count; i++) {
        const struct kvm_bpf_file *file = &seen->files[i];
        if (file->kind != KVM_BPF_VM)
            continue;
        while (k < count && vms[k]->id.fd < file->fd)
            k++;
        if ((k == count || vms[k]->id.fd != file->fd) && !has_vm(vms, count, file->vm))
            return true;
    }
    return false;
}

/* Where the vCPUs of a VM begin. */
static size_t first_vcpu(const struct kvm_bpf_process *seen, uint64_t vm)
{
    size_t low = 0, high = seen->vcpu_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (seen->vcpus[middle]->vm < vm)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool has_same_vcpus(const struct kvm_bpf_process *seen, const struct vm *vm)
{
    size_t i = first_vcpu(seen, vm->kernel_vm), k = 0;

    for (; i < seen->vcpu_count && seen->vcpus[i]->vm == vm->kernel_vm; i++) {
        int id = seen->vcpus[i]->vcpu_id;
        if (k > 0 && vm->vcpus[k - 1].id == id)
            continue; /* a second descriptor of it */
        if (k == vm->vcpu_count || vm->vcpus[k].id != id)
            return false;
        k++;
    }
    return k == vm->vcpu_count;
}

bool fd_owners_are_same(const struct kvm_bpf_process *seen, struct vm *const *vms, size_t count)
{
    if (seen->result < 0)
        return false;
    for (size_t i = 0; i < count; i++) {
        const struct vm *vm = vms[i];
        const struct kvm_bpf_file *file = kvm_bpf_process_vm(seen, vm->id.fd);
        if (!vm->vcpus_by_kernel || file == NULL || vm_is_another(vm, file->vm, file->birth) ||
            !has_same_vcpus(seen, vm))
            return false;
    }
    return count > 0 && !has_more_vms(seen, vms, count);
}

bool fd_owners_have_changed(const struct kvm_bpf_process *seen, struct vm *const *vms, size_t count)
{
    for (size_t i = 0; i < count && seen->result == 0; i++) {
        const struct vm *vm = vms[i];
        const struct kvm_bpf_file *file = kvm_bpf_process_vm(seen, vm->id.fd);
        if (vm->kernel_vm != 0 && (file == NULL || vm_is_another(vm, file->vm, file->birth)))
            return true;
    }
    return false;
}
