// SPDX-License-Identifier: MIT
/*
 * For builds without BPF: everything says so.
 */
#include "core/bpf/kvm_exits.h"

#include <errno.h>

int kvm_exits_open(const struct rootfs *root, const struct kvm_exits_config *config,
                   struct kvm_exits **ret, struct error *err)
{
    (void)root, (void)config;
    *ret = NULL;
    return error_set(
        err, -ENOSYS,
        "kvmlens was built without BPF: BPF=no, or clang, bpftool, libbpf-dev or libelf-dev was "
        "missing");
}

void kvm_exits_close(struct kvm_exits *exits)
{
    (void)exits;
}

bool kvm_exits_has(const struct kvm_exits *exits, enum kvm_exits_event event)
{
    (void)exits, (void)event;
    return false;
}

const struct exit_names *kvm_exits_names(const struct kvm_exits *exits)
{
    (void)exits;
    return NULL;
}

int kvm_exits_watch(struct kvm_exits *exits, const pid_t *pids, size_t count)
{
    (void)exits, (void)pids, (void)count;
    return -ENOSYS;
}

int kvm_exits_read(struct kvm_exits *exits, struct kvm_exits_reading *ret)
{
    (void)exits;
    *ret = (struct kvm_exits_reading){0};
    return -ENOSYS;
}

size_t kvm_exits_forget(struct kvm_exits *exits, const struct kvm_exits_reading *reading,
                        uint32_t tid)
{
    (void)exits, (void)reading, (void)tid;
    return 0;
}
