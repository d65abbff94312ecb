/* SPDX-License-Identifier: MIT */
/*
 * Processes that are left alone: an earlier look at each of them did not return, and who looked had
 * to be given up. Plain data, which one process hands to another.
 */
#ifndef KVMLENS_CORE_MODEL_SHUN_H
#define KVMLENS_CORE_MODEL_SHUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SHUN_MAX 512

struct shun_list {
    size_t count; /* at most SHUN_MAX */
    struct shunned {
        pid_t pid;
        /* VMs of it that are shown with old numbers: those with a directory in debugfs, or all
         * where none has one */
        uint32_t vms;
        uint64_t start_ticks; /* as struct vm_id has it; 0 = any: not known when it was given up */
    } processes[SHUN_MAX];
};

/* shun_names - does the list have a process with this number? @list may be NULL. Pure. */
bool shun_names(const struct shun_list *list, pid_t pid);

/*
 * shun_has - is it that process, and not another one that got its number? @list may be NULL. Pure.
 */
bool shun_has(const struct shun_list *list, pid_t pid, uint64_t start_ticks);

/* shun_vms - how many of its VMs are shown; 0: it is not in the list. @list may be NULL. Pure. */
size_t shun_vms(const struct shun_list *list, pid_t pid);

#endif
