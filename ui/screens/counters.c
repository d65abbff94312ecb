// SPDX-License-Identifier: MIT
// All counters of one VM.
#include "ui/screens/counters_table.h"
#include "ui/screens/object.h"
#include "ui/view/view.h"

/* The vCPU that was chosen; NULL: all together. */
static const struct snapshot_vcpu *chosen_vcpu(const struct counters_state *cs,
                                               const struct snapshot_vm *vm)
{
    return cs->vcpu > 0 && (size_t)cs->vcpu <= vm->vcpu_count ? &vm->vcpus[cs->vcpu - 1] : NULL;
}

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
    else if (cs->vcpu > 0)
        screen_text(out, r, r.y, r.x, STYLE_NOTICE,
                    "One vCPU alone. Left and Right: another one; Esc: back to the vCPUs");
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
    if (chosen_vcpu(&state->detail.counters, vm) == NULL)
        state->detail.counters.vcpu = 0;
    return counters_table_follow(
        state, model, &state->detail.counters, &model->rows->counters,
        (struct counters_query){
            .s = model->detail, .vm = vm, .vcpu = chosen_vcpu(&state->detail.counters, vm)});
}

static enum ui_action command(struct ui_state *state, const struct ui_model *model,
                              enum ui_command command)
{
    const struct snapshot_vm *vm = detail_vm(state, model);
    struct counters_state *cs = &state->detail.counters;

    if (vm != NULL && (command == COMMAND_SCROLL_LEFT || command == COMMAND_SCROLL_RIGHT)) {
        int count = (int)vm->vcpu_count + 1, by = command == COMMAND_SCROLL_LEFT ? count - 1 : 1;
        cs->vcpu = (cs->vcpu + by) % count;
    }
    counters_table_command(state, cs, &model->rows->counters, command);
    return UI_NOTHING;
}

/* From one vCPU back to all of them. */
static bool close_within(struct ui_state *state)
{
    if (state->detail.counters.vcpu == 0)
        return false;
    state->detail.counters.vcpu = 0;
    state->screen = SCREEN_VCPUS;
    return true;
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
    .close = close_within,
    .click = click,
    .search = search,
    .filter = filter,
};
