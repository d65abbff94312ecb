// SPDX-License-Identifier: MIT
// What is under the pointer: the geometry comes from the same functions that the views draw by.
#include "ui/state/layout.h"
#include "ui/state/state.h"

#define WHEEL_ROWS 3

static bool inside(struct rect r, struct ui_key key)
{
    return key.y >= r.y && key.y < r.y + r.rows && key.x >= r.x && key.x < r.x + r.cols;
}

static enum ui_action click_bar(struct ui_state *state, const struct ui_model *model, struct rect r,
                                int x)
{
    struct bar_item items[BAR_ITEMS_MAX];
    size_t n = layout_bar(state->screen, r.cols, items);

    for (size_t i = 0; i < n; i++)
        if (x >= items[i].x && x < items[i].x + items[i].width)
            return ui_command(state, model, items[i].binding->command);
    return UI_NOTHING;
}

static void click_title(struct ui_state *state, struct rect r, int x)
{
    struct column_plan plan;

    columns_plan(&state->vms.columns, r.cols, state->vms.column_shift, &plan);
    for (size_t i = 0; i < plan.count; i++)
        if (x >= plan.slots[i].x && x < plan.slots[i].x + plan.slots[i].width)
            vms_sort_by(&state->vms, plan.slots[i].id);
}

/* The titles of a table of counters; the same again turns the order round. */
static void click_order(struct counters_state *cs, bool detail, struct rect r, int x)
{
    enum counters_order order = layout_counters_order_at(r.cols, detail, x);

    if (order == COUNTERS_ORDER_COUNT)
        return;
    cs->inverted = cs->order == order && !cs->inverted;
    cs->order = order;
}

static enum ui_action click_tab(struct ui_state *state, const struct ui_model *model, struct rect r,
                                int x)
{
    struct tab_item tabs[TABS_COUNT];

    layout_tabs(r.cols, tabs);
    for (int i = 0; i < TABS_COUNT; i++)
        if (x >= tabs[i].x && x < tabs[i].x + tabs[i].width)
            state->screen = tabs[i].screen;
    return ui_memory_entered(state, model);
}

/* A click on a row selects it; on the selected row it opens what is there. */
static enum ui_action click_row(struct ui_state *state, const struct ui_model *model, size_t line)
{
    struct counters_state *cs = counters_of(state);

    if (state->screen == SCREEN_VMS) {
        size_t row = state->vms.scroll.top + line;
        if (row >= state->vms.row_count)
            return UI_NOTHING;
        if (row == state->vms.scroll.row)
            return vms_command(state, model, COMMAND_OPEN);
        vms_select_row(state, model, row);
    } else if (cs && line > 0 && line <= counters_page(state) && /* below: the explanation */
               cs->scroll.top + line - 1 < cs->counters.count) {
        size_t row = cs->scroll.top + line - 1;
        if (row == cs->scroll.row && cs->selected >= 0 && state->screen == SCREEN_HOST)
            return ui_host_command(state, model, COMMAND_CHOOSE);
        counters_select_row(cs, row);
    } else if (state->screen == SCREEN_CHOOSER && state->chooser.scroll.top + line < COLUMN_COUNT) {
        state->chooser.scroll.row = state->chooser.scroll.top + line;
        return chooser_command(state, COMMAND_CHOOSE);
    } else if (state->screen == SCREEN_VCPUS && line > 0 && line <= counters_page(state)) {
        const struct snapshot_vm *vm = detail_vm(state, model);
        size_t row = state->detail.vcpus.top + line - 1;
        if (vm && row < vm->vcpu_count)
            state->detail.vcpus.row = row;
    }
    return UI_NOTHING;
}

enum ui_action ui_mouse(struct ui_state *state, const struct ui_model *model, struct ui_key key)
{
    struct layout l = layout_make(state->rows, state->cols);

    if (l.too_small)
        return UI_NOTHING;
    if (key.code != KEYCODE_MOUSE_CLICK) {
        enum ui_action action = UI_NOTHING;
        for (int i = 0; i < WHEEL_ROWS && action == UI_NOTHING; i++)
            action = ui_command(state, model,
                                key.code == KEYCODE_MOUSE_WHEEL_UP ? COMMAND_UP : COMMAND_DOWN);
        return action;
    }
    if (inside(l.bar, key))
        return click_bar(state, model, l.bar, key.x - l.bar.x);
    if (inside(l.titles, key) && state->screen == SCREEN_VMS)
        click_title(state, l.titles, key.x - l.titles.x);
    else if (inside(l.titles, key) && ui_is_detail(state->screen))
        return click_tab(state, model, l.titles, key.x - l.titles.x);
    else if (key.y == l.body.y && counters_of(state) && inside(l.body, key))
        click_order(counters_of(state), ui_is_detail(state->screen), l.body, key.x - l.body.x);
    else if (inside(l.body, key))
        return click_row(state, model, (size_t)(key.y - l.body.y));
    return UI_NOTHING;
}
