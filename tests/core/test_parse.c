// SPDX-License-Identifier: MIT
/* The small pure parsers: numbers, link texts, directory and thread names, field tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/parse_number.h"
#include "core/find/kvm_dirs.h"
#include "core/find/proc_fds.h"
#include "core/find/vcpu_threads.h"
#include "core/model/field.h"

static void unsigned_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *s;
        int result;
        uint64_t value;
    } cases[] = {
        {"0\n", 0, 0}, {" 42 \n", 0, 42}, {"18446744073709551615", 0, UINT64_MAX},
        {"18446744073709551616", -ERANGE, 0}, {"", -EINVAL, 0}, {"\n", -EINVAL, 0},
        {"-1", -EINVAL, 0}, {"1 2", -EINVAL, 0}, {"0x10", -EINVAL, 0}, {"1.5", -EINVAL, 0},
        {"+1", -EINVAL, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t v = 0;
        assert_int_equal(parse_u64(cases[i].s, &v), cases[i].result);
        assert_true(v == cases[i].value);
    }
}

static void a_tsc_offset_is_negative_and_64_bits_wide(void **state)
{
    (void)state;
    int64_t v;
    assert_int_equal(parse_i64("-9223372036854775808\n", &v), 0);
    assert_true(v == INT64_MIN);
    assert_int_equal(parse_i64("-9553258952\n", &v), 0);
    assert_true(v == -9553258952LL);
    assert_int_equal(parse_i64("9223372036854775807", &v), 0);
    assert_int_equal(parse_i64("9223372036854775808", &v), -ERANGE);
    assert_int_equal(parse_i64("-9223372036854775809", &v), -ERANGE);
    assert_int_equal(parse_i64("- 1", &v), -EINVAL);
    assert_int_equal(parse_i64("--1", &v), -EINVAL);
}

static void digits_end_where_another_byte_or_the_text_does(void **state)
{
    static const char text[] = "123ff";
    uint64_t v = 77;
    int id = 77;

    (void)state;
    assert_ptr_equal(parse_digits(text, NULL, 10, &v), text + 3);
    assert_int_equal(v, 123);
    assert_ptr_equal(parse_digits(text, text + 2, 10, &v), text + 2);
    assert_int_equal(v, 12);
    assert_ptr_equal(parse_digits(text, NULL, 16, &v), text + 5);
    assert_int_equal(v, 0x123ff);
    v = 77;
    assert_null(parse_digits(text, text, 10, &v));
    assert_null(parse_digits("18446744073709551616", NULL, 10, &v));
    assert_null(parse_digits("-1", NULL, 10, &v));
    assert_null(parse_digits(" 1", NULL, 10, &v));
    assert_null(parse_digits("x", NULL, 16, &v));
    assert_int_equal(v, 77);
    assert_true(parse_whole_id("999999999", &id));
    assert_int_equal(id, 999999999);
    id = 77;
    assert_false(parse_whole_id("1000000000", &id));
    assert_false(parse_whole_id("12x", &id));
    assert_false(parse_whole_id("", &id));
    assert_int_equal(id, 77);
}

static void link_texts_of_kvm_descriptors(void **state)
{
    (void)state;
    static const struct {
        const char *link;
        enum proc_fd_kind kind;
        int vcpu;
    } cases[] = {
        {"anon_inode:kvm-vm", PROC_FD_VM, -7},
        {"anon_inode:kvm-vm-stats", PROC_FD_VM_STATS, -7},
        {"anon_inode:kvm-vcpu:0", PROC_FD_VCPU, 0},
        {"anon_inode:kvm-vcpu:4095", PROC_FD_VCPU, 4095},
        {"anon_inode:kvm-vcpu-stats:12", PROC_FD_VCPU_STATS, 12},
        {"anon_inode:kvm-vcpu:", PROC_FD_OTHER, -7},
        {"anon_inode:kvm-vcpu:-1", PROC_FD_OTHER, -7},
        {"anon_inode:kvm-vcpu:1x", PROC_FD_OTHER, -7},
        {"anon_inode:kvm-vcpu:99999999999", PROC_FD_OTHER, -7},
        {"anon_inode:kvm-vmx", PROC_FD_OTHER, -7},
        {"/tmp/anon_inode:kvm-vm", PROC_FD_OTHER, -7},
        {"anon_inode:[eventfd]", PROC_FD_OTHER, -7},
        {"", PROC_FD_OTHER, -7},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int vcpu = -7;
        assert_int_equal(proc_fds_parse(cases[i].link, &vcpu), cases[i].kind);
        assert_int_equal(vcpu, cases[i].vcpu);
    }
}

static void names_of_vm_directories(void **state)
{
    (void)state;
    pid_t tid = 0;
    int fd = 0;
    assert_true(kvm_dirs_parse("1234567-19", &tid, &fd));
    assert_int_equal(tid, 1234567);
    assert_int_equal(fd, 19);
    static const char *const wrong[] = {"exits",  "vcpu0", "12",           "12-",   "-9", "12-9x",
                                        "12-9-1", "a-1",   "1234567890-1", "12 -9", "",   "12--9"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_false(kvm_dirs_parse(wrong[i], &tid, &fd));
}

static void names_of_vcpu_threads(void **state)
{
    (void)state;
    assert_int_equal(vcpu_threads_parse("CPU 0/KVM"), 0);
    assert_int_equal(vcpu_threads_parse("CPU 127/KVM"), 127);
    assert_int_equal(vcpu_threads_parse("fc_vcpu 3"), 3);
    assert_int_equal(vcpu_threads_parse("vcpu1"), 1);
    assert_int_equal(vcpu_threads_parse("crosvm_vcpu2"), 2);
    assert_int_equal(vcpu_threads_parse("kvm-vcpu-5"), 5);
    assert_int_equal(vcpu_threads_parse("qemu-system-x86"), -1);
    assert_int_equal(vcpu_threads_parse("CPU 0/TCG"), -1);
    assert_int_equal(vcpu_threads_parse("vcpu"), -1);
    assert_int_equal(vcpu_threads_parse("vcpu1x"), -1);
    assert_int_equal(vcpu_threads_parse(""), -1);
}

static void equal_fields_share_an_index_and_different_ones_do_not(void **state)
{
    (void)state;
    struct field_table t = {0};
    struct field exits = {"exits", FIELD_VCPU, FIELD_CUMULATIVE, FIELD_NONE, 10, 0, 1, 0, 0};
    struct field hist = {"h", FIELD_VCPU, FIELD_LOG_HIST, FIELD_SECONDS, 10, -9, 32, 0, 0};
    struct field hist2 = {"i", FIELD_VM, FIELD_LINEAR_HIST, FIELD_NONE, 10, 0, 8, 5, 0};

    assert_int_equal(field_table_add(&t, &exits), 0);
    assert_int_equal(field_table_add(&t, &hist), 1);
    assert_int_equal(field_table_add(&t, &exits), 0);
    exits.scope = FIELD_VM;
    assert_int_equal(field_table_add(&t, &exits), 2);
    assert_int_equal(field_table_add(&t, &hist2), 3);
    assert_int_equal(t.fields[1].bucket_index, 0);
    assert_int_equal(t.fields[3].bucket_index, 32);
    assert_int_equal(t.bucket_count, 40);
    assert_int_equal(field_table_find(&t, "h"), 1);
    assert_int_equal(field_table_find(&t, "none"), -ENOENT);

    static const char *const bad[] = {"", "a b", "a\033", "../x", "-x", "a/b", "a\"b"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct field f = exits;
        strcpy(f.name, bad[i]);
        assert_int_equal(field_table_add(&t, &f), -EINVAL);
    }
    for (int i = 4; i < FIELD_MAX; i++) {
        struct field f = exits;
        snprintf(f.name, sizeof(f.name), "f%d", i);
        assert_int_equal(field_table_add(&t, &f), i);
    }
    strcpy(exits.name, "one_too_many");
    assert_int_equal(field_table_add(&t, &exits), -ENOSPC);
    field_table_done(&t);
}

static void bounds_of_histogram_buckets(void **state)
{
    (void)state;
    struct field log = {.kind = FIELD_LOG_HIST, .size = 32};
    struct field linear = {.kind = FIELD_LINEAR_HIST, .size = 4, .bucket_size = 10};
    uint64_t low, high;

    field_bucket_range(&log, 0, &low, &high);
    assert_true(low == 0 && high == 1);
    field_bucket_range(&log, 1, &low, &high);
    assert_true(low == 1 && high == 2);
    field_bucket_range(&log, 5, &low, &high);
    assert_true(low == 16 && high == 32);
    field_bucket_range(&log, 31, &low, &high);
    assert_true(low == 1ULL << 30 && high == UINT64_MAX);
    field_bucket_range(&linear, 0, &low, &high);
    assert_true(low == 0 && high == 10);
    field_bucket_range(&linear, 3, &low, &high);
    assert_true(low == 30 && high == UINT64_MAX);
    log.size = 200;
    field_bucket_range(&log, 150, &low, &high); /* no shift beyond 63 */
    assert_true(low == UINT64_MAX);
}

static void every_known_counter_is_found_and_explained(void **state)
{
    (void)state;
    /* bsearch finds an entry only if the table is in order. */
    static const char *const names[] = {"blocking",      "exits",           "pf_fixed",
                                        "pages_4k",      "halt_wait_hist",  "max_mmu_rmap_size",
                                        "wfi_exit_stat", "tlb_flush",       "insn_emulation_fail",
                                        "mmu_unsync",    "remote_tlb_flush"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const struct field_known *k = field_known(names[i]);
        assert_non_null(k);
        assert_string_equal(k->name, names[i]);
        assert_true(strlen(k->text) > 10);
        assert_true(k->size == (k->kind == FIELD_LOG_HIST ? 32 : 1));
    }
    assert_null(field_known("zzz"));
    assert_null(field_known(""));
    for (size_t i = 1; i < field_known_count(); i++)
        assert_true(strcmp(field_known_at(i - 1)->name, field_known_at(i)->name) < 0);
}

static void a_decimal_is_digits_and_at_most_one_point(void **state)
{
    static const struct {
        const char *text;
        double value; /* below 0: refused */
    } rows[] = {
        {"0", 0},
        {"12", 12},
        {"0.25", 0.25},
        {".5", 0.5},
        {"7.", 7},
        {"", -1},
        {".", -1},
        {"1.2.3", -1},
        {"-1", -1},
        {"1e3", -1},
        {" 1", -1},
        {"1 ", -1},
        {"nan", -1},
        {"123456789012345", 123456789012345.0},
        {"1234567890123456", -1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        double value = -7;
        assert_int_equal(parse_decimal(rows[i].text, &value), rows[i].value >= 0);
        assert_true(value == (rows[i].value >= 0 ? rows[i].value : -7));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_decimal_is_digits_and_at_most_one_point),
        cmocka_unit_test(unsigned_numbers),
        cmocka_unit_test(a_tsc_offset_is_negative_and_64_bits_wide),
        cmocka_unit_test(digits_end_where_another_byte_or_the_text_does),
        cmocka_unit_test(link_texts_of_kvm_descriptors),
        cmocka_unit_test(names_of_vm_directories),
        cmocka_unit_test(names_of_vcpu_threads),
        cmocka_unit_test(equal_fields_share_an_index_and_different_ones_do_not),
        cmocka_unit_test(bounds_of_histogram_buckets),
        cmocka_unit_test(every_known_counter_is_found_and_explained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
