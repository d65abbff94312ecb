// SPDX-License-Identifier: MIT
// What forecasts are made for: the steps of the keys, and the texts.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "ui/state/migration.h"

#define MBIT 125000.0

static void press(struct forecast_settings *s, enum ui_command command, int times)
{
    for (int i = 0; i < times; i++)
        assert_true(migration_command(s, command));
}

static void bandwidth_goes_in_steps_and_ends_at_the_last(void **unused)
{
    struct forecast_settings s = forecast_settings_default;

    (void)unused;
    press(&s, COMMAND_BANDWIDTH_MORE, 2);
    assert_true(s.bandwidth == 2500 * MBIT);
    press(&s, COMMAND_BANDWIDTH_MORE, 50);
    assert_true(s.bandwidth == 100000 * MBIT);
    press(&s, COMMAND_BANDWIDTH_LESS, 50);
    assert_true(s.bandwidth == 100 * MBIT);
    s.bandwidth = 1700 * MBIT; /* of a configuration: no step */
    press(&s, COMMAND_BANDWIDTH_LESS, 1);
    assert_true(s.bandwidth == 1000 * MBIT);
    s.bandwidth = 1700 * MBIT;
    press(&s, COMMAND_BANDWIDTH_MORE, 1);
    assert_true(s.bandwidth == 2000 * MBIT);
    s.bandwidth = 5 * MBIT; /* there is none below */
    press(&s, COMMAND_BANDWIDTH_LESS, 1);
    assert_true(s.bandwidth == 5 * MBIT);
    press(&s, COMMAND_BANDWIDTH_MORE, 1);
    assert_true(s.bandwidth == 100 * MBIT);
}

/* 300 ms are 0.29999999999999999 s, and written and read again. */
static void the_downtime_limit_leaves_each_step(void **unused)
{
    struct forecast_settings s = forecast_settings_default;
    double before = 0;

    (void)unused;
    press(&s, COMMAND_DOWNTIME_LESS, 20);
    assert_true(s.downtime_limit_s == 0.01);
    for (int i = 0; i < 11; i++) {
        before = s.downtime_limit_s;
        press(&s, COMMAND_DOWNTIME_MORE, 1);
        assert_true(s.downtime_limit_s > before * 1.1);
    }
    assert_true(s.downtime_limit_s == 30);
    press(&s, COMMAND_DOWNTIME_MORE, 1);
    assert_true(s.downtime_limit_s == 30);
}

static void other_keys_go_round_and_others_are_none(void **unused)
{
    struct forecast_settings s = forecast_settings_default;

    (void)unused;
    for (int mode = 1; mode <= FORECAST_MODE_COUNT; mode++) {
        press(&s, COMMAND_MIGRATION_MODE, 1);
        assert_int_equal(s.mode, mode % FORECAST_MODE_COUNT);
    }
    press(&s, COMMAND_AUTO_CONVERGE, 1);
    assert_true(s.auto_converge);
    assert_false(migration_equal(&s, &forecast_settings_default));
    press(&s, COMMAND_AUTO_CONVERGE, 1);
    assert_true(migration_equal(&s, &forecast_settings_default));
    assert_false(migration_command(&s, COMMAND_LOOKS));
    assert_true(migration_equal(&s, &forecast_settings_default));
}

static void texts_are_those_of_links(void **unused)
{
    static const struct {
        double mbit;
        const char *text;
    } cases[] = {{100, "100 Mbit/s"},  {999, "999 Mbit/s"},   {1000, "1 Gbit/s"},
                 {2500, "2.5 Gbit/s"}, {40000, "40 Gbit/s"},  {100000, "100 Gbit/s"},
                 {8, "8 Mbit/s"},      {1234, "1.23 Gbit/s"}, {999.7, "1 Gbit/s"}};
    char out[FORMAT_MAX];

    (void)unused;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(migration_bandwidth_text(out, cases[i].mbit * MBIT), cases[i].text);
}

static void numbers_of_a_configuration_are_read_or_refused(void **unused)
{
    static const char *const wrong[] = {"",
                                        ".",
                                        "x",
                                        "-1",
                                        "0",
                                        "0.5",
                                        "1e3",
                                        "12..",
                                        "1000001",
                                        "nan",
                                        "1.0.0",
                                        " 1",
                                        "0.99999999999999999999"};
    double value = 0;

    (void)unused;
    assert_int_equal(migration_bandwidth_parse("12.5", &value), 0);
    assert_true(value == 12.5e6);
    assert_int_equal(migration_bandwidth_parse("1000000", &value), 0);
    assert_int_equal(migration_downtime_parse("300", &value), 0);
    assert_true(value == 0.3);
    assert_int_equal(migration_downtime_parse("2000001", &value), -EINVAL);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        value = 7;
        assert_int_equal(migration_bandwidth_parse(wrong[i], &value), -EINVAL);
        assert_true(value == 7);
    }
    assert_int_equal(migration_mode_find("mapped-ram"), FORECAST_MAPPED_RAM);
    assert_int_equal(migration_mode_find("postcopy"), -ENOENT);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(bandwidth_goes_in_steps_and_ends_at_the_last),
        cmocka_unit_test(the_downtime_limit_leaves_each_step),
        cmocka_unit_test(other_keys_go_round_and_others_are_none),
        cmocka_unit_test(texts_are_those_of_links),
        cmocka_unit_test(numbers_of_a_configuration_are_read_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
