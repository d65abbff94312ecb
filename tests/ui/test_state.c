// SPDX-License-Identifier: MIT
// Keys, selection, sorting: what ui_update does.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/snapshot_builder.h"
#include "ui/state.h"

struct fixture {
    struct snapshot_builder *b;
    const struct snapshot *s;
    struct ui_state state;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    f->b = snapshot_builder_new();
    snapshot_builder_three_vms(f->b);
    f->s = snapshot_builder_finish(f->b);
    ui_state_init(&f->state, 24, 80, 1.0);
    assert_int_equal(ui_follow(&f->state, f->s), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    ui_state_done(&f->state);
    snapshot_builder_free(f->b);
    free(f);
    return 0;
}

static enum ui_action press(struct fixture *f, uint32_t key)
{
    return ui_update(&f->state, f->s, (struct ui_key){.code = key});
}

static const char *selected(struct fixture *f)
{
    return vms_selected(&f->state, f->s)->name;
}

static void the_selection_stays_on_its_vm_when_the_order_changes(void **state)
{
    struct fixture *f = *state;

    press(f, 'N'); /* by pid: vm16, db-primary, fc-1 */
    press(f, KEYCODE_DOWN);
    assert_string_equal(selected(f), "db-primary");
    press(f, 'I');
    assert_string_equal(selected(f), "db-primary");
    press(f, 'P'); /* by CPU: db-primary first */
    assert_int_equal(f->state.vms.selected_row, 0);
    assert_string_equal(selected(f), "db-primary");
}

static void before_a_choice_the_first_row_is_selected_whichever_it_is(void **state)
{
    struct fixture *f = *state;

    assert_string_equal(selected(f), "db-primary"); /* the busiest */
    press(f, 'N');
    assert_string_equal(selected(f), "vm16");
    press(f, KEYCODE_DOWN);
    press(f, KEYCODE_HOME);
    press(f, 'P');
    assert_string_equal(selected(f), "db-primary");
}

static void when_the_selected_vm_ends_its_neighbour_is_selected(void **state)
{
    struct fixture *f = *state;
    struct snapshot_builder *b = snapshot_builder_new();

    press(f, 'N');
    press(f, KEYCODE_DOWN);
    snapshot_builder_fields_x86(b);
    snapshot_builder_vm(b, 5164, 9, "vm16", "qemu", 2);
    snapshot_builder_vm(b, 6003, 21, "fc-1", "firecracker", 1);
    const struct snapshot *later = snapshot_builder_finish(b);
    assert_int_equal(ui_follow(&f->state, later), 0);
    assert_string_equal(vms_selected(&f->state, later)->name, "fc-1");
    snapshot_builder_free(b);
    assert_int_equal(ui_follow(&f->state, f->s), 0);
}

static void no_vm_at_all_is_no_selection_and_no_key_hurts(void **state)
{
    struct fixture *f = *state;
    struct snapshot_builder *b = snapshot_builder_new();
    const struct snapshot *empty = snapshot_builder_finish(b);

    for (size_t i = 0; i < key_count; i++)
        for (size_t k = 0; k < KEYS_PER_BINDING && key_table[i].keys[k]; k++) {
            ui_update(&f->state, empty, (struct ui_key){.code = key_table[i].keys[k]});
            assert_null(vms_selected(&f->state, empty));
        }
    snapshot_builder_free(b);
}

static void missing_numbers_sort_last_in_both_directions(void **state)
{
    struct fixture *f = *state;

    press(f, 'E');
    press(f, KEYCODE_END);
    assert_string_equal(selected(f), "fc-1"); /* its exits are denied */
    press(f, 'I');
    press(f, KEYCODE_END);
    assert_string_equal(selected(f), "fc-1");
}

static void vcpu_rows_open_for_all_or_for_one(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(f->state.vms.row_count, 3);
    press(f, KEYCODE_F(5));
    assert_int_equal(f->state.vms.row_count, 3 + 2 + 8 + 1);
    press(f, '-'); /* db-primary is selected */
    assert_int_equal(f->state.vms.row_count, 3 + 2 + 1);
    press(f, 't');
    assert_int_equal(f->state.vms.row_count, 3);
    press(f, '+');
    assert_int_equal(f->state.vms.row_count, 3 + 8);
    press(f, '+');
    assert_int_equal(f->state.vms.row_count, 3 + 8);
}

static void a_selected_vcpu_falls_back_to_its_vm_when_closed(void **state)
{
    struct fixture *f = *state;

    press(f, '+');
    press(f, KEYCODE_DOWN);
    assert_int_equal(f->state.vms.selected_vcpu, 0);
    press(f, '-');
    assert_int_equal(f->state.vms.selected_vcpu, -1);
    assert_string_equal(selected(f), "db-primary");
}

static void the_delay_prompt_takes_seconds_within_bounds(void **state)
{
    static const struct {
        const char *typed;
        double delay;
        enum ui_action action;
    } cases[] = {
        {"2.5", 2.5, UI_NEW_DELAY},  {"0.1", 0.1, UI_NEW_DELAY}, {"3600", 3600, UI_NEW_DELAY},
        {"0.05", 1, UI_NOTHING},     {"4000", 1, UI_NOTHING},    {"nan", 1, UI_NOTHING},
        {"1e9", 1, UI_NOTHING},      {"", 1, UI_NOTHING},        {"1x", 1, UI_NOTHING},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        f->state.delay_s = 1;
        press(f, 'd');
        for (const char *p = cases[i].typed; *p; p++)
            press(f, (uint32_t)*p);
        assert_int_equal(press(f, KEYCODE_ENTER), cases[i].action);
        assert_true(f->state.delay_s == cases[i].delay);
        assert_int_equal(f->state.prompt.kind, PROMPT_NONE);
    }
}

static void a_prompt_keeps_its_keys_to_itself(void **state)
{
    struct fixture *f = *state;

    press(f, 's');
    assert_int_equal(press(f, 'q'), UI_NOTHING);
    for (int i = 0; i < 300; i++)
        press(f, 0x4E2D);
    press(f, KEYCODE_BACKSPACE);
    assert_true(f->state.prompt.len < sizeof(f->state.prompt.text));
    assert_int_equal(strlen(f->state.prompt.text), f->state.prompt.len);
    press(f, KEYCODE_ESCAPE);
    assert_int_equal(f->state.prompt.kind, PROMPT_NONE);
    assert_int_equal(press(f, 'q'), UI_QUIT);
}

static void escape_closes_and_never_quits(void **state)
{
    struct fixture *f = *state;

    press(f, KEYCODE_F(1));
    assert_int_equal(f->state.screen, SCREEN_HELP);
    for (int i = 0; i < 3; i++)
        assert_int_equal(press(f, KEYCODE_ESCAPE), UI_NOTHING);
    assert_int_equal(f->state.screen, SCREEN_VMS);
}

static void the_view_scrolls_with_the_selection(void **state)
{
    struct fixture *f = *state;
    struct snapshot_builder *b = snapshot_builder_new();

    snapshot_builder_many_vms(b, 100, 1);
    const struct snapshot *many = snapshot_builder_finish(b);
    ui_follow(&f->state, many);
    size_t page = vms_page(&f->state);
    for (size_t i = 0; i < page; i++)
        ui_update(&f->state, many, (struct ui_key){.code = 'j'});
    assert_int_equal(f->state.vms.top, 1);
    ui_update(&f->state, many, (struct ui_key){.code = KEYCODE_END});
    assert_int_equal(f->state.vms.top, 100 - page);
    ui_resize(&f->state, 60, 80);
    ui_follow(&f->state, many);
    assert_int_equal(f->state.vms.top, 100 - vms_page(&f->state));
    ui_update(&f->state, many, (struct ui_key){.code = 'g'});
    assert_int_equal(f->state.vms.top, 0);
    snapshot_builder_free(b);
    ui_follow(&f->state, f->s);
}

static void no_key_means_two_things_on_one_screen(void **unused)
{
    (void)unused;
    for (size_t a = 0; a < key_count; a++)
        for (size_t k = 0; k < KEYS_PER_BINDING && key_table[a].keys[k]; k++)
            for (size_t b = 0; b < a; b++)
                for (size_t l = 0; l < KEYS_PER_BINDING && key_table[b].keys[l]; l++)
                    if (key_table[a].keys[k] == key_table[b].keys[l])
                        assert_int_equal(key_table[a].screens & key_table[b].screens, 0);
}

static void every_function_key_has_a_twin(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < key_count; i++)
        if (key_table[i].keys[0] > KEYCODE_F0)
            assert_int_not_equal(key_table[i].keys[1], 0);
}

static void the_dump_has_one_line_per_binding(void **unused)
{
    char *dump = keys_dump();
    size_t lines = 0;

    (void)unused;
    assert_non_null(dump);
    for (const char *p = dump; *p; p++)
        lines += *p == '\n';
    assert_int_equal(lines, key_count);
    assert_non_null(strstr(dump, "\tF10, q, Q\tquit\n"));
    free(dump);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_selection_stays_on_its_vm_when_the_order_changes),
        TEST(before_a_choice_the_first_row_is_selected_whichever_it_is),
        TEST(when_the_selected_vm_ends_its_neighbour_is_selected),
        TEST(no_vm_at_all_is_no_selection_and_no_key_hurts),
        TEST(missing_numbers_sort_last_in_both_directions),
        TEST(vcpu_rows_open_for_all_or_for_one),
        TEST(a_selected_vcpu_falls_back_to_its_vm_when_closed),
        TEST(the_delay_prompt_takes_seconds_within_bounds),
        TEST(a_prompt_keeps_its_keys_to_itself),
        TEST(escape_closes_and_never_quits),
        TEST(the_view_scrolls_with_the_selection),
        cmocka_unit_test(no_key_means_two_things_on_one_screen),
        cmocka_unit_test(every_function_key_has_a_twin),
        cmocka_unit_test(the_dump_has_one_line_per_binding),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
