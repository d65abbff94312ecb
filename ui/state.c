// SPDX-License-Identifier: MIT
#include "ui/state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ui/layout.h"

void ui_state_init(struct ui_state *state, int rows, int cols, double delay_s)
{
    *state = (struct ui_state){
        .rows = rows,
        .cols = cols,
        .delay_s = delay_s,
        .vms = {.stick_to_first = true, .selected_vcpu = -1, .sort = COLUMN_CPU},
    };
    column_choice_default(&state->vms.columns);
}

void ui_state_done(struct ui_state *state)
{
    free(state->vms.rows);
    *state = (struct ui_state){0};
}

void ui_resize(struct ui_state *state, int rows, int cols)
{
    state->rows = rows;
    state->cols = cols;
}

double ui_delay_clamp(double seconds)
{
    if (!(seconds > UI_DELAY_MIN_S))
        return UI_DELAY_MIN_S;
    return seconds < UI_DELAY_MAX_S ? seconds : UI_DELAY_MAX_S;
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

int ui_follow(struct ui_state *state, const struct snapshot *s)
{
    return vms_rows_update(state, s);
}

void ui_select(struct ui_state *state, const struct vm_id *id)
{
    state->vms.selected = *id;
    state->vms.selected_vcpu = -1;
    state->vms.stick_to_first = false;
}

static void prompt_open(struct ui_state *state, enum prompt_kind kind, const char *text)
{
    state->prompt.kind = kind;
    state->prompt.len = (size_t)snprintf(state->prompt.text, sizeof(state->prompt.text), "%s", text);
}

static enum ui_action delay_set(struct ui_state *state, double seconds)
{
    state->delay_s = ui_delay_clamp(seconds);
    snprintf(state->message, sizeof(state->message), "Refreshing every %g s", state->delay_s);
    return UI_NEW_DELAY;
}

static enum ui_action prompt_accept(struct ui_state *state)
{
    char *end;
    double seconds = strtod(state->prompt.text, &end);

    state->prompt.kind = PROMPT_NONE;
    if (end == state->prompt.text || *end != '\0' ||
        !(seconds >= UI_DELAY_MIN_S && seconds <= UI_DELAY_MAX_S)) {
        snprintf(state->message, sizeof(state->message),
                 "'%.40s' is no delay: give seconds from %g to %g", state->prompt.text,
                 UI_DELAY_MIN_S, UI_DELAY_MAX_S);
        return UI_NOTHING;
    }
    return delay_set(state, seconds);
}

static size_t encode(uint32_t c, char out[4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3F));
    out[0] = (char)(lead[n] | c);
    return n;
}

static enum ui_action prompt_key(struct ui_state *state, uint32_t key)
{
    struct ui_prompt *p = &state->prompt;

    if (key == KEYCODE_ESCAPE)
        p->kind = PROMPT_NONE;
    else if (key == KEYCODE_ENTER)
        return prompt_accept(state);
    else if (key == KEYCODE_CTRL('U'))
        p->len = 0;
    else if (key == KEYCODE_BACKSPACE || key == KEYCODE_CTRL('H')) {
        while (p->len > 0 && ((unsigned char)p->text[--p->len] & 0xC0) == 0x80)
            ; /* the whole of a UTF-8 sequence */
    } else if (key >= ' ' && key <= 0x10FFFF && p->len + 5 <= sizeof(p->text))
        p->len += encode(key, p->text + p->len);
    p->text[p->len] = '\0';
    return UI_NOTHING;
}

static void scroll_help(struct ui_state *state, enum ui_command command)
{
    size_t page = vms_page(state);
    size_t top = state->help_top;

    switch (command) {
    case COMMAND_UP: top -= top > 0; break;
    case COMMAND_DOWN: top++; break;
    case COMMAND_PAGE_UP: top -= top < page ? top : page; break;
    case COMMAND_PAGE_DOWN: top += page; break;
    case COMMAND_FIRST: top = 0; break;
    case COMMAND_LAST: top = key_count; break;
    default: break;
    }
    /* The last page stays full; the view shows a blank line per group, which this need not know. */
    state->help_top = top < key_count ? top : key_count - 1;
}

enum ui_action ui_update(struct ui_state *state, const struct snapshot *s, struct ui_key key)
{
    enum ui_action action = UI_NOTHING;

    if (state->prompt.kind != PROMPT_NONE)
        return prompt_key(state, key.code);
    state->message[0] = '\0';

    enum ui_command command = keys_find(state->screen, key.code);
    switch (command) {
    case COMMAND_NONE:
        break;
    case COMMAND_QUIT:
        return UI_QUIT;
    case COMMAND_REDRAW:
        return UI_REDRAW;
    case COMMAND_HELP:
        state->screen = SCREEN_HELP;
        state->help_top = 0;
        break;
    case COMMAND_CLOSE:
        state->screen = SCREEN_VMS;
        break;
    case COMMAND_FREEZE:
        state->frozen = !state->frozen;
        action = state->frozen ? UI_NOTHING : UI_SAMPLE_NOW;
        break;
    case COMMAND_DELAY:
        prompt_open(state, PROMPT_DELAY, "");
        break;
    case COMMAND_FASTER:
        return delay_set(state, state->delay_s / 2);
    case COMMAND_SLOWER:
        return delay_set(state, state->delay_s * 2);
    default:
        if (state->screen == SCREEN_HELP)
            scroll_help(state, command);
        else
            action = vms_command(state, s, command);
    }
    if (ui_follow(state, s) < 0)
        snprintf(state->message, sizeof(state->message), "Out of memory");
    return action;
}
