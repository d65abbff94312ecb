/* SPDX-License-Identifier: MIT */
/* Scope: which VMs are asked for their numbers, where not all of the host are wanted. */
#ifndef KVMLENS_CORE_MODEL_SCOPE_H
#define KVMLENS_CORE_MODEL_SCOPE_H

#include <stdbool.h>
#include <string.h>
#include <sys/types.h>

#include "core/model/vm.h"

/* Zeroed memory is a scope of everything. */
struct sampler_scope {
    /* only this process is looked into, and all that is said of hidden ones is of it; 0 = all */
    pid_t pid;
    /* only VMs of this name, as shown or as the VMM gave it, are asked for more than that; NULL =
     * all. Borrowed */
    const char *name;
};

/* scope_has - is this VM, of a process that may be looked into, one that is wanted? Pure. */
static inline bool scope_has(const struct sampler_scope *scope, const struct vm *vm)
{
    return (scope->pid == 0 || scope->pid == vm->id.pid) &&
           (scope->name == NULL || strcmp(scope->name, vm->name) == 0 ||
            strcmp(scope->name, vm->name_raw) == 0);
}

#endif
