// SPDX-License-Identifier: MIT
#include "core/model/bpf_offer.h"

#include <stdio.h>

bool bpf_offer_reads(enum reading_cause cause)
{
    static const bool reads[CAUSE_COUNT] = {
        [CAUSE_LOCKDOWN] = true,          [CAUSE_LOCKDOWN_INTEGRITY] = true,
        [CAUSE_NO_STATS_FD] = true,       [CAUSE_HIST_ONLY_STATSFD] = true,
        [CAUSE_DEBUGFS_UNMOUNTED] = true, [CAUSE_DEBUGFS_DENIED] = true,
        [CAUSE_NO_VM_DIR] = true,         [CAUSE_AMBIGUOUS] = true,
        [CAUSE_NO_PTRACE] = true,
    };

    return reads[cause];
}

static bool is_readable(const struct reading *r)
{
    return r->state != READING_OK && bpf_offer_reads((enum reading_cause)r->cause);
}

/* The sum of the vCPUs may be there where each one's own number is not: of one vCPU it is known of
 * all, for it is the same VMM and the same kernel. */
static bool misses(const struct snapshot_vm *vm, const struct field *field, size_t f)
{
    return is_readable(&vm->values[f].reading) ||
           (field->scope == FIELD_VCPU && vm->vcpu_count > 0 &&
            is_readable(&vm->vcpus[0].values[f].reading));
}

size_t bpf_offer_count(const struct snapshot *s, const struct snapshot_vm *vm,
                       const char **ret_first)
{
    const struct field *first = NULL, *fields = s->fields->fields;
    size_t count = 0;

    for (size_t f = 0; fields != NULL && f < s->field_count; f++) {
        const struct field *field = &fields[f];
        if (!misses(vm, field, f))
            continue;
        if (first == NULL || (first->scope == FIELD_VCPU && field->scope != FIELD_VCPU))
            first = field;
        count++;
    }
    *ret_first = first != NULL ? first->name : NULL;
    return count;
}

bool bpf_offer_is_open(const struct snapshot *s, const struct snapshot_vm *vm)
{
    const char *first;

    if (s->bpf.state != BPF_UNASKED || s->bpf.obstacle != BPF_POSSIBLE || vm->stale_cause != 0 ||
        snapshot_find(s, &vm->id) != vm)
        return false;
    return bpf_offer_count(s, vm, &first) > 0 ||
           bpf_offer_reads((enum reading_cause)vm->vm_cause) ||
           bpf_offer_reads((enum reading_cause)vm->vcpu_cause);
}

const char *bpf_offer_text(const struct snapshot *s, const struct snapshot_vm *vm, char *out,
                           size_t size)
{
    const char *first;
    size_t count = bpf_offer_count(s, vm, &first);

    if (count == 0)
        snprintf(out, size, "its counters");
    else if (count == 1)
        snprintf(out, size, "%s", first);
    else
        snprintf(out, size, "%s and %zu more", first, count - 1);
    return out;
}
