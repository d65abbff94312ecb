// SPDX-License-Identifier: MIT
/* What core/ram.h reads of a process. */
#include "core/ram.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/tree.h"

static void process_that_is_gone_is_said_so(void **state)
{
    struct rootfs root;
    struct ram_map map;
    struct error err = {0};

    (void)state;
    assert_int_equal(rootfs_open(NULL, &root, NULL), 0);
    assert_int_equal(ram_find(&root, 0x7ffffff0, "qemu", NULL, 0, RAM_FROM_MAPS, &map, &err),
                     -ESRCH);
    assert_non_null(strstr(err.msg, "has ended"));
    assert_int_equal(ram_quick_bytes(&root, 0x7ffffff0, "qemu", 1), 0);
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

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(process_that_is_gone_is_said_so),
        cmocka_unit_test(page_tables_are_those_of_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
