// SPDX-License-Identifier: MIT
// Why the vCPUs of one VM leave their guest, of all of them together or of one of them.
#include "ui/screens/exits_table.h"
#include "ui/screens/object.h"

static struct exits_view view_of(const struct ui_state *st, const struct ui_model *m)
{
    return exits_view_vm(m->detail, detail_vm(st, m), st->detail.exits.vcpu);
}

static void draw(const struct ui_model *m, const struct ui_state *st, const struct layout *l,
                 struct screen *out)
{
    const struct exits_view view = view_of(st, m);

    if (view.vm != NULL)
        exits_table_draw(m, st, &st->detail.exits, &view, l->body, out);
}

static void draw_status(const struct ui_model *m, const struct ui_state *st, struct rect r,
                        struct screen *out)
{
    exits_table_status(&st->detail.exits, &m->rows->exits, r, out);
}

static int follow(struct ui_state *state, const struct ui_model *model)
{
    const struct snapshot_vm *vm = detail_vm(state, model);
    struct exits_chosen *es = &state->detail.exits;

    if (vm != NULL && es->vcpu > (int)vm->vcpu_count)
        es->vcpu = 0;
    const struct exits_view view = view_of(state, model);
    return exits_table_follow(state, model, es, &view);
}

static enum ui_action command(struct ui_state *state, const struct ui_model *model,
                              enum ui_command command)
{
    const struct exits_view view = view_of(state, model);

    exits_table_command(state, model, &state->detail.exits, &view, command);
    return UI_NOTHING;
}

static bool close_within(struct ui_state *state)
{
    return exits_table_close(&state->detail.exits);
}

static enum ui_action click(struct ui_state *state, const struct ui_model *model,
                            const struct layout *l, struct ui_key key)
{
    const struct exits_view view = view_of(state, model);

    exits_table_click(model, &state->detail.exits, &view, l->body, key);
    return UI_NOTHING;
}

static bool search(struct ui_state *state, const struct ui_model *model, const char *text,
                   bool after)
{
    const struct exits_view view = view_of(state, model);

    return view.exits != NULL &&
           exits_search(&state->detail.exits, &model->rows->exits, view.exits, text, after);
}

static struct pattern *filter(struct ui_state *state)
{
    return &state->detail.exits.pattern;
}

const struct screen_object exits_screen = {
    .draw = draw,
    .status = draw_status,
    .follow = follow,
    .command = command,
    .close = close_within,
    .click = click,
    .search = search,
    .filter = filter,
};
