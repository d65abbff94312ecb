// SPDX-License-Identifier: MIT
#include "core/model/series.h"

#include <errno.h>

int series_add(struct series *series, struct sample *sample, struct snapshot **ret)
{
    const struct sample *previous = series->previous;
    uint64_t self_cpu_ns = 0;

    if (previous != NULL)
        sample_follow(previous, sample);
    /* It falls when one of our processes has ended and another took its place. */
    if (previous != NULL && sample->self_cpu_ns > previous->self_cpu_ns)
        self_cpu_ns = sample->self_cpu_ns - previous->self_cpu_ns;
    *ret = snapshot_derive(previous, sample, series->fields, self_cpu_ns);
    if (*ret == NULL) {
        sample_free(sample);
        return -ENOMEM;
    }
    sample_free(series->previous);
    series->previous = sample;
    return 0;
}

void series_done(struct series *series)
{
    sample_free(series->previous);
    series->previous = NULL;
}
