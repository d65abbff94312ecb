// SPDX-License-Identifier: MIT
/* What auto-converge takes from guests that are busy for a part of their time. */
#include "core/forecast/forecast_throttle.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/forecast/forecast_model.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define SET          100000.0 /* pages */

static void guest_loses_what_does_not_fit_between_the_sleeps(void **state)
{
    static const struct {
        double throttle, busy, pace;
    } cases[] = {
        {0, 0, 1},     {0, 1, 1},       {0.8, 1, 0.2},           {0.8, 0.4, 0.5},
        {0.8, 0.2, 1}, {0.8, 0.1, 1},   {0.2, 0.81, 0.8 / 0.81}, {0.99, 0.5, 0.02},
        {0.8, 0, 0.2}, {0.99, 7, 0.01},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        double pace = forecast_throttle_pace(cases[i].throttle, cases[i].busy);
        if (fabs(pace - cases[i].pace) > 1e-9)
            fail_msg("case %zu: %g", i, pace);
    }
}

/* One that writes @per_s pages of a set at random, over 125 MB/s: 30,000 pages a second. */
static struct dirty_curve curve_of(double per_s)
{
    struct dirty_curve curve = {.population = SET,
                                .sampled = SET,
                                .shortest_s = 0.1,
                                .longest_s = 100,
                                .dispersion = 1,
                                .initial_per_s = per_s};

    curve.middle.terms[0] = (struct dirty_term){DIRTY_TERM_DECAY, SET, per_s / SET};
    curve.middle.term_count = 1;
    curve.low = curve.high = curve.middle;
    return curve;
}

static struct forecast_input input_of(const struct dirty_curve *curve, double busy)
{
    struct forecast_input input = {
        .pages = {100000, 200000, 50000, 50000, 50000},
        .curve = curve,
        .vcpu_busy = busy,
        .settings = forecast_settings_default,
        .costs = forecast_costs_default,
    };

    input.settings.auto_converge = true;
    input.costs.watched_page_s = 0;
    return input;
}

static struct forecast make(const struct forecast_input *input)
{
    struct forecast forecast;
    struct error err = {.code = 0};

    if (forecast_make(&forecast, input, &err) != 0)
        fail_msg("%s", err.msg);
    return forecast;
}

static void guest_that_is_always_busy_is_as_one_of_which_nothing_is_known(void **state)
{
    const struct dirty_curve curve = curve_of(60000);
    struct forecast_input input = input_of(&curve, 0);

    (void)state;
    const struct forecast not_known = make(&input);
    input.vcpu_busy = 1;
    const struct forecast busy = make(&input);
    assert_int_equal(not_known.converges, FORECAST_DOES);
    assert_int_equal(busy.converges, FORECAST_DOES);
    assert_true(not_known.throttle == busy.throttle && busy.throttle < 0.8);
    assert_true(not_known.total_s.value == busy.total_s.value);
    assert_true(not_known.bytes.value == busy.bytes.value);
    assert_true((not_known.reasons & FORECAST_BUSY_UNKNOWN) != 0);
    assert_true((busy.reasons & FORECAST_BUSY_UNKNOWN) == 0);
}

/* A fifth of the time: the first throttle that helps is 90 %. */
static void guest_that_catches_up_is_held_back_for_longer(void **state)
{
    const struct dirty_curve curve = curve_of(60000);
    struct forecast_input input = input_of(&curve, 1);

    (void)state;
    const struct forecast busy = make(&input);
    input.vcpu_busy = 0.2;
    const struct forecast idler = make(&input);
    assert_int_equal(idler.converges, FORECAST_DOES);
    assert_true(idler.throttle >= 0.9 && busy.throttle < 0.8);
    assert_true(idler.total_s.value > 1.5 * busy.total_s.value);
    /* one that does not catch up is not slower than one that is busy */
    assert_true(idler.total_s.low <= busy.total_s.value);
    assert_true(idler.total_s.high >= idler.total_s.value);
}

/* KVM logs writes: 60,000 faults a second of 20 us, less those to pages that were found already. */
static void guest_is_busy_with_being_watched_too(void **state)
{
    const struct dirty_curve curve = curve_of(60000);
    struct forecast_input input = input_of(&curve, 0.05);

    (void)state;
    const struct forecast unseen = make(&input);
    input.costs.watched_page_s = 20e-6;
    const struct forecast watched = make(&input);
    assert_true(watched.throttle < unseen.throttle);
    assert_true(watched.total_s.value < unseen.total_s.value);
    input.vcpu_busy = 0; /* nothing is added to what is not known */
    const struct forecast not_known = make(&input);
    input.costs.watched_page_s = 0;
    assert_true(make(&input).total_s.value == not_known.total_s.value);
}

/* It is held back more every 2 s, but a pass over 14,000 pages takes 0.6 s at 64 MB/s: many passes
 * bring it no nearer to the end, and then one does. */
static void guest_is_not_given_up_while_it_is_held_back_more_and_more(void **state)
{
    struct dirty_curve curve = curve_of(30000);
    struct forecast_input input = input_of(&curve, 0.13);

    (void)state;
    curve.middle.terms[0] = (struct dirty_term){DIRTY_TERM_DECAY, 14000, 30000.0 / 14000};
    curve.low = curve.high = curve.middle;
    input.pages = (struct forecast_pages){5000, 60000, 30000, 30000, 30000};
    input.settings.bandwidth = 64e6;
    input.settings.downtime_limit_s = 0.126;
    const struct forecast f = make(&input);
    assert_int_equal(f.converges, FORECAST_DOES);
    assert_true(f.throttle >= 0.9 && f.total_s.value > 15);
}

static void without_auto_converge_it_makes_no_difference(void **state)
{
    const struct dirty_curve curve = curve_of(20000);
    struct forecast_input input = input_of(&curve, 0);

    (void)state;
    input.settings.auto_converge = false;
    const struct forecast not_known = make(&input);
    input.vcpu_busy = 0.1;
    const struct forecast known = make(&input);
    assert_true(known.total_s.value == not_known.total_s.value);
    assert_true(known.total_s.low == not_known.total_s.low);
    assert_true(known.margin.value == not_known.margin.value);
    assert_int_equal(known.reasons, not_known.reasons);
}

static void share_that_cannot_be_is_refused(void **state)
{
    static const double bad[] = {-0.1, 1.01, NAN, INFINITY};
    const struct dirty_curve curve = curve_of(20000);

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        const struct forecast_input input = input_of(&curve, bad[i]);
        struct forecast forecast;
        struct error err = {.code = 0};
        assert_int_equal(forecast_make(&forecast, &input, &err), -EINVAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guest_loses_what_does_not_fit_between_the_sleeps),
        cmocka_unit_test(guest_that_is_always_busy_is_as_one_of_which_nothing_is_known),
        cmocka_unit_test(guest_that_catches_up_is_held_back_for_longer),
        cmocka_unit_test(guest_is_busy_with_being_watched_too),
        cmocka_unit_test(guest_is_not_given_up_while_it_is_held_back_more_and_more),
        cmocka_unit_test(without_auto_converge_it_makes_no_difference),
        cmocka_unit_test(share_that_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
