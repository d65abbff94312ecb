// SPDX-License-Identifier: MIT
/* A saved tree may come from anybody: nothing in it leads out of it. */
#include "core/base/rootfs.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/tree.h"

/* Another tree beside it, which a link leads to. */
struct bench {
    struct tree tree, outside;
};

static int setup(void **state)
{
    static struct bench b;

    tree_open(&b.tree);
    tree_open(&b.outside);
    *state = &b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;

    tree_close(&b->tree);
    tree_close(&b->outside);
    return 0;
}

static void lead_out(struct bench *b, const char *path, const char *below)
{
    char target[200];

    snprintf(target, sizeof(target), "%s/%s", b->outside.path, below);
    tree_link(&b->tree, path, target);
}

static void a_link_behind_a_link_out_of_the_tree_is_not_read(void **state)
{
    struct bench *b = *state;
    char text[64];

    tree_fd(&b->outside, 500, 9, "anon_inode:kvm-vm");
    lead_out(b, "proc/500", "proc/500");
    assert_true(rootfs_readlink(&b->tree.root, "proc/500/fd/9", text, sizeof(text)) < 0);
    assert_string_equal(text, "");
    /* also by a relative way */
    tree_remove(&b->tree, "proc/500");
    snprintf(text, sizeof(text), "../../%s/proc/500", strrchr(b->outside.path, '/') + 1);
    tree_link(&b->tree, "proc/500", text);
    assert_true(rootfs_readlink(&b->tree.root, "proc/500/fd/9", text, sizeof(text)) < 0);
}

static void a_link_inside_the_tree_is_read(void **state)
{
    struct bench *b = *state;
    char text[64];

    tree_fd(&b->tree, 500, 9, "anon_inode:kvm-vm");
    tree_link(&b->tree, "proc/self", "500");
    assert_int_equal(rootfs_readlink(&b->tree.root, "proc/self/fd/9", text, sizeof(text)), 17);
    assert_string_equal(text, "anon_inode:kvm-vm");
    assert_int_equal(rootfs_readlink(&b->tree.root, "proc/self/fd/9", text, 5), 4);
    assert_string_equal(text, "anon");
}

static void a_file_below_a_directory_that_leads_out_is_not_read(void **state)
{
    struct bench *b = *state;
    char text[64];

    tree_text(&b->outside, "vcpu0/tsc-offset", "-7\n");
    tree_text(&b->tree, "kvm/500-9/vcpu1/tsc-offset", "-8\n");
    lead_out(b, "kvm/500-9/vcpu0", "vcpu0");
    int dir = rootfs_openat(&b->tree.root, "kvm/500-9", O_DIRECTORY | O_PATH);
    assert_true(dir >= 0);
    assert_true(rootfs_read_in(&b->tree.root, dir, "vcpu0/tsc-offset", text, sizeof(text)) < 0);
    assert_true(rootfs_read_in(&b->tree.root, dir, "../../../etc", text, sizeof(text)) < 0);
    assert_int_equal(rootfs_read_in(&b->tree.root, dir, "vcpu1/tsc-offset", text, sizeof(text)), 3);
    assert_string_equal(text, "-8\n");
    close(dir);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(a_link_behind_a_link_out_of_the_tree_is_not_read),
        TEST(a_link_inside_the_tree_is_read),
        TEST(a_file_below_a_directory_that_leads_out_is_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
