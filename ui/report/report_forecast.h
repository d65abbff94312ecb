/* SPDX-License-Identifier: MIT */
/*
 * Forecasts of migrations as text for people and as lines of JSON ("kvmlens-forecast/1"). Pure but
 * for the writing.
 */
#ifndef KVMLENS_UI_REPORT_REPORT_FORECAST_H
#define KVMLENS_UI_REPORT_REPORT_FORECAST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>

#include "core/base/error.h"
#include "core/forecast/forecast_remedy.h"
#include "core/forecast/forecast_seen.h"
#include "core/model/vm.h"
#include "core/scan/scan.h"

#define FORECAST_VM_NOTES_MAX SCAN_WARNINGS_MAX
#define FORECAST_VM_NOTE_SIZE 200 /* as of a warning in struct scan_report */

/* What came of one VM. Strings are borrowed. */
struct forecast_vm {
    struct vm_id vm;
    const char *name;     /* cleaned, for people */
    const char *name_raw; /* for JSON */
    const char *vmm;      /* static text */
    size_t place;         /* in the list it was taken from: alike ones are told in this order */
    bool is_known;        /* seen and forecast are there; else error says why not */
    bool is_partial;      /* it was looked at for less time than was asked for */
    struct forecast_seen seen;
    struct forecast forecast;
    bool has_remedy; /* it is of use, and may not end */
    struct forecast_remedy remedy;
    struct error error;
    double ram_bytes; /* 0: not known */
    struct scan_cost cost;
    char notes[FORECAST_VM_NOTES_MAX][FORECAST_VM_NOTE_SIZE]; /* warnings of the scan that no void
                                                                 says, one sentence each */
    size_t note_count;
};

/* For what, and how, all of them were made. */
struct forecast_made {
    struct forecast_settings settings;
    double duration_s; /* each was to be looked at for so long */
    struct timespec wall;
    bool is_ranked; /* of several VMs, sorted by forecast_vms_sort */
    bool unicode;   /* text only */
};

/* forecast_vm_note - what a scan of mode SCAN_DIRTY found of @vm, and what follows from that. */
void forecast_vm_note(struct forecast_vm *vm, const struct scan_report *report,
                      const struct forecast_settings *settings);

/* forecast_vm_is_usable - is there a forecast, and is it not void? */
bool forecast_vm_is_usable(const struct forecast_vm *vm);

/* forecast_vm_why_not - of one that is not: a sentence. */
const char *forecast_vm_why_not(const struct forecast_vm *vm);

/* forecast_vms_sort - the cheapest first (core/forecast/forecast_rank.h). */
void forecast_vms_sort(struct forecast_vm *vms, size_t count);

/*
 * report_forecast_text - one VM in full, or where they are ranked a table of all.
 * 0, or a negative errno when @out could not be written.
 */
int report_forecast_text(const struct forecast_made *made, const struct forecast_vm *vms,
                         size_t count, FILE *out);

/* report_forecast_json - one line for each VM. -ENOMEM, or as above. */
int report_forecast_json(const struct forecast_made *made, const struct forecast_vm *vms,
                         size_t count, FILE *out);

/* report_forecast_settings - "precopy at 125 MB/s (1 Gbit/s), downtime at most 300 ms" into @buf.
 */
void report_forecast_settings(const struct forecast_settings *settings, char *buf, size_t size);

#endif
