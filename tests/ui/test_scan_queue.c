// SPDX-License-Identifier: MIT
// Scans that wait for one another.
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <time.h>

#include "ui/app/scan_queue.h"

#define VMS (SCAN_QUEUE_WAITING_MAX + 2)

/* VMs that have ended: each scan of them is refused, and that is a report. */
struct bed {
    struct rootfs root;
    struct child_config config;
    struct supervisor supervisor;
    struct scan_queue queue;
    struct snapshot_vm vms[VMS];
    struct snapshot snapshot;
};

static void open_bed(struct bed *bed)
{
    *bed = (struct bed){.snapshot = {.vms = bed->vms, .vm_count = VMS}};
    for (int i = 0; i < VMS; i++) {
        bed->vms[i].id = (struct vm_id){.pid = 0x7ffffe00 + i, .start_ticks = 1, .fd = 9};
        bed->vms[i].vmm = "qemu";
    }
    assert_int_equal(rootfs_open(NULL, &bed->root, NULL), 0);
    bed->config = (struct child_config){.root = &bed->root};
    assert_int_equal(supervisor_start(&bed->config, &bed->supervisor, NULL), 0);
    scan_queue_init(&bed->queue, &bed->supervisor);
}

static void close_bed(struct bed *bed)
{
    scan_queue_done(&bed->queue);
    supervisor_stop(&bed->supervisor);
    rootfs_close(&bed->root);
}

static int request(struct bed *bed, int vm, struct error *err)
{
    return scan_queue_request(&bed->queue, &bed->snapshot, &bed->vms[vm].id, SCAN_QUEUE_EXACT, err);
}

/* Until the scanner says no more for a while. */
static void run_all(struct bed *bed)
{
    for (int ready = 1; ready > 0;) {
        struct pollfd poller = {.fd = scan_queue_fd(&bed->queue), .events = POLLIN};
        ready = poll(&poller, 1, 300);
        scan_queue_wake(&bed->queue, 1);
    }
}

static bool was_scanned(const struct bed *bed, int vm)
{
    return scan_reports_find(&bed->queue.scans, &bed->vms[vm].id) != NULL;
}

static void all_scans_that_wait_have_their_turn(void **state)
{
    static struct bed bed;

    (void)state;
    open_bed(&bed);
    assert_int_equal(request(&bed, 0, NULL), 0);
    /* the worker has ended with it only when its report is fetched */
    for (int vm = 1; vm < VMS - 1; vm++)
        assert_int_equal(request(&bed, vm, NULL), 1);
    assert_int_equal(request(&bed, 1, NULL), 1); /* waits once, not twice */
    assert_int_equal(bed.queue.waiting_count, SCAN_QUEUE_WAITING_MAX);
    assert_true(scan_queue_is_waiting(&bed.queue, &bed.vms[VMS - 2].id));
    run_all(&bed);
    for (int vm = 0; vm < VMS - 1; vm++)
        assert_true(vm_id_equal(&bed.queue.scans.list[vm].vm, &bed.vms[vm].id)); /* in turn */
    assert_int_equal(bed.queue.waiting_count, 0);
    close_bed(&bed);
}

static void scan_for_which_there_is_no_place_is_refused(void **state)
{
    static struct bed bed;
    struct error err = {0};

    (void)state;
    open_bed(&bed);
    for (int vm = 0; vm < VMS - 1; vm++)
        assert_true(request(&bed, vm, NULL) >= 0);
    assert_int_equal(request(&bed, VMS - 1, &err), -EBUSY);
    assert_non_null(strstr(err.msg, "waiting already"));
    run_all(&bed);
    assert_true(was_scanned(&bed, VMS - 2));
    assert_false(was_scanned(&bed, VMS - 1));
    close_bed(&bed);
}

static void waiting_scan_that_is_taken_back_is_not_done_and_the_others_are(void **state)
{
    static struct bed bed;

    (void)state;
    open_bed(&bed);
    for (int vm = 0; vm < 4; vm++)
        assert_true(request(&bed, vm, NULL) >= 0);
    scan_queue_cancel(&bed.queue, &bed.vms[2].id);
    assert_false(scan_queue_is_waiting(&bed.queue, &bed.vms[2].id));
    run_all(&bed);
    assert_true(was_scanned(&bed, 1) && was_scanned(&bed, 3));
    assert_false(was_scanned(&bed, 2));
    close_bed(&bed);
}

/* On a busy machine it took longer than anybody waits for it, and the Memory tab stayed empty. */
static void a_scanner_that_is_late_is_asked_for_again(void **state)
{
    static struct bed bed;
    struct error err = {0};

    (void)state;
    open_bed(&bed);
    bed.supervisor.patience_ms = 20;
    assert_int_equal(kill(bed.supervisor.pid, SIGSTOP), 0);
    assert_int_equal(request(&bed, 0, &err), 0);
    assert_true(scan_queue_is_waiting(&bed.queue, &bed.vms[0].id));
    assert_in_range(scan_queue_wait_ms(&bed.queue), 1, 1000);
    scan_queue_wake(&bed.queue, 1);
    assert_true(scan_queue_is_waiting(&bed.queue, &bed.vms[0].id));
    scan_queue_wake(&bed.queue, 2); /* too soon for another try */
    assert_int_equal(kill(bed.supervisor.pid, SIGCONT), 0);
    bed.supervisor.patience_ms = 10000;
    scan_queue_wake(&bed.queue, UINT64_C(1) << 40);
    assert_false(scan_queue_is_waiting(&bed.queue, &bed.vms[0].id));
    run_all(&bed);
    assert_true(was_scanned(&bed, 0));
    close_bed(&bed);
}

static int look(struct bed *bed, int vm)
{
    return scan_queue_request(&bed->queue, &bed->snapshot, &bed->vms[vm].id, SCAN_QUEUE_LOOK, NULL);
}

static void an_exact_scan_is_done_after_a_look_at_the_same_vm(void **state)
{
    static struct bed bed;

    (void)state;
    open_bed(&bed);
    assert_int_equal(look(&bed, 0), 0);
    assert_int_equal(look(&bed, 0), 0);
    assert_int_equal(bed.queue.waiting_count, 0);
    assert_int_equal(request(&bed, 0, NULL), 0); /* of the same VM: nothing is said */
    assert_int_equal(bed.queue.waiting_count, 1);
    assert_int_equal(look(&bed, 1), 1);
    assert_true(bed.queue.waiting[1].request.exact_limit_s > 0);
    assert_int_equal(request(&bed, 1, NULL), 1); /* waits already, and is to read all now */
    assert_int_equal(bed.queue.waiting_count, 2);
    assert_true(bed.queue.waiting[1].request.exact_limit_s == 0);
    assert_int_equal(look(&bed, 1), 1);
    assert_true(bed.queue.waiting[1].request.exact_limit_s == 0);
    run_all(&bed);
    assert_int_equal(bed.queue.waiting_count, 0);
    assert_true(was_scanned(&bed, 0) && was_scanned(&bed, 1));
    assert_int_equal(request(&bed, 0, NULL), 0);
    assert_int_equal(request(&bed, 0, NULL), 0); /* under way */
    assert_int_equal(bed.queue.waiting_count, 0);
    close_bed(&bed);
}

static int ask(struct bed *bed, int vm, enum scan_queue_depth depth)
{
    return scan_queue_request(&bed->queue, &bed->snapshot, &bed->vms[vm].id, depth, NULL);
}

static const struct scan_reports_entry *entry(const struct bed *bed, int vm)
{
    return scan_reports_find(&bed->queue.scans, &bed->vms[vm].id);
}

static void looks_follow_the_scan_of_the_same_vm(void **state)
{
    static struct bed bed;

    (void)state;
    open_bed(&bed);
    assert_int_equal(look(&bed, 0), 0);
    assert_false(scan_queue_is_looking(&bed.queue));
    assert_int_equal(ask(&bed, 0, SCAN_QUEUE_DIRTY), 0);
    assert_int_equal(ask(&bed, 0, SCAN_QUEUE_DIRTY), 0); /* waits once */
    assert_int_equal(bed.queue.waiting_count, 1);
    assert_int_equal(bed.queue.waiting[0].request.mode, SCAN_DIRTY);
    assert_true(scan_queue_looks_wait(&bed.queue, &bed.vms[0].id));
    assert_false(scan_queue_is_waiting(&bed.queue, &bed.vms[0].id));
    assert_true(entry(&bed, 0)->looks_began);
    assert_int_equal(ask(&bed, 1, SCAN_QUEUE_DIRTY), 1); /* behind another VM: that is said */
    assert_int_equal(ask(&bed, 1, SCAN_QUEUE_EXACT), 1);
    assert_int_equal(bed.queue.waiting_count, 3);
    scan_queue_cancel(&bed.queue, &bed.vms[1].id); /* both */
    assert_int_equal(bed.queue.waiting_count, 1);
    run_all(&bed);
    assert_int_equal(bed.queue.waiting_count, 0);
    assert_int_equal(entry(&bed, 0)->last->state, SCAN_REFUSED);
    assert_int_not_equal(entry(&bed, 0)->last->mode, SCAN_DIRTY);
    assert_int_not_equal(entry(&bed, 0)->looks_error.code, 0);
    close_bed(&bed);
}

static void looks_that_nobody_asked_for_give_way(void **state)
{
    static struct bed bed;

    (void)state;
    open_bed(&bed);
    assert_int_equal(ask(&bed, 0, SCAN_QUEUE_DIRTY_UNASKED), 0);
    assert_true(scan_queue_is_looking(&bed.queue));
    assert_int_equal(ask(&bed, 1, SCAN_QUEUE_DIRTY_UNASKED), -EBUSY); /* they wait for nobody */
    assert_null(entry(&bed, 1));
    assert_int_equal(ask(&bed, 0, SCAN_QUEUE_EXACT), 0);
    assert_false(entry(&bed, 0)->looks_began); /* and may begin again */
    run_all(&bed);
    assert_non_null(entry(&bed, 0)->last);
    assert_int_equal(ask(&bed, 0, SCAN_QUEUE_DIRTY_UNASKED), 0);
    assert_int_equal(ask(&bed, 0, SCAN_QUEUE_DIRTY), 0); /* now somebody does */
    assert_int_equal(bed.queue.waiting_count, 0);
    assert_int_equal(ask(&bed, 1, SCAN_QUEUE_LOOK), 1);
    assert_true(entry(&bed, 0)->looks_began);
    run_all(&bed);
    close_bed(&bed);
}

static int ask_of_many(struct bed *bed, int vm, enum scan_queue_depth depth)
{
    return scan_queue_request_of_many(&bed->queue, &bed->snapshot, &bed->vms[vm].id, depth, NULL);
}

static int waiting_vm(const struct bed *bed, size_t i)
{
    return bed->queue.waiting[i].request.vm.pid - bed->vms[0].id.pid;
}

/* Who opens a VM, or wants it scanned, does not wait for a hundred others first. */
static void what_is_asked_of_one_vm_goes_before_those_of_many(void **state)
{
    static struct bed bed;

    (void)state;
    open_bed(&bed);
    for (int vm = 0; vm < 4; vm++)
        assert_int_equal(ask_of_many(&bed, vm, SCAN_QUEUE_LOOK), vm > 0);
    assert_int_equal(look(&bed, 8), 1);
    assert_int_equal(look(&bed, 9), 1);
    assert_int_equal(request(&bed, 3, NULL), 1);                 /* waits already, as one of many */
    assert_int_equal(ask_of_many(&bed, 9, SCAN_QUEUE_EXACT), 1); /* stays where it is */
    const int order[] = {8, 9, 3, 1, 2};
    assert_int_equal(bed.queue.waiting_count, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(waiting_vm(&bed, i), order[i]);
        assert_int_equal(bed.queue.waiting[i].depth,
                         order[i] == 3 || order[i] == 9 ? SCAN_QUEUE_EXACT : SCAN_QUEUE_LOOK);
        assert_true(bed.queue.waiting[i].request.idle_priority);
    }
    run_all(&bed);
    assert_int_equal(bed.queue.scans.count, 6);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(bed.queue.scans.list[i + 1].vm.pid, bed.vms[order[i]].id.pid);
    close_bed(&bed);
}

static void as_many_wait_as_there_are_reports_kept(void **state)
{
    static struct bed bed;

    (void)state;
    open_bed(&bed);
    for (int vm = 0; vm < SCAN_REPORTS_MAX; vm++)
        assert_true(ask_of_many(&bed, vm, SCAN_QUEUE_LOOK) >= 0);
    assert_int_equal(ask_of_many(&bed, SCAN_REPORTS_MAX, SCAN_QUEUE_LOOK), -EBUSY);
    struct ui_scans list = scan_queue_list(&bed.queue, &bed.vms[SCAN_REPORTS_MAX].id);
    assert_int_equal(list.count, SCAN_REPORTS_MAX);
    assert_int_equal(list.waiting, SCAN_REPORTS_MAX - 1);
    assert_int_equal(list.of_selected, 0);
    run_all(&bed);
    assert_int_equal(bed.queue.scans.count, SCAN_REPORTS_MAX); /* of each there is one */
    assert_true(was_scanned(&bed, 0) && was_scanned(&bed, SCAN_REPORTS_MAX - 1));
    assert_int_equal(scan_queue_list(&bed.queue, &bed.vms[0].id).count, 0);
    close_bed(&bed);
}

static void what_is_listed_is_what_runs_and_waits(void **state)
{
    static struct bed bed;

    (void)state;
    open_bed(&bed);
    assert_int_equal(scan_queue_list(&bed.queue, &bed.vms[0].id).count, 0);
    for (int vm = 0; vm < 12; vm++)
        assert_int_equal(ask_of_many(&bed, vm, SCAN_QUEUE_LOOK), vm > 0);
    assert_int_equal(ask_of_many(&bed, 3, SCAN_QUEUE_DIRTY), 1);
    struct ui_scans list = scan_queue_list(&bed.queue, &bed.vms[3].id);
    assert_int_equal(list.count, 13);
    assert_int_equal(list.waiting, 12);
    assert_int_equal(list.of_selected, 2); /* its zero pages, and what it writes */
    for (int i = 0; i < UI_SCANS_NAMED; i++)
        assert_true(vm_id_equal(&list.next[i], &bed.vms[i + 1].id));
    assert_int_equal(scan_queue_list(&bed.queue, &bed.vms[0].id).of_selected, 1); /* under way */
    run_all(&bed);
    close_bed(&bed);
}

static void vms_that_ended_wait_no_longer(void **state)
{
    static struct bed bed;
    struct snapshot later;

    (void)state;
    open_bed(&bed);
    for (int vm = 0; vm < 6; vm++)
        assert_int_equal(ask_of_many(&bed, vm, SCAN_QUEUE_LOOK), vm > 0);
    assert_int_equal(ask_of_many(&bed, 1, SCAN_QUEUE_DIRTY), 1);
    later = (struct snapshot){.vms = &bed.vms[2], .vm_count = 3};
    scan_queue_forget_ended(&bed.queue, &later);
    assert_int_equal(bed.queue.waiting_count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(waiting_vm(&bed, i), (int)i + 2);
    run_all(&bed);
    assert_false(was_scanned(&bed, 5));
    assert_null(entry(&bed, 1)->last);
    assert_true(was_scanned(&bed, 4));
    close_bed(&bed);
}

static void all_are_cancelled_together(void **state)
{
    static struct bed bed;

    (void)state;
    open_bed(&bed);
    scan_queue_cancel_all(&bed.queue); /* nothing was scanned yet */
    assert_int_equal(ask_of_many(&bed, 0, SCAN_QUEUE_LOOK), 0);
    for (int vm = 1; vm < 4; vm++)
        assert_int_equal(ask_of_many(&bed, vm, SCAN_QUEUE_DIRTY), 1);
    assert_true(entry(&bed, 1)->looks_began);
    scan_queue_cancel_all(&bed.queue);
    assert_int_equal(bed.queue.waiting_count, 0);
    assert_false(entry(&bed, 1)->looks_began); /* who opens that VM has them */
    run_all(&bed);
    assert_int_equal(scan_queue_list(&bed.queue, &bed.vms[0].id).count, 0);
    assert_null(entry(&bed, 1)->last);
    close_bed(&bed);
}

/* Each try takes as long as anybody waits: with 200 VMs no key was looked at for minutes. */
static void a_scanner_that_is_late_is_waited_for_once(void **state)
{
    static struct bed bed;

    (void)state;
    open_bed(&bed);
    bed.supervisor.patience_ms = 50;
    assert_int_equal(kill(bed.supervisor.pid, SIGSTOP), 0);
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (int vm = 0; vm < 200; vm++)
        assert_true(ask_of_many(&bed, vm, SCAN_QUEUE_LOOK) >= 0);
    clock_gettime(CLOCK_MONOTONIC, &end);
    assert_true(end.tv_sec - begin.tv_sec < 5);
    assert_int_equal(bed.queue.waiting_count, 200);
    assert_int_equal(kill(bed.supervisor.pid, SIGCONT), 0);
    bed.supervisor.patience_ms = 10000;
    scan_queue_wake(&bed.queue, UINT64_C(1) << 40);
    assert_int_equal(bed.queue.waiting_count, 199);
    scan_queue_cancel_all(&bed.queue);
    run_all(&bed);
    close_bed(&bed);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_scanner_that_is_late_is_asked_for_again),
        cmocka_unit_test(all_scans_that_wait_have_their_turn),
        cmocka_unit_test(scan_for_which_there_is_no_place_is_refused),
        cmocka_unit_test(waiting_scan_that_is_taken_back_is_not_done_and_the_others_are),
        cmocka_unit_test(an_exact_scan_is_done_after_a_look_at_the_same_vm),
        cmocka_unit_test(looks_follow_the_scan_of_the_same_vm),
        cmocka_unit_test(looks_that_nobody_asked_for_give_way),
        cmocka_unit_test(what_is_asked_of_one_vm_goes_before_those_of_many),
        cmocka_unit_test(as_many_wait_as_there_are_reports_kept),
        cmocka_unit_test(what_is_listed_is_what_runs_and_waits),
        cmocka_unit_test(vms_that_ended_wait_no_longer),
        cmocka_unit_test(all_are_cancelled_together),
        cmocka_unit_test(a_scanner_that_is_late_is_waited_for_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
