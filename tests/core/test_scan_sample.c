// SPDX-License-Identifier: MIT
/*
 * Drawing pages of an estimate: any share of any number of pages, fairly, in steps that are
 * counted.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/scan/scan_internal.h"

static const atomic_bool never = false;

static void check_sample(const uint64_t *sample, uint64_t n, uint64_t population)
{
    for (uint64_t i = 0; i < n; i++) {
        assert_true(sample[i] < population);
        assert_true(i == 0 || sample[i] > sample[i - 1]);
    }
}

/* 16,384 of 16,385 took 7 s: numbers were drawn again until no two were the same. */
static void all_but_one_page_take_as_many_draws_as_there_are_pages(void **state)
{
    static const uint64_t populations[] = {2, 16385, 66712, 1000000};

    (void)state;
    for (size_t i = 0; i < sizeof(populations) / sizeof(populations[0]); i++) {
        uint64_t n = populations[i] - 1;
        uint64_t *sample = malloc(n * sizeof(*sample));
        struct scan_random random = {.state = i};
        assert_non_null(sample);
        assert_int_equal(scan_sample_draw(sample, n, n + 1, &random, &never), 0);
        check_sample(sample, n, n + 1);
        assert_true(random.drawn <= n);
        free(sample);
    }
}

static void any_share_is_drawn_and_ascends(void **state)
{
    static uint64_t sample[1000];

    (void)state;
    for (uint64_t n = 0; n <= 1000; n += 37) {
        for (uint64_t population = n == 0 ? 1 : n; population < 1ull << 26; population *= 7) {
            struct scan_random random = {.state = n};
            assert_int_equal(scan_sample_draw(sample, n, population, &random, &never), 0);
            check_sample(sample, n, population);
            assert_true(random.drawn <= n);
        }
    }
}

/* Each of the 20 ways to take 3 of 6 comes up as often as the others, within 5 sigma. */
static void every_choice_is_equally_likely(void **state)
{
    enum { WAYS = 20, EACH = 1000 };
    struct scan_random random = {.state = 1};
    unsigned seen[64] = {0}, ways = 0;

    (void)state;
    for (int i = 0; i < WAYS * EACH; i++) {
        uint64_t s[3];
        assert_int_equal(scan_sample_draw(s, 3, 6, &random, &never), 0);
        seen[1u << s[0] | 1u << s[1] | 1u << s[2]]++;
    }
    for (size_t i = 0; i < 64; i++) {
        ways += seen[i] > 0;
        if (seen[i] > 0)
            assert_in_range(seen[i], EACH - 155, EACH + 155);
    }
    assert_int_equal(ways, WAYS);
}

static void same_seed_draws_the_same(void **state)
{
    uint64_t a[100], b[100];

    (void)state;
    for (uint64_t seed = 0; seed < 3; seed++) {
        struct scan_random one = {.state = seed}, two = {.state = seed}, other = {.state = ~seed};
        assert_int_equal(scan_sample_draw(a, 100, 12345, &one, &never), 0);
        assert_int_equal(scan_sample_draw(b, 100, 12345, &two, &never), 0);
        assert_memory_equal(a, b, sizeof(a));
        assert_int_equal(scan_sample_draw(b, 100, 12345, &other, &never), 0);
        assert_memory_not_equal(a, b, sizeof(a));
    }
}

/* --- spread ----------------------------------------------------------------------------------- */

static void a_spread_sample_has_the_same_part_of_every_piece(void **state)
{
    static const struct {
        uint64_t n, population;
    } cases[] = {{1000, 1000}, {1000, 1001}, {1000, 1999}, {1000, 131617}, {999, 1ull << 40}};
    static uint64_t sample[1000];

    (void)state;
    for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
        uint64_t n = cases[c].n, population = cases[c].population;
        for (uint64_t seed = 0; seed < 50; seed++) {
            struct scan_random random = {.state = seed};
            assert_int_equal(scan_sample_spread(sample, n, population, &random, &never), 0);
            assert_int_equal(random.drawn, n + 1);
            check_sample(sample, n, population);
            for (uint64_t begin = 0; begin < 7; begin++) { /* in any seventh: as many */
                uint64_t from = population / 7 * begin, to = from + population / 7, inside = 0;
                for (uint64_t i = 0; i < n; i++)
                    inside += sample[i] >= from && sample[i] < to;
                assert_in_range(inside, n / 7 - 2, n / 7 + 3);
            }
        }
    }
}

/* Each of 13 numbers in a sample of 5, within 5 sigma: stretches of 2 and of 3. */
static void every_number_is_as_likely_in_a_spread_sample(void **state)
{
    enum { N = 5, POPULATION = 13, TIMES = 26000 };
    struct scan_random random = {.state = 1};
    unsigned seen[POPULATION] = {0};

    (void)state;
    for (int i = 0; i < TIMES; i++) {
        uint64_t s[N];
        assert_int_equal(scan_sample_spread(s, N, POPULATION, &random, &never), 0);
        check_sample(s, N, POPULATION);
        for (int k = 0; k < N; k++)
            seen[s[k]]++;
    }
    for (size_t i = 0; i < POPULATION; i++)
        assert_in_range(seen[i], TIMES * N / POPULATION - 400, TIMES * N / POPULATION + 400);
}

static void nothing_is_drawn_from_nothing(void **state)
{
    struct scan_random random = {.state = 1};
    uint64_t sample[1] = {77};

    (void)state;
    assert_int_equal(scan_sample_spread(sample, 0, 0, &random, &never), 0);
    assert_int_equal(scan_sample_spread(sample, 0, 5, &random, &never), 0);
    assert_int_equal(sample[0], 77);
    assert_int_equal(scan_sample_spread(sample, 1, 1, &random, &never), 0);
    assert_int_equal(sample[0], 0);
}

static void drawing_looks_at_cancel(void **state)
{
    enum { N = 1 << 20 };
    static const atomic_bool cancel = true;
    struct scan_random random = {.state = 1};
    uint64_t *sample = malloc(N * sizeof(*sample));

    (void)state;
    assert_non_null(sample);
    assert_int_equal(scan_sample_draw(sample, N, 4ull * N, &random, &cancel), -ECANCELED);
    assert_true(random.drawn < N / 16);
    assert_int_equal(scan_sample_spread(sample, N, 4ull * N, &random, &cancel), -ECANCELED);
    assert_true(random.drawn < N / 16);
    free(sample);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_but_one_page_take_as_many_draws_as_there_are_pages),
        cmocka_unit_test(any_share_is_drawn_and_ascends),
        cmocka_unit_test(every_choice_is_equally_likely),
        cmocka_unit_test(same_seed_draws_the_same),
        cmocka_unit_test(a_spread_sample_has_the_same_part_of_every_piece),
        cmocka_unit_test(every_number_is_as_likely_in_a_spread_sample),
        cmocka_unit_test(nothing_is_drawn_from_nothing),
        cmocka_unit_test(drawing_looks_at_cancel),
    };
    return cmocka_run_group_tests_name("scan_sample", tests, NULL, NULL);
}
