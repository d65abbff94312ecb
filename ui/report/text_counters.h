/* SPDX-License-Identifier: MIT */
/* Tables of counters in the text format: of a VM, and of all VMs together. */
#ifndef KVMLENS_UI_REPORT_TEXT_COUNTERS_H
#define KVMLENS_UI_REPORT_TEXT_COUNTERS_H

#include <stdio.h>

#include "core/model/snapshot.h"
#include "ui/report/report.h"

/*
 * text_counters - the chosen counters of @vm by name, each with its total since @base and its rate.
 * With NULL those of all chosen VMs together: the kernel's own totals where it counts none apart,
 * else sums of what can be added up, with a '>' before one that lacks the number of some VM.
 * Those that are missing stand below the others, each reason once. 0 or -ENOMEM.
 */
int text_counters(const struct report *r, const struct snapshot *base, const struct snapshot *s,
                  const struct snapshot_vm *vm, FILE *out);

#endif
