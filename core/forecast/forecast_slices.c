// SPDX-License-Identifier: MIT
#include <math.h>

#include "core/forecast/forecast_rounds_internal.h"

/* Of the pages where something is written, less than this part is: at random. What is more than a
 * fourth of a set has an end that the curve saw. */
#define AT_RANDOM  0.4
#define NEARLY_ALL 0.98 /* of what is written; a place or two have a stray page */

/*
 * How many pages there are where something is written: the places that are written most densely and
 * together make up nearly all of it. INFINITY: not known.
 */
static double pages_in_reach(const struct forecast_walk *walk)
{
    const struct dirty_curve *curve = walk->curve;
    double share = 0, written = 0;
    bool is_taken[DIRTY_PLACES] = {false};

    while (written < NEARLY_ALL) {
        int best = -1;
        for (int i = 0; i < DIRTY_PLACES; i++) {
            if (!is_taken[i] && curve->written_at[i] > 0 &&
                (best < 0 || curve->written_at[i] * curve->resident_at[best] >
                                 curve->written_at[best] * curve->resident_at[i]))
                best = i;
        }
        if (best < 0)
            break;
        is_taken[best] = true;
        share += curve->resident_at[best];
        written += curve->written_at[best];
    }
    return share > 0 ? share * (walk->zero + walk->nonzero) : INFINITY;
}

/*
 * A curve that saw no end of a group takes it for as large as all of memory, and for a straight
 * line. But the looks saw where it lies. Pages that are written at random are changed in the same
 * part everywhere: then that is the whole set, and it is used up as by that, from where the looks
 * end (in the upper corner it stays straight). Pages that are written one after the other are all
 * changed in some places, and in others none yet: then it is larger than what was seen, and the
 * median of what it may be is twice that, when any size is as likely as any other as large again.
 * No set is larger than what has content.
 */
static struct dirty_term within_reach(const struct forecast_walk *walk, struct dirty_term term,
                                      double reach)
{
    const struct dirty_curve *curve = walk->curve;
    bool is_middle = walk->mix == &curve->middle;
    double all = term.pages * term.per_s, seen_s = curve->longest_s;

    if (term.pages <= reach)
        return term;
    term.pages = reach;
    if (term.kind == DIRTY_TERM_RAMP && all * seen_s >= AT_RANDOM * reach)
        term.pages = fmax(reach, fmin(walk->nonzero, (is_middle ? 2 : 4) * all * seen_s));
    term.per_s = all / term.pages;
    if (term.kind == DIRTY_TERM_RAMP && is_middle && all * seen_s < AT_RANDOM * reach) {
        term.kind = DIRTY_TERM_DECAY;
        term.per_s = -log1p(-term.per_s * seen_s) / seen_s;
    }
    return term;
}

/* The groups, and how many pages are in those that are sent in the first round as they are. */
static double begin_groups(struct rounds *rounds)
{
    const struct forecast_walk *walk = rounds->walk;
    double grouped = 0, reach = pages_in_reach(walk);

    for (size_t i = 0; i < walk->mix->term_count; i++) {
        struct dirty_term term = within_reach(walk, walk->mix->terms[i], reach);
        term.per_s *= walk->speed;
        rounds->unseen = fmax(rounds->unseen, 1 - reach / fmax(reach, term.pages));
        grouped += term.pages;
        rounds->groups[rounds->group_count++] = term;
    }
    rounds->old_count = rounds->group_count;
    if (walk->newly_touched_per_s > 0 && walk->untouched > 0)
        rounds->groups[rounds->group_count++] = (struct dirty_term){
            .kind = DIRTY_TERM_RAMP,
            .pages = walk->untouched,
            .per_s = walk->newly_touched_per_s * walk->speed / walk->untouched,
        };
    return grouped;
}

/* Of numbers for equal parts of RAM: the sum of those in @from to @to, 0..1. */
static double sum_places(const double *places, double from, double to)
{
    double sum = 0;

    for (int i = 0; i < DIRTY_PLACES; i++) {
        double begin = fmax(from * DIRTY_PLACES, i), end = fmin(to * DIRTY_PLACES, i + 1);
        sum += places[i] * fmax(0, end - begin);
    }
    return sum;
}

/* Which share of the memory with content is from @from to @to, in pages, when nobody knows more: it
 * lies together, and what was never touched does. */
static double guess_resident(const struct forecast_walk *walk, double from, double to)
{
    double resident = walk->zero + walk->nonzero;
    double begin = walk->layout == FORECAST_LAST ? walk->untouched : 0;

    return fmax(0, fmin(to, begin + resident) - fmax(from, begin)) / fmax(1, resident);
}

/* Which share of the groups is in a slice, when @before of the memory with content lies before it
 * and @here in it, and nobody knows more. */
static double guess_written(const struct forecast_walk *walk, double grouped, double before,
                            double here)
{
    double part = fmin(1, grouped / fmax(1, walk->zero + walk->nonzero)); /* of that memory */
    double begin = walk->layout == FORECAST_LAST ? 1 - part : 0;

    if (walk->layout == FORECAST_EVENLY || part <= 0)
        return here;
    return fmax(0, fmin(before + here, begin + part) - fmax(before, begin)) / part;
}

/*
 * Pages that are written have content; the other pages that have lie anywhere among the rest. There
 * are no more pages with content than there are, whatever is written later: in the first round a
 * page is sent as what it is.
 */
static void spread_content(struct rounds *rounds)
{
    double groups = 0, rest = 0, nonzero = rounds->walk->nonzero;

    for (size_t c = 0; c < rounds->slice_count; c++) {
        groups += rounds->slices[c].groups;
        rest += rounds->slices[c].zero;
    }
    double part = groups > nonzero ? nonzero / groups : 1;
    double normal = nonzero > groups && rest > 0 ? fmin(1, (nonzero - groups) / rest) : 0;
    for (size_t c = 0; c < rounds->slice_count; c++) {
        struct slice *slice = &rounds->slices[c];
        double others = slice->zero + slice->groups * (1 - part);
        slice->groups *= part;
        slice->normal = normal * others;
        slice->zero = others - slice->normal;
    }
}

static void begin_slices(struct rounds *rounds, double grouped)
{
    const struct forecast_walk *walk = rounds->walk;
    const struct dirty_curve *curve = walk->curve;
    double all = walk->untouched + walk->zero + walk->nonzero, before = 0;
    double chunk = fmax(walk->costs->chunk_pages, ceil(all / FORECAST_SLICES_MOST));
    double chunks = fmax(1, ceil(all / chunk)), each = floor(FORECAST_SLICES_MOST / chunks);
    double size = fmin(chunk, fmax(1, all)) / each;
    bool is_known = sum_places(curve->resident_at, 0, 1) > 0;

    rounds->slice_count = (size_t)fmin(FORECAST_SLICES_MOST, fmax(1, ceil(all / size - 1e-9)));
    for (size_t c = 0; c < rounds->slice_count; c++) {
        struct slice *slice = &rounds->slices[c];
        double from = fmin(1, (double)c * size / fmax(1, all));
        double to = fmin(1, (double)(c + 1) * size / fmax(1, all));
        slice->chunk = c / (size_t)each;
        double here = is_known ? sum_places(curve->resident_at, from, to)
                               : guess_resident(walk, all * from, all * to);
        slice->written = is_known ? sum_places(curve->written_at, from, to)
                                  : guess_written(walk, grouped, before, here);
        slice->written += rounds->unseen * (here - slice->written);
        double resident = (walk->nonzero + walk->zero) * here;
        slice->groups = fmin(grouped * slice->written, resident);
        slice->zero = resident - slice->groups; /* spread_content takes those with content out */
        slice->untouched = fmax(0, (to - from) * all - resident);
        slice->left[MIXED] = slice->left[UNTOUCHED] = 1;
        slice->cleared = -1;
        for (size_t k = 0; k < rounds->old_count; k++)
            rounds->logged[c][k] = rounds->pending[c][k] = 1;
        before += here;
    }
    spread_content(rounds);
}

void forecast_slices_begin(struct rounds *rounds)
{
    begin_slices(rounds, begin_groups(rounds));
}

static double slice_left(const struct slice *slice)
{
    return (slice->normal + slice->zero + slice->groups) * slice->left[MIXED] +
           slice->untouched * slice->left[UNTOUCHED];
}

double forecast_slices_left(const struct rounds *rounds)
{
    double sum = 0;

    for (size_t c = 0; c < rounds->slice_count; c++)
        sum += slice_left(&rounds->slices[c]);
    return sum;
}

void forecast_slices_clear(struct rounds *rounds, size_t chunk)
{
    for (size_t c = 0; c < rounds->slice_count; c++) {
        if (rounds->slices[c].chunk == chunk)
            rounds->slices[c].cleared = rounds->guest;
    }
}

/* As fmin, for numbers that are none of the odd ones: this is where the time of a walk goes. */
static inline double least(double a, double b)
{
    return a < b ? a : b;
}

/* Shares of a group's pages in a slice. */
struct shares {
    double logged, pending;
};

/*
 * What a sync makes of them. @left: of those to be sent at the last sync; @since_sync,
 * @since_clear: which share a time as long as since then dirties.
 */
static struct shares sync_decay(struct shares old, double left, double since_sync,
                                double since_clear)
{
    double known = old.pending > 0 ? least(1, old.logged / old.pending) : 0;
    double sent = old.pending * (1 - left);
    double dirtied =
        sent * (known * since_clear + (1 - known) * since_sync) + (1 - old.pending) * since_sync;

    return (struct shares){
        .logged = old.logged * since_clear + (1 - old.logged) * since_sync,
        .pending = least(1, old.pending * left + dirtied),
    };
}

static struct shares sync_ramp(struct shares old, double left, double since_sync,
                               double since_clear)
{
    double fresh = least(since_sync, 1 - old.logged); /* was not found before: they come first */
    double again = since_sync > 0 ? (since_sync - fresh) * since_clear / since_sync : 0;
    double still = old.pending * left;

    return (struct shares){
        .logged = least(1, fresh + again),
        .pending = least(1, still + fresh + again * (1 - left)),
    };
}

/*
 * How many of the @found pages of the slice where the search is lie before it: they wait until it
 * comes round. @pending: which share of the groups' pages was to be sent at the last sync; those
 * ahead of the search still are, and so are not found anew.
 */
static double behind_search(const struct rounds *rounds, double pending, double found)
{
    double ahead = (1 - rounds->position) * (1 - least(1, pending));
    double both = rounds->position + ahead;

    return both > 0 ? found * rounds->position / both : 0;
}

/* One slice: returns how many pages the sync found that were not to be sent anyway. */
static double sync_slice(struct rounds *rounds, size_t c, const double *since_sync,
                         const double *since_clear)
{
    struct slice *slice = &rounds->slices[c];
    double left = slice->left[MIXED], found = 0, pages_all = 0, pending = slice->groups;
    bool is_cleared = slice->cleared >= 0;

    slice->groups = 0;
    for (size_t k = 0; slice->written > 0 && k < rounds->group_count; k++) {
        const struct dirty_term *group = &rounds->groups[k];
        struct shares old = {rounds->logged[c][k], rounds->pending[c][k]}, new;
        double pages = group->pages * slice->written;
        if (!is_cleared) { /* what was found stays found */
            double fresh = group->kind == DIRTY_TERM_RAMP ? least(since_sync[k], 1 - old.logged)
                                                          : since_sync[k] * (1 - old.logged);
            new.logged = old.logged + fresh;
            new.pending = least(1, old.pending + fresh);
        } else if (group->kind == DIRTY_TERM_RAMP) {
            new = sync_ramp(old, left, since_sync[k], since_clear[k]);
        } else {
            new = sync_decay(old, left, since_sync[k], since_clear[k]);
        }
        rounds->logged[c][k] = new.logged;
        rounds->pending[c][k] = new.pending;
        pages_all += pages;
        found += (new.pending - old.pending *left) * pages;
        slice->groups += new.pending *pages;
    }
    if (c == rounds->cursor)
        slice->behind += behind_search(rounds, pages_all > 0 ? pending / pages_all : 0, found);
    slice->normal *= left;
    slice->zero *= left;
    slice->untouched *= slice->left[UNTOUCHED];
    slice->left[MIXED] = slice->left[UNTOUCHED] = 1;
    slice->cleared = -1;
    return found;
}

static void dirty_shares(const struct rounds *rounds, double seconds, double *ret)
{
    for (size_t k = 0; k < rounds->group_count; k++)
        ret[k] = dirty_term_share(&rounds->groups[k], seconds);
}

double forecast_slices_sync(struct rounds *rounds)
{
    double since_sync[FORECAST_GROUPS_MOST], since_clear[FORECAST_GROUPS_MOST] = {0}, found = 0;

    dirty_shares(rounds, rounds->guest - rounds->guest_sync, since_sync);
    for (size_t c = 0; c < rounds->slice_count; c++) {
        const struct slice *slice = &rounds->slices[c];
        bool is_new = c == 0 || slice->chunk != slice[-1].chunk;
        if (is_new && slice->cleared >= 0)
            dirty_shares(rounds, rounds->guest - slice->cleared, since_clear);
        found += sync_slice(rounds, c, since_sync, since_clear);
    }
    rounds->guest_sync = rounds->guest;
    return found;
}
