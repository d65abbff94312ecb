// SPDX-License-Identifier: MIT
/*
 * Which VMs are estimated when, with a clock that only estimates move; and what is kept for the
 * next run.
 */
#include "ui/report/estimates.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/tree.h"
#include "ui/app/estimates_file.h"

#define S 1000000000ull
#define VMS 25
#define BUDGET (10 * S)

struct fake {
    uint64_t now;
    uint64_t takes_ns[VMS]; /* of each VM; 0 = one second */
    int stop_at;            /* which estimate a signal ends; 0 = none */
    int begun;              /* since the last record */
    int order[VMS];         /* the VMs in the order in which they were begun */
};

static uint64_t fake_now(void *ctx)
{
    return ((struct fake *)ctx)->now;
}

static int fake_take(void *ctx, const struct scan_request *request, uint64_t deadline_ns,
                     struct scan_report **ret)
{
    struct fake *f = ctx;
    int vm = request->vm.pid - 100;
    uint64_t end = f->now + (f->takes_ns[vm] != 0 ? f->takes_ns[vm] : S);

    assert_int_equal(request->mode, SCAN_ESTIMATE);
    assert_int_equal(request->sample_pages, ESTIMATES_SAMPLE_PAGES);
    assert_true(f->begun < VMS);
    f->order[f->begun++] = vm;
    if (f->begun == f->stop_at)
        return -EINTR;
    f->now = end < deadline_ns ? end : deadline_ns;
    if (end > deadline_ns)
        return -ETIME;
    *ret = calloc(1, sizeof(**ret));
    assert_non_null(*ret);
    (*ret)->vm = request->vm;
    (*ret)->state = vm == 7 ? SCAN_REFUSED : SCAN_DONE;
    (*ret)->estimate = (struct scan_estimate){.valid = vm != 7, .zero_ratio = 0.125,
                                              .ci95_low = 0.1, .ci95_high = 0.2};
    (*ret)->wire.valid = vm != 7;
    (*ret)->wire.bytes = 1234567890123 + (uint64_t)vm;
    (*ret)->cost.elapsed_s = 0.5;
    return 0;
}

struct bed {
    struct snapshot_vm vms[VMS];
    struct snapshot s;
    struct fake fake;
    struct estimates estimates;
};

static const struct filter all = {.vm_fd = -1};

static void bed_open(struct bed *bed)
{
    *bed = (struct bed){.s = {.vms = bed->vms, .vm_count = VMS}, .fake = {.now = 1000 * S}};
    for (int i = 0; i < VMS; i++) {
        bed->vms[i].id = (struct vm_id){.pid = 100 + i, .start_ticks = 7, .fd = 9, .born = 3};
        bed->vms[i].vmm = "qemu";
        bed->vms[i].name = bed->vms[i].name_raw = "vm";
    }
}

/* One record; returns how many estimates were begun for it. */
static int record(struct bed *bed)
{
    struct estimates_taker taker = {&bed->fake, fake_now, fake_take};

    bed->fake.begun = 0;
    bed->s.mono_ns = bed->fake.now;
    estimates_refresh(&bed->estimates, &taker, &bed->s, &all, BUDGET);
    return bed->fake.begun;
}

static size_t pending(const struct bed *bed)
{
    return estimates_pending(&bed->estimates, &bed->s, &all);
}

static uint64_t taken_ns(const struct bed *bed, int vm)
{
    const struct estimate *e = estimates_find(&bed->estimates, &bed->vms[vm].id);
    return e != NULL ? e->taken_ns : 0;
}

/* All of them were taken for one record, however long that was. */
static void a_record_has_so_much_time_and_the_next_goes_on_with_the_rest(void **state)
{
    struct bed bed;

    (void)state;
    bed_open(&bed);
    assert_int_equal(record(&bed), 10);
    assert_int_equal(bed.fake.now, 1010 * S);
    assert_int_equal(pending(&bed), 15);
    assert_int_equal(record(&bed), 10);
    for (int i = 0; i < 10; i++)
        assert_int_equal(bed.fake.order[i], 10 + i);
    assert_int_equal(record(&bed), 5);
    assert_int_equal(pending(&bed), 0);
    assert_int_equal(record(&bed), 0); /* all are fresh */
    estimates_done(&bed.estimates);
}

static void an_old_estimate_stands_until_there_is_a_new_one(void **state)
{
    struct bed bed;

    (void)state;
    bed_open(&bed);
    for (int i = 0; i < 3; i++)
        record(&bed);
    bed.fake.now = 1000 * S + ESTIMATES_FRESH_NS + 100 * S;
    assert_int_equal(record(&bed), 10); /* those that are oldest */
    assert_int_equal(pending(&bed), 0);
    assert_int_equal(taken_ns(&bed, 0), 1401 * S);
    assert_int_equal(taken_ns(&bed, 24), 1025 * S);
    assert_true(estimates_find(&bed.estimates, &bed.vms[24].id)->zero_known);
    estimates_done(&bed.estimates);
}

static void one_that_takes_too_long_is_not_in_the_way_of_the_others(void **state)
{
    struct bed bed;

    (void)state;
    bed_open(&bed);
    bed.fake.takes_ns[0] = 11 * S;
    assert_int_equal(record(&bed), 1);
    assert_int_equal(pending(&bed), VMS);
    for (int i = 0; i < 2; i++)
        assert_int_equal(record(&bed), 10);
    /* the others first; broken off in the middle of a record it has still its turn to come */
    assert_int_equal(record(&bed), 5);
    assert_int_equal(bed.fake.order[4], 0);
    assert_int_equal(pending(&bed), 1);
    assert_int_equal(record(&bed), 1);
    assert_int_equal(bed.fake.order[0], 0);
    bed.fake.takes_ns[0] = 9 * S; /* with all of the time of a record it is done */
    assert_int_equal(record(&bed), 1);
    assert_int_equal(pending(&bed), 0);
    estimates_done(&bed.estimates);
}

static void after_a_signal_none_is_begun(void **state)
{
    struct bed bed;

    (void)state;
    bed_open(&bed);
    bed.fake.stop_at = 3;
    assert_int_equal(record(&bed), 3);
    assert_int_equal(pending(&bed), VMS - 2);
    bed.fake.stop_at = 0;
    record(&bed);
    assert_int_equal(bed.fake.order[0], 2);
    estimates_done(&bed.estimates);
}

static void estimates_go_with_their_vm(void **state)
{
    struct bed bed;

    (void)state;
    bed_open(&bed);
    for (int i = 0; i < 3; i++)
        record(&bed);
    struct vm_id gone = bed.vms[VMS - 1].id;
    bed.s.vm_count--;
    bed.vms[3].id.born++; /* another VM in its place */
    assert_int_equal(record(&bed), 1);
    assert_int_equal(bed.fake.order[0], 3);
    assert_null(estimates_find(&bed.estimates, &gone));
    assert_int_equal(bed.estimates.count, VMS - 1);
    estimates_done(&bed.estimates);
}

/* --- the file --------------------------------------------------------------------------------- */

struct file_bed {
    struct bed bed;
    struct tree tree;
    char path[96];
};

static void file_open(struct file_bed *f, const char *boot)
{
    bed_open(&f->bed);
    tree_open(&f->tree);
    tree_text(&f->tree, "proc/sys/kernel/random/boot_id", boot);
    snprintf(f->path, sizeof(f->path), "%s/x.estimates", f->tree.path);
}

static void file_close(struct file_bed *f)
{
    estimates_done(&f->bed.estimates);
    tree_close(&f->tree);
}

static int load(struct file_bed *f, struct estimates *ret, struct error *err)
{
    *ret = (struct estimates){NULL, 0};
    f->bed.s.mono_ns = f->bed.fake.now;
    return estimates_file_load(ret, NULL, f->path, &f->tree.root, &f->bed.s, err);
}

static void next_run_reads_what_this_one_wrote(void **state)
{
    struct file_bed f;
    struct estimates e;

    (void)state;
    file_open(&f, "boot-1\n");
    assert_int_equal(load(&f, &e, NULL), 0); /* there is none yet */
    assert_int_equal(e.count, 0);
    record(&f.bed);
    assert_int_equal(estimates_file_save(&f.bed.estimates, NULL, f.path, &f.tree.root, NULL), 0);
    for (int i = 0; i < VMS; i++)
        f.bed.vms[i].id.born = 77; /* another process counts its ticks anew */
    assert_int_equal(load(&f, &e, NULL), 0);
    assert_int_equal(e.count, VMS);
    for (int i = 0; i < VMS; i++) {
        struct estimate want = f.bed.estimates.items[i];
        want.vm.born = 77;
        assert_true(vm_id_equal(&e.items[i].vm, &want.vm));
        assert_int_equal(e.items[i].tried_ns, want.tried_ns);
        assert_int_equal(e.items[i].taken_ns, want.taken_ns);
        assert_int_equal(e.items[i].failed, want.failed);
        assert_int_equal(e.items[i].zero_known, want.zero_known);
        assert_int_equal(e.items[i].wire_known, want.wire_known);
        assert_int_equal(e.items[i].wire_bytes, want.wire_bytes);
        assert_float_equal(e.items[i].zero_ratio, want.zero_ratio, 0);
        assert_float_equal(e.items[i].zero_low, want.zero_low, 0);
        assert_float_equal(e.items[i].zero_high, want.zero_high, 0);
        assert_float_equal(e.items[i].duration_s, want.duration_s, 1e-9);
    }
    estimates_done(&e);
    tree_text(&f.tree, "proc/sys/kernel/random/boot_id", "boot-2\n");
    assert_int_equal(load(&f, &e, NULL), 0); /* its clock is another */
    assert_int_equal(e.count, 0);
    estimates_done(&e);
    file_close(&f);
}

static void lines_that_are_none_of_ours_are_left_out(void **state)
{
    static const char text[] =
        "kvmlens-estimates/1 b\n"
        "100 7 9 900000000000 900000000000 0 1 0.5 0.4 0.6 1 10 0.5\n"
        "100 7 9 900000000000 900000000000 0 1 0.9 0.4 0.6 1 10 0.5\n"   /* twice */
        "101 8 9 900000000000 900000000000 0 1 0.5 0.4 0.6 1 10 0.5\n"   /* another process */
        "102 7 9 900000000000 9000000000000 0 1 0.5 0.4 0.6 1 10 0.5\n"  /* of the future */
        "103 7 9 900000000000 900000000000 0 1 1.5 0.4 0.6 1 10 0.5\n"   /* no ratio */
        "104 7 9 900000000000 900000000000 0 1 nan 0.4 0.6 1 10 0.5\n"
        "105 7 9 900000000000 900000000000 0 1 0.5 0.4 0.6 1 10 0.5 x\n"
        "106 7 9 900000000000\n"
        "\n"
        "999 7 9 900000000000 900000000000 0 1 0.5 0.4 0.6 1 10 0.5\n"
        "107 7 9 900000000000 900000000000 0 1 0.5 0.4 0.6 1 10 0.5"; /* cut */
    struct file_bed f;
    struct estimates e;

    (void)state;
    file_open(&f, "b\n");
    tree_text(&f.tree, "x.estimates", text);
    assert_int_equal(load(&f, &e, NULL), 0);
    assert_int_equal(e.count, 1);
    assert_true(vm_id_equal(&e.items[0].vm, &f.bed.vms[0].id));
    assert_float_equal(e.items[0].zero_ratio, 0.5, 0);
    estimates_done(&e);
    file_close(&f);
}

static void file_of_somebody_else_is_neither_read_nor_replaced(void **state)
{
    struct file_bed f;
    struct estimates e;
    struct error err = {0};

    (void)state;
    file_open(&f, "b\n");
    tree_text(&f.tree, "x.estimates", "my own estimates of what the house will cost\n");
    assert_int_equal(load(&f, &e, &err), -EEXIST);
    assert_non_null(strstr(err.msg, "kvmlens did not write it"));
    tree_text(&f.tree, "x.estimates", "kvmlens-estimates/1 b\n");
    assert_int_equal(chmod(f.path, 0666), 0);
    assert_int_equal(load(&f, &e, &err), -EEXIST);
    assert_non_null(strstr(err.msg, "somebody else may write it"));
    tree_text(&f.tree, "real", "kvmlens-estimates/1 b\n");
    tree_remove(&f.tree, "x.estimates");
    tree_link(&f.tree, "x.estimates", "real");
    assert_int_equal(load(&f, &e, &err), -EEXIST);
    tree_remove(&f.tree, "x.estimates");
    tree_dir(&f.tree, "x.estimates");
    assert_int_equal(load(&f, &e, &err), -EEXIST);
    assert_non_null(strstr(err.msg, "not a regular file"));
    file_close(&f);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_has_so_much_time_and_the_next_goes_on_with_the_rest),
        cmocka_unit_test(an_old_estimate_stands_until_there_is_a_new_one),
        cmocka_unit_test(one_that_takes_too_long_is_not_in_the_way_of_the_others),
        cmocka_unit_test(after_a_signal_none_is_begun),
        cmocka_unit_test(estimates_go_with_their_vm),
        cmocka_unit_test(next_run_reads_what_this_one_wrote),
        cmocka_unit_test(lines_that_are_none_of_ours_are_left_out),
        cmocka_unit_test(file_of_somebody_else_is_neither_read_nor_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
