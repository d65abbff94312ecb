// SPDX-License-Identifier: MIT
// The column chooser: which columns the VMs screen shows, in which order and width; also the sort
// menu.
#include <string.h>

#include "ui/state/state.h"

enum column_id chooser_row(const struct column_choice *choice, size_t row, bool *ret_chosen)
{
    *ret_chosen = row < choice->count;
    if (*ret_chosen)
        return choice->ids[row];
    size_t rest = row - choice->count;
    for (int id = 0; id < COLUMN_COUNT; id++) {
        bool chosen = false;
        for (size_t i = 0; i < choice->count; i++)
            chosen |= choice->ids[i] == (enum column_id)id;
        if (!chosen && rest-- == 0)
            return (enum column_id)id;
    }
    return COLUMN_NAME; /* not reached for row < COLUMN_COUNT */
}

static void toggle(struct ui_state *state)
{
    struct column_choice *c = &state->vms.columns;
    size_t row = state->chooser.scroll.row;
    bool chosen;
    enum column_id id = chooser_row(c, row, &chosen);

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
    enum column_id id = chooser_row(c, state->chooser.scroll.row, &chosen);
    int width = (c->width[id] ? c->width[id] : column_table[id].width) + by;

    if (width >= 3 && width <= COLUMN_WIDTH_MAX)
        c->width[id] = (unsigned char)width;
}

enum ui_action chooser_command(struct ui_state *state, enum ui_command command)
{
    struct scroll *scroll = &state->chooser.scroll;
    size_t row = scroll->row;
    bool chosen;

    if (scroll_command(scroll, command, COLUMN_COUNT, vms_page(state)))
        return UI_NOTHING;
    switch (command) {
    case COMMAND_CHOOSE:
        if (state->chooser.sorting) {
            vms_sort_by(&state->vms, chooser_row(&state->vms.columns, row, &chosen));
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
    scroll_fit(scroll, COLUMN_COUNT, vms_page(state));
    return UI_NOTHING;
}
