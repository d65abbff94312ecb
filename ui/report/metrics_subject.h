/* SPDX-License-Identifier: MIT */
/* What samples of metrics are about: VMs and their vCPUs, with the labels that tell them apart. */
#ifndef KVMLENS_UI_REPORT_METRICS_SUBJECT_H
#define KVMLENS_UI_REPORT_METRICS_SUBJECT_H

#include <stdbool.h>

#include "core/model/snapshot.h"
#include "ui/choose/filter.h"
#include "ui/report/metrics.h"

/* A VM, or one of its vCPUs. Stays where it is: its labels point into it. */
struct metrics_subject {
    const struct snapshot_vm *vm;
    const struct snapshot_vcpu *vcpu; /* NULL: the VM */
    char pid[16], fd[16], id[16];
    size_t label_count;
    struct metrics_label labels[8]; /* the rest is room for the caller's; a NULL name ends */
};

/* Labels of a subject, or none, and those of the caller behind them. A NULL name ends. */
struct metrics_labels {
    struct metrics_label at[8];
    size_t count;
};

/* metrics_labels_of - of a subject; NULL: none. */
struct metrics_labels metrics_labels_of(const struct metrics_subject *subject);

/* metrics_labels_with - @labels and one more, whose texts are borrowed. */
struct metrics_labels metrics_labels_with(struct metrics_labels labels, const char *name,
                                          const char *value);

/* metrics_subject_init - with its labels: vm, pid, vm_fd, and of a vCPU also vcpu. */
void metrics_subject_init(struct metrics_subject *s, const struct snapshot_vm *vm,
                          const struct snapshot_vcpu *vcpu);

/* metrics_each - calls @put for each chosen VM, or each of its vCPUs. */
void metrics_each(const struct filter *filter, const struct snapshot *s, bool vcpus,
                  void (*put)(struct metrics_family *f, const struct metrics_subject *subject,
                              const void *arg),
                  struct metrics_family *f, const void *arg);

#endif
