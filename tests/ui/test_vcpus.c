// SPDX-License-Identifier: MIT
// The tab of a VM's vCPUs: their states, and which clock is the odd one.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/ui_bed.h"
#include "ui/grid/keys.h"
#include "ui/screens/screens.h"

#define VCPUS 4

enum { EXITS, BLOCKING };

static struct snapshot_vm *vm_of(struct ui_bed *f)
{
    return snapshot_builder_get(f->b, 0);
}

static int setup(void **state)
{
    struct ui_bed *f = ui_bed_new();

    snapshot_builder_field(f->b, "exits", FIELD_VCPU, FIELD_CUMULATIVE, FIELD_NONE, 1);
    snapshot_builder_field(f->b, "blocking", FIELD_VCPU, FIELD_INSTANT, FIELD_BOOLEAN, 1);
    snapshot_builder_vm(f->b, 700, 9, "web", "qemu", VCPUS);
    for (int i = 0; i < VCPUS; i++)
        vm_of(f)->vcpus[i].gauges[VCPU_TSC_OFFSET] = reading_ok(5000, SOURCE_DEBUGFS);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    ui_bed_free(*state);
    return 0;
}

static void set_vcpu(struct ui_bed *f, int vcpu, uint64_t blocking, double exits_per_s,
                     double cpu_ratio)
{
    snapshot_builder_set(f->b, 0, vcpu, EXITS, 1000, exits_per_s, SOURCE_STATSFD);
    snapshot_builder_set(f->b, 0, vcpu, BLOCKING, blocking, 0, SOURCE_STATSFD);
    vm_of(f)->vcpus[vcpu].cpu_ratio = (struct figure){.value = cpu_ratio, .state = READING_OK};
}

static void draw(struct ui_bed *f)
{
    ui_bed_start(f, 24, 80);
    ui_bed_press(f, KEYCODE_ENTER);
    ui_bed_press(f, '2');
}

/* The row of a vCPU; its text up to the next row's. */
static const char *row_of(const struct ui_bed *f, int vcpu)
{
    static char row[200];
    char begin[20];

    snprintf(begin, sizeof(begin), "\n%5d ", vcpu);
    const char *at = strstr(f->dump, begin);
    assert_non_null(at);
    snprintf(row, sizeof(row), "%.*s", (int)strcspn(at + 1, "\n"), at + 1);
    return row;
}

/* QMP "stop", and "-S": the thread waits outside KVM_RUN, and so blocks nowhere in KVM. */
static void a_vcpu_of_a_paused_vm_is_not_said_to_run(void **state)
{
    struct ui_bed *f = *state;

    set_vcpu(f, 0, 0, 0, 0);       /* paused */
    set_vcpu(f, 1, 0, 0, 0.00002); /* paused, and asked for something by its VMM */
    draw(f);
    assert_null(strstr(f->dump, "running"));
    assert_non_null(strstr(row_of(f, 0), " not halted "));
    assert_non_null(strstr(row_of(f, 1), " not halted "));
}

static void a_vcpu_that_ran_in_the_interval_is_running(void **state)
{
    struct ui_bed *f = *state;

    set_vcpu(f, 0, 0, 250, 0.3);
    set_vcpu(f, 1, 0, 0, 0.97); /* no exit at all: a guest on a CPU without a tick */
    set_vcpu(f, 2, 1, 250, 0.3);
    draw(f);
    assert_non_null(strstr(row_of(f, 0), " running "));
    assert_non_null(strstr(row_of(f, 1), " running "));
    assert_non_null(strstr(row_of(f, 2), " halted "));
}

static void before_the_second_sample_it_is_not_known_whether_a_vcpu_runs(void **state)
{
    struct ui_bed *f = *state;

    set_vcpu(f, 0, 0, 0, 0);
    snapshot_builder_warmup(f->b, 0, 0, EXITS, 1000);
    vm_of(f)->vcpus[0].cpu_ratio = (struct figure){.value = 1, .state = READING_WARMUP};
    draw(f);
    assert_non_null(strstr(row_of(f, 0), " not halted "));
}

static void what_most_vcpus_have_is_not_what_the_first_has(void **state)
{
    struct ui_bed *f = *state;

    vm_of(f)->vcpus[0].gauges[VCPU_TSC_OFFSET] = reading_ok(7, SOURCE_DEBUGFS);
    draw(f);
    assert_non_null(strstr(row_of(f, 0), "! 7"));
    assert_null(strstr(row_of(f, 1), "! "));
    assert_non_null(strstr(f->dump, "1 of 4 vCPUs has a different tsc-offset from vCPU 1"));
}

/* Nothing is known of the first: the others can differ from each other all the same. */
static void an_unknown_first_vcpu_hides_no_difference(void **state)
{
    struct ui_bed *f = *state;

    vm_of(f)->vcpus[0].gauges[VCPU_TSC_OFFSET] =
        reading_missing(READING_DENIED, CAUSE_NO_PERMISSION);
    vm_of(f)->vcpus[3].gauges[VCPU_TSC_OFFSET] = reading_ok(7, SOURCE_DEBUGFS);
    draw(f);
    assert_non_null(strstr(row_of(f, 3), "! 7"));
    assert_non_null(strstr(f->dump, "1 of 4 vCPUs has a different tsc-offset from vCPU 1"));
}

/* Two against two: none is what most have, and the first known one is compared with. */
static void without_a_majority_vcpus_are_compared_with_the_first_known(void **state)
{
    struct ui_bed *f = *state;

    vm_of(f)->vcpus[2].gauges[VCPU_TSC_OFFSET] = reading_ok(7, SOURCE_DEBUGFS);
    vm_of(f)->vcpus[3].gauges[VCPU_TSC_OFFSET] = reading_ok(7, SOURCE_DEBUGFS);
    draw(f);
    assert_non_null(strstr(f->dump, "2 of 4 vCPUs have a different tsc-offset from vCPU 0"));
}

/* --- order, search, counters of one --- */

/* One key for each letter. */
static void press(struct ui_bed *f, const char *keys)
{
    for (const char *k = keys; *k != '\0'; k++)
        ui_bed_press(f, *k == '\n' ? KEYCODE_ENTER : (uint32_t)*k);
}

static void expect_order(const struct ui_bed *f, int a, int b, int c, int d)
{
    const int want[VCPUS] = {a, b, c, d};

    assert_int_equal(f->rows.vcpus.count, VCPUS);
    for (size_t i = 0; i < VCPUS; i++)
        assert_int_equal(f->rows.vcpus.rows[i], want[i]);
}

static void set_four(struct ui_bed *f)
{
    set_vcpu(f, 0, 0, 250, 0.3);
    set_vcpu(f, 1, 1, 900, 0.1);
    set_vcpu(f, 2, 0, 250, 0.9);
    set_vcpu(f, 3, 1, 0, 0);
    vm_of(f)->vcpus[3].cpu_ratio = (struct figure){.state = READING_DENIED};
}

static void vcpus_are_sorted_and_the_selection_goes_along(void **state)
{
    struct ui_bed *f = *state;

    set_four(f);
    draw(f);
    expect_order(f, 0, 1, 2, 3);
    press(f, "j"); /* vCPU 1 */
    press(f, "P");
    expect_order(f, 2, 0, 1, 3); /* what is not known comes last */
    assert_int_equal(f->state.detail.vcpus.scroll.row, 2);
    press(f, "I");
    expect_order(f, 1, 0, 2, 3);
    assert_int_equal(f->state.detail.vcpus.scroll.row, 0);
    press(f, "E");
    expect_order(f, 1, 0, 2, 3);              /* alike: by their numbers */
    assert_null(strstr(f->dump, " EXITS/s")); /* it has the mark there */
    press(f, "N>>");
    expect_order(f, 2, 0, 1, 3);
    press(f, ">>>>");
    assert_int_equal(f->state.detail.vcpus.order, VCPUS_BY_STATE);
    expect_order(f, 1, 3, 0, 2);
    press(f, "N<");
    assert_int_equal(f->state.detail.vcpus.order, VCPUS_BY_TSC);
    ui_update(&f->state, &f->model, (struct ui_key){.code = KEYCODE_MOUSE_CLICK, .y = 3, .x = 15});
    assert_int_equal(f->state.detail.vcpus.order, VCPUS_BY_CPU);
}

static void vcpus_are_searched_for_by_number_thread_and_state(void **state)
{
    struct ui_bed *f = *state;

    set_four(f);
    vm_of(f)->vcpus[2].tid = 4711;
    draw(f);
    press(f, "/halted\n");
    assert_int_equal(f->state.detail.vcpus.selected, 1);
    press(f, "n");
    assert_int_equal(f->state.detail.vcpus.selected, 3);
    press(f, "/4711\n");
    assert_int_equal(f->state.detail.vcpus.selected, 2);
    press(f, "/vcpu 0\n");
    assert_int_equal(f->state.detail.vcpus.selected, 0);
    press(f, "/nothing\n");
    assert_non_null(strstr(f->dump, "'nothing' is not in this list"));
}

static void enter_shows_the_counters_of_one_vcpu(void **state)
{
    struct ui_bed *f = *state;

    set_four(f);
    snapshot_builder_set(f->b, 0, -1, EXITS, 4000, 1400, SOURCE_STATSFD);
    snapshot_builder_set(f->b, 0, 1, EXITS, 777, 900, SOURCE_STATSFD);
    draw(f);
    press(f, "j\n");
    assert_int_equal(f->state.screen, SCREEN_COUNTERS);
    assert_non_null(strstr(f->dump, "\nvCPU 1 "));
    assert_non_null(strstr(f->dump, "\nexits "));
    assert_non_null(strstr(f->dump, " 777 "));
    assert_null(strstr(f->dump, "4,000"));
    ui_bed_press(f, KEYCODE_RIGHT);
    assert_non_null(strstr(f->dump, "\nvCPU 2 "));
    ui_update(&f->state, &f->model, (struct ui_key){.code = KEYCODE_ESCAPE});
    assert_int_equal(f->state.screen, SCREEN_VCPUS);
    press(f, "1");
    assert_non_null(strstr(f->dump, "4,000"));
    assert_non_null(strstr(f->dump, "\nCOUNTER "));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_vcpu_of_a_paused_vm_is_not_said_to_run),
        TEST(a_vcpu_that_ran_in_the_interval_is_running),
        TEST(before_the_second_sample_it_is_not_known_whether_a_vcpu_runs),
        TEST(what_most_vcpus_have_is_not_what_the_first_has),
        TEST(an_unknown_first_vcpu_hides_no_difference),
        TEST(without_a_majority_vcpus_are_compared_with_the_first_known),
        TEST(vcpus_are_sorted_and_the_selection_goes_along),
        TEST(vcpus_are_searched_for_by_number_thread_and_state),
        TEST(enter_shows_the_counters_of_one_vcpu),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
