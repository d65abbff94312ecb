// SPDX-License-Identifier: MIT
// The counters of all VMs together, or by guest: kvm_stat's own view.
#include <stdio.h>

#include "ui/grid/format.h"
#include "ui/screens/counters_table.h"
#include "ui/screens/object.h"

/* The text of a sum, or what stands for it where nothing could be added up. */
static const char *sum_text(enum reading_state state, const char *text, struct screen *out)
{
    if (state == READING_ABSENT)
        return screen_glyph(out, GLYPH_NOTHING);
    return state == READING_OK ? text : reading_state_text(state);
}

static void draw(const struct ui_model *m, const struct ui_state *st, const struct layout *l,
                 struct screen *out)
{
    const struct rect titles = l->titles;
    const struct counters_state *cs = &st->host;
    const struct counters *rows = &m->rows->host;
    char text[640], sum[FORMAT_MAX], rate[FORMAT_MAX];

    if (m->now == NULL)
        return;
    bool totals = counters_totals(
        &(struct counters_query){.s = m->now, .by_guest = cs->by_guest, .guests = &cs->guests});
    bool more = rows->total_sum_short && rows->total_sum.state == READING_OK;
    bool more_rate = rows->rate_sum_short && rows->rate_sum.state == READING_OK;
    snprintf(
        text, sizeof(text), "%s%s%s%s%s   %s %s%s, %s%s%s   %s%s",
        cs->by_guest ? "Host counters: by guest"
        : totals     ? "Kernel's totals of all VMs"
                     : "Host counters: all VMs",
        cs->guests.set ? ", guests " : "", cs->guests.text, cs->pattern.set ? ", counters " : "",
        cs->pattern.text, rows->sum_is_exits ? "exits" : "total", more ? ">" : "",
        sum_text(rows->total_sum.state, format_exact(sum, (uint64_t)rows->total_sum.value), out),
        more_rate ? ">" : "",
        sum_text(rows->rate_sum.state, format_count(rate, rows->rate_sum.value), out),
        rows->rate_sum.state == READING_OK ? "/s" : "",
        st->since_creation ? "since creation" : "since start or reset",
        rows->hidden_zero ? ", zeros hidden" : "");
    screen_field(out, titles, titles.y, titles.x, titles.cols, ALIGN_LEFT, STYLE_LABEL, text);
    counters_table_draw(m, cs, rows, m->now, NULL, l->body, out);
}

static int follow(struct ui_state *state, const struct ui_model *model)
{
    struct counters_state *cs = &state->host;

    model->rows->host.count = 0;
    if (model->now == NULL)
        return 0;
    return counters_table_follow(state, model, cs, &model->rows->host,
                                 (struct counters_query){.s = model->now,
                                                         .by_guest = cs->by_guest,
                                                         .guests = &cs->guests});
}

static void set_by_guest(struct counters_state *cs, struct counters *rows, bool by_guest)
{
    cs->by_guest = by_guest;
    cs->selected = -1;
    rows->count = 0; /* its rows mean something else now */
}

/* Enter: from a counter to the guests it comes from, from a guest to its drill-down. */
static void choose(struct ui_state *state, const struct ui_model *model)
{
    struct counters_state *cs = &state->host;
    const struct counters *rows = &model->rows->host;
    char regex[FIELD_NAME_MAX + 2];

    if (rows->count == 0)
        return;
    uint32_t index = rows->rows[cs->scroll.row].index;
    if (cs->by_guest) {
        ui_open(state, &model->now->vms[index], SCREEN_COUNTERS);
        return;
    }
    if (model->now->host_values != NULL) {
        ui_say(state, "Not known which guests it comes from: %s",
               reading_cause_text(CAUSE_HOST_TOTALS));
        return;
    }
    /* The name holds letters, digits, '_', '.' and '-' only: '.' is the one that matches more than
     * itself. */
    snprintf(regex, sizeof(regex), "^%s$", model->now->fields->fields[index].name);
    pattern_set(&cs->pattern, regex, NULL, 0);
    set_by_guest(cs, &model->rows->host, true);
}

static enum ui_action command(struct ui_state *state, const struct ui_model *model,
                              enum ui_command command)
{
    struct counters_state *cs = &state->host;

    if (counters_table_command(state, cs, &model->rows->host, command))
        return UI_NOTHING;
    switch (command) {
    case COMMAND_BY_GUEST: set_by_guest(cs, &model->rows->host, !cs->by_guest); break;
    case COMMAND_HOST_EXITS:
        state->screen = SCREEN_HOST_EXITS;
        break;
    case COMMAND_GUESTS: prompt_open(&state->prompt, PROMPT_GUESTS, cs->guests.text); break;
    case COMMAND_CHOOSE: choose(state, model); break;
    case COMMAND_FILTER_CLEAR: pattern_clear(&cs->guests); break;
    default: break;
    }
    return UI_NOTHING;
}

static enum ui_action click(struct ui_state *state, const struct ui_model *model,
                            const struct layout *l, struct ui_key key)
{
    if (key.y >= l->body.y &&
        counters_table_click(state, &state->host, &model->rows->host, false, l, key))
        choose(state, model);
    return UI_NOTHING;
}

static bool search(struct ui_state *state, const struct ui_model *model, const char *text,
                   bool after)
{
    return counters_table_search(&state->host, &model->rows->host, model->now, text, after);
}

static struct pattern *filter(struct ui_state *state)
{
    return &state->host.pattern;
}

const struct screen_object host_screen = {
    .draw = draw,
    .follow = follow,
    .command = command,
    .click = click,
    .search = search,
    .filter = filter,
};
