// SPDX-License-Identifier: MIT
// Results of scans: which figure stands for a VM, and for how long.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/looks_report.h"
#include "tests/lib/snapshot_builder.h"
#include "ui/state/scan_reports.h"

static struct scan_report *report(int pid, enum scan_state state, double exact, double estimate)
{
    struct scan_report *r = calloc(1, sizeof(*r));

    r->vm = (struct vm_id){.pid = pid, .start_ticks = 1000 + (uint64_t)pid, .fd = 9};
    r->state = state;
    r->zero_known = exact >= 0;
    r->zero_ratio = exact;
    r->estimate.valid = estimate >= 0;
    r->estimate.zero_ratio = estimate;
    return r;
}

static const struct scan_reports_entry *entry(const struct scan_reports *scans, int pid)
{
    const struct vm_id id = {.pid = pid, .start_ticks = 1000 + (uint64_t)pid, .fd = 9};

    return scan_reports_find(scans, &id);
}

static void an_estimate_stands_until_the_exact_figure_comes(void **unused)
{
    struct scan_reports scans = {.count = 0};

    (void)unused;
    assert_null(entry(&scans, 7));
    scan_reports_put(&scans, report(7, SCAN_RUNNING, -1, -1), 1);
    assert_true(entry(&scans, 7)->zero_ratio < 0);
    scan_reports_put(&scans, report(7, SCAN_RUNNING, -1, 0.9), 2);
    assert_true(entry(&scans, 7)->zero_ratio == 0.9 && !entry(&scans, 7)->zero_exact);
    assert_non_null(entry(&scans, 7)->running);
    scan_reports_put(&scans, report(7, SCAN_DONE, 0.95, 0.9), 3);
    assert_true(entry(&scans, 7)->zero_ratio == 0.95 && entry(&scans, 7)->zero_exact);
    assert_null(entry(&scans, 7)->running);
    assert_int_equal(entry(&scans, 7)->last_ns, 3);
    scan_reports_done(&scans);
}

static void an_exact_figure_stands_while_it_is_scanned_again(void **unused)
{
    struct scan_reports scans = {.count = 0};

    (void)unused;
    scan_reports_put(&scans, report(7, SCAN_DONE, 0.95, 0.9), 1);
    scan_reports_put(&scans, report(7, SCAN_RUNNING, -1, 0.5), 2);
    assert_true(entry(&scans, 7)->zero_ratio == 0.95 && entry(&scans, 7)->zero_exact);
    scan_reports_put(&scans, report(7, SCAN_CANCELLED, -1, 0.5),
                     3); /* older than the estimate now */
    assert_true(entry(&scans, 7)->zero_ratio == 0.5 && !entry(&scans, 7)->zero_exact);
    scan_reports_put(&scans, report(7, SCAN_REFUSED, -1, -1), 4);
    assert_true(entry(&scans, 7)->zero_ratio == 0.5);
    scan_reports_done(&scans);
}

/* A scan that is ended before it knows anything took the one before with it. */
static void a_cancelled_scan_that_knows_nothing_leaves_what_was_known(void **unused)
{
    struct scan_reports scans = {.count = 0};

    (void)unused;
    scan_reports_put(&scans, report(7, SCAN_CANCELLED, -1, -1), 1);
    assert_int_equal(entry(&scans, 7)->last->state, SCAN_CANCELLED); /* there is nothing better */
    scan_reports_put(&scans, report(7, SCAN_DONE, 0.95, 0.9), 2);
    scan_reports_put(&scans, report(7, SCAN_RUNNING, -1, -1), 3);
    scan_reports_put(&scans, report(7, SCAN_CANCELLED, -1, -1), 4);
    assert_null(entry(&scans, 7)->running);
    assert_int_equal(entry(&scans, 7)->last->state, SCAN_DONE);
    assert_int_equal(entry(&scans, 7)->last_ns, 2);
    assert_true(entry(&scans, 7)->zero_ratio == 0.95 && entry(&scans, 7)->zero_exact);
    scan_reports_put(&scans, report(7, SCAN_CANCELLED, -1, 0.5),
                     5); /* this one knows more of today */
    assert_int_equal(entry(&scans, 7)->last_ns, 5);
    scan_reports_put(&scans, report(7, SCAN_CANCELLED, -1, -1), 6);
    assert_true(entry(&scans, 7)->last->estimate.valid);
    scan_reports_put(&scans, report(7, SCAN_REFUSED, -1, -1), 7); /* its reason is to be seen */
    assert_int_equal(entry(&scans, 7)->last->state, SCAN_REFUSED);
    scan_reports_done(&scans);
}

static void results_go_with_their_vm(void **unused)
{
    struct snapshot_builder *b = snapshot_builder_new();
    struct scan_reports scans = {.count = 0};
    const struct vm_id open = {.pid = 9, .start_ticks = 1009, .fd = 9};

    (void)unused;
    snapshot_builder_fields_x86(b);
    snapshot_builder_vm(b, 7, 9, "stays", "qemu", 1);
    for (int pid = 7; pid <= 9; pid++)
        scan_reports_put(&scans, report(pid, SCAN_DONE, 0.5, -1), 1);
    scan_reports_forget_ended(&scans, snapshot_builder_finish(b), &open);
    assert_non_null(entry(&scans, 7));
    assert_null(entry(&scans, 8));
    assert_non_null(entry(&scans, 9)); /* its drill-down is open */
    scan_reports_done(&scans);
    snapshot_builder_free(b);
}

static void the_oldest_result_makes_room(void **unused)
{
    struct scan_reports *scans = calloc(1, sizeof(*scans));

    (void)unused;
    for (int i = 0; i <= SCAN_REPORTS_MAX; i++)
        scan_reports_put(scans, report(100 + i, SCAN_DONE, 0.5, -1), (uint64_t)i + 1);
    assert_int_equal(scans->count, SCAN_REPORTS_MAX);
    assert_null(entry(scans, 100));
    assert_non_null(entry(scans, 101));
    assert_non_null(entry(scans, 100 + SCAN_REPORTS_MAX));
    scan_reports_done(scans);
    free(scans);
}

static struct scan_report *looks(int pid, enum scan_state state, size_t count)
{
    const struct vm_id id = {.pid = pid, .start_ticks = 1000 + (uint64_t)pid, .fd = 9};

    return looks_report(&id, state, &looks_report_busy, count);
}

/* They are another kind of scan: the map, the exact figure and their age stay. */
static void looks_leave_the_zero_scan_alone(void **unused)
{
    struct scan_reports scans = {.count = 0};

    (void)unused;
    scan_reports_put(&scans, report(7, SCAN_DONE, 0.95, 0.9), 1);
    const struct scan_reports_entry *e = entry(&scans, 7);
    assert_false(e->looks_began);
    assert_null(e->seen);
    scan_reports_looks_begin(&scans, &e->vm, true);
    scan_reports_put(&scans, looks(7, SCAN_RUNNING, 3), 3);
    assert_true(e->looks_began);
    assert_null(e->seen);
    assert_null(e->running);
    scan_reports_put(&scans, looks(7, SCAN_DONE, 7), 4);
    assert_non_null(e->seen);
    assert_int_equal(e->seen_ns, 4);
    assert_int_equal(e->looks_error.code, 0);
    assert_true(e->seen->duration_s == 3.2);
    assert_int_equal(e->last->mode, SCAN_EXACT);
    assert_int_equal(e->last_ns, 1);
    assert_true(e->zero_ratio == 0.95 && e->zero_exact);
    scan_reports_put(&scans, report(7, SCAN_RUNNING, -1, -1), 5);
    assert_non_null(e->running);
    scan_reports_put(&scans, looks(7, SCAN_RUNNING, 3), 6); /* nor the one under way */
    assert_non_null(e->running);
    scan_reports_done(&scans);
}

/* Looks at many VMs are estimates of them too; but never in the place of a scan's own figure. */
static void looks_tell_what_is_zero_where_no_scan_does(void **unused)
{
    struct scan_reports scans = {.count = 0};
    struct scan_report *r = looks(7, SCAN_DONE, 7);

    (void)unused;
    r->estimate.valid = true;
    r->estimate.zero_ratio = 0.3;
    scan_reports_put(&scans, r, 1);
    const struct scan_reports_entry *e = entry(&scans, 7);
    assert_true(e->zero_ratio == 0.3 && !e->zero_exact);
    assert_null(e->last);
    scan_reports_put(&scans, report(7, SCAN_DONE, -1, 0.4), 2);
    r = looks(7, SCAN_DONE, 7);
    r->estimate.valid = true;
    r->estimate.zero_ratio = 0.3;
    scan_reports_put(&scans, r, 3);
    assert_true(e->zero_ratio == 0.4);
    scan_reports_done(&scans);
}

static void looks_that_tell_nothing_say_why_and_leave_those_before(void **unused)
{
    struct scan_reports scans = {.count = 0};

    (void)unused;
    scan_reports_put(&scans, looks(7, SCAN_REFUSED, 0), 1);
    const struct scan_reports_entry *e = entry(&scans, 7);
    assert_null(e->seen);
    assert_string_equal(e->looks_error.msg, "the memory may not be read");
    assert_null(e->last);
    assert_true(e->zero_ratio < 0);
    scan_reports_put(&scans, looks(7, SCAN_CANCELLED, 1), 2);
    assert_int_equal(e->looks_error.code, -ECANCELED);
    scan_reports_put(&scans, looks(7, SCAN_CANCELLED, 4), 3); /* better than nothing */
    assert_non_null(e->seen);
    assert_int_equal(e->looks_error.code, 0);
    scan_reports_put(&scans, looks(7, SCAN_DONE, 7), 4);
    scan_reports_put(&scans, looks(7, SCAN_CANCELLED, 4), 5); /* and worse than what there is */
    assert_int_equal(e->seen_ns, 4);
    assert_int_equal(e->looks_error.code, -ECANCELED);
    scan_reports_put(&scans, looks(7, SCAN_FAILED, 0), 6);
    assert_int_equal(e->seen_ns, 4);
    assert_int_equal(e->looks_error.code, -ENODATA);
    scan_reports_put(&scans, looks(7, SCAN_DONE, 7), 7);
    assert_int_equal(e->seen_ns, 7);
    assert_int_equal(e->looks_error.code, 0);
    scan_reports_looks_begin(&scans, &e->vm, false);
    assert_false(e->looks_began);
    scan_reports_done(&scans);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(looks_leave_the_zero_scan_alone),
        cmocka_unit_test(looks_tell_what_is_zero_where_no_scan_does),
        cmocka_unit_test(looks_that_tell_nothing_say_why_and_leave_those_before),
        cmocka_unit_test(an_estimate_stands_until_the_exact_figure_comes),
        cmocka_unit_test(an_exact_figure_stands_while_it_is_scanned_again),
        cmocka_unit_test(a_cancelled_scan_that_knows_nothing_leaves_what_was_known),
        cmocka_unit_test(results_go_with_their_vm),
        cmocka_unit_test(the_oldest_result_makes_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
