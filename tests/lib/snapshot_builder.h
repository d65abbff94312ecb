/* SPDX-License-Identifier: MIT */
/*
 * Snapshots for tests, made by hand instead of from samples.
 *
 *     struct snapshot_builder *b = snapshot_builder_new();
 *     int exits = snapshot_builder_field(b, "exits", FIELD_VCPU, FIELD_CUMULATIVE, FIELD_NONE, 1);
 *     size_t vm = snapshot_builder_vm(b, 5164, 9, "vm16", "qemu", 2);
 *     snapshot_builder_set(b, vm, 0, exits, 25, 3.0, SOURCE_STATSFD);    one vCPU
 *     snapshot_builder_set(b, vm, -1, exits, 50, 6.0, SOURCE_STATSFD);   the VM
 *     struct snapshot *s = snapshot_builder_finish(b);
 *
 * Numbers nobody set are ABSENT. Running out of memory ends the test program.
 */
#ifndef KVMLENS_TESTS_SNAPSHOT_BUILDER_H
#define KVMLENS_TESTS_SNAPSHOT_BUILDER_H

#include "core/model/snapshot.h"

struct snapshot_builder;

/* An interval of 1 s, 2026-01-01 12:30:05 UTC, host "web-07" with kernel 6.18.44, 2 CPUs, kvm and
 * debugfs there. */
struct snapshot_builder *snapshot_builder_new(void);

/* Frees the builder, its field table and the snapshot that snapshot_builder_finish gave. */
void snapshot_builder_free(struct snapshot_builder *b);

/* Everything else of the snapshot may be set in place, before finish. Exits belong to the builder
 * then, or to the snapshot that is taken. */
struct snapshot *snapshot_builder_snapshot(struct snapshot_builder *b);

/* snapshot_builder_field - index of a new field. @size: buckets of a histogram, else 1. Before the
 * first VM. */
int snapshot_builder_field(struct snapshot_builder *b, const char *name, enum field_scope scope,
                           enum field_kind kind, enum field_unit unit, uint16_t size);

/* The fields most tests want: exits, io_exits, mmio_exits, halt_exits, irq_injections, pf_fixed,
 * halt_wait_ns (seconds, 10^-9), guest_mode (instant, boolean), pages_4k (VM, instant),
 * halt_wait_hist (log histogram, 8 buckets). */
void snapshot_builder_fields_x86(struct snapshot_builder *b);

/* snapshot_builder_vm - index of a new VM with vCPUs 0 .. vcpus-1, tids pid+1+i. Add in ascending
 * (pid, fd). */
size_t snapshot_builder_vm(struct snapshot_builder *b, int pid, int fd, const char *name,
                           const char *vmm, size_t vcpus);

/* In-place access; pointers last until the next snapshot_builder_vm. */
struct snapshot_vm *snapshot_builder_get(struct snapshot_builder *b, size_t vm);

/* A value that is there, with its rate (of cumulative fields). @vcpu -1: the VM. */
void snapshot_builder_set(struct snapshot_builder *b, size_t vm, int vcpu, int field, uint64_t raw,
                          double rate, enum reading_source source);

/* A value or rate in another state: reading and rate both get state and cause. */
void snapshot_builder_missing(struct snapshot_builder *b, size_t vm, int vcpu, int field,
                              enum reading_state state, enum reading_cause cause);

/* A number that is there, but no rate yet. */
void snapshot_builder_warmup(struct snapshot_builder *b, size_t vm, int vcpu, int field,
                             uint64_t raw);

/*
 * snapshot_builder_host - a total of all VMs, as a kernel that counts none apart gives it. The
 * totals nobody sets are ABSENT; without any there are none at all. Fields first.
 */
void snapshot_builder_host(struct snapshot_builder *b, int field, uint64_t raw, double rate);

/*
 * snapshot_builder_finish - the snapshot, in one allocation as a real one; its field table belongs
 * to the builder. Valid until snapshot_builder_free. To hand it on to a caller that frees it, use
 * snapshot_builder_take.
 */
const struct snapshot *snapshot_builder_finish(struct snapshot_builder *b);
struct snapshot *snapshot_builder_take(struct snapshot_builder *b);

/* A host with three VMs as in the manual: idle, busy with 8 vCPUs, one without counters. */
void snapshot_builder_three_vms(struct snapshot_builder *b);

/* @count VMs of @vcpus each with counters that differ from VM to VM. */
void snapshot_builder_many_vms(struct snapshot_builder *b, size_t count, size_t vcpus);

#endif
