// SPDX-License-Identifier: MIT
// Beginning, end and the small parts of the state.
#include "ui/state/state.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ui/state/config.h"
#include "ui/state/layout.h"
#include "ui/state/vms_layout.h"

void ui_state_init(struct ui_state *state, int rows, int cols, double delay_s)
{
    *state = (struct ui_state){
        .rows = rows,
        .cols = cols,
        .delay_s = delay_s,
        .vms = {.stick_to_first = true,
                .selected_vcpu = -1,
                .sort = COLUMN_CPU,
                .has_pane = true,
                .only = {.vm_fd = -1}},
        .detail = {.counters = {.selected = -1, .hide_zero = true}},
        .host = {.selected = -1, .hide_zero = true},
        .migration = forecast_settings_default,
    };
    state->vms.sets.shown = COLUMN_SET_OVERVIEW;
    column_choice_default(&state->vms.columns);
}

static void counters_state_done(struct counters_state *cs)
{
    pattern_clear(&cs->pattern);
    pattern_clear(&cs->guests);
}

void ui_state_done(struct ui_state *state)
{
    pattern_clear(&state->vms.filter);
    pattern_clear(&state->before.pattern);
    counters_state_done(&state->detail.counters);
    counters_state_done(&state->host);
    pattern_clear(&state->detail.exits.pattern);
    pattern_clear(&state->host_exits.pattern);
    *state = (struct ui_state){0};
}

void ui_resize(struct ui_state *state, int rows, int cols)
{
    state->rows = rows;
    state->cols = cols;
}

const struct snapshot *ui_base(const struct ui_state *state, const struct ui_model *model)
{
    return state->since_creation ? NULL : model->base;
}

size_t ui_page(const struct ui_state *state)
{
    int rows = layout_make(state->rows, state->cols).body.rows;

    return rows > 1 ? (size_t)rows : 1;
}

uint64_t ui_now_ns(const struct ui_model *model)
{
    return model->mono_ns != 0 ? model->mono_ns : model->now != NULL ? model->now->mono_ns : 0;
}

enum ui_screen ui_below(const struct ui_state *state)
{
    enum ui_screen screen = state->screen == SCREEN_HELP ? state->help_over : state->screen;

    return screen_list_has(screen, SCREEN_OVER) ? state->back : screen;
}

/* The pane of a VM that is selected. */
static bool has_pane(const struct ui_state *state)
{
    const struct vms_layout l = vms_layout_make(state->rows, state->cols, state->vms.has_pane);

    return l.pane.rows > 0 && state->vms.selected.pid != 0;
}

bool ui_exits_wish(const struct ui_state *state, pid_t *ret_pid)
{
    const enum ui_screen screen = ui_below(state);
    const bool is_tab = screen == SCREEN_EXITS;
    const bool is_pane = screen == SCREEN_VMS && state->exits && has_pane(state);

    *ret_pid = is_tab ? state->detail.vm.pid : is_pane ? state->vms.selected.pid : 0;
    if (state->frozen || (is_tab && state->detail.ended))
        return false;
    return is_tab || is_pane || screen == SCREEN_HOST_EXITS;
}

void ui_say(struct ui_state *state, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(state->message, sizeof(state->message), fmt, args);
    va_end(args);
}

bool vm_set_has(const struct vm_set *set, const struct vm_id *id)
{
    for (size_t i = 0; i < set->count; i++)
        if (vm_id_equal(&set->ids[i], id))
            return true;
    return false;
}

bool vm_set_toggle(struct vm_set *set, const struct vm_id *id)
{
    for (size_t i = 0; i < set->count; i++)
        if (vm_id_equal(&set->ids[i], id)) {
            set->ids[i] = set->ids[--set->count];
            return true;
        }
    if (set->count == UI_VM_SET_MAX)
        return false;
    set->ids[set->count++] = *id;
    return true;
}

void vm_set_forget_ended(struct vm_set *set, const struct snapshot *s)
{
    size_t kept = 0;

    for (size_t i = 0; i < set->count; i++)
        if (snapshot_find(s, &set->ids[i]) != NULL)
            set->ids[kept++] = set->ids[i];
    set->count = kept;
}

static void select_vm(struct ui_state *state, const struct snapshot_vm *vm)
{
    state->vms.selected = vm->id;
    state->vms.selected_vcpu = -1;
    state->vms.stick_to_first = false;
    snprintf(state->vms.selected_name, sizeof(state->vms.selected_name), "%s", vm->name);
}

void ui_open(struct ui_state *state, const struct snapshot_vm *vm, enum ui_screen tab)
{
    struct detail_state *d = &state->detail;

    if (!vm_id_equal(&d->vm, &vm->id)) {
        d->vm = vm->id;
        d->counters.selected = -1;
        d->counters.vcpu = 0;
        d->vcpus.has_selected = false;
        d->exits.has_selected = d->exits.is_open = false;
        d->exits.vcpu = 0;
        memset(d->tabs, 0, sizeof(d->tabs));
    }
    snprintf(d->name, sizeof(d->name), "%s", vm->name);
    if (!screen_list_has(state->screen, SCREEN_TAB))
        d->from = state->screen;
    d->ended = false;
    state->screen = tab;
    select_vm(state, vm);
}

/* Who chose columns and no set sees what they chose. */
static void apply_columns(struct vms_state *vms, const struct config *c)
{
    enum column_set set = c->columns.count > 0 ? COLUMN_SET_OWN : COLUMN_SET_OVERVIEW;

    memcpy(vms->sets.configured, c->sets, sizeof(vms->sets.configured));
    vms->sets.own = c->columns;
    column_sets_show(&vms->sets, &vms->columns, c->set >= 0 ? (enum column_set)c->set : set);
}

void ui_apply_config(struct ui_state *state, const struct config *c)
{
    if (c->delay_s > 0)
        state->delay_s = c->delay_s;
    if (c->sort >= 0) {
        state->vms.sort = (enum column_id)c->sort;
        state->vms.sort_inverted = c->inverted;
    }
    if (c->theme >= 0)
        state->theme = (size_t)c->theme;
    apply_columns(&state->vms, c);
    state->vms.tree = c->tree;
    state->vms.has_pane = c->pane;
    if (c->bandwidth > 0)
        state->migration.bandwidth = c->bandwidth;
    if (c->downtime_limit_s > 0)
        state->migration.downtime_limit_s = c->downtime_limit_s;
    if (c->mode >= 0)
        state->migration.mode = (uint8_t)c->mode;
    state->migration.auto_converge = c->auto_converge;
}

void ui_to_config(const struct ui_state *state, struct config *ret)
{
    ret->delay_s = state->delay_s;
    ret->sort = (int)state->vms.sort;
    ret->inverted = state->vms.sort_inverted;
    ret->theme = (int)state->theme;
    ret->columns =
        state->vms.sets.shown == COLUMN_SET_OWN ? state->vms.columns : state->vms.sets.own;
    ret->set = (int)state->vms.sets.shown;
    memcpy(ret->sets, state->vms.sets.configured, sizeof(ret->sets));
    ret->tree = state->vms.tree;
    ret->pane = state->vms.has_pane;
    ret->bandwidth = state->migration.bandwidth;
    ret->downtime_limit_s = state->migration.downtime_limit_s;
    ret->mode = state->migration.mode;
    ret->auto_converge = state->migration.auto_converge;
}
