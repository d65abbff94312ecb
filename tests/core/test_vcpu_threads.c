// SPDX-License-Identifier: MIT
/* Threads of vCPUs come and go: unplugged and plugged in again, a vCPU runs on another. */
#include "core/find/vcpu_threads.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/tree.h"

#define VCPUS   2
#define DEBUGFS "sys/kernel/debug/kvm"

struct bench {
    struct tree tree;
    struct vm_vcpu vcpus[VCPUS];
    struct vm vm;
};

static int setup(void **state)
{
    static struct bench b;

    memset(&b, 0, sizeof(b));
    tree_open(&b.tree);
    b.vm.id.pid = 500;
    b.vm.vcpus = b.vcpus;
    b.vm.vcpu_count = VCPUS;
    for (int k = 0; k < VCPUS; k++)
        b.vcpus[k] = (struct vm_vcpu){.id = k, .stats_fd = -1};
    *state = &b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;

    tree_close(&b->tree);
    return 0;
}

static void thread(struct bench *b, int tid, const char *comm)
{
    char path[64];

    snprintf(path, sizeof(path), "proc/500/task/%d/comm", tid);
    tree_text(&b->tree, path, comm);
}

static void end_thread(struct bench *b, int tid)
{
    char path[64];

    snprintf(path, sizeof(path), "proc/500/task/%d", tid);
    tree_remove(&b->tree, path);
}

static void debugfs_pid(struct bench *b, int vcpu, const char *text)
{
    char path[64];

    strcpy(b->vm.debugfs_dir, "500-9");
    snprintf(path, sizeof(path), DEBUGFS "/500-9/vcpu%d/pid", vcpu);
    tree_text(&b->tree, path, text);
}

static void find(struct bench *b, bool again)
{
    vcpu_threads_find(&b->tree.root, DEBUGFS, true, again, &b->vm);
}

static void a_replugged_vcpu_has_the_thread_that_debugfs_tells(void **state)
{
    struct bench *b = *state;

    thread(b, 501, "qemu-system-x86\n");
    thread(b, 502, "qemu-system-x86\n");
    debugfs_pid(b, 0, "501\n");
    debugfs_pid(b, 1, "502\n");
    find(b, false);
    assert_int_equal(b->vcpus[0].tid, 501);
    assert_int_equal(b->vcpus[1].tid, 502);
    end_thread(b, 502);
    thread(b, 503, "qemu-system-x86\n");
    debugfs_pid(b, 1, "503\n");
    find(b, false); /* what is known is not asked for at every tick */
    assert_int_equal(b->vcpus[1].tid, 502);
    find(b, true);
    assert_int_equal(b->vcpus[0].tid, 501);
    assert_int_equal(b->vcpus[1].tid, 503);
}

static void a_replugged_vcpu_has_the_thread_of_its_name(void **state)
{
    struct bench *b = *state;

    thread(b, 501, "CPU 0/KVM\n");
    thread(b, 502, "CPU 1/KVM\n");
    find(b, false);
    assert_int_equal(b->vcpus[1].tid, 502);
    end_thread(b, 502);
    find(b, true);
    assert_int_equal(b->vcpus[0].tid, 501);
    assert_int_equal(b->vcpus[1].tid, 0);
    /* The number of the old thread may be another's now. */
    thread(b, 502, "worker\n");
    thread(b, 503, "CPU 1/KVM\n");
    find(b, true);
    assert_int_equal(b->vcpus[1].tid, 503);
    thread(b, 503, "worker\n");
    thread(b, 502, "CPU 1/KVM\n");
    find(b, true);
    assert_int_equal(b->vcpus[1].tid, 502);
}

static void a_thread_without_a_name_is_kept_while_debugfs_is_out_of_reach(void **state)
{
    struct bench *b = *state;

    thread(b, 501, "qemu-system-x86\n");
    debugfs_pid(b, 0, "501\n");
    find(b, false);
    b->vm.debugfs_dir[0] = '\0';
    find(b, true);
    assert_int_equal(b->vcpus[0].tid, 501);
    end_thread(b, 501);
    find(b, true);
    assert_int_equal(b->vcpus[0].tid, 0);
}

static void an_unplugged_vcpu_has_no_thread(void **state)
{
    struct bench *b = *state;

    thread(b, 501, "qemu-system-x86\n");
    debugfs_pid(b, 0, "501\n");
    find(b, false);
    end_thread(b, 501); /* KVM keeps the vCPU, and debugfs its last thread */
    find(b, true);
    assert_int_equal(b->vcpus[0].tid, 0);
}

static void a_vcpu_that_has_not_run_yet_has_no_thread(void **state)
{
    struct bench *b = *state;

    thread(b, 501, "qemu-system-x86\n");
    debugfs_pid(b, 0, "0\n");
    debugfs_pid(b, 1, "-1\n");
    find(b, true);
    assert_int_equal(b->vcpus[0].tid, 0);
    assert_int_equal(b->vcpus[1].tid, 0);
    debugfs_pid(b, 0, "501\n");
    find(b, false);
    assert_int_equal(b->vcpus[0].tid, 501);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(a_replugged_vcpu_has_the_thread_that_debugfs_tells),
        TEST(a_replugged_vcpu_has_the_thread_of_its_name),
        TEST(a_thread_without_a_name_is_kept_while_debugfs_is_out_of_reach),
        TEST(an_unplugged_vcpu_has_no_thread),
        TEST(a_vcpu_that_has_not_run_yet_has_no_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
