/* SPDX-License-Identifier: MIT */
/*
 * Load (core/model/vm_load.h) in the formats for machines: what each number is called, once for all
 * of them. In JSON and the long form of CSV a number that is missing says why; what nobody asked
 * for is not there at all. In metrics there are totals, whose rates are the reader's business.
 */
#ifndef KVMLENS_UI_REPORT_REPORT_LOAD_H
#define KVMLENS_UI_REPORT_REPORT_LOAD_H

#include "core/model/snapshot.h"
#include "ui/report/csv.h"
#include "ui/report/json.h"
#include "ui/report/metrics.h"

/* A figure of struct vm_load, vcpu_load or host_load. */
struct load_row {
    const char *name;
    const char *unit; /* of CSV */
    size_t offset;
};

/* All figures but those of roles and pressure. A NULL name ends. */
extern const struct load_row report_load_vm[], report_load_vcpu[], report_load_host[];

/* report_load_figure - of the structure at @load. */
const struct figure *report_load_figure(const struct load_row *row, const void *load);

/* report_load_is_told - false of what nobody asked for. */
bool report_load_is_told(uint8_t state, uint8_t cause);

/* report_load_wish - enum load_wish of what a format shows. @per_vcpu, @wide: as of a report. */
unsigned report_load_wish(const struct report_format *format, bool per_vcpu, bool wide);

/*
 * load_json_vm, ... - the keys of load into the object of a VM, a vCPU or the host; missing ones
 * into its "missing", which a VM and a vCPU have already.
 */
void load_json_vm(struct json_doc *doc, json_t *object, const struct vm_load *load);
void load_json_vcpu(struct json_doc *doc, json_t *object, const struct snapshot_vcpu *vcpu);
void load_json_host(struct json_doc *doc, json_t *object, const struct host_load *load);

/* load_csv_vm, ... - rows of what @row is about: its VM, its vCPU, or the host. */
void load_csv_vm(const struct csv_row *row);
void load_csv_vcpu(const struct csv_row *row);
void load_csv_host(const struct csv_row *row, const struct host_load *load);

/* load_metrics_put - all families of load; of vCPUs where the report has them. */
void load_metrics_put(const struct report *report, struct metrics *m, const struct snapshot *s);

#endif
