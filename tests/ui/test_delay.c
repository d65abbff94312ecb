// SPDX-License-Identifier: MIT
#include "ui/choose/delay.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void delay_does_not_depend_on_the_locale(void **state)
{
    double value = 0;

    (void)state;
    /* Where a locale with a decimal comma is installed; the parser must not care either way. */
    setlocale(LC_NUMERIC, "de_DE.UTF-8");
    assert_int_equal(delay_parse("0.5", &value), 0);
    assert_true(value == 0.5);
    assert_int_equal(delay_parse("3600", &value), 0);
    assert_int_equal(delay_parse("0.1", &value), 0);
    assert_int_equal(delay_parse("0,5", &value), -EINVAL);
    setlocale(LC_NUMERIC, "C");
}

static void what_is_no_delay_is_refused_and_changes_nothing(void **state)
{
    static const char *const bad[] = {"", ".", "0", "0.09", "3600.1", "-1", "1e1", "0x1", " 1",
                                      "1 ", "nan", "inf", "1.2.3", "1000000000000000000000"};
    double value = 7;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(delay_parse(bad[i], &value), -EINVAL);
    assert_true(value == 7);
}

static void clamping_takes_the_nearest(void **state)
{
    (void)state;
    assert_true(delay_clamp(0.01) == DELAY_MIN_S);
    assert_true(delay_clamp(2) == 2);
    assert_true(delay_clamp(1e9) == DELAY_MAX_S);
    assert_true(delay_clamp(NAN) == DELAY_MIN_S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delay_does_not_depend_on_the_locale),
        cmocka_unit_test(what_is_no_delay_is_refused_and_changes_nothing),
        cmocka_unit_test(clamping_takes_the_nearest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
