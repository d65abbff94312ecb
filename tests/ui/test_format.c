// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "ui/grid/format.h"

struct format_case {
    double value;
    const char *text;
};

static void check(char *(*format)(char *, double), const struct format_case *cases, size_t count)
{
    char buf[FORMAT_MAX];

    for (size_t i = 0; i < count; i++)
        assert_string_equal(format(buf, cases[i].value), cases[i].text);
}
#define CHECK(format, cases) check(format, cases, sizeof(cases) / sizeof((cases)[0]))

static void counts_take_at_most_five_columns(void **unused)
{
    static const struct format_case cases[] = {
        {0, "0"},         {0.001, "<0.1"},   {0.06, "0.1"},     {3, "3"},           {3.25, "3.2"},
        {9.94, "9.9"},    {9.96, "10"},      {120, "120"},      {999.4, "999"},     {999.6, "1.0k"},
        {38100, "38.1k"}, {310000, "310k"},  {999400, "999k"},  {999600, "1.0M"},   {1.2e6, "1.2M"},
        {99.94e3, "99.9k"}, {99.96e3, "100k"}, {1e19, "10.0E"}, {-250, "-250"},
    };
    char buf[FORMAT_MAX];

    (void)unused;
    CHECK(format_count, cases);
    for (double v = 0.01; v < 1e20; v *= 1.07)
        assert_true(strlen(format_count(buf, v)) <= 5);
}

static void bytes_step_by_1024(void **unused)
{
    static const struct format_case cases[] = {
        {0, "0"},           {512, "512"},           {1023, "1023"}, {1024, "1.0K"},
        {55.0 * 1048576, "55.0M"}, {17179869184.0, "16.0G"}, {1e19, "8.7E"},
    };
    char buf[FORMAT_MAX];

    (void)unused;
    CHECK(format_bytes, cases);
    for (double v = 1; v < 1e19; v *= 1.07)
        assert_true(strlen(format_bytes(buf, v)) <= 5);
}

static void a_rate_of_bytes_that_is_not_0_never_reads_as_0(void **unused)
{
    static const struct format_case cases[] = {
        {0, "0"}, {1e-9, "<1"}, {0.5, "<1"}, {0.99, "<1"}, {1, "1"}, {1536, "1.5K"},
    };

    (void)unused;
    CHECK(format_bytes_per_s, cases);
}

static void percents_have_one_decimal_and_never_hide_a_little(void **unused)
{
    static const struct format_case cases[] = {
        {0, "0.0"},   {0.0001, "<0.1"}, {0.031, "3.1"}, {6.12, "612.0"},
        {1, "100.0"}, {640, "64000"},   {1010, "101k"},
    };

    (void)unused;
    CHECK(format_percent, cases);
}

static void time_spans_choose_their_unit(void **unused)
{
    static const struct format_case cases[] = {
        {0, "0s"},      {12e-9, "12ns"},   {812e-6, "812us"}, {3.1e-3, "3.1ms"}, {0.048, "48ms"},
        {9.04, "9.0s"}, {59.7, "60s"},     {125, "2m05s"},    {11520, "3h12m"},  {352800, "4d02h"},
    };

    (void)unused;
    CHECK(format_seconds, cases);
}

static void short_spans_have_another_digit(void **unused)
{
    static const struct format_case cases[] = {
        {0, "0s"},          {999e-9, "999ns"}, {1e-6, "1.0us"}, {1.34e-6, "1.3us"},
        {9.94e-6, "9.9us"}, {9.96e-6, "10us"}, {12e-6, "12us"}, {3.1e-3, "3.1ms"},
    };

    (void)unused;
    CHECK(format_span, cases);
}

static void exact_numbers_are_grouped(void **unused)
{
    char buf[FORMAT_MAX];

    (void)unused;
    assert_string_equal(format_exact(buf, 0), "0");
    assert_string_equal(format_exact(buf, 999), "999");
    assert_string_equal(format_exact(buf, 1000), "1,000");
    assert_string_equal(format_exact(buf, UINT64_MAX), "18,446,744,073,709,551,615");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_take_at_most_five_columns),
        cmocka_unit_test(bytes_step_by_1024),
        cmocka_unit_test(a_rate_of_bytes_that_is_not_0_never_reads_as_0),
        cmocka_unit_test(percents_have_one_decimal_and_never_hide_a_little),
        cmocka_unit_test(time_spans_choose_their_unit),
        cmocka_unit_test(short_spans_have_another_digit),
        cmocka_unit_test(exact_numbers_are_grouped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
