// SPDX-License-Identifier: MIT
/* What core/ram/ram.h reads of a process. */
#include "core/ram/ram.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/tree.h"

#define MIB (1ull << 20)

static void process_that_is_gone_is_said_so(void **state)
{
    struct rootfs root;
    struct ram_map map;
    struct error err = {0};
    size_t read = 0;

    (void)state;
    assert_int_equal(rootfs_open(NULL, &root, NULL), 0);
    assert_int_equal(
        ram_find(&root, 0x7ffffff0, "qemu", NULL, 0, NULL, RAM_FROM_MAPS, NULL, &map, &err),
        -ESRCH);
    assert_non_null(strstr(err.msg, "has ended"));
    assert_int_equal(ram_quick_bytes(&root, 0x7ffffff0, "qemu", 1, NULL, &read), 0);
    rootfs_close(&root);
}

static void page_tables_are_those_of_the_process(void **state)
{
    struct tree tree;

    (void)state;
    tree_open(&tree);
    tree_process(&tree, 50, "qemu", "qemu", 50);
    assert_int_equal(ram_page_table_bytes(&tree.root, 50), 100 * 1024);
    assert_int_equal(ram_page_table_bytes(&tree.root, 51), 0);
    tree_text(&tree, "proc/50/status", "Name:\tVmPTE:\nState:\tZ (zombie)\n");
    assert_int_equal(ram_page_table_bytes(&tree.root, 50), 0);
    tree_close(&tree);
}

#define MAP_A "7f0000000000-7f0010000000 rw-s 00000000 00:01 5    /memfd:memory-backend-memfd\n"
#define MAP_B "7f0020000000-7f0028000000 rw-p 00000000 00:00 0\n"
#define SMALL "7f0040000000-7f0041000000 rw-p 00000000 00:00 0\n"

static const struct {
    const char *what, *maps;
    bool changed;
} looks[] = {
    {"the same", MAP_A MAP_B, false},
    {"small memory that is new", MAP_A MAP_B SMALL, false},
    {"one is gone", MAP_B, true},
    {"large memory that is new", MAP_A MAP_B
     "7f0080000000-7f0088000000 rw-p 00000000 00:00 0\n", true},
    {"a part is gone", "7f0000000000-7f0008000000 rw-s 00000000 00:01 5\n" MAP_B, true},
    {"cut in two", "7f0000000000-7f0008000000 rw-s 00000000 00:01 5\n"
     "7f0008000000-7f0010000000 rw-s 08000000 00:01 5\n" MAP_B, true},
    {"another file", "7f0000000000-7f0010000000 rw-s 00000000 00:01 6\n" MAP_B, true},
    {"another part of it", "7f0000000000-7f0010000000 rw-s 00001000 00:01 5\n" MAP_B, true},
    {"nothing is left", "", true},
};

static void changed_memory_is_seen_in_maps(void **state)
{
    static struct ram_region regions[] = {
        {.start = 0x7f0000000000, .bytes = 0x10000000, .inode = 5, .shared = true},
    };
    struct ram_map map = {.regions = regions, .count = 1};

    (void)state;
    map.large_bytes = ram_large_bytes(MAP_A MAP_B SMALL, strlen(MAP_A MAP_B SMALL));
    assert_int_equal(map.large_bytes, 0x18000000);
    for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++)
        if (ram_changed_in(looks[i].maps, strlen(looks[i].maps), &map) != looks[i].changed)
            fail_msg("%s", looks[i].what);
}

/* Of ranges that the user gave, what lies elsewhere is no matter; a gap that is filled is. */
static void given_ranges_are_looked_at_and_nothing_else(void **state)
{
    static struct ram_region regions[] = {
        {.start = 0x7f0020001000, .bytes = 0x2000},
        {.start = 0x7f0010000000, .bytes = 0x1000, .skip = RAM_SKIP_UNMAPPED},
    };
    struct ram_map map = {.regions = regions, .count = 2, .is_given = true};
    static const char filled[] = "7f0010000000-7f0020000000 rw-p 00000000 00:00 0\n" MAP_B;

    (void)state;
    assert_false(ram_changed_in(MAP_B, strlen(MAP_B), &map));
    assert_false(ram_changed_in(MAP_A MAP_B, strlen(MAP_A MAP_B), &map));
    assert_true(ram_changed_in(filled, strlen(filled), &map));
    assert_true(ram_changed_in(MAP_A, strlen(MAP_A), &map));
}

/* Of two VMs in one process, or where no rule would find it; of a QEMU what -m says is better. */
static void the_size_in_the_table_is_what_the_guest_can_write_to(void **state)
{
    static const char maps[] = "7f0000000000-7f0010000000 rw-p 00000000 00:00 0 \n"
                               "7f0010000000-7f0010001000 ---p 00000000 00:00 0 \n";
    static const struct kvm_bpf_slot at[] = {
        {.gfn = 0, .pages = 0x400, .user_start = 0x7f0000800000},
        {.gfn = 0x1000, .pages = 0x100, .user_start = 0x7f0000800000},
        {.gfn = 0xfffc0, .pages = 0x40, .user_start = 0x7f0000000000, .flags = 2}};
    const struct ram_slots alone = {at, 3, true}, shared = {at, 3, false};
    struct tree tree;
    size_t read = 0;

    (void)state;
    tree_open(&tree);
    tree_text(&tree, "proc/50/maps", maps);
    tree_write(&tree, "proc/50/cmdline",
               "qemu\0-m\0"
               "256",
               sizeof("qemu\0-m\0"
                      "256"));
    assert_int_equal(ram_quick_bytes(&tree.root, 50, "other", 2, &shared, &read), 4 * MIB);
    assert_int_equal(ram_quick_bytes(&tree.root, 50, "qemu", 2, &shared, &read), 4 * MIB);
    assert_int_equal(ram_quick_bytes(&tree.root, 50, "other", 1, &alone, &read), 4 * MIB);
    assert_int_equal(ram_quick_bytes(&tree.root, 50, "qemu", 1, &alone, &read), 256 * MIB);
    assert_int_equal(ram_quick_bytes(&tree.root, 50, "other", 2, NULL, &read), 0);
    tree_close(&tree);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_size_in_the_table_is_what_the_guest_can_write_to),
        cmocka_unit_test(process_that_is_gone_is_said_so),
        cmocka_unit_test(page_tables_are_those_of_the_process),
        cmocka_unit_test(changed_memory_is_seen_in_maps),
        cmocka_unit_test(given_ranges_are_looked_at_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
