/* SPDX-License-Identifier: MIT */
/*
 * Series: samples in, snapshots out. It keeps the sample before, for rates need two.
 *
 * Not thread-safe: one series belongs to one thread.
 */
#ifndef KVMLENS_CORE_MODEL_SERIES_H
#define KVMLENS_CORE_MODEL_SERIES_H

#include "core/model/field.h"
#include "core/model/sample.h"
#include "core/model/snapshot.h"

struct series {
    const struct field_table *fields; /* borrowed: that of all samples, outlives the series */
    struct sample *previous;          /* NULL: there was none yet */
};

/*
 * series_add - the snapshot of @sample and the one before; @sample belongs to the series from now
 * on, also when this fails. *@ret belongs to the caller (snapshot_free). 0 or -ENOMEM: then the
 * sample before stays the one before.
 */
int series_add(struct series *series, struct sample *sample, struct snapshot **ret);

void series_done(struct series *series);

#endif
