// SPDX-License-Identifier: MIT
#include "core/find/dir_match.h"

#include <errno.h>
#include <stdlib.h>

static bool has_orphans(const struct kvm_dirs *dirs)
{
    return dirs->count > 0 && dirs->dirs[0].pid == 0;
}

static int compare_bare(const void *a, const void *b)
{
    const struct vm_id *x = a, *y = b;
    if (x->fd != y->fd)
        return x->fd < y->fd ? -1 : 1;
    return (x->pid > y->pid) - (x->pid < y->pid);
}

int dir_match_update(struct dir_match *match, const struct kvm_dirs *dirs, struct vm *const *vms,
                     size_t count)
{
    match->count = 0;
    if (!has_orphans(dirs) || count == 0)
        return 0;
    if (count > match->cap) {
        struct vm_id *grown = realloc(match->bare, count * sizeof(*grown));
        if (grown == NULL)
            return -ENOMEM;
        match->bare = grown;
        match->cap = count;
    }
    for (size_t i = 0; i < count; i++)
        if (vms[i]->debugfs_inode == 0)
            match->bare[match->count++] = vms[i]->id;
    if (match->count > 0)
        qsort(match->bare, match->count, sizeof(*match->bare), compare_bare);
    return 0;
}

void dir_match_done(struct dir_match *match)
{
    free(match->bare);
    *match = (struct dir_match){0};
}

/* Is there a VM with this fd and without a directory in another process than @pid? */
static bool may_be_others(const struct dir_match *match, pid_t pid, int fd)
{
    size_t low = 0, high = match->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (match->bare[middle].fd < fd)
            low = middle + 1;
        else
            high = middle;
    }
    /* Each process is in once. */
    for (size_t i = low; i < match->count && i < low + 2 && match->bare[i].fd == fd; i++)
        if (match->bare[i].pid != pid)
            return true;
    return false;
}

const struct kvm_dir *dir_match_find(const struct dir_match *match, const struct kvm_dirs *dirs,
                                     pid_t pid, int fd)
{
    const struct kvm_dir *found = kvm_dirs_find(dirs, pid, fd);

    if (found == NULL)
        found = kvm_dirs_orphan_of(dirs, fd);
    return found != NULL && found->pid == 0 && may_be_others(match, pid, fd) ? NULL : found;
}

static int compare_inode(const void *a, const void *b)
{
    const ino_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

int dir_match_count_hidden(const struct kvm_dirs *dirs, struct vm *const *vms, size_t count,
                           size_t *ret)
{
    *ret = 0;
    if (!has_orphans(dirs))
        return 0;
    ino_t *inodes = malloc((count + 1) * sizeof(*inodes));
    if (inodes == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        inodes[i] = vms[i]->debugfs_inode;
    qsort(inodes, count, sizeof(*inodes), compare_inode);
    for (size_t i = 0; i < dirs->count && dirs->dirs[i].pid == 0; i++) {
        const struct kvm_dir *dir = &dirs->dirs[i];
        *ret += dir->seen_before &&
                bsearch(&dir->inode, inodes, count, sizeof(*inodes), compare_inode) == NULL;
    }
    free(inodes);
    return 0;
}
