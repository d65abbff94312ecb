// SPDX-License-Identifier: MIT
/*
 * For builds without BPF: everything says so.
 */
#include "core/bpf/kvm_bpf.h"

#include <errno.h>

bool kvm_bpf_is_built(void)
{
    return false;
}

int kvm_bpf_open(const struct rootfs *root, struct kvm_bpf **ret, struct error *err)
{
    (void)root;
    *ret = NULL;
    return error_set(
        err, -ENOSYS,
        "kvmlens was built without BPF: BPF=no, or clang, bpftool, libbpf-dev or libelf-dev was "
        "missing");
}

void kvm_bpf_close(struct kvm_bpf *bpf)
{
    (void)bpf;
}

const struct kvm_layout *kvm_bpf_layout(struct kvm_bpf *bpf, struct error *err)
{
    (void)bpf;
    if (err != NULL)
        error_set(err, -ENOSYS, "kvmlens was built without BPF");
    return NULL;
}

bool kvm_bpf_is_stale(const struct kvm_bpf *bpf)
{
    (void)bpf;
    return false;
}

int kvm_bpf_read_process(struct kvm_bpf *bpf, pid_t pid, unsigned wants, kvm_bpf_file_fn *fn,
                         void *user, uint64_t *ret_ns)
{
    (void)bpf, (void)pid, (void)wants, (void)fn, (void)user, (void)ret_ns;
    return -ENOSYS;
}

void kvm_bpf_forget(struct kvm_bpf *bpf, pid_t pid)
{
    (void)bpf, (void)pid;
}

int kvm_bpf_read_host(struct kvm_bpf *bpf, unsigned wants, uint64_t limit_ns, kvm_bpf_file_fn *fn,
                      void *user)
{
    (void)bpf, (void)wants, (void)limit_ns, (void)fn, (void)user;
    return -ENOSYS;
}

int kvm_bpf_slots_read(struct kvm_bpf *bpf, pid_t pid, int vm_fd, struct kvm_bpf_slots *ret)
{
    (void)bpf, (void)pid, (void)vm_fd;
    *ret = (struct kvm_bpf_slots){0};
    return -ENOSYS;
}
