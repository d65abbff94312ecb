/* SPDX-License-Identifier: MIT */
/* Columns of contention, memory and I/O (core/model/vm_load.h, vm_memory.h, vm_io.h), for the table
 * in columns.c: struct column.get and struct column.style. */
#ifndef KVMLENS_UI_STATE_COLUMNS_INTERNAL_H
#define KVMLENS_UI_STATE_COLUMNS_INTERNAL_H

#include "ui/state/columns.h"

/*
 * columns_missing - of a number that is. What somebody wants to see now is read from the next
 * sample on: until then it is on its way.
 */
struct column_value columns_missing(enum reading_state state, enum reading_cause cause);

/* columns_figure - the figure that struct column says where it is. */
struct column_value columns_figure(const struct column *column, const struct snapshot_vm *vm,
                                   const struct snapshot_vcpu *vcpu,
                                   const struct column_fields *fields);

/*
 * columns_share_of_time - of time that one thread can spend, which is 100 % at most. The kernel
 * counts a wait when it ends (sched_info_arrive in kernel/sched/stats.h): one that began before the
 * interval may be longer than it. Then it is 100, and text says ">".
 */
struct column_value columns_share_of_time(struct column_value value);

/* columns_ready - the figure, as share of time. */
struct column_value columns_ready(const struct column *column, const struct snapshot_vm *vm,
                                  const struct snapshot_vcpu *vcpu,
                                  const struct column_fields *fields);

/* columns_state - what it does now; its style. */
struct column_value columns_state(const struct column *column, const struct snapshot_vm *vm,
                                  const struct snapshot_vcpu *vcpu,
                                  const struct column_fields *fields);
enum style columns_state_style(const struct column_value *value);

/* columns_host_cpu - that a vCPU ran on last. */
struct column_value columns_host_cpu(const struct column *column, const struct snapshot_vm *vm,
                                     const struct snapshot_vcpu *vcpu,
                                     const struct column_fields *fields);

/* columns_affinity - the CPUs that a vCPU may run on; of a VM where its vCPUs agree. */
struct column_value columns_affinity(const struct column *column, const struct snapshot_vm *vm,
                                     const struct snapshot_vcpu *vcpu,
                                     const struct column_fields *fields);

/* columns_reading - the reading that struct column says where it is; of vCPUs nothing, as all
 * below. */
struct column_value columns_reading(const struct column *column, const struct snapshot_vm *vm,
                                    const struct snapshot_vcpu *vcpu,
                                    const struct column_fields *fields);

/* columns_shared - resident memory that others may map too. */
struct column_value columns_shared(const struct column *column, const struct snapshot_vm *vm,
                                   const struct snapshot_vcpu *vcpu,
                                   const struct column_fields *fields);

/* columns_huge_kind - what huge pages it has. */
struct column_value columns_huge_kind(const struct column *column, const struct snapshot_vm *vm,
                                      const struct snapshot_vcpu *vcpu,
                                      const struct column_fields *fields);

/* columns_memory_limit - the tighter limit of its cgroups. */
struct column_value columns_memory_limit(const struct column *column, const struct snapshot_vm *vm,
                                         const struct snapshot_vcpu *vcpu,
                                         const struct column_fields *fields);

#endif
