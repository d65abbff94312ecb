// SPDX-License-Identifier: MIT
#include "core/forecast/dirty_curve.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "core/forecast/dirty_reach.h"
#include "core/forecast/nnls.h"

#define PASSES      3
#define Z           1.96  /* 95 % of a normal distribution */
#define Z_DISPERSED 2.5   /* likewise where the variance is an estimate, of few looks */
#define DECAY_STEP  1.5   /* between two rates of the grid */
#define RAMP_STEP   1.25  /* likewise; corners are sharper than decays */
#define GRID_POINTS 24    /* at which the ends of the interval are fitted */
#define SHARE_ERROR 0.003 /* of a share: what the grid of rates cannot follow anyway */
#define END_PART    0.3   /* of the longest pair: how steep the curve is at its end */
#define REACH_ERROR 0.15  /* of how many pages there are in reach */
#define REACH_DOUBT 1.25  /* likewise, at the most */
#define BEND_DOUBT  0.08  /* of how much of the whole is met in half of the time */
#define SLOW_PART   0.7   /* of the rate at which all in reach is written at the least */
#define MUCH_WORSE  6     /* misfit: what is in reach does not go with what was seen */
#define ABOUT_ALL   0.9   /* of the sample: the first looks may be at a part of it */
#define BURSTY      4.0   /* dispersion from which on it is said */

#define POINTS_MOST (DIRTY_PAIRS_MOST + 1)

/* Pairs as points of a curve: shares of the population. */
struct points {
    double seconds[POINTS_MOST], begin[POINTS_MOST], share[POINTS_MOST], sampled[POINTS_MOST];
    size_t count;
    double shortest, longest, fewest;
    double most_s, most; /* shortest of those with about as many pages as any, and how many */
};

struct shapes {
    struct dirty_term terms[NNLS_COLUMNS_MOST]; /* pages: 1 */
    size_t count;
};

struct fit {
    struct dirty_mix mix; /* pages: shares */
    double misfit;        /* chi2 + 2 * groups */
};

double dirty_term_share(const struct dirty_term *term, double seconds)
{
    double x = term->per_s * seconds;

    return term->kind == DIRTY_TERM_RAMP ? fmin(1, x) : -expm1(-x);
}

double dirty_mix_pages(const struct dirty_mix *mix, double seconds)
{
    double sum = 0;

    for (size_t i = 0; i < mix->term_count; i++)
        sum += mix->terms[i].pages * dirty_term_share(&mix->terms[i], seconds);
    return sum;
}

static int take_points(struct points *ret, const struct dirty_looks *looks, struct error *err)
{
    ret->count = 0;
    ret->shortest = ret->fewest = ret->most_s = INFINITY;
    ret->longest = ret->most = 0;
    if (looks->pair_count > DIRTY_PAIRS_MOST || !isfinite(looks->newly_touched_per_s))
        return error_set(err, -EINVAL, "looks at memory make no sense");
    for (size_t i = 0; i < looks->pair_count; i++) {
        const struct dirty_pair *pair = &looks->pairs[i];
        if (!isfinite(pair->seconds) || pair->seconds <= 0 || !isfinite(pair->begin_s) ||
            pair->changed > pair->sampled)
            return error_set(err, -EINVAL, "two looks at memory make no sense");
        if (pair->sampled == 0)
            continue;
        ret->seconds[ret->count] = pair->seconds;
        ret->begin[ret->count] = pair->begin_s;
        ret->share[ret->count] = (double)pair->changed / (double)pair->sampled;
        ret->sampled[ret->count++] = (double)pair->sampled;
        ret->shortest = fmin(ret->shortest, pair->seconds);
        ret->longest = fmax(ret->longest, pair->seconds);
        ret->fewest = fmin(ret->fewest, (double)pair->sampled);
        ret->most = fmax(ret->most, (double)pair->sampled);
    }
    if (ret->count == 0)
        return error_set(err, -ENODATA, "no page could be looked at twice");
    double about = ABOUT_ALL * ret->most;
    for (size_t i = 0; i < ret->count; i++)
        if (ret->sampled[i] >= about) {
            ret->most_s = fmin(ret->most_s, ret->seconds[i]);
            ret->most = fmin(ret->most, ret->sampled[i]);
        }
    return 0;
}

/* Rates from @slowest to beyond @fastest, each @step times the one before, as far as there is room.
 */
static void add_shapes(struct shapes *shapes, uint8_t kind, double slowest, double fastest,
                       double step, size_t most)
{
    size_t wanted = 1 + (size_t)ceil(log(fmax(1, fastest / slowest)) / log(step));

    if (wanted > most) {
        step = pow(fastest / slowest, 1.0 / (double)(most - 1));
        wanted = most;
    }
    for (size_t i = 0; i < wanted && shapes->count < NNLS_COLUMNS_MOST; i++)
        shapes->terms[shapes->count++] =
            (struct dirty_term){.kind = kind, .pages = 1, .per_s = slowest * pow(step, (double)i)};
}

/* Binomial, with what the shapes cannot follow; never so small that a share of 0 is beyond doubt.
 */
static double variance(double share, double sampled)
{
    double p = fmin(fmax(share, 0.3 / sampled), 1 - 0.3 / sampled);

    return p * (1 - p) / sampled + SHARE_ERROR * SHARE_ERROR * share * share;
}

static void solve_shapes(const struct shapes *shapes, struct nnls_problem *problem,
                         const double *seconds, const double *share, const double *weight,
                         size_t count, struct dirty_mix *ret)
{
    double row[NNLS_COLUMNS_MOST], x[NNLS_COLUMNS_MOST];

    memset(problem, 0, sizeof(*problem));
    problem->columns = shapes->count;
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < shapes->count; k++)
            row[k] = dirty_term_share(&shapes->terms[k], seconds[i]);
        nnls_add(problem, row, share[i], weight[i]);
    }
    nnls_solve(problem, x);
    ret->term_count = 0;
    for (size_t k = 0; k < shapes->count; k++) {
        if (x[k] <= 0)
            continue;
        ret->terms[ret->term_count] = shapes->terms[k];
        ret->terms[ret->term_count++].pages = x[k];
    }
}

static void fit_shapes(const struct points *points, const struct shapes *shapes, struct fit *ret)
{
    struct nnls_problem problem;
    double weight[POINTS_MOST], chi2 = 0;

    for (size_t i = 0; i < points->count; i++) {
        double n = points->sampled[i];
        weight[i] = 1 / variance((points->share[i] * n + 0.5) / (n + 1), n);
    }
    for (int pass = 0; pass < PASSES; pass++) {
        solve_shapes(shapes, &problem, points->seconds, points->share, weight, points->count,
                     &ret->mix);
        chi2 = 0;
        for (size_t i = 0; i < points->count; i++) {
            double share = dirty_mix_pages(&ret->mix, points->seconds[i]);
            weight[i] = 1 / variance(share, points->sampled[i]);
            chi2 += weight[i] * (points->share[i] - share) * (points->share[i] - share);
        }
    }
    ret->misfit = chi2 + 2 * (double)ret->mix.term_count;
}

static void fit_best(const struct points *points, struct fit *ret)
{
    static const struct {
        size_t decays, ramps;
    } families[] = {{26, 1}, {0, 34}, {26, 34}}; /* one ramp: a straight line */
    struct fit fit = {.misfit = 0};
    double best = INFINITY;

    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        struct shapes shapes = {.count = 0};
        if (families[i].decays > 0)
            add_shapes(&shapes, DIRTY_TERM_DECAY, 0.1 / points->longest, 4 / points->shortest,
                       DECAY_STEP, families[i].decays);
        if (families[i].ramps > 0)
            add_shapes(&shapes, DIRTY_TERM_RAMP, 0.2 / points->longest, 1 / points->shortest,
                       RAMP_STEP, families[i].ramps);
        fit_shapes(points, &shapes, &fit);
        if (fit.misfit < best) {
            best = fit.misfit;
            *ret = fit;
        }
    }
}

static size_t slowest_term(const struct dirty_mix *mix)
{
    size_t slowest = 0;

    for (size_t i = 1; i < mix->term_count; i++) {
        if (mix->terms[i].per_s < mix->terms[slowest].per_s)
            slowest = i;
    }
    return slowest;
}

static double all_shares(const struct dirty_mix *mix)
{
    double sum = 0;

    for (size_t i = 0; i < mix->term_count; i++)
        sum += mix->terms[i].pages;
    return sum;
}

/*
 * Takes out groups that are slower than can be told from a straight line, and the slowest for as
 * long as all are more than the population. Returns what they were together: shares per second.
 */
static double take_slow(struct dirty_mix *mix, double longest)
{
    double slope = 0;

    while (mix->term_count > 0) {
        size_t i = slowest_term(mix);
        const struct dirty_term *term = &mix->terms[i];
        double end = term->kind == DIRTY_TERM_RAMP ? 0.9 / longest : 0.25 / longest;
        if (term->per_s >= end && all_shares(mix) <= 1)
            break;
        slope += term->pages * dirty_term_share(term, longest) / longest;
        mix->terms[i] = mix->terms[--mix->term_count];
    }
    return slope;
}

/* What is written with this slope ends where all are @most shares. */
static void end_straight(struct dirty_mix *mix, double slope, double most)
{
    double left = most - all_shares(mix);

    if (slope > 0 && left > 0)
        mix->terms[mix->term_count++] =
            (struct dirty_term){.kind = DIRTY_TERM_RAMP, .pages = left, .per_s = slope / left};
}

/* --- where it ends ---------------------------------------------------------------------------- */

/* Does @mix bend as much as it would if what is in reach were written in any order? */
static bool is_random(const struct dirty_reach *reach, const struct dirty_mix *mix, double longest)
{
    double all = dirty_mix_pages(mix, longest);

    return reach->pages > 0 && all > 0 &&
           dirty_mix_pages(mix, longest / 2) > (reach->half - BEND_DOUBT) * all;
}

/* The same points, but that what is written without end is @share. */
static void fit_within(const struct points *points, double share, double slope, struct fit *ret)
{
    /* What is written more slowly than if this slope were all of it is not written. */
    double slowest = fmax(0.01 / points->longest, SLOW_PART * slope / share);
    struct points all = *points;
    struct shapes shapes = {.count = 0};
    size_t end = all.count++;

    all.seconds[end] = INFINITY;
    all.share[end] = share;
    all.sampled[end] = (1 - share) / (share * REACH_ERROR * REACH_ERROR) + 1;
    add_shapes(&shapes, DIRTY_TERM_DECAY, slowest, 4 / points->shortest, DECAY_STEP, 34);
    fit_shapes(&all, &shapes, ret);
}

/*
 * What the looks saw no end of ends where the population does; or, if it is written in any order,
 * with what is in reach, which is less. Returns how many pages may be written at the most, as a
 * share: what of so many was never met is less than 3 of them, with 95 %.
 */
static double end_middle(struct fit *middle, const struct points *points,
                         const struct dirty_looks *looks)
{
    struct dirty_reach reach = dirty_reach_find(looks);
    double share = reach.pages / (double)looks->population;
    bool is_known = is_random(&reach, &middle->mix, points->longest);
    double most = is_known ? fmin(1, REACH_DOUBT * share + 3 / reach.changed) : 1;
    double slope = take_slow(&middle->mix, points->longest), end = all_shares(&middle->mix);
    struct fit within = {.mix = {.term_count = 0}};

    if (is_known && (slope > 0 ? 1 : end) > share) {
        fit_within(points, share, slope, &within);
        if (within.misfit < middle->misfit + MUCH_WORSE && all_shares(&within.mix) <= 1) {
            middle->mix = within.mix;
            return most;
        }
    }
    end_straight(&middle->mix, slope, 1);
    return most;
}

/* Is there no shorter pair that begins with it? Then its looks are neighbours. */
static bool is_neighbours(const struct points *points, size_t i)
{
    for (size_t j = 0; j < points->count; j++) {
        if (points->begin[j] == points->begin[i] && points->seconds[j] < points->seconds[i])
            return false;
    }
    return true;
}

/* What happened between neighbours is independent of the others, but for which pages were drawn. */
static double measure_dispersion(const struct points *points, const struct dirty_mix *mix)
{
    double chi2 = 0, count = 0;

    for (size_t i = 0; i < points->count; i++) {
        if (!is_neighbours(points, i))
            continue;
        double share = dirty_mix_pages(mix, points->seconds[i]);
        double error = points->share[i] - share;
        chi2 += error * error / variance(share, points->sampled[i]);
        count++;
    }
    /* Below the 99 % quantile of chi2 (Wilson and Hilferty 1931) it may well be chance. */
    double root = count > 0 ? 1 - 2 / (9 * count) + 2.326 * sqrt(2 / (9 * count)) : 1;
    return count < 2 || chi2 <= count * root * root * root ? 1 : chi2 / (count - 1);
}

/* Wilson's interval; the dispersion multiplies the binomial part of its variance. */
static void share_bounds(double share, double n, double dispersion, double *ret_low,
                         double *ret_high)
{
    double z = dispersion > 1 ? Z_DISPERSED : Z;
    double centre = (share + z * z / (2 * n)) / (1 + z * z / n);
    double variance_n = dispersion * share * (1 - share) / n + z * z / (4 * n * n);
    double half = z / (1 + z * z / n) * sqrt(variance_n);

    *ret_low = share <= 0 ? 0 : fmax(0, centre - half);
    *ret_high = fmin(1, centre + half);
}

/* What is written at the most per second after the longest pair: a curve that never bends upwards
 * does not go up faster than it did before. Chance is counted in, as for a share. */
static double steepest_end(const struct dirty_curve *curve, double sampled)
{
    double longest = curve->longest_s, low, high;
    double share = dirty_mix_pages(&curve->middle, longest) -
                   dirty_mix_pages(&curve->middle, (1 - END_PART) * longest);

    share_bounds(fmin(1, fmax(0, share)), sampled, curve->dispersion, &low, &high);
    return high / (END_PART * longest);
}

/* Mixtures along the ends of the interval. The lower one is of groups that end by then; what goes
 * on in the upper one does up to @most shares. */
static void fit_bounds(struct dirty_curve *curve, const struct points *points, double most)
{
    double seconds[GRID_POINTS], low[GRID_POINTS], high[GRID_POINTS], weight[GRID_POINTS];
    double shortest = curve->shortest_s, longest = curve->longest_s;
    double slope = steepest_end(curve, points->most);
    struct shapes slow = {.count = 0}, fast = {.count = 0};
    struct nnls_problem problem;

    for (int i = 0; i < GRID_POINTS; i++) {
        seconds[i] = shortest * pow(longest / shortest, i / (double)(GRID_POINTS - 1));
        double share = fmin(1, dirty_mix_pages(&curve->middle, seconds[i]));
        double sampled = seconds[i] < points->most_s ? points->fewest : points->most;
        share_bounds(share, sampled, curve->dispersion, &low[i], &high[i]);
        weight[i] = 1 / ((high[i] - low[i]) * (high[i] - low[i]));
        high[i] = fmax(0, high[i] - slope * seconds[i]);
    }
    add_shapes(&slow, DIRTY_TERM_DECAY, 3 / longest, 3 / shortest, DECAY_STEP, 26);
    add_shapes(&slow, DIRTY_TERM_RAMP, 1 / longest, 1 / shortest, RAMP_STEP, 34);
    solve_shapes(&slow, &problem, seconds, low, weight, GRID_POINTS, &curve->low);

    add_shapes(&fast, DIRTY_TERM_DECAY, 2 / longest, 20 / shortest, DECAY_STEP, 26);
    add_shapes(&fast, DIRTY_TERM_RAMP, 1 / longest, 1 / shortest, RAMP_STEP, 34);
    solve_shapes(&fast, &problem, seconds, high, weight, GRID_POINTS, &curve->high);
    end_straight(&curve->high, slope + take_slow(&curve->high, longest), most);
}

static void scale_mix(struct dirty_mix *mix, double population)
{
    for (size_t i = 0; i < mix->term_count; i++)
        mix->terms[i].pages *= population;
}

static double slope_at_0(const struct dirty_mix *mix)
{
    double sum = 0;

    for (size_t i = 0; i < mix->term_count; i++)
        sum += mix->terms[i].pages * mix->terms[i].per_s;
    return sum;
}

static uint32_t take_flags(const struct dirty_looks *looks)
{
    uint32_t flags = 0;

    if ((looks->flags & DIRTY_LOOKS_LOAD_CHANGED) != 0)
        flags |= DIRTY_CURVE_LOAD_CHANGED;
    if ((looks->flags & DIRTY_LOOKS_STOPPED) != 0)
        flags |= DIRTY_CURVE_STOPPED;
    if (looks->page_bytes_dirty > 4096)
        flags |= DIRTY_CURVE_COARSE;
    return flags;
}

static void take_places(struct dirty_curve *curve, const struct dirty_looks *looks)
{
    double sampled = 0, changed = 0;

    for (int i = 0; i < DIRTY_PLACES; i++) {
        sampled += looks->places[i].sampled;
        changed += fmin(looks->places[i].changed, looks->places[i].sampled);
    }
    for (int i = 0; i < DIRTY_PLACES && sampled > 0; i++) {
        const struct dirty_place *place = &looks->places[i];
        curve->resident_at[i] = place->sampled / sampled;
        curve->written_at[i] =
            changed > 0 ? fmin(place->changed, place->sampled) / changed : place->sampled / sampled;
    }
}

/* No vCPU ran and nothing changed: there is no doubt about a rate of 0. */
static bool is_standstill(const struct points *points, const struct dirty_looks *looks)
{
    for (size_t i = 0; i < points->count; i++)
        if (points->share[i] > 0)
            return false;
    return (looks->flags & DIRTY_LOOKS_STOPPED) != 0;
}

int dirty_curve_fit(struct dirty_curve *ret, const struct dirty_looks *looks, struct error *err)
{
    struct points points;
    struct fit fit = {.mix = {.term_count = 0}};
    struct dirty_curve curve = {
        .population = (double)looks->population,
        .newly_touched_per_s = fmax(0, looks->newly_touched_per_s),
        .dispersion = 1,
        .flags = take_flags(looks),
    };

    int result = take_points(&points, looks, err);
    if (result == -ENODATA && looks->population == 0) {
        *ret = curve;
        return 0;
    }
    if (result < 0)
        return result;
    curve.shortest_s = points.shortest;
    curve.longest_s = points.longest;
    curve.sampled = points.fewest;
    take_places(&curve, looks);
    if (is_standstill(&points, looks)) {
        *ret = curve;
        return 0;
    }
    fit_best(&points, &fit);
    curve.middle = fit.mix;
    curve.dispersion = measure_dispersion(&points, &curve.middle);
    if (curve.dispersion >= BURSTY)
        curve.flags |= DIRTY_CURVE_BURSTY;
    fit_bounds(&curve, &points, end_middle(&fit, &points, looks));
    curve.middle = fit.mix;
    scale_mix(&curve.low, curve.population);
    scale_mix(&curve.middle, curve.population);
    scale_mix(&curve.high, curve.population);
    curve.initial_per_s = slope_at_0(&curve.middle) + curve.newly_touched_per_s;
    *ret = curve;
    return 0;
}

struct dirty_estimate dirty_curve_at(const struct dirty_curve *curve, double seconds)
{
    double newly = curve->newly_touched_per_s * seconds;
    double middle = fmin(curve->population, dirty_mix_pages(&curve->middle, seconds));
    double low = fmin(middle, dirty_mix_pages(&curve->low, seconds));
    double high = fmax(middle, fmin(curve->population, dirty_mix_pages(&curve->high, seconds)));

    return (struct dirty_estimate){
        .pages = middle + newly,
        .low = low + newly,
        .high = high + newly,
        .is_extrapolated = seconds < curve->shortest_s || seconds > curve->longest_s,
    };
}

struct dirty_estimate dirty_curve_rate(const struct dirty_curve *curve)
{
    return dirty_curve_at(curve, 1);
}
