// SPDX-License-Identifier: MIT
#include "core/forecast/forecast_model.h"

#include <errno.h>
#include <math.h>

#include "core/forecast/forecast_rounds.h"

#define SPEED_MOST   32.0 /* between its reciprocal and it the margin is looked for */
#define MARGIN_STEPS 6    /* halvings of that, of its logarithm: to 3 % */
#define EDGE_STEPS   3    /* likewise of the margins of the corners: to 24 % */

enum corner { MIDDLE, LOW, HIGH, CORNER_COUNT };

struct corners {
    struct forecast_walk walks[CORNER_COUNT];
    struct forecast_course courses[CORNER_COUNT];
};

static bool is_number(double x)
{
    return isfinite(x) && x >= 0;
}

static int check(const struct forecast_input *input, struct error *err)
{
    const struct forecast_pages *pages = &input->pages;
    const struct forecast_settings *settings = &input->settings;
    const struct forecast_costs *costs = &input->costs;
    const double numbers[] = {
        pages->untouched,
        pages->resident,
        pages->zero,
        pages->zero_low,
        pages->zero_high,
        settings->link_bandwidth,
        settings->bandwidth,
        settings->downtime_limit_s,
        costs->normal_page_s,
        costs->zero_page_s,
        costs->untouched_page_s,
        costs->setup_s,
        costs->stop_s,
        costs->late_s,
        costs->sync_page_s,
        costs->fixed_bytes,
        costs->quantum_s,
        costs->chunk_pages,
        costs->over_bytes,
        costs->over_multifd_bytes,
        costs->packet_bytes,
        costs->watched_page_s,
        input->vcpu_busy,
    };

    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
        if (!is_number(numbers[i]))
            return error_set(err, -EINVAL, "a number of the forecast makes no sense");
    }
    if (input->curve == NULL || pages->zero > pages->resident || pages->zero_low > pages->zero ||
        pages->zero_high < pages->zero || settings->mode >= FORECAST_MODE_COUNT ||
        settings->zero_detection >= FORECAST_ZERO_COUNT || input->vcpu_busy > 1)
        return error_set(err, -EINVAL, "pages or settings of the forecast make no sense");
    if (settings->bandwidth < 1000 || costs->quantum_s < 0.001 || costs->chunk_pages < 1)
        return error_set(err, -EINVAL, "the bandwidth of the forecast is too small");
    return 0;
}

static struct forecast_walk walk_of(const struct forecast_input *input, const struct dirty_mix *mix,
                                    double zero, uint8_t layout)
{
    zero = fmin(zero, input->pages.resident);
    return (struct forecast_walk){
        .mix = mix,
        .curve = input->curve,
        .layout = layout,
        .newly_touched_per_s = input->curve->newly_touched_per_s,
        .untouched = input->pages.untouched,
        .zero = zero,
        .nonzero = input->pages.resident - zero,
        .speed = 1,
        .vcpu_busy = input->vcpu_busy,
        .settings = &input->settings,
        .costs = &input->costs,
    };
}

static bool converges_at(const struct forecast_walk *walk, double speed)
{
    struct forecast_walk other = *walk;
    struct forecast_course course;

    other.speed = speed;
    forecast_rounds_walk(&other, &course);
    return course.converges;
}

/* How many times as fast the guest could write. It converges at any speed below, at none above. */
static double find_margin(const struct forecast_walk *walk, bool converges, int steps)
{
    double low = converges ? 1 : 1 / SPEED_MOST, high = converges ? SPEED_MOST : 1;

    if (converges && converges_at(walk, high))
        return high;
    if (!converges && !converges_at(walk, low))
        return low;
    for (int i = 0; i < steps; i++) {
        double middle = sqrt(low * high);
        if (converges_at(walk, middle))
            low = middle;
        else
            high = middle;
    }
    return sqrt(low * high);
}

static struct forecast_range range_of(double middle, double one, double other)
{
    return (struct forecast_range){
        .value = middle,
        .low = fmin(middle, fmin(one, other)),
        .high = fmax(middle, fmax(one, other)),
    };
}

/* What the model itself leaves open. @free: but no more than half of what is there. */
static void widen(struct forecast_range *range, double free)
{
    range->low = range->low * (1 - FORECAST_OWN) - fmin(free, range->low / 2);
    range->high = range->high * (1 + FORECAST_OWN) + free;
}

static double or_never(const struct forecast_course *course, double value)
{
    return course->converges ? value : INFINITY;
}

static struct forecast_range all_ranges(const struct corners *corners, struct forecast *ret)
{
    const struct forecast_course *m = &corners->courses[MIDDLE], *l = &corners->courses[LOW],
                                 *h = &corners->courses[HIGH];
    double margins[CORNER_COUNT];

    ret->bytes = range_of(or_never(m, m->bytes), or_never(l, l->bytes), or_never(h, h->bytes));
    ret->rounds =
        range_of(or_never(m, m->syncs - 1), or_never(l, l->syncs - 1), or_never(h, h->syncs - 1));
    ret->total_s =
        range_of(or_never(m, m->total_s), or_never(l, l->total_s), or_never(h, h->total_s));
    widen(&ret->bytes, 0);
    widen(&ret->total_s, corners->walks[MIDDLE].costs->quantum_s);
    ret->downtime_ms = range_of(or_never(m, 1e3 * m->downtime_s), or_never(l, 1e3 * l->downtime_s),
                                or_never(h, 1e3 * h->downtime_s));
    for (int i = 0; i < CORNER_COUNT; i++)
        margins[i] = find_margin(&corners->walks[i], corners->courses[i].converges,
                                 i == MIDDLE ? MARGIN_STEPS : EDGE_STEPS);
    return range_of(margins[MIDDLE], margins[LOW], margins[HIGH]);
}

static uint8_t verdict(const struct forecast_input *input, const struct corners *corners,
                       const struct forecast_range *margin)
{
    bool converges = corners->courses[MIDDLE].converges;

    if (margin->value > 1 / FORECAST_MARGIN_UNSURE && margin->value < FORECAST_MARGIN_UNSURE)
        return FORECAST_UNSURE;
    if (corners->courses[LOW].converges != converges ||
        corners->courses[HIGH].converges != converges)
        return FORECAST_UNSURE;
    if (!converges && (input->curve->flags & (DIRTY_CURVE_BURSTY | DIRTY_CURVE_LOAD_CHANGED)) != 0)
        return FORECAST_UNSURE;
    if (margin->value < FORECAST_MARGIN_CHANGED &&
        (input->curve->flags & DIRTY_CURVE_LOAD_CHANGED) != 0)
        return FORECAST_UNSURE;
    return converges ? FORECAST_DOES : FORECAST_DOES_NOT;
}

/* Why it does not end: does the guest write faster than is sent, even on the time of a quantum? */
static uint32_t why_not(const struct forecast_input *input)
{
    double quantum = input->costs.quantum_s;
    double dirtied = dirty_curve_at(input->curve, quantum).pages * FORECAST_PAGE_BYTES;
    double steep = input->curve->initial_per_s * quantum * FORECAST_PAGE_BYTES;

    /* A hot set is dirtied over and over: far less of it is distinct than is written. */
    return dirtied < 0.7 * steep ? FORECAST_HOT_SET : FORECAST_TOO_FAST;
}

static uint32_t find_reasons(const struct forecast_input *input, const struct corners *corners,
                             const struct forecast_range *margin)
{
    const struct forecast_course *course = &corners->courses[MIDDLE];
    const struct dirty_curve *curve = input->curve;
    const struct forecast_pages *pages = &input->pages;
    uint32_t reasons = 0;
    const struct {
        bool is_so;
        uint32_t reason;
    } facts[] = {
        {course->converges &&
             pages->untouched + pages->zero > 0.5 * (pages->untouched + pages->resident),
         FORECAST_MOSTLY_ZERO},
        {curve->middle.term_count == 0 && curve->newly_touched_per_s <= 0, FORECAST_QUIET},
        {(curve->flags & DIRTY_CURVE_STOPPED) != 0, FORECAST_STOPPED},
        {(curve->flags & DIRTY_CURVE_BURSTY) != 0, FORECAST_BURSTS},
        {course->converges && course->syncs <= 3, FORECAST_ONE_ROUND},
        {course->converges && course->throttle > 0, FORECAST_THROTTLED},
        {course->converges && course->throttle > 0 && input->vcpu_busy <= 0, FORECAST_BUSY_UNKNOWN},
        {!course->converges, why_not(input)},
        {course->cpu_s > course->wire_s, FORECAST_CPU_BOUND},
        {margin->value > 1 / FORECAST_MARGIN_UNSURE && margin->value < FORECAST_MARGIN_UNSURE,
         FORECAST_NEAR_LIMIT},
        {course->longest_round_s > curve->longest_s && curve->high.term_count > 0,
         FORECAST_EXTRAPOLATED},
        {course->converges && course->downtime_s > input->settings.downtime_limit_s,
         FORECAST_OVER_DOWNTIME},
    };

    for (size_t i = 0; i < sizeof(facts) / sizeof(*facts); i++) {
        if (facts[i].is_so)
            reasons |= facts[i].reason;
    }
    return reasons;
}

static void begin_corners(const struct forecast_input *input, struct forecast_walk *walks)
{
    const struct dirty_curve *curve = input->curve;

    walks[MIDDLE] = walk_of(input, &curve->middle, input->pages.zero, FORECAST_EVENLY);
    walks[LOW] = walk_of(input, &curve->low, input->pages.zero_high, FORECAST_LAST);
    walks[HIGH] = walk_of(input, &curve->high, input->pages.zero_low, FORECAST_FIRST);
    walks[LOW].vcpu_busy = 0; /* does not catch up, at whatever speed */
}

bool forecast_ends(const struct forecast_input *input)
{
    static const enum corner corners[] = {HIGH, LOW};
    struct forecast_walk walks[CORNER_COUNT];

    if (check(input, NULL) < 0)
        return false;
    begin_corners(input, walks);
    double margin = (input->curve->flags & DIRTY_CURVE_LOAD_CHANGED) != 0 ? FORECAST_MARGIN_CHANGED
                                                                          : FORECAST_MARGIN_UNSURE;
    if (!converges_at(&walks[MIDDLE], 1) || !converges_at(&walks[MIDDLE], margin))
        return false;
    for (size_t i = 0; i < sizeof(corners) / sizeof(corners[0]); i++)
        if (!converges_at(&walks[corners[i]], 1))
            return false;
    return true;
}

int forecast_make(struct forecast *ret, const struct forecast_input *input, struct error *err)
{
    struct forecast forecast = {.converges = FORECAST_UNSURE};
    struct corners corners;

    int result = check(input, err);
    if (result < 0)
        return result;
    begin_corners(input, corners.walks);
    for (int i = 0; i < CORNER_COUNT; i++)
        forecast_rounds_walk(&corners.walks[i], &corners.courses[i]);
    forecast.margin = all_ranges(&corners, &forecast);
    forecast.throttle = corners.courses[MIDDLE].throttle;
    forecast.converges = verdict(input, &corners, &forecast.margin);
    forecast.reasons = find_reasons(input, &corners, &forecast.margin);
    *ret = forecast;
    return 0;
}
