// SPDX-License-Identifier: MIT
#include "core/collect/adopt.h"

#include <stdlib.h>

struct adoption {
    struct vm_id theirs; /* as the collector that runs has it */
    uint64_t born;       /* as it is known */
};

/* Another inode of the debugfs directory is another VM, where both are known. */
static bool is_same_vm(const struct sample_vm *a, const struct sample_vm *b)
{
    return a->id.pid == b->id.pid && a->id.fd == b->id.fd &&
           a->id.start_ticks == b->id.start_ticks &&
           (a->facts.object == b->facts.object || a->facts.object == 0 || b->facts.object == 0);
}

/* The VM of @before that @vm is, though it has another number there; NULL: there is none. */
static const struct sample_vm *find_former(const struct sample *before, size_t *at, bool is_first,
                                           const struct sample_vm *vm)
{
    while (*at < before->vm_count && vm_id_before(&before->vms[*at].id, &vm->id))
        (*at)++;
    const struct sample_vm *former = *at < before->vm_count ? &before->vms[*at] : NULL;
    if (former == NULL || !is_same_vm(former, vm) || former->id.born == vm->id.born)
        return NULL;
    /* Where one collector tells two VMs apart they are two. */
    bool was_out_of_sight = is_first || (former->skipped && former->skip_cause == CAUSE_STUCK);
    return was_out_of_sight ? former : NULL;
}

/* All of them ascend. */
void adopted_apply(struct adopted *adopted, const struct sample *before, bool is_first,
                   struct sample *sample)
{
    struct adoption *items = malloc((sample->vm_count + 1) * sizeof(*items));
    size_t count = 0, k = 0, at = 0;

    for (size_t i = 0; items != NULL && i < sample->vm_count; i++) {
        struct sample_vm *vm = &sample->vms[i];
        while (k < adopted->count && vm_id_before(&adopted->items[k].theirs, &vm->id))
            k++;
        bool is_known = k < adopted->count && vm_id_equal(&adopted->items[k].theirs, &vm->id);
        const struct sample_vm *former =
            is_known || before == NULL ? NULL : find_former(before, &at, is_first, vm);
        if (!is_known && former == NULL)
            continue;
        items[count] =
            (struct adoption){vm->id, is_known ? adopted->items[k].born : former->id.born};
        vm->id.born = items[count++].born;
    }
    free(adopted->items);
    *adopted = (struct adopted){items, count};
}

void adopted_done(struct adopted *adopted)
{
    free(adopted->items);
    *adopted = (struct adopted){NULL, 0};
}
