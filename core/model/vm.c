// SPDX-License-Identifier: MIT
#include "core/model/vm.h"

#include <stdlib.h>

bool vm_id_equal(const struct vm_id *a, const struct vm_id *b)
{
    return a->pid == b->pid && a->fd == b->fd && a->start_ticks == b->start_ticks &&
           a->born == b->born;
}

bool vm_id_before(const struct vm_id *a, const struct vm_id *b)
{
    return a->pid != b->pid ? a->pid < b->pid : a->fd < b->fd;
}

void vm_free(struct vm *vm)
{
    if (vm == NULL)
        return;
    free(vm->name_raw);
    free(vm->name);
    free(vm->vcpus);
    free(vm);
}
