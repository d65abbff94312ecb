// SPDX-License-Identifier: MIT
#include <math.h>
#include <string.h>

#include "core/forecast/forecast_rounds_internal.h"
#include "core/forecast/forecast_throttle.h"

#define NOTHING 0.5 /* pages: expected numbers hardly ever are 0 */
/* So many syncs without coming nearer to the end, and it never ends: these, and two for each
 * quantum of the downtime, since what is left is walked through once in as many. */
#define STALE_SYNCS        20
#define SYNCS_MOST         3000 /* likewise */
#define NEARER             0.999
#define FORCED_S           5.0  /* cpu-throttle.c: CPU_THROTTLE_DIRTY_SYNC_TIMESLICE_MS */
#define MAX_WAIT_S         0.05 /* ram.c: MAX_WAIT */
#define PERIOD_S           1.0  /* ram.c: migration_bitmap_sync */
#define TRIGGER            0.5  /* migration/options.c: throttle-trigger-threshold, 50 % */
#define TRIGGER_HITS       2    /* ram.c: dirty_rate_high_cnt */
#define THROTTLE_INITIAL   0.20 /* migration/options.c: cpu-throttle-initial */
#define THROTTLE_INCREMENT 0.10 /* cpu-throttle-increment */
#define THROTTLE_MOST      0.99 /* max-cpu-throttle */

static void begin_costs(struct rounds *rounds)
{
    const struct forecast_settings *settings = rounds->walk->settings;
    const struct forecast_costs *costs = rounds->walk->costs;
    double threads = settings->mode == FORECAST_MULTIFD ? fmax(1, settings->channels) : 1;
    double checkers = forecast_settings_is_parallel(settings) ? threads : 1;

    rounds->normal_wire = forecast_settings_wire(settings, false);
    rounds->zero_wire = forecast_settings_wire(settings, true);
    rounds->normal_s = costs->normal_page_s / threads;
    rounds->zero_s = costs->zero_page_s / checkers;
    rounds->untouched_s = costs->untouched_page_s / checkers;
    if (settings->zero_detection == FORECAST_ZERO_NONE) {
        /* An untouched one costs no more than another: 0.65 to 0.76 us of 0.87 to 1.09 were seen.
         */
        rounds->zero_s = rounds->untouched_s = rounds->normal_s;
    }
    rounds->link = fmax(settings->link_bandwidth, settings->bandwidth);
    rounds->budget = settings->bandwidth * costs->quantum_s;
    rounds->over = settings->mode == FORECAST_MULTIFD
                       ? costs->over_multifd_bytes + threads * costs->packet_bytes
                       : costs->over_bytes;
}

static void begin(struct rounds *rounds)
{
    begin_costs(rounds);
    forecast_slices_begin(rounds);
    rounds->course->syncs = 1;
    rounds->next_forced = FORCED_S;
    rounds->best = INFINITY;
    rounds->pace = 1;
}

static void pass_time(struct rounds *rounds, double seconds)
{
    rounds->now += seconds;
    rounds->guest += seconds * rounds->pace;
}

/* Who writes twice as fast is twice as busy with it. */
static void set_pace(struct rounds *rounds)
{
    const struct forecast_walk *walk = rounds->walk;
    double busy = walk->vcpu_busy * walk->speed;

    if (busy > 0)
        busy += rounds->watched_per_s * walk->costs->watched_page_s;
    rounds->pace = forecast_throttle_pace(rounds->course->throttle, busy);
}

static void throttle(struct rounds *rounds)
{
    double sent = rounds->bytes - rounds->period_bytes;
    double *part = &rounds->course->throttle;

    rounds->is_below_trigger = rounds->period_dirtied * FORECAST_PAGE_BYTES <= TRIGGER * sent;
    if (!rounds->walk->settings->auto_converge || rounds->is_below_trigger ||
        ++rounds->period_hits < TRIGGER_HITS)
        return;
    rounds->period_hits = 0;
    if (*part < THROTTLE_MOST)
        rounds->stale = 0; /* a slower guest is another one */
    *part = *part > 0 ? fmin(THROTTLE_MOST, *part + THROTTLE_INCREMENT) : THROTTLE_INITIAL;
}

static void sync(struct rounds *rounds)
{
    struct forecast_course *course = rounds->course;
    const struct forecast_walk *walk = rounds->walk;
    double since_sync;

    pass_time(rounds, walk->costs->sync_page_s * (walk->untouched + walk->zero + walk->nonzero));
    since_sync = rounds->guest - rounds->guest_sync;
    double found = forecast_slices_sync(rounds);
    rounds->period_dirtied += found;
    if (since_sync > 0)
        rounds->watched_per_s = found / since_sync;
    if (course->syncs == 1)
        course->first_round_s = rounds->now;
    course->longest_round_s = fmax(course->longest_round_s, since_sync);
    course->syncs++;
    if (rounds->now > rounds->period_begin + PERIOD_S) {
        throttle(rounds);
        rounds->period_begin = rounds->now;
        rounds->period_bytes = rounds->bytes;
        rounds->period_dirtied = 0;
    }
    set_pace(rounds);
}

/* --- sending ---------------------------------------------------------------------------------- */

static struct way way_of(const struct rounds *rounds, const struct slice *slice, enum part part)
{
    struct way way = {.pages = 0};

    if (part == UNTOUCHED) {
        way.pages = slice->untouched * slice->left[UNTOUCHED];
        way.bytes = rounds->zero_wire;
        way.cpu_s = rounds->untouched_s;
    } else {
        double normal = slice->normal + slice->groups, all = normal + slice->zero;
        way.pages = fmax(0, all * slice->left[MIXED] - slice->behind);
        if (all > 0) {
            way.bytes = (normal * rounds->normal_wire + slice->zero * rounds->zero_wire) / all;
            way.cpu_s = (normal * rounds->normal_s + slice->zero * rounds->zero_s) / all;
        }
    }
    way.seconds = fmax(way.bytes / rounds->link, way.cpu_s);
    return way;
}

static void send(struct rounds *rounds, struct slice *slice, enum part part, const struct way *way,
                 double pages)
{
    double ahead = way->pages > 0 ? fmin(1, pages / way->pages) : 1;
    double all = part == MIXED ? way->pages + slice->behind : way->pages;

    if (part == MIXED)
        rounds->position += (1 - rounds->position) * ahead;
    slice->left[part] = pages >= all ? 0 : slice->left[part] * (1 - pages / all);
    rounds->bytes += pages * way->bytes;
    rounds->quantum_bytes += pages * way->bytes;
    rounds->course->cpu_s += pages * way->cpu_s;
    rounds->course->wire_s += pages * way->bytes / rounds->walk->settings->bandwidth;
}

/*
 * What may be sent in a quantum, while such pages are: what is on its way already when that is
 * found to be reached goes on top. That is so many pages, zero ones among them. But no link gives
 * more than it has.
 */
static double budget_of(const struct rounds *rounds, const struct way *way)
{
    double share =
        rounds->normal_wire > rounds->zero_wire
            ? (way->bytes - rounds->zero_wire) / (rounds->normal_wire - rounds->zero_wire)
            : 1;

    return fmin(rounds->budget + fmax(0, share) * rounds->over,
                fmax(rounds->budget, rounds->link * rounds->walk->costs->quantum_s));
}

/* The part that comes next, if anything is left; its chunk's log is cleared now. */
static bool find_next(struct rounds *rounds, enum part *ret)
{
    for (size_t i = 0; i <= rounds->slice_count; i++) {
        struct slice *slice = &rounds->slices[rounds->cursor];
        for (int part = 0; part < PART_COUNT; part++) {
            if (way_of(rounds, slice, (enum part)part).pages <= 0)
                continue;
            if (slice->cleared < 0)
                forecast_slices_clear(rounds, slice->chunk);
            *ret = (enum part)part;
            return true;
        }
        slice->behind = 0; /* until it comes to it again */
        rounds->position = 0;
        rounds->cursor = (rounds->cursor + 1) % rounds->slice_count;
    }
    return false;
}

static void end_quantum(struct rounds *rounds)
{
    double seconds = rounds->now - rounds->quantum_begin;

    rounds->threshold = rounds->quantum_bytes / seconds * rounds->walk->settings->downtime_limit_s;
    rounds->quantum_begin = rounds->now;
    rounds->quantum_bytes = 0;
}

/* Many quanta at once, where all are alike and none of them can be the one that ends the round. */
static void skip_quanta(struct rounds *rounds, struct slice *slice, enum part part,
                        const struct way *way)
{
    double quantum = rounds->walk->costs->quantum_s;
    double bytes = budget_of(rounds, way);
    double pages = fmin(quantum / way->seconds, way->bytes > 0 ? bytes / way->bytes : INFINITY);
    double threshold = pages * way->bytes / quantum * rounds->walk->settings->downtime_limit_s;
    double spare =
        forecast_slices_left(rounds) - fmax(threshold, rounds->threshold) / FORECAST_PAGE_BYTES;
    double count = floor(fmin(way->pages, spare) / pages) - 1;

    if (rounds->walk->settings->auto_converge)
        count = fmin(count, floor((rounds->next_forced - rounds->now) / quantum));
    if (count < 2)
        return;
    send(rounds, slice, part, way, pages * count);
    pass_time(rounds, quantum * count);
    rounds->quantum_bytes = pages * way->bytes;
    rounds->quantum_begin = rounds->now - quantum;
    end_quantum(rounds);
}

/* Sends until what may be sent in 100 ms was sent, and sleeps until they are over; or until they
 * are over, 50 ms have passed, or nothing is left. */
static void run_quantum(struct rounds *rounds)
{
    double quantum = rounds->walk->costs->quantum_s;
    double begin = rounds->now;
    enum part part;

    while (find_next(rounds, &part)) {
        struct slice *slice = &rounds->slices[rounds->cursor];
        struct way way = way_of(rounds, slice, part);
        if (rounds->quantum_bytes <= 0 && rounds->now <= rounds->quantum_begin) {
            skip_quanta(rounds, slice, part, &way);
            way = way_of(rounds, slice, part);
            begin = rounds->now;
        }
        double end = rounds->quantum_begin + quantum, wait = begin + MAX_WAIT_S;
        double time = fmax(0, fmin(end, wait) - rounds->now);
        double timely = way.seconds > 0 ? time / way.seconds : INFINITY;
        double allowed =
            way.bytes > 0 ? fmax(0, (budget_of(rounds, &way) - rounds->quantum_bytes) / way.bytes)
                          : INFINITY;
        double most = fmin(timely, allowed);
        if (way.pages < most) {
            send(rounds, slice, part, &way, way.pages);
            pass_time(rounds, way.pages * way.seconds);
            continue;
        }
        send(rounds, slice, part, &way, most);
        if (allowed <= timely || wait >= end) {
            pass_time(rounds, fmax(0, end - rounds->now));
            end_quantum(rounds);
        } else {
            pass_time(rounds, time);
        }
        return;
    }
    if (rounds->now >= rounds->quantum_begin + quantum)
        end_quantum(rounds);
}

/* --- the whole -------------------------------------------------------------------------------- */

static void complete(struct rounds *rounds)
{
    const struct forecast_costs *costs = rounds->walk->costs;
    struct forecast_course *course = rounds->course;
    double before_s;

    pass_time(rounds, costs->late_s);
    before_s = rounds->now;
    sync(rounds);
    course->left_pages = forecast_slices_left(rounds);
    for (size_t c = 0; c < rounds->slice_count; c++) {
        for (int part = 0; part < PART_COUNT; part++) {
            rounds->slices[c].behind = 0;
            struct way way = way_of(rounds, &rounds->slices[c], (enum part)part);
            send(rounds, &rounds->slices[c], (enum part)part, &way, way.pages);
            pass_time(rounds, way.pages * way.seconds);
        }
    }
    course->downtime_s = rounds->now - before_s + costs->stop_s + costs->fixed_bytes / rounds->link;
    course->total_s = costs->setup_s + before_s + course->downtime_s;
    course->bytes = rounds->bytes + costs->fixed_bytes;
    course->threshold_pages = rounds->threshold / FORECAST_PAGE_BYTES;
    course->converges = true;
}

/* Has it come nearer to the end than ever before, or may it still? */
static bool may_end(struct rounds *rounds, double left)
{
    struct forecast_course *course = rounds->course;
    double ratio = left * FORECAST_PAGE_BYTES / fmax(1, rounds->threshold);
    bool is_nearer = ratio < rounds->best * NEARER;

    if (is_nearer) {
        rounds->best = ratio;
        course->left_pages = left;
        course->threshold_pages = rounds->threshold / FORECAST_PAGE_BYTES;
    }
    rounds->stale = is_nearer ? 0 : rounds->stale + 1;
    bool is_slower = rounds->walk->settings->auto_converge && course->throttle < THROTTLE_MOST &&
                     !rounds->is_below_trigger;
    double patience =
        STALE_SYNCS + 2 * rounds->walk->settings->downtime_limit_s / rounds->walk->costs->quantum_s;
    return course->syncs < SYNCS_MOST && (rounds->stale < patience || is_slower);
}

/* False: it never ends. */
static bool force_sync(struct rounds *rounds)
{
    bool may = true;

    if (!rounds->walk->settings->auto_converge || rounds->now < rounds->next_forced)
        return true;
    if (rounds->course->syncs > 1 && rounds->course->syncs <= rounds->syncs_at_forced) {
        sync(rounds);
        may = may_end(rounds, forecast_slices_left(rounds));
    }
    rounds->syncs_at_forced = rounds->course->syncs;
    rounds->next_forced = (floor(rounds->now / FORCED_S) + 1) * FORCED_S;
    return may;
}

static bool is_below(const struct rounds *rounds, double left)
{
    return left < NOTHING || left * FORECAST_PAGE_BYTES < rounds->threshold;
}

void forecast_rounds_walk(const struct forecast_walk *walk, struct forecast_course *ret)
{
    struct rounds rounds;

    memset(ret, 0, sizeof(*ret));
    memset(&rounds, 0, sizeof(rounds));
    rounds.walk = walk;
    rounds.course = ret;
    begin(&rounds);
    for (;;) {
        double left = forecast_slices_left(&rounds);
        if (is_below(&rounds, left)) {
            if (rounds.threshold <= 0)
                break; /* before there is a threshold, nothing left is enough */
            sync(&rounds);
            left = forecast_slices_left(&rounds);
            if (is_below(&rounds, left))
                break;
            if (!may_end(&rounds, left))
                return;
        }
        run_quantum(&rounds);
        if (!force_sync(&rounds))
            return;
    }
    complete(&rounds);
}
