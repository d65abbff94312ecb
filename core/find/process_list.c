// SPDX-License-Identifier: MIT
#include "core/find/process_list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/parse_number.h"
#include "core/find/thread_role.h"

uint64_t process_list_fd_count(const struct rootfs *root, pid_t pid)
{
    char path[64];
    struct stat st;

    snprintf(path, sizeof(path), "proc/%d/fd", (int)pid);
    return rootfs_stat(root, path, &st) == 0 && st.st_size > 0 ? (uint64_t)st.st_size : 0;
}

/* PF_KTHREAD of include/linux/sched.h. Kernel threads are many, and a few are there for a VM. */
static bool is_kernel_thread(const struct rootfs *root, struct process *p)
{
    struct proc_stat stat;
    enum vm_role role;

    if (rootfs_process_stat(root, p->pid, &stat) != 0 || (stat.flags & 0x00200000u) == 0)
        return false;
    if (thread_role_helper(stat.comm, &p->helps, &role))
        p->role = (uint8_t)role;
    return true;
}

static int compare_pid(const void *a, const void *b)
{
    const struct process *x = a, *y = b;
    return (x->pid > y->pid) - (x->pid < y->pid);
}

/* @only 0: all. A number that is not listed is none of a process, but it may be a thread's. */
static int list_pids(const struct rootfs *root, pid_t only, struct process_list *ret)
{
    size_t cap = 0;
    int result = 0;
    DIR *dir = rootfs_opendir(root, "proc", &result);

    if (dir == NULL)
        return result;
    struct dirent *entry;
    while ((entry = rootfs_readdir(dir, &result)) != NULL) {
        pid_t pid;
        if (!parse_whole_id(entry->d_name, &pid) || (only != 0 && pid != only))
            continue;
        if (ret->count == cap) {
            cap = cap ? cap * 2 : 256;
            struct process *grown = realloc(ret->processes, cap * sizeof(*grown));
            if (grown == NULL) {
                result = -ENOMEM;
                break;
            }
            ret->processes = grown;
        }
        ret->processes[ret->count++] = (struct process){.pid = pid, .inode = entry->d_ino};
    }
    closedir(dir);
    if (ret->count > 0)
        qsort(ret->processes, ret->count, sizeof(*ret->processes), compare_pid);
    return result;
}

/* When it began may be asked of any process: no file of /proc/PID is as safe to read as stat. */
static bool is_shunned(const struct rootfs *root, const struct shun_list *shunned, pid_t pid)
{
    struct proc_stat stat;

    return shun_names(shunned, pid) &&
           (rootfs_process_stat(root, pid, &stat) != 0 || shun_has(shunned, pid, stat.start_ticks));
}

/* One that was not there in the tick before. */
static void meet(const struct rootfs *root, struct beacon *beacon, struct process *p)
{
    p->no_fds = is_kernel_thread(root, p);
    if (p->no_fds)
        return;
    beacon_at(beacon, p->pid, BEACON_LIST_FDS);
    p->fd_count = process_list_fd_count(root, p->pid);
}

int process_list_update(const struct rootfs *root, const struct asking *asking,
                        struct process_list *list)
{
    struct process_list now = {0};
    size_t old = 0;
    int result = list_pids(root, asking->only, &now);

    if (result < 0) {
        process_list_done(&now);
        return result;
    }
    for (size_t i = 0; i < now.count; i++) {
        struct process *p = &now.processes[i];
        while (old < list->count && list->processes[old].pid < p->pid)
            old++;
        bool leave = is_shunned(root, asking->shunned, p->pid);
        /* One that is no longer left alone is new to us. */
        if (!leave && old < list->count && list->processes[old].pid == p->pid &&
            list->processes[old].inode == p->inode && !list->processes[old].is_shunned)
            *p = list->processes[old];
        else if (!leave)
            meet(root, asking->beacon, p);
        p->is_shunned = leave;
    }
    process_list_done(list);
    *list = now;
    return 0;
}

void process_list_done(struct process_list *list)
{
    free(list->processes);
    *list = (struct process_list){0};
}

struct process *process_list_find(const struct process_list *list, pid_t pid)
{
    const struct process key = {.pid = pid};

    return list->count == 0 ? NULL
                            : bsearch(&key, list->processes, list->count, sizeof(key), compare_pid);
}

bool process_list_has(const struct process_list *list, pid_t pid)
{
    return process_list_find(list, pid) != NULL;
}
