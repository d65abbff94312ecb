// SPDX-License-Identifier: MIT
#include "core/find/kvm_dirs.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/parse_number.h"

bool kvm_dirs_parse(const char *name, pid_t *ret_tid, int *ret_fd)
{
    const char *at = parse_id(name, ret_tid);

    return at != NULL && *at == '-' && parse_whole_id(at + 1, ret_fd);
}

int kvm_dirs_parse_vcpu(const char *name)
{
    int id;

    return strncmp(name, "vcpu", 4) == 0 && parse_whole_id(name + 4, &id) ? id : -1;
}

/* Is it one of the process's threads? No file of the process is opened. */
static bool is_thread_of(const struct rootfs *root, pid_t pid, pid_t tid)
{
    char path[64];
    struct stat st;

    snprintf(path, sizeof(path), "proc/%d/task/%d", (int)pid, (int)tid);
    return pid == tid || rootfs_stat(root, path, &st) == 0;
}

/* Which of the processes that are left alone has this thread? 0 = none. */
static pid_t shunned_of(const struct rootfs *root, const struct shun_list *shunned, pid_t tid)
{
    for (size_t i = 0; shunned != NULL && i < shunned->count && i < SHUN_MAX; i++)
        if (is_thread_of(root, shunned->processes[i].pid, tid))
            return shunned->processes[i].pid;
    return 0;
}

/* Where only one process is looked at: that one, or of another one just the thread, or 0. */
static pid_t only_of(const struct rootfs *root, pid_t only, pid_t tid)
{
    char path[64];
    struct stat st;

    snprintf(path, sizeof(path), "proc/%d", (int)tid);
    return is_thread_of(root, only, tid) ? only : rootfs_stat(root, path, &st) == 0 ? tid : 0;
}

/* Process that a thread belongs to; 0 when it is gone or in another pid namespace. */
static pid_t process_of(const struct rootfs *root, const struct asking *asking, pid_t tid)
{
    char path[64], buf[4096];
    uint64_t tgid;
    pid_t shunned = shunned_of(root, asking->shunned, tid);

    if (shunned != 0)
        return shunned;
    if (asking->only != 0)
        return only_of(root, asking->only, tid);
    beacon_at(asking->beacon, tid, BEACON_READ_PROC);
    snprintf(path, sizeof(path), "proc/%d/status", (int)tid);
    if (rootfs_read(root, path, buf, sizeof(buf)) == 0)
        return 0;
    return parse_proc_status(buf, "Tgid", 10, &tgid) && tgid <= INT_MAX ? (pid_t)tgid : 0;
}

static int compare_pid(const void *a, const void *b)
{
    const struct kvm_dir *x = a, *y = b;
    if (x->pid != y->pid)
        return x->pid < y->pid ? -1 : 1;
    return (x->fd > y->fd) - (x->fd < y->fd);
}

static int compare_name(const void *a, const void *b)
{
    const struct kvm_dir *x = a, *y = b;
    if (x->tid != y->tid)
        return x->tid < y->tid ? -1 : 1;
    return (x->fd > y->fd) - (x->fd < y->fd);
}

/* Takes over the processes that are known. Both lists are in order of (tid, fd). */
static void carry_over(struct kvm_dir *dirs, size_t count, const struct kvm_dir *old,
                       size_t old_count)
{
    size_t k = 0;

    for (size_t i = 0; i < count; i++) {
        while (k < old_count && compare_name(&old[k], &dirs[i]) < 0)
            k++;
        if (k < old_count && compare_name(&old[k], &dirs[i]) == 0 &&
            old[k].inode == dirs[i].inode) {
            dirs[i].pid = old[k].pid;
            dirs[i].seen_before = true;
        }
    }
}

static int list(const struct rootfs *root, const char *path, struct kvm_dirs *ret)
{
    int result = 0;
    size_t cap = 0;
    DIR *dir = rootfs_opendir(root, path, &result);

    if (dir == NULL)
        return result;
    struct dirent *entry;
    while ((entry = rootfs_readdir(dir, &result)) != NULL) {
        struct kvm_dir d = {.inode = entry->d_ino};
        if (!kvm_dirs_parse(entry->d_name, &d.tid, &d.fd))
            continue;
        if (ret->count == cap) {
            cap = cap ? cap * 2 : 64;
            struct kvm_dir *grown = realloc(ret->dirs, cap * sizeof(*grown));
            if (grown == NULL) {
                result = -ENOMEM;
                break;
            }
            ret->dirs = grown;
        }
        ret->dirs[ret->count++] = d;
    }
    closedir(dir);
    return result;
}

int kvm_dirs_read(const struct rootfs *root, const char *path, const struct kvm_dirs *before,
                  const struct asking *asking, struct kvm_dirs *ret)
{
    struct kvm_dirs now = {0};
    int result = list(root, path, &now);

    if (result < 0) {
        kvm_dirs_done(&now);
        return result;
    }
    if (now.count > 0)
        qsort(now.dirs, now.count, sizeof(*now.dirs), compare_name);
    if (before != NULL && before->count > 0) {
        struct kvm_dir *old = malloc(before->count * sizeof(*old));
        if (old == NULL) {
            kvm_dirs_done(&now);
            return -ENOMEM;
        }
        memcpy(old, before->dirs, before->count * sizeof(*old));
        qsort(old, before->count, sizeof(*old), compare_name);
        carry_over(now.dirs, now.count, old, before->count);
        free(old);
    }
    for (size_t i = 0; i < now.count && asking != NULL; i++)
        if (now.dirs[i].pid == 0)
            now.dirs[i].pid = process_of(root, asking, now.dirs[i].tid);
    if (now.count > 0)
        qsort(now.dirs, now.count, sizeof(*now.dirs), compare_pid);
    *ret = now;
    return 0;
}

void kvm_dirs_orphan(struct kvm_dirs *dirs, bool (*lives)(const void *user, pid_t pid),
                     const void *user)
{
    bool changed = false;

    for (size_t i = 0; i < dirs->count; i++) {
        if (dirs->dirs[i].pid == 0 || lives(user, dirs->dirs[i].pid))
            continue;
        dirs->dirs[i].pid = 0;
        changed = true;
    }
    if (changed)
        qsort(dirs->dirs, dirs->count, sizeof(*dirs->dirs), compare_pid);
}

void kvm_dirs_done(struct kvm_dirs *dirs)
{
    free(dirs->dirs);
    *dirs = (struct kvm_dirs){0};
}

/* Index of the first directory that is not before (@pid, @fd). */
static size_t place_of(const struct kvm_dirs *dirs, pid_t pid, int fd)
{
    struct kvm_dir key = {.pid = pid, .fd = fd};
    size_t low = 0, high = dirs->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_pid(&dirs->dirs[middle], &key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_at(const struct kvm_dirs *dirs, size_t i, pid_t pid, int fd)
{
    return i < dirs->count && dirs->dirs[i].pid == pid && dirs->dirs[i].fd == fd;
}

const struct kvm_dir *kvm_dirs_find(const struct kvm_dirs *dirs, pid_t pid, int fd)
{
    size_t i = place_of(dirs, pid, fd);

    return is_at(dirs, i, pid, fd) ? &dirs->dirs[i] : NULL;
}

const struct kvm_dir *kvm_dirs_of(const struct kvm_dirs *dirs, pid_t pid, size_t *ret_count)
{
    size_t first = place_of(dirs, pid, 0);

    *ret_count = place_of(dirs, pid + 1, 0) - first;
    return *ret_count > 0 ? &dirs->dirs[first] : NULL;
}

const struct kvm_dir *kvm_dirs_orphan_of(const struct kvm_dirs *dirs, int fd)
{
    size_t i = place_of(dirs, 0, fd);

    return is_at(dirs, i, 0, fd) && !is_at(dirs, i + 1, 0, fd) ? &dirs->dirs[i] : NULL;
}
