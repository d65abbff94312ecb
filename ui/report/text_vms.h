/* SPDX-License-Identifier: MIT */
/* The VMs of a host in the text format, a line for each. */
#ifndef KVMLENS_UI_REPORT_TEXT_VMS_H
#define KVMLENS_UI_REPORT_TEXT_VMS_H

#include <stdio.h>

#include "core/model/snapshot.h"
#include "ui/report/report.h"

#define TEXT_ALL_VMS "(all VMs)" /* stands for a name where several are added up */

/* A sum over VMs. */
struct text_sum {
    struct figure figure;
    bool is_short; /* the number of some VM is not in it */
};

/* What of all chosen VMs is added up beside their counters. */
struct text_sums {
    size_t vms, vcpus;
    struct text_sum cpu_ratio, wait_ratio, ram, rss;
};

/* text_sums - over the VMs that @filter chooses. */
struct text_sums text_sums(const struct filter *filter, const struct snapshot *s);

/* text_sum_rate - a counter's rate, of all VMs that @filter chooses or as the kernel adds it up. */
struct text_sum text_sum_rate(const struct filter *filter, const struct snapshot *s, size_t field);

/* text_vm_place - "5164", or "5164:9" where its process has several VMs: as a VM is named. */
const char *text_vm_place(const struct snapshot *s, const struct snapshot_vm *vm, char buf[24]);

/*
 * text_vms - titles, all chosen VMs together where there are several, then a line for each, who
 * uses most CPU time first: it fits 80 columns unless a name is long, and what there is to say of a
 * VM stands behind its name. 0 or -ENOMEM.
 */
int text_vms(const struct report *r, const struct snapshot *s, FILE *out);

#endif
