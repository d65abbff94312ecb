/* SPDX-License-Identifier: MIT */
/* The kernel threads that are there for a VM, among the processes that discovery lists. */
#ifndef KVMLENS_CORE_FIND_KERNEL_HELPERS_H
#define KVMLENS_CORE_FIND_KERNEL_HELPERS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/find/discover.h"
#include "core/model/vm_load.h"

/* A kernel thread that is there for a VM: thread_role.h tells them by their names. */
struct kernel_helper {
    pid_t pid;
    pid_t owner; /* a process, or a thread of it */
    enum vm_role role;
};

/*
 * kernel_helpers_find - those of the processes that discovery last listed, at most @max.
 * Returns how many there are; with @d NULL none. Main thread.
 */
size_t kernel_helpers_find(const struct discover *d, struct kernel_helper *ret, size_t max);

/* kernel_helpers_are_listed - is every process listed, and so each of them? A scope of one is not.
 */
bool kernel_helpers_are_listed(const struct discover *d);

#endif
