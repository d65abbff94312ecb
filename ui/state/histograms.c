// SPDX-License-Identifier: MIT
#include "ui/state/histograms.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void hist_interval_done(struct hist_interval *h)
{
    free(h->counts);
    free(h->growth);
    free(h->is_reset);
    *h = (struct hist_interval){0};
}

static const uint64_t *buckets_of(const struct snapshot_vm *vm, size_t entity)
{
    return entity == 0 ? vm->buckets : vm->vcpus[entity - 1].buckets;
}

/* Room for its counts, which are those of now. */
static int begin(struct hist_interval *h, const struct snapshot *s, const struct snapshot_vm *vm)
{
    const size_t entities = 1 + vm->vcpu_count, buckets = s->bucket_count;

    hist_interval_done(h);
    h->counts = calloc(entities * buckets + 1, sizeof(*h->counts));
    h->growth = calloc(entities * buckets + 1, sizeof(*h->growth));
    h->is_reset = calloc(entities, sizeof(*h->is_reset));
    if (h->counts == NULL || h->growth == NULL || h->is_reset == NULL) {
        hist_interval_done(h);
        return -ENOMEM;
    }
    h->vm = vm->id;
    h->entities = entities;
    h->buckets = buckets;
    h->mono_ns = s->mono_ns;
    for (size_t e = 0; e < entities; e++)
        memcpy(h->counts + e * buckets, buckets_of(vm, e), buckets * sizeof(*h->counts));
    return 0;
}

int hist_interval_follow(struct hist_interval *h, const struct snapshot *s,
                         const struct snapshot_vm *vm)
{
    if (!vm_id_equal(&h->vm, &vm->id) || h->entities != 1 + vm->vcpu_count ||
        h->buckets != s->bucket_count)
        return begin(h, s, vm);
    if (s->mono_ns <= h->mono_ns || vm->stale_cause != CAUSE_NONE)
        return 0;
    h->seconds = (double)(s->mono_ns - h->mono_ns) / 1e9;
    h->mono_ns = s->mono_ns;
    for (size_t e = 0; e < h->entities; e++) {
        const uint64_t *now = buckets_of(vm, e);
        uint64_t *before = h->counts + e * h->buckets, *growth = h->growth + e * h->buckets;
        h->is_reset[e] = false;
        for (size_t i = 0; i < h->buckets; i++) {
            h->is_reset[e] |= now[i] < before[i];
            growth[i] = now[i] - before[i];
            before[i] = now[i];
        }
    }
    return 0;
}

const uint64_t *hist_interval_get(const struct hist_interval *h, int vcpu)
{
    const size_t entity = (size_t)vcpu + 1; /* -1: the VM, which is the first */

    if (h->seconds <= 0 || entity >= h->entities || h->is_reset[entity])
        return NULL;
    return h->growth + entity * h->buckets;
}
