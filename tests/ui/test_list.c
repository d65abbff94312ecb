// SPDX-License-Identifier: MIT
#include "ui/report/list.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/snapshot_builder.h"
#include "tests/lib/two_vms.h"

static const struct filter all = {.vm_fd = -1};

static char *print(const struct snapshot *s, const struct filter *filter, bool json)
{
    char *text = NULL;
    size_t len;
    FILE *mem = open_memstream(&text, &len);

    assert_non_null(mem);
    assert_int_equal(list_run(s, filter, json, mem), 0);
    fclose(mem);
    return text;
}

static void sources_are_judged_by_what_they_gave(void **state)
{
    struct two_vms *t = two_vms_new();
    struct snapshot *s = two_vms_second(t);
    struct list_source l;

    (void)state;
    l = list_source(s, &s->vms[0], SOURCE_STATSFD);
    assert_int_equal(l.readable, 2 * 4);
    assert_int_equal(l.cause, CAUSE_NONE);
    l = list_source(s, &s->vms[0], SOURCE_DEBUGFS);
    assert_int_equal(l.refused, 1);
    assert_int_equal(l.cause, CAUSE_LOCKDOWN_INTEGRITY);
    assert_true(l.readable > 0);
    l = list_source(s, &s->vms[1], SOURCE_STATSFD);
    assert_int_equal(l.readable, 0);
    assert_int_equal(l.cause, CAUSE_NO_STATS_FD);
    l = list_source(s, &s->vms[1], SOURCE_PROC);
    assert_true(l.readable >= 3);
    snapshot_free(s);
    two_vms_free(t);
}

static void text_names_each_vm_and_each_source_with_its_reason(void **state)
{
    struct two_vms *t = two_vms_new();
    struct snapshot *s = two_vms_second(t);
    char *text = print(s, &all, false);

    (void)state;
    assert_non_null(strstr(text, "5164"));
    assert_non_null(strstr(text, "16.0G"));
    assert_non_null(strstr(text, "statsfd  usable   8 numbers\n"));
    assert_non_null(strstr(text, "1 refused: lockdown=integrity\n"));
    assert_non_null(strstr(text, "statsfd  no       the VMM keeps no binary stats fd\n"));
    for (const char *p = text; *p != '\0'; p++)
        assert_true(*p == '\n' || ((unsigned char)*p >= 0x20 && *p != 0x7F));
    free(text);
    snapshot_free(s);
    two_vms_free(t);
}

static void one_number_is_no_plural(void **state)
{
    struct snapshot_builder *b = snapshot_builder_new();
    int exits = snapshot_builder_field(b, "exits", FIELD_VM, FIELD_CUMULATIVE, FIELD_NONE, 1);
    size_t vm = snapshot_builder_vm(b, 5164, 9, "vm16", "qemu", 0);

    (void)state;
    snapshot_builder_set(b, vm, -1, exits, 7, 0, SOURCE_DEBUGFS);
    char *text = print(snapshot_builder_finish(b), &all, false);
    assert_non_null(strstr(text, "debugfs  usable   1 number\n"));
    free(text);
    snapshot_builder_free(b);
}

static void json_has_the_same(void **state)
{
    struct two_vms *t = two_vms_new();
    struct snapshot *s = two_vms_second(t);
    char *text = print(s, &all, true);
    json_t *root = json_loads(text, 0, NULL);
    int pid = 0, readable = -1, usable = 1;
    const char *schema = NULL, *cause = NULL;

    (void)state;
    assert_non_null(root);
    assert_int_equal(json_unpack(root, "{s:s, s:[{s:i},{s:{s:{s:b,s:i,s:s}}}]}", "schema", &schema,
                                 "vms", "pid", &pid, "sources", "statsfd", "usable", &usable,
                                 "readable", &readable, "cause", &cause),
                     0);
    assert_string_equal(schema, "kvmlens-list/1");
    assert_int_equal(pid, 5164);
    assert_int_equal(usable, 0);
    assert_int_equal(readable, 0);
    assert_string_equal(cause, "no-stats-fd");
    assert_int_equal(json_unpack(root, "{s:{s:s}}", "causes", "no-stats-fd", &cause), 0);
    assert_non_null(strstr(cause, "the VMM keeps no binary stats fd"));
    json_decref(root);
    free(text);
    snapshot_free(s);
    two_vms_free(t);
}

/* One VM that debugfs refuses one counter of, and what is to be said of BPF. */
static char *print_with_bpf(enum bpf_state state, enum bpf_obstacle obstacle, const char *why,
                            bool json)
{
    struct snapshot_builder *b = snapshot_builder_new();
    int exits = snapshot_builder_field(b, "exits", FIELD_VM, FIELD_CUMULATIVE, FIELD_NONE, 1);
    size_t vm = snapshot_builder_vm(b, 5164, 9, "vm16", "qemu", 0);

    snapshot_builder_missing(b, vm, -1, exits, READING_DENIED, CAUSE_LOCKDOWN_INTEGRITY);
    struct snapshot *s = snapshot_builder_snapshot(b);
    s->bpf.state = (uint8_t)state;
    s->bpf.obstacle = (uint8_t)obstacle;
    snprintf(s->bpf.why, sizeof(s->bpf.why), "%s", why);
    char *text = print(snapshot_builder_finish(b), &all, json);
    snapshot_builder_free(b);
    return text;
}

static void bpf_says_why_it_is_not_used(void **state)
{
    static const struct {
        enum bpf_state state;
        enum bpf_obstacle obstacle;
        const char *why, *text, *cause;
    } cases[] = {
        {BPF_UNASKED, BPF_POSSIBLE, "", "    bpf      not used nobody asked for it (--bpf)\n",
         "not-asked-for"},
        {BPF_UNASKED, BPF_NO_BTF, "", "    bpf      no       this kernel has no BTF",
         "bpf-unusable"},
        {BPF_FAILED, BPF_POSSIBLE, "the verifier refused it",
         "    bpf      no       the verifier refused it\n", "bpf-unusable"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *cause = NULL, *meaning = NULL;
        char *text =
            print_with_bpf(cases[i].state, cases[i].obstacle, cases[i].why, false);
        assert_non_null(strstr(text, cases[i].text));
        free(text);
        text = print_with_bpf(cases[i].state, cases[i].obstacle, cases[i].why, true);
        json_t *root = json_loads(text, 0, NULL);
        assert_int_equal(json_unpack(root, "{s:[{s:{s:{s:s}}}], s:{s:s}}", "vms", "sources", "bpf",
                                     "cause", &cause, "causes", cases[i].cause, &meaning),
                         0);
        assert_string_equal(cause, cases[i].cause);
        json_decref(root);
        free(text);
    }
}

static void who_is_refused_all_sees_a_sentence(void **state)
{
    char *text = print_with_bpf(BPF_UNASKED, BPF_POSSIBLE, "", false);

    (void)state;
    assert_non_null(strstr(text, "    debugfs  no       1 refused: lockdown=integrity\n"));
    free(text);
}

static void no_vms_is_said_in_words(void **state)
{
    struct snapshot empty = {0};
    char *text = print(&empty, &all, false);

    (void)state;
    assert_non_null(strstr(text, "no VMs found"));
    free(text);
}

static void fits_80_columns(const char *text)
{
    for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1)
        if (strcspn(line, "\n") > 80)
            fail_msg("too wide: %.*s", (int)strcspn(line, "\n"), line);
}

/* Those of one VM: it has what its kernel has for it, or refuses. */
static void fields_of_a_chosen_vm_are_those_it_has(void **state)
{
    struct snapshot_builder *b = snapshot_builder_new();
    int exits = snapshot_builder_field(b, "exits", FIELD_VM, FIELD_CUMULATIVE, FIELD_NONE, 1);
    int denied = snapshot_builder_field(b, "pf_fixed", FIELD_VM, FIELD_CUMULATIVE, FIELD_NONE, 1);
    int other = snapshot_builder_field(b, "hypercalls", FIELD_VM, FIELD_CUMULATIVE, FIELD_NONE, 1);
    size_t first = snapshot_builder_vm(b, 5164, 9, "first", "qemu", 0);
    size_t second = snapshot_builder_vm(b, 5201, 9, "second", "qemu", 0);
    struct filter one = {.pid = 5164, .vm_fd = -1};
    char *text = NULL;
    size_t len;
    FILE *mem = open_memstream(&text, &len);

    (void)state;
    assert_non_null(mem);
    snapshot_builder_set(b, first, -1, exits, 5, 1, SOURCE_DEBUGFS);
    snapshot_builder_missing(b, first, -1, denied, READING_DENIED, CAUSE_LOCKDOWN_INTEGRITY);
    snapshot_builder_set(b, second, -1, other, 5, 1, SOURCE_DEBUGFS);
    assert_int_equal(list_fields(snapshot_builder_finish(b), &one, mem), 0);
    fclose(mem);
    assert_non_null(strstr(text, "\nexits "));
    assert_non_null(strstr(text, "\npf_fixed "));
    assert_null(strstr(text, "\nhypercalls "));
    free(text);
    snapshot_builder_free(b);
}

static void fields_are_listed_with_kind_unit_and_scope(void **state)
{
    struct two_vms *t = two_vms_new();
    struct snapshot *s = two_vms_second(t);
    char *text = NULL;
    size_t len, lines = 0;
    FILE *mem = open_memstream(&text, &len);

    (void)state;
    assert_non_null(mem);
    assert_int_equal(list_fields(s, &all, mem), 0);
    fclose(mem);
    for (const char *p = text; *p != '\0'; p++)
        lines += *p == '\n';
    assert_int_equal(lines, 20);
    assert_non_null(
        strstr(text, "\n    Time that halted vCPUs slept in the host: the guest's idle"));
    fits_80_columns(text);
    assert_non_null(strstr(text, "halt_wait_ns                         vcpu  cumulative"));
    assert_non_null(strstr(text, "seconds*10^-9"));
    free(text);
    snapshot_free(s);
    two_vms_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sources_are_judged_by_what_they_gave),
        cmocka_unit_test(text_names_each_vm_and_each_source_with_its_reason),
        cmocka_unit_test(one_number_is_no_plural),
        cmocka_unit_test(json_has_the_same),
        cmocka_unit_test(bpf_says_why_it_is_not_used),
        cmocka_unit_test(who_is_refused_all_sees_a_sentence),
        cmocka_unit_test(no_vms_is_said_in_words),
        cmocka_unit_test(fields_are_listed_with_kind_unit_and_scope),
        cmocka_unit_test(fields_of_a_chosen_vm_are_those_it_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
