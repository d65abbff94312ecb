// SPDX-License-Identifier: MIT
#include "core/find/thread_role.h"

#include <string.h>

#include "core/base/parse_number.h"
#include "core/find/vcpu_threads.h"

/* The first that fits counts. */
static const struct {
    const char *name;
    bool is_prefix;
    enum vm_role role;
} names[] = {
    /* QEMU: iothread_instance... in iothread.c; the monitor has one for itself */
    {"IO mon_iothread", false, VM_ROLE_EMULATOR},
    {"IO ", true, VM_ROLE_IOTHREAD},
    /* cloud-hypervisor: queues of virtio devices */
    {"_disk", true, VM_ROLE_IOTHREAD},
    {"_net", true, VM_ROLE_IOTHREAD},
    {"_fs", true, VM_ROLE_IOTHREAD},
    /* kvmtool */
    {"virtio-blk-io", false, VM_ROLE_IOTHREAD},
    {"virtio-net-", true, VM_ROLE_IOTHREAD},
    {"vhost-", true, VM_ROLE_VHOST},
    /* QEMU since 9.1, and before */
    {"mig/", true, VM_ROLE_MIGRATION},
    {"live_migration", false, VM_ROLE_MIGRATION},
    {"bg_snapshot", false, VM_ROLE_MIGRATION},
    {"multifdsend", true, VM_ROLE_MIGRATION},
    {"multifdrecv", true, VM_ROLE_MIGRATION},
    {"return path", false, VM_ROLE_MIGRATION},
    {"postcopy/", true, VM_ROLE_MIGRATION},
    {"fault-default", false, VM_ROLE_MIGRATION},
    /* kernel code in a thread of the VMM's process: io_uring, huge-page recovery */
    {"iou-", true, VM_ROLE_KERNEL},
    {"kvm-nx-lpage-re", true, VM_ROLE_KERNEL},
};

enum vm_role thread_role(const char *comm)
{
    if (vcpu_threads_parse(comm) >= 0)
        return VM_ROLE_VCPU;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (names[i].is_prefix ? strncmp(comm, names[i].name, strlen(names[i].name)) == 0
                               : strcmp(comm, names[i].name) == 0)
            return names[i].role;
    return VM_ROLE_EMULATOR;
}

bool thread_role_helper(const char *comm, pid_t *ret_owner, enum vm_role *ret)
{
    static const struct {
        const char *prefix;
        enum vm_role role;
    } helpers[] = {
        {"vhost-", VM_ROLE_VHOST},
        {"kvm-pit/", VM_ROLE_KERNEL},
        {"kvm-nx-lpage-recovery-", VM_ROLE_KERNEL},
    };

    for (size_t i = 0; i < sizeof(helpers) / sizeof(helpers[0]); i++) {
        size_t length = strlen(helpers[i].prefix);
        if (strncmp(comm, helpers[i].prefix, length) != 0 ||
            !parse_whole_id(comm + length, ret_owner))
            continue;
        *ret = helpers[i].role;
        return true;
    }
    return false;
}
