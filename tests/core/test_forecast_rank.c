// SPDX-License-Identifier: MIT
/* Which VM is cheaper to migrate, the curve as a table, and what would make a migration end. */
#include "core/forecast/forecast_rank.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/forecast/forecast_remedy.h"
#include "core/forecast/forecast_times.h"

static struct forecast forecast(enum forecast_converges converges, double total_s, double bytes,
                                double margin)
{
    return (struct forecast){.converges = (uint8_t)converges,
                             .total_s = {total_s, total_s, total_s},
                             .bytes = {bytes, bytes, bytes},
                             .margin = {margin, margin, margin}};
}

static void the_cheapest_comes_first_and_what_is_not_known_last(void **state)
{
    const struct forecast order[] = {
        forecast(FORECAST_DOES, 1, 100, 30),
        forecast(FORECAST_DOES, 1, 200, 30),    /* as long, but more is sent */
        forecast(FORECAST_DOES, 9, 100, 2),     /* longer */
        forecast(FORECAST_UNSURE, 2, 100, 1.1), /* it may end, and soon */
        forecast(FORECAST_UNSURE, 3, 100, 1.05),
        forecast(FORECAST_UNSURE, INFINITY, INFINITY, 0.9), /* on average it does not */
        forecast(FORECAST_DOES_NOT, INFINITY, INFINITY, 0.5),
        forecast(FORECAST_DOES_NOT, INFINITY, INFINITY, 0.1),
        forecast(FORECAST_UNSURE, 0.5, 10, 30), /* void: what it says is nothing */
        {.converges = FORECAST_UNSURE},         /* not known */
    };
    enum { COUNT = sizeof(order) / sizeof(order[0]) };
    struct forecast_ranked ranked[COUNT];

    (void)state;
    for (size_t i = 0; i < COUNT; i++)
        ranked[i] = (struct forecast_ranked){i < COUNT - 1 ? &order[i] : NULL, i == COUNT - 2};
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t j = 0; j < COUNT; j++) {
            int result = forecast_rank_compare(&ranked[i], &ranked[j]);
            if ((i < j && result >= 0) || (i > j && result <= 0) || (i == j && result != 0))
                fail_msg("%zu and %zu: %d", i, j, result);
        }
    }
}

static struct dirty_curve curve_until(double longest_s)
{
    struct dirty_curve curve = {.population = 1000,
                                .sampled = 1000,
                                .shortest_s = 0.1,
                                .longest_s = longest_s,
                                .dispersion = 1};

    curve.middle.terms[0] = (struct dirty_term){DIRTY_TERM_RAMP, 1000, 0.1};
    curve.middle.term_count = 1;
    curve.low = curve.high = curve.middle;
    return curve;
}

static void the_table_goes_to_a_minute_and_as_far_as_was_looked(void **state)
{
    struct forecast_point points[FORECAST_TIMES_MOST];
    const struct dirty_curve shortly = curve_until(3.2), for_long = curve_until(700);
    size_t count = forecast_times_table(points, &shortly);

    (void)state;
    assert_int_equal(count, 9);
    assert_true(points[0].seconds == 0.1 && points[count - 1].seconds == 60);
    assert_true(fabs(points[0].dirty.pages - 10) < 1e-6);
    assert_false(points[4].dirty.is_extrapolated); /* 2 s */
    assert_true(points[5].dirty.is_extrapolated);  /* 5 s */
    count = forecast_times_table(points, &for_long);
    assert_true(points[count - 1].seconds == 600);
    for (size_t i = 1; i < count; i++)
        assert_true(points[i].seconds > points[i - 1].seconds &&
                    points[i].dirty.pages >= points[i - 1].dirty.pages);
}

/* All of @set pages are written again within a second, at random. */
static struct forecast_seen seen_of(double set, double per_s)
{
    struct forecast_seen seen = {.pages = {.untouched = 0, .resident = 262144},
                                 .curve = {.population = 262144,
                                           .sampled = 16384,
                                           .shortest_s = 0.1,
                                           .longest_s = 3.2,
                                           .dispersion = 1,
                                           .initial_per_s = set * per_s}};

    seen.curve.middle.terms[0] = (struct dirty_term){DIRTY_TERM_DECAY, set, per_s};
    seen.curve.middle.term_count = 1;
    seen.curve.low = seen.curve.high = seen.curve.middle;
    return seen;
}

/* Of each remedy: with what it says it ends, with a third less it does not. */
static void what_makes_a_migration_end_does_so_and_less_does_not(void **state)
{
    const struct forecast_seen seen = seen_of(60000, 2);
    struct forecast_settings settings = forecast_settings_default;
    struct forecast_remedy remedy;
    struct forecast forecast;

    (void)state;
    assert_int_equal(forecast_of_seen(&forecast, &seen, &settings, NULL), 0);
    assert_int_equal(forecast.converges, FORECAST_DOES_NOT);
    assert_int_equal(forecast_remedy_find(&remedy, &seen, &settings, NULL), 0);
    assert_true(remedy.bandwidth > settings.bandwidth);
    assert_true(remedy.downtime_limit_s > settings.downtime_limit_s);
    for (int i = 0; i < 4; i++) {
        struct forecast_settings other = settings;
        double part = i % 2 == 0 ? 1 : 0.67;
        if (i < 2)
            other.bandwidth = remedy.bandwidth * part;
        else
            other.downtime_limit_s = remedy.downtime_limit_s * part;
        assert_int_equal(forecast_of_seen(&forecast, &seen, &other, NULL), 0);
        assert_int_equal(forecast.converges == FORECAST_DOES, part == 1);
    }
    settings.auto_converge = true;
    assert_int_equal(forecast_of_seen(&forecast, &seen, &settings, NULL), 0);
    assert_int_equal(remedy.auto_converge, forecast.converges == FORECAST_DOES);
}

static void what_nothing_makes_end_has_no_remedy(void **state)
{
    const struct forecast_seen seen = seen_of(262144, 200);
    struct forecast_settings settings = forecast_settings_default;
    struct forecast_remedy remedy;

    (void)state;
    settings.bandwidth = 1e5;
    settings.downtime_limit_s = 0.01;
    assert_int_equal(forecast_remedy_find(&remedy, &seen, &settings, NULL), 0);
    assert_true(remedy.bandwidth == 0 && remedy.downtime_limit_s == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_cheapest_comes_first_and_what_is_not_known_last),
        cmocka_unit_test(what_makes_a_migration_end_does_so_and_less_does_not),
        cmocka_unit_test(what_nothing_makes_end_has_no_remedy),
        cmocka_unit_test(the_table_goes_to_a_minute_and_as_far_as_was_looked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
