// SPDX-License-Identifier: MIT
// Columns of where memory lies: what is made of core/model/vm_memory.h.
#include <string.h>

#include "ui/state/columns_internal.h"

static const struct column_value nothing = {.blank = true};

static struct column_value of_reading(struct reading r)
{
    if (r.state != READING_OK)
        return columns_missing((enum reading_state)r.state, (enum reading_cause)r.cause);
    return (struct column_value){.number = (double)r.raw, .state = READING_OK};
}

struct column_value columns_reading(const struct column *column, const struct snapshot_vm *vm,
                                    const struct snapshot_vcpu *vcpu,
                                    const struct column_fields *fields)
{
    struct reading r;

    (void)fields;
    if (vcpu != NULL)
        return nothing;
    memcpy(&r, (const char *)vm + column->vm_reading, sizeof(r));
    return of_reading(r);
}

struct column_value columns_shared(const struct column *column, const struct snapshot_vm *vm,
                                   const struct snapshot_vcpu *vcpu,
                                   const struct column_fields *fields)
{
    struct reading sum = vm->memory.shmem;

    (void)column;
    (void)fields;
    if (vcpu != NULL)
        return nothing;
    if (vm->memory.file.state != READING_OK)
        return of_reading(vm->memory.file);
    sum.raw += vm->memory.file.raw;
    return of_reading(sum);
}

struct column_value columns_huge_kind(const struct column *column, const struct snapshot_vm *vm,
                                      const struct snapshot_vcpu *vcpu,
                                      const struct column_fields *fields)
{
    const struct figure *share = &vm->memory.huge_share;

    (void)column;
    (void)fields;
    if (vcpu != NULL)
        return nothing;
    if (share->state != READING_OK)
        return columns_missing((enum reading_state)share->state, (enum reading_cause)share->cause);
    return (struct column_value){.text = huge_kind_name((enum huge_kind)vm->memory.huge_kind),
                                 .state = READING_OK};
}

/* Version 1 of cgroups knows no memory.high. */
static bool has_no_limit(const struct reading *limit)
{
    return limit->state == READING_ABSENT &&
           (limit->cause == CAUSE_NO_MEMORY_LIMIT || limit->cause == CAUSE_NOT_IN_KERNEL);
}

/* Missing where one of the two is for another cause than that there is none: it might be tighter.
 */
static struct reading limit_of(const struct vm_memory *m)
{
    if (has_no_limit(&m->cgroup_high))
        return m->cgroup_max;
    if (has_no_limit(&m->cgroup_max))
        return m->cgroup_high;
    if (m->cgroup_max.state != READING_OK)
        return m->cgroup_max;
    if (m->cgroup_high.state != READING_OK || m->cgroup_high.raw < m->cgroup_max.raw)
        return m->cgroup_high;
    return m->cgroup_max;
}

struct column_value columns_memory_limit(const struct column *column, const struct snapshot_vm *vm,
                                         const struct snapshot_vcpu *vcpu,
                                         const struct column_fields *fields)
{
    (void)column;
    (void)fields;
    return vcpu != NULL ? nothing : of_reading(limit_of(&vm->memory));
}
