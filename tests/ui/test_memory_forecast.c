// SPDX-License-Identifier: MIT
// The forecast on the Memory tab: when looks begin, what keys do, what is said where there is none.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/looks_report.h"
#include "tests/lib/screen_dump.h"
#include "tests/lib/snapshot_builder.h"
#include "ui/screens/screens.h"
#include "ui/state/state.h"

#define SECOND 1000000000ull

/* The Memory tab of db-primary is open. */
struct bed {
    struct snapshot_builder *b, *later;
    struct snapshot *now;
    struct vm_id vm;
    struct trends trends;
    struct scan_reports scans;
    struct ui_rows rows;
    struct ui_state state;
    struct ui_model model;
};

static void open_bed(struct bed *bed)
{
    *bed = (struct bed){.b = snapshot_builder_new(), .later = snapshot_builder_new()};
    snapshot_builder_three_vms(bed->b);
    snapshot_builder_finish(bed->b);
    bed->now = snapshot_builder_snapshot(bed->b);
    bed->vm = bed->now->vms[1].id;
    assert_int_equal(trends_init(&bed->trends), 0);
    bed->model = (struct ui_model){.now = bed->now,
                                   .detail = bed->now,
                                   .scans = &bed->scans,
                                   .trends = &bed->trends,
                                   .rows = &bed->rows,
                                   .scan = {.eta_s = -1},
                                   .mono_ns = bed->now->mono_ns};
    ui_state_init(&bed->state, 24, 80, 1.0);
    ui_open(&bed->state, &bed->now->vms[1], SCREEN_MEMORY);
    assert_int_equal(ui_follow(&bed->state, &bed->model), 0);
}

static void close_bed(struct bed *bed)
{
    ui_state_done(&bed->state);
    ui_rows_done(&bed->rows);
    trends_done(&bed->trends);
    scan_reports_done(&bed->scans);
    snapshot_builder_free(bed->b);
    snapshot_builder_free(bed->later);
}

/* A scan of zero pages has ended, and finding its memory took so long. */
static void put_scan(struct bed *bed, enum scan_state state, double residency_s)
{
    struct scan_report *r = calloc(1, sizeof(*r));

    r->vm = bed->vm;
    r->state = state;
    r->pages_total = 262144;
    r->residency_done = true;
    r->cost.residency_s = residency_s;
    scan_reports_put(&bed->scans, r, bed->model.mono_ns);
}

static void put_looks(struct bed *bed, enum scan_state state)
{
    scan_reports_looks_begin(&bed->scans, &bed->vm, true);
    scan_reports_put(&bed->scans,
                     looks_report(&bed->vm, state, &looks_report_busy, LOOKS_REPORT_MOST),
                     bed->model.mono_ns);
}

static enum ui_action press(struct bed *bed, uint32_t key)
{
    return ui_update(&bed->state, &bed->model, (struct ui_key){.code = key});
}

/* What stands on the screen; the caller frees it. */
static char *dump(struct bed *bed)
{
    struct screen screen;

    assert_int_equal(screen_init(&screen, bed->state.rows, bed->state.cols, false), 0);
    assert_int_equal(ui_follow(&bed->state, &bed->model), 0);
    ui_draw(&bed->model, &bed->state, &screen);
    char *text = screen_dump(&screen);
    screen_done(&screen);
    return text;
}

static void expect(struct bed *bed, const char *text)
{
    char *found = dump(bed);

    if (strstr(found, text) == NULL)
        fail_msg("no '%s' in\n%.2100s", text, found);
    free(found);
}

static void expect_begins(struct bed *bed, bool begins)
{
    assert_int_equal(ui_unasked(&bed->state, &bed->model), begins ? UI_LOOKS_UNASKED : UI_NOTHING);
}

/* Once, on the tab that is shown, when the first look is there and nothing else runs. */
static void looks_begin_by_themselves_once(void **unused)
{
    struct bed bed;

    (void)unused;
    open_bed(&bed);
    expect_begins(&bed, false);
    put_scan(&bed, SCAN_RUNNING, 0.01);
    expect_begins(&bed, false);
    put_scan(&bed, SCAN_DONE, 0.01);
    expect_begins(&bed, true);
    press(&bed, '2');
    expect_begins(&bed, false);
    press(&bed, '3');
    expect_begins(&bed, true);
    bed.model.scan = (struct scan_worker_progress){.busy = true, .vm = bed.now->vms[0].id};
    expect_begins(&bed, false);
    bed.model.scan.busy = false;
    bed.model.scan_waiting = true; /* R was pressed */
    expect_begins(&bed, false);
    bed.model.scan_waiting = false;
    expect_begins(&bed, true);
    scan_reports_looks_begin(&bed.scans, &bed.vm, true);
    expect_begins(&bed, false);
    scan_reports_looks_begin(&bed.scans, &bed.vm, false); /* they gave way */
    expect_begins(&bed, true);
    put_looks(&bed, SCAN_DONE);
    expect_begins(&bed, false);
    bed.model.mono_ns += 3600 * SECOND;
    expect_begins(&bed, false);
    assert_int_equal(press(&bed, 'L'), UI_LOOKS);
    close_bed(&bed);
}

/* Where it might do harm, or nobody seems to want it, it is left to a person. */
static void looks_are_left_to_a_key_where_care_is_due(void **unused)
{
    static const enum scan_state not_done[] = {SCAN_CANCELLED, SCAN_REFUSED, SCAN_FAILED};
    struct bed bed;

    (void)unused;
    for (size_t i = 0; i < 3; i++) {
        open_bed(&bed);
        put_scan(&bed, not_done[i], 0.01);
        expect_begins(&bed, false);
        close_bed(&bed);
    }
    open_bed(&bed);
    put_scan(&bed, SCAN_DONE, 0.6);
    expect_begins(&bed, false);
    expect(&bed, "L looks at what it writes, for 3.2 s; finding its memory took 600ms");
    assert_int_equal(press(&bed, 'L'), UI_LOOKS);
    close_bed(&bed);
    open_bed(&bed);
    put_scan(&bed, SCAN_DONE, 0.01);
    bed.now->vms[1].migration = VM_MIGRATING;
    expect_begins(&bed, false);
    expect(&bed, "it is being migrated; L looks at what it writes all the same");
    bed.now->vms[1].migration = VM_DIRTY_LOGGED;
    expect_begins(&bed, true);
    press(&bed, 'Z');
    expect_begins(&bed, false);
    expect(&bed, "frozen; L looks at what it writes all the same");
    close_bed(&bed);
}

static void what_cannot_be_done_is_not_begun_and_says_why(void **unused)
{
    struct bed bed;

    (void)unused;
    open_bed(&bed); /* a saved tree */
    bed.model.scans = NULL;
    expect_begins(&bed, false);
    assert_int_equal(press(&bed, 'L'), UI_NOTHING);
    assert_string_equal(bed.state.message,
                        "What a VM writes can be looked at on the live system only");
    close_bed(&bed);
    open_bed(&bed); /* the VM ended */
    put_scan(&bed, SCAN_DONE, 0.01);
    bed.model.now = snapshot_builder_finish(bed.later);
    assert_int_equal(ui_follow(&bed.state, &bed.model), 0);
    expect_begins(&bed, false);
    expect(&bed, "Migration  not known: the VM has ended");
    assert_int_equal(press(&bed, 'L'), UI_NOTHING);
    assert_non_null(strstr(bed.state.message, "has ended"));
    close_bed(&bed);
}

static void what_was_refused_is_not_looked_at_and_what_failed_may_be(void **unused)
{
    struct bed bed;
    struct scan_report *r = calloc(1, sizeof(*r));

    (void)unused;
    open_bed(&bed);
    r->vm = bed.vm;
    r->state = SCAN_REFUSED;
    error_set(&r->error, -EPERM, "the guest is confidential");
    scan_reports_put(&bed.scans, r, 1);
    expect(&bed, "This memory is not scanned: the guest is confidential");
    assert_int_equal(press(&bed, 'L'), UI_NOTHING);
    assert_string_equal(bed.state.message, "No looks: the guest is confidential");
    r = calloc(1, sizeof(*r));
    r->vm = bed.vm;
    r->state = SCAN_FAILED;
    error_set(&r->error, -EIO, "the scanner ended");
    scan_reports_put(&bed.scans, r, 2);
    expect(&bed, "The scan failed: the scanner ended");
    expect(&bed, "Migration  L looks at what it writes, for 3.2 s, with at most 25 % of one CPU");
    assert_int_equal(press(&bed, 'L'), UI_LOOKS);
    put_looks(&bed, SCAN_DONE);
    expect(&bed, ": ends");
    close_bed(&bed);
}

static void what_is_under_way_or_failed_is_said(void **unused)
{
    struct bed bed;

    (void)unused;
    open_bed(&bed);
    put_scan(&bed, SCAN_DONE, 0.01);
    scan_reports_looks_begin(&bed.scans, &bed.vm, true);
    bed.model.scan = (struct scan_worker_progress){.busy = true, .vm = bed.vm, .eta_s = -1};
    bed.model.scan_looks = true;
    expect(&bed, "looking at what it writes: counting what is there; x ends it");
    bed.model.scan.phase = SCAN_PHASE_LOOKS;
    bed.model.scan.eta_s = 2.3;
    expect(&bed, "looking at what it writes, 3 s left; x ends it");
    assert_int_equal(press(&bed, 'x'), UI_SCAN_CANCEL);
    expect(&bed, "Exact      not all could be read"); /* that scan has nothing to do with it */
    bed.model.scan.vm = bed.now->vms[0].id;
    bed.model.looks_waiting = true;
    expect(&bed, "looking at what it writes when the scan of process 5164 has ended");
    bed.model.scan = (struct scan_worker_progress){.busy = false};
    bed.model.scan_looks = bed.model.looks_waiting = false;
    put_looks(&bed, SCAN_REFUSED);
    expect(&bed, "Migration  not known: the memory may not be read; L looks again");
    put_looks(&bed, SCAN_DONE);
    put_looks(&bed, SCAN_REFUSED);
    expect(&bed, "Last look  the memory may not be read"); /* below what was seen before */
    expect(&bed, ": ends");
    close_bed(&bed);
}

/* Forecasts are made anew at a key, without a look. */
static void keys_change_the_forecast_at_once(void **unused)
{
    struct bed bed;

    (void)unused;
    open_bed(&bed);
    put_scan(&bed, SCAN_DONE, 0.01);
    put_looks(&bed, SCAN_DONE);
    char *before = dump(&bed);
    assert_non_null(strstr(before, "+- 1 Gbit/s  <> limit 300ms  M precopy  a auto-converge off"));
    assert_non_null(strstr(before, ": ends"));
    const struct forecast first = forecasts_find(&bed.rows.forecasts, &bed.vm)->forecast;
    for (int i = 0; i < 5; i++)
        assert_int_equal(press(&bed, '+'), UI_NOTHING);
    const struct forecasts_entry *e = forecasts_find(&bed.rows.forecasts, &bed.vm);
    assert_true(e->forecast.total_s.value < first.total_s.value / 8);
    expect(&bed, "+- 25 Gbit/s ");
    expect(&bed, "Forecasts for 25 Gbit/s, downtime limit 300ms, precopy, auto-converge off");
    for (int i = 0; i < 9; i++)
        press(&bed, '-');
    e = forecasts_find(&bed.rows.forecasts, &bed.vm);
    assert_int_equal(e->forecast.converges, FORECAST_DOES_NOT);
    expect(&bed, "Migration  does not end: the guest dirties memory faster than it is sent");
    expect(&bed, "To end     send about ");
    press(&bed, 'a');
    press(&bed, 'M');
    press(&bed, '<');
    expect(&bed, "+- 100 Mbit/s  <> limit 200ms  M multifd  a auto-converge on");
    expect(&bed, "with the guest slowed down");
    free(before);
    close_bed(&bed);
}

/* A scan that read all of it: half of what is resident is zero. */
static void put_exact(struct bed *bed)
{
    struct scan_report *r = calloc(1, sizeof(*r));

    r->vm = bed->vm;
    r->state = SCAN_DONE;
    r->pages_total = 262144;
    r->residency_done = r->zero_known = true;
    r->zero_ratio = 0.75;
    r->counts.pages[PAGE_UNTOUCHED] = 131072;
    r->counts.pages[PAGE_ZERO_CONTENT] = r->counts.pages[PAGE_NONZERO] = 65536;
    r->cost = (struct scan_cost){.bytes_read = 700u << 20, .elapsed_s = 0.1, .accel = "avx2"};
    r->wire = (struct scan_wire){
        .valid = true, .zero_pages = 196608, .normal_pages = 65536, .bytes = 270729216};
    scan_reports_put(&bed->scans, r, bed->model.mono_ns);
}

/* At the bandwidth of the forecasts, with zero pages and without them. */
static void what_it_costs_and_what_can_be_given_back_is_said(void **unused)
{
    struct bed bed;

    (void)unused;
    open_bed(&bed);
    ui_resize(&bed.state, 35, 120);
    put_exact(&bed);
    expect(&bed, "512M read in 100ms"); /* not what the sample read as well */
    expect(&bed, "2.2s at 1 Gbit/s, 8.6s if zero pages were sent whole");
    expect(&bed, "For nothing 256M, 50.0 % of what is resident, is zero: free-page reporting or a");
    press(&bed, '+');
    press(&bed, '+');
    press(&bed, '+');
    expect(&bed, "433ms at 5 Gbit/s, 1.7s if zero pages were sent whole");
    ui_resize(&bed.state, 24, 80);
    char *small = dump(&bed);
    assert_null(strstr(small, "For nothing"));
    free(small);
    close_bed(&bed);
}

static void a_forecast_ages(void **unused)
{
    struct bed bed;

    (void)unused;
    open_bed(&bed);
    put_scan(&bed, SCAN_DONE, 0.01);
    put_looks(&bed, SCAN_DONE);
    bed.model.mono_ns += 754 * SECOND;
    expect(&bed, "12m34s ago +- 1 Gbit/s");
    close_bed(&bed);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(looks_begin_by_themselves_once),
        cmocka_unit_test(looks_are_left_to_a_key_where_care_is_due),
        cmocka_unit_test(what_cannot_be_done_is_not_begun_and_says_why),
        cmocka_unit_test(what_was_refused_is_not_looked_at_and_what_failed_may_be),
        cmocka_unit_test(what_is_under_way_or_failed_is_said),
        cmocka_unit_test(keys_change_the_forecast_at_once),
        cmocka_unit_test(what_it_costs_and_what_can_be_given_back_is_said),
        cmocka_unit_test(a_forecast_ages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
