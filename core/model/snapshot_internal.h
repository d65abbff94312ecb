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
 * snapshot_growth - per second, between two readings of one cumulative number, read at @prev_ns and
 * @cur_ns; @prev NULL: there is none. Pure, as all that follow.
 */
struct figure snapshot_growth(const struct reading *prev, uint64_t prev_ns,
                              const struct reading *cur, uint64_t cur_ns);

/*
 * snapshot_gauge_ratio - what a gauge that counts time grew by, as a share of the time between two
 * reads of it. @prev and @before NULL: there is no earlier one.
 */
struct figure snapshot_gauge_ratio(const struct sample_entity *prev, const struct reading *before,
                                   const struct sample_entity *cur, const struct reading *now);

#define LOAD_HALT_POLL_FIELDS 2

/* Where in the table the fields are that load is made of; -1: there is none. */
struct load_fields {
    int halt_poll[LOAD_HALT_POLL_FIELDS];
    double halt_poll_scale[LOAD_HALT_POLL_FIELDS]; /* of their raw numbers, to seconds */
};

/* snapshot_load_fields - in the first @count of @fields. */
void snapshot_load_fields(const struct field_table *fields, size_t count, struct load_fields *ret);

/* Gauges of a role. */
struct role_gauges {
    enum vm_gauge cpu_ns, wait_ns, threads;
};
extern const struct role_gauges snapshot_role_gauges[VM_ROLE_COUNT];

/*
 * snapshot_load_vcpu, ..._vm, ..._host - core/model/vm_load.h of @now. @before NULL: there is no
 * earlier one. Of a vCPU after its values and ratios, of a VM after all of its vCPUs.
 */
void snapshot_load_vcpu(const struct sample_vcpu *before, const struct sample_vcpu *now,
                        const struct load_fields *fields, struct snapshot_vcpu *out);
void snapshot_load_vm(const struct sample_vm *before, const struct sample_vm *now,
                      const struct load_fields *fields, struct snapshot_vm *out);
void snapshot_load_host(const struct sample *prev, const struct sample *cur, struct host_load *ret);

/* snapshot_memory_vm - core/model/vm_memory.h of @now. */
void snapshot_memory_vm(const struct sample_vm *now, struct vm_memory *ret);

/*
 * snapshot_io_vm - core/model/vm_io.h of @now, whose devices have their places and names already.
 * @before NULL: there is no earlier one.
 */
void snapshot_io_vm(const struct sample_vm *before, const struct sample_vm *now, struct vm_io *ret);

/*
 * snapshot_age_memory, ..._io - of a VM that was not read in its tick, for that cause: nothing of
 * it is shown as if it were of now.
 */
void snapshot_age_memory(struct vm_memory *memory, enum reading_cause cause);
void snapshot_age_io(struct vm_io *io, enum reading_cause cause);

/* snapshot_age_reading, ..._figure - one of these; what was not asked for is not stale either. */
void snapshot_age_reading(struct reading *reading, enum reading_cause cause);
void snapshot_age_figure(struct figure *figure, enum reading_cause cause);

/*
 * snapshot_age_vm - @out was made of @now, a VM that was skipped: no number of it is shown as if it
 * were of now, and how old the newest is is said. What is missing for a reason of its own stays so.
 * Pure.
 */
void snapshot_age_vm(const struct sample *sample, const struct sample_vm *now,
                     const struct field_table *fields, struct snapshot_vm *out);

#endif
