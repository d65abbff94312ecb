/* SPDX-License-Identifier: MIT */
/*
 * The VMs that discovery knows, in order of (pid, fd). One process may have thousands: whole runs
 * of them go in and out at once, each VM is not moved once per neighbour. Main thread.
 */
#ifndef KVMLENS_CORE_FIND_VM_TABLE_H
#define KVMLENS_CORE_FIND_VM_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/model/vm.h"

struct vm_table {
    struct vm **vms; /* ascending (pid, fd) */
    size_t count, cap;
};

/* vm_table_first - index of the first VM of a process, or where it would stand. */
size_t vm_table_first(const struct vm_table *table, pid_t pid);

/* vm_table_end - index behind the last VM of the process that begins at @first. */
size_t vm_table_end(const struct vm_table *table, size_t first, pid_t pid);

/*
 * vm_table_insert - VMs of one process, ascending fd, none of them in already. 0 or -ENOMEM; then
 * none is in.
 */
int vm_table_insert(struct vm_table *table, struct vm *const *take_vms, size_t count);

/* vm_table_close_gaps - entries that were set to NULL go. */
void vm_table_close_gaps(struct vm_table *table);

void vm_table_done(struct vm_table *table); /* not the VMs */

#endif
