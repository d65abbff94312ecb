// SPDX-License-Identifier: MIT
#include "core/find/vm_migration.h"

#include <dirent.h>
#include <errno.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/parse_number.h"

#define DUE_TICKS     8
#define COUNTED_TICKS 64
#define THREADS_MAX   4096 /* a process may have very many, and name them as it likes */

bool vm_migration_is_due(const struct vm *vm, uint64_t tick, bool is_counted, uint64_t sign)
{
    uint64_t every = is_counted ? COUNTED_TICKS : DUE_TICKS;

    return vm->migration != VM_NOT_LOGGED || sign != vm->migration_sign ||
           tick <= vm->migration_again || (tick + vm_spread(&vm->id)) % every == 0;
}

bool vm_migration_is_logged(const struct kvm_bpf_slots *slots)
{
    const struct kvm_bpf_slot *largest = NULL;

    for (size_t i = 0; i < slots->count; i++) {
        const struct kvm_bpf_slot *slot = &slots->slots[i];
        bool is_ram = slot->space == 0 && (slot->flags & KVM_MEM_READONLY) == 0;
        if (is_ram && (largest == NULL || slot->pages > largest->pages))
            largest = slot;
    }
    return largest != NULL && (largest->is_logged || (largest->flags & KVM_MEM_LOG_DIRTY_PAGES));
}

bool vm_migration_is_thread(const char *comm)
{
    /* QEMU's migration_thread(): since 9.1, and before */
    static const char *const names[] = {"mig/src/main", "live_migration"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(comm, names[i]) == 0)
            return true;
    return false;
}

static bool is_migration(const struct rootfs *root, pid_t pid, const char *tid)
{
    char path[96], comm[64];

    snprintf(path, sizeof(path), "proc/%d/task/%.20s/comm", (int)pid, tid);
    if (rootfs_read(root, path, comm, sizeof(comm)) < 0)
        return false;
    comm[strcspn(comm, "\n")] = '\0';
    return vm_migration_is_thread(comm);
}

bool vm_migration_has_thread(const struct rootfs *root, pid_t pid)
{
    char path[64];
    bool found = false;
    int result;
    pid_t tid;

    snprintf(path, sizeof(path), "proc/%d/task", (int)pid);
    DIR *dir = rootfs_opendir(root, path, &result);
    if (dir == NULL)
        return false;
    struct dirent *entry;
    for (int n = 0; !found && n < THREADS_MAX && (entry = readdir(dir)) != NULL; n++)
        found = parse_whole_id(entry->d_name, &tid) && is_migration(root, pid, entry->d_name);
    closedir(dir);
    return found;
}

static enum vm_migration look(const struct rootfs *root, struct kvm_bpf *bpf, const struct vm *vm)
{
    struct kvm_bpf_slots slots = {0};
    int result = kvm_bpf_slots_read(bpf, vm->id.pid, vm->id.fd, &slots);

    if (result == -EBUSY) /* a BIOS maps its ROMs: what was known is not wrong for that */
        return vm->migration;
    if (result < 0)
        return VM_MIGRATION_UNKNOWN;
    bool is_logged = vm_migration_is_logged(&slots);
    kvm_bpf_slots_done(&slots);
    if (!is_logged)
        return VM_NOT_LOGGED;
    return vm_migration_has_thread(root, vm->id.pid) ? VM_MIGRATING : VM_DIRTY_LOGGED;
}

/* The directory of the threads has a link for each of them. 0: not known. */
static uint64_t count_threads(const struct rootfs *root, pid_t pid)
{
    char path[64];
    struct stat st;

    snprintf(path, sizeof(path), "proc/%d/task", (int)pid);
    return rootfs_stat(root, path, &st) == 0 ? (uint64_t)st.st_nlink : 0;
}

void vm_migration_tick(const struct rootfs *root, struct kvm_bpf *bpf, uint64_t tick, int logged,
                       struct vm *vm)
{
    bool is_counted = logged >= 0;
    uint64_t sign = is_counted ? (uint64_t)logged : count_threads(root, vm->id.pid);

    if (!vm_migration_is_due(vm, tick, is_counted, sign))
        return;
    if (!is_counted && sign != vm->migration_sign)
        vm->migration_again = tick + 1;
    vm->migration_sign = sign;
    vm->migration = look(root, bpf, vm);
}
