/* SPDX-License-Identifier: MIT */
/*
 * --list and --fields help: what there is to see, and for each source whether it can be used.
 */
#ifndef KVMLENS_UI_REPORT_LIST_H
#define KVMLENS_UI_REPORT_LIST_H

#include <stdbool.h>
#include <stdio.h>

#include "core/model/snapshot.h"
#include "ui/choose/filter.h"

/*
 * What one source gives of one VM. Counts are numbers (fields of the VM plus those of its vCPUs).
 */
struct list_source {
    enum reading_source source;
    size_t readable;          /* numbers read from it */
    /* numbers it has, but that could not be read; debugfs and proc only */
    size_t refused;
    /* why it gives nothing or not all; CAUSE_NONE = all is well, or not needed. Of BPF
     * CAUSE_NOT_ASKED_FOR, where it could be had */
    enum reading_cause cause;
};

/* list_source - how @source serves @vm, judged by a snapshot. Pure. */
struct list_source list_source(const struct snapshot *s, const struct snapshot_vm *vm,
                               enum reading_source source);

/*
 * list_run - the chosen VMs of a snapshot: as text, or as one object of schema "kvmlens-list/1".
 * Returns 0, -ENOMEM, or -EIO when @out is in error.
 */
int list_run(const struct snapshot *s, const struct filter *filter, bool json, FILE *out);

/*
 * list_fields - the fields that the chosen VMs have, or all of this host: name, scope, kind and
 * unit, and below each what it means. 0 or -EIO.
 */
int list_fields(const struct snapshot *s, const struct filter *filter, FILE *out);

#endif
