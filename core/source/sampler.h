/* SPDX-License-Identifier: MIT */
/*
 * Sampler: finds the VMs, asks the sources, and makes a sample of what they say.
 *
 * Main thread only. Between two ticks it holds no descriptor of a KVM object.
 */
#ifndef KVMLENS_CORE_SOURCE_SAMPLER_H
#define KVMLENS_CORE_SOURCE_SAMPLER_H

#include "core/base/beacon.h"
#include "core/base/error.h"
#include "core/base/host.h"
#include "core/base/rootfs.h"
#include "core/model/field.h"
#include "core/model/scope.h"
#include "core/model/shun.h"
#include "core/model/snapshot.h"

struct sampler;
struct source_ops;
struct kvm_bpf;

struct sampler_config {
    const struct rootfs *root; /* borrowed, outlives the sampler */
    /* SOURCE_BIT mask; which may be used. Discovery uses /proc and debugfs always */
    unsigned sources;
    uint64_t (*now_ns)(void); /* NULL: CLOCK_MONOTONIC; tests bring their own */
    /* NULL: source_table; tests bring their own. NULL ends it. Borrowed, outlives the sampler */
    const struct source_ops *const *table;
    /* Both may be NULL, are borrowed, and outlive the sampler. */
    struct beacon *beacon;           /* says what is looked at, and nothing between two ticks */
    const struct shun_list *shunned; /* processes to be left alone; may change between two ticks */
    uint64_t first_tick; /* ticks of a sampler before this one, that this one goes on from */
    struct sampler_scope scope;
    struct kvm_bpf *bpf; /* NULL: not asked for. Borrowed, outlives the sampler */
    bool no_histograms;  /* they are not read where they cost extra */
};

/*
 * sampler_open - 0, or -ENOMEM, or -EACCES/-ENOENT with a sentence when /proc itself cannot be
 * read.
 */
int sampler_open(const struct sampler_config *config, struct sampler **ret, struct error *err);
void sampler_close(struct sampler *sampler); /* NULL ok; snapshots must be freed before */

/*
 * sampler_take - sample now.
 *
 * *@ret belongs to the caller (sample_free); its fields are those of sampler_fields. A VM that dies
 * meanwhile is left out; a number that cannot be read says why. Returns 0, -ENOMEM, or a negative
 * errno with a sentence in @err when the host can no longer be read at all.
 */
int sampler_take(struct sampler *sampler, struct sample **ret, struct error *err);

/* sampler_set_scope - from the next tick on. Its name outlives the sampler, or the next call. */
void sampler_set_scope(struct sampler *sampler, const struct sampler_scope *scope);

/* sampler_set_load - from the next tick on: enum load_wish. At first nothing. */
void sampler_set_load(struct sampler *sampler, unsigned wishes);

/* sampler_set_load_one - the same of the VMs of process @pid and of the one before, beside what is
 * wished for of all. 0: of none. */
void sampler_set_load_one(struct sampler *sampler, unsigned wishes, pid_t pid,
                          pid_t before);

/* sampler_fields - grows with sampler_take, and lives as long as the sampler. */
const struct field_table *sampler_fields(const struct sampler *sampler);

/*
 * sampler_tick - sampler_take and the snapshot of it and the sample before, where one process does
 * both. *@ret belongs to the caller and borrows the field table. As sampler_take.
 */
int sampler_tick(struct sampler *sampler, struct snapshot **ret, struct error *err);

#endif
