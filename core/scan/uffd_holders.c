// SPDX-License-Identifier: MIT
#include "core/scan/uffd_holders.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define INIT_PID_NAMESPACE "pid:[4026531836]" /* PROC_PID_INIT_INO, include/linux/proc_ns.h */

static const char uffd_link[] = "anon_inode:[userfaultfd]";

/* In the first pid namespace, and without hidepid, all processes are there. */
static bool sees_all_processes(const struct rootfs *root)
{
    char link[64];
    struct stat st;

    return rootfs_readlink(root, "proc/self/ns/pid", link, sizeof(link)) > 0 &&
           strcmp(link, INIT_PID_NAMESPACE) == 0 && rootfs_stat(root, "proc/1", &st) == 0;
}

/* What is gone is an answer; all else that fails is none, and a wrong "none" may block a scan. */
static bool is_gone(int error)
{
    return error == ENOENT || error == ESRCH;
}

/* readdir, whose failures look like the end. 0 or -EACCES; *@ret NULL at the end. */
static int next_entry(DIR *dir, struct dirent **ret)
{
    errno = 0;
    *ret = readdir(dir);
    return *ret == NULL && errno != 0 && !is_gone(errno) ? -EACCES : 0;
}

/* 1 holds one, 0 none, -EACCES, -ECANCELED; a process that ends meanwhile holds none. */
static int look(const struct rootfs *root, const char *pid, const atomic_bool *cancel)
{
    char path[64], link[64];
    struct dirent *entry;
    int n = 0;

    snprintf(path, sizeof(path), "proc/%.20s/fd", pid);
    DIR *dir = rootfs_opendir(root, path, &n);
    if (dir == NULL)
        return is_gone(-n) ? 0 : -EACCES;
    n = next_entry(dir, &entry);
    for (; n == 0 && entry != NULL; n = n != 0 ? n : next_entry(dir, &entry)) {
        if (!isdigit((unsigned char)entry->d_name[0]))
            continue;
        if (atomic_load_explicit(cancel, memory_order_relaxed)) { /* some have a million */
            n = -ECANCELED;
            break;
        }
        ssize_t len = readlinkat(dirfd(dir), entry->d_name, link, sizeof(link) - 1);
        if (len < 0 && !is_gone(errno))
            n = -EACCES;
        if (len < 0)
            continue;
        link[len] = '\0';
        n = strcmp(link, uffd_link) == 0;
    }
    closedir(dir);
    return n;
}

int uffd_holders_any(const struct rootfs *root, const atomic_bool *cancel)
{
    struct dirent *entry;
    int n = 0;

    if (!sees_all_processes(root))
        return -EACCES;
    DIR *dir = rootfs_opendir(root, "proc", &n);
    if (dir == NULL)
        return -EACCES;
    n = next_entry(dir, &entry);
    for (; n == 0 && entry != NULL; n = n != 0 ? n : next_entry(dir, &entry)) {
        if (!isdigit((unsigned char)entry->d_name[0]))
            continue;
        n = look(root, entry->d_name, cancel);
        if (n == -EACCES && strcmp(entry->d_name, "1") == 0)
            n = 0;
    }
    closedir(dir);
    return n;
}
