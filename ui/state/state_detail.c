// SPDX-License-Identifier: MIT
// The tabs of one VM, and the counters of the host, which are the same table.
#include <stdio.h>
#include <string.h>

#include "ui/state/layout.h"
#include "ui/state/state.h"

const struct snapshot_vm *detail_vm(const struct ui_state *state, const struct ui_model *model)
{
    return model->detail ? snapshot_find(model->detail, &state->detail.vm) : NULL;
}

struct counters_state *counters_of(struct ui_state *state)
{
    if (state->screen == SCREEN_COUNTERS)
        return &state->detail.counters;
    return state->screen == SCREEN_HOST ? &state->host : NULL;
}

/* --- tables of counters ----------------------------------------------------------------------- */

size_t counters_page(const struct ui_state *state)
{
    /* Column titles at the top, the explanation at the bottom where there is room for it. */
    int rows = layout_make(state->rows, state->cols).body.rows;
    int table = rows - 1 - (rows >= LAYOUT_EXPLAIN_FROM ? LAYOUT_EXPLAIN_ROWS : 0);

    return table > 1 ? (size_t)table : 1;
}

const char *counters_row_name(const struct counters_state *cs, const struct snapshot *s, size_t row)
{
    uint32_t index = cs->counters.rows[row].index;

    return cs->by_guest ? s->vms[index].name : s->fields->fields[index].name;
}

void counters_select_row(struct counters_state *cs, size_t row)
{
    cs->scroll.row = row;
    cs->selected = row < cs->counters.count ? cs->counters.rows[row].id : -1;
}

static int follow_counters(struct ui_state *state, struct counters_state *cs,
                           const struct counters_query *query)
{
    int r = counters_collect(query, &cs->counters);

    for (size_t i = 0; r == 0 && i < cs->counters.count; i++)
        if (cs->selected >= 0 && cs->counters.rows[i].id == cs->selected)
            cs->scroll.row = i;
    if (cs->selected < 0)
        cs->scroll.row = 0;
    scroll_fit(&cs->scroll, cs->counters.count, counters_page(state));
    return r;
}

static struct counters_query query_of(const struct ui_state *state, const struct ui_model *model,
                                      const struct counters_state *cs)
{
    return (struct counters_query){
        .base = ui_base(state, model),
        .hide_zero = cs->hide_zero,
        .pattern = &cs->pattern,
        .order = cs->order,
        .inverted = cs->inverted,
    };
}

static bool counters_command(struct ui_state *state, struct counters_state *cs,
                             enum ui_command command)
{
    if (command == COMMAND_FIRST) {
        cs->selected = -1;
        cs->scroll = (struct scroll){0};
        return true;
    }
    if (scroll_command(&cs->scroll, command, cs->counters.count, counters_page(state))) {
        counters_select_row(cs, cs->scroll.row);
        return true;
    }
    switch (command) {
    case COMMAND_ORDER:
        cs->order = (cs->order + 1) % COUNTERS_ORDER_COUNT;
        cs->inverted = false;
        return true;
    case COMMAND_SORT_INVERT: cs->inverted = !cs->inverted; return true;
    case COMMAND_ZEROS: cs->hide_zero = !cs->hide_zero; return true;
    default: return false;
    }
}

/* --- drill-down ------------------------------------------------------------------------------- */

/* When the VM ended and somebody follows it, its successor of the same name takes its place. */
static void find_successor(struct ui_state *state, const struct ui_model *model)
{
    struct detail_state *d = &state->detail;

    d->ended = !model->now || !snapshot_find(model->now, &d->vm);
    if (!d->ended || !state->vms.follow || !model->now)
        return;
    for (size_t i = 0; i < model->now->vm_count; i++)
        if (strcmp(model->now->vms[i].name, d->name) == 0) {
            ui_open(state, &model->now->vms[i], state->screen);
            return;
        }
}

size_t histogram_lines(const struct snapshot *s, const uint64_t *buckets,
                       struct histogram_line *ret, size_t cap)
{
    size_t n = 0;

    for (size_t f = 0; f < s->field_count; f++) {
        const struct field *field = &s->fields->fields[f];
        size_t first = 0, last = 0;

        if (!field_is_hist(field) || n == cap)
            continue;
        ret[n++] = (struct histogram_line){field, -1};
        /* From the first bucket with something in it to the last one. */
        for (size_t i = field->size; i-- > 0;)
            if (buckets[field->bucket_index + i]) {
                first = i;
                last = last ? last : i + 1;
            }
        for (size_t i = first; i < last && n < cap; i++)
            ret[n++] = (struct histogram_line){field, (int)i};
    }
    return n;
}

const uint64_t *histogram_buckets(const struct ui_state *state, const struct snapshot_vm *vm)
{
    int vcpu = state->detail.histogram_vcpu;

    return vcpu >= 0 && (size_t)vcpu < vm->vcpu_count ? vm->vcpus[vcpu].buckets : vm->buckets;
}

int detail_follow(struct ui_state *state, const struct ui_model *model)
{
    struct detail_state *d = &state->detail;

    find_successor(state, model);
    const struct snapshot_vm *vm = detail_vm(state, model);
    struct counters_query query = query_of(state, model, &d->counters);

    if (!vm)
        return 0;
    if (d->histogram_vcpu >= (int)vm->vcpu_count)
        d->histogram_vcpu = -1;
    scroll_fit(&d->vcpus, vm->vcpu_count, counters_page(state));
    query.s = model->detail;
    query.vm = vm;
    return follow_counters(state, &d->counters, &query);
}

static void scroll_histograms(struct ui_state *state, const struct ui_model *model,
                              enum ui_command command)
{
    struct detail_state *d = &state->detail;
    struct histogram_line lines[HISTOGRAM_LINES_MAX];
    const struct snapshot_vm *vm = detail_vm(state, model);

    if (!vm)
        return;
    if (command == COMMAND_SCROLL_LEFT || command == COMMAND_SCROLL_RIGHT) {
        int count = (int)vm->vcpu_count + 1, by = command == COMMAND_SCROLL_LEFT ? count - 1 : 1;
        d->histogram_vcpu = (d->histogram_vcpu + 1 + by) % count - 1;
    }
    size_t n =
        histogram_lines(model->detail, histogram_buckets(state, vm), lines, HISTOGRAM_LINES_MAX);
    scroll_text(&d->histograms, command, n, vms_page(state));
}

enum ui_action ui_memory_entered(const struct ui_state *state, const struct ui_model *model)
{
    const struct vm_id *vm = &state->detail.vm;

    if (state->screen != SCREEN_MEMORY || !model->scans || state->detail.ended ||
        scan_reports_find(model->scans, vm) ||
        (model->scan.busy && vm_id_equal(&model->scan.vm, vm)))
        return UI_NOTHING;
    return UI_LOOK;
}

static void scroll_regions(struct ui_state *state, const struct ui_model *model,
                           enum ui_command command)
{
    const struct scan_reports_entry *e = scan_reports_find(model->scans, &state->detail.vm);
    const struct scan_report *r = e ? e->running ? e->running : e->last : NULL;

    /* One line of regions is visible at the least. */
    scroll_text(&state->detail.regions, command, r ? r->region_count : 0, 1);
}

enum ui_action detail_command(struct ui_state *state, const struct ui_model *model,
                              enum ui_command command)
{
    const struct snapshot_vm *vm = detail_vm(state, model);

    if (keys_tab(command) != SCREEN_COUNT) {
        state->screen = keys_tab(command);
        return ui_memory_entered(state, model);
    }
    switch (command) {
    case COMMAND_SCAN: return UI_SCAN;
    case COMMAND_SCAN_CANCEL: return UI_SCAN_CANCEL;
    case COMMAND_TAB_NEXT:
    case COMMAND_TAB_PREVIOUS:
        state->screen = screen_list_next_tab(state->screen, command == COMMAND_TAB_NEXT ? 1 : -1);
        return ui_memory_entered(state, model);
    case COMMAND_FOLLOW:
        state->vms.follow = !state->vms.follow;
        ui_say(state,
               state->vms.follow ? "Following %s: when it ends, the next of its name is taken"
                                 : "No longer following %s",
               state->detail.name);
        return UI_NOTHING;
    default: break;
    }
    if (state->screen == SCREEN_COUNTERS)
        counters_command(state, &state->detail.counters, command);
    else if (state->screen == SCREEN_VCPUS && vm)
        scroll_command(&state->detail.vcpus, command, vm->vcpu_count, counters_page(state));
    else if (state->screen == SCREEN_MEMORY)
        scroll_regions(state, model, command);
    else if (state->screen == SCREEN_HISTOGRAMS)
        scroll_histograms(state, model, command);
    return UI_NOTHING;
}

/* --- host counters
 * -------------------------------------------------------------------------------- */

int ui_host_follow(struct ui_state *state, const struct ui_model *model)
{
    struct counters_state *cs = &state->host;
    struct counters_query query = query_of(state, model, cs);

    cs->counters.count = 0;
    if (!model->now)
        return 0;
    query.s = model->now;
    query.by_guest = cs->by_guest;
    query.guests = &cs->guests;
    return follow_counters(state, cs, &query);
}

static void set_by_guest(struct counters_state *cs, bool by_guest)
{
    cs->by_guest = by_guest;
    cs->selected = -1;
    cs->counters.count = 0; /* its rows mean something else now */
}

/* Enter: from a counter to the guests it comes from, from a guest to its drill-down. */
static void choose(struct ui_state *state, const struct ui_model *model)
{
    struct counters_state *cs = &state->host;
    char regex[FIELD_NAME_MAX + 2];

    if (cs->counters.count == 0)
        return;
    uint32_t index = cs->counters.rows[cs->scroll.row].index;
    if (cs->by_guest) {
        ui_open(state, &model->now->vms[index], SCREEN_COUNTERS);
        return;
    }
    if (model->now->host_values) {
        ui_say(state, "Not known which guests it comes from: %s",
               reading_cause_text(CAUSE_HOST_TOTALS));
        return;
    }
    /* The name holds letters, digits, '_', '.' and '-' only: '.' is the one that matches more than
     * itself. */
    snprintf(regex, sizeof(regex), "^%s$", model->now->fields->fields[index].name);
    pattern_set(&cs->pattern, regex, NULL, 0);
    set_by_guest(cs, true);
}

enum ui_action ui_host_command(struct ui_state *state, const struct ui_model *model,
                            enum ui_command command)
{
    struct counters_state *cs = &state->host;

    if (counters_command(state, cs, command))
        return UI_NOTHING;
    switch (command) {
    case COMMAND_BY_GUEST: set_by_guest(cs, !cs->by_guest); break;
    case COMMAND_GUESTS: prompt_open(&state->prompt, PROMPT_GUESTS, cs->guests.text); break;
    case COMMAND_CHOOSE: choose(state, model); break;
    default: break;
    }
    return UI_NOTHING;
}
