// SPDX-License-Identifier: MIT
#include "core/find/kernel_helpers.h"

#include "core/find/discover_internal.h"

size_t kernel_helpers_find(const struct discover *d, struct kernel_helper *ret, size_t max)
{
    size_t count = 0;

    for (size_t i = 0; d != NULL && i < d->processes.count; i++) {
        const struct process *p = &d->processes.processes[i];
        if (p->helps == 0)
            continue;
        if (count < max)
            ret[count] = (struct kernel_helper){p->pid, p->helps, (enum vm_role)p->role};
        count++;
    }
    return count;
}

bool kernel_helpers_are_listed(const struct discover *d)
{
    return d != NULL && d->scope.pid == 0;
}
