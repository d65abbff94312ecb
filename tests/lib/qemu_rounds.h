/* SPDX-License-Identifier: MIT */
/*
 * QEMU's pre-copy migration page by page, with real bitmaps and a guest that writes real pages in a
 * known way: what the model of it (core/forecast) has to agree with. Nothing is shared with the
 * model but the types of its settings.
 */
#ifndef KVMLENS_TESTS_LIB_QEMU_ROUNDS_H
#define KVMLENS_TESTS_LIB_QEMU_ROUNDS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/forecast/forecast_settings.h"
#include "tests/lib/dirty_truth.h"

struct qemu_guest {
    struct truth truth;     /* its population is nonzero */
    uint32_t untouched;     /* pages, the last ones of memory */
    uint32_t zero, nonzero; /* mixed at random before them; the working set is nonzero */
    bool is_zero_first;     /* or not mixed: zero pages come first */
    bool is_scattered;      /* the working set lies all over them, or together */
};

struct qemu_outcome {
    bool converges;
    double bytes, total_s, downtime_s, syncs, throttle;
};

/* qemu_rounds_run - @settings with a definite zero_detection; up to some minutes of its time. */
void qemu_rounds_run(struct qemu_outcome *ret, const struct qemu_guest *guest,
                     const struct forecast_settings *settings, const struct forecast_costs *costs,
                     uint64_t seed);

#endif
