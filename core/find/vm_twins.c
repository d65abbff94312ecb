// SPDX-License-Identifier: MIT
#include "core/find/vm_twins.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/types.h>

#include "core/base/same_file.h"

/* Which of two that are the same file is the copy? */
static struct vm *copy_of_both(struct vm *a, struct vm *b)
{
    if ((a->debugfs_inode != 0) != (b->debugfs_inode != 0))
        return a->debugfs_inode != 0 ? b : a;
    if (a->id.start_ticks != b->id.start_ticks)
        return a->id.start_ticks < b->id.start_ticks ? b : a;
    return a->id.pid < b->id.pid ? b : a;
}

static struct same_file_ref ref_of(const struct vm *vm, size_t index)
{
    return (struct same_file_ref){.pid = vm->id.pid, .fd = vm->id.fd, .index = index};
}

/* The VMs to be asked about, sorted; how many, or -ENOMEM. *@ret is the caller's to free. */
static ssize_t choose(const struct rootfs *root, bool debugfs_tells, struct vm *const *vms,
                      size_t count, struct same_file_ref **ret)
{
    size_t chosen = 0;
    struct same_file_ref *refs = NULL;

    for (size_t i = 0; i < count; i++) {
        struct vm *vm = vms[i];
        bool must = !vm->twin_checked && vm->fds_cause == CAUSE_NONE &&
                    !(debugfs_tells && vm->debugfs_inode != 0);
        if (must && refs == NULL && (refs = malloc((count - i) * sizeof(*refs))) == NULL)
            return -ENOMEM;
        if (must)
            refs[chosen++] = ref_of(vm, i);
    }
    chosen = same_file_keep_known(root, refs, chosen);
    int result = same_file_sort(refs, chosen, same_file_kcmp, root);
    if (result < 0) {
        free(refs);
        return result;
    }
    *ret = refs;
    return (ssize_t)chosen;
}

/* Those that are the same among themselves; of each kind one stays in @refs. How many stay. */
static size_t mark_among(const struct rootfs *root, struct vm *const *vms,
                         struct same_file_ref *refs, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || same_file_kcmp(root, &refs[kept - 1], &refs[i]) != 0) {
            refs[kept++] = refs[i];
            continue;
        }
        struct vm *copy = copy_of_both(vms[refs[kept - 1].index], vms[refs[i].index]);
        copy->is_copy = true;
        if (copy != vms[refs[i].index])
            refs[kept - 1] = refs[i];
    }
    return kept;
}

int vm_twins_mark(const struct rootfs *root, bool debugfs_tells, struct vm *const *vms,
                  size_t count)
{
    struct same_file_ref *refs = NULL;
    ssize_t chosen = choose(root, debugfs_tells, vms, count, &refs);

    if (chosen < 0)
        return (int)chosen;
    size_t kept = refs != NULL ? mark_among(root, vms, refs, (size_t)chosen) : 0;
    for (size_t i = 0; i < count && kept > 0; i++) {
        struct vm *vm = vms[i];
        struct same_file_ref own = ref_of(vm, i);
        if (vm->is_copy || vm->fds_cause != CAUSE_NONE)
            continue;
        const struct same_file_ref *same = same_file_find(refs, kept, &own, same_file_kcmp, root);
        if (same != NULL && same->index != i)
            copy_of_both(vm, vms[same->index])->is_copy = true;
    }
    for (size_t i = 0; i < count; i++)
        vms[i]->twin_checked = true;
    free(refs);
    return 0;
}

void vm_twins_lost(struct vm *const *vms, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (vms[i]->is_copy)
            vms[i]->is_copy = vms[i]->twin_checked = false;
}
