/* SPDX-License-Identifier: MIT */
/*
 * Exits for tests of reports: all vCPUs of a snapshot have some, as two counts 1 s apart give them.
 *
 *     struct snapshot *s = two_vms_second(t);
 *     s->exits = exits_fake(s, EXITS_FAKE_SVM);          snapshot_free frees it
 *
 *     snapshot_builder_snapshot(b)->exits = exits_fake(snapshot_builder_snapshot(b), ...);
 *                                                        after the last VM; the builder frees it
 *
 * Each vCPU of the snapshot whose thread is known has exits: number k of them, from 1 on through
 * all VMs, k times as many as the first, and each second one of them is halted now. Counting began
 * 9 s before the first count. Running out of memory ends the test program.
 */
#ifndef KVMLENS_TESTS_EXITS_FAKE_H
#define KVMLENS_TESTS_EXITS_FAKE_H

#include "core/model/snapshot.h"

enum exits_fake {
    EXITS_FAKE_SVM, /* io, msr, npf, cpuid, hlt, interrupt (never timed); keys of all kinds */
    /* the same of Intel's: MMIO may be behind three of its reasons, and two have one name */
    EXITS_FAKE_VMX,
    EXITS_FAKE_KEYS_ONLY, /* a host where kvm_exit never fires */
    EXITS_FAKE_FIRST,     /* as EXITS_FAKE_SVM, one count: there is no interval */
    EXITS_FAKE_LOSING,    /* as EXITS_FAKE_SVM, and some found no room */
    EXITS_FAKE_FAILED     /* they could not be counted */
};

/* exits_fake - Ends with free(3), or with the snapshot it is put in. */
struct exits *exits_fake(const struct snapshot *s, enum exits_fake kind);

#endif
