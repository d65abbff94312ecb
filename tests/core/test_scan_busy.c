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
        scan_busy_note(&busy, &tree.root, 50, tid);
    }
    assert_int_equal(busy.count, 40);
    assert_true(scan_busy_share(&busy) == 0);
    nanosleep(&nap, NULL);
    write_schedstat(&tree, 51, "6000000 9000000 2\n");
    scan_busy_note(&busy, &tree.root, 50, 51);
    write_schedstat(&tree, 52, "no number\n");
    scan_busy_note(&busy, &tree.root, 50, 52);
    scan_busy_note(&busy, &tree.root, 50, 4711); /* has ended */
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
        cmocka_unit_test(the_scheduler_is_asked_first_and_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
