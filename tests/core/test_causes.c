// SPDX-License-Identifier: MIT
/* The list of causes, and the part of it that is a contract with machines. */
#include "core/model/reading.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/*
 * The ids that JSON, CSV and metrics carry. Dashboards and alerts of other people compare them: a
 * row may be added here together with its cause, but what stands here neither changes nor goes.
 */
static const struct {
    enum reading_cause cause;
    const char *id;
} contract[] = {
    {CAUSE_LOCKDOWN, "lockdown"},
    {CAUSE_LOCKDOWN_INTEGRITY, "lockdown"},
    {CAUSE_LOCKDOWN_CONFIDENTIALITY, "lockdown"},
    {CAUSE_NO_PERMISSION, "no-permission"},
    {CAUSE_NO_PTRACE, "no-ptrace"},
    {CAUSE_DEBUGFS_UNMOUNTED, "debugfs-not-mounted"},
    {CAUSE_DEBUGFS_DENIED, "debugfs-denied"},
    {CAUSE_NO_VM_DIR, "no-debugfs-directory"},
    {CAUSE_HOST_TOTALS, "host-totals-only"},
    {CAUSE_NO_STATS_FD, "no-stats-fd"},
    {CAUSE_HIST_ONLY_STATSFD, "histogram-needs-stats-fd"},
    {CAUSE_FD_LIMIT, "open-files-limit"},
    {CAUSE_BAD_STATS, "bad-stats"},
    {CAUSE_NOT_IN_KERNEL, "not-in-kernel"},
    {CAUSE_NOT_COUNTED, "not-counted"},
    {CAUSE_SOURCE_OFF, "source-off"},
    {CAUSE_NO_THREAD_ID, "no-thread-id"},
    {CAUSE_AMBIGUOUS, "ambiguous-vcpus"},
    {CAUSE_GONE, "ended"},
    {CAUSE_READ_ERROR, "read-error"},
};

/* Where no cause is known, machines get the word of the state. */
static const char *const state_contract[READING_STATE_COUNT] = {
    [READING_ABSENT] = "absent", [READING_OK] = "ok",         [READING_WARMUP] = "warmup",
    [READING_RESET] = "reset",   [READING_DENIED] = "denied", [READING_STALE] = "stale",
};

static void the_ids_are_those_that_machines_know(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(contract) / sizeof(contract[0]); i++)
        assert_string_equal(reading_cause_id(contract[i].cause), contract[i].id);
    for (int i = 0; i < READING_STATE_COUNT; i++)
        assert_string_equal(reading_state_name((enum reading_state)i), state_contract[i]);
    assert_string_equal(reading_cause_id(CAUSE_NONE), "");
}

static void a_missing_number_always_has_an_id(void **state)
{
    (void)state;
    for (int i = 0; i < READING_STATE_COUNT; i++) {
        enum reading_state s = (enum reading_state)i;
        assert_string_equal(reading_missing_id(s, CAUSE_NONE),
                            s == READING_OK ? "" : state_contract[i]);
        if (s != READING_OK)
            assert_string_equal(reading_missing_id(s, CAUSE_GONE), "ended");
    }
}

static void every_cause_is_in_the_contract(void **state)
{
    bool listed[CAUSE_COUNT] = {[CAUSE_NONE] = true};

    (void)state;
    for (size_t i = 0; i < sizeof(contract) / sizeof(contract[0]); i++)
        listed[contract[i].cause] = true;
    for (int i = 0; i < CAUSE_COUNT; i++)
        if (!listed[i])
            fail_msg("'%s' is new: add it to the contract above",
                     reading_cause_id((enum reading_cause)i));
}

static void an_id_is_a_word_of_its_own(void **state)
{
    (void)state;
    for (int i = 1; i < CAUSE_COUNT; i++) {
        const char *id = reading_cause_id((enum reading_cause)i);
        assert_true(islower((unsigned char)id[0]));
        assert_int_equal(strlen(id), strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-"));
        for (int k = 0; k < READING_STATE_COUNT; k++)
            assert_string_not_equal(id, reading_state_name((enum reading_state)k));
        for (int k = 1; k < i; k++)
            if (strcmp(id, reading_cause_id((enum reading_cause)k)) == 0)
                assert_string_equal(id, "lockdown");
    }
}

static void every_state_and_cause_has_a_text(void **state)
{
    (void)state;
    for (int i = 0; i < READING_STATE_COUNT; i++) {
        enum reading_state s = (enum reading_state)i;
        assert_non_null(reading_state_text(s));
        assert_true(strlen(reading_state_name(s)) > 0);
        assert_string_not_equal(reading_state_text(s), "0");
        assert_int_equal(strlen(reading_state_meaning(s)) > 0, s != READING_OK);
    }
    for (int i = 1; i < CAUSE_COUNT; i++) {
        assert_true(strlen(reading_cause_text((enum reading_cause)i)) > 0);
        assert_non_null(reading_cause_fix((enum reading_cause)i));
    }
    for (int i = 0; i < SOURCE_COUNT; i++)
        assert_true(strlen(reading_source_name((enum reading_source)i)) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_ids_are_those_that_machines_know),
        cmocka_unit_test(a_missing_number_always_has_an_id),
        cmocka_unit_test(every_cause_is_in_the_contract),
        cmocka_unit_test(an_id_is_a_word_of_its_own),
        cmocka_unit_test(every_state_and_cause_has_a_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
