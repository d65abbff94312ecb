// SPDX-License-Identifier: MIT
// Keys and clicks on the screens of exits, and when exits are counted at all.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/exits_builder.h"
#include "tests/lib/snapshot_builder.h"
#include "ui/screens/screens.h"
#include "ui/state/exits_layout.h"
#include "ui/state/layout.h"
#include "ui/state/state.h"

struct fixture {
    struct snapshot_builder *b;
    const struct snapshot *s;
    struct trends trends;
    struct ui_rows rows;
    struct ui_model model;
    struct ui_state state;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_int_equal(trends_init(&f->trends), 0);
    f->b = snapshot_builder_new();
    exits_builder_busy(f->b);
    f->s = snapshot_builder_finish(f->b);
    f->model =
        (struct ui_model){.now = f->s, .detail = f->s, .trends = &f->trends, .rows = &f->rows};
    ui_state_init(&f->state, 24, 80, 1.0);
    assert_int_equal(ui_follow(&f->state, &f->model), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    ui_state_done(&f->state);
    ui_rows_done(&f->rows);
    trends_done(&f->trends);
    snapshot_builder_free(f->b);
    free(f);
    return 0;
}

static void press(struct fixture *f, uint32_t key)
{
    ui_update(&f->state, &f->model, (struct ui_key){.code = key});
}

/* kvm_stat's key for what is behind its counters. */
static void x_leads_from_counters_to_exits_and_back(void **state)
{
    struct fixture *f = *state;

    press(f, 'b');
    press(f, 'x');
    assert_int_equal(f->state.screen, SCREEN_HOST_EXITS);
    press(f, 'x');
    assert_int_equal(f->state.screen, SCREEN_HOST);
    press(f, KEYCODE_ESCAPE);
    press(f, KEYCODE_ENTER);
    press(f, 'x');
    assert_int_equal(f->state.screen, SCREEN_EXITS);
    press(f, 'x');
    assert_int_equal(f->state.screen, SCREEN_COUNTERS);
}

static void escape_closes_the_reason_then_the_tab(void **state)
{
    struct fixture *f = *state;

    press(f, KEYCODE_ENTER);
    press(f, '5');
    assert_int_equal(f->state.screen, SCREEN_EXITS);
    press(f, KEYCODE_DOWN);
    press(f, KEYCODE_ENTER);
    assert_true(f->state.detail.exits.is_open);
    assert_int_equal(f->state.detail.exits.open.value, 32);
    press(f, KEYCODE_DOWN); /* scrolls it */
    assert_int_equal(f->state.detail.exits.page.top, 1);
    press(f, 'G');
    assert_int_equal(f->state.detail.exits.page.top + counters_page(&f->state) + 3,
                     f->rows.exits_page.count);
    press(f, '?');
    press(f, KEYCODE_ESCAPE);
    assert_true(f->state.detail.exits.is_open);
    press(f, KEYCODE_ESCAPE);
    assert_false(f->state.detail.exits.is_open);
    assert_int_equal(f->state.screen, SCREEN_EXITS);
    assert_int_equal(f->state.detail.exits.scroll.row, 1);
    press(f, KEYCODE_ESCAPE);
    assert_int_equal(f->state.screen, SCREEN_VMS);
}

static void the_exits_of_all_vms_lead_back_to_the_host_counters(void **state)
{
    static const uint32_t ways[][2] = {
        {'e', KEYCODE_ESCAPE}, {'e', 'e'}, {KEYCODE_TAB, KEYCODE_TAB}, {'e', 'b'}};
    struct fixture *f = *state;

    press(f, 'b');
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        press(f, ways[i][0]);
        assert_int_equal(f->state.screen, SCREEN_HOST_EXITS);
        press(f, ways[i][1]);
        assert_int_equal(f->state.screen, SCREEN_HOST);
    }
    press(f, 'e');
    press(f, KEYCODE_ENTER);
    assert_true(f->state.host_exits.is_open);
    press(f, KEYCODE_ESCAPE);
    assert_int_equal(f->state.screen, SCREEN_HOST_EXITS);
    press(f, KEYCODE_ESCAPE);
    press(f, KEYCODE_ESCAPE);
    assert_int_equal(f->state.screen, SCREEN_VMS);
}

static void left_and_right_go_through_the_vcpus(void **state)
{
    struct fixture *f = *state;

    press(f, KEYCODE_ENTER);
    press(f, '5');
    for (int i = 1; i <= 9; i++) {
        press(f, KEYCODE_RIGHT);
        assert_int_equal(f->state.detail.exits.vcpu, i % 9);
    }
    press(f, KEYCODE_LEFT);
    assert_int_equal(f->state.detail.exits.vcpu, 8);
    press(f, KEYCODE_ESCAPE);
    press(f, 'N');
    press(f, KEYCODE_HOME);
    press(f, KEYCODE_ENTER); /* another VM */
    assert_int_equal(f->state.detail.exits.vcpu, 0);
}

static void click(struct fixture *f, int y, int x)
{
    ui_update(&f->state, &f->model, (struct ui_key){.code = KEYCODE_MOUSE_CLICK, .y = y, .x = x});
}

static void a_click_selects_a_second_one_opens_and_titles_sort(void **state)
{
    struct fixture *f = *state;
    struct exits_chosen *c = &f->state.detail.exits;
    struct exits_plan plan;

    press(f, KEYCODE_ENTER);
    press(f, '5');
    const struct exits_layout l = exits_layout(layout_make(24, 80).body, 0);
    exits_plan_columns(80, &plan);
    click(f, l.titles.y, plan.x[EXITS_RATE] + 2);
    assert_int_equal(c->order, EXITS_BY_COUNT);
    click(f, l.titles.y, plan.x[EXITS_RATE] + 2);
    assert_true(c->inverted);
    click(f, l.titles.y, plan.x[EXITS_TIME] + 2);
    assert_int_equal(c->order, EXITS_BY_TIME);
    assert_false(c->inverted);
    click(f, l.table.y + 8, 3); /* the heading of what waits */
    assert_false(c->has_selected);
    click(f, l.table.y + 9, 3);
    assert_int_equal(c->selected.value, 12);
    assert_false(c->is_open);
    click(f, l.table.y + 9, 3);
    assert_true(c->is_open);
    assert_int_equal(c->open.section, EXITS_WAITING);
}

/* --- when exits are counted ------------------------------------------------------------------- */

static bool wishes(struct fixture *f, pid_t pid)
{
    pid_t of;
    const bool result = ui_exits_wish(&f->state, &of);

    assert_true(!result || of == pid);
    return result;
}

static void exits_are_counted_while_somebody_looks(void **state)
{
    struct fixture *f = *state;

    assert_false(wishes(f, 0));
    press(f, KEYCODE_ENTER);
    assert_false(wishes(f, 0));
    press(f, '5');
    assert_true(wishes(f, 5201));
    press(f, '?');
    assert_true(wishes(f, 5201)); /* they are below the help */
    press(f, KEYCODE_ESCAPE);
    press(f, 'Z');
    assert_false(wishes(f, 0));
    press(f, 'Z');
    assert_true(wishes(f, 5201));
    press(f, '1');
    assert_false(wishes(f, 0));
    press(f, '?');
    assert_false(wishes(f, 0));
    press(f, KEYCODE_ESCAPE);
    press(f, KEYCODE_ESCAPE);
    press(f, 'b');
    assert_false(wishes(f, 0));
    press(f, 'e');
    assert_true(wishes(f, 0));
    press(f, KEYCODE_ESCAPE);
    assert_false(wishes(f, 0));
}

static void of_a_vm_that_ended_nothing_is_counted(void **state)
{
    struct fixture *f = *state;
    struct snapshot_builder *none = snapshot_builder_new();

    press(f, KEYCODE_ENTER);
    press(f, '5');
    f->model.now = snapshot_builder_finish(none);
    assert_int_equal(ui_follow(&f->state, &f->model), 0);
    assert_false(wishes(f, 0));
    assert_true(f->rows.exits.rows > 0); /* its last numbers stay */
    f->model.now = f->s;
    assert_int_equal(ui_follow(&f->state, &f->model), 0);
    assert_true(wishes(f, 5201));
    snapshot_builder_free(none);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(x_leads_from_counters_to_exits_and_back),
        TEST(escape_closes_the_reason_then_the_tab),
        TEST(the_exits_of_all_vms_lead_back_to_the_host_counters),
        TEST(left_and_right_go_through_the_vcpus),
        TEST(a_click_selects_a_second_one_opens_and_titles_sort),
        TEST(exits_are_counted_while_somebody_looks),
        TEST(of_a_vm_that_ended_nothing_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
