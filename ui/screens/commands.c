// SPDX-License-Identifier: MIT
// What a key does, as far as it is the same on every screen or tab; the rest is the matter of the
// screen that is shown.
#include <stdio.h>
#include <time.h>

#include "ui/choose/delay.h"
#include "ui/grid/theme.h"
#include "ui/screens/object.h"
#include "ui/screens/screens.h"
#include "ui/state/scan_choice.h"

static bool search(struct ui_state *state, const struct ui_model *model, const char *text,
                   bool after)
{
    const struct screen_object *object = screens_get(state->screen);

    return *text && object->search != NULL && object->search(state, model, text, after);
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
        prompt_refuse(&state->prompt, "A delay must be from %g to %g seconds", DELAY_MIN_S,
                      DELAY_MAX_S);
        return UI_NOTHING;
    }
    return delay_set(state, seconds);
}

/* NULL: the screen has no filter. */
static struct pattern *filter_of(struct ui_state *state)
{
    const struct screen_object *object = screens_get(state->screen);

    return object->filter != NULL ? object->filter(state) : NULL;
}

/* The pattern that this prompt asks for; NULL: none. */
static struct pattern *asked_pattern(struct ui_state *state, enum prompt_kind kind)
{
    return kind == PROMPT_FILTER   ? filter_of(state)
           : kind == PROMPT_GUESTS ? &state->host.guests
                                   : NULL;
}

static void forget_before(struct ui_state *state)
{
    pattern_clear(&state->before.pattern);
    state->before.is_kept = false;
}

static void accept_pattern(struct ui_state *state, struct pattern *pattern)
{
    char why[100];

    if (pattern != NULL && pattern_set(pattern, state->prompt.text, why, sizeof(why)) < 0)
        prompt_refuse(&state->prompt, "Not a regular expression: %s", why);
    else
        forget_before(state);
}

/*
 * Shows what would match, while it is typed. An expression that is none yet, as "(web", leaves what
 * matched before.
 */
static void try_pattern(struct ui_state *state, struct pattern *pattern)
{
    struct filter_before *before = &state->before;

    if (!before->is_kept) {
        before->is_kept = true;
        before->pattern = *pattern;
        before->selection = vms_selection_get(&state->vms);
        *pattern = (struct pattern){0};
        pattern_set(pattern, before->pattern.text, NULL, 0);
    }
    pattern_set(pattern, state->prompt.text, NULL, 0);
}

/* Nobody wanted it after all. */
static void restore_pattern(struct ui_state *state, struct pattern *pattern)
{
    if (!state->before.is_kept)
        return;
    pattern_clear(pattern);
    *pattern = state->before.pattern;
    state->before.pattern = (struct pattern){0};
    vms_selection_set(&state->vms, &state->before.selection);
    forget_before(state);
}

/* Enter: @kind was asked, the text is the answer. One that does not do is refused, and the prompt
 * stays open. */
static enum ui_action accept(struct ui_state *state, const struct ui_model *model,
                             enum prompt_kind kind)
{
    switch (kind) {
    case PROMPT_DELAY:
        return accept_delay(state);
    case PROMPT_SEARCH:
        snprintf(state->search, sizeof(state->search), "%s", state->prompt.text);
        if (*state->search && !search(state, model, state->search, false))
            ui_say(state, "'%.60s' is not in this list", state->search);
        break;
    case PROMPT_FILTER:
    case PROMPT_GUESTS:
        accept_pattern(state, asked_pattern(state, kind));
        break;
    case PROMPT_BPF:
        state->bpf = true;
        return UI_NEW_BPF;
    case PROMPT_SCAN:
    case PROMPT_SCAN_TAGGED:
    case PROMPT_SCAN_END:
    case PROMPT_SCAN_END_ALL:
        state->scans = scan_choice_of(kind, state->prompt.answer);
        return UI_SCANS;
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
    struct pattern *pattern = asked_pattern(state, kind);
    enum ui_action action;

    switch (prompt_key(&state->prompt, key)) {
    case PROMPT_ACCEPTED:
        action = accept(state, model, kind);
        if (!state->prompt.refused[0])
            state->prompt.kind = PROMPT_NONE;
        return action;
    case PROMPT_LEFT:
        state->prompt.kind = PROMPT_NONE;
        if (pattern != NULL)
            restore_pattern(state, pattern);
        break;
    case PROMPT_CHANGED:
        if (pattern != NULL)
            try_pattern(state, pattern);
        if (kind == PROMPT_SEARCH)
            search(state, model, state->prompt.text, false);
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
    time_t local = model->now != NULL ? model->now->wall.tv_sec + state->utc_offset_s : 0;

    gmtime_r(&local, &t);
    snprintf(name, sizeof(name), "kvmlens-%04d%02d%02d-%02d%02d%02d.json", t.tm_year + 1900,
             t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec);
    prompt_open(&state->prompt, PROMPT_EXPORT, name);
}

/* --- commands --- */

/* Asks first, where it can be had; what was asked for is taken back at once. */
static enum ui_action toggle_bpf(struct ui_state *state, const struct ui_model *model)
{
    enum bpf_obstacle obstacle =
        model->now != NULL ? (enum bpf_obstacle)model->now->bpf.obstacle : BPF_NOT_LOOKED_AT;
    const char *fix = bpf_obstacle_fix(obstacle);

    if (state->bpf) {
        state->bpf = false;
        return UI_NEW_BPF;
    }
    if (model->now == NULL)
        ui_say(state, "Not yet: the VMs were not read");
    else if (obstacle > BPF_POSSIBLE)
        ui_say(state, "No BPF: %s%s%s", bpf_obstacle_text(obstacle), *fix ? "; " : "", fix);
    else
        prompt_open(&state->prompt, PROMPT_BPF, "");
    return UI_NOTHING;
}

static void close_screen(struct ui_state *state)
{
    const struct screen_object *object = screens_get(state->screen);
    enum ui_screen to = SCREEN_VMS;

    if (object->close != NULL && object->close(state))
        return;
    if (state->screen == SCREEN_HELP)
        to = state->help_over;
    else if (screen_list_has(state->screen, SCREEN_OVER))
        to = state->back;
    else if (screen_list_has(state->screen, SCREEN_TAB))
        to = state->detail.from;
    state->screen = to;
}

static enum ui_action enter(const struct ui_state *state, const struct ui_model *model)
{
    const struct screen_object *object = screens_get(state->screen);

    return object->entered != NULL ? object->entered(state, model) : UI_NOTHING;
}

static void toggle_follow(struct ui_state *state)
{
    state->vms.follow = !state->vms.follow;
    ui_say(state,
           state->vms.follow ? "Following %s: when it ends, the next of its name is taken"
                             : "No longer following %s",
           state->detail.name);
}

/* To another tab. False: @command is nothing of that kind. */
static bool change_tab(struct ui_state *state, enum ui_command command)
{
    if (keys_tab(command) != SCREEN_COUNT)
        state->screen = keys_tab(command);
    else if (command == COMMAND_TAB_NEXT)
        state->screen = screen_list_next_tab(state->screen, 1);
    else if (command == COMMAND_TAB_PREVIOUS)
        state->screen = screen_list_next_tab(state->screen, -1);
    else
        return false;
    return true;
}

static enum ui_action by_screen(struct ui_state *state, const struct ui_model *model,
                                enum ui_command command)
{
    const enum ui_screen was = state->screen;
    const struct screen_object *object = screens_get(was);
    enum ui_action action = UI_NOTHING;

    if (screen_list_has(was, SCREEN_TAB) && change_tab(state, command))
        return enter(state, model);
    if (screen_list_has(was, SCREEN_TAB) && command == COMMAND_FOLLOW)
        toggle_follow(state);
    else if (object->command != NULL)
        action = object->command(state, model, command);
    return state->screen == was ? action : enter(state, model);
}

enum ui_action ui_command(struct ui_state *state, const struct ui_model *model,
                          enum ui_command command)
{
    if (keys_need_vm(command) && detail_is_over(state, state->screen)) {
        ui_say(state, "%s has ended: its last numbers stay, and no new ones come",
               state->detail.name);
        return UI_NOTHING;
    }
    switch (command) {
    case COMMAND_NONE:
        break;
    case COMMAND_QUIT:
        return UI_QUIT;
    case COMMAND_REDRAW:
        return UI_REDRAW;
    case COMMAND_HELP:
        state->help_over = state->screen;
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
        if (!search(state, model, state->search, true))
            ui_say(state,
                   *state->search ? "'%.60s' is not in this list" : "Nothing to search for: use F3",
                   state->search);
        break;
    case COMMAND_FILTER:
        if (filter_of(state) != NULL)
            prompt_open(&state->prompt, PROMPT_FILTER, filter_of(state)->text);
        break;
    case COMMAND_FILTER_CLEAR:
        if (filter_of(state) != NULL)
            pattern_clear(filter_of(state));
        return by_screen(state, model, command); /* it may have more of them */
    case COMMAND_RESET:
        state->since_creation = false;
        ui_say(state, "Totals count from now on");
        return UI_NEW_BASE;
    case COMMAND_SINCE:
        state->since_creation = !state->since_creation;
        ui_say(state, state->since_creation ? "Totals since each VM was created"
                                            : "Totals since the start or the last reset");
        break;
    case COMMAND_BPF:
        return toggle_bpf(state, model);
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

    if (key.pasted && (state->prompt.kind == PROMPT_NONE || prompt_is_choice(state->prompt.kind) ||
                       key.code < ' '))
        return UI_NOTHING; /* text is no command, and its lines are no answers */
    if (state->prompt.kind != PROMPT_NONE) {
        action = update_prompt(state, model, key.code);
    } else {
        const enum ui_command command = mouse ? COMMAND_NONE : keys_find(state->screen, key.code);
        if (command != COMMAND_HELP) /* which has all of the message */
            state->message[0] = '\0';
        action = mouse ? ui_mouse(state, model, key) : ui_command(state, model, command);
    }
    if (ui_follow(state, model) < 0)
        ui_say(state, "Out of memory");
    return action;
}
