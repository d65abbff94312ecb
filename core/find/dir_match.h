/* SPDX-License-Identifier: MIT */
/*
 * Which directory of debugfs belongs to which VM, for however many there are of both. Used by
 * discover only; main thread.
 */
#ifndef KVMLENS_CORE_FIND_DIR_MATCH_H
#define KVMLENS_CORE_FIND_DIR_MATCH_H

#include <stddef.h>

#include "core/find/kvm_dirs.h"
#include "core/model/vm.h"

/* VMs without a directory, as of the beginning of a tick. */
struct dir_match {
    struct vm_id *bare; /* ascending (fd, pid) */
    size_t count, cap;
};

/* dir_match_update - once per tick, before dir_match_find. 0 or -ENOMEM. */
int dir_match_update(struct dir_match *match, const struct kvm_dirs *dirs, struct vm *const *vms,
                     size_t count);
void dir_match_done(struct dir_match *match);

/*
 * dir_match_find - the directory of VM fd @fd of process @pid, or NULL.
 *
 * One whose creator thread is gone is recognised by its fd, if only one directory and one VM can be
 * meant.
 */
const struct kvm_dir *dir_match_find(const struct dir_match *match, const struct kvm_dirs *dirs,
                                     pid_t pid, int fd);

/*
 * dir_match_count_hidden - directories of no process we can see that no VM has. One that was not
 * there a tick ago may belong to a VM that is just being made or ended. 0 or -ENOMEM.
 */
int dir_match_count_hidden(const struct kvm_dirs *dirs, struct vm *const *vms, size_t count,
                           size_t *ret);

#endif
