// SPDX-License-Identifier: MIT
#include "core/model/ept.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define OK(n) reading_ok(n, SOURCE_DEBUGFS)
#define ABSENT reading_missing(READING_ABSENT, CAUSE_NOT_IN_KERNEL)
#define DENIED reading_missing(READING_DENIED, CAUSE_LOCKDOWN)

static void pages_of_all_sizes_are_summed(void **state)
{
    struct reading r = ept_mapped_bytes(OK(3), OK(2), OK(1), true);

    (void)state;
    assert_int_equal(r.state, READING_OK);
    assert_int_equal(r.source, SOURCE_DEBUGFS);
    assert_int_equal(r.raw, 3 * 4096ull + 2 * (2ull << 20) + (1ull << 30));
}

static void nothing_mapped_of_a_guest_that_ran_is_not_counted(void **state)
{
    struct reading r = ept_mapped_bytes(OK(0), OK(0), OK(0), true);

    (void)state;
    assert_int_equal(r.state, READING_ABSENT);
    assert_int_equal(r.cause, CAUSE_NOT_COUNTED);
}

static void nothing_mapped_of_a_guest_that_never_ran_is_0(void **state)
{
    struct reading r = ept_mapped_bytes(OK(0), OK(0), OK(0), false);

    (void)state;
    assert_int_equal(r.state, READING_OK);
    assert_int_equal(r.raw, 0);
}

static void missing_gauge_makes_it_missing_but_that_of_1g_pages(void **state)
{
    (void)state;
    struct reading r = ept_mapped_bytes(DENIED, OK(2), OK(1), true);
    assert_int_equal(r.state, READING_DENIED);
    assert_int_equal(r.cause, CAUSE_LOCKDOWN);
    assert_int_equal(ept_mapped_bytes(OK(1), ABSENT, OK(1), true).state, READING_ABSENT);
    r = ept_mapped_bytes(OK(1), OK(1), ABSENT, true);
    assert_int_equal(r.state, READING_OK);
    assert_int_equal(r.raw, 4096 + (2 << 20));
    assert_int_equal(ept_mapped_bytes(OK(1), OK(1), DENIED, true).state, READING_DENIED);
}

static void gauge_below_0_is_no_number(void **state)
{
    (void)state;
    assert_int_equal(ept_mapped_bytes(OK(UINT64_MAX), OK(0), OK(0), true).state, READING_ABSENT);
    assert_int_equal(ept_mapped_bytes(OK(0), OK(0), OK(1ull << 40), true).state, READING_ABSENT);
}

static void zero_ratio_is_what_was_never_mapped(void **state)
{
    (void)state;
    assert_float_equal(ept_zero_ratio(OK(1 << 20), 4 << 20), 0.75, 1e-9);
    assert_float_equal(ept_zero_ratio(OK(0), 4 << 20), 1, 1e-9);
    assert_float_equal(ept_zero_ratio(OK(5 << 20), 4 << 20), 0, 1e-9);
    assert_true(ept_zero_ratio(OK(1 << 20), 0) < 0);
    assert_true(ept_zero_ratio(ABSENT, 4 << 20) < 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_of_all_sizes_are_summed),
        cmocka_unit_test(nothing_mapped_of_a_guest_that_ran_is_not_counted),
        cmocka_unit_test(nothing_mapped_of_a_guest_that_never_ran_is_0),
        cmocka_unit_test(missing_gauge_makes_it_missing_but_that_of_1g_pages),
        cmocka_unit_test(gauge_below_0_is_no_number),
        cmocka_unit_test(zero_ratio_is_what_was_never_mapped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
