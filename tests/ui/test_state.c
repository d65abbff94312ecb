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
#include "ui/screens/screens.h"
#include "ui/state/layout.h"
#include "ui/state/state.h"

struct fixture {
    struct snapshot_builder *b;
    const struct snapshot *s;
    struct ui_model model;
    struct trends trends;
    struct ui_rows rows;
    struct ui_state state;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    f->b = snapshot_builder_new();
    snapshot_builder_three_vms(f->b);
    f->s = snapshot_builder_finish(f->b);
    assert_int_equal(trends_init(&f->trends), 0);
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

static enum ui_action press(struct fixture *f, uint32_t key)
{
    return ui_update(&f->state, &f->model, (struct ui_key){.code = key});
}

static const char *selected(struct fixture *f)
{
    return vms_selected(&f->state, &f->model)->name;
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
    assert_int_equal(f->state.vms.scroll.row, 0);
    assert_string_equal(selected(f), "db-primary");
}

static void a_sort_key_pressed_again_keeps_the_order(void **state)
{
    static const uint32_t keys[] = {'P', 'M', 'E', 'N'};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        press(f, keys[i]);
        press(f, keys[i]);
        assert_false(f->state.vms.sort_inverted);
        press(f, 'I');
        press(f, keys[i]);
        assert_false(f->state.vms.sort_inverted);
    }
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
    const struct ui_model later = {
        .now = snapshot_builder_finish(b), .trends = &f->trends, .rows = &f->rows};
    assert_int_equal(ui_follow(&f->state, &later), 0);
    assert_string_equal(vms_selected(&f->state, &later)->name, "fc-1");
    snapshot_builder_free(b);
}

static void no_vm_at_all_is_no_selection_and_no_key_hurts(void **state)
{
    struct fixture *f = *state;
    struct snapshot_builder *b = snapshot_builder_new();
    const struct ui_model empty = {
        .now = snapshot_builder_finish(b), .trends = &f->trends, .rows = &f->rows};

    for (size_t i = 0; i < key_count; i++)
        for (size_t k = 0; k < KEYS_PER_BINDING && key_table[i].keys[k]; k++) {
            ui_update(&f->state, &empty, (struct ui_key){.code = key_table[i].keys[k]});
            assert_null(vms_selected(&f->state, &empty));
        }
    snapshot_builder_free(b);
}

/* As it was found out for the snapshot that is shown. */
static void set_obstacle(struct fixture *f, enum bpf_obstacle obstacle)
{
    ((struct snapshot *)f->model.now)->bpf.obstacle = (uint8_t)obstacle;
}

/* A asks, y does it, and A again takes it back at once. */
static void bpf_is_loaded_by_who_says_yes(void **state)
{
    struct fixture *f = *state;

    set_obstacle(f, BPF_POSSIBLE);
    assert_int_equal(press(f, 'A'), UI_NOTHING);
    assert_int_equal(f->state.prompt.kind, PROMPT_BPF);
    assert_int_equal(press(f, 'A'), UI_NOTHING); /* no answer but y: it is left */
    assert_int_equal(f->state.prompt.kind, PROMPT_NONE);
    assert_false(f->state.bpf);
    press(f, 'A');
    struct ui_key pasted = {.code = 'y', .pasted = true};
    assert_int_equal(ui_update(&f->state, &f->model, pasted), UI_NOTHING);
    assert_int_equal(f->state.prompt.kind, PROMPT_BPF);
    assert_int_equal(press(f, 'y'), UI_NEW_BPF);
    assert_true(f->state.bpf);
    assert_int_equal(f->state.prompt.kind, PROMPT_NONE);
    assert_int_equal(press(f, 'A'), UI_NEW_BPF);
    assert_false(f->state.bpf);
    press(f, 'A');
    assert_int_equal(press(f, KEYCODE_ENTER), UI_NEW_BPF);
    assert_true(f->state.bpf);
}

static void where_bpf_cannot_be_had_its_key_says_why(void **state)
{
    struct fixture *f = *state;
    struct ui_model blind = f->model;

    for (int i = BPF_POSSIBLE + 1; i < BPF_OBSTACLE_COUNT; i++) {
        set_obstacle(f, (enum bpf_obstacle)i);
        assert_int_equal(press(f, 'A'), UI_NOTHING);
        assert_int_equal(f->state.prompt.kind, PROMPT_NONE);
        assert_non_null(strstr(f->state.message, bpf_obstacle_text((enum bpf_obstacle)i)));
    }
    assert_false(f->state.bpf);
    blind.now = blind.detail = NULL;
    ui_update(&f->state, &blind, (struct ui_key){.code = 'A'});
    assert_int_equal(f->state.prompt.kind, PROMPT_NONE);
    assert_string_not_equal(f->state.message, "");
    /* What failed in spite of it can still be taken back. */
    f->state.bpf = true;
    assert_int_equal(press(f, 'A'), UI_NEW_BPF);
    assert_false(f->state.bpf);
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

    assert_int_equal(f->rows.vms.count, 3);
    press(f, KEYCODE_F(5));
    assert_int_equal(f->rows.vms.count, 3 + 2 + 8 + 1);
    press(f, '-'); /* db-primary is selected */
    assert_int_equal(f->rows.vms.count, 3 + 2 + 1);
    press(f, 't');
    assert_int_equal(f->rows.vms.count, 3);
    press(f, '+');
    assert_int_equal(f->rows.vms.count, 3 + 8);
    press(f, '+');
    assert_int_equal(f->rows.vms.count, 3 + 8);
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
        if (cases[i].action == UI_NOTHING) { /* what was typed is still there */
            assert_string_equal(f->state.prompt.text, cases[i].typed);
            assert_non_null(strstr(f->state.prompt.refused, "0.1 to 3600"));
            press(f, KEYCODE_ESCAPE);
        }
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
    const struct ui_model many = {
        .now = snapshot_builder_finish(b), .trends = &f->trends, .rows = &f->rows};
    ui_follow(&f->state, &many);
    size_t page = vms_page(&f->state);
    for (size_t i = 0; i < page; i++)
        ui_update(&f->state, &many, (struct ui_key){.code = 'j'});
    assert_int_equal(f->state.vms.scroll.top, 1);
    ui_update(&f->state, &many, (struct ui_key){.code = KEYCODE_END});
    assert_int_equal(f->state.vms.scroll.top, 100 - page);
    ui_resize(&f->state, 60, 80);
    ui_follow(&f->state, &many);
    assert_int_equal(f->state.vms.scroll.top, 100 - vms_page(&f->state));
    ui_update(&f->state, &many, (struct ui_key){.code = 'g'});
    assert_int_equal(f->state.vms.scroll.top, 0);
    snapshot_builder_free(b);
}

static void type(struct fixture *f, const char *text)
{
    for (; *text; text++)
        press(f, (uint32_t)*text);
}

static void a_filter_shows_only_what_matches_and_c_clears_it(void **state)
{
    struct fixture *f = *state;

    press(f, KEYCODE_F(4));
    type(f, "^vm|fire");
    press(f, KEYCODE_ENTER);
    assert_int_equal(f->rows.vms.vm_count, 2); /* by name and by VMM */
    press(f, 'c');
    assert_int_equal(f->rows.vms.vm_count, 3);
}

/* What a filter matches is seen while it is typed, and Esc leaves all as it was. */
static void a_filter_shows_what_matches_while_it_is_typed(void **state)
{
    struct fixture *f = *state;

    press(f, KEYCODE_END);
    const struct vm_id selected = f->state.vms.selected;
    press(f, 'f');
    assert_int_equal(f->rows.vms.vm_count, 3);
    type(f, "v");
    type(f, "m1");
    assert_int_equal(f->rows.vms.vm_count, 1);
    type(f, "(");
    assert_int_equal(f->rows.vms.vm_count, 1); /* no expression yet */
    press(f, KEYCODE_BACKSPACE);
    press(f, KEYCODE_ESCAPE);
    assert_int_equal(f->rows.vms.vm_count, 3);
    assert_false(f->state.vms.filter.set);
    assert_true(vm_id_equal(&f->state.vms.selected, &selected));
    /* The one that was there comes back. */
    press(f, 'f');
    type(f, "vm16");
    press(f, KEYCODE_ENTER);
    press(f, 'f');
    type(f, "fc");
    assert_string_equal(f->state.vms.filter.text, "fc");
    press(f, KEYCODE_ESCAPE);
    assert_string_equal(f->state.vms.filter.text, "vm16");
    assert_int_equal(f->rows.vms.vm_count, 1);
    press(f, 'c');
    /* Counters and guests likewise. */
    press(f, 'b');
    const size_t all = f->rows.host.count;
    press(f, 'f');
    type(f, "halt_e");
    assert_int_equal(f->rows.host.count, 1);
    press(f, KEYCODE_ESCAPE);
    assert_int_equal(f->rows.host.count, all);
    press(f, 'b');
    press(f, 'p');
    type(f, "vm16");
    assert_int_equal(f->rows.host.count, 1);
    press(f, KEYCODE_ESCAPE);
    assert_int_equal(f->rows.host.count, 3);
}

/* Each refresh another one of those that do next to nothing was the first. */
static void vms_that_read_less_than_a_tenth_keep_their_order(void **state)
{
    struct fixture *f = *state;
    struct snapshot *s = (struct snapshot *)(uintptr_t)f->model.now;
    static const double next_to_nothing[2][3] = {{0.0001, 0.0003, 0}, {0.0002, 0, 0.0004}};

    for (size_t tick = 0; tick < 2; tick++) {
        for (size_t i = 0; i < 3; i++)
            s->vms[i].cpu_ratio =
                (struct figure){.value = next_to_nothing[tick][i], .state = READING_OK};
        assert_int_equal(ui_follow(&f->state, &f->model), 0);
        for (size_t i = 0; i < 3; i++)
            assert_int_equal(f->rows.vms.rows[i].vm, i);
    }
    s->vms[2].cpu_ratio.value = 0.0006; /* shows as 0.1 */
    assert_int_equal(ui_follow(&f->state, &f->model), 0);
    assert_int_equal(f->rows.vms.rows[0].vm, 2);
}

static void a_refused_filter_keeps_what_was_typed_and_says_why(void **state)
{
    struct fixture *f = *state;

    press(f, KEYCODE_F(4));
    type(f, "^vm");
    press(f, KEYCODE_ENTER);
    press(f, 'f');
    type(f, "(fire");
    press(f, KEYCODE_ENTER);
    assert_int_equal(f->state.prompt.kind, PROMPT_FILTER);
    assert_string_equal(f->state.prompt.text, "(fire");
    assert_non_null(strstr(f->state.prompt.refused, "Unmatched ("));
    assert_string_equal(f->state.vms.filter.text, "^vm"); /* the old one is in force */
    type(f, ")");
    press(f, KEYCODE_ENTER);
    assert_int_equal(f->state.prompt.kind, PROMPT_NONE);
    assert_string_equal(f->state.vms.filter.text, "(fire)");
}

static void a_filter_typed_again_replaces_the_old_one(void **state)
{
    struct fixture *f = *state;

    press(f, 'f');
    type(f, "vm16");
    press(f, KEYCODE_ENTER);
    press(f, 'f');
    assert_string_equal(f->state.prompt.text, "vm16");
    type(f, "fc");
    press(f, KEYCODE_ENTER);
    assert_string_equal(f->state.vms.filter.text, "fc");
    press(f, 'f');
    press(f, KEYCODE_END);
    type(f, "-1");
    press(f, KEYCODE_ENTER);
    assert_string_equal(f->state.vms.filter.text, "fc-1");
}

static void what_is_pasted_is_text_and_no_command(void **state)
{
    static const uint32_t pasted[] = {'q', ']', KEYCODE_ENTER, 'v', 'm', KEYCODE_ENTER, 16};
    struct fixture *f = *state;

    for (int prompt = 0; prompt < 2; prompt++) {
        if (prompt)
            press(f, 'f');
        for (size_t i = 0; i < sizeof(pasted) / sizeof(pasted[0]); i++)
            assert_int_equal(ui_update(&f->state, &f->model,
                                       (struct ui_key){.code = pasted[i], .pasted = true}),
                             UI_NOTHING);
    }
    assert_true(f->state.delay_s == 1.0);
    assert_int_equal(f->state.prompt.kind, PROMPT_FILTER);
    assert_string_equal(f->state.prompt.text, "q]vm");
}

static void the_selection_moves_while_a_search_is_typed(void **state)
{
    struct fixture *f = *state;

    press(f, 'N');
    press(f, '/');
    press(f, 'F');
    assert_string_equal(selected(f), "fc-1");
    press(f, KEYCODE_ESCAPE);
    assert_string_equal(selected(f), "fc-1");
    press(f, KEYCODE_F(3));
    type(f, "m");
    press(f, KEYCODE_ENTER); /* vm16, the next after fc-1 with an m in it */
    assert_string_equal(selected(f), "vm16");
    press(f, 'n');
    assert_string_equal(selected(f), "db-primary");
}

static void tags_survive_sorting_and_choose_what_is_shown(void **state)
{
    struct fixture *f = *state;

    press(f, 'N');
    press(f, ' ');
    press(f, 'T');
    assert_int_equal(f->rows.vms.vm_count, 1);
    press(f, 'P');
    assert_string_equal(selected(f), "vm16");
    press(f, 'U');
    assert_int_equal(f->rows.vms.vm_count, 3);
}

static void a_follower_waits_for_the_next_vm_of_the_name(void **state)
{
    struct fixture *f = *state;
    struct snapshot_builder *none = snapshot_builder_new(), *again = snapshot_builder_new();
    struct ui_model later = {.trends = &f->trends, .rows = &f->rows};

    snapshot_builder_fields_x86(again);
    snapshot_builder_vm(again, 100, 1, "other", "qemu", 1);
    snapshot_builder_vm(again, 9000, 9, "vm16", "qemu", 1);
    press(f, 'N');
    press(f, KEYCODE_DOWN);
    press(f, KEYCODE_UP);
    press(f, 'F');
    later.now = snapshot_builder_finish(none);
    assert_int_equal(ui_follow(&f->state, &later), 0);
    assert_null(vms_selected(&f->state, &later));
    later.now = snapshot_builder_finish(again);
    assert_int_equal(ui_follow(&f->state, &later), 0);
    assert_int_equal(vms_selected(&f->state, &later)->id.pid, 9000);
    snapshot_builder_free(none);
    snapshot_builder_free(again);
}

static void the_open_vm_is_the_selected_one_and_its_end_is_shown(void **state)
{
    struct fixture *f = *state;
    struct snapshot_builder *none = snapshot_builder_new();

    press(f, 'N');
    press(f, KEYCODE_ENTER);
    assert_int_equal(f->state.screen, SCREEN_COUNTERS);
    assert_string_equal(detail_vm(&f->state, &f->model)->name, "vm16");
    assert_true(f->rows.counters.count > 3);
    press(f, KEYCODE_TAB);
    assert_int_equal(f->state.screen, SCREEN_VCPUS);
    struct ui_model later = f->model;
    later.now = snapshot_builder_finish(none);
    assert_int_equal(ui_follow(&f->state, &later), 0);
    assert_true(f->state.detail.ended);
    assert_non_null(detail_vm(&f->state, &later)); /* its last numbers are there */
    press(f, KEYCODE_ESCAPE);
    assert_int_equal(f->state.screen, SCREEN_VMS);
    snapshot_builder_free(none);
}

static void enter_leads_from_a_host_counter_to_its_guests_to_a_guest(void **state)
{
    struct fixture *f = *state;

    press(f, 'b');
    assert_int_equal(f->state.screen, SCREEN_HOST);
    press(f, KEYCODE_ENTER);
    assert_true(f->state.host.by_guest);
    assert_string_equal(f->state.host.pattern.text, "^exits$");
    press(f, KEYCODE_ENTER);
    assert_int_equal(f->state.screen, SCREEN_COUNTERS);
    assert_string_equal(f->state.detail.name, "db-primary");
}

static void the_selected_counter_stays_selected_when_the_order_changes(void **state)
{
    struct fixture *f = *state;
    struct counters_state *cs = &f->state.detail.counters;

    press(f, KEYCODE_ENTER);
    press(f, 'j');
    int64_t id = cs->selected;
    press(f, 'o');
    press(f, 'I');
    assert_int_equal(cs->selected, id);
    assert_int_equal(f->rows.counters.rows[cs->scroll.row].id, id);
}

static void tags_go_on_to_the_next_vm_past_the_vcpus(void **state)
{
    struct fixture *f = *state;

    press(f, 'N');
    press(f, KEYCODE_F(5));
    press(f, ' ');
    press(f, ' ');
    assert_int_equal(f->state.vms.tagged.count, 2);
    press(f, ' '); /* the last one: the cursor has nowhere to go */
    assert_int_equal(f->state.vms.tagged.count, 3);
    assert_string_equal(selected(f), f->s->vms[2].name);
}

static void the_sort_menu_opens_on_the_column_sorted_by(void **state)
{
    struct fixture *f = *state;

    press(f, 'M');
    press(f, KEYCODE_F(6));
    press(f, KEYCODE_ENTER); /* the same again: the other way round */
    assert_int_equal(f->state.vms.sort, COLUMN_RSS);
    assert_true(f->state.vms.sort_inverted);
}

static void guests_of_one_process_are_selected_one_by_one(void **state)
{
    struct fixture *f = *state;
    struct counters_state *cs = &f->state.host;
    struct snapshot_builder *b = snapshot_builder_new();

    snapshot_builder_fields_x86(b);
    for (int fd = 5; fd < 8; fd++)
        snapshot_builder_vm(b, 21987, fd, "libkrun", "other", 1);
    f->model.now = snapshot_builder_finish(b);
    press(f, 'b');
    press(f, 'b');
    for (size_t row = 0; row < 3; row++) {
        assert_int_equal(cs->scroll.row, row);
        press(f, row == 0 ? KEYCODE_DOWN : 'j');
    }
    press(f, 'k');
    assert_int_equal(cs->scroll.row, 1);
    press(f, KEYCODE_ENTER);
    assert_int_equal(f->state.detail.vm.fd, f->model.now->vms[f->rows.host.rows[1].index].id.fd);
    ui_state_done(&f->state); /* before the snapshot it was made from */
    ui_state_init(&f->state, 24, 80, 1.0);
    snapshot_builder_free(b);
}

static void the_help_gives_way_to_what_it_lay_over(void **state)
{
    struct fixture *f = *state;

    press(f, KEYCODE_F(2));
    press(f, KEYCODE_F(1));
    assert_int_equal(f->state.screen, SCREEN_HELP);
    press(f, KEYCODE_ESCAPE);
    assert_int_equal(f->state.screen, SCREEN_CHOOSER);
    press(f, KEYCODE_ESCAPE);
    assert_int_equal(f->state.screen, SCREEN_VMS);
    press(f, KEYCODE_ENTER);
    press(f, KEYCODE_F(1));
    press(f, KEYCODE_ESCAPE);
    assert_int_equal(f->state.screen, SCREEN_COUNTERS);
}

static void chosen_columns_keep_their_order_and_width(void **state)
{
    struct fixture *f = *state;
    const struct column_choice *c = &f->state.vms.columns;

    press(f, KEYCODE_F(2));
    enum column_id second = c->ids[1];
    press(f, ' '); /* the first goes */
    assert_int_equal(c->ids[0], second);
    press(f, KEYCODE_END);
    press(f, KEYCODE_ENTER); /* the last of all comes */
    size_t count = c->count;
    press(f, KEYCODE_HOME);
    press(f, KEYCODE_F(8));
    assert_int_equal(c->ids[1], second);
    for (int i = 0; i < 200; i++)
        press(f, KEYCODE_RIGHT);
    assert_int_equal(c->width[second], COLUMN_WIDTH_MAX);
    for (int i = 0; i < 200; i++)
        press(f, '-');
    assert_true(c->width[second] >= 3);
    assert_int_equal(c->count, count);
    for (int i = 0; i < 100; i++) { /* the name cannot be taken away */
        press(f, KEYCODE_HOME);
        press(f, ' ');
        press(f, KEYCODE_F(8));
    }
    assert_true(c->count >= 1);
}

static enum ui_action click(struct fixture *f, int y, int x)
{
    return ui_update(&f->state, &f->model,
                     (struct ui_key){.code = KEYCODE_MOUSE_CLICK, .y = y, .x = x});
}

static void the_mouse_selects_sorts_scrolls_and_presses_keys(void **state)
{
    struct fixture *f = *state;
    struct bar_item items[BAR_ITEMS_MAX];

    press(f, 'N');
    click(f, 5, 10); /* second row at 80x24: two lines of header, the host, titles */
    assert_string_equal(selected(f), "db-primary");
    click(f, 2, 10); /* nothing to click at */
    assert_int_equal(f->state.vms.sort, COLUMN_PID);
    click(f, 3, 10);
    assert_int_equal(f->state.vms.sort, COLUMN_NAME);
    click(f, 3, 10);
    assert_true(f->state.vms.sort_inverted);
    press(f, 'N');
    press(f, KEYCODE_HOME);
    ui_update(&f->state, &f->model,
              (struct ui_key){.code = KEYCODE_MOUSE_WHEEL_DOWN, .y = 9, .x = 9});
    assert_string_equal(selected(f), "fc-1");
    click(f, 6, 10); /* on the selected one: opens it */
    assert_int_equal(f->state.screen, SCREEN_COUNTERS);
    struct tab_item tabs[TABS_COUNT];
    layout_tabs(SCREEN_COUNTERS, 80, tabs);
    click(f, 2, tabs[1].x + 2);
    assert_int_equal(f->state.screen, tabs[1].screen);
    size_t n = layout_bar(f->state.screen, false, 80, items);
    assert_int_equal(click(f, 23, items[n - 1].x), UI_QUIT);
}

static int width_of(const struct column_plan *plan, enum column_id id)
{
    for (size_t i = 0; i < plan->count; i++)
        if (plan->slots[i].id == id)
            return plan->slots[i].width;
    return 0;
}

/* Where all names are short, a column of blanks helps nobody. */
static void others_have_the_room_that_names_leave(void **state)
{
    struct column_choice choice;
    struct column_plan plan, wide;

    (void)state;
    column_choice_default(&choice);
    columns_plan(&choice, 80, 0, 10, &plan);
    assert_int_equal(width_of(&plan, COLUMN_NAME), column_table[COLUMN_NAME].width);
    assert_true(width_of(&plan, COLUMN_TREND) > 0 && width_of(&plan, COLUMN_MIGR) > 0);
    columns_plan(&choice, 80, 0, 19, &wide);
    assert_true(width_of(&wide, COLUMN_NAME) >= 19 && wide.count < plan.count);
    columns_plan(&choice, 200, 0, 10, &plan);
    assert_int_equal(width_of(&plan, COLUMN_NAME), column_table[COLUMN_NAME].width);
    columns_plan(&choice, 200, 0, 19, &plan);
    assert_int_equal(width_of(&plan, COLUMN_NAME), 19);
    /* Who chose a width has it. */
    choice.width[COLUMN_NAME] = 30;
    columns_plan(&choice, 80, 0, 10, &plan);
    assert_int_equal(width_of(&plan, COLUMN_NAME), 30);
}

/* It does not jump: a name that is gone leaves its room until another list is shown. */
static void the_width_of_names_grows_at_once_and_shrinks_with_the_list(void **state)
{
    struct fixture *f = *state;
    struct vms_row rows[] = {{0, -1}, {1, -1}, {2, -1}}, turned[] = {{2, -1}, {0, -1}, {1, -1}};
    struct vms_row tree[] = {{0, -1}, {1, -1}, {1, 0}, {1, 1}, {2, -1}};
    struct vms_rows list = {.rows = rows, .count = 3}, other = {.rows = turned, .count = 3},
                    open = {.rows = tree, .count = 5}, two = {.rows = rows, .count = 2};
    struct name_width width = {0};
    struct snapshot s = *f->model.now;
    struct snapshot_vm vms[3];

    assert_true(s.vm_count >= 3);
    memcpy(vms, s.vms, sizeof(vms));
    s.vms = vms;
    for (int i = 0; i < 3; i++) {
        vms[i].name = i == 1 ? "db-primary" : "web";
        vms[i].migration = VM_MIGRATION_UNKNOWN;
    }
    name_width_follow(&width, &list, &s);
    assert_int_equal(width.cols, 10);
    vms[1].name = "db";
    name_width_follow(&width, &other, &s); /* the same VMs in another order */
    assert_int_equal(width.cols, 10);
    vms[1].name = "db-primary-2";
    name_width_follow(&width, &list, &s);
    assert_int_equal(width.cols, 12);
    name_width_follow(&width, &open, &s); /* with its mark */
    assert_int_equal(width.cols, 14);
    vms[1].name = "db";
    name_width_follow(&width, &open, &s);
    assert_int_equal(width.cols, 14);
    name_width_follow(&width, &two, &s);
    assert_int_equal(width.cols, 3);
    vms[0].migration = VM_MIGRATING; /* with a word behind the name */
    name_width_follow(&width, &two, &s);
    assert_int_equal(width.cols, 4 + (int)strlen(vm_migration_text(VM_MIGRATING)));
}

/* At 80 columns a name of 24 is whole, and no counter's is cut. */
static void names_have_the_room_that_others_leave(void **state)
{
    struct column_choice choice;
    struct column_plan plan;
    struct counters_plan counters;

    (void)state;
    column_choice_default(&choice);
    for (int cols = 80; cols <= 200; cols += 40) {
        columns_plan(&choice, cols, 0, 40, &plan);
        assert_true(width_of(&plan, COLUMN_NAME) >= 24 && width_of(&plan, COLUMN_ZERO) > 0);
        assert_true(cols > 80 || width_of(&plan, COLUMN_TREND) == 0);
        assert_true(cols > 80 || width_of(&plan, COLUMN_SOURCE) == 0);
    }
    for (int cols = 60; cols <= 200; cols += 20) {
        layout_counters(cols, COUNTERS_OF_VM, &counters);
        assert_true(counters.width[COUNTERS_NAME] >= (int)strlen("max_mmu_page_hash_collisions"));
    }
    layout_counters(80, COUNTERS_OF_HOST, &counters);
    assert_true(counters.width[COUNTERS_TREND] >= 8);
    layout_counters(80, COUNTERS_BY_GUEST, &counters);
    assert_true(counters.width[COUNTERS_TREND] >= 8 && counters.width[COUNTERS_PID] == 7);
}

static void a_click_on_the_titles_of_counters_sorts_them(void **state)
{
    struct fixture *f = *state;
    struct counters_state *cs = &f->state.detail.counters;

    press(f, KEYCODE_ENTER);
    click(f, 3, 5); /* COUNTER at 80x24: two lines of header, tabs */
    assert_int_equal(cs->order, COUNTERS_BY_NAME);
    assert_false(cs->inverted);
    click(f, 3, 5);
    assert_true(cs->inverted);
    click(f, 3, 40); /* TOTAL */
    assert_int_equal(cs->order, COUNTERS_BY_TOTAL);
    click(f, 3, 75); /* SOURCE sorts nothing */
    assert_int_equal(cs->order, COUNTERS_BY_TOTAL);
    press(f, KEYCODE_ESCAPE);
    press(f, 'b');
    click(f, 3, 58); /* RATE/s */
    assert_int_equal(f->state.host.order, COUNTERS_BY_RATE);
    assert_true(f->state.host.inverted);
}

static void a_click_on_the_explanation_selects_no_hidden_counter(void **state)
{
    struct fixture *f = *state;
    struct counters_state *cs = &f->state.detail.counters;

    press(f, KEYCODE_ENTER);
    press(f, 'z');
    ui_resize(&f->state, 15, 80);
    press(f, KEYCODE_DOWN);
    size_t page = counters_page(&f->state);
    assert_true(f->rows.counters.count > page);
    size_t row = cs->scroll.row, top = cs->scroll.top;
    for (int y = 4 + (int)page; y < 13; y++)
        click(f, y, 5);
    assert_int_equal(cs->scroll.row, row);
    assert_int_equal(cs->scroll.top, top);
}

/* Tabs are for looking: whatever way leads to the memory, none reads all of it. */
static void the_memory_is_read_when_somebody_asks_and_not_before(void **state)
{
    struct fixture *f = *state;
    struct scan_reports scans = {.count = 0};
    struct tab_item tabs[TABS_COUNT];

    f->model.scans = &scans;
    press(f, KEYCODE_ENTER);
    for (int i = 0; i < 8; i++) {
        enum ui_action action = press(f, i < 4 ? KEYCODE_TAB : KEYCODE_BACK_TAB);
        assert_int_equal(action, f->state.screen == SCREEN_MEMORY ? UI_LOOK : UI_NOTHING);
    }
    layout_tabs(SCREEN_COUNTERS, 80, tabs);
    assert_int_equal(click(f, 2, tabs[2].x + 1), UI_LOOK);
    press(f, '1');
    assert_int_equal(press(f, '3'), UI_LOOK);
    assert_int_equal(press(f, 'R'), UI_SCAN);
    press(f, KEYCODE_ESCAPE);
    assert_int_equal(press(f, 'm'), UI_LOOK);
    f->model.scans = NULL; /* a saved tree */
    press(f, KEYCODE_ESCAPE);
    assert_int_equal(press(f, 'm'), UI_NOTHING);
}

static void a_click_below_the_vcpus_selects_none_of_them(void **state)
{
    struct fixture *f = *state;

    press(f, KEYCODE_ENTER); /* db-primary: 8 vCPUs */
    press(f, '2');
    click(f, 4 + 2, 5);
    assert_int_equal(f->state.detail.vcpus.scroll.row, 2);
    for (int y = 4 + 8; y < 22; y++)
        click(f, y, 5);
    assert_int_equal(f->state.detail.vcpus.scroll.row, 2);
}

static void a_click_anywhere_on_any_screen_does_no_harm(void **state)
{
    struct fixture *f = *state;

    for (int screen = 0; screen < SCREEN_COUNT; screen++)
        for (int rows = 1; rows < 30; rows += 7)
            for (int y = -1; y < 32; y++)
                for (int x = -1; x < 90; x += 13) {
                    ui_resize(&f->state, rows, rows * 4);
                    f->state.screen = (enum ui_screen)screen;
                    click(f, y, x);
                    f->state.prompt.kind = PROMPT_NONE;
                }
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

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_selection_stays_on_its_vm_when_the_order_changes),
        TEST(a_sort_key_pressed_again_keeps_the_order),
        TEST(before_a_choice_the_first_row_is_selected_whichever_it_is),
        TEST(when_the_selected_vm_ends_its_neighbour_is_selected),
        TEST(no_vm_at_all_is_no_selection_and_no_key_hurts),
        TEST(bpf_is_loaded_by_who_says_yes),
        TEST(where_bpf_cannot_be_had_its_key_says_why),
        TEST(missing_numbers_sort_last_in_both_directions),
        TEST(vcpu_rows_open_for_all_or_for_one),
        TEST(a_selected_vcpu_falls_back_to_its_vm_when_closed),
        TEST(the_delay_prompt_takes_seconds_within_bounds),
        TEST(a_prompt_keeps_its_keys_to_itself),
        TEST(escape_closes_and_never_quits),
        TEST(the_view_scrolls_with_the_selection),
        TEST(a_filter_shows_only_what_matches_and_c_clears_it),
        TEST(a_filter_shows_what_matches_while_it_is_typed),
        TEST(vms_that_read_less_than_a_tenth_keep_their_order),
        TEST(a_refused_filter_keeps_what_was_typed_and_says_why),
        TEST(a_filter_typed_again_replaces_the_old_one),
        TEST(what_is_pasted_is_text_and_no_command),
        TEST(the_selection_moves_while_a_search_is_typed),
        TEST(tags_survive_sorting_and_choose_what_is_shown),
        TEST(a_follower_waits_for_the_next_vm_of_the_name),
        TEST(the_open_vm_is_the_selected_one_and_its_end_is_shown),
        TEST(enter_leads_from_a_host_counter_to_its_guests_to_a_guest),
        TEST(the_selected_counter_stays_selected_when_the_order_changes),
        TEST(tags_go_on_to_the_next_vm_past_the_vcpus),
        TEST(the_sort_menu_opens_on_the_column_sorted_by),
        TEST(others_have_the_room_that_names_leave),
        TEST(the_width_of_names_grows_at_once_and_shrinks_with_the_list),
        TEST(names_have_the_room_that_others_leave),
        TEST(a_click_on_the_titles_of_counters_sorts_them),
        TEST(a_click_on_the_explanation_selects_no_hidden_counter),
        TEST(guests_of_one_process_are_selected_one_by_one),
        TEST(the_help_gives_way_to_what_it_lay_over),
        TEST(chosen_columns_keep_their_order_and_width),
        TEST(the_mouse_selects_sorts_scrolls_and_presses_keys),
        TEST(the_memory_is_read_when_somebody_asks_and_not_before),
        TEST(a_click_below_the_vcpus_selects_none_of_them),
        TEST(a_click_anywhere_on_any_screen_does_no_harm),
        cmocka_unit_test(no_key_means_two_things_on_one_screen),
        cmocka_unit_test(every_function_key_has_a_twin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
