// SPDX-License-Identifier: MIT
#include "core/ram/parse_maps.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static int first(const char *text, struct maps_entry *ret)
{
    struct maps_cursor cursor = parse_maps_begin(text, strlen(text));
    return parse_maps_next(&cursor, ret);
}

static void all_columns_of_a_maps_line_are_read(void **state)
{
    struct maps_entry e;

    (void)state;
    assert_int_equal(
        first("7f0000000000-7f0000200000 rw-s 00100000 fe:1a 42   /memfd:a b (deleted)\n", &e), 1);
    assert_int_equal(e.start, 0x7f0000000000);
    assert_int_equal(e.end, 0x7f0000200000);
    assert_int_equal(e.flags, MAPS_READ | MAPS_WRITE | MAPS_SHARED);
    assert_int_equal(e.offset, 0x100000);
    assert_int_equal(e.dev_major, 0xfe);
    assert_int_equal(e.dev_minor, 0x1a);
    assert_int_equal(e.inode, 42);
    assert_int_equal(e.page_bytes, 0);
    assert_true(parse_maps_name_begins(&e, "/memfd:"));
    assert_true(parse_maps_name_begins(&e, "/memfd:a b"));
    assert_false(parse_maps_name_begins(&e, "/memfd:a b "));
}

static void smaps_attributes_belong_to_the_mapping_before(void **state)
{
    static const char text[] =
        "1000-2000 ---p 00000000 00:00 0\n"
        "KernelPageSize:        4 kB\n"
        "ProtectionKey:         0\n"
        "VmFlags: mr mw me dc um uw ui \n"
        "200000-400000 rw-p 00000000 00:0f 7                 /anon_hugepage (deleted)\n"
        "KernelPageSize:     2048 kB\n"
        "VmFlags: rd wr ht io pf mm lo dcx d\n";
    struct maps_cursor cursor = parse_maps_begin(text, strlen(text));
    struct maps_entry e;

    (void)state;
    assert_int_equal(parse_maps_next(&cursor, &e), 1);
    assert_int_equal(e.flags, MAPS_HAS_VMFLAGS | MAPS_DONTFORK | MAPS_UFFD);
    assert_int_equal(e.page_bytes, 4096);
    assert_int_equal(e.name_len, 0);
    assert_int_equal(parse_maps_next(&cursor, &e), 1);
    assert_int_equal(e.flags, MAPS_HAS_VMFLAGS | MAPS_READ | MAPS_WRITE | MAPS_HUGETLB | MAPS_IO |
                                  MAPS_PFNMAP | MAPS_MIXED | MAPS_LOCKED);
    assert_int_equal(e.page_bytes, 2 << 20);
    assert_int_equal(parse_maps_next(&cursor, &e), 0);
    assert_int_equal(parse_maps_next(&cursor, &e), 0);
}

static void broken_lines_are_bad_messages(void **state)
{
    static const char *const cases[] = {
        "\n",
        " ",
        "x",
        "1000",
        "1000-",
        "1000-2000",
        "1000-2000 rw-p",
        "2000-1000 rw-p 0 00:00 0\n",
        "1000-1000 rw-p 0 00:00 0\n",
        "1000-2000 rw-p0 00:00 0\n",
        "1000-2000 rw-p 0 0000 0\n",
        "1000-2000 rw-p 0 00:00 x\n",
        "1000-2000 rw-p 0 00:00 0x\n",
        "VmFlags: dc\n",
        "11111111111111111-2 rw-p 0 00:00 0\n",
        "1000-2000 rw-p 0 100000000:00 0\n",
        "1000-2000 rw-p 0 00:00 0\nno attribute\n",
        "1000-2000 rw-p 0 00:00 0\nNoColon\n",
        "1000-2000 rw-p 0 00:00 0\n\n",
    };
    struct maps_entry e;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(first(cases[i], &e), -EBADMSG);
}

static void empty_text_is_the_end(void **state)
{
    struct maps_entry e;

    (void)state;
    assert_int_equal(first("", &e), 0);
    assert_ptr_not_equal(e.name, NULL);
}

static void text_may_end_without_a_newline_anywhere(void **state)
{
    static const char text[] =
        "7f00-8f00 rw-p 00000000 00:00 0   [heap]\nKernelPageSize:  4 kB\nVmFlags: dc";
    (void)state;
    for (size_t len = 0; len <= strlen(text); len++) {
        struct maps_cursor cursor = parse_maps_begin(text, len);
        struct maps_entry e;
        int n;
        while ((n = parse_maps_next(&cursor, &e)) > 0)
            assert_true(e.name >= text && e.name + e.name_len <= text + len);
        assert_true(n == 0 || n == -EBADMSG);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_columns_of_a_maps_line_are_read),
        cmocka_unit_test(smaps_attributes_belong_to_the_mapping_before),
        cmocka_unit_test(broken_lines_are_bad_messages),
        cmocka_unit_test(empty_text_is_the_end),
        cmocka_unit_test(text_may_end_without_a_newline_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
