// SPDX-License-Identifier: MIT
// What is under the pointer: the geometry comes from the same functions that the views draw by.
#include "ui/screens/object.h"
#include "ui/screens/screens.h"
#include "ui/state/layout.h"

#define WHEEL_ROWS 3

static bool inside(struct rect r, struct ui_key key)
{
    return key.y >= r.y && key.y < r.y + r.rows && key.x >= r.x && key.x < r.x + r.cols;
}

static enum ui_action click_bar(struct ui_state *state, const struct ui_model *model, struct rect r,
                                int x)
{
    struct bar_item items[BAR_ITEMS_MAX];
    size_t n = layout_bar(state->screen, detail_is_over(state, state->screen), r.cols, items);

    for (size_t i = 0; i < n; i++)
        if (x >= items[i].x && x < items[i].x + items[i].width)
            return ui_command(state, model, items[i].binding->command);
    return UI_NOTHING;
}

static enum ui_action click_tab(struct ui_state *state, const struct ui_model *model, struct rect r,
                                int x)
{
    struct tab_item tabs[TABS_COUNT];

    layout_tabs(state->screen, r.cols, tabs);
    for (int i = 0; i < TABS_COUNT; i++)
        if (x >= tabs[i].x && x < tabs[i].x + tabs[i].width)
            return ui_command(state, model, COMMAND_TAB(tabs[i].screen));
    return UI_NOTHING;
}

enum ui_action ui_mouse(struct ui_state *state, const struct ui_model *model, struct ui_key key)
{
    const struct screen_object *object = screens_get(state->screen);
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
    if (inside(l.titles, key) && screen_list_has(state->screen, SCREEN_TAB))
        return click_tab(state, model, l.titles, key.x - l.titles.x);
    if (object->click != NULL && (inside(l.titles, key) || inside(l.body, key)))
        return object->click(state, model, &l, key);
    return UI_NOTHING;
}
