/* SPDX-License-Identifier: MIT */
/*
 * What a migration by QEMU would take: bytes, rounds, time, downtime, and whether it ends at all.
 *
 * The model walks through the rounds as QEMU 10.0 does, with expected numbers of pages in the place
 * of bitmaps (forecast_rounds.h has the formulae, and where QEMU has what). What earlier models
 * lacked, by Nathan, Bellur and Kulkarni 2015 (models that were compared there missed the time by
 * 46 % at the 90th percentile): the writable working set in the place of one dirty rate
 * (dirty_curve.h), and the tie of dirty rate and transfer, since what is dirtied is counted over
 * the time that a round takes. Akoush et al. 2010 have the frame: a round is as long as what it
 * sends takes, the next sends what was dirtied meanwhile, and the last one is downtime.
 *
 *     bytes    = fixed + normal pages sent * wire(normal) + zero pages sent * wire(zero)
 *     total    = setup + rounds + downtime
 *     downtime = stop + pages left * max(wire(normal) / link, CPU of the sender per page)
 *                + device state / link
 *
 * Ranges. The walk is done three times, with the middle of all inputs and at two corners: the lower
 * dirty curve with most zero pages, the upper one with fewest. All results grow with both, but for
 * steps of 100 ms, so the ends are the least and greatest of the three. With auto-converge the
 * lower corner has a guest that does not catch up what it is held back from, the two others one
 * that does (forecast_throttle.h). That is what the inputs leave open. What the model itself does
 * not know comes on top for bytes and time: FORECAST_OWN of them, and of the time one of QEMU's
 * steps. With that the ranges held 95 % of the migrations of the seed that this was made of
 * (tests/forecast/README.md, seed 2).
 *
 * Margin. How many times as fast the guest could write, on its middle curve, for the migration to
 * just converge: 2 means twice as fast as it does, 0.5 that it writes twice too fast. "Unsure" is
 * what lies within FORECAST_MARGIN_UNSURE of 1, or where the corners do not agree, or where the
 * guest writes in bursts and the average does not converge: a quiet phase may let it through. And
 * where the load changed while it was looked at: the curve is of both loads, and which one meets
 * the migration is not known. The new one may be FORECAST_MARGIN_CHANGED times the average, when it
 * began so late that it filled an eighth of the time; with a margin beyond that it ends at any
 * rate.
 *
 * Pure, any thread, no allocation. One forecast takes some milliseconds, up to 11
 * (tests/bench/bench_forecast.c), so that it can be made anew at each key.
 */
#ifndef KVMLENS_CORE_FORECAST_FORECAST_MODEL_H
#define KVMLENS_CORE_FORECAST_FORECAST_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/forecast/dirty_curve.h"
#include "core/forecast/forecast_settings.h"

#define FORECAST_OWN            0.02 /* error of the model itself, of bytes and of time */
#define FORECAST_MARGIN_UNSURE  1.15 /* between its reciprocal and it */
#define FORECAST_MARGIN_CHANGED 8.0  /* up to it, when the load changed */

/* Pages of 4 KiB in all RAM blocks. */
struct forecast_pages {
    double untouched;                 /* without memory, or the shared zero page */
    double resident;                  /* all others, swapped ones too */
    double zero, zero_low, zero_high; /* of the resident ones */
};

/* Why it is as it is. Bits of forecast.reasons. */
enum forecast_reason {
    FORECAST_MOSTLY_ZERO = 1 << 0,    /* converges, and more than half of the pages are zero */
    FORECAST_QUIET = 1 << 1,          /* nothing seen to be dirtied */
    FORECAST_STOPPED = 1 << 2,        /* the guest does not run */
    FORECAST_ONE_ROUND = 1 << 3,      /* after the first round so little is left that it stops */
    FORECAST_TOO_FAST = 1 << 4,       /* pages are dirtied faster than they are sent */
    FORECAST_HOT_SET = 1 << 5,        /* what is dirtied again at once does not fit the downtime */
    FORECAST_THROTTLED = 1 << 6,      /* auto-converge holds the vCPUs back meanwhile */
    FORECAST_CPU_BOUND = 1 << 7,      /* the sender's CPU takes longer than the link */
    FORECAST_NEAR_LIMIT = 1 << 8,     /* margin near 1 */
    FORECAST_BURSTS = 1 << 9,         /* the guest writes in bursts */
    FORECAST_EXTRAPOLATED = 1 << 10,  /* rounds longer than it was looked at */
    FORECAST_OVER_DOWNTIME = 1 << 11, /* converges, but the downtime is above its limit */
    FORECAST_BUSY_UNKNOWN = 1 << 12,  /* FORECAST_THROTTLED, as if the vCPUs were always busy */
};

enum forecast_converges {
    FORECAST_DOES_NOT,
    FORECAST_DOES,
    FORECAST_UNSURE,
};

struct forecast_input {
    struct forecast_pages pages;
    const struct dirty_curve *curve;
    /* Which part of the time a vCPU runs that runs at all, 0..1; 0: not known. It decides what
     * auto-converge is good for (forecast_throttle.h). */
    double vcpu_busy;
    struct forecast_settings settings;
    struct forecast_costs costs;
};

/* INFINITY: it does not end. */
struct forecast_range {
    double value, low, high;
};

struct forecast {
    struct forecast_range bytes;
    struct forecast_range rounds; /* passes over memory, with the one in the downtime: QEMU's
                                     dirty-sync-count less 1 */
    struct forecast_range total_s, downtime_ms;
    struct forecast_range margin; /* 0.03 to 32: beyond that it makes no difference */
    double throttle;   /* greatest part of their time that vCPUs are held back, 0..0.99 */
    uint8_t converges; /* enum forecast_converges */
    uint32_t reasons;
};

/*
 * forecast_make - see above.
 *
 * -EINVAL: numbers that cannot be (bandwidth 0, pages below 0, no curve). @ret is written only
 * with 0.
 */
int forecast_make(struct forecast *ret, const struct forecast_input *input, struct error *err);

/*
 * forecast_ends - would converges be FORECAST_DOES? With up to four walks, where forecast_make
 * takes some twenty: the margin is not looked for, only whether it is wide enough. Where it is so
 * by less than a step of that search, 3 %, the two may differ. False with numbers that cannot be.
 */
bool forecast_ends(const struct forecast_input *input);

#endif
