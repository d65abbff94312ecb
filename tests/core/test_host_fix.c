// SPDX-License-Identifier: MIT
/* Advice for who is root already: which capability is missing. */
#include "core/find/host_fix.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/tree.h"

#define PTRACE HOST_CAP(CAP_SYS_PTRACE)
#define SEARCH HOST_CAP(CAP_DAC_READ_SEARCH)

static void expect(const struct host *host, enum reading_cause cause, const char *text)
{
    char fix[HOST_FIX_MAX];

    assert_string_equal(host_fix_cause(host, cause, fix), text);
}

static void root_is_not_told_to_run_as_root(void **state)
{
    struct host root = {.caps_known = true, .is_root = true, .caps = SEARCH};

    (void)state;
    expect(&root, CAUSE_NO_PTRACE,
           "This root lacks CAP_SYS_PTRACE: let its container or unit keep it.");
    expect(&root, CAUSE_NO_PERMISSION,
           "This root lacks CAP_SYS_PTRACE: let its container or unit keep it.");
    root.caps = PTRACE;
    expect(&root, CAUSE_DEBUGFS_DENIED,
           "This root lacks CAP_DAC_READ_SEARCH: let its container or unit keep it.");
    root.caps = 0;
    expect(&root, CAUSE_NO_PERMISSION,
           "This root lacks CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH: let its container or unit keep "
           "them.");
}

static void a_capability_that_is_held_is_not_asked_for(void **state)
{
    struct host user = {.caps_known = true, .caps = PTRACE}, all = user;

    (void)state;
    expect(&user, CAUSE_NO_PERMISSION, "Run as root, or with CAP_DAC_READ_SEARCH.");
    all.caps |= SEARCH;
    expect(&all, CAUSE_DEBUGFS_DENIED,
           "CAP_DAC_READ_SEARCH is held: a security module or another user namespace refuses.");
    expect(&all, CAUSE_NO_PTRACE,
           "CAP_SYS_PTRACE is held: kernel.yama.ptrace_scope=3, another security module or another "
           "user namespace refuses.");
}

static void without_that_knowledge_and_for_other_causes_the_general_text_stays(void **state)
{
    const struct host unknown = {0}, known = {.caps_known = true};

    (void)state;
    for (int cause = 0; cause < CAUSE_COUNT; cause++)
        expect(&unknown, (enum reading_cause)cause, reading_cause_fix((enum reading_cause)cause));
    expect(&known, CAUSE_DEBUGFS_UNMOUNTED, reading_cause_fix(CAUSE_DEBUGFS_UNMOUNTED));
}

static void expect_report(uint8_t state, uint8_t obstacle, enum reading_cause cause,
                          const char *text)
{
    const struct host host = {0};
    const struct bpf_status bpf = {.state = state, .obstacle = obstacle};
    char fix[HOST_FIX_REPORT_MAX];

    assert_string_equal(host_fix_report(&host, &bpf, cause, fix), text);
}

static void a_report_names_bpf_where_it_would_help_and_only_there(void **state)
{
    const char *fix = reading_cause_fix(CAUSE_LOCKDOWN_INTEGRITY);
    char with[HOST_FIX_REPORT_MAX];

    (void)state;
    snprintf(with, sizeof(with), "BPF reads it: --bpf. %s", fix);
    expect_report(BPF_UNASKED, BPF_POSSIBLE, CAUSE_LOCKDOWN_INTEGRITY, with);
    expect_report(BPF_UNASKED, BPF_NO_BTF, CAUSE_LOCKDOWN_INTEGRITY, fix);
    expect_report(BPF_UNASKED, BPF_NOT_LOOKED_AT, CAUSE_LOCKDOWN_INTEGRITY, fix);
    expect_report(BPF_LOADED, BPF_POSSIBLE, CAUSE_LOCKDOWN_INTEGRITY, fix);
    expect_report(BPF_FAILED, BPF_POSSIBLE, CAUSE_LOCKDOWN_INTEGRITY, fix);
    expect_report(BPF_UNASKED, BPF_POSSIBLE, CAUSE_NOT_IN_KERNEL, "");
}

static void own_capabilities_are_read_with_the_host(void **state)
{
    struct tree tree;
    struct host host;

    (void)state;
    tree_open(&tree);
    host_read(&tree.root, &host);
    assert_false(host.caps_known);
    tree_text(&tree, "proc/self/status",
              "Name:\tkvmlens\nUid:\t0\t0\t0\t0\nGroups:\t1 2 3\nCapEff:\t0000000000080004\n");
    host_read(&tree.root, &host);
    assert_true(host.caps_known && host.is_root);
    assert_true(host.caps == 0x80004);
    tree_text(&tree, "proc/self/status", "Uid:\t1000\t1000\t1000\t1000\nCapEff:\t0\n");
    host_read(&tree.root, &host);
    assert_true(host.caps_known && !host.is_root && host.caps == 0);
    tree_close(&tree);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(root_is_not_told_to_run_as_root),
        cmocka_unit_test(a_capability_that_is_held_is_not_asked_for),
        cmocka_unit_test(without_that_knowledge_and_for_other_causes_the_general_text_stays),
        cmocka_unit_test(a_report_names_bpf_where_it_would_help_and_only_there),
        cmocka_unit_test(own_capabilities_are_read_with_the_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
