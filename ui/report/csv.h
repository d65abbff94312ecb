/* SPDX-License-Identifier: MIT */
/*
 * Rows of the long form of CSV: what all numbers have in common. What the columns mean is in
 * ui/report/report_csv.c.
 */
#ifndef KVMLENS_UI_REPORT_CSV_H
#define KVMLENS_UI_REPORT_CSV_H

#include <stdint.h>
#include <stdio.h>

#include "core/model/snapshot.h"
#include "ui/report/report.h"

/* What the next rows are about. All is borrowed. */
struct csv_row {
    struct report *report;
    FILE *out;
    const char *time;
    const struct snapshot_vm *vm;     /* NULL: all VMs of the host */
    const struct snapshot_vcpu *vcpu; /* NULL: the VM */
};

/* csv_name - the name of a VM as one cell; with report->csv_safe none that a spreadsheet runs. */
void csv_name(const struct report *r, FILE *out, const char *name);

/* csv_figure - as a cell, or nothing where it is not known. */
void csv_figure(FILE *out, const struct figure *figure);

/*
 * csv_begin - the cells from the time to the exponent; value, comma and rate are the caller's, and
 * csv_end ends the row. @field: any text. @bucket below 0: no histogram.
 */
void csv_begin(const struct csv_row *row, const char *field, int bucket, const char *kind,
               const char *unit, int exponent);
void csv_end(const struct csv_row *row, uint8_t state, uint8_t cause);

#endif
