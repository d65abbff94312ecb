// SPDX-License-Identifier: MIT
/* What several looks at the same pages say: pure arithmetic, on looks that the test makes up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/scan/scan_looks.h"

#define PAGES 4000
#define LOOKS 6

static const double seconds[LOOKS] = {0, 0.2, 0.4, 0.8, 1.6, 3.2};

/* Ends with free_looks. Page i of look k was read i microseconds after the others. */
static struct scan_looks make_looks(unsigned count)
{
    struct scan_looks l = {.places = calloc(PAGES, sizeof(*l.places)), .count = PAGES};

    assert_int_equal(scan_looks_open(&l, l.places, PAGES, LOOKS), 0);
    l.looks = count;
    for (unsigned k = 0; k < count; k++)
        for (size_t i = 0; i < PAGES; i++)
            l.time_us[k * l.room + i] = (uint32_t)(seconds[k] * 1e6) + (uint32_t)i + 1;
    return l;
}

/* Page @page is another one from look @look on. */
static void change(struct scan_looks *l, size_t page, unsigned look)
{
    for (unsigned k = look; k < l->looks; k++)
        l->hash[k * l->room + page] = l->hash[k * l->room + page] * 31 + look;
}

static const struct dirty_pair *find(const struct dirty_looks *d, double begin_s, double length_s)
{
    for (size_t i = 0; i < d->pair_count; i++) {
        const struct dirty_pair *p = &d->pairs[i];
        if (p->begin_s > begin_s - 1e-9 && p->begin_s < begin_s + 1e-9 &&
            p->seconds > length_s - 1e-9 && p->seconds < length_s + 1e-9)
            return p;
    }
    fail_msg("no pair from %g, %g s long", begin_s, length_s);
    return NULL;
}

static void each_time_is_twice_as_long_and_the_last_is_what_was_asked_for(void **state)
{
    static const struct {
        double duration_s;
        unsigned count;
    } cases[] = {{3.2, 7}, {5, 8}, {0.1, 2}, {0.2, 3}, {60, 12}, {3600, 18}, {1e9, 24}};
    double at[DIRTY_LOOKS_MOST];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unsigned n = scan_pairs_schedule(cases[i].duration_s, at);
        assert_int_equal(n, cases[i].count);
        assert_true(at[0] == 0 && at[n - 1] == cases[i].duration_s);
        for (unsigned k = 2; k < n; k++)
            assert_true(at[k] == 2 * at[k - 1]);
        if (n < DIRTY_LOOKS_MOST)
            assert_true(at[1] <= 0.1001 && at[1] > 0.05);
    }
}

static void all_pairs_say_what_differs_and_after_how_long(void **state)
{
    struct scan_looks l = make_looks(4);
    struct dirty_looks d = {.population = 12345};

    (void)state;
    change(&l, 0, 1);
    change(&l, 1, 2);
    change(&l, 2, 3);
    for (unsigned k = 1; k < 4; k++)
        change(&l, 3, k);
    scan_pairs_fill(&l, &d);
    assert_int_equal(d.pair_count, 6);
    assert_int_equal(d.sampled, PAGES);
    assert_int_equal(d.population, 12345);
    assert_true(d.duration_s > 0.799 && d.duration_s < 0.801);
    assert_int_equal(find(&d, 0, 0.2)->changed, 2);
    assert_int_equal(find(&d, 0, 0.4)->changed, 3);
    assert_int_equal(find(&d, 0, 0.8)->changed, 4);
    assert_int_equal(find(&d, 0.2, 0.2)->changed, 2);
    assert_int_equal(find(&d, 0.4, 0.4)->changed, 2);
    assert_int_equal(find(&d, 0.2, 0.6)->changed, 3);
    scan_looks_done(&l);
}

static void a_page_that_could_not_be_read_is_in_no_pair_of_that_look(void **state)
{
    struct scan_looks l = make_looks(3);
    struct dirty_looks d = {.population = PAGES};

    (void)state;
    change(&l, 7, 2);
    l.time_us[2 * l.room + 7] = 0; /* it has vanished */
    l.time_us[1 * l.room + 8] = 0; /* and this one came back */
    change(&l, 8, 2);
    scan_pairs_fill(&l, &d);
    assert_int_equal(find(&d, 0, 0.2)->sampled, PAGES - 1);
    assert_int_equal(find(&d, 0, 0.4)->sampled, PAGES - 1);
    assert_int_equal(find(&d, 0, 0.4)->changed, 1);
    assert_int_equal(find(&d, 0.2, 0.2)->sampled, PAGES - 2);
    assert_int_equal(find(&d, 0.2, 0.2)->changed, 0);
    for (size_t i = 0; i < PAGES; i++)
        l.time_us[2 * l.room + i] = 0;
    scan_pairs_fill(&l, &d); /* nothing could be read at the last look */
    assert_int_equal(d.pair_count, 1);
    scan_looks_done(&l);
}

static void what_was_zero_is_counted_at_both_ends(void **state)
{
    struct scan_looks l = make_looks(2);
    struct dirty_looks d = {.population = PAGES};

    (void)state;
    for (size_t i = 0; i < 10; i++)
        l.zero[i] = SCAN_ZERO_FIRST | (i < 4 ? SCAN_ZERO_LAST : 0);
    scan_pairs_fill(&l, &d);
    assert_int_equal(d.zero_at_begin, 10);
    assert_int_equal(d.zero_at_end, 4);
    scan_looks_done(&l);
}

static void one_look_makes_no_pair(void **state)
{
    struct scan_looks l = make_looks(1);
    struct dirty_looks d = {.population = PAGES};

    (void)state;
    scan_pairs_fill(&l, &d);
    assert_int_equal(d.pair_count, 0);
    assert_int_equal(scan_pairs_load_changed(&l, 0), 0);
    scan_looks_done(&l);
}

static void pages_that_are_dropped_leave_nothing(void **state)
{
    struct scan_looks l = make_looks(3);
    struct dirty_looks d = {.population = PAGES};
    uint64_t kept[PAGES / 4];

    (void)state;
    for (size_t i = 0; i < PAGES; i++) {
        l.places[i].address = i * SCAN_PAGE_BYTES;
        if (i % 2 == 1)
            change(&l, i, 1);
        l.zero[i] = i % 8 == 0 ? SCAN_ZERO_FIRST : 0;
    }
    for (size_t i = 0; i < PAGES / 4; i++)
        kept[i] = 4 * i + i % 2;
    scan_looks_keep(&l, kept, PAGES / 4);
    scan_pairs_fill(&l, &d);
    assert_int_equal(d.sampled, PAGES / 4);
    assert_int_equal(d.pairs[0].sampled, PAGES / 4);
    assert_int_equal(d.pairs[0].changed, PAGES / 8); /* the odd ones */
    assert_int_equal(d.zero_at_begin, PAGES / 8);    /* all the even ones */
    for (size_t i = 0; i < PAGES / 4; i++)
        assert_int_equal(l.places[i].address, kept[i] * SCAN_PAGE_BYTES);
    scan_looks_done(&l);
}

/* So that a look that takes a while is no sweep through the memory. */
static void places_are_put_into_another_order_within_their_region(void **state)
{
    enum { COUNT = 1000, FIRST_REGION = 603 };
    struct scan_place places[COUNT];
    struct scan_random random = {.state = 7};
    size_t at_home = 0, broken = 0;
    bool seen[COUNT] = {false};

    (void)state;
    for (size_t i = 0; i < COUNT; i++)
        places[i] =
            (struct scan_place){.address = i * SCAN_PAGE_BYTES, .region = i >= FIRST_REGION};
    scan_looks_shuffle(places, COUNT, &random);
    for (size_t i = 0; i < COUNT; i++) {
        size_t was = (size_t)(places[i].address / SCAN_PAGE_BYTES);
        assert_false(seen[was]);
        seen[was] = true;
        assert_int_equal(places[i].region, was >= FIRST_REGION);
        assert_int_equal(places[i].region, i >= FIRST_REGION); /* each is entered once */
        at_home += was == i;
        broken += i > 0 && places[i].address != places[i - 1].address + SCAN_PAGE_BYTES;
    }
    assert_in_range(at_home, 0, 150);
    assert_in_range(broken, 45, 66); /* 37 groups of 16 and 24 of them */
}

/* Looks are at the early ones first: they lie before the others, and as evenly in memory. */
static void early_places_are_spread_as_evenly(void **state)
{
    enum { COUNT = 1000, FIRST_REGION = 600, EARLY = 250 };
    static const atomic_bool never = false;
    struct scan_place places[COUNT];
    struct scan_random random = {.state = 7};
    size_t early = 0, in_tenth[10] = {0};
    bool seen[COUNT] = {false};

    (void)state;
    for (size_t i = 0; i < COUNT; i++)
        places[i] =
            (struct scan_place){.address = i * SCAN_PAGE_BYTES, .region = i >= FIRST_REGION};
    assert_int_equal(scan_looks_choose_early(places, COUNT, EARLY, &random, &never), 0);
    for (size_t i = 0; i < COUNT; i++) {
        size_t was = (size_t)(places[i].address / SCAN_PAGE_BYTES);
        assert_false(seen[was]);
        seen[was] = true;
        assert_int_equal(places[i].region, was >= FIRST_REGION);
        assert_int_equal(places[i].region, i >= FIRST_REGION);
        early += places[i].is_early;
        in_tenth[was / 100] += places[i].is_early;
        bool is_first = i == 0 || i == FIRST_REGION;
        if (!is_first && !places[i - 1].is_early)
            assert_false(places[i].is_early);
        if (!is_first && places[i].is_early == places[i - 1].is_early)
            assert_true(places[i].address > places[i - 1].address);
    }
    assert_int_equal(early, EARLY);
    for (size_t i = 0; i < 10; i++)
        assert_in_range(in_tenth[i], 23, 27);
    scan_looks_shuffle(places, COUNT, &random); /* which leaves the parts apart */
    for (size_t i = 1; i < COUNT; i++)
        if (i != FIRST_REGION && !places[i - 1].is_early)
            assert_false(places[i].is_early);
}

static void the_sample_grows_with_the_vm_and_keeps_to_limits(void **state)
{
    const uint64_t gib = (1ull << 30) / SCAN_PAGE_BYTES;
    struct scan_request request = {.mode = SCAN_DIRTY};

    (void)state;
    assert_int_equal(scan_dirty_sample(&request, 10), SCAN_SAMPLE_DEFAULT);
    assert_int_equal(scan_dirty_sample(&request, gib / 2), SCAN_SAMPLE_DEFAULT);
    assert_int_equal(scan_dirty_sample(&request, gib), 2 * SCAN_SAMPLE_DEFAULT);
    assert_int_equal(scan_dirty_sample(&request, 1000 * gib), SCAN_DIRTY_SAMPLE_LARGE);
    request.duration_s = 3600; /* more looks */
    assert_in_range(scan_dirty_sample(&request, 1000 * gib), 29000, 30000);
    request.duration_s = 3.2;
    request.max_rate_bytes = 70 << 20; /* 7 looks: 32 MiB each */
    assert_int_equal(scan_dirty_sample(&request, 1000 * gib), 8192);
    request.sample_pages = 4000;
    assert_int_equal(scan_dirty_sample(&request, 1000 * gib), 4000);
    request.max_cpu = 0.01; /* 32 ms, at 1.5 us for each page at each look */
    assert_in_range(scan_dirty_sample(&request, 1000 * gib), 3047, 3048);
    request.sample_pages = 1;
    assert_int_equal(scan_dirty_sample(&request, 1000 * gib), SCAN_DIRTY_SAMPLE_MIN);
}

static double random_share(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
    return (double)(*seed >> 11) / 9007199254740992.0;
}

/* Of each page, between any two looks: it changes with a chance that the time gives. */
static struct scan_looks make_load(double first_per_s, double second_per_s, double hot_share,
                                   uint64_t seed)
{
    struct scan_looks l = make_looks(LOOKS);

    for (unsigned k = 1; k < LOOKS; k++) {
        double rate = seconds[k] > 1.7 ? second_per_s : first_per_s;
        for (size_t i = 0; i < PAGES; i++) {
            bool is_hot = (double)i < hot_share * PAGES;
            double chance = (seconds[k] - seconds[k - 1]) * rate;
            if (is_hot || random_share(&seed) < chance)
                change(&l, i, k);
        }
    }
    return l;
}

static void a_load_that_changes_is_told_from_one_that_stays(void **state)
{
    static const struct {
        double first, second, hot;
        bool differs;
    } cases[] = {
        {0.02, 0.02, 0, false},   {0.2, 0.2, 0, false},   {0.02, 0.02, 0.3, false},
        {0, 0, 0, false},         {0, 0, 0.5, false},     {0.02, 0.1, 0, true},
        {0.1, 0.02, 0, true},     {0.02, 0.2, 0.1, true}, {0, 0.05, 0, true},
        {0.1, 0.12, 0, false},    /* clearly seen in a large sample, and of no account */
        {0.01, 0.05, 0.6, false}, /* hardly more in all than before */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (uint64_t seed = 1; seed <= 20; seed++) {
            struct scan_looks l = make_load(cases[i].first, cases[i].second, cases[i].hot, seed);
            uint32_t looks = scan_pairs_load_changed(&l, 1.2);
            if ((looks != 0) != cases[i].differs)
                fail_msg("case %zu, seed %d: looks %x", i, (int)seed, looks);
            if (cases[i].differs) /* the second half is that before the last look */
                assert_int_equal(looks, 1u << (LOOKS - 1));
            scan_looks_done(&l);
        }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_time_is_twice_as_long_and_the_last_is_what_was_asked_for),
        cmocka_unit_test(all_pairs_say_what_differs_and_after_how_long),
        cmocka_unit_test(a_page_that_could_not_be_read_is_in_no_pair_of_that_look),
        cmocka_unit_test(what_was_zero_is_counted_at_both_ends),
        cmocka_unit_test(one_look_makes_no_pair),
        cmocka_unit_test(pages_that_are_dropped_leave_nothing),
        cmocka_unit_test(early_places_are_spread_as_evenly),
        cmocka_unit_test(the_sample_grows_with_the_vm_and_keeps_to_limits),
        cmocka_unit_test(places_are_put_into_another_order_within_their_region),
        cmocka_unit_test(a_load_that_changes_is_told_from_one_that_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
