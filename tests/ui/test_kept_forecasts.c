// SPDX-License-Identifier: MIT
/*
 * Which VMs are looked at when, with a clock that only looks move; what is kept for the next run;
 * and what metrics say of it.
 */
#include "ui/report/kept_forecasts.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/tree.h"
#include "ui/app/estimates_file.h"
#include "ui/report/forecast_metrics.h"

#define S            1000000000ull
#define VMS          6
#define SIDE_BY_SIDE 2
#define BUDGET       (10 * S)

struct fake {
    uint64_t now;
    int begun;       /* since the last record */
    int order[VMS];  /* the VMs in the order in which they were begun */
    int hangs;       /* this VM takes until the deadline; -1: none */
    double duration; /* of the last request */
};

static uint64_t fake_now(void *ctx)
{
    return ((struct fake *)ctx)->now;
}

/* Two pages of ten thousand change within 3 s; VM 3 is refused, VM 4 has a device passed through.
 */
static struct scan_report *report_of(const struct scan_request *request, int vm)
{
    struct scan_report *r = calloc(1, sizeof(*r));
    struct scan_dirty *dirty = calloc(1, sizeof(*dirty));

    assert_true(r != NULL && dirty != NULL);
    r->vm = request->vm;
    r->mode = SCAN_DIRTY;
    r->state = vm == 3 ? SCAN_REFUSED : SCAN_DONE;
    r->residency_done = true;
    r->pages_total = 20000;
    r->counts.pages[PAGE_UNTOUCHED] = 10000;
    r->counts.pages[PAGE_UNREAD] = 10000;
    r->estimate = (struct scan_estimate){
        .valid = true, .sampled = 1000, .sampled_zero = 100, .population = 10000};
    r->dirty = dirty;
    dirty->look_count = 2;
    dirty->voids = vm == 4 ? 1u << SCAN_VOID_VFIO : 0;
    dirty->looks = (struct dirty_looks){.pair_count = 1,
                                        .population = 10000,
                                        .sampled = 1000,
                                        .duration_s = request->duration_s,
                                        .page_bytes_dirty = 4096};
    dirty->looks.pairs[0] =
        (struct dirty_pair){.seconds = request->duration_s, .sampled = 1000, .changed = 30};
    return r;
}

static int fake_take(void *ctx, const struct scan_request *requests, size_t count,
                     uint64_t deadline_ns, void *done_ctx,
                     void (*done)(void *done_ctx, size_t index, struct scan_report *report))
{
    struct fake *f = ctx;
    uint64_t takes = (uint64_t)(requests[0].duration_s * 1e9);

    f->duration = requests[0].duration_s;
    for (size_t i = 0; i < count && f->now + takes <= deadline_ns; i++) {
        int vm = requests[i].vm.pid - 100;
        assert_int_equal(requests[i].mode, SCAN_DIRTY);
        f->order[f->begun++] = vm;
        if (i % SIDE_BY_SIDE == SIDE_BY_SIDE - 1 || i == count - 1)
            f->now += takes;
        struct scan_report *report = report_of(&requests[i], vm);
        if (vm == f->hangs)
            report->state = SCAN_CANCELLED;
        done(done_ctx, i, report);
    }
    return 0;
}

struct bed {
    struct snapshot_vm vms[VMS];
    struct snapshot s;
    struct fake fake;
    struct kept_forecasts forecasts;
    struct tree tree;
    char path[96];
};

static const struct filter all = {.vm_fd = -1};

static void bed_open(struct bed *bed)
{
    *bed = (struct bed){
        .s = {.vms = bed->vms, .vm_count = VMS},
        .fake = {.now = 1000 * S, .hangs = -1},
        .forecasts = {.settings = forecast_settings_default, .look = {.duration_s = 4}},
    };
    for (int i = 0; i < VMS; i++) {
        bed->vms[i].id = (struct vm_id){.pid = 100 + i, .start_ticks = 7, .fd = 9, .born = 3};
        bed->vms[i].vmm = "qemu";
        bed->vms[i].name = bed->vms[i].name_raw = "vm";
    }
    tree_open(&bed->tree);
    tree_text(&bed->tree, "proc/sys/kernel/random/boot_id", "b\n");
    snprintf(bed->path, sizeof(bed->path), "%s/x.estimates", bed->tree.path);
}

static void bed_close(struct bed *bed)
{
    kept_forecasts_done(&bed->forecasts);
    tree_close(&bed->tree);
}

/* One record; returns how many looks were begun for it. */
static int record(struct bed *bed, uint64_t budget_ns)
{
    struct kept_forecasts_taker taker = {&bed->fake, fake_now, fake_take};

    bed->fake.begun = 0;
    bed->s.mono_ns = bed->fake.now;
    kept_forecasts_refresh(&bed->forecasts, &taker, &bed->s, &all, budget_ns);
    return bed->fake.begun;
}

static size_t pending(const struct bed *bed)
{
    return kept_forecasts_pending(&bed->forecasts, &bed->s, &all);
}

static const struct kept_forecast *of(const struct bed *bed, int vm)
{
    return kept_forecasts_find(&bed->forecasts, &bed->vms[vm].id);
}

static void a_record_has_so_much_time_and_the_next_goes_on_with_the_rest(void **state)
{
    struct bed bed;

    (void)state;
    bed_open(&bed);
    assert_int_equal(record(&bed, BUDGET), 4); /* two at once, twice */
    assert_true(bed.fake.now <= 1010 * S);
    assert_int_equal(pending(&bed), 2);
    assert_int_equal(record(&bed, BUDGET), 2);
    assert_int_equal(bed.fake.order[0], 4);
    assert_int_equal(pending(&bed), 0);
    assert_int_equal(record(&bed, BUDGET), 0); /* all are fresh */
    bed.fake.now += KEPT_FORECASTS_FRESH_NS;
    assert_int_equal(record(&bed, BUDGET), 4);
    bed_close(&bed);
}

static void with_little_time_looks_are_shorter_and_with_none_there_are_none(void **state)
{
    struct bed bed;

    (void)state;
    bed_open(&bed);
    assert_int_equal(record(&bed, 2 * S), 2);
    assert_true(fabs(bed.fake.duration - 1.5) < 1e-9);
    assert_true(fabs(of(&bed, 0)->looked_s - 1.5) < 1e-9);
    assert_int_equal(record(&bed, 0), 0);
    assert_int_equal(pending(&bed), VMS - 2);
    bed_close(&bed);
}

static void one_that_is_broken_off_keeps_what_it_had_and_comes_last(void **state)
{
    struct bed bed;

    (void)state;
    bed_open(&bed);
    bed.fake.hangs = 0;
    record(&bed, BUDGET);
    assert_int_equal(of(&bed, 0)->taken_ns, 0);
    assert_int_equal(record(&bed, BUDGET), 3);
    assert_int_equal(bed.fake.order[2], 0);
    assert_int_equal(pending(&bed), 1);
    bed.fake.hangs = -1;
    assert_int_equal(record(&bed, BUDGET), 1);
    uint64_t taken_ns = of(&bed, 0)->taken_ns;
    assert_true(taken_ns != 0);
    bed.fake.now += KEPT_FORECASTS_FRESH_NS;
    bed.fake.hangs = 0;
    for (int i = 0; i < 2; i++)
        record(&bed, BUDGET);
    assert_int_equal(of(&bed, 0)->taken_ns, taken_ns);
    assert_false(of(&bed, 0)->failed);
    bed_close(&bed);
}

static void forecasts_go_with_their_vm(void **state)
{
    struct bed bed;
    pid_t pid = 0;

    (void)state;
    bed_open(&bed);
    record(&bed, 100 * S);
    assert_int_equal(kept_forecasts_failed(&bed.forecasts, &bed.s, &all, &pid), 2);
    assert_true(pid == 103 || pid == 104);
    struct vm_id gone = bed.vms[VMS - 1].id;
    bed.s.vm_count--;
    bed.vms[2].id.born++; /* another VM in its place */
    assert_int_equal(record(&bed, BUDGET), 1);
    assert_int_equal(bed.fake.order[0], 2);
    assert_null(kept_forecasts_find(&bed.forecasts, &gone));
    bed_close(&bed);
}

/* --- the file --------------------------------------------------------------------------------- */

static void load(struct bed *bed, struct kept_forecasts *ret)
{
    *ret =
        (struct kept_forecasts){.settings = bed->forecasts.settings, .look = bed->forecasts.look};
    bed->s.mono_ns = bed->fake.now;
    assert_int_equal(estimates_file_load(NULL, ret, bed->path, &bed->tree.root, &bed->s, NULL), 0);
}

static void assert_range(const struct forecast_range *a, const struct forecast_range *b)
{
    const double pairs[][2] = {{a->value, b->value}, {a->low, b->low}, {a->high, b->high}};

    for (size_t i = 0; i < 3; i++)
        assert_true(pairs[i][0] == pairs[i][1] ||
                    fabs(pairs[i][0] - pairs[i][1]) <= 1e-8 * fabs(pairs[i][1]));
}

static void next_run_reads_what_this_one_wrote_for_the_same_migration(void **state)
{
    struct bed bed;
    struct kept_forecasts f;

    (void)state;
    bed_open(&bed);
    record(&bed, 100 * S);
    /* one that does not end */
    bed.forecasts.items[1].total_s = bed.forecasts.items[1].bytes =
        (struct forecast_range){INFINITY, 12.5, INFINITY};
    bed.forecasts.items[1].converges = FORECAST_DOES_NOT;
    bed.forecasts.items[2].is_shared = true;
    assert_int_equal(estimates_file_save(NULL, &bed.forecasts, bed.path, &bed.tree.root, NULL), 0);
    for (int i = 0; i < VMS; i++)
        bed.vms[i].id.born = 77; /* another process counts its ticks anew */
    load(&bed, &f);
    assert_int_equal(f.count, VMS);
    for (int i = 0; i < VMS; i++) {
        const struct kept_forecast *want = &bed.forecasts.items[i], *got = &f.items[i];
        assert_true(vm_id_equal(&got->vm, &bed.vms[i].id));
        assert_int_equal(got->tried_ns, want->tried_ns);
        assert_int_equal(got->taken_ns, want->taken_ns);
        assert_int_equal(got->failed, want->failed);
        assert_int_equal(got->is_shared, want->is_shared);
        assert_int_equal(got->converges, want->converges);
        assert_range(&got->dirty_pages_per_s, &want->dirty_pages_per_s);
        assert_range(&got->bytes, &want->bytes);
        assert_range(&got->total_s, &want->total_s);
        assert_range(&got->downtime_s, &want->downtime_s);
        assert_range(&got->margin, &want->margin);
    }
    kept_forecasts_done(&f);
    bed.forecasts.settings.bandwidth *= 2; /* what was kept is for another migration */
    load(&bed, &f);
    assert_int_equal(f.count, 0);
    kept_forecasts_done(&f);
    bed_close(&bed);
}

#define RANGES " 5 4 6 1e6 1e6 1e6 2 1 3 0.1 0.1 0.2 3 2 4 0\n"

static void lines_that_are_none_of_ours_are_left_out(void **state)
{
    static const char text[] =
        "kvmlens-estimates/1 b\n"
        "F 100 7 9 900000000000 900000000000 0 1 3.2" RANGES /* for nothing that is known */
        "forecasts 0 0 2 125000000 0 0.29999999999999999 0 4\n"
        "100 7 9 900000000000 900000000000 0 1 0.5 0.4 0.6 1 10 0.5\n"
        "F 101 7 9 900000000000 900000000000 0 1 3.2" RANGES
        "F 101 7 9 900000000000 900000000000 0 0 3.2" RANGES  /* twice */
        "F 102 8 9 900000000000 900000000000 0 1 3.2" RANGES  /* another process */
        "F 102 7 9 900000000000 9000000000000 0 1 3.2" RANGES /* of the future */
        "F 102 7 9 900000000000 900000000000 0 3 3.2" RANGES  /* no verdict */
        "F 102 7 9 900000000000 900000000000 0 1 -1" RANGES
        "F 102 7 9 900000000000 900000000000 0 1 3.2 5 6 7 1 1 1 2 1 3 1 1 1 3 2 4 0\n"
        "F 102 7 9 900000000000 900000000000 0 1 3.2 nan 4 6 1 1 1 2 1 3 1 1 1 3 2 4 0\n"
        "F 102 7 9 900000000000 900000000000 0 1 3.2 5 4 6 1 1 1 2 1 3 1 1 1 3 2 4 0 x\n"
        "F 102 7 9 900000000000 900000000000 0 1 3.2 5 4 6 1 1 1 2 1 3 1 1 1 3 2 4\n" /* older */
        "F 102 7 9 900000000000\n"
        "F 105 7 9 900000000000 900000000000 0 2 3.2 5 4 6 inf 1 inf inf 1 inf 1 1 1 3 2 4 1\n"
        "forecasts 1 0 2 125000000 0 0.29999999999999999 0 4\n"
        "F 106 7 9 900000000000 900000000000 0 1 3.2" RANGES; /* for another migration */
    struct bed bed;
    struct kept_forecasts f;

    (void)state;
    bed_open(&bed);
    tree_text(&bed.tree, "x.estimates", text);
    load(&bed, &f);
    assert_int_equal(f.count, 2);
    assert_true(vm_id_equal(&f.items[0].vm, &bed.vms[1].id));
    assert_int_equal(f.items[0].converges, FORECAST_DOES);
    assert_true(vm_id_equal(&f.items[1].vm, &bed.vms[5].id));
    assert_true(isinf(f.items[1].total_s.value));
    assert_true(f.items[1].is_shared && !f.items[0].is_shared);
    kept_forecasts_done(&f);
    bed_close(&bed);
}

/* --- metrics ---------------------------------------------------------------------------------- */

static char *metrics_of(struct bed *bed, bool openmetrics)
{
    char *text = NULL;
    size_t len;
    struct metrics m = {.out = open_memstream(&text, &len), .openmetrics = openmetrics};
    const struct report r = {.filter = &all, .forecasts = &bed->forecasts};

    assert_non_null(m.out);
    forecast_metrics_put(&r, &m, &bed->s);
    assert_int_equal(metrics_end(&m), 0);
    fclose(m.out);
    return text;
}

static void assert_has(const char *text, const char *line)
{
    char whole[200];

    snprintf(whole, sizeof(whole), "\n%s\n", line);
    if (strstr(text, whole) == NULL)
        fail_msg("no line '%s' in\n%s", line, text);
}

static void assert_has_not(const char *text, const char *part)
{
    if (strstr(text, part) != NULL)
        fail_msg("'%s' in\n%s", part, text);
}

static void what_is_not_known_has_no_sample_and_says_so(void **state)
{
    struct bed bed;
    struct kept_forecast items[] = {
        {.taken_ns = 900 * S,
         .converges = FORECAST_DOES,
         .dirty_pages_per_s = {120, 100, 150},
         .bytes = {5e9, 4e9, 6e9},
         .total_s = {40, 35, 50},
         .downtime_s = {0.25, 0.125, 0.5},
         .margin = {2, 1.5, 2.5},
         .looked_s = 3.25},
        {.taken_ns = 900 * S,
         .converges = FORECAST_DOES_NOT,
         .dirty_pages_per_s = {90000, 80000, 95000},
         .bytes = {INFINITY, INFINITY, INFINITY},
         .total_s = {INFINITY, INFINITY, INFINITY},
         .downtime_s = {INFINITY, INFINITY, INFINITY},
         .margin = {0.5, 0.25, 0.75}},
        {.taken_ns = 900 * S,
         .is_shared = true,
         .converges = FORECAST_UNSURE,
         .bytes = {5e9, 4e9, INFINITY},
         .total_s = {40, 35, INFINITY}},
        {.taken_ns = 900 * S, .failed = true},
        {.tried_ns = 900 * S},
    };
    enum { COUNT = sizeof(items) / sizeof(items[0]) };

    (void)state;
    bed_open(&bed);
    for (int i = 0; i < COUNT; i++)
        items[i].vm = bed.vms[i].id;
    bed.forecasts.items = items;
    bed.forecasts.count = COUNT;
    bed.s.mono_ns = 1000 * S;
    char *text = metrics_of(&bed, false);
    assert_has(text, "kvmlens_forecast_info{mode=\"precopy\",zero_page_detection=\"default\","
                     "channels=\"1\",bandwidth_bytes_per_second=\"125000000\","
                     "link_bytes_per_second=\"125000000\",downtime_limit_seconds=\"0.3\","
                     "auto_converge=\"false\"} 1");
#define VM(pid) "{vm=\"vm\",pid=\"" #pid "\",vm_fd=\"9\"} "
    assert_has(text, "kvmlens_vm_dirty_pages_per_second" VM(100) "120");
    assert_has(text, "kvmlens_vm_dirty_pages_per_second_low" VM(100) "100");
    assert_has(text, "kvmlens_vm_dirty_pages_per_second" VM(101) "90000");
    assert_has(text, "kvmlens_vm_forecast_wire_bytes" VM(100) "5000000000");
    assert_has(text, "kvmlens_vm_forecast_wire_high_bytes" VM(100) "6000000000");
    assert_has(text, "kvmlens_vm_forecast_seconds" VM(100) "40");
    assert_has(text, "kvmlens_vm_forecast_low_seconds" VM(100) "35");
    assert_has(text, "kvmlens_vm_forecast_downtime_seconds" VM(100) "0.25");
    assert_has(text, "kvmlens_vm_forecast_margin_ratio" VM(101) "0.5");
    assert_has(text, "kvmlens_vm_forecast_converges" VM(100) "1");
    assert_has(text, "kvmlens_vm_forecast_converges" VM(101) "0");
    assert_has(text, "kvmlens_vm_forecast_unsure" VM(101) "0");
    assert_has(text, "kvmlens_vm_forecast_unsure" VM(102) "1");
    assert_has(text, "kvmlens_vm_forecast_shared" VM(101) "0");
    assert_has(text, "kvmlens_vm_forecast_shared" VM(102) "1");
    assert_has_not(text, "kvmlens_vm_forecast_shared" VM(103));
    assert_has(text, "kvmlens_vm_forecast_failed" VM(102) "0");
    assert_has(text, "kvmlens_vm_forecast_failed" VM(103) "1");
    assert_has(text, "kvmlens_vm_forecast_age_seconds" VM(103) "100");
    assert_has(text, "kvmlens_vm_forecast_pending" VM(103) "0");
    assert_has(text, "kvmlens_vm_forecast_pending" VM(104) "1");
    assert_has(text, "kvmlens_vm_forecast_pending" VM(105) "1");
    assert_has_not(text, "kvmlens_vm_forecast_seconds" VM(101));
    assert_has_not(text, "kvmlens_vm_forecast_wire_bytes" VM(101));
    assert_has_not(text, "kvmlens_vm_forecast_high_seconds" VM(102));
    assert_has_not(text, "kvmlens_vm_forecast_converges" VM(102));
    assert_has_not(text, "kvmlens_vm_forecast_seconds" VM(103));
    assert_has_not(text, "kvmlens_vm_forecast_age_seconds" VM(104));
    assert_has_not(text, "} inf");
    assert_has_not(text, "} nan");
    free(text);
    text = metrics_of(&bed, true);
    assert_has(text, "# TYPE kvmlens_vm_forecast_seconds gauge");
    assert_has(text, "# UNIT kvmlens_vm_forecast_seconds seconds");
    assert_has(text, "# UNIT kvmlens_vm_forecast_wire_low_bytes bytes");
    free(text);
    bed.forecasts.items = NULL;
    bed_close(&bed);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_has_so_much_time_and_the_next_goes_on_with_the_rest),
        cmocka_unit_test(with_little_time_looks_are_shorter_and_with_none_there_are_none),
        cmocka_unit_test(one_that_is_broken_off_keeps_what_it_had_and_comes_last),
        cmocka_unit_test(forecasts_go_with_their_vm),
        cmocka_unit_test(next_run_reads_what_this_one_wrote_for_the_same_migration),
        cmocka_unit_test(lines_that_are_none_of_ours_are_left_out),
        cmocka_unit_test(what_is_not_known_has_no_sample_and_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
