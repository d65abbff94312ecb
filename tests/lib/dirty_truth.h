/* SPDX-License-Identifier: MIT */
/*
 * Guests that write in known ways: what looks at a sample of their pages would tell, and the true
 * curve. A page of the sample is drawn on its own, so a guest of any size costs the same.
 */
#ifndef KVMLENS_TESTS_LIB_DIRTY_TRUTH_H
#define KVMLENS_TESTS_LIB_DIRTY_TRUTH_H

#include <stddef.h>
#include <stdint.h>

#include "core/model/dirty_looks.h"

enum truth_pattern {
    TRUTH_IDLE,
    TRUTH_UNIFORM,    /* any page of the working set, at random */
    TRUTH_HOT,        /* nine of ten writes go to a tenth of it */
    TRUTH_SEQUENTIAL, /* one page after the other, round and round */
    TRUTH_BURSTS,     /* as uniform, for a quarter of the time, four times as fast */
    TRUTH_PATTERN_COUNT
};

struct truth {
    uint8_t pattern;     /* enum truth_pattern */
    double population;   /* pages that the sample is drawn from */
    double working_set;  /* pages of it that are written at all */
    double writes_per_s; /* on average */
    double burst_s;      /* from one burst to the next */
};

extern const char *const truth_names[TRUTH_PATTERN_COUNT];

/* truth_random - SplitMix64: 0 <= x < 1. */
double truth_random(uint64_t *state);

/* truth_pages - the true D(@seconds), on average over the moments when it may begin. */
double truth_pages(const struct truth *truth, double seconds);

/* truth_look - at @sampled pages at the @count moments of @when, ascending, from 0 on. */
void truth_look(struct dirty_looks *ret, const struct truth *truth, uint64_t sampled,
                const double *when, size_t count, uint64_t *random);

/*
 * truth_look_places - the same, and where pages changed: all RAM is the population, and what is
 * written is its first part, from the first page to the last where it is written so.
 */
void truth_look_places(struct dirty_looks *ret, const struct truth *truth, uint64_t sampled,
                       const double *when, size_t count, uint64_t *random);

#endif
