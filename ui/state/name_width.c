// SPDX-License-Identifier: MIT
#include "ui/state/name_width.h"

#include <stdio.h>
#include <string.h>

#include "core/base/text.h"

#define MARK_COLS 2 /* that a VM is open, and the branch of a vCPU */

static uint64_t mix(uint64_t hash, uint64_t value)
{
    return (hash ^ value) * 0x9e3779b97f4a7c15ull;
}

static uint64_t hash_of(const struct vm_id *id, int32_t vcpu)
{
    uint64_t hash = mix(mix(1, (uint64_t)id->pid), (uint64_t)id->fd);

    hash = mix(mix(hash, id->start_ticks), id->born);
    return mix(hash ^ hash >> 29, (uint64_t)(int64_t)vcpu + 2);
}

/* As the table draws it. A word about a migration stands behind the name. */
static int vm_cols(const struct snapshot_vm *vm, bool is_open)
{
    const size_t word = strlen(vm_migration_text((enum vm_migration)vm->migration));

    return (int)(text_width(vm->name) + (word > 0 ? word + 1 : 0)) + (is_open ? MARK_COLS : 0);
}

static int vcpu_cols(const struct snapshot_vcpu *vcpu)
{
    char text[32];

    return MARK_COLS + snprintf(text, sizeof(text), "vCPU %d", vcpu->id);
}

void name_width_follow(struct name_width *width, const struct vms_rows *rows,
                       const struct snapshot *s)
{
    uint64_t list = 0;
    int cols = 0;

    for (size_t i = 0; i < rows->count; i++) {
        const struct vms_row *row = &rows->rows[i];
        const struct snapshot_vm *vm = &s->vms[row->vm];
        const bool is_open = i + 1 < rows->count && rows->rows[i + 1].vcpu >= 0;
        const int need = row->vcpu < 0 ? vm_cols(vm, is_open) : vcpu_cols(&vm->vcpus[row->vcpu]);
        list += hash_of(&vm->id, row->vcpu); /* a sum: their order does not matter */
        cols = need > cols ? need : cols;
    }
    if (list != width->list || cols > width->cols)
        width->cols = cols;
    width->list = list;
}
