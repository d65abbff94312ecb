/* SPDX-License-Identifier: MIT */
/* Exits in the text format, below what stands there of each VM. */
#ifndef KVMLENS_UI_REPORT_EXITS_TEXT_H
#define KVMLENS_UI_REPORT_EXITS_TEXT_H

#include <stdbool.h>
#include <stdio.h>

#include "core/model/snapshot.h"

/* exits_text_host - why they are not counted, or what is in no number; else nothing. */
void exits_text_host(FILE *out, const struct snapshot *s);

/*
 * exits_text_vm - of s->vms[@vm]: how its time was spent, and a table of reasons, each with the ten
 * most frequent keys behind it. Nothing where nothing is known (report_exits_of_vm).
 * @moved_only: without what had no exit and took no time in the interval; and nothing at all where
 * that is all. 0 or -ENOMEM.
 */
int exits_text_vm(FILE *out, const struct snapshot *s, size_t vm, bool moved_only);

/* exits_text_all - the same of all VMs together. 0 or -ENOMEM. */
int exits_text_all(FILE *out, const struct snapshot *s, bool moved_only);

/* exits_text_vcpu - of a vCPU, or with @vcpu NULL as titles: cells behind its row, with none where
 * exits are not counted for its VM. */
void exits_text_vcpu(FILE *out, const struct snapshot *s, size_t vm,
                     const struct snapshot_vcpu *vcpu);

#endif
