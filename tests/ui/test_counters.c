// SPDX-License-Identifier: MIT
// Rows of the tables of counters: sums, shares, order, filters.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/snapshot_builder.h"
#include "ui/state/counters.h"
#include "ui/state/trends.h"

struct fixture {
    struct snapshot_builder *b;
    const struct snapshot *s;
    struct counters c;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    f->b = snapshot_builder_new();
    snapshot_builder_three_vms(f->b);
    f->s = snapshot_builder_finish(f->b);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    counters_done(&f->c);
    snapshot_builder_free(f->b);
    free(f);
    return 0;
}

static const struct counter_row *row(struct fixture *f, const char *name)
{
    for (size_t i = 0; i < f->c.count; i++)
        if (strcmp(f->s->fields->fields[f->c.rows[i].index].name, name) == 0)
            return &f->c.rows[i];
    return NULL;
}

static void host_totals_are_sums_of_what_is_known(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(counters_collect(&(struct counters_query){.s = f->s}, &f->c), 0);
    const struct counter_row *exits = row(f, "exits");
    assert_non_null(exits);
    assert_int_equal(exits->total.state, READING_OK); /* the third VM is denied, two are known */
    assert_true(fabs(exits->rate.value - (120 + 38100)) < 1e-6);
    assert_true(exits->total.value == 60 * 3600 * 2 + 4762.5 * 3600 * 8);
}

static void gauges_and_histograms_have_no_host_total(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(counters_collect(&(struct counters_query){.s = f->s}, &f->c), 0);
    assert_null(row(f, "pages_4k"));
    assert_null(row(f, "guest_mode"));
    assert_null(row(f, "halt_wait_hist"));
}

/* An interrupt that is injected, or an instruction that is emulated, is no exit. */
static void shares_are_of_all_exits(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(
        counters_collect(&(struct counters_query){.s = f->s, .vm = &f->s->vms[1]}, &f->c), 0);
    const struct counter_row *exits = row(f, "exits"), *io = row(f, "io_exits");
    assert_true(f->c.sum_is_exits);
    assert_true(exits->share == 1);
    assert_true(f->c.total_sum.value == exits->total.value);
    assert_true(f->c.rate_sum.value == exits->rate.value);
    assert_true(fabs(io->share - io->total.value / exits->total.value) < 1e-9);
    assert_true(isnan(row(f, "irq_injections")->share));
    assert_true(isnan(row(f, "pf_fixed")->share));
    assert_true(isnan(row(f, "halt_wait_ns")->share));
    assert_true(isnan(row(f, "pages_4k")->share));
}

static void shares_of_other_counters_sum_to_one(void **state)
{
    struct fixture *f = *state;
    struct pattern pattern = {0};
    double sum = 0;

    assert_int_equal(pattern_set(&pattern, "irq|pf_", NULL, 0), 0);
    assert_int_equal(
        counters_collect(
            &(struct counters_query){.s = f->s, .vm = &f->s->vms[1], .pattern = &pattern}, &f->c),
        0);
    pattern_clear(&pattern);
    assert_int_equal(f->c.count, 2);
    assert_false(f->c.sum_is_exits);
    for (size_t i = 0; i < f->c.count; i++)
        sum += f->c.rows[i].share;
    assert_true(fabs(sum - 1) < 1e-9);
}

static void guests_are_compared_by_their_exits(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(counters_collect(&(struct counters_query){.s = f->s, .by_guest = true}, &f->c),
                     0);
    assert_int_equal(f->c.count, 3);
    assert_true(f->c.sum_is_exits);
    assert_true(fabs(f->c.rows[0].rate.value - 38100) < 1e-6);
    assert_true(fabs(f->c.rows[0].share + f->c.rows[1].share - 1) < 1e-9);
}

/* From the moment on that somebody looks at them: a sum over all VMs for each counter. */
static void sums_of_all_vms_have_a_trend(void **state)
{
    struct fixture *f = *state;
    struct trends trends;
    float values[4];
    const size_t exits = (size_t)field_table_find(f->s->fields, "exits");
    const size_t pages = (size_t)field_table_find(f->s->fields, "pages_4k");

    assert_int_equal(trends_init(&trends), 0);
    trends_update(&trends, f->s);
    assert_int_equal(trends_host_counter(&trends, exits, values, 4), 0);
    trends_open_host(&trends);
    trends_open_host(&trends);
    trends_update(&trends, f->s);
    trends_update(&trends, f->s);
    assert_int_equal(trends_host_counter(&trends, exits, values, 4), 2);
    assert_true(fabsf(values[1] - (120 + 38100)) < 1);
    /* A gauge has no sum. */
    const size_t count = trends_host_counter(&trends, pages, values, 4);
    for (size_t i = 0; i < count; i++)
        assert_true(isnan(values[i]));
    trends_done(&trends);
}

static void a_counter_that_is_denied_everywhere_says_so(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(
        counters_collect(&(struct counters_query){.s = f->s, .vm = &f->s->vms[2]}, &f->c), 0);
    const struct counter_row *exits = row(f, "exits");
    assert_int_equal(exits->total.state, READING_DENIED);
    assert_int_equal(exits->total.cause, CAUSE_LOCKDOWN);
    assert_int_equal(exits->rate.state, READING_DENIED);
    assert_true(isnan(exits->share));
}

static void a_sum_of_nothing_is_no_zero(void **state)
{
    struct fixture *f = *state;
    const struct snapshot nobody = {.fields = f->s->fields, .field_count = f->s->field_count};
    struct counters_query q = {.s = &nobody, .hide_zero = true};

    assert_int_equal(counters_collect(&q, &f->c), 0);
    assert_int_equal(f->c.total_sum.state, READING_ABSENT);
    assert_int_equal(f->c.rate_sum.state, READING_ABSENT);
    q = (struct counters_query){.s = f->s, .base = f->s, .hide_zero = true};
    assert_int_equal(counters_collect(&q, &f->c), 0); /* all zero since then */
    assert_int_equal(f->c.total_sum.state, READING_OK);
    assert_int_equal(f->c.rate_sum.state, READING_OK);
}

static void totals_count_from_the_base(void **state)
{
    struct fixture *f = *state;
    struct snapshot_builder *later = snapshot_builder_new();

    snapshot_builder_three_vms(later);
    for (int vcpu = -1; vcpu < 2; vcpu++)
        snapshot_builder_set(later, 0, vcpu, 0, 60 * 3600 * 2 + 77, 7, SOURCE_STATSFD);
    const struct snapshot *now = snapshot_builder_finish(later);
    assert_int_equal(
        counters_collect(&(struct counters_query){.s = now, .base = f->s}, &f->c), 0);
    assert_true(f->c.count > 3);
    for (size_t i = 0; i < f->c.count; i++)
        assert_true(f->c.rows[i].total.value == (f->c.rows[i].index == 0 ? 77 : 0));
    snapshot_builder_free(later);
}

/* A reset empties no screen, and leaves no rate out of the sum. */
static void a_counter_that_moves_shows_right_after_a_reset(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(counters_collect(&(struct counters_query){.s = f->s, .hide_zero = true},
                                      &f->c), 0);
    double rates = f->c.rate_sum.value;
    assert_true(rates > 0);
    assert_int_equal(counters_collect(&(struct counters_query){.s = f->s, .base = f->s,
                                                               .hide_zero = true}, &f->c), 0);
    assert_true(f->c.count > 0 && f->c.rows[0].total.value == 0 && f->c.rows[0].rate.value > 0);
    assert_true(f->c.total_sum.value == 0 && f->c.rate_sum.value == rates);
    for (size_t i = 0; i < f->c.count; i++)
        assert_true(f->c.rows[i].total.value > 0 || f->c.rows[i].rate.value > 0);
}

static void rows_are_ordered_as_asked(void **state)
{
    static const struct {
        enum counters_order order;
        bool inverted;
        const char *first, *last;
    } cases[] = {
        {COUNTERS_BY_RATE, false, "exits", "pages_4k"},
        {COUNTERS_BY_RATE, true, "halt_wait_ns", "guest_mode"}, /* what has no rate comes last */
        {COUNTERS_BY_NAME, false, "exits", "pf_fixed"},
        {COUNTERS_BY_NAME, true, "pf_fixed", "exits"},
        {COUNTERS_BY_TOTAL, false, "exits", "guest_mode"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct counters_query q = {
            .s = f->s, .vm = &f->s->vms[1], .order = cases[i].order, .inverted = cases[i].inverted};
        assert_int_equal(counters_collect(&q, &f->c), 0);
        const struct field *fields = f->s->fields->fields;
        assert_string_equal(fields[f->c.rows[0].index].name, cases[i].first);
        assert_string_equal(fields[f->c.rows[f->c.count - 1].index].name, cases[i].last);
    }
}

static void guests_are_chosen_by_name_or_pid(void **state)
{
    static const struct {
        const char *pattern;
        size_t count;
    } cases[] = {{"vm16", 1}, {"^6003$", 1}, {"-", 2}, {"no such", 0}, {"", 3}, {"VM16", 1}};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pattern guests = {.set = false};
        assert_int_equal(pattern_set(&guests, cases[i].pattern, NULL, 0), 0);
        const struct counters_query q = {.s = f->s, .by_guest = true, .guests = &guests};
        assert_int_equal(counters_collect(&q, &f->c), 0);
        assert_int_equal(f->c.count, cases[i].count);
        pattern_clear(&guests);
    }
}

static enum counters_lack lack_of(struct fixture *f, bool by_guest, const char *fields,
                                  const char *guests, size_t *ret_count)
{
    struct pattern pattern = {.set = false}, of_guests = {.set = false};

    assert_int_equal(pattern_set(&pattern, fields, NULL, 0), 0);
    assert_int_equal(pattern_set(&of_guests, guests, NULL, 0), 0);
    const struct counters_query q = {
        .s = f->s, .by_guest = by_guest, .pattern = &pattern, .guests = &of_guests};
    assert_int_equal(counters_collect(&q, &f->c), 0);
    *ret_count = f->c.count;
    pattern_clear(&pattern);
    pattern_clear(&of_guests);
    return f->c.lack;
}

/* There were rows with a dash each, as if nobody knew the numbers. */
static void a_filter_that_matches_nothing_leaves_no_rows_and_is_named(void **state)
{
    struct fixture *f = *state;
    size_t count;

    assert_int_equal(lack_of(f, true, "nosuch", "", &count), COUNTERS_LACK_FIELD);
    assert_int_equal(count, 0);
    assert_int_equal(lack_of(f, false, "nosuch", "", &count), COUNTERS_LACK_FIELD);
    assert_int_equal(count, 0);
    /* A time is no part of a guest's sum. */
    assert_int_equal(lack_of(f, true, "halt_wait_ns", "", &count), COUNTERS_LACK_FIELD);
    assert_int_equal(count, 0);
    assert_int_equal(lack_of(f, false, "halt_wait_ns", "", &count), COUNTERS_LACK_NOTHING);
    assert_int_equal(count, 1);
    assert_int_equal(lack_of(f, false, "exits", "nobody", &count), COUNTERS_LACK_GUEST);
    assert_int_equal(count, 0);
    assert_int_equal(lack_of(f, true, "exits", "nobody", &count), COUNTERS_LACK_GUEST);
    assert_int_equal(count, 0);
    assert_int_equal(lack_of(f, true, "^exits$", "", &count), COUNTERS_LACK_NOTHING);
    assert_int_equal(count, 3);
}

static void a_bad_pattern_leaves_the_old_one(void **unused)
{
    struct pattern p = {.set = false};
    char why[100] = "";

    (void)unused;
    assert_int_equal(pattern_set(&p, "abc", why, sizeof(why)), 0);
    assert_true(pattern_set(&p, "(", why, sizeof(why)) < 0);
    assert_true(why[0] != '\0');
    assert_true(pattern_match(&p, "xABCx"));
    assert_false(pattern_match(&p, "("));
    pattern_clear(&p);
}

/* glibc needed 13 GB for the first, and overflowed its stack on the last. */
static void an_expression_beyond_its_limits_is_refused_with_the_reason(void **unused)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"a{1,255}{1,255}{1,255}", "repetitions"},
        {"(a{1,255}b){1,255}", "repetitions"},
        {"((((((((((a+)+)+)+)+)+)+)+)+)+)+", "repetition"},
        {"[]x[:alpha:]]{32767}", "repetitions"},
        {"(a|\\{){,1002}", "repetitions"},
        {"a{1001}", NULL},
        {"a{1000,}", NULL},
        {"a{1002}", "repetitions"},
        {"a{1001,}", "repetitions"},
        {"a\\{5000}", NULL},
        {"[a{5000}]", NULL},
        {"^(exits|(mmio|io)_exits)+$", NULL},
        {"((((((((((((((((((((a))))))))))))))))))))", NULL},
        {"(((((((((((((((((((((a)))))))))))))))))))))", "more than 20 nested parentheses"},
        {"a?+", NULL},
        {"(a?b+)*", NULL},
        {"a?+?", "a repetition of a repetition of a repetition"},
        {"((a?b)+c)?", "a repetition of a repetition of a repetition"},
        {"a?b+c?d+e?f+g?h+i?j+", NULL},
        {"(a?b?c?d?e?f?g?h?i?j?)+", NULL},
    };
    static char text[60001];
    struct pattern p = {.set = false};
    char why[100];

    (void)unused;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        why[0] = '\0';
        int r = pattern_set(&p, cases[i].text, why, sizeof(why));
        if (r != (cases[i].why ? -EINVAL : 0) || (cases[i].why && !strstr(why, cases[i].why)))
            fail_msg("%s: %d, %s", cases[i].text, r, why);
        pattern_clear(&p);
    }
    memset(text, '(', sizeof(text) - 1);
    assert_int_equal(pattern_set(&p, text, why, sizeof(why)), -EINVAL);
    assert_string_equal(why, "longer than 2000 characters");
    /* What is long but harmless: the names of all fields. */
    for (size_t i = 0; i < PATTERN_LENGTH_MAX; i++)
        text[i] = i % 10 == 9 ? '|' : 'x';
    text[PATTERN_LENGTH_MAX] = '\0';
    assert_int_equal(pattern_set(&p, text, why, sizeof(why)), 0);
    pattern_clear(&p);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(host_totals_are_sums_of_what_is_known),
        TEST(gauges_and_histograms_have_no_host_total),
        TEST(shares_are_of_all_exits),
        TEST(shares_of_other_counters_sum_to_one),
        TEST(guests_are_compared_by_their_exits),
        TEST(sums_of_all_vms_have_a_trend),
        TEST(a_counter_that_is_denied_everywhere_says_so),
        TEST(a_sum_of_nothing_is_no_zero),
        TEST(totals_count_from_the_base),
        TEST(a_counter_that_moves_shows_right_after_a_reset),
        TEST(rows_are_ordered_as_asked),
        TEST(guests_are_chosen_by_name_or_pid),
        TEST(a_filter_that_matches_nothing_leaves_no_rows_and_is_named),
        cmocka_unit_test(a_bad_pattern_leaves_the_old_one),
        cmocka_unit_test(an_expression_beyond_its_limits_is_refused_with_the_reason),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
