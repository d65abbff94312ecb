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

#include "tests/lib/screen_dump.h"
#include "tests/lib/snapshot_builder.h"
#include "ui/screens/screens.h"

#define VCPUS 4

enum { EXITS, BLOCKING };

struct fixture {
    struct snapshot_builder *b;
    struct snapshot_vm *vm;
    struct trends trends;
    struct ui_rows rows;
    struct ui_state state;
    struct screen screen;
    char *dump;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    f->b = snapshot_builder_new();
    snapshot_builder_field(f->b, "exits", FIELD_VCPU, FIELD_CUMULATIVE, FIELD_NONE, 1);
    snapshot_builder_field(f->b, "blocking", FIELD_VCPU, FIELD_INSTANT, FIELD_BOOLEAN, 1);
    snapshot_builder_vm(f->b, 700, 9, "web", "qemu", VCPUS);
    f->vm = snapshot_builder_get(f->b, 0);
    for (int i = 0; i < VCPUS; i++)
        f->vm->vcpus[i].gauges[VCPU_TSC_OFFSET] = reading_ok(5000, SOURCE_DEBUGFS);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    free(f->dump);
    screen_done(&f->screen);
    ui_state_done(&f->state);
    ui_rows_done(&f->rows);
    trends_done(&f->trends);
    snapshot_builder_free(f->b);
    free(f);
    return 0;
}

static void set_vcpu(struct fixture *f, int vcpu, uint64_t blocking, double exits_per_s,
                     double cpu_ratio)
{
    snapshot_builder_set(f->b, 0, vcpu, EXITS, 1000, exits_per_s, SOURCE_STATSFD);
    snapshot_builder_set(f->b, 0, vcpu, BLOCKING, blocking, 0, SOURCE_STATSFD);
    f->vm->vcpus[vcpu].cpu_ratio = (struct figure){.value = cpu_ratio, .state = READING_OK};
}

static void draw(struct fixture *f)
{
    const struct snapshot *s = snapshot_builder_finish(f->b);
    struct ui_model model = {.now = s, .detail = s, .trends = &f->trends, .rows = &f->rows};

    assert_int_equal(trends_init(&f->trends), 0);
    ui_state_init(&f->state, 24, 80, 1.0);
    assert_int_equal(ui_follow(&f->state, &model), 0);
    ui_update(&f->state, &model, (struct ui_key){.code = KEYCODE_ENTER});
    ui_update(&f->state, &model, (struct ui_key){.code = '2'});
    assert_int_equal(screen_init(&f->screen, 24, 80, true), 0);
    ui_draw(&model, &f->state, &f->screen);
    f->dump = screen_dump(&f->screen);
}

/* The row of a vCPU; its text up to the next row's. */
static const char *row_of(const struct fixture *f, int vcpu)
{
    static char row[200];
    char begin[20];

    snprintf(begin, sizeof(begin), "\n%4d ", vcpu);
    const char *at = strstr(f->dump, begin);
    assert_non_null(at);
    snprintf(row, sizeof(row), "%.*s", (int)strcspn(at + 1, "\n"), at + 1);
    return row;
}

/* QMP "stop", and "-S": the thread waits outside KVM_RUN, and so blocks nowhere in KVM. */
static void a_vcpu_of_a_paused_vm_is_not_said_to_run(void **state)
{
    struct fixture *f = *state;

    set_vcpu(f, 0, 0, 0, 0);       /* paused */
    set_vcpu(f, 1, 0, 0, 0.00002); /* paused, and asked for something by its VMM */
    draw(f);
    assert_null(strstr(f->dump, "running"));
    assert_non_null(strstr(row_of(f, 0), " not halted "));
    assert_non_null(strstr(row_of(f, 1), " not halted "));
}

static void a_vcpu_that_ran_in_the_interval_is_running(void **state)
{
    struct fixture *f = *state;

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
    struct fixture *f = *state;

    set_vcpu(f, 0, 0, 0, 0);
    snapshot_builder_warmup(f->b, 0, 0, EXITS, 1000);
    f->vm->vcpus[0].cpu_ratio = (struct figure){.value = 1, .state = READING_WARMUP};
    draw(f);
    assert_non_null(strstr(row_of(f, 0), " not halted "));
}

static void what_most_vcpus_have_is_not_what_the_first_has(void **state)
{
    struct fixture *f = *state;

    f->vm->vcpus[0].gauges[VCPU_TSC_OFFSET] = reading_ok(7, SOURCE_DEBUGFS);
    draw(f);
    assert_non_null(strstr(row_of(f, 0), "! 7"));
    assert_null(strstr(row_of(f, 1), "! "));
    assert_non_null(strstr(f->dump, "1 of 4 vCPUs has a different tsc-offset from vCPU 1"));
}

/* Nothing is known of the first: the others can differ from each other all the same. */
static void an_unknown_first_vcpu_hides_no_difference(void **state)
{
    struct fixture *f = *state;

    f->vm->vcpus[0].gauges[VCPU_TSC_OFFSET] = reading_missing(READING_DENIED, CAUSE_NO_PERMISSION);
    f->vm->vcpus[3].gauges[VCPU_TSC_OFFSET] = reading_ok(7, SOURCE_DEBUGFS);
    draw(f);
    assert_non_null(strstr(row_of(f, 3), "! 7"));
    assert_non_null(strstr(f->dump, "1 of 4 vCPUs has a different tsc-offset from vCPU 1"));
}

/* Two against two: none is what most have, and the first known one is compared with. */
static void without_a_majority_vcpus_are_compared_with_the_first_known(void **state)
{
    struct fixture *f = *state;

    f->vm->vcpus[2].gauges[VCPU_TSC_OFFSET] = reading_ok(7, SOURCE_DEBUGFS);
    f->vm->vcpus[3].gauges[VCPU_TSC_OFFSET] = reading_ok(7, SOURCE_DEBUGFS);
    draw(f);
    assert_non_null(strstr(f->dump, "2 of 4 vCPUs have a different tsc-offset from vCPU 0"));
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
