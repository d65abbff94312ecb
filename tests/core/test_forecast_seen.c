// SPDX-License-Identifier: MIT
/* What a report of looks tells of a migration, and what it does not: reports that the test makes
 * up. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/forecast/forecast_words.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define GIB_PAGES    262144ull

static const double at[] = {0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2};

struct made {
    struct scan_report report;
    struct scan_dirty dirty;
};

/* A guest of 4 GiB: 1 GiB has memory, a tenth of that is zero. Nothing is written. */
static void make(struct made *m, uint64_t sampled)
{
    memset(m, 0, sizeof(*m));
    m->dirty = (struct scan_dirty){.look_count = COUNT(at), .vfio_group = -1};
    m->dirty.looks.population = GIB_PAGES;
    m->dirty.looks.sampled = sampled;
    m->dirty.looks.page_bytes_dirty = 4096;
    m->dirty.looks.duration_s = at[COUNT(at) - 1];
    m->report = (struct scan_report){.state = SCAN_DONE,
                                     .phase = SCAN_PHASE_LOOKS,
                                     .mode = SCAN_DIRTY,
                                     .pages_total = 4 * GIB_PAGES,
                                     .residency_done = true,
                                     .estimate = {.valid = true,
                                                  .sampled = sampled,
                                                  .sampled_zero = sampled / 10,
                                                  .population = GIB_PAGES},
                                     .dirty = &m->dirty};
    m->report.counts.pages[PAGE_UNTOUCHED] = 2 * GIB_PAGES;
    m->report.counts.pages[PAGE_ZERO_MAPPED] = GIB_PAGES;
    m->report.counts.pages[PAGE_UNREAD] = GIB_PAGES;
}

/* Pairs of the first @looks looks at pages that are written at random, @per_s times a second. */
static void write_pages(struct made *m, unsigned looks, double per_s)
{
    struct dirty_looks *d = &m->dirty.looks;

    m->dirty.look_count = looks;
    d->pair_count = 0;
    d->duration_s = looks > 0 ? at[looks - 1] : 0;
    for (unsigned i = 0; i < looks; i++)
        for (unsigned j = i + 1; j < looks; j++) {
            double share = -expm1(-per_s * (at[j] - at[i]));
            d->pairs[d->pair_count++] =
                (struct dirty_pair){.begin_s = at[i],
                                    .seconds = at[j] - at[i],
                                    .sampled = d->sampled,
                                    .changed = (uint64_t)lround(share * (double)d->sampled)};
        }
}

static struct forecast_seen see(const struct made *m)
{
    struct error err = {.code = 0};
    struct forecast_seen seen;

    if (forecast_seen_make(&seen, &m->report, &err) != 0)
        fail_msg("nothing seen: %s", err.msg);
    return seen;
}

static struct forecast forecast_of(const struct forecast_seen *seen)
{
    struct error err = {.code = 0};
    struct forecast forecast;

    if (forecast_of_seen(&forecast, seen, &forecast_settings_default, &err) != 0)
        fail_msg("no forecast: %s", err.msg);
    return forecast;
}

static void expect_pages(const struct forecast_seen *seen, double untouched, double resident)
{
    assert_true(seen->pages.untouched == untouched);
    assert_true(seen->pages.resident == resident);
}

/* --- pages ------------------------------------------------------------------------------------ */

static void pages_are_those_of_the_counts_and_zero_ones_those_of_the_sample(void **state)
{
    struct made m;

    (void)state;
    make(&m, 10000);
    write_pages(&m, COUNT(at), 0.01);
    struct forecast_seen seen = see(&m);
    expect_pages(&seen, 3 * GIB_PAGES, GIB_PAGES);
    assert_true(fabs(seen.pages.zero - 0.1 * GIB_PAGES) < 1);
    assert_true(seen.pages.zero_low < 0.096 * GIB_PAGES);
    assert_true(seen.pages.zero_low > 0.090 * GIB_PAGES);
    assert_true(seen.pages.zero_high > 0.104 * GIB_PAGES);
    assert_true(seen.pages.zero_high < 0.110 * GIB_PAGES);
    assert_true(seen.duration_s == 3.2);
    assert_int_equal(seen.voids, 0);
    assert_false(seen.is_spoilt);
    double rate = dirty_curve_rate(&seen.curve).pages;
    assert_true(fabs(rate - 0.00995 * GIB_PAGES) < 0.05 * rate);
}

static void a_sample_that_is_all_leaves_no_doubt_about_zero_pages(void **state)
{
    struct made m;

    (void)state;
    make(&m, GIB_PAGES);
    write_pages(&m, COUNT(at), 0);
    struct forecast_seen seen = see(&m);
    assert_true(seen.pages.zero_low == seen.pages.zero && seen.pages.zero_high == seen.pages.zero);
}

static void what_is_swapped_or_not_read_is_sent_whole(void **state)
{
    struct made m;

    (void)state;
    make(&m, 10000);
    write_pages(&m, COUNT(at), 0); /* else more is dirtied while more is sent */
    m.report.counts.pages[PAGE_UNTOUCHED] -= 3000;
    m.report.counts.pages[PAGE_SWAPPED] = 2000;
    m.report.counts.pages[PAGE_UNREADABLE] = 1000;
    m.dirty.voids = 1u << SCAN_VOID_SWAPPED;
    struct forecast_seen seen = see(&m);
    expect_pages(&seen, 3 * GIB_PAGES - 3000, GIB_PAGES + 3000);
    assert_true(seen.pages.zero_high < 0.11 * GIB_PAGES);
    assert_int_equal(seen.voids, 1u << SCAN_VOID_SWAPPED); /* said */
    assert_false(seen.is_spoilt);
    struct forecast all = forecast_of(&seen);
    m.report.counts.pages[PAGE_UNTOUCHED] += 3000;
    m.report.counts.pages[PAGE_SWAPPED] = m.report.counts.pages[PAGE_UNREADABLE] = 0;
    seen = see(&m);
    double more = all.bytes.value - forecast_of(&seen).bytes.value;
    assert_true(fabs(more - 3000 * (4104.0 - 9)) < 0.01 * more);
}

/* All of it is swapped out, so there is nothing to draw from. */
static void a_guest_that_is_swapped_out_is_sent_and_writes_nothing(void **state)
{
    struct made m;

    (void)state;
    make(&m, 0);
    write_pages(&m, COUNT(at), 0);
    m.dirty.looks.pair_count = 0; /* nobody was seen */
    m.dirty.looks.population = m.report.estimate.population = 0;
    m.report.counts.pages[PAGE_UNREAD] = 0;
    m.report.counts.pages[PAGE_SWAPPED] = GIB_PAGES;
    m.dirty.voids = 1u << SCAN_VOID_SWAPPED;
    struct forecast_seen seen = see(&m);
    expect_pages(&seen, 3 * GIB_PAGES, GIB_PAGES);
    struct forecast forecast = forecast_of(&seen);
    assert_int_equal(forecast.converges, FORECAST_DOES);
    assert_true(forecast.bytes.value > 4104.0 * GIB_PAGES);
}

static void a_guest_that_never_touched_its_ram_is_sent_as_zeros(void **state)
{
    struct made m;

    (void)state;
    make(&m, 0);
    m.dirty.looks.population = m.report.estimate.population = 0;
    m.report.counts.pages[PAGE_UNREAD] = 0;
    m.report.counts.pages[PAGE_UNTOUCHED] = 4 * GIB_PAGES;
    m.report.counts.pages[PAGE_ZERO_MAPPED] = 0;
    struct forecast_seen seen = see(&m);
    expect_pages(&seen, 4 * GIB_PAGES, 0);
    struct forecast forecast = forecast_of(&seen);
    double bytes = 9.0 * 4 * GIB_PAGES + forecast_costs_default.fixed_bytes;
    assert_int_equal(forecast.converges, FORECAST_DOES);
    assert_true(fabs(forecast.bytes.value - bytes) < 0.001 * bytes);
    assert_true(forecast.bytes.low == (1 - FORECAST_OWN) * forecast.bytes.value);
    assert_true(forecast.bytes.high == (1 + FORECAST_OWN) * forecast.bytes.value);
    assert_true(forecast.reasons & FORECAST_MOSTLY_ZERO);
    assert_true(forecast.reasons & FORECAST_QUIET);
    assert_false(seen.is_spoilt);
}

/* A BIOS of 16 GiB: 249 pages with content, 13,345 of zeros. */
static void a_guest_with_few_pages_has_a_sharp_forecast(void **state)
{
    struct made m;

    (void)state;
    make(&m, 13594);
    m.report.pages_total = 16 * GIB_PAGES;
    m.dirty.looks.population = m.report.estimate.population = 13594;
    m.report.estimate.sampled_zero = 13345;
    m.report.counts.pages[PAGE_UNTOUCHED] = 16 * GIB_PAGES - 13594;
    m.report.counts.pages[PAGE_ZERO_MAPPED] = 0;
    m.report.counts.pages[PAGE_UNREAD] = 13594;
    write_pages(&m, COUNT(at), 0);
    struct forecast_seen seen = see(&m);
    struct forecast forecast = forecast_of(&seen);
    double bytes = 9.0 * (16 * GIB_PAGES - 249) + 4104.0 * 249 + forecast_costs_default.fixed_bytes;
    assert_int_equal(forecast.converges, FORECAST_DOES);
    assert_true(fabs(forecast.bytes.value - bytes) < 0.001 * bytes);
    assert_true(forecast.bytes.low > (0.99 - FORECAST_OWN) * forecast.bytes.value);
    assert_true(forecast.bytes.high < (1.01 + FORECAST_OWN) * forecast.bytes.value);
    const double step_s = forecast_costs_default.quantum_s;
    assert_true(forecast.total_s.high - forecast.total_s.low <
                (0.01 + 2 * FORECAST_OWN) * forecast.total_s.value + 2 * step_s);
    assert_int_equal(seen.voids, 0);
}

/* --- how it was looked at --------------------------------------------------------------------- */

static void a_stopped_guest_writes_nothing_and_that_is_certain(void **state)
{
    struct made m;

    (void)state;
    make(&m, 16384);
    write_pages(&m, COUNT(at), 0);
    m.dirty.voids = 1u << SCAN_VOID_STOPPED;
    m.dirty.looks.flags = DIRTY_LOOKS_STOPPED;
    struct forecast_seen seen = see(&m);
    struct dirty_estimate rate = dirty_curve_rate(&seen.curve);
    assert_true(rate.pages == 0 && rate.low == 0 && rate.high == 0);
    assert_false(seen.is_spoilt);
    struct forecast forecast = forecast_of(&seen);
    assert_true(forecast.reasons & FORECAST_STOPPED);
    assert_true(forecast.reasons & FORECAST_QUIET);
    assert_int_equal(forecast.reasons & FORECAST_EXTRAPOLATED, 0);
    assert_int_equal(forecast.converges, FORECAST_DOES);

    m.dirty.looks.flags = 0; /* one that only waits may begin to write */
    seen = see(&m);
    rate = dirty_curve_rate(&seen.curve);
    assert_true(rate.pages == 0 && rate.high > 0);
}

static void two_looks_are_enough_whatever_became_of_the_scan(void **state)
{
    static const enum scan_state states[] = {SCAN_RUNNING, SCAN_CANCELLED, SCAN_DONE};
    struct made m;

    (void)state;
    for (size_t i = 0; i < COUNT(states); i++) {
        make(&m, 16384);
        m.report.state = states[i];
        write_pages(&m, 2, 0.1);
        struct forecast_seen seen = see(&m);
        assert_true(seen.duration_s == 0.1);
        assert_false(seen.is_spoilt);
        struct forecast few = forecast_of(&seen);
        double doubt = dirty_curve_at(&seen.curve, 1).high - dirty_curve_at(&seen.curve, 1).low;
        write_pages(&m, COUNT(at), 0.1);
        seen = see(&m);
        struct forecast all = forecast_of(&seen);
        /* but they leave more open */
        assert_true(doubt >
                    2 * (dirty_curve_at(&seen.curve, 1).high - dirty_curve_at(&seen.curve, 1).low));
        assert_true(few.reasons & FORECAST_EXTRAPOLATED);
        assert_true(few.bytes.high > all.bytes.high);
        assert_true(all.bytes.low <= all.bytes.value && all.bytes.value <= all.bytes.high);
    }
}

static void expect_none(const struct made *m, const char *sentence)
{
    struct forecast_seen seen = {.duration_s = 77}, before = seen;
    struct error err = {.code = 0};

    assert_int_equal(forecast_seen_make(&seen, &m->report, &err), -ENODATA);
    assert_int_equal(err.code, -ENODATA);
    if (strstr(err.msg, sentence) == NULL)
        fail_msg("\"%s\" is not said, but \"%s\"", sentence, err.msg);
    assert_memory_equal(&seen, &before, sizeof(seen));
    assert_int_equal(forecast_seen_make(&seen, &m->report, NULL), -ENODATA);
}

static void a_report_that_tells_nothing_says_why(void **state)
{
    static const enum scan_state failures[] = {SCAN_REFUSED, SCAN_FAILED};
    struct made m;

    (void)state;
    for (size_t i = 0; i < COUNT(failures); i++) {
        make(&m, 1000);
        write_pages(&m, COUNT(at), 0.1);
        m.report.state = failures[i];
        error_set(&m.report.error, -EPERM, "needs 100%% more rights");
        expect_none(&m, "needs 100% more rights");
    }
    make(&m, 1000);
    write_pages(&m, COUNT(at), 0.1);
    m.report.dirty = NULL;
    expect_none(&m, "nobody looked");
    m.report.dirty = &m.dirty;
    m.report.regions_cut = true;
    expect_none(&m, "more regions");
    m.report.regions_cut = false;
    m.report.residency_done = false;
    expect_none(&m, "long enough");
    m.report.residency_done = true;
    for (unsigned looks = 0; looks < 2; looks++) {
        write_pages(&m, looks, 0.1);
        expect_none(&m, "long enough");
    }
    write_pages(&m, COUNT(at), 0.1);
    m.dirty.looks.pair_count = 0; /* all of the sample vanished */
    expect_none(&m, "no page could be looked at twice");
}

static void numbers_that_cannot_be_are_refused(void **state)
{
    struct forecast_seen seen;
    struct made m;

    (void)state;
    make(&m, 1000);
    write_pages(&m, COUNT(at), 0.1);
    m.dirty.looks.pairs[3].changed = 1001;
    assert_int_equal(forecast_seen_make(&seen, &m.report, NULL), -EINVAL);
}

/* --- what makes it void ----------------------------------------------------------------------- */

static void each_void_is_handed_on_and_some_leave_nothing(void **state)
{
    /* A list of its own: whoever changes the table thinks about it once more. */
    static const struct {
        enum scan_void which;
        bool spoils;
    } expected[] = {
        {SCAN_VOID_CONFIDENTIAL, true}, {SCAN_VOID_NUMA, false},
        {SCAN_VOID_VFIO, true},         {SCAN_VOID_UFFD, false},
        {SCAN_VOID_MIGRATING, true},    {SCAN_VOID_LOGGED, false},
        {SCAN_VOID_STOPPED, false},     {SCAN_VOID_LOAD_CHANGED, false},
        {SCAN_VOID_ENDED, true},        {SCAN_VOID_SWAPPED, false},
        {SCAN_VOID_HUGE_PAGES, false},  {SCAN_VOID_UNREADABLE, true},
        {SCAN_VOID_COARSE, true},       {SCAN_VOID_CUT_SHORT, false},
        {SCAN_VOID_REPLACED, true},     {SCAN_VOID_OTHER_VMM, false},
        {SCAN_VOID_SHARED, false},
    };
    struct made m;

    (void)state;
    assert_int_equal(COUNT(expected), SCAN_VOID_COUNT);
    for (size_t i = 0; i < COUNT(expected); i++) {
        make(&m, 16384);
        write_pages(&m, COUNT(at), 0.001);
        m.dirty.voids = 1u << expected[i].which | 1u << SCAN_VOID_LOGGED;
        struct forecast_seen seen = see(&m);
        assert_int_equal(seen.voids, m.dirty.voids);
        assert_int_equal(seen.is_spoilt, expected[i].spoils);
        struct forecast forecast = forecast_of(&seen);
        assert_int_equal(forecast.converges, expected[i].spoils ? FORECAST_UNSURE : FORECAST_DOES);
        bool is_void = strncmp(forecast_verdict(&forecast, &seen), "void", 4) == 0;
        assert_int_equal(is_void, expected[i].spoils);
    }
}

static void only_a_part_that_matters_is_unreadable(void **state)
{
    static const struct {
        uint64_t resident, unreadable;
        bool is_void;
    } cases[] = {
        {GIB_PAGES, 0, false},
        {GIB_PAGES, GIB_PAGES / 100, false},
        {GIB_PAGES, GIB_PAGES / 10, true},
        {GIB_PAGES / 32, GIB_PAGES / 32, true}, /* as much as there is else */
        {300, 1000, false},                     /* 4 MiB of an idle guest: a display's */
        {0, GIB_PAGES, true},
    };
    struct made m;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        make(&m, 1000);
        write_pages(&m, COUNT(at), 0.001);
        uint64_t *pages = m.report.counts.pages;
        m.dirty.looks.population = m.report.estimate.population = cases[i].resident;
        if (cases[i].resident == 0)
            m.dirty.looks.pair_count = 0;
        pages[PAGE_UNREAD] = cases[i].resident;
        pages[PAGE_UNREADABLE] = cases[i].unreadable;
        pages[PAGE_ZERO_MAPPED] = 0;
        pages[PAGE_UNTOUCHED] = 4 * GIB_PAGES - cases[i].resident - cases[i].unreadable;
        m.dirty.voids = 1u << SCAN_VOID_UFFD;
        struct forecast_seen seen = see(&m);
        if (seen.is_spoilt != cases[i].is_void)
            fail_msg("case %zu", i);
        assert_int_equal((seen.voids & 1u << SCAN_VOID_UNREADABLE) != 0, cases[i].is_void);
    }
}

static void a_log_of_large_units_is_said(void **state)
{
    struct made m;

    (void)state;
    make(&m, 1000);
    write_pages(&m, COUNT(at), 0.001);
    m.dirty.looks.page_bytes_dirty = 2 << 20;
    struct forecast_seen seen = see(&m);
    assert_int_equal(seen.voids, 1u << SCAN_VOID_COARSE);
    assert_true(seen.is_spoilt);
}

/* --- settings --------------------------------------------------------------------------------- */

static void one_look_is_good_for_any_settings(void **state)
{
    struct forecast_settings settings = forecast_settings_default;
    struct forecast forecast;
    struct made m;

    (void)state;
    make(&m, 65536);
    write_pages(&m, COUNT(at), 0.2); /* 52,429 pages a second: 215 MB/s */
    const struct forecast_seen seen = see(&m);
    struct forecast_seen copy = seen;
    assert_int_equal(forecast_of(&seen).converges, FORECAST_DOES_NOT);
    settings.bandwidth = 1.25e9;
    assert_int_equal(forecast_of_seen(&forecast, &seen, &settings, NULL), 0);
    assert_int_equal(forecast.converges, FORECAST_DOES);
    settings.mode = FORECAST_MAPPED_RAM;
    settings.downtime_limit_s = 10;
    assert_int_equal(forecast_of_seen(&forecast, &seen, &settings, NULL), 0);
    assert_true(forecast.downtime_ms.value > 300);
    settings.bandwidth = 0;
    assert_int_equal(forecast_of_seen(&forecast, &seen, &settings, NULL), -EINVAL);
    assert_memory_equal(&seen, &copy, sizeof(seen));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_are_those_of_the_counts_and_zero_ones_those_of_the_sample),
        cmocka_unit_test(a_sample_that_is_all_leaves_no_doubt_about_zero_pages),
        cmocka_unit_test(what_is_swapped_or_not_read_is_sent_whole),
        cmocka_unit_test(a_guest_that_is_swapped_out_is_sent_and_writes_nothing),
        cmocka_unit_test(a_guest_that_never_touched_its_ram_is_sent_as_zeros),
        cmocka_unit_test(a_guest_with_few_pages_has_a_sharp_forecast),
        cmocka_unit_test(a_stopped_guest_writes_nothing_and_that_is_certain),
        cmocka_unit_test(two_looks_are_enough_whatever_became_of_the_scan),
        cmocka_unit_test(a_report_that_tells_nothing_says_why),
        cmocka_unit_test(numbers_that_cannot_be_are_refused),
        cmocka_unit_test(each_void_is_handed_on_and_some_leave_nothing),
        cmocka_unit_test(only_a_part_that_matters_is_unreadable),
        cmocka_unit_test(a_log_of_large_units_is_said),
        cmocka_unit_test(one_look_is_good_for_any_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
