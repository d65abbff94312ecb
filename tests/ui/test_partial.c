// SPDX-License-Identifier: MIT
#include "ui/report/partial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/find/host_fix.h"
#include "tests/lib/snapshot_builder.h"

static const struct filter all = {.vm_fd = -1};

static int setup(void **state)
{
    struct snapshot_builder *b = snapshot_builder_new();

    snapshot_builder_field(b, "exits", FIELD_VCPU, FIELD_CUMULATIVE, FIELD_NONE, 1);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    snapshot_builder_free(*state);
    return 0;
}

/* What is told of @s. The caller frees it. */
static char *told(const struct snapshot *s, const struct filter *filter)
{
    struct partial partial = {0};
    char *text = NULL;
    size_t len;
    FILE *mem = open_memstream(&text, &len);

    assert_non_null(mem);
    if (partial_count(filter, s, &partial))
        partial_tell(&partial, mem);
    fclose(mem);
    return text;
}

/* The report has said it at its top. */
static void lockdown_may_be_said_elsewhere(void **state)
{
    struct snapshot_builder *b = *state;
    struct partial partial = {0};
    char *text = NULL;
    size_t len;

    snapshot_builder_field(b, "mmu_pte_write", FIELD_VM, FIELD_CUMULATIVE, FIELD_NONE, 1);
    size_t vm = snapshot_builder_vm(b, 5164, 9, "vm", "qemu", 1);
    snapshot_builder_missing(b, vm, -1, 0, READING_DENIED, CAUSE_NO_PTRACE);
    snapshot_builder_missing(b, vm, -1, 1, READING_DENIED, CAUSE_LOCKDOWN_INTEGRITY);
    FILE *mem = open_memstream(&text, &len);
    assert_non_null(mem);
    assert_true(partial_count(&all, snapshot_builder_finish(b), &partial));
    partial_leave_lockdown(&partial);
    partial_tell(&partial, mem);
    fclose(mem);
    assert_null(strstr(text, "lockdown"));
    assert_non_null(strstr(text, "kvmlens: 1 counter of 1 VM"));
    free(text);
}

static void a_missing_capability_is_named_and_the_process_it_is_needed_for(void **state)
{
    struct snapshot_builder *b = *state;
    struct snapshot *s = snapshot_builder_snapshot(b);

    s->host.caps_known = s->host.is_root = true;
    s->host.caps = HOST_CAP(CAP_DAC_READ_SEARCH);
    for (int i = 0; i < 2; i++) {
        size_t vm = snapshot_builder_vm(b, 5164 + i, 9, "vm", "qemu", 1);
        snapshot_builder_missing(b, vm, -1, 0, READING_DENIED, CAUSE_NO_PTRACE);
        if (i == 0)
            continue;
        s->hidden_processes = 3;
        s->hidden_cause = CAUSE_NO_PERMISSION;
        s->hidden_pid = 812;
    }
    char *text = told(snapshot_builder_finish(b), &all);
    assert_string_equal(text,
                        "kvmlens: 2 counters of 2 VMs (process 5164 and others) could not be read: "
                        "no ptrace access to the VMM. This root lacks CAP_SYS_PTRACE: let its "
                        "container or unit keep it.\n"
                        "kvmlens: 3 processes (812 and others) could not be looked into and may "
                        "have VMs: no permission. This root lacks CAP_SYS_PTRACE: let its "
                        "container or unit keep it.\n");
    free(text);
}

static void process_that_could_not_be_read_is_told_with_its_cause(void **state)
{
    struct snapshot *s = snapshot_builder_snapshot(*state);

    s->hidden_processes = 1;
    s->hidden_pid = 812;
    s->hidden_cause = CAUSE_READ_ERROR;
    char *text = told(snapshot_builder_finish(*state), &all);
    assert_string_equal(text, "kvmlens: 1 process (812) could not be looked into and may have VMs: "
                              "read error\n");
    free(text);
    s->hidden_cause = CAUSE_FD_LIMIT;
    text = told(s, &all);
    assert_string_equal(text, "kvmlens: 1 process (812) could not be looked into and may have VMs: "
                              "too many open files. Raise the limit: ulimit -n 4096\n");
    free(text);
}

static void what_was_cut_is_told(void **state)
{
    struct snapshot_builder *b = *state;
    struct snapshot *s = snapshot_builder_snapshot(b);
    struct filter one = {.vm_fd = -1, .pid = 5164}, other = {.vm_fd = -1, .pid = 6000};

    for (int fd = 9; fd <= 10; fd++) {
        size_t vm = snapshot_builder_vm(b, 5164, fd, "vm", "qemu", 0);
        snapshot_builder_get(b, vm)->process_is_cut = true;
    }
    snapshot_builder_vm(b, 6000, 9, "vm", "qemu", 0);
    s->cut_processes = 1;
    snapshot_builder_finish(b);
    char *text = told(s, &all);
    assert_non_null(strstr(text, "kvmlens: 1 process has so many descriptors, VMs or vCPUs that "
                                 "the rest was left out"));
    free(text);
    /* Who asks for one process is told when it is that one. */
    text = told(s, &one);
    assert_non_null(strstr(text, "kvmlens: 1 process has so many descriptors"));
    free(text);
    text = told(s, &other);
    assert_string_equal(text, "");
    free(text);
}

static void bpf_that_was_not_loaded_is_told_once(void **state)
{
    struct snapshot_builder *b = *state;
    struct snapshot *s = snapshot_builder_snapshot(b);
    const struct filter one = {.vm_fd = -1, .pid = 5164};
    struct partial partial = {0};

    s->bpf = (struct bpf_status){.state = BPF_FAILED, .why = "this kernel has no BTF"};
    char *text = told(snapshot_builder_finish(b), &one);
    assert_string_equal(text, "kvmlens: BPF was not loaded: this kernel has no BTF\n");
    free(text);
    assert_true(partial_count(&all, s, &partial));
    assert_true(partial_count_hidden(&one, s, &partial));
    partial.bpf_told = true;
    partial_tell(&partial, stderr);
    s->bpf.state = BPF_WAITS; /* that is no failure: there is no VM either */
    assert_false(partial_count(&all, s, &partial));
    s->bpf.state = BPF_LOADED;
    assert_false(partial_count_bpf(s, &partial));
}

static void exits_that_were_not_counted_are_told_once(void **state)
{
    struct snapshot_builder *b = *state;
    struct snapshot *s = snapshot_builder_snapshot(b);
    struct partial partial = {0};

    s->exits = calloc(1, sizeof(*s->exits)); /* belongs to the snapshot */
    assert_non_null(s->exits);
    s->exits->facts =
        (struct exits_facts){.state = EXITS_FAILED, .why = "tracefs is root's: run as root"};
    char *text = told(snapshot_builder_finish(b), &all);
    assert_string_equal(text, "kvmlens: exits were not counted: tracefs is root's: run as root\n");
    free(text);
    assert_true(partial_count(&all, s, &partial));
    partial.exits_told = true;
    partial_tell(&partial, stderr);
    s->exits->facts.state = EXITS_COUNTED;
    assert_false(partial_count(&all, s, &partial));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(a_missing_capability_is_named_and_the_process_it_is_needed_for),
        TEST(process_that_could_not_be_read_is_told_with_its_cause),
        TEST(lockdown_may_be_said_elsewhere),
        TEST(what_was_cut_is_told),
        TEST(bpf_that_was_not_loaded_is_told_once),
        TEST(exits_that_were_not_counted_are_told_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
