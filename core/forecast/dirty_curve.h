/* SPDX-License-Identifier: MIT */
/*
 * The writable working set as a curve: D(t), how many distinct pages are dirtied within t seconds.
 * Pre-copy meets this curve and no single rate: a page that is written again and again is sent once
 * in a round, however long that takes.
 *
 * Model. A mixture of groups of pages, each with a law of its own:
 *
 *     D(t) = sum of pages_k * F_k(t) + newly touched pages per second * t
 *     decay: F(t) = 1 - exp(-per_s * t)       written at random, per_s times a second each
 *     ramp:  F(t) = min(1, per_s * t)         written one after the other, round and round
 *
 * with pages_k >= 0 and rates on a grid from well below 1 / (longest pair) to a few times 1 /
 * (shortest). Whatever the weights are, D grows and never bends upwards, as the true curve. One
 * random writer is one decay; hot and cold pages are two; a sequential writer, which no mixture of
 * decays follows at its corner, is one ramp.
 *
 * Fit. Non-negative least squares (nnls.h) of changed / sampled of all pairs, weighted by their
 * binomial variance with the fitted share, so that few changed pages weigh as they should (three
 * passes; the first takes the shares that were seen). Done with decays, with ramps and with both;
 * the one with the least chi2 + 2 * groups wins (Akaike's criterion). What is so slow that the
 * looks say nothing of where it ends becomes one ramp to the end of the population. Where the
 * places tell that less is in reach (dirty_reach.h), decays are fitted once more, with one point
 * more: that in the end they make up what is in reach, give or take 15 %.
 *
 * Interval. Binomial bounds, carried through; no bootstrap. All pairs are of one sample, so what
 * matters is which pages were drawn, and that is the same error in all pairs: pooling pairs does
 * not make it smaller, and resampling them would make it look so. At each t the 95 % interval of
 * Wilson (1927) for the fitted share with as many pages as the sample has, its variance multiplied
 * with the dispersion (chi2 per degree of freedom of neighbouring looks, quasi-binomial, McCullagh
 * and Nelder 1989, 4.5) where that is above 1: bursts. To the lower and upper ends mixtures are
 * fitted again. Beyond the longest pair the lower one stays as it is, all that can be written was
 * written; the upper one goes on as straight as it ends, until the population is used up, or 1.25
 * times what is in reach. Both are true of all curves that never bend upwards. It errs on the wide
 * side where pages are written independently, because there pooling does help.
 *
 * A guest that does not run and whose pages do not change has a rate of 0, and no doubt about it.
 *
 * What is not in it: pages that were written with the bytes they had, see dirty_looks.h.
 *
 * Pure, any thread. No allocation.
 */
#ifndef KVMLENS_CORE_FORECAST_DIRTY_CURVE_H
#define KVMLENS_CORE_FORECAST_DIRTY_CURVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/model/dirty_looks.h"

#define DIRTY_TERMS_MOST 64

enum dirty_term_kind {
    DIRTY_TERM_DECAY,
    DIRTY_TERM_RAMP,
};

/* A group of pages. */
struct dirty_term {
    uint8_t kind; /* enum dirty_term_kind */
    double pages; /* above 0 */
    double per_s; /* above 0 */
};

struct dirty_mix {
    struct dirty_term terms[DIRTY_TERMS_MOST];
    size_t term_count; /* 0: nothing is written */
};

/* Bits of dirty_curve.flags. */
enum dirty_curve_flag {
    DIRTY_CURVE_LOAD_CHANGED = 1 << 0, /* as the looks say */
    DIRTY_CURVE_STOPPED = 1 << 1,      /* likewise */
    DIRTY_CURVE_COARSE = 1 << 2,       /* the VMM logs more than 4 KiB at a time: D is too small */
    DIRTY_CURVE_BURSTY = 1 << 3,       /* looks of like length differ by far more than chance */
};

struct dirty_curve {
    struct dirty_mix low, middle, high; /* of pages that are in the population; ends of 95 % */
    double population;                  /* pages */
    double sampled;                     /* pages, of the pair with the fewest */
    double shortest_s, longest_s;       /* pairs: outside of that it is extrapolated */
    double newly_touched_per_s;         /* pages, beside the population */
    double dispersion;                  /* 1 or more */
    double initial_per_s; /* slope of D at 0: what is written faster than the looks see counts as
                             if it were written a few times within the shortest pair */
    uint32_t flags;       /* enum dirty_curve_flag */
    /* Parts of RAM: which share of the population lies there, which of what is written. Each sums
     * to 1, or all are 0: not known. */
    double resident_at[DIRTY_PLACES], written_at[DIRTY_PLACES];
};

/* D(t) in pages, with its 95 % interval: 0 <= low <= pages <= high. */
struct dirty_estimate {
    double pages, low, high;
    bool is_extrapolated; /* t is outside of what was looked at */
};

/* dirty_term_share - F(t), 0..1, of a group. @seconds: 0 or more. */
double dirty_term_share(const struct dirty_term *term, double seconds);

/* dirty_mix_pages - sum over the groups. */
double dirty_mix_pages(const struct dirty_mix *mix, double seconds);

/*
 * dirty_curve_fit - see above. An empty population makes a curve that is 0 everywhere.
 *
 * -EINVAL: numbers that cannot be (more changed than sampled, times that are no number).
 * -ENODATA: no pair tells anything. @ret is written only with 0.
 */
int dirty_curve_fit(struct dirty_curve *ret, const struct dirty_looks *looks, struct error *err);

/* dirty_curve_at - D(@seconds), newly touched pages included. @seconds: 0 or more. */
struct dirty_estimate dirty_curve_at(const struct dirty_curve *curve, double seconds);

/* dirty_curve_rate - pages_per_s: distinct pages dirtied within one second, which is what QEMU's
 * calc-dirty-rate with its calc-time of 1 s tells. */
struct dirty_estimate dirty_curve_rate(const struct dirty_curve *curve);

#endif
