// SPDX-License-Identifier: MIT
/* Formats of trace events as real kernels have them, and what reasons are called by them. */
#include "core/bpf/exit_names.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/tree.h"

#define FORMATS "tests/fuzz/corpus/exit_format/"

static char *read_file(const char *name)
{
    static char text[64 << 10];
    char path[200];

    snprintf(path, sizeof(path), FORMATS "%s", name);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t len = fread(text, 1, sizeof(text) - 1, f);
    fclose(f);
    text[len] = '\0';
    return text;
}

static struct trace_format parse(const char *text)
{
    struct trace_format f;

    assert_int_equal(trace_format_parse(text, &f), 0);
    return f;
}

static void assert_field(const struct trace_format *f, const char *name, unsigned offset,
                         unsigned bytes)
{
    const struct trace_field *field = trace_format_field(f, name);

    assert_non_null(field);
    assert_int_equal(field->offset, offset);
    assert_int_equal(field->bytes, bytes);
}

static void assert_name(const struct exit_names *names, enum exit_isa isa, uint32_t reason,
                        const char *want)
{
    char name[EXIT_NAME_BYTES];

    assert_string_equal(exit_name(names, isa, reason, name), want);
}

static const char *const kernels[] = {"6.1", "6.12", "6.18"};

static void fields_and_numbers_of_real_kernels(void **state)
{
    char name[60];

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        snprintf(name, sizeof(name), "%s-kvm_exit", kernels[i]);
        struct trace_format f = parse(read_file(name));
        assert_true(f.id > 0);
        assert_field(&f, "exit_reason", 8, 4);
        assert_field(&f, "isa", 24, 4);
        assert_field(&f, "common_pid", 4, 4);
        assert_int_equal(f.list_count, 2);
        assert_int_equal(f.lists[0].isa, 1);
        assert_int_equal(f.lists[0].mask, 0xffff);
        assert_int_equal(f.lists[1].isa, 0);
        assert_int_equal(f.lists[1].not_isa, 1);
        assert_true(f.lists[1].count > 100);
        trace_format_done(&f);
        snprintf(name, sizeof(name), "%s-kvm_pio", kernels[i]);
        f = parse(read_file(name));
        assert_field(&f, "rw", 8, 4);
        assert_field(&f, "count", 20, 4);
        assert_int_equal(f.list_count, 0);
        trace_format_done(&f);
    }
}

/* Each name of ours is the kernel's own, on all of them. */
static void the_table_agrees_with_real_kernels(void **state)
{
    char name[60];

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct exit_names names;
        snprintf(name, sizeof(name), "%s-kvm_exit", kernels[i]);
        struct trace_format vm = parse(read_file(name));
        snprintf(name, sizeof(name), "%s-kvm_userspace_exit", kernels[i]);
        struct trace_format user = parse(read_file(name));
        exit_names_take(&vm, &user, &names);
        assert_true(names.lists[EXIT_ISA_VMX].count > 60);
        assert_true(names.lists[EXIT_ISA_SVM].count > 100);
        assert_true(names.lists[EXIT_ISA_USER].count > 25);
        for (unsigned isa = 1; isa < EXIT_ISA_COUNT; isa++) {
            assert_false(names.is_doubtful[isa]);
            for (size_t k = 0; k < names.lists[isa].count; k++) {
                char ours[EXIT_NAME_BYTES];
                uint32_t reason = (uint32_t)names.lists[isa].symbols[k].value;
                exit_name(NULL, isa, reason, ours);
                assert_name(&names, isa, reason, ours);
                assert_null(strstr(ours, "0x"));
            }
        }
        assert_name(&names, EXIT_ISA_SVM, 0x400, "npf");
        assert_name(&names, EXIT_ISA_SVM, 0x7b, "io");
        assert_name(&names, EXIT_ISA_SVM, 0x40 + 14, "PF excp");
        assert_name(&names, EXIT_ISA_SVM, 0xffffffff, "invalid_guest_state");
        assert_name(&names, EXIT_ISA_SVM, 0x8000fffd, "vmgexit_hypervisor_feature");
        assert_name(&names, EXIT_ISA_VMX, 48, "EPT_VIOLATION");
        assert_name(&names, EXIT_ISA_VMX, 0x80000021, "INVALID_STATE FAILED_VMENTRY");
        assert_name(&names, EXIT_ISA_USER, 2, "IO");
        /* Numbers that no kernel knows; and one that the other instruction set has. */
        assert_name(&names, EXIT_ISA_SVM, 0x7777, "0x7777");
        assert_name(&names, EXIT_ISA_VMX, 0x400, "0x400");
        assert_name(&names, EXIT_ISA_UNKNOWN, 12, "0xc");
        assert_name(&names, (enum exit_isa)77, 12, "0xc");
        exit_names_done(&names);
        trace_format_done(&vm);
        trace_format_done(&user);
    }
}

static void a_newer_name_of_the_kernel_is_taken(void **state)
{
    struct trace_format f =
        parse("name: kvm_exit\nID: 7\nformat:\n\nprint fmt: \"%s\", (REC->isa == 1) ? "
              "__print_symbolic(REC->exit_reason & 0xffff, { 12, \"HLT\" }, { 90, \"NEWER\" }) : "
              "__print_symbolic(REC->exit_reason, { 0x078, \"hlt\" }, { 0x0b0, \"newest\" })\n");
    struct exit_names names;

    (void)state;
    exit_names_take(&f, NULL, &names);
    assert_name(&names, EXIT_ISA_VMX, 90, "NEWER");
    assert_name(&names, EXIT_ISA_SVM, 90, "0x5a");
    assert_name(&names, EXIT_ISA_SVM, 0xb0, "newest");
    assert_name(&names, EXIT_ISA_SVM, 0x400, "npf"); /* by the table */
    exit_names_done(&names);
    trace_format_done(&f);
}

/* The lists have changed places, so neither is what it is said to be. */
static void lists_of_the_other_instruction_set_give_no_names(void **state)
{
    struct trace_format f =
        parse("ID: 7\nprint fmt: \"%s\", (REC->isa == 2) ? "
              "__print_symbolic(REC->exit_reason, { 2, \"TRIPLE_FAULT\" }, { 3, \"INIT_SIGNAL\" }, "
              "{ 4, \"SIPI_SIGNAL\" }) : "
              "__print_symbolic(REC->exit_reason, { 0, \"read_cr0\" }, { 2, \"read_cr2\" })\n");
    struct exit_names names;

    (void)state;
    exit_names_take(&f, NULL, &names);
    assert_true(names.is_doubtful[EXIT_ISA_SVM]);
    assert_true(names.is_doubtful[EXIT_ISA_VMX]);
    assert_name(&names, EXIT_ISA_SVM, 2, "0x2");
    assert_name(&names, EXIT_ISA_SVM, 0x400, "0x400");
    assert_name(&names, EXIT_ISA_VMX, 0, "0x0");
    exit_names_done(&names);
    trace_format_done(&f);
}

static void a_list_of_no_instruction_set_is_not_used(void **state)
{
    struct trace_format f = parse("ID: 7\nprint fmt: \"%s\", REC->odd ? \"\" : "
                                  "__print_symbolic(REC->exit_reason, { 12, \"WRONG\" })\n");
    struct exit_names names;

    (void)state;
    assert_int_equal(f.list_count, 1);
    exit_names_take(&f, NULL, &names);
    assert_name(&names, EXIT_ISA_VMX, 12, "HLT");
    assert_name(&names, EXIT_ISA_SVM, 12, "0xc");
    exit_names_done(&names);
    trace_format_done(&f);
}

/* As arch/arm64/kvm/trace_arm.h has it. */
static void names_of_arm64(void **state)
{
    struct trace_format f = parse(
        "name: kvm_exit\nID: 88\nformat:\n"
        "\tfield:int ret;\toffset:8;\tsize:4;\tsigned:1;\n"
        "\tfield:unsigned int esr_ec;\toffset:12;\tsize:4;\tsigned:0;\n"
        "\tfield:unsigned long vcpu_pc;\toffset:16;\tsize:8;\tsigned:0;\n\n"
        "print fmt: \"%s: HSR_EC: 0x%04x (%s), PC: 0x%016lx\", __print_symbolic(REC->ret, {0, "
        "\"IRQ\" }, {1, \"SERROR\" }, {2, \"TRAP\" }, { (((1UL))) << 3, \"SHIFTED\" }), "
        "REC->esr_ec, __print_symbolic(REC->esr_ec, { (0x00UL), \"UNKNOWN\" }, { (0x01UL), "
        "\"WFx\" }, { (0x24UL), \"DABT_LOW\" }, { SOMETHING, \"UNSAID\" }, { (0x16), \"HVC64\" "
        "}), REC->vcpu_pc\n");
    struct exit_names names;

    (void)state;
    assert_field(&f, "esr_ec", 12, 4);
    assert_int_equal(f.list_count, 2);
    exit_names_take(&f, NULL, &names);
    assert_name(&names, EXIT_ISA_ARM64, 0x24, "DABT_LOW");
    assert_name(&names, EXIT_ISA_ARM64, 0x16, "HVC64");
    assert_name(&names, EXIT_ISA_ARM64_CODE, 0, "IRQ");
    assert_name(&names, EXIT_ISA_ARM64, 0x3f, "0x3f");
    assert_int_equal(names.lists[EXIT_ISA_ARM64].count, 4);
    assert_int_equal(names.lists[EXIT_ISA_ARM64_CODE].count, 4);
    assert_name(&names, EXIT_ISA_ARM64_CODE, 8, "SHIFTED");
    exit_names_done(&names);
    trace_format_done(&f);
}

static void what_has_another_form_is_left_out(void **state)
{
    struct trace_format f = parse(
        "ID: 99999999999\n"
        "\tfield:int a;\toffset:4090;\tsize:8;\tsigned:1;\n"
        "\tfield:int b;\toffset:8;\tsize:0;\tsigned:1;\n"
        "\tfield:int c;\toffset:8;\n"
        "\tfield:char d[16];\toffset:8;\tsize:16;\tsigned:0;\n"
        "\tfield:int ;\toffset:8;\tsize:4;\tsigned:1;\n"
        "print fmt: \"__print_symbolic(REC->a, {1, \\\"x\\\"})\", __print_symbolic(1, {1, \"x\"}), "
        "__print_symbolic(REC->z, {1, \"\"}, {2, \"\\n\"}, {3, "
        "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}, {4, \"fo\" \"ur\"}, {-1, \"all\"}, "
        "{ 1 << 64, \"no\" }, { ((((((((((5)))))))))), \"deep\" }, { 6");

    (void)state;
    assert_int_equal(f.id, 0);
    assert_int_equal(f.field_count, 1);
    assert_field(&f, "d", 8, 16);
    assert_int_equal(f.list_count, 1);
    assert_int_equal(f.lists[0].count, 2);
    assert_string_equal(trace_list_name(&f.lists[0], 4), "four");
    assert_string_equal(trace_list_name(&f.lists[0], UINT64_MAX), "all");
    assert_null(trace_list_name(&f.lists[0], 5));
    trace_format_done(&f);
}

static void formats_are_found_where_tracefs_is(void **state)
{
    static const char *const places[] = {"sys/kernel/debug/tracing", "sys/kernel/tracing"};
    struct tree tree;
    struct trace_format f;
    struct error err = {0};
    char path[120];

    (void)state;
    tree_open(&tree);
    assert_int_equal(trace_format_read(&tree.root, "kvm_exit", &f, &err), -ENOENT);
    assert_non_null(strstr(err.msg, "built with CONFIG_TRACING"));
    tree_dir(&tree, "sys/kernel/tracing");
    assert_int_equal(trace_format_read(&tree.root, "kvm_exit", &f, &err), -ENOENT);
    assert_non_null(strstr(err.msg, "mount -t tracefs"));
    tree_dir(&tree, "sys/kernel/debug/tracing/events");
    assert_int_equal(trace_format_read(&tree.root, "kvm_exit", &f, &err), -ENOENT);
    assert_non_null(strstr(err.msg, "it is not loaded"));
    tree_dir(&tree, "sys/kernel/debug/tracing/events/kvm");
    assert_int_equal(trace_format_read(&tree.root, "kvm_exit", &f, &err), -ENOENT);
    assert_non_null(strstr(err.msg, "this kernel has no trace event kvm/kvm_exit"));
    /* The second one is where it belongs, and comes first. */
    for (size_t i = 0; i < 2; i++) {
        char text[40];
        snprintf(path, sizeof(path), "%s/events/kvm/kvm_exit/format", places[i]);
        snprintf(text, sizeof(text), "name: kvm_exit\nID: %zu\n", i + 5);
        tree_text(&tree, path, text);
        assert_int_equal(trace_format_read(&tree.root, "kvm_exit", &f, &err), 0);
        assert_int_equal(f.id, i + 5);
        trace_format_done(&f);
    }
    tree_text(&tree, path, "name: kvm_exit\n");
    assert_int_equal(trace_format_read(&tree.root, "kvm_exit", &f, &err), -EBADMSG);
    tree_close(&tree);
}

static void halts_are_told_from_work(void **state)
{
    (void)state;
    assert_true(exit_is_halt(EXIT_ISA_SVM, 0x78));
    assert_false(exit_is_halt(EXIT_ISA_SVM, 12));
    assert_true(exit_is_halt(EXIT_ISA_VMX, 12));
    assert_false(exit_is_halt(EXIT_ISA_VMX, 0x78));
    assert_false(exit_is_halt(EXIT_ISA_USER, 12));
    /* MWAIT is no waiting: KVM lets it go on at once. */
    assert_false(exit_is_halt(EXIT_ISA_VMX, 36));
    assert_false(exit_is_halt(EXIT_ISA_SVM, 0x8b));
    assert_true(exit_is_halt(EXIT_ISA_ARM64, 1));
    assert_false(exit_is_halt(EXIT_ISA_ARM64_CODE, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_and_numbers_of_real_kernels),
        cmocka_unit_test(the_table_agrees_with_real_kernels),
        cmocka_unit_test(a_newer_name_of_the_kernel_is_taken),
        cmocka_unit_test(lists_of_the_other_instruction_set_give_no_names),
        cmocka_unit_test(a_list_of_no_instruction_set_is_not_used),
        cmocka_unit_test(names_of_arm64),
        cmocka_unit_test(what_has_another_form_is_left_out),
        cmocka_unit_test(formats_are_found_where_tracefs_is),
        cmocka_unit_test(halts_are_told_from_work),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
