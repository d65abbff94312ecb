/* SPDX-License-Identifier: MIT */
/* Columns of contention (core/model/vm_load.h), for the table in columns.c: struct column.get and
 * struct column.style. */
#ifndef KVMLENS_UI_STATE_COLUMNS_INTERNAL_H
#define KVMLENS_UI_STATE_COLUMNS_INTERNAL_H

#include "ui/state/columns.h"

/* columns_figure - the figure that struct column says where it is. */
struct column_value columns_figure(const struct column *column, const struct snapshot_vm *vm,
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

#endif
