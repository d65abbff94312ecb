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
#include "ui/grid/keys.h"
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

    snprintf(begin, sizeof(begin), "\n%5d ", vcpu);
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

/* --- order, search, counters of one --- */

struct session {
    const struct snapshot *s;
    struct ui_model model;
};

/* The tab is open, and stays so: keys may be pressed. */
static struct session open_tab(struct fixture *f)
{
    struct session now = {.s = snapshot_builder_finish(f->b)};

    now.model =
        (struct ui_model){.now = now.s, .detail = now.s, .trends = &f->trends, .rows = &f->rows};
    assert_int_equal(trends_init(&f->trends), 0);
    ui_state_init(&f->state, 24, 80, 1.0);
    assert_int_equal(ui_follow(&f->state, &now.model), 0);
    assert_int_equal(screen_init(&f->screen, 24, 80, true), 0);
    ui_update(&f->state, &now.model, (struct ui_key){.code = KEYCODE_ENTER});
    ui_update(&f->state, &now.model, (struct ui_key){.code = '2'});
    return now;
}

static void press(struct fixture *f, const struct session *now, const char *keys)
{
    for (const char *k = keys; *k != '\0'; k++)
        ui_update(&f->state, &now->model,
                  (struct ui_key){.code = *k == '\n' ? KEYCODE_ENTER : (uint32_t)*k});
    free(f->dump);
    ui_draw(&now->model, &f->state, &f->screen);
    f->dump = screen_dump(&f->screen);
}

static void expect_order(const struct fixture *f, int a, int b, int c, int d)
{
    const int want[VCPUS] = {a, b, c, d};

    assert_int_equal(f->rows.vcpus.count, VCPUS);
    for (size_t i = 0; i < VCPUS; i++)
        assert_int_equal(f->rows.vcpus.rows[i], want[i]);
}

static void set_four(struct fixture *f)
{
    set_vcpu(f, 0, 0, 250, 0.3);
    set_vcpu(f, 1, 1, 900, 0.1);
    set_vcpu(f, 2, 0, 250, 0.9);
    set_vcpu(f, 3, 1, 0, 0);
    f->vm->vcpus[3].cpu_ratio = (struct figure){.state = READING_DENIED};
}

static void vcpus_are_sorted_and_the_selection_goes_along(void **state)
{
    struct fixture *f = *state;

    set_four(f);
    struct session now = open_tab(f);
    expect_order(f, 0, 1, 2, 3);
    press(f, &now, "j"); /* vCPU 1 */
    press(f, &now, "P");
    expect_order(f, 2, 0, 1, 3); /* what is not known comes last */
    assert_int_equal(f->state.detail.vcpus.scroll.row, 2);
    press(f, &now, "I");
    expect_order(f, 1, 0, 2, 3);
    assert_int_equal(f->state.detail.vcpus.scroll.row, 0);
    press(f, &now, "E");
    expect_order(f, 1, 0, 2, 3);              /* alike: by their numbers */
    assert_null(strstr(f->dump, " EXITS/s")); /* it has the mark there */
    press(f, &now, "N>>");
    expect_order(f, 2, 0, 1, 3);
    press(f, &now, ">>>>");
    assert_int_equal(f->state.detail.vcpus.order, VCPUS_BY_STATE);
    expect_order(f, 1, 3, 0, 2);
    press(f, &now, "N<");
    assert_int_equal(f->state.detail.vcpus.order, VCPUS_BY_TSC);
    ui_update(&f->state, &now.model, (struct ui_key){.code = KEYCODE_MOUSE_CLICK, .y = 3, .x = 15});
    assert_int_equal(f->state.detail.vcpus.order, VCPUS_BY_CPU);
}

static void vcpus_are_searched_for_by_number_thread_and_state(void **state)
{
    struct fixture *f = *state;

    set_four(f);
    f->vm->vcpus[2].tid = 4711;
    struct session now = open_tab(f);
    press(f, &now, "/halted\n");
    assert_int_equal(f->state.detail.vcpus.selected, 1);
    press(f, &now, "n");
    assert_int_equal(f->state.detail.vcpus.selected, 3);
    press(f, &now, "/4711\n");
    assert_int_equal(f->state.detail.vcpus.selected, 2);
    press(f, &now, "/vcpu 0\n");
    assert_int_equal(f->state.detail.vcpus.selected, 0);
    press(f, &now, "/nothing\n");
    assert_non_null(strstr(f->dump, "'nothing' is not in this list"));
}

static void enter_shows_the_counters_of_one_vcpu(void **state)
{
    struct fixture *f = *state;

    set_four(f);
    snapshot_builder_set(f->b, 0, -1, EXITS, 4000, 1400, SOURCE_STATSFD);
    snapshot_builder_set(f->b, 0, 1, EXITS, 777, 900, SOURCE_STATSFD);
    struct session now = open_tab(f);
    press(f, &now, "j\n");
    assert_int_equal(f->state.screen, SCREEN_COUNTERS);
    assert_non_null(strstr(f->dump, "\nvCPU 1 "));
    assert_non_null(strstr(f->dump, "\nexits "));
    assert_non_null(strstr(f->dump, " 777 "));
    assert_null(strstr(f->dump, "4,000"));
    ui_update(&f->state, &now.model, (struct ui_key){.code = KEYCODE_RIGHT});
    press(f, &now, "");
    assert_non_null(strstr(f->dump, "\nvCPU 2 "));
    ui_update(&f->state, &now.model, (struct ui_key){.code = KEYCODE_ESCAPE});
    assert_int_equal(f->state.screen, SCREEN_VCPUS);
    press(f, &now, "1");
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
