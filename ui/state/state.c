// SPDX-License-Identifier: MIT
// What a key does, as far as it is the same on every screen; the rest is in state_*.c.
#include "ui/state/state.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ui/state/config.h"
#include "ui/choose/delay.h"
#include "ui/state/layout.h"
#include "ui/grid/theme.h"

void ui_state_init(struct ui_state *state, int rows, int cols, double delay_s)
{
    *state = (struct ui_state){
        .rows = rows,
        .cols = cols,
        .delay_s = delay_s,
        .vms = {.stick_to_first = true,
                .selected_vcpu = -1,
                .sort = COLUMN_CPU,
                .only = {.vm_fd = -1}},
        .detail = {.counters = {.selected = -1, .hide_zero = true}, .histogram_vcpu = -1},
        .host = {.selected = -1, .hide_zero = true},
    };
    column_choice_default(&state->vms.columns);
}

static void counters_state_done(struct counters_state *cs)
{
    counters_done(&cs->counters);
    pattern_clear(&cs->pattern);
    pattern_clear(&cs->guests);
}

void ui_state_done(struct ui_state *state)
{
    free(state->vms.rows);
    pattern_clear(&state->vms.filter);
    counters_state_done(&state->detail.counters);
    counters_state_done(&state->host);
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

bool ui_is_detail(enum ui_screen screen)
{
    return screen_list_has(screen, SCREEN_TAB);
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
        if (snapshot_find(s, &set->ids[i]))
            set->ids[kept++] = set->ids[i];
    set->count = kept;
}

int ui_follow(struct ui_state *state, const struct ui_model *model)
{
    int r = vms_follow(state, model);

    if (r == 0 && ui_is_detail(state->screen))
        r = detail_follow(state, model);
    if (r == 0 && state->screen == SCREEN_HOST)
        r = ui_host_follow(state, model);
    return r;
}

void ui_select(struct ui_state *state, const struct snapshot_vm *vm)
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
        d->vcpus = d->regions = d->histograms = (struct scroll){0};
        d->histogram_vcpu = -1;
    }
    snprintf(d->name, sizeof(d->name), "%s", vm->name);
    if (!ui_is_detail(state->screen))
        d->from = state->screen;
    d->ended = false;
    state->screen = tab;
    ui_select(state, vm);
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
    if (c->columns.count > 0)
        state->vms.columns = c->columns;
    state->vms.tree = c->tree;
}

void ui_to_config(const struct ui_state *state, struct config *ret)
{
    ret->delay_s = state->delay_s;
    ret->sort = (int)state->vms.sort;
    ret->inverted = state->vms.sort_inverted;
    ret->theme = (int)state->theme;
    ret->columns = state->vms.columns;
    ret->tree = state->vms.tree;
}

/* --- search --- */

static size_t search_count(struct ui_state *state)
{
    struct counters_state *cs = counters_of(state);

    return cs ? cs->counters.count : state->screen == SCREEN_VMS ? state->vms.row_count : 0;
}

static bool search_matches(struct ui_state *state, const struct ui_model *model, size_t row,
                           const char *text)
{
    struct counters_state *cs = counters_of(state);
    char pid[16];

    if (cs)
        return pattern_contains(
            counters_row_name(cs, state->screen == SCREEN_HOST ? model->now : model->detail, row),
            text);
    const struct vms_row *r = &state->vms.rows[row];
    const struct snapshot_vm *vm = &model->now->vms[r->vm];
    snprintf(pid, sizeof(pid), "%d", (int)vm->id.pid);
    return r->vcpu < 0 && (pattern_contains(vm->name, text) || strcmp(pid, text) == 0);
}

bool ui_search(struct ui_state *state, const struct ui_model *model, const char *text, bool after)
{
    struct counters_state *cs = counters_of(state);
    size_t count = search_count(state);
    size_t from = cs ? cs->scroll.row : state->vms.scroll.row;

    for (size_t i = 0; i < count && *text; i++) {
        size_t row = (from + i + after) % count;
        if (!search_matches(state, model, row, text))
            continue;
        if (cs)
            counters_select_row(cs, row);
        else
            vms_select_row(state, model, row);
        return true;
    }
    return false;
}

/* --- prompts --- */

static enum ui_action delay_set(struct ui_state *state, double seconds)
{
    state->delay_s = delay_clamp(seconds);
    ui_say(state, "Refreshing every %g s", state->delay_s);
    return UI_NEW_DELAY;
}

static enum ui_action accept_delay(struct ui_state *state)
{
    double seconds;

    if (delay_parse(state->prompt.text, &seconds) < 0) {
        prompt_refuse(&state->prompt, "No delay from %g to %g seconds", DELAY_MIN_S, DELAY_MAX_S);
        return UI_NOTHING;
    }
    return delay_set(state, seconds);
}

static struct pattern *filter_of(struct ui_state *state)
{
    struct counters_state *cs = counters_of(state);

    return cs ? &cs->pattern : &state->vms.filter;
}

static void accept_pattern(struct ui_state *state, struct pattern *pattern)
{
    char why[100];

    if (pattern_set(pattern, state->prompt.text, why, sizeof(why)) < 0)
        prompt_refuse(&state->prompt, "No regular expression, %s", why);
}

enum ui_action ui_prompt_accept(struct ui_state *state, const struct ui_model *model,
                                enum prompt_kind kind)
{
    switch (kind) {
    case PROMPT_DELAY:
        return accept_delay(state);
    case PROMPT_SEARCH:
        snprintf(state->search, sizeof(state->search), "%s", state->prompt.text);
        if (*state->search && !ui_search(state, model, state->search, false))
            ui_say(state, "'%.60s' is not in this list", state->search);
        break;
    case PROMPT_FILTER:
        accept_pattern(state, filter_of(state));
        break;
    case PROMPT_GUESTS:
        accept_pattern(state, &state->host.guests);
        break;
    case PROMPT_EXPORT:
        snprintf(state->export_path, sizeof(state->export_path), "%s", state->prompt.text);
        return *state->export_path ? UI_EXPORT : UI_NOTHING;
    case PROMPT_NONE:
    case PROMPT_COUNT:
        break;
    }
    return UI_NOTHING;
}

static enum ui_action update_prompt(struct ui_state *state, const struct ui_model *model,
                                    uint32_t key)
{
    enum prompt_kind kind = state->prompt.kind;
    enum ui_action action;

    switch (prompt_key(&state->prompt, key)) {
    case PROMPT_ACCEPTED:
        action = ui_prompt_accept(state, model, kind);
        if (!state->prompt.refused[0])
            state->prompt.kind = PROMPT_NONE;
        return action;
    case PROMPT_LEFT:
        state->prompt.kind = PROMPT_NONE;
        break;
    case PROMPT_CHANGED:
        if (kind == PROMPT_SEARCH)
            ui_search(state, model, state->prompt.text, false);
        break;
    case PROMPT_IGNORED:
        break;
    }
    return UI_NOTHING;
}

static void open_export_prompt(struct ui_state *state, const struct ui_model *model)
{
    char name[64];
    struct tm t;
    time_t local = model->now ? model->now->wall.tv_sec + state->utc_offset_s : 0;

    gmtime_r(&local, &t);
    snprintf(name, sizeof(name), "kvmlens-%04d%02d%02d-%02d%02d%02d.json", t.tm_year + 1900,
             t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec);
    prompt_open(&state->prompt, PROMPT_EXPORT, name);
}

/* --- commands --- */

static void close_screen(struct ui_state *state)
{
    enum ui_screen to = SCREEN_VMS;

    if (state->screen == SCREEN_HELP || state->screen == SCREEN_CHOOSER)
        to = state->back;
    else if (ui_is_detail(state->screen) && state->detail.from == SCREEN_HOST)
        to = SCREEN_HOST;
    state->screen = to;
}

static enum ui_action by_screen(struct ui_state *state, const struct ui_model *model,
                                enum ui_command command)
{
    if (state->screen == SCREEN_HELP)
        /* The view knows how many lines there are; one per key is near enough to stop at. */
        scroll_text(&state->help, command, key_count + SCREEN_COUNT, vms_page(state));
    else if (state->screen == SCREEN_CHOOSER)
        return chooser_command(state, command);
    else if (state->screen == SCREEN_HOST)
        return ui_host_command(state, model, command);
    else if (ui_is_detail(state->screen))
        return detail_command(state, model, command);
    else
        return vms_command(state, model, command);
    return UI_NOTHING;
}

enum ui_action ui_command(struct ui_state *state, const struct ui_model *model,
                          enum ui_command command)
{
    switch (command) {
    case COMMAND_NONE:
        break;
    case COMMAND_QUIT:
        return UI_QUIT;
    case COMMAND_REDRAW:
        return UI_REDRAW;
    case COMMAND_HELP:
        if (state->screen != SCREEN_CHOOSER)
            state->back = state->screen;
        state->screen = SCREEN_HELP;
        state->help = (struct scroll){0};
        break;
    case COMMAND_CLOSE:
        close_screen(state);
        break;
    case COMMAND_FREEZE:
        state->frozen = !state->frozen;
        return state->frozen ? UI_NOTHING : UI_SAMPLE_NOW;
    case COMMAND_DELAY:
        prompt_open(&state->prompt, PROMPT_DELAY, "");
        break;
    case COMMAND_FASTER:
        return delay_set(state, state->delay_s / 2);
    case COMMAND_SLOWER:
        return delay_set(state, state->delay_s * 2);
    case COMMAND_SEARCH:
        prompt_open(&state->prompt, PROMPT_SEARCH, "");
        break;
    case COMMAND_SEARCH_NEXT:
        if (!ui_search(state, model, state->search, true))
            ui_say(state,
                   *state->search ? "'%.60s' is not in this list" : "Nothing to search for: use F3",
                   state->search);
        break;
    case COMMAND_FILTER:
        prompt_open(&state->prompt, PROMPT_FILTER, filter_of(state)->text);
        break;
    case COMMAND_FILTER_CLEAR:
        pattern_clear(filter_of(state));
        if (state->screen == SCREEN_HOST)
            pattern_clear(&state->host.guests);
        else if (state->screen == SCREEN_VMS)
            state->vms.only = (struct filter){.vm_fd = -1};
        break;
    case COMMAND_RESET:
        state->since_creation = false;
        ui_say(state, "Totals count from now on");
        return UI_NEW_BASE;
    case COMMAND_SINCE:
        state->since_creation = !state->since_creation;
        ui_say(state, state->since_creation ? "Totals since each VM was created"
                                            : "Totals since the start or the last reset");
        break;
    case COMMAND_THEME:
        state->theme = (state->theme + 1) % theme_count;
        ui_say(state, "Colour scheme %s: %s", theme_table[state->theme].name,
               theme_table[state->theme].text);
        return UI_NEW_THEME;
    case COMMAND_SAVE:
        return UI_SAVE;
    case COMMAND_EXPORT:
        open_export_prompt(state, model);
        break;
    default:
        return by_screen(state, model, command);
    }
    return UI_NOTHING;
}

enum ui_action ui_update(struct ui_state *state, const struct ui_model *model, struct ui_key key)
{
    enum ui_action action;
    bool mouse = key.code == KEYCODE_MOUSE_CLICK || key.code == KEYCODE_MOUSE_WHEEL_UP ||
                 key.code == KEYCODE_MOUSE_WHEEL_DOWN;

    if (key.pasted && (state->prompt.kind == PROMPT_NONE || key.code < ' '))
        return UI_NOTHING; /* text is no command, and its lines are no answers */
    if (state->prompt.kind != PROMPT_NONE) {
        action = update_prompt(state, model, key.code);
    } else {
        state->message[0] = '\0';
        action = mouse ? ui_mouse(state, model, key)
                       : ui_command(state, model, keys_find(state->screen, key.code));
    }
    if (ui_follow(state, model) < 0)
        ui_say(state, "Out of memory");
    return action;
}
