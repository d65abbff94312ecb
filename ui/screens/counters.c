// SPDX-License-Identifier: MIT
// All counters of one VM.
#include "ui/screens/counters_table.h"
#include "ui/screens/object.h"
#include "ui/view/view.h"

static void draw(const struct ui_model *m, const struct ui_state *st, const struct layout *l,
                 struct screen *out)
{
    const struct snapshot_vm *vm = detail_vm(st, m);

    if (vm != NULL)
        counters_table_draw(m, &st->detail.counters, &m->rows->counters, m->detail, vm, l->body,
                            out);
}

/* What is left out, then why something is missing. */
static void draw_status(const struct ui_model *m, const struct ui_state *st, struct rect r,
                        struct screen *out)
{
    const struct counters_state *cs = &st->detail.counters;
    const struct counters *rows = &m->rows->counters;
    bool is_one = rows->hidden_zero == 1;

    if (cs->pattern.set)
        screen_printf(out, r, r.y, r.x, STYLE_NOTICE, "%zu counter%s, filter %s; c clears it",
                      rows->count, rows->count == 1 ? "" : "s", cs->pattern.text);
    else if (!view_cause(m->now, detail_vm(st, m), r, out) && rows->hidden_zero > 0)
        screen_printf(out, r, r.y, r.x, STYLE_DIM,
                      "%zu counter%s that counted nothing %s hidden; z shows %s", rows->hidden_zero,
                      is_one ? "" : "s", is_one ? "is" : "are", is_one ? "it" : "them");
}

static int follow(struct ui_state *state, const struct ui_model *model)
{
    const struct snapshot_vm *vm = detail_vm(state, model);

    if (vm == NULL)
        return 0;
    return counters_table_follow(state, model, &state->detail.counters, &model->rows->counters,
                                 (struct counters_query){.s = model->detail, .vm = vm});
}

static enum ui_action command(struct ui_state *state, const struct ui_model *model,
                              enum ui_command command)
{
    counters_table_command(state, &state->detail.counters, &model->rows->counters, command);
    return UI_NOTHING;
}

static enum ui_action click(struct ui_state *state, const struct ui_model *model,
                            const struct layout *l, struct ui_key key)
{
    counters_table_click(state, &state->detail.counters, &model->rows->counters, true, l, key);
    return UI_NOTHING;
}

static bool search(struct ui_state *state, const struct ui_model *model, const char *text,
                   bool after)
{
    return counters_table_search(&state->detail.counters, &model->rows->counters, model->detail,
                                 text, after);
}

static struct pattern *filter(struct ui_state *state)
{
    return &state->detail.counters.pattern;
}

const struct screen_object counters_screen = {
    .draw = draw,
    .status = draw_status,
    .follow = follow,
    .command = command,
    .click = click,
    .search = search,
    .filter = filter,
};
