/* SPDX-License-Identifier: MIT */
/*
 * The processes of the host, with what is remembered of each from tick to tick. Used by discover
 * only; main thread.
 */
#ifndef KVMLENS_CORE_FIND_PROCESS_LIST_H
#define KVMLENS_CORE_FIND_PROCESS_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/base/rootfs.h"
#include "core/find/asking.h"
#include "core/find/budget.h"
#include "core/model/reading.h"

struct process {
    pid_t pid;
    ino_t inode;       /* of /proc/PID: another one means another process */
    uint64_t fd_count; /* its descriptors when last counted; 0 = this kernel does not tell */
    unsigned looks;    /* how often discover has looked into it */
    bool is_shunned;   /* left alone in this tick */
    bool no_fds;       /* a kernel thread: never has descriptors */
    pid_t helps;       /* a kernel thread: the VMM that it is there for, see thread_role.h; or 0 */
    uint8_t role;      /* enum vm_role of one that helps */
    bool denied;       /* its descriptors may not be listed, and the kernel does not tell them */
    /* why the last look failed: what is known of it is from the look before. Else CAUSE_NONE */
    enum reading_cause unread;
    size_t vm_count;   /* at the last look */
    bool is_cut;       /* it had more then than is looked at: see proc_fds.is_cut */
    struct process_time time;
    bool unsettled;    /* that look found a change: more may have come right after it */
};

struct process_list {
    struct process *processes; /* ascending pid */
    size_t count;
};

/*
 * process_list_update - all processes of now; those that are the same as before keep what is
 * remembered. Where only one is asked for there is no other in the list; of one that is left alone
 * nothing is asked but when it began. 0, -ENOMEM, or what opening or listing /proc said; @list is
 * unchanged then.
 */
int process_list_update(const struct rootfs *root, const struct asking *asking,
                        struct process_list *list);
void process_list_done(struct process_list *list);

/* process_list_find - NULL: it is not there. */
struct process *process_list_find(const struct process_list *list, pid_t pid);
bool process_list_has(const struct process_list *list, pid_t pid);

/* process_list_fd_count - st_size of /proc/PID/fd, which Linux 6.2 and later set; else 0. */
uint64_t process_list_fd_count(const struct rootfs *root, pid_t pid);

#endif
