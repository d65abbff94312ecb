// SPDX-License-Identifier: MIT
#include "core/scan/uffd_holders.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/lib/tree.h"

static const char uffd[] = "anon_inode:[userfaultfd]";

static void make_host(struct tree *tree)
{
    tree_open(tree);
    tree_process(tree, 1, "init", "init", 1);
    tree_process(tree, 50, "qemu", "qemu", 50);
    tree_fd(tree, 50, 9, "anon_inode:kvm-vm");
    tree_process(tree, 60, "handler", "handler", 60);
    tree_fd(tree, 60, 3, "/anon_inode:[userfaultfd]"); /* a file that somebody named so */
    tree_link(tree, "proc/self/ns/pid", "pid:[4026531836]");
}

static int ask(const struct tree *tree)
{
    atomic_bool cancel = false;
    return uffd_holders_any(&tree->root, &cancel);
}

static void host_without_userfaultfd_has_none(void **state)
{
    struct tree tree;

    (void)state;
    make_host(&tree);
    assert_int_equal(ask(&tree), 0);
    tree_close(&tree);
}

static void descriptor_in_any_process_is_found(void **state)
{
    static const int pids[] = {1, 50, 60};

    (void)state;
    for (size_t i = 0; i < sizeof(pids) / sizeof(pids[0]); i++) {
        struct tree tree;
        make_host(&tree);
        tree_fd(&tree, pids[i], 77, uffd);
        assert_int_equal(ask(&tree), 1);
        tree_close(&tree);
    }
}

static void processes_out_of_sight_make_it_unknown(void **state)
{
    struct tree tree;

    (void)state;
    make_host(&tree);
    tree_remove(&tree, "proc/self/ns/pid");
    tree_link(&tree, "proc/self/ns/pid", "pid:[4026532300]");
    assert_int_equal(ask(&tree), -EACCES);
    tree_close(&tree);
    make_host(&tree);
    tree_remove(&tree, "proc/1");
    assert_int_equal(ask(&tree), -EACCES);
    tree_close(&tree);
}

static void closed_process_makes_it_unknown(void **state)
{
    struct tree tree;

    (void)state;
    make_host(&tree);
    tree_remove(&tree, "proc/60/fd");
    tree_text(&tree, "proc/60/fd", "no directory: opendir is refused");
    assert_int_equal(ask(&tree), -EACCES);
    tree_close(&tree);
    make_host(&tree);
    tree_remove(&tree, "proc/1/fd");
    tree_text(&tree, "proc/1/fd", "the same of init, which handles no faults");
    assert_int_equal(ask(&tree), 0);
    tree_close(&tree);
}

/* Not refused, but not read either, for want of memory, say. */
static void descriptor_that_cannot_be_read_makes_it_unknown(void **state)
{
    struct tree tree;

    (void)state;
    make_host(&tree);
    tree_text(&tree, "proc/60/fd/4", "no link: readlink fails");
    assert_int_equal(ask(&tree), -EACCES);
    tree_close(&tree);
}

static void cancelled_look_ends(void **state)
{
    struct tree tree;
    atomic_bool cancel = true;

    (void)state;
    make_host(&tree);
    assert_int_equal(uffd_holders_any(&tree.root, &cancel), -ECANCELED);
    tree_close(&tree);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(host_without_userfaultfd_has_none),
        cmocka_unit_test(descriptor_in_any_process_is_found),
        cmocka_unit_test(processes_out_of_sight_make_it_unknown),
        cmocka_unit_test(closed_process_makes_it_unknown),
        cmocka_unit_test(descriptor_that_cannot_be_read_makes_it_unknown),
        cmocka_unit_test(cancelled_look_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
