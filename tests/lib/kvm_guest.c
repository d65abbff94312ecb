// SPDX-License-Identifier: MIT
#include "tests/lib/kvm_guest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/demo/minivm.h"

static bool open_files(unsigned count)
{
    const struct rlimit limit = {count + 256, count + 256};

    if (count == 0)
        return true;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        return false;
    for (unsigned i = 0; i < count; i++)
        if (open("/dev/null", O_RDONLY | O_CLOEXEC) < 0)
            return false;
    return true;
}

void kvm_guest(struct guest_info *info, const void *arg)
{
    const struct kvm_guest_config *c = arg;
    const struct minivm_config config = {
        .ram_bytes = 8 << 20,
        .vcpus = c->vcpus,
        .keep_vm_stats_fd = c->stats_fds,
        .keep_vcpu_stats_fds = c->stats_fds,
        .program = c->is_busy ? MINIVM_BUSY : MINIVM_HALT,
        .wake_hz = 100,
    };

    if (!open_files(c->files))
        info->error = errno;
    for (unsigned i = 0; i < c->vms && info->error == 0; i++) {
        struct minivm *vm;
        struct error err;
        int result = minivm_start(&config, &vm, &err);
        info->error = -result;
        if (result == 0 && i < 2)
            info->extra[i] = (uint64_t)minivm_info(vm)->vm_fd;
        if (result == 0 && i == 0)
            info->extra[2] = (uint64_t)minivm_info(vm)->vcpus[0].tid;
    }
}

struct kvm_bpf *kvm_guest_bpf(struct rootfs *root)
{
    struct kvm_bpf *bpf = NULL;
    struct error err = {0};

    if (access("/dev/kvm", R_OK | W_OK) != 0) {
        printf("skipped: /dev/kvm cannot be used here: %s\n", strerror(errno));
        return NULL;
    }
    if (rootfs_open(NULL, root, &err) == 0 && kvm_bpf_open(root, &bpf, &err) < 0) {
        printf("skipped: BPF cannot be loaded here: %s\n", err.msg);
        rootfs_close(root);
    }
    return bpf;
}
