// SPDX-License-Identifier: MIT
/* How busy vCPUs are, by what a tree of files says of their threads. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include "core/scan/scan_looks.h"
#include "tests/lib/tree.h"

#define MS 1000000ull

static struct scan_busy_thread ran(pid_t tid, uint64_t cpu_ms, uint64_t of_ms)
{
    return (struct scan_busy_thread){.tid = tid,
                                     .look = 1,
                                     .looks = 2,
                                     .is_vcpu = true,
                                     .begin_ns = 5 * MS,
                                     .end_ns = (5 + of_ms) * MS,
                                     .begin_cpu_ns = 7 * MS,
                                     .end_cpu_ns = (7 + cpu_ms) * MS};
}

static double share_of(struct scan_busy_thread *threads, size_t count)
{
    return scan_busy_share(&(struct scan_busy){.threads = threads, .count = count});
}

static void one_vcpu_is_as_busy_as_it_ran(void **state)
{
    struct scan_busy_thread sixth = ran(1, 500, 3000), all = ran(1, 3000, 3000),
                            more = ran(1, 3004, 3000);

    (void)state;
    assert_true(fabs(share_of(&sixth, 1) - 1 / 6.0) < 1e-9);
    assert_true(share_of(&all, 1) == 1);
    assert_true(share_of(&more, 1) == 1); /* the two clocks are not read at once */
}

static void idle_ones_beside_it_do_not_make_it_less_busy(void **state)
{
    struct scan_busy_thread one_of_four[] = {ran(1, 0, 3200), ran(2, 3200, 3200), ran(3, 0, 3200),
                                             ran(4, 0, 3200)};
    struct scan_busy_thread alike[] = {ran(1, 800, 3200), ran(2, 400, 1600)};
    struct scan_busy_thread two[] = {ran(1, 3200, 3200), ran(2, 1600, 3200)};

    (void)state;
    assert_true(share_of(one_of_four, 4) == 1);
    assert_true(fabs(share_of(alike, 2) - 0.25) < 1e-9);
    assert_true(fabs(share_of(two, 2) - 1.25 / 1.5) < 1e-9);
}

static void what_was_seen_once_or_in_part_is_not_known(void **state)
{
    struct scan_busy_thread once = ran(1, 0, 0), odd = ran(1, 10, 100);

    (void)state;
    assert_true(scan_busy_share(&(struct scan_busy){.count = 0}) == 0);
    assert_true(share_of(&once, 1) == 0);
    odd.end_cpu_ns = 0; /* another thread has the number now */
    assert_true(share_of(&odd, 1) == 0);
    odd = ran(1, 10, 100);
    const struct scan_busy cut = {.threads = &odd, .count = 1, .is_cut = true};
    assert_true(scan_busy_share(&cut) == 0);
}

/* QEMU names its threads only where it is told to. */
static void who_runs_at_each_look_is_taken_for_a_vcpu(void **state)
{
    struct scan_busy_thread threads[] = {ran(1, 3200, 3200), ran(2, 1000, 3200)};
    struct scan_busy busy = {.threads = threads, .count = 2, .look = 7};

    (void)state;
    threads[0].is_vcpu = threads[1].is_vcpu = false;
    assert_true(scan_busy_share(&busy) == 0);
    threads[0].looks = 7;
    threads[1].looks = 6;
    assert_true(scan_busy_share(&busy) == 1);
    busy.look = threads[0].looks = 2; /* may be chance */
    assert_true(scan_busy_share(&busy) == 0);
}

static void other_threads_in_the_place_of_all_are_another_vm(void **state)
{
    struct scan_busy_thread threads[] = {ran(61, 10, 1600), ran(62, 10, 1600), ran(63, 10, 800)};
    struct scan_busy busy = {.threads = threads, .count = 2, .look = 7};
    struct tree tree;

    (void)state;
    tree_open(&tree);
    tree_process(&tree, 50, "qemu", "qemu", 50);
    assert_false(scan_busy_is_replaced(&busy, &tree.root, 50)); /* it may just be gone */
    busy.count = 3;
    threads[2].look = 5;
    assert_true(scan_busy_is_replaced(&busy, &tree.root, 50));
    threads[2].is_vcpu = false;
    assert_false(scan_busy_is_replaced(&busy, &tree.root, 50));
    threads[2].is_vcpu = true;
    tree_dir(&tree, "proc/50/task/62"); /* one was plugged out, and another one in */
    assert_false(scan_busy_is_replaced(&busy, &tree.root, 50));
    tree_close(&tree);
}

static void kvm_tells_vms_apart_and_threads_where_it_is_not_asked(void **state)
{
    const struct scan_identity there = {.fd = 9}, closed = {.fd = 9, .is_closed = true},
                               one = {.fd = 9, .vm = 0xa0, .birth = 3},
                               again = {.fd = 9, .vm = 0xa0, .birth = 4},
                               other = {.fd = 9, .vm = 0xb0, .birth = 3},
                               unborn = {.fd = 9, .vm = 0xa0};

    (void)state;
    assert_int_equal(scan_identity_compare(&there, &there, false), SCAN_VM_SAME);
    assert_int_equal(scan_identity_compare(&there, &there, true), SCAN_VM_ANOTHER);
    assert_int_equal(scan_identity_compare(&there, &closed, true), SCAN_VM_CLOSED);
    assert_int_equal(scan_identity_compare(&closed, &closed, false), SCAN_VM_SAME);
    assert_int_equal(scan_identity_compare(&one, &one, true), SCAN_VM_SAME);
    assert_int_equal(scan_identity_compare(&one, &again, false), SCAN_VM_ANOTHER);
    assert_int_equal(scan_identity_compare(&one, &other, false), SCAN_VM_ANOTHER);
    assert_int_equal(scan_identity_compare(&unborn, &unborn, false), SCAN_VM_SAME);
    assert_int_equal(scan_identity_compare(&unborn, &unborn, true), SCAN_VM_ANOTHER);
    assert_int_equal(scan_identity_compare(&one, &there, false), SCAN_VM_SAME);
}

static void write_schedstat(struct tree *tree, int tid, const char *text)
{
    char path[64];

    snprintf(path, sizeof(path), "proc/50/task/%d/schedstat", tid);
    tree_text(tree, path, text);
}

static void the_scheduler_is_asked_first_and_last(void **state)
{
    const struct timespec nap = {.tv_nsec = 20 * MS};
    struct scan_busy busy = {.count = 0};
    struct tree tree;

    (void)state;
    tree_open(&tree);
    tree_process(&tree, 50, "qemu", "qemu", 50);
    for (int tid = 51; tid < 51 + 40; tid++) {
        write_schedstat(&tree, tid, "1000000 0 1\n");
        scan_busy_note(&busy, &tree.root, 50, tid, true);
    }
    assert_int_equal(busy.count, 40);
    assert_true(scan_busy_share(&busy) == 0);
    nanosleep(&nap, NULL);
    write_schedstat(&tree, 51, "6000000 9000000 2\n");
    scan_busy_note(&busy, &tree.root, 50, 51, true);
    write_schedstat(&tree, 52, "no number\n");
    scan_busy_note(&busy, &tree.root, 50, 52, true);
    scan_busy_note(&busy, &tree.root, 50, 4711, true); /* has ended */
    assert_int_equal(busy.count, 40);
    assert_true(scan_busy_share(&busy) > 0 && scan_busy_share(&busy) <= 0.25);
    scan_busy_done(&busy);
    tree_close(&tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_vcpu_is_as_busy_as_it_ran),
        cmocka_unit_test(idle_ones_beside_it_do_not_make_it_less_busy),
        cmocka_unit_test(what_was_seen_once_or_in_part_is_not_known),
        cmocka_unit_test(who_runs_at_each_look_is_taken_for_a_vcpu),
        cmocka_unit_test(other_threads_in_the_place_of_all_are_another_vm),
        cmocka_unit_test(kvm_tells_vms_apart_and_threads_where_it_is_not_asked),
        cmocka_unit_test(the_scheduler_is_asked_first_and_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
