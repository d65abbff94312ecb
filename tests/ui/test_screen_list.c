// SPDX-License-Identifier: MIT
// The list of screens and their objects: whatever stands in it is drawn, has its key and can be
// reached.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/snapshot_builder.h"
#include "ui/screens/object.h"
#include "ui/screens/screens.h"
#include "ui/state/layout.h"

struct fixture {
    struct snapshot_builder *b;
    struct ui_model model;
    struct trends trends;
    struct scan_reports scans;
    struct ui_rows rows;
    struct ui_state state;
};

static void start(struct fixture *f)
{
    ui_state_done(&f->state);
    ui_state_init(&f->state, 24, 80, 1.0);
    assert_int_equal(ui_follow(&f->state, &f->model), 0);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    f->b = snapshot_builder_new();
    snapshot_builder_three_vms(f->b);
    const struct snapshot *s = snapshot_builder_finish(f->b);
    assert_int_equal(trends_init(&f->trends), 0);
    f->model = (struct ui_model){
        .now = s, .detail = s, .trends = &f->trends, .scans = &f->scans, .rows = &f->rows};
    start(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    ui_state_done(&f->state);
    ui_rows_done(&f->rows);
    trends_done(&f->trends);
    scan_reports_done(&f->scans);
    snapshot_builder_free(f->b);
    free(f);
    return 0;
}

static void press(struct fixture *f, uint32_t key)
{
    ui_update(&f->state, &f->model, (struct ui_key){.code = key});
}

static void every_screen_has_a_title_of_its_own(void **unused)
{
    (void)unused;
    for (int a = 0; a < SCREEN_COUNT; a++) {
        assert_non_null(screen_list[a].title);
        for (int b = 0; b < a; b++)
            assert_string_not_equal(screen_list[a].title, screen_list[b].title);
    }
}

static void every_tab_and_no_other_screen_has_a_key_of_its_own(void **unused)
{
    int tabs = 0;

    (void)unused;
    for (int a = 0; a < SCREEN_COUNT; a++) {
        bool is_tab = screen_list_has((enum ui_screen)a, SCREEN_TAB);
        assert_int_equal(screen_list[a].key != 0, is_tab);
        tabs += is_tab;
        for (int b = 0; b < a; b++)
            assert_true(!is_tab || screen_list[a].key != screen_list[b].key);
    }
    assert_int_equal(tabs, TABS_COUNT);
}

/* By its key and by a click on its label, from wherever. */
static void every_tab_opens_from_every_other(void **state)
{
    struct fixture *f = *state;
    struct tab_item tabs[TABS_COUNT];

    press(f, KEYCODE_ENTER);
    layout_tabs(SCREEN_COUNTERS, 80, tabs);
    for (int from = 0; from < TABS_COUNT; from++)
        for (int to = 0; to < TABS_COUNT; to++) {
            press(f, screen_list[tabs[from].screen].key);
            assert_int_equal(f->state.screen, tabs[from].screen);
            press(f, screen_list[tabs[to].screen].key);
            assert_int_equal(f->state.screen, tabs[to].screen);
            press(f, screen_list[tabs[from].screen].key);
            ui_update(&f->state, &f->model,
                      (struct ui_key){.code = KEYCODE_MOUSE_CLICK, .y = 2, .x = tabs[to].x});
            assert_int_equal(f->state.screen, tabs[to].screen);
        }
}

static void the_tab_key_goes_through_all_tabs_and_back(void **state)
{
    struct fixture *f = *state;
    uint32_t seen = 0;

    press(f, KEYCODE_ENTER);
    const enum ui_screen first = f->state.screen;
    for (int i = 0; i < TABS_COUNT; i++) {
        seen |= SCREEN_BIT(f->state.screen);
        const enum ui_screen here = f->state.screen;
        press(f, KEYCODE_TAB);
        press(f, KEYCODE_BACK_TAB);
        assert_int_equal(f->state.screen, here);
        press(f, KEYCODE_TAB);
    }
    assert_int_equal(f->state.screen, first);
    for (int s = 0; s < SCREEN_COUNT; s++)
        assert_int_equal((seen & SCREEN_BIT(s)) != 0,
                         screen_list_has((enum ui_screen)s, SCREEN_TAB));
}

static void the_labels_of_the_tabs_stand_side_by_side(void **unused)
{
    struct tab_item tabs[TABS_COUNT];

    (void)unused;
    layout_tabs(SCREEN_COUNTERS, 80, tabs);
    for (int i = 0; i < TABS_COUNT; i++) {
        assert_int_equal(tabs[i].width, strlen(tabs[i].text));
        assert_true(tabs[i].x >= 0 && tabs[i].x + tabs[i].width <= 80);
        /* A blank between two, and the bracket of the first, which is open. */
        assert_true(i == 0 || tabs[i].x == tabs[i - 1].x + tabs[i - 1].width + 1 + (i == 1));
    }
    assert_int_equal(tabs[TABS_COUNT - 1].x + tabs[TABS_COUNT - 1].width, 80);
}

/* The open one is always whole, however narrow the terminal is. */
static void the_open_tab_is_whole_in_a_narrow_terminal(void **unused)
{
    struct tab_item tabs[TABS_COUNT];

    (void)unused;
    for (int cols = LAYOUT_COLS_MIN; cols < 80; cols++)
        for (int screen = 0; screen < SCREEN_COUNT; screen++) {
            if (!screen_list_has((enum ui_screen)screen, SCREEN_TAB))
                continue;
            layout_tabs((enum ui_screen)screen, cols, tabs);
            assert_true(tabs[0].x >= 1);
            for (int i = 0; i < TABS_COUNT; i++) {
                const bool is_open = tabs[i].screen == (enum ui_screen)screen;
                assert_true(tabs[i].x + tabs[i].width + is_open <= cols);
                if (is_open)
                    assert_non_null(strstr(tabs[i].text, screen_list[screen].title));
            }
        }
}

/* Is anything but blanks in @r? */
static bool is_drawn(const struct screen *screen, struct rect r)
{
    for (int y = r.y; y < r.y + r.rows; y++)
        for (int x = r.x; x < r.x + r.cols; x++)
            if (screen_cell(screen, y, x)->code != ' ')
                return true;
    return false;
}

static void every_screen_draws(void **state)
{
    struct fixture *f = *state;
    struct layout l = layout_make(24, 80);
    struct screen screen;

    assert_int_equal(screen_init(&screen, 24, 80, true), 0);
    for (int s = 0; s < SCREEN_COUNT; s++) {
        start(f);
        press(f, KEYCODE_ENTER);
        f->state.screen = (enum ui_screen)s;
        assert_int_equal(ui_follow(&f->state, &f->model), 0);
        assert_non_null(screens_get((enum ui_screen)s)->draw);
        screen_clear(&screen);
        screens_get((enum ui_screen)s)->draw(&f->model, &f->state, &l, &screen);
        assert_true(is_drawn(&screen, l.body));
        assert_false(is_drawn(&screen, l.header) || is_drawn(&screen, l.status));
        ui_draw(&f->model, &f->state, &screen);
        assert_true(is_drawn(&screen, l.header) && is_drawn(&screen, l.bar));
    }
    screen_done(&screen);
}

/* Keys that lead from the start to a screen; 0 ends. */
struct path {
    uint32_t keys[SCREEN_COUNT + 1];
};

static enum ui_screen walk(struct fixture *f, const struct path *path, uint32_t key)
{
    start(f);
    for (size_t i = 0; path->keys[i]; i++)
        press(f, path->keys[i]);
    press(f, key);
    return f->state.screen;
}

static void every_screen_is_reached_by_keys(void **state)
{
    struct fixture *f = *state;
    struct path paths[SCREEN_COUNT] = {{{0}}};
    enum ui_screen queue[SCREEN_COUNT] = {SCREEN_VMS};
    uint32_t seen = SCREEN_BIT(SCREEN_VMS);
    size_t count = 1;

    for (size_t q = 0; q < count; q++)
        for (size_t i = 0; i < key_count; i++) {
            const struct path *from = &paths[queue[q]];
            if (!(key_table[i].screens & SCREEN_BIT(queue[q])))
                continue;
            enum ui_screen to = walk(f, from, key_table[i].keys[0]);
            if (seen & SCREEN_BIT(to))
                continue;
            seen |= SCREEN_BIT(to);
            paths[to] = *from;
            size_t end = 0;
            while (paths[to].keys[end])
                end++;
            paths[to].keys[end] = key_table[i].keys[0];
            queue[count++] = to;
        }
    assert_int_equal(seen, SCREENS_ALL);
}

/* What the keys offer, the object has. */
static void a_screen_with_the_filter_key_has_a_filter_and_rows_to_search(void **unused)
{
    (void)unused;
    for (int s = 0; s < SCREEN_COUNT; s++) {
        const struct screen_object *object = screens_get((enum ui_screen)s);
        assert_int_equal(object->filter != NULL,
                         keys_find((enum ui_screen)s, KEYCODE_F(4)) == COMMAND_FILTER);
        assert_int_equal(object->search != NULL,
                         keys_find((enum ui_screen)s, KEYCODE_F(3)) == COMMAND_SEARCH);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_screen_has_a_title_of_its_own),
        cmocka_unit_test(every_tab_and_no_other_screen_has_a_key_of_its_own),
        TEST(every_tab_opens_from_every_other),
        TEST(the_tab_key_goes_through_all_tabs_and_back),
        cmocka_unit_test(the_labels_of_the_tabs_stand_side_by_side),
        cmocka_unit_test(the_open_tab_is_whole_in_a_narrow_terminal),
        TEST(every_screen_draws),
        TEST(every_screen_is_reached_by_keys),
        cmocka_unit_test(a_screen_with_the_filter_key_has_a_filter_and_rows_to_search),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
