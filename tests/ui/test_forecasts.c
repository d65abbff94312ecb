// SPDX-License-Identifier: MIT
// Forecasts of what was seen: when they are made, and what stands in the column of them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/looks_report.h"
#include "tests/lib/screen_dump.h"
#include "tests/lib/snapshot_builder.h"
#include "ui/screens/screens.h"
#include "ui/state/columns.h"
#include "ui/state/forecasts.h"
#include "ui/state/state.h"

#define SECOND 1000000000ull

static const struct truth quiet = {TRUTH_IDLE, 200000, 1, 0, 1};
/* 200 MB/s over 400 MB: more than 1 Gbit/s carries, and less than 10. */
static const struct truth fast = {TRUTH_UNIFORM, 200000, 100000, 60000, 1};

static struct vm_id id_of(int pid)
{
    return (struct vm_id){.pid = pid, .start_ticks = 1000 + (uint64_t)pid, .fd = 9};
}

static void put(struct scan_reports *scans, int pid, const struct truth *truth, uint64_t now_ns)
{
    const struct vm_id id = id_of(pid);

    scan_reports_put(scans, looks_report(&id, SCAN_DONE, truth, LOOKS_REPORT_MOST), now_ns);
}

static const struct forecasts_entry *of(const struct forecasts *f, int pid)
{
    const struct vm_id id = id_of(pid);

    return forecasts_find(f, &id);
}

static void another_setting_makes_another_forecast(void **unused)
{
    struct scan_reports scans = {.count = 0};
    struct forecasts f = {0};
    struct forecast_settings settings = forecast_settings_default;

    (void)unused;
    assert_int_equal(forecasts_follow(&f, &scans, &settings, NULL, SECOND), 0);
    assert_null(of(&f, 7));
    put(&scans, 7, &looks_report_busy, SECOND);
    assert_int_equal(forecasts_follow(&f, &scans, &settings, NULL, SECOND), 0);
    assert_int_equal(of(&f, 7)->forecast.converges, FORECAST_DOES);
    double before = of(&f, 7)->forecast.total_s.value;
    settings.bandwidth *= 10;
    assert_int_equal(forecasts_follow(&f, &scans, &settings, NULL, SECOND), 0);
    assert_true(of(&f, 7)->forecast.total_s.value < before / 5);
    assert_false(of(&f, 7)->is_void || of(&f, 7)->is_old || of(&f, 7)->has_remedy);
    assert_int_equal(forecasts_follow(&f, NULL, &settings, NULL, SECOND), 0);
    assert_int_equal(f.count, 0);
    forecasts_done(&f);
    scan_reports_done(&scans);
}

/* They are costly enough not to be made for each frame. */
static void a_forecast_is_made_once_and_goes_with_what_it_was_made_of(void **unused)
{
    struct scan_reports scans = {.count = 0};
    struct forecasts f = {0};
    const struct forecast_settings settings = forecast_settings_default;

    (void)unused;
    put(&scans, 7, &looks_report_busy, SECOND);
    assert_int_equal(forecasts_follow(&f, &scans, &settings, NULL, SECOND), 0);
    ((struct forecasts_entry *)of(&f, 7))->forecast.total_s.value = 4711;
    assert_int_equal(forecasts_follow(&f, &scans, &settings, NULL, 2 * SECOND), 0);
    assert_true(of(&f, 7)->forecast.total_s.value == 4711); /* it is still that one */
    assert_int_equal(forecasts_follow(&f, &scans, &settings, NULL, 602 * SECOND), 0);
    assert_true(of(&f, 7)->is_old);
    put(&scans, 7, &quiet, 602 * SECOND);
    assert_int_equal(forecasts_follow(&f, &scans, &settings, NULL, 602 * SECOND), 0);
    assert_true(of(&f, 7)->forecast.total_s.value < 100);
    assert_false(of(&f, 7)->is_old);
    assert_int_equal(f.count, 1);
    scan_reports_done(&scans); /* the VM ended */
    assert_int_equal(forecasts_follow(&f, &scans, &settings, NULL, 602 * SECOND), 0);
    assert_null(of(&f, 7));
    forecasts_done(&f);
}

static void of_many_vms_some_are_made_at_a_time_and_of_an_open_one_that(void **unused)
{
    struct scan_reports *scans = calloc(1, sizeof(*scans));
    struct forecasts f = {0};
    struct forecast_settings settings = forecast_settings_default;
    const struct vm_id open = id_of(100 + 30);

    (void)unused;
    for (int i = 0; i < 40; i++)
        put(scans, 100 + i, &quiet, SECOND);
    assert_int_equal(forecasts_follow(&f, scans, &settings, &open, SECOND), 0);
    assert_int_equal(f.count, 1);
    assert_non_null(of(&f, 130));
    assert_int_equal(forecasts_follow(&f, scans, &settings, NULL, SECOND), 0);
    assert_int_equal(f.count, 1 + FORECASTS_AT_ONCE);
    for (int i = 0; i < 2; i++)
        assert_int_equal(forecasts_follow(&f, scans, &settings, NULL, SECOND), 0);
    assert_int_equal(f.count, 40);
    settings.auto_converge = true;
    assert_int_equal(forecasts_follow(&f, scans, &settings, &open, SECOND), 0);
    assert_int_equal(f.count, 1); /* those of other settings are wrong now */
    scan_reports_done(scans);
    free(scans);
    forecasts_done(&f);
}

/* What is told to help is not only a guess: with it, it ends. */
static void what_does_not_end_has_a_remedy_that_holds(void **unused)
{
    struct scan_reports scans = {.count = 0};
    struct forecasts f = {0};
    struct forecast_settings settings = forecast_settings_default;
    const struct vm_id open = id_of(7);

    (void)unused;
    put(&scans, 7, &fast, SECOND);
    assert_int_equal(forecasts_follow(&f, &scans, &settings, NULL, SECOND), 0);
    assert_int_equal(of(&f, 7)->forecast.converges, FORECAST_DOES_NOT);
    assert_false(of(&f, 7)->has_remedy); /* nobody looks at it */
    assert_int_equal(forecasts_follow(&f, &scans, &settings, &open, SECOND), 0);
    const struct forecasts_entry *e = of(&f, 7);
    assert_true(e->has_remedy);
    assert_true(e->remedy.bandwidth > settings.bandwidth &&
                e->remedy.bandwidth < 20 * settings.bandwidth);
    assert_true(e->remedy.auto_converge);
    assert_true(e->remedy.with_auto_converge.total_s.value > 1);
    settings.bandwidth = e->remedy.bandwidth;
    assert_int_equal(forecasts_follow(&f, &scans, &settings, &open, SECOND), 0);
    assert_int_equal(of(&f, 7)->forecast.converges, FORECAST_DOES);
    assert_false(of(&f, 7)->has_remedy);
    forecasts_done(&f);
    scan_reports_done(&scans);
}

/* --- the column ------------------------------------------------------------------------------- */

/* VMs of all kinds, in an order that is none. */
struct bed {
    struct snapshot_builder *b;
    struct trends trends;
    struct scan_reports scans;
    struct ui_rows rows;
    struct ui_state state;
    struct ui_model model;
};

static void open_bed(struct bed *bed)
{
    static const char *const names[] = {"unknown", "fast", "void", "writer", "quiet", "refused"};

    *bed = (struct bed){.b = snapshot_builder_new()};
    snapshot_builder_fields_x86(bed->b);
    for (int i = 0; i < 6; i++)
        snapshot_builder_vm(bed->b, 10 + i, 9, names[i], "qemu", 1);
    const struct snapshot *s = snapshot_builder_finish(bed->b);
    assert_int_equal(trends_init(&bed->trends), 0);
    const struct truth *const truths[] = {NULL, &fast, NULL, &looks_report_busy, &quiet, NULL};
    for (int i = 0; i < 6; i++)
        if (truths[i] != NULL)
            scan_reports_put(&bed->scans,
                             looks_report(&s->vms[i].id, SCAN_DONE, truths[i], LOOKS_REPORT_MOST),
                             s->mono_ns);
    struct scan_report *spoilt =
        looks_report(&s->vms[2].id, SCAN_DONE, &looks_report_busy, LOOKS_REPORT_MOST);
    spoilt->dirty->voids = 1u << SCAN_VOID_VFIO;
    scan_reports_put(&bed->scans, spoilt, s->mono_ns);
    scan_reports_put(&bed->scans, looks_report(&s->vms[5].id, SCAN_REFUSED, &quiet, 0), s->mono_ns);
    bed->model = (struct ui_model){.now = s,
                                   .detail = s,
                                   .scans = &bed->scans,
                                   .trends = &bed->trends,
                                   .rows = &bed->rows,
                                   .mono_ns = s->mono_ns + SECOND};
    ui_state_init(&bed->state, 24, 120, 1.0);
    bed->state.vms.sort = COLUMN_MIGR;
    assert_int_equal(ui_follow(&bed->state, &bed->model), 0);
}

static void close_bed(struct bed *bed)
{
    ui_state_done(&bed->state);
    ui_rows_done(&bed->rows);
    trends_done(&bed->trends);
    scan_reports_done(&bed->scans);
    snapshot_builder_free(bed->b);
}

static void check_order(struct bed *bed, const char *const names[6])
{
    assert_int_equal(ui_follow(&bed->state, &bed->model), 0);
    for (size_t i = 0; i < 6; i++)
        assert_string_equal(bed->model.now->vms[bed->rows.vms.rows[i].vm].name, names[i]);
}

static void the_cheapest_comes_first_and_what_is_not_known_last(void **unused)
{
    static const char *const up[] = {"quiet", "writer", "fast", "unknown", "void", "refused"};
    static const char *const down[] = {"fast", "writer", "quiet", "unknown", "void", "refused"};
    struct bed bed;

    (void)unused;
    open_bed(&bed);
    check_order(&bed, up);
    bed.state.vms.sort_inverted = true;
    check_order(&bed, down);
    close_bed(&bed);
}

static void expect_cell(struct bed *bed, const char *name, const char *cell)
{
    struct screen screen;
    char want[64];

    assert_int_equal(screen_init(&screen, 24, 120, true), 0);
    assert_int_equal(ui_follow(&bed->state, &bed->model), 0);
    ui_draw(&bed->model, &bed->state, &screen);
    char *dump = screen_dump(&screen), *row = strstr(dump, name);
    assert_non_null(row);
    *strchr(row, '\n') = '\0';
    snprintf(want, sizeof(want), " %s ", cell);
    if (strstr(row, want) == NULL)
        fail_msg("no '%s' in '%s'", cell, row);
    free(dump);
    screen_done(&screen);
}

static void a_cell_tells_the_time_or_why_there_is_none(void **unused)
{
    struct bed bed;
    char seconds[FORMAT_MAX], old[FORMAT_MAX + 1];

    (void)unused;
    open_bed(&bed);
    const struct forecasts_entry *busy =
        forecasts_find(&bed.rows.forecasts, &bed.model.now->vms[3].id);
    format_seconds(seconds, busy->forecast.total_s.value);
    expect_cell(&bed, " writer ", seconds);
    expect_cell(&bed, " fast ", "!");
    expect_cell(&bed, " void ", "?");
    for (size_t i = 0; i < 6; i += 5) {
        struct column_fields fields;
        column_fields_resolve(bed.model.now, &bed.scans, &fields);
        fields.forecasts = &bed.rows.forecasts;
        assert_int_equal(column_get(COLUMN_MIGR, &fields, &bed.model.now->vms[i], NULL).state,
                         READING_ABSENT);
    }
    bed.model.mono_ns += 601 * SECOND;
    snprintf(old, sizeof(old), "~%s", seconds);
    expect_cell(&bed, " writer ", old);
    expect_cell(&bed, " fast ", "~!");
    expect_cell(&bed, " void ", "~?");
    close_bed(&bed);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_setting_makes_another_forecast),
        cmocka_unit_test(a_forecast_is_made_once_and_goes_with_what_it_was_made_of),
        cmocka_unit_test(of_many_vms_some_are_made_at_a_time_and_of_an_open_one_that),
        cmocka_unit_test(what_does_not_end_has_a_remedy_that_holds),
        cmocka_unit_test(the_cheapest_comes_first_and_what_is_not_known_last),
        cmocka_unit_test(a_cell_tells_the_time_or_why_there_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
