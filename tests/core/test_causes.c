// SPDX-License-Identifier: MIT
/* The list of causes, and the part of it that is a contract with machines. */
#include "core/model/reading.h"

#include <ctype.h>
#include <errno.h>
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
    enum reading_state state; /* CSV carries it */
} contract[] = {
    {CAUSE_LOCKDOWN, "lockdown", READING_DENIED},
    {CAUSE_LOCKDOWN_INTEGRITY, "lockdown", READING_DENIED},
    {CAUSE_LOCKDOWN_CONFIDENTIALITY, "lockdown", READING_DENIED},
    {CAUSE_NO_PERMISSION, "no-permission", READING_DENIED},
    {CAUSE_NO_PTRACE, "no-ptrace", READING_DENIED},
    {CAUSE_DEBUGFS_UNMOUNTED, "debugfs-not-mounted", READING_ABSENT},
    {CAUSE_DEBUGFS_DENIED, "debugfs-denied", READING_DENIED},
    {CAUSE_NO_VM_DIR, "no-debugfs-directory", READING_ABSENT},
    {CAUSE_HOST_TOTALS, "host-totals-only", READING_ABSENT},
    {CAUSE_NO_STATS_FD, "no-stats-fd", READING_ABSENT},
    {CAUSE_HIST_ONLY_STATSFD, "histogram-needs-stats-fd", READING_ABSENT},
    {CAUSE_FD_LIMIT, "open-files-limit", READING_DENIED},
    {CAUSE_BAD_STATS, "bad-stats", READING_ABSENT},
    {CAUSE_NOT_IN_KERNEL, "not-in-kernel", READING_ABSENT},
    {CAUSE_NOT_COUNTED, "not-counted", READING_ABSENT},
    {CAUSE_FEW_TICKS, "few-ticks", READING_ABSENT},
    {CAUSE_SOURCE_OFF, "source-off", READING_ABSENT},
    {CAUSE_BPF_UNUSABLE, "bpf-unusable", READING_ABSENT},
    {CAUSE_VCPU_ELSEWHERE, "vcpu-elsewhere", READING_ABSENT},
    {CAUSE_NO_CPU_LIMIT, "no-cpu-limit", READING_ABSENT},
    {CAUSE_NO_CGROUP, "no-cgroup", READING_ABSENT},
    {CAUSE_ROOT_CGROUP, "root-cgroup", READING_ABSENT},
    {CAUSE_CGROUP_V1, "cgroup-v1", READING_ABSENT},
    {CAUSE_NO_PRESSURE, "no-pressure", READING_ABSENT},
    {CAUSE_NO_MEMORY_CGROUP, "no-memory-controller", READING_ABSENT},
    {CAUSE_NO_MEMORY_LIMIT, "no-memory-limit", READING_ABSENT},
    {CAUSE_BALLOON_UNSEEN, "balloon-not-visible", READING_ABSENT},
    {CAUSE_ONE_NODE, "one-numa-node", READING_ABSENT},
    {CAUSE_NO_RESIDENT_RAM, "no-resident-ram", READING_ABSENT},
    {CAUSE_NO_NET_DEVICE, "no-network-device", READING_ABSENT},
    {CAUSE_NO_BLOCK_DEVICE, "no-block-device", READING_ABSENT},
    {CAUSE_FILE_NOT_COUNTED, "file-not-counted", READING_ABSENT},
    {CAUSE_OTHER_NETNS, "other-network-namespace", READING_ABSENT},
    {CAUSE_SHARED_PROCESS, "first-vm-of-process", READING_ABSENT},
    {CAUSE_NOT_ASKED_FOR, "not-asked-for", READING_ABSENT},
    {CAUSE_NO_THREAD_ID, "no-thread-id", READING_ABSENT},
    {CAUSE_AMBIGUOUS, "ambiguous-vcpus", READING_ABSENT},
    {CAUSE_GONE, "ended", READING_ABSENT},
    {CAUSE_SLOW, "slow-process", READING_ABSENT},
    {CAUSE_STUCK, "stuck", READING_DENIED},
    {CAUSE_READ_ERROR, "read-error", READING_ABSENT},
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

static void a_cause_decides_whether_a_number_is_denied_or_absent(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(contract) / sizeof(contract[0]); i++) {
        struct reading r = reading_of_cause(contract[i].cause);
        assert_int_equal(r.state, contract[i].state);
        assert_int_equal(r.cause, contract[i].cause);
    }
    assert_int_equal(reading_of_cause(CAUSE_NONE).state, READING_ABSENT);
}

static void an_error_has_a_cause(void **state)
{
    static const struct {
        int code;
        enum reading_cause cause;
    } errors[] = {
        {-EPERM, CAUSE_NO_PTRACE}, {-EACCES, CAUSE_NO_PTRACE},  {-EMFILE, CAUSE_FD_LIMIT},
        {-ENFILE, CAUSE_FD_LIMIT}, {-ENOENT, CAUSE_GONE},       {-ESRCH, CAUSE_GONE},
        {-EIO, CAUSE_READ_ERROR},  {-ENOMEM, CAUSE_READ_ERROR},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
        assert_int_equal(reading_cause_of_error(errors[i].code, CAUSE_NO_PTRACE), errors[i].cause);
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
        cmocka_unit_test(a_cause_decides_whether_a_number_is_denied_or_absent),
        cmocka_unit_test(an_error_has_a_cause),
        cmocka_unit_test(every_cause_is_in_the_contract),
        cmocka_unit_test(an_id_is_a_word_of_its_own),
        cmocka_unit_test(every_state_and_cause_has_a_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
