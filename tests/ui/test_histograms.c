// SPDX-License-Identifier: MIT
// The tab of histograms: counts since creation, and those of the last interval.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/ui_bed.h"
#include "ui/screens/screens.h"

#define BUCKETS 4
#define SECOND  1000000000ull

static void set_counts(struct ui_bed *f, uint64_t vm, uint64_t vcpu)
{
    struct snapshot_vm *at = &f->s->vms[0];

    for (size_t i = 0; i < BUCKETS; i++) {
        at->buckets[i] = vm * i;
        at->vcpus[1].buckets[i] = vcpu * i;
    }
}

static int setup(void **state)
{
    struct ui_bed *f = ui_bed_new();
    int field = snapshot_builder_field(f->b, "halt_wait_hist", FIELD_VCPU, FIELD_LOG_HIST,
                                       FIELD_SECONDS, BUCKETS);
    snapshot_builder_vm(f->b, 700, 9, "web", "qemu", 2);
    snapshot_builder_set(f->b, 0, -1, field, 0, 0, SOURCE_STATSFD);
    snapshot_builder_set(f->b, 0, 1, field, 0, 0, SOURCE_STATSFD);
    f->s->mono_ns = SECOND;
    set_counts(f, 100, 10);
    ui_bed_start(f, 24, 80);
    ui_bed_press(f, KEYCODE_ENTER);
    ui_bed_press(f, '4');
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    ui_bed_free(*state);
    return 0;
}

/* Two seconds later. */
static void tick(struct ui_bed *f, uint64_t vm, uint64_t vcpu)
{
    f->s->mono_ns += 2 * SECOND;
    set_counts(f, vm, vcpu);
    assert_int_equal(ui_follow(&f->state, &f->model), 0);
}

static void counts_of_the_last_interval_are_what_came_in_it(void **state)
{
    struct ui_bed *f = *state;

    assert_non_null(
        strstr(ui_bed_press(f, KEYCODE_HOME), "All vCPUs together, since creation. i: last"));
    assert_non_null(strstr(f->dump, "  600 times"));
    assert_non_null(
        strstr(ui_bed_press(f, 'i'), "Nothing yet: an interval ends with the next refresh."));
    tick(f, 103, 11);
    assert_non_null(
        strstr(ui_bed_press(f, KEYCODE_HOME), "together, in the last 2.0s. i: since cr"));
    assert_non_null(strstr(f->dump, "  18 times"));
    ui_bed_press(f, KEYCODE_RIGHT);
    ui_bed_press(f, KEYCODE_RIGHT);
    assert_non_null(strstr(f->dump, "vCPU 1, in the last"));
    assert_non_null(strstr(f->dump, "  6 times"));
    tick(f, 103, 11);
    assert_non_null(strstr(ui_bed_press(f, KEYCODE_HOME), "  0 times"));
    assert_non_null(strstr(ui_bed_press(f, 'i'), "  66 times"));
}

static void counts_that_were_cleared_have_no_interval(void **state)
{
    struct ui_bed *f = *state;

    ui_bed_press(f, 'i');
    tick(f, 5, 11);
    assert_non_null(strstr(ui_bed_press(f, KEYCODE_HOME), "Somebody cleared these counts"));
    ui_bed_press(f, KEYCODE_RIGHT);
    assert_non_null(
        strstr(ui_bed_press(f, KEYCODE_RIGHT), "  6 times")); /* not those of this vCPU */
    tick(f, 6, 12);
    assert_non_null(strstr(ui_bed_press(f, KEYCODE_HOME), "  6 times"));
}

/* A VM that takes too long keeps its numbers: none of them is of this interval. */
static void a_vm_that_was_not_read_ends_no_interval(void **state)
{
    struct ui_bed *f = *state;

    ui_bed_press(f, 'i');
    f->s->vms[0].stale_cause = CAUSE_SLOW;
    tick(f, 100, 10);
    assert_non_null(strstr(ui_bed_press(f, KEYCODE_HOME), "Nothing yet"));
    f->s->vms[0].stale_cause = CAUSE_NONE;
    tick(f, 104, 10);
    assert_non_null(strstr(ui_bed_press(f, KEYCODE_HOME), "in the last 4.0s"));
    assert_non_null(strstr(f->dump, "  24 times"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(counts_of_the_last_interval_are_what_came_in_it),
        TEST(counts_that_were_cleared_have_no_interval),
        TEST(a_vm_that_was_not_read_ends_no_interval),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
