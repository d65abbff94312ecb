// SPDX-License-Identifier: MIT
#include "core/vm_twins.h"

/* Which of two that are the same file is the copy? */
static struct vm *copy_of_both(struct vm *a, struct vm *b)
{
    if ((a->debugfs_inode != 0) != (b->debugfs_inode != 0))
        return a->debugfs_inode != 0 ? b : a;
    if (a->id.start_ticks != b->id.start_ticks)
        return a->id.start_ticks < b->id.start_ticks ? b : a;
    return a->id.pid < b->id.pid ? b : a;
}

static void compare_with_all(const struct rootfs *root, struct vm *vm, struct vm *const *vms,
                             size_t count)
{
    for (size_t i = 0; i < count && !vm->is_copy; i++) {
        struct vm *other = vms[i];
        if (other->id.pid == vm->id.pid || other->is_copy)
            continue;
        if (rootfs_is_same_file(root, vm->id.pid, vm->id.fd, other->id.pid, other->id.fd))
            copy_of_both(vm, other)->is_copy = true;
    }
}

void vm_twins_mark(const struct rootfs *root, bool debugfs_tells, struct vm *const *vms,
                   size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct vm *vm = vms[i];
        if (vm->twin_checked)
            continue;
        vm->twin_checked = true;
        if (vm->fds_cause == CAUSE_NONE && !(debugfs_tells && vm->debugfs_inode != 0))
            compare_with_all(root, vm, vms, count);
    }
}

void vm_twins_lost(struct vm *const *vms, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (vms[i]->is_copy)
            vms[i]->is_copy = vms[i]->twin_checked = false;
}
