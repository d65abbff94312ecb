// SPDX-License-Identifier: MIT
/* What makes looks at a VM void, by what a tree of files shows. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/scan/scan_looks.h"
#include "tests/lib/tree.h"

static void each_has_a_name_of_its_own_and_a_sentence(void **state)
{
    (void)state;
    for (int i = 0; i < SCAN_VOID_COUNT; i++) {
        const char *name = scan_void_name((enum scan_void)i);
        assert_true(strlen(scan_void_text((enum scan_void)i)) > 10);
        assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz-"), strlen(name));
        for (int k = 0; k < i; k++)
            assert_string_not_equal(name, scan_void_name((enum scan_void)k));
    }
    assert_true(scan_void_spoils(SCAN_VOID_MIGRATING));
    assert_false(scan_void_spoils(SCAN_VOID_STOPPED));
}

static void an_old_kernel_that_balances_several_nodes_is_refused(void **state)
{
    static const struct {
        const char *kernel, *balancing, *nodes;
        bool is_refused;
    } cases[] = {
        {"6.1.0-28-amd64", "1", "0-1", true}, {"5.10.0", "2", "0,2", true},
        {"6.4.16", "1", "0-3", true},         {"6.5.0", "1", "0-1", false},
        {"6.18.44", "1", "0-1", false},       {"6.1.0-28-amd64", "0", "0-1", false},
        {"6.1.0-28-amd64", "1", "0", false},  {"6.1.0-28-amd64", "", "0-1", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct error err = {.code = 0};
        struct tree tree;
        tree_open(&tree);
        tree_text(&tree, "proc/sys/kernel/osrelease", cases[i].kernel);
        tree_text(&tree, "proc/sys/kernel/numa_balancing", cases[i].balancing);
        tree_text(&tree, "sys/devices/system/node/has_memory", cases[i].nodes);
        assert_int_equal(scan_void_numa(&tree.root, &err), cases[i].is_refused ? -EOPNOTSUPP : 0);
        assert_int_equal(strstr(err.msg, "kernel.numa_balancing") != NULL, cases[i].is_refused);
        tree_close(&tree);
    }
}

static void a_kernel_without_these_files_is_not(void **state)
{
    struct error err = {.code = 0};
    struct tree tree;

    (void)state;
    tree_open(&tree);
    tree_text(&tree, "proc/sys/kernel/osrelease", "5.10.0");
    assert_int_equal(scan_void_numa(&tree.root, &err), 0);
    tree_close(&tree);
}

struct thread {
    int tid;
    const char *syscall; /* NULL: may not be read */
    const char *comm;
};

static struct scan_activity look(const struct thread *threads, size_t count, char process_state)
{
    struct rootfs root;
    struct scan_progress progress = {.cancel = false};
    struct scan_env env = {.root = &root, .progress = &progress};
    struct scan_request request = {.vm = {.pid = 50}};
    struct scan_job job = {.env = &env, .request = &request};
    struct scan_activity activity = {0};
    char path[64], stat[256];
    struct tree tree;

    tree_open(&tree);
    tree_process(&tree, 50, "qemu", "qemu", 50);
    snprintf(stat, sizeof(stat),
             "50 (qemu) %c 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 3 0 50 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 "
             "17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
             process_state);
    tree_text(&tree, "proc/50/stat", stat);
    for (size_t i = 0; i < count; i++) {
        snprintf(path, sizeof(path), "proc/50/task/%d/syscall", threads[i].tid);
        if (threads[i].comm != NULL) {
            char comm[64];
            snprintf(comm, sizeof(comm), "proc/50/task/%d/comm", threads[i].tid);
            tree_text(&tree, comm, threads[i].comm);
        }
        if (threads[i].syscall != NULL)
            tree_text(&tree, path, threads[i].syscall);
        else
            tree_dir(&tree, path);
    }
    root = tree.root;
    scan_void_note_activity(&job, &activity);
    scan_busy_done(&activity.busy);
    tree_close(&tree);
    return activity;
}

#define SLEEPS "202 0x7f0000001000 0x80 0x0 0x0 0x0 0x0 0x7ffc00000000 0x7f0000000000\n"
#define RUNS   "running\n"
#define IN_RUN "16 0xd 0xae80 0x0 0x0 0x0 0x0 0x7ffc00000000 0x7f0000000000\n"
#define OTHER  "16 0xd 0xae81 0x0 0x0 0x0 0x0 0x7ffc00000000 0x7f0000000000\n"

static void threads_tell_whether_a_vcpu_may_run(void **state)
{
#ifdef __x86_64__
    static const struct thread asleep[] = {
        {50, SLEEPS, NULL}, {51, OTHER, NULL}, {52, IN_RUN, "kvm-nx-lpage-re\n"}};
    static const struct thread halted[] = {
        {50, SLEEPS, NULL}, {51, IN_RUN, "CPU 0/KVM\n"}, {52, SLEEPS, NULL}};
    static const struct thread running[] = {{50, SLEEPS, NULL}, {51, RUNS, NULL}};
    static const struct thread hidden[] = {{50, SLEEPS, NULL}, {51, NULL, NULL}};
    struct scan_activity a = look(asleep, 3, 'S');

    (void)state;
    assert_true(a.outside == 1 && a.inside == 0 && a.stopped == 0);
    a = look(halted, 3, 'S');
    assert_true(a.outside == 0 && a.inside == 1);
    a = look(running, 2, 'S');
    assert_true(a.outside == 0 && a.inside == 0);
    a = look(hidden, 2, 'S');
    assert_true(a.outside == 0 && a.inside == 0);
    a = look(halted, 3, 'T');
    assert_true(a.stopped == 1 && a.inside == 0);
#else
    (void)state;
    print_message("the numbers of system calls are those of x86-64: skipped here\n");
    skip();
#endif
}

static void two_looks_without_a_vcpu_are_a_stop(void **state)
{
    (void)state;
    assert_true(scan_void_is_stopped(&(struct scan_activity){.outside = 2}));
    assert_true(scan_void_is_stopped(&(struct scan_activity){.outside = 1, .stopped = 1}));
    assert_false(scan_void_is_stopped(&(struct scan_activity){.outside = 1}));
    assert_false(scan_void_is_stopped(&(struct scan_activity){.outside = 6, .inside = 1}));
    assert_false(scan_void_is_stopped(&(struct scan_activity){0}));
}

static void a_device_is_found_by_its_group(void **state)
{
    static const struct {
        const char *link;
        bool has_device, passthrough;
        int group;
    } cases[] = {
        {"/dev/vfio/14", true, true, 14},
        {"/dev/vfio/noiommu-3", true, true, 3},
        {"/dev/vfio/devices/vfio0", true, true, -1},
        {"anon_inode:[vfio-device]", true, true, -1},
        {"/dev/vfio/vfio", false, true, -1}, /* what QEMU opens for all devices together */
        {"/dev/iommu", false, true, -1},
        {"/dev/kvm", false, false, -1},
        {"/dev/vfio/14x", false, true, -1},
    };
    atomic_bool cancel = false;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct scan_inspection seen;
        struct tree tree;
        tree_open(&tree);
        tree_process(&tree, 50, "qemu", "qemu", 50);
        tree_fd(&tree, 50, 7, cases[i].link);
        assert_int_equal(scan_inspect(&tree.root, 50, &cancel, &seen), 0);
        assert_int_equal(seen.has_device, cases[i].has_device);
        assert_int_equal(seen.passthrough, cases[i].passthrough);
        assert_int_equal(seen.vfio_group, cases[i].group);
        tree_close(&tree);
    }
}

static void a_migration_shows_by_its_thread(void **state)
{
    struct rootfs root;
    struct scan_progress progress = {.cancel = false};
    struct scan_env env = {.root = &root, .progress = &progress};
    struct scan_request request = {.vm = {.pid = 50, .fd = 11}};
    struct scan_dirty dirty = {.voids = 0};
    struct scan_report report = {.dirty = &dirty};
    struct scan_job job = {.env = &env, .request = &request, .report = &report};
    struct tree tree;

    (void)state;
    tree_open(&tree);
    tree_process(&tree, 50, "qemu", "qemu", 50);
    tree_text(&tree, "proc/50/task/50/comm", "qemu\n");
    root = tree.root;
    scan_void_note_migration(&job);
    assert_int_equal(dirty.voids, 0);
    tree_text(&tree, "proc/50/task/51/comm", "live_migration\n");
    scan_void_note_migration(&job);
    assert_int_equal(dirty.voids, 1u << SCAN_VOID_MIGRATING);
    tree_close(&tree);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_has_a_name_of_its_own_and_a_sentence),
        cmocka_unit_test(an_old_kernel_that_balances_several_nodes_is_refused),
        cmocka_unit_test(a_kernel_without_these_files_is_not),
        cmocka_unit_test(threads_tell_whether_a_vcpu_may_run),
        cmocka_unit_test(two_looks_without_a_vcpu_are_a_stop),
        cmocka_unit_test(a_device_is_found_by_its_group),
        cmocka_unit_test(a_migration_shows_by_its_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
