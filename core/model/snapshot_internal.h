/* SPDX-License-Identifier: MIT */
/* What the files of core/model/snapshot.h share. */
#ifndef KVMLENS_CORE_MODEL_SNAPSHOT_INTERNAL_H
#define KVMLENS_CORE_MODEL_SNAPSHOT_INTERNAL_H

#include "core/model/snapshot.h"

static inline struct figure no_figure(enum reading_state state, enum reading_cause cause)
{
    return (struct figure){.state = (uint8_t)state, .cause = (uint8_t)cause};
}

/*
 * snapshot_age_vm - @out was made of @now, a VM that was skipped: no number of it is shown as if it
 * were of now, and how old the newest is is said. What is missing for a reason of its own stays so.
 * Pure.
 */
void snapshot_age_vm(const struct sample *sample, const struct sample_vm *now,
                     const struct field_table *fields, struct snapshot_vm *out);

#endif
