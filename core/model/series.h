/* SPDX-License-Identifier: MIT */
/*
 * Series: samples in, snapshots out. It keeps the sample before, for rates need two.
 *
 * A snapshot of many VMs is made in slices, for who has something else to do meanwhile.
 *
 * Not thread-safe: one series belongs to one thread.
 */
#ifndef KVMLENS_CORE_MODEL_SERIES_H
#define KVMLENS_CORE_MODEL_SERIES_H

#include "core/base/spare.h"
#include "core/model/field.h"
#include "core/model/sample.h"
#include "core/model/snapshot.h"

struct series {
    const struct field_table *fields; /* borrowed: that of all samples, outlives the series */
    struct sample *previous;          /* NULL: there was none yet */
    struct sample *current;           /* its snapshot is under way; NULL: none is */
    struct snapshot_work *work;
    struct sample_walk walk; /* through @previous */
    size_t next;             /* VM of @current */
    struct spare spare;      /* memory of snapshots that have ended */
};

/*
 * series_begin - a snapshot of @sample and the one before, when none is under way; @sample belongs
 * to the series from now on, also when this fails. 0 or -ENOMEM: then the sample before stays the
 * one before.
 */
int series_begin(struct series *series, struct sample *sample);

/*
 * series_step - go on with it, until @entities VMs and vCPUs are done and the VM that was begun
 * with them. true: *@ret is the snapshot; it belongs to the caller (snapshot_free), and ends before
 * the series. false: there is more to do.
 */
bool series_step(struct series *series, size_t entities, struct snapshot **ret);

/* series_add - all in one go. 0 or -ENOMEM, as series_begin. */
int series_add(struct series *series, struct sample *sample, struct snapshot **ret);

void series_done(struct series *series);

#endif
