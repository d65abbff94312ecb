/* SPDX-License-Identifier: MIT */
/*
 * Memory and I/O of VMs (core/model/vm_memory.h, vm_io.h) in the formats for machines: what each
 * number is called, once for JSON and the long form of CSV. A number that is missing says why; what
 * nobody asked for is not there at all (report_load_is_told). In metrics there are totals.
 */
#ifndef KVMLENS_UI_REPORT_REPORT_MEMORY_IO_H
#define KVMLENS_UI_REPORT_REPORT_MEMORY_IO_H

#include "core/model/snapshot.h"
#include "ui/report/csv.h"
#include "ui/report/json.h"
#include "ui/report/metrics.h"

/* A figure or a reading of struct snapshot_vm. */
struct memory_io_row {
    const char *name;
    const char *unit; /* of CSV */
    size_t offset;
    bool is_figure, is_cumulative;
};

/* Those below one key of a VM. A NULL name ends. */
struct memory_io_group {
    const char *key; /* "memory"; "io.net" is in the object of "io" */
    const struct memory_io_row *rows;
};
extern const struct memory_io_group report_memory_io_groups[];

/* report_memory_io_figure, ..._reading - of @vm; of a row that is one. */
const struct figure *report_memory_io_figure(const struct memory_io_row *row,
                                             const struct snapshot_vm *vm);
const struct reading *report_memory_io_reading(const struct memory_io_row *row,
                                               const struct snapshot_vm *vm);

/* report_device_has - is there such a count of devices of that kind? Images have none. */
bool report_device_has(enum io_device_kind kind, enum io_counter counter);

/* report_counter_unit - of CSV: "bytes", "none". */
const char *report_counter_unit(enum io_counter counter);

/* memory_io_json_vm - into the object of a VM, missing ones into its "missing", which it has. */
void memory_io_json_vm(struct json_doc *doc, json_t *object, const struct snapshot_vm *vm);

/* memory_io_csv_vm - rows of the VM of @row. */
void memory_io_csv_vm(const struct csv_row *row);

/* memory_io_metrics_put - all families of memory and I/O. */
void memory_io_metrics_put(const struct report *report, struct metrics *m,
                           const struct snapshot *s);

#endif
