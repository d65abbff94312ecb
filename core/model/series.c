// SPDX-License-Identifier: MIT
#include "core/model/series.h"

#include <errno.h>

int series_begin(struct series *series, struct sample *sample)
{
    const struct sample *previous = series->previous;
    uint64_t self_cpu_ns = 0;

    /* It falls when one of our processes has ended and another took its place. */
    if (previous != NULL && sample->self_cpu_ns > previous->self_cpu_ns)
        self_cpu_ns = sample->self_cpu_ns - previous->self_cpu_ns;
    series->work = snapshot_begin(previous, sample, series->fields, self_cpu_ns, &series->spare);
    if (series->work == NULL) {
        sample_free(sample);
        return -ENOMEM;
    }
    series->current = sample;
    series->walk = (struct sample_walk){previous, 0};
    series->next = 0;
    return 0;
}

static struct snapshot *finish(struct series *series)
{
    if (series->previous != NULL)
        sample_follow_host(series->previous, series->current);
    struct snapshot *s = snapshot_finish(series->work);
    sample_free(series->previous);
    series->previous = series->current;
    series->current = NULL;
    series->work = NULL;
    return s;
}

bool series_step(struct series *series, size_t entities, struct snapshot **ret)
{
    struct sample *sample = series->current;

    for (size_t done = 0; series->next < sample->vm_count && done < entities; series->next++) {
        struct sample_vm *vm = &sample->vms[series->next];
        const struct sample_vm *before = sample_walk_to(&series->walk, &vm->id);
        if (before != NULL)
            sample_follow_vm(series->previous, before, sample, vm);
        snapshot_add(series->work, before, vm);
        done += 1 + vm->vcpu_count;
    }
    if (series->next < sample->vm_count)
        return false;
    *ret = finish(series);
    return true;
}

int series_add(struct series *series, struct sample *sample, struct snapshot **ret)
{
    int result = series_begin(series, sample);

    if (result == 0)
        series_step(series, SIZE_MAX, ret);
    return result;
}

void series_done(struct series *series)
{
    snapshot_abandon(series->work);
    sample_free(series->current);
    sample_free(series->previous);
    spare_done(&series->spare);
    series->work = NULL;
    series->current = series->previous = NULL;
}
