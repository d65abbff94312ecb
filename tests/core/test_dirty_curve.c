// SPDX-License-Identifier: MIT
// The curve of the writable working set from looks at guests that write in known ways.
#include "core/forecast/dirty_curve.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/dirty_truth.h"
#include "tests/lib/short_run.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static const double looks_at[] = {0, 0.1, 0.25, 0.5, 1, 1.75, 3, 5};
static const double asked_at[] = {0.05, 0.1, 0.3, 1, 3, 5, 10, 30};

static const struct truth truths[] = {
    {TRUTH_IDLE, 1e6, 1, 0, 1},
    {TRUTH_UNIFORM, 1e6, 250000, 100000, 1},
    {TRUTH_UNIFORM, 1e6, 20000, 100000, 1},
    {TRUTH_UNIFORM, 1e6, 900000, 20000, 1},
    {TRUTH_HOT, 1e6, 400000, 100000, 1},
    {TRUTH_SEQUENTIAL, 1e6, 200000, 100000, 1},
    {TRUTH_SEQUENTIAL, 1e6, 600000, 20000, 1},
    {TRUTH_BURSTS, 1e6, 300000, 50000, 2},
};

static struct dirty_curve fit(const struct dirty_looks *looks)
{
    struct dirty_curve curve;
    struct error err = {.code = 0};

    assert_int_equal(dirty_curve_fit(&curve, looks, &err), 0);
    return curve;
}

static struct dirty_curve look_and_fit(const struct truth *truth, uint64_t sampled, uint64_t seed)
{
    struct dirty_looks looks;

    truth_look(&looks, truth, sampled, looks_at, COUNT(looks_at), &seed);
    return fit(&looks);
}

static void curve_of_known_guests_is_close_and_its_interval_holds(void **state)
{
    const int seeds = short_run("120 of 200 looks at each guest") ? 80 : 200;

    (void)state;
    printf("%-11s %9s %9s |", "pattern", "set", "writes/s");
    for (size_t j = 0; j < COUNT(asked_at); j++)
        printf(" %9.2f s   ", asked_at[j]);
    printf("\n");
    for (size_t i = 0; i < COUNT(truths); i++) {
        const struct truth *truth = &truths[i];
        double error[COUNT(asked_at)] = {0};
        int held[COUNT(asked_at)] = {0};
        for (uint64_t seed = 0; seed < (uint64_t)seeds; seed++) {
            struct dirty_curve curve = look_and_fit(truth, 20000, seed * 1000 + i);
            for (size_t j = 0; j < COUNT(asked_at); j++) {
                struct dirty_estimate got = dirty_curve_at(&curve, asked_at[j]);
                double want = truth_pages(truth, asked_at[j]);
                error[j] += fabs(got.pages - want) / fmax(want, 1000) / seeds;
                held[j] += got.low <= want * 1.0001 && want <= got.high * 1.0001 + 1;
            }
        }
        printf("%-11s %9.0f %9.0f |", truth_names[truth->pattern], truth->working_set,
               truth->writes_per_s);
        for (size_t j = 0; j < COUNT(asked_at); j++)
            printf(" %5.1f%% %4.0f%% ", 100 * error[j], 100.0 * held[j] / seeds);
        printf("\n");
        /* Of bursts the looks are one case of many: that they differ is what can be known. */
        bool is_bursty = truth->pattern == TRUTH_BURSTS;
        for (size_t j = 0; j < COUNT(asked_at); j++) {
            bool is_inside = asked_at[j] >= 0.1 && asked_at[j] <= 5;
            if (is_inside)
                assert_true(error[j] < (is_bursty ? 1.2 : 0.12));
            assert_true(held[j] >= seeds * (is_inside && !is_bursty ? 0.92 : 0.85));
        }
    }
}

/*
 * Sets of which so little was written in 5 s that the curve hardly bends: only where they lie tells
 * where they end. Not so for who writes one page after the other: that may go on for long.
 */
static void places_tell_where_a_curve_ends_that_was_not_seen_to(void **state)
{
    static const struct {
        struct truth truth;
        double most_error, least_held; /* at 10 and 30 s */
    } cases[] = {
        {{TRUTH_UNIFORM, 1e6, 100000, 4000, 1}, 0.10, 0.9},
        {{TRUTH_UNIFORM, 1e6, 300000, 10000, 1}, 0.10, 0.9},
        {{TRUTH_UNIFORM, 1e6, 900000, 20000, 1}, 0.08, 0.9},
        {{TRUTH_UNIFORM, 1e6, 300000, 1000, 1}, 0.20, 0.9}, /* 100 pages of the sample */
        {{TRUTH_HOT, 1e6, 200000, 40000, 1}, 0.12, 0.9},
        {{TRUTH_SEQUENTIAL, 1e6, 600000, 10000, 1}, 0.05, 0.9},
        {{TRUTH_SEQUENTIAL, 1e6, 600000, 20000, 1}, 0.05, 0.85},
    };
    static const double beyond[] = {10, 30};
    const int times = short_run("40 of 60 looks at each of more guests") ? 20 : 60;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct truth *truth = &cases[i].truth;
        printf("%-11s %9.0f %9.0f |", truth_names[truth->pattern], truth->working_set,
               truth->writes_per_s);
        for (size_t j = 0; j < COUNT(beyond); j++) {
            double want = truth_pages(truth, beyond[j]), error = 0, width = 0;
            int held = 0;
            for (uint64_t seed = 0; seed < (uint64_t)times; seed++) {
                uint64_t random = seed * 1000 + i;
                struct dirty_looks looks;
                truth_look_places(&looks, truth, 20000, looks_at, COUNT(looks_at), &random);
                struct dirty_curve curve = fit(&looks);
                struct dirty_estimate got = dirty_curve_at(&curve, beyond[j]);
                error += fabs(got.pages - want) / want / times;
                width += (got.high - got.low) / want / times;
                held += got.low <= want * 1.0001 && want <= got.high * 1.0001;
            }
            printf(" %2.0f s: %5.1f%% %4.0f%% of %.2f ", beyond[j], 100 * error,
                   100.0 * held / times, width);
            assert_true(error < cases[i].most_error);
            assert_true(held >= times * cases[i].least_held);
        }
        printf("\n");
    }
}

static void curve_grows_and_its_middle_never_bends_upwards(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(truths); i++) {
        struct dirty_curve curve = look_and_fit(&truths[i], 5000, i);
        struct dirty_estimate before = dirty_curve_at(&curve, 0);
        double rise = INFINITY;
        assert_true(before.pages == 0 && before.low == 0 && before.high == 0);
        for (double t = 0.01; t < 1000; t += fmax(0.01, t * 0.02)) {
            struct dirty_estimate at = dirty_curve_at(&curve, t);
            double next = dirty_curve_at(&curve, t + 0.01).pages - at.pages;
            assert_true(at.pages >= before.pages && at.low >= before.low && at.high >= before.high);
            assert_true(at.low <= at.pages && at.pages <= at.high);
            assert_true(at.high <= curve.population);
            assert_true(next <= rise + 1e-6);
            assert_int_equal(at.is_extrapolated, t < 0.1 || t > 5);
            rise = next;
            before = at;
        }
    }
}

static void same_looks_make_the_same_curve(void **state)
{
    (void)state;
    struct dirty_curve one = look_and_fit(&truths[4], 5000, 7);
    struct dirty_curve two = look_and_fit(&truths[4], 5000, 7);
    assert_true(dirty_curve_at(&one, 0.7).high == dirty_curve_at(&two, 0.7).high);
}

/* What no page of the sample did, a few of those that were not drawn may do: 3.84 of as many as the
 * sample is of. */
static void nothing_changed_is_0_with_the_doubt_that_is_left(void **state)
{
    (void)state;
    struct dirty_curve curve = look_and_fit(&truths[0], 20000, 1);
    struct dirty_estimate rate = dirty_curve_rate(&curve);
    assert_true(rate.pages == 0 && rate.low == 0);
    assert_true(rate.high > 150 && rate.high < 250);
    assert_true(curve.initial_per_s == 0);
}

static void rate_is_that_of_one_second(void **state)
{
    (void)state;
    struct dirty_curve curve = look_and_fit(&truths[5], 50000, 1);
    assert_true(fabs(dirty_curve_rate(&curve).pages - 100000) < 5000);
    assert_true(fabs(curve.initial_per_s - 100000) < 8000);
}

static void bursts_are_said(void **state)
{
    (void)state;
    assert_true((look_and_fit(&truths[7], 20000, 3).flags & DIRTY_CURVE_BURSTY) != 0);
    for (size_t i = 0; i < 7; i++)
        assert_int_equal(look_and_fit(&truths[i], 20000, 3).flags, 0);
}

static void pages_that_get_memory_come_on_top(void **state)
{
    struct dirty_looks looks;
    uint64_t random = 1;

    (void)state;
    truth_look(&looks, &truths[0], 1000, looks_at, COUNT(looks_at), &random);
    looks.newly_touched_per_s = 50;
    struct dirty_curve curve = fit(&looks);
    assert_true(fabs(dirty_curve_at(&curve, 10).pages - 500) < 1e-6);
    assert_true(fabs(dirty_curve_at(&curve, 10).low - 500) < 1e-6);
}

static void flags_of_the_looks_are_handed_on(void **state)
{
    struct dirty_looks looks;
    uint64_t random = 1;

    (void)state;
    truth_look(&looks, &truths[0], 1000, looks_at, COUNT(looks_at), &random);
    looks.flags = DIRTY_LOOKS_LOAD_CHANGED | DIRTY_LOOKS_STOPPED | DIRTY_LOOKS_CUT_SHORT;
    assert_int_equal(fit(&looks).flags, DIRTY_CURVE_LOAD_CHANGED | DIRTY_CURVE_STOPPED);
    looks.flags = 0;
    looks.page_bytes_dirty = 2 << 20;
    assert_int_equal(fit(&looks).flags, DIRTY_CURVE_COARSE);
}

static void places_become_shares(void **state)
{
    struct dirty_looks looks;
    uint64_t random = 1;

    (void)state;
    truth_look(&looks, &truths[1], 1000, looks_at, COUNT(looks_at), &random);
    assert_true(fit(&looks).resident_at[3] == 0); /* not known */
    looks.places[3] = (struct dirty_place){.sampled = 300, .changed = 30};
    looks.places[63] = (struct dirty_place){.sampled = 100, .changed = 90};
    struct dirty_curve curve = fit(&looks);
    assert_true(curve.resident_at[3] == 0.75 && curve.written_at[3] == 0.25);
    assert_true(curve.resident_at[63] == 0.25 && curve.written_at[63] == 0.75);
    looks.places[3].changed = looks.places[63].changed = 0; /* then as the memory itself */
    assert_true(fit(&looks).written_at[3] == 0.75);
}

static void two_looks_are_enough(void **state)
{
    struct dirty_looks looks = {.population = 1000, .sampled = 100, .pair_count = 1};

    (void)state;
    looks.pairs[0] = (struct dirty_pair){0, 1, 100, 10};
    struct dirty_curve curve = fit(&looks);
    assert_true(fabs(dirty_curve_at(&curve, 1).pages - 100) < 5);
    looks.pairs[0].changed = 100; /* all of them: beyond, there is nothing more */
    curve = fit(&looks);
    assert_true(fabs(dirty_curve_at(&curve, 1).pages - 1000) < 20);
    assert_true(dirty_curve_at(&curve, 1000).high <= 1000);
}

static void looks_that_make_no_sense_are_refused(void **state)
{
    static const struct dirty_pair bad[] = {
        {0, 0, 10, 1},   {0, -1, 10, 1}, {0, NAN, 10, 1},
        {NAN, 1, 10, 1}, {0, 1, 10, 11}, {0, INFINITY, 1, 0},
    };
    struct dirty_curve curve;
    struct error err;

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct dirty_looks looks = {.population = 100, .pair_count = 1, .pairs = {bad[i]}};
        assert_int_equal(dirty_curve_fit(&curve, &looks, &err), -EINVAL);
    }
    struct dirty_looks looks = {.population = 100, .pair_count = DIRTY_PAIRS_MOST + 1};
    assert_int_equal(dirty_curve_fit(&curve, &looks, NULL), -EINVAL);
    looks.pair_count = 1; /* of which no page could be read */
    looks.pairs[0].seconds = 1;
    assert_int_equal(dirty_curve_fit(&curve, &looks, &err), -ENODATA);
    looks.population = 0; /* nothing to look at is no failure */
    assert_int_equal(dirty_curve_fit(&curve, &looks, &err), 0);
    assert_true(dirty_curve_at(&curve, 10).high == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(curve_of_known_guests_is_close_and_its_interval_holds),
        cmocka_unit_test(places_tell_where_a_curve_ends_that_was_not_seen_to),
        cmocka_unit_test(curve_grows_and_its_middle_never_bends_upwards),
        cmocka_unit_test(same_looks_make_the_same_curve),
        cmocka_unit_test(nothing_changed_is_0_with_the_doubt_that_is_left),
        cmocka_unit_test(rate_is_that_of_one_second),
        cmocka_unit_test(bursts_are_said),
        cmocka_unit_test(pages_that_get_memory_come_on_top),
        cmocka_unit_test(flags_of_the_looks_are_handed_on),
        cmocka_unit_test(places_become_shares),
        cmocka_unit_test(two_looks_are_enough),
        cmocka_unit_test(looks_that_make_no_sense_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
