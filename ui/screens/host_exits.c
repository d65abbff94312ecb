// SPDX-License-Identifier: MIT
// Why the vCPUs of all VMs together leave their guests.
#include <stdio.h>

#include "ui/screens/exits_table.h"
#include "ui/screens/object.h"

static void draw(const struct ui_model *m, const struct ui_state *st, const struct layout *l,
                 struct screen *out)
{
    const struct exits_view view = exits_view_host(m->now);
    const struct exits_chosen *es = &st->host_exits;
    const struct rect titles = l->titles;
    char text[300];

    if (m->now == NULL)
        return;
    snprintf(text, sizeof(text), "Exits of all VMs%s%s", es->pattern.set ? ", reasons " : "",
             es->pattern.text);
    screen_field(out, titles, titles.y, titles.x, titles.cols, ALIGN_LEFT, STYLE_LABEL, text);
    exits_table_draw(m, st, es, &view, l->body, out);
}

static void draw_status(const struct ui_model *m, const struct ui_state *st, struct rect r,
                        struct screen *out)
{
    exits_table_status(&st->host_exits, &m->rows->exits, r, out);
}

static int follow(struct ui_state *state, const struct ui_model *model)
{
    const struct exits_view view = exits_view_host(model->now);

    return exits_table_follow(state, model, &state->host_exits, &view);
}

static enum ui_action command(struct ui_state *state, const struct ui_model *model,
                              enum ui_command command)
{
    const struct exits_view view = exits_view_host(model->now);

    if (command == COMMAND_HOST)
        state->screen = SCREEN_HOST;
    else
        exits_table_command(state, model, &state->host_exits, &view, command);
    return UI_NOTHING;
}

/* It was opened from the host counters. */
static bool close_within(struct ui_state *state)
{
    if (!exits_table_close(&state->host_exits))
        state->screen = SCREEN_HOST;
    return true;
}

static enum ui_action click(struct ui_state *state, const struct ui_model *model,
                            const struct layout *l, struct ui_key key)
{
    const struct exits_view view = exits_view_host(model->now);

    exits_table_click(model, &state->host_exits, &view, l->body, key);
    return UI_NOTHING;
}

static bool search(struct ui_state *state, const struct ui_model *model, const char *text,
                   bool after)
{
    const struct exits_view view = exits_view_host(model->now);

    return view.exits != NULL &&
           exits_search(&state->host_exits, &model->rows->exits, view.exits, text, after);
}

static struct pattern *filter(struct ui_state *state)
{
    return &state->host_exits.pattern;
}

const struct screen_object host_exits_screen = {
    .draw = draw,
    .status = draw_status,
    .follow = follow,
    .command = command,
    .close = close_within,
    .click = click,
    .search = search,
    .filter = filter,
};
