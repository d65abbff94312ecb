// SPDX-License-Identifier: MIT
#include "core/collect/adopt.h"

#include <stdlib.h>

struct adoption {
    struct vm_id theirs; /* as the collector that runs has it */
    uint64_t born;       /* as it is known */
};

static bool is_before(const struct vm_id *a, const struct vm_id *b)
{
    return a->pid != b->pid ? a->pid < b->pid : a->fd < b->fd;
}

/* Another inode of the debugfs directory is another VM, where both are known. */
static bool is_same_vm(const struct sample_vm *a, const struct sample_vm *b)
{
    return a->id.pid == b->id.pid && a->id.fd == b->id.fd &&
           a->id.start_ticks == b->id.start_ticks &&
           (a->facts.object == b->facts.object || a->facts.object == 0 || b->facts.object == 0);
}

/* Both samples ascend. */
static void adopt(struct adopted *adopted, const struct sample *before, const struct sample *sample)
{
    struct adoption *items = malloc((sample->vm_count + 1) * sizeof(*items));
    size_t k = 0, count = 0;

    free(adopted->items);
    *adopted = (struct adopted){items, 0};
    for (size_t i = 0; items != NULL && i < sample->vm_count; i++) {
        const struct sample_vm *vm = &sample->vms[i];
        while (k < before->vm_count && is_before(&before->vms[k].id, &vm->id))
            k++;
        if (k < before->vm_count && is_same_vm(&before->vms[k], vm))
            items[count++] = (struct adoption){vm->id, before->vms[k].id.born};
    }
    adopted->count = count;
}

void adopted_apply(struct adopted *adopted, const struct sample *before, struct sample *sample)
{
    size_t k = 0, kept = 0;

    if (before != NULL)
        adopt(adopted, before, sample);
    for (size_t i = 0; i < sample->vm_count && k < adopted->count; i++) {
        struct vm_id *id = &sample->vms[i].id;
        while (k < adopted->count && is_before(&adopted->items[k].theirs, id))
            k++;
        if (k == adopted->count || !vm_id_equal(&adopted->items[k].theirs, id))
            continue;
        id->born = adopted->items[k].born;
        adopted->items[kept++] = adopted->items[k++];
    }
    adopted->count = kept;
}

void adopted_done(struct adopted *adopted)
{
    free(adopted->items);
    *adopted = (struct adopted){NULL, 0};
}
