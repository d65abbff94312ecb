/* SPDX-License-Identifier: MIT */
/*
 * Two VMs sampled twice, one second apart, as the kernel would show them: for tests of reports.
 *
 *   vm16      pid 5164 fd 9, 2 vCPUs, stats fds; its VM-level counters denied by lockdown
 *   a hostile name  pid 5201 fd 12, 1 vCPU, idle, debugfs only
 */
#ifndef KVMLENS_TESTS_TWO_VMS_H
#define KVMLENS_TESTS_TWO_VMS_H

#include "core/base/host.h"
#include "core/model/field.h"
#include "core/model/sample.h"
#include "core/model/snapshot.h"

#define TWO_VMS_HOSTILE "=db,\"x\"\x1b[31m\xff\n\xe6\x95\xb0\x7f\xe2\x80\xae"

enum two_vms_field {
    F_EXITS,      /* vcpu cumulative */
    F_HALT_WAIT,  /* vcpu cumulative, 10^-9 s */
    F_GUEST_MODE, /* vcpu instant boolean */
    F_HIST,       /* vcpu log histogram of 4 buckets, 10^-9 s */
    F_PTE_WRITE,  /* vm cumulative; denied for vm16 */
    F_PAGES_4K,   /* vm instant */
    F_PEAK,       /* vm peak */
    F_BIG,        /* vm cumulative, above INT64_MAX */
    F_COUNT
};

struct two_vms;

struct two_vms *two_vms_new(void);
void two_vms_free(struct two_vms *t);

struct sample *two_vms_sample(struct two_vms *t, int i); /* 0 or 1; may be changed */
const struct field_table *two_vms_fields(const struct two_vms *t);

/* Derived from both samples, or from the first alone. The caller frees it with snapshot_free. */
struct snapshot *two_vms_second(struct two_vms *t);
struct snapshot *two_vms_first(struct two_vms *t);

#endif
