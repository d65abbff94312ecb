// SPDX-License-Identifier: MIT
/* What forecasts say in words. */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/forecast/forecast_words.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyz-"

static void each_reason_has_a_name_of_its_own_and_a_text(void **state)
{
    uint32_t seen = 0;

    (void)state;
    for (size_t i = 0; i < forecast_reason_count; i++) {
        const struct forecast_reason_words *w = &forecast_reason_table[i];
        assert_int_equal(w->reason & (w->reason - 1), 0); /* one bit */
        assert_int_equal(seen & w->reason, 0);
        seen |= w->reason;
        assert_true(strlen(w->name) > 2 && strspn(w->name, LETTERS) == strlen(w->name));
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(w->name, forecast_reason_table[k].name);
            assert_string_not_equal(w->text, forecast_reason_table[k].text);
        }
        assert_true(islower((unsigned char)w->text[0]));
        assert_true(w->text[strlen(w->text) - 1] != '.');
        assert_true(strlen(w->text) > 10 && strlen(w->text) <= 78); /* a line of a terminal */
    }
    assert_int_equal(seen, 2 * FORECAST_BUSY_UNKNOWN - 1); /* all of them */
}

static void each_answer_has_a_name(void **state)
{
    (void)state;
    assert_string_equal(forecast_converges_name(FORECAST_DOES), "true");
    assert_string_equal(forecast_converges_name(FORECAST_DOES_NOT), "false");
    assert_string_equal(forecast_converges_name(FORECAST_UNSURE), "unsure");
}

static void the_verdict_says_what_decides(void **state)
{
    static const struct {
        bool is_spoilt;
        enum forecast_converges converges;
        uint32_t reasons;
        const char *begins;
    } cases[] = {
        {true, FORECAST_UNSURE, FORECAST_HOT_SET, "void: "},
        {false, FORECAST_UNSURE, FORECAST_NEAR_LIMIT, "unsure: "},
        {false, FORECAST_DOES_NOT, FORECAST_TOO_FAST, "does not end: the guest dirties memory"},
        {false, FORECAST_DOES_NOT, FORECAST_HOT_SET, "does not end: what is dirtied again"},
        {false, FORECAST_DOES, FORECAST_THROTTLED | FORECAST_OVER_DOWNTIME,
         "ends, with the guest slowed down"},
        {false, FORECAST_DOES, FORECAST_OVER_DOWNTIME, "ends, but the guest may stand still"},
        {false, FORECAST_DOES, FORECAST_QUIET | FORECAST_ONE_ROUND, "ends"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct forecast forecast = {.converges = (uint8_t)cases[i].converges,
                                          .reasons = cases[i].reasons};
        const struct forecast_seen seen = {.is_spoilt = cases[i].is_spoilt};
        const char *verdict = forecast_verdict(&forecast, &seen);
        if (strncmp(verdict, cases[i].begins, strlen(cases[i].begins)) != 0)
            fail_msg("case %zu: \"%s\"", i, verdict);
        assert_true(strlen(verdict) <= 78);
    }
}

static void all_ways_to_end_are_told_and_numbers_are_enough(void **state)
{
    const struct forecast_remedy all = {
        .bandwidth = 89.1e6,
        .downtime_limit_s = 1.2001,
        .auto_converge = true,
        .with_auto_converge = {.throttle = 0.9, .total_s = {23.4, 20, 30}}};
    const struct forecast_remedy large = {.bandwidth = 240e6}, none = {.bandwidth = 0};
    struct forecast_way_words ways[FORECAST_WAY_COUNT];

    (void)state;
    assert_int_equal(forecast_remedy_words(&all, ways), 4);
    assert_string_equal(ways[0].text, "send about 90 MB/s (720 Mbit/s) or more");
    assert_string_equal(ways[1].text, "let it stand still for about 1300 ms or more");
    assert_string_equal(ways[2].text, "hold its vCPUs back for up to 90 %: it takes about 24 s");
    assert_string_equal(ways[3].text, "have it write less");
    for (int i = 0; i < 4; i++)
        assert_int_equal(ways[i].way, i);
    assert_int_equal(forecast_remedy_words(&large, ways), 2);
    assert_string_equal(ways[0].text, "send about 240 MB/s (1.92 Gbit/s) or more");
    assert_int_equal(ways[1].way, FORECAST_WAY_WRITE_LESS);
    assert_int_equal(forecast_remedy_words(&none, ways), 1);
    assert_string_equal(ways[0].text, "have it write less");
}

static void modes_and_detections_have_names(void **state)
{
    (void)state;
    for (int i = 0; i < FORECAST_MODE_COUNT; i++) {
        const char *name = forecast_mode_name((enum forecast_mode)i);
        assert_true(strlen(name) > 2 && strspn(name, LETTERS) == strlen(name));
    }
    for (int i = 0; i < FORECAST_ZERO_COUNT; i++) {
        const char *name = forecast_zero_name((enum forecast_zero_detection)i);
        assert_true(strlen(name) > 2 && strspn(name, LETTERS) == strlen(name));
    }
    assert_string_equal(forecast_mode_name(forecast_settings_default.mode), "precopy");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_reason_has_a_name_of_its_own_and_a_text),
        cmocka_unit_test(each_answer_has_a_name),
        cmocka_unit_test(the_verdict_says_what_decides),
        cmocka_unit_test(all_ways_to_end_are_told_and_numbers_are_enough),
        cmocka_unit_test(modes_and_detections_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
