// SPDX-License-Identifier: MIT
// The column chooser: which columns the VMs screen shows, in which order and width; also the sort
// menu.
#include <stdio.h>
#include <string.h>

#include "ui/screens/object.h"

static void draw(const struct ui_model *m, const struct ui_state *st, const struct layout *l,
                 struct screen *out)
{
    const struct chooser_state *c = &st->chooser;
    const struct rect titles = l->titles, r = l->body;

    (void)m;
    screen_field(out, titles, titles.y, titles.x, titles.cols, ALIGN_LEFT, STYLE_TITLE,
                 c->sorting
                     ? "Sort by"
                     : "Your own columns (0): Enter shows or hides, F7 F8 move, Left Right size");
    for (int i = 0; i < r.rows && c->scroll.top + (size_t)i < COLUMN_COUNT; i++) {
        size_t row = c->scroll.top + (size_t)i;
        bool chosen, selected = row == c->scroll.row;
        enum column_id id = column_choice_row(&st->vms.columns, row, &chosen);
        const struct column *column = &column_table[id];
        int width = st->vms.columns.width[id] ? st->vms.columns.width[id] : column->width;
        enum style style = selected ? STYLE_SELECTED : chosen ? STYLE_NORMAL : STYLE_DIM;
        int y = r.y + i, x = r.x + 1;
        char text[200];

        if (selected)
            screen_fill(out, (struct rect){y, r.x, 1, r.cols}, STYLE_SELECTED);
        screen_text(out, r, y, x, style,
                    c->sorting ? id == st->vms.sort ? "(*)" : "( )"
                    : chosen   ? "[x]"
                               : "[ ]");
        screen_field(out, r, y, x + 4, 9, ALIGN_LEFT, style, column->title);
        screen_printf(out, r, y, x + 14, style, "%2d", width);
        bool has_unit = column->unit[0] != '-';
        snprintf(text, sizeof(text), "%s%s%s%s", column->origin, has_unit ? " (" : "",
                 has_unit ? column->unit : "", has_unit ? ")" : "");
        screen_field(out, r, y, x + 18, r.x + r.cols - x - 18, ALIGN_LEFT, style, text);
    }
}

static void toggle(struct ui_state *state)
{
    struct column_choice *c = &state->vms.columns;
    size_t row = state->chooser.scroll.row;
    bool chosen;
    enum column_id id = column_choice_row(c, row, &chosen);

    if (!chosen) {
        c->ids[c->count++] = id;
    } else if (id == COLUMN_NAME) {
        ui_say(state, "The name always shows");
    } else {
        c->count--;
        memmove(&c->ids[row], &c->ids[row + 1], (c->count - row) * sizeof(c->ids[0]));
    }
}

static void move(struct ui_state *state, size_t row, size_t to)
{
    struct column_choice *c = &state->vms.columns;

    if (row >= c->count || to >= c->count)
        return;
    enum column_id id = c->ids[row];
    c->ids[row] = c->ids[to];
    c->ids[to] = id;
    state->chooser.scroll.row = to;
}

static void change_width(struct ui_state *state, int by)
{
    struct column_choice *c = &state->vms.columns;
    bool chosen;
    enum column_id id = column_choice_row(c, state->chooser.scroll.row, &chosen);
    int width = (c->width[id] ? c->width[id] : column_table[id].width) + by;

    if (width >= 3 && width <= COLUMN_WIDTH_MAX)
        c->width[id] = (unsigned char)width;
}

static enum ui_action command(struct ui_state *state, const struct ui_model *model,
                              enum ui_command command)
{
    struct scroll *scroll = &state->chooser.scroll;
    size_t row = scroll->row;
    bool chosen;

    (void)model;
    if (scroll_command(scroll, command, COLUMN_COUNT, ui_page(state)))
        return UI_NOTHING;
    switch (command) {
    case COMMAND_CHOOSE:
        if (state->chooser.sorting) {
            vms_sort_by(&state->vms, column_choice_row(&state->vms.columns, row, &chosen));
            state->screen = state->back;
        } else {
            toggle(state);
        }
        break;
    case COMMAND_MOVE_UP: move(state, row, row - 1); break; /* of row 0: out of range, ignored */
    case COMMAND_MOVE_DOWN: move(state, row, row + 1); break;
    case COMMAND_WIDER: change_width(state, 1); break;
    case COMMAND_NARROWER: change_width(state, -1); break;
    default: break;
    }
    scroll_fit(scroll, COLUMN_COUNT, ui_page(state));
    return UI_NOTHING;
}

static enum ui_action click(struct ui_state *state, const struct ui_model *model,
                            const struct layout *l, struct ui_key key)
{
    size_t row = state->chooser.scroll.top + (size_t)(key.y - l->body.y);

    if (key.y < l->body.y || row >= COLUMN_COUNT)
        return UI_NOTHING;
    state->chooser.scroll.row = row;
    return command(state, model, COMMAND_CHOOSE);
}

const struct screen_object chooser_screen = {
    .draw = draw,
    .command = command,
    .click = click,
};
