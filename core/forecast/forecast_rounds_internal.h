/* SPDX-License-Identifier: MIT */
/*
 * The state of a walk, for the two files that make it: forecast_rounds.c passes time and sends,
 * forecast_slices.c knows where pages lie and which of them are dirty.
 */
#ifndef KVMLENS_CORE_FORECAST_FORECAST_ROUNDS_INTERNAL_H
#define KVMLENS_CORE_FORECAST_FORECAST_ROUNDS_INTERNAL_H

#include <stddef.h>

#include "core/forecast/forecast_rounds.h"

#define FORECAST_SLICES_MOST 64
#define FORECAST_GROUPS_MOST (DIRTY_TERMS_MOST + 1)

/* What of a slice is to be sent, in this order: zero pages come between others, but memory that was
 * never touched lies together. */
enum part { MIXED, UNTOUCHED, PART_COUNT };

/* A part of memory that is walked through at once. A chunk has one or several of them. */
struct slice {
    size_t chunk;
    double normal, zero, untouched; /* of the first round, at the last sync */
    double groups;                  /* pages of all groups, likewise */
    double written;                 /* which share of each group lies here */
    double left[PART_COUNT];        /* of what was to be sent at the last sync, 0..1 */
    double behind;  /* pages among those, MIXED, that the search was past when they became dirty */
    double cleared; /* guest time at which its chunk's log was, since the last sync; below 0: not */
};

/* How a page of a part is sent, on average. */
struct way {
    double pages, bytes, seconds, cpu_s; /* all but pages: of one page */
};

struct rounds {
    const struct forecast_walk *walk;
    struct forecast_course *course;
    double normal_wire, zero_wire, normal_s, zero_s, untouched_s, link;
    double budget, over; /* bytes of a quantum; what goes on top where all pages are normal */

    struct dirty_term groups[FORECAST_GROUPS_MOST];
    size_t group_count, old_count, slice_count, cursor; /* old: not newly touched */
    double unseen;   /* share of what is written that lies anywhere: no look saw where */
    double position; /* of the search, in MIXED of the slice where it is: 0..1 */
    struct slice slices[FORECAST_SLICES_MOST];
    /* Shares of a group's pages in a slice: found by the last sync; to be sent after it. */
    double logged[FORECAST_SLICES_MOST][FORECAST_GROUPS_MOST];
    double pending[FORECAST_SLICES_MOST][FORECAST_GROUPS_MOST];

    double now, guest, guest_sync; /* seconds; the guest's own time */
    double pace;                   /* of that, 0..1 */
    double watched_per_s;          /* pages that the last sync found, per second of that */
    double quantum_begin, quantum_bytes, threshold;
    double bytes;
    /* auto-converge */
    double period_begin, period_bytes, period_dirtied, next_forced, syncs_at_forced;
    int period_hits;
    bool is_below_trigger; /* the last period was, and holds the guest back no more */
    /* ever nearer? */
    double best;
    int stale;
};

/* forecast_slices_begin - lays out memory for the first round: all is to be sent. */
void forecast_slices_begin(struct rounds *rounds);

/* forecast_slices_left - pages to be sent. */
double forecast_slices_left(const struct rounds *rounds);

/* forecast_slices_clear - the log of a chunk. */
void forecast_slices_clear(struct rounds *rounds, size_t chunk);

/* forecast_slices_sync - with the guest's time as it is. Returns how many pages it found that were
 * not to be sent anyway. */
double forecast_slices_sync(struct rounds *rounds);

#endif
