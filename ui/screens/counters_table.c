// SPDX-License-Identifier: MIT
// Tables of counters.
#include "ui/screens/counters_table.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/text.h"
#include "core/find/host_fix.h"
#include "core/model/bpf_offer.h"
#include "ui/grid/format.h"

static enum counters_of counters_of(const struct counters_state *cs, bool detail)
{
    return detail ? COUNTERS_OF_VM : cs->by_guest ? COUNTERS_BY_GUEST : COUNTERS_OF_HOST;
}

/* Name of the counter or guest of a row. */
static const char *row_name(const struct counters_state *cs, const struct counters *rows,
                            const struct snapshot *s, size_t row)
{
    uint32_t index = rows->rows[row].index;

    return cs->by_guest ? s->vms[index].name : s->fields->fields[index].name;
}

/* @vm: as counters_table_draw has it. */
static void draw_titles(const struct counters_state *cs, const struct counters *rows,
                        const struct snapshot_vm *vm, const struct counters_plan *p, struct rect r,
                        struct screen *out)
{
    char name[32] = "COUNTER";

    if (vm != NULL && cs->vcpu > 0 && (size_t)cs->vcpu <= vm->vcpu_count)
        snprintf(name, sizeof(name), "vCPU %d", vm->vcpus[cs->vcpu - 1].id);
    else if (cs->by_guest)
        snprintf(name, sizeof(name), "GUEST");
    static const int sorted[COUNTERS_ORDER_COUNT] = {[COUNTERS_BY_RATE] = COUNTERS_RATE,
                                                     [COUNTERS_BY_TOTAL] = COUNTERS_TOTAL,
                                                     [COUNTERS_BY_NAME] = COUNTERS_NAME};

    screen_fill(out, r, STYLE_TITLE);
    for (int c = 0; c < COUNTERS_COLUMN_COUNT; c++) {
        bool is_sorted = sorted[cs->order] == c;
        bool down = (cs->order != COUNTERS_BY_NAME) != cs->inverted;
        char title[32];
        const char *text = c == COUNTERS_NAME                          ? name
                           : c == COUNTERS_SHARE && rows->sum_is_exits ? "%EXITS"
                           : c == COUNTERS_TREND && cs->by_guest       ? "EXITS/s"
                                                                       : counters_columns[c].title;
        const char *mark =
            !is_sorted ? "" : screen_glyph(out, down ? GLYPH_SORT_DOWN : GLYPH_SORT_UP);
        bool right = counters_columns[c].align == ALIGN_RIGHT;
        snprintf(title, sizeof(title), "%s%s%s", right ? mark : text,
                 is_sorted && !right ? " " : "", right ? text : mark);
        screen_field(out, r, r.y, r.x + p->x[c], p->width[c], counters_columns[c].align,
                     is_sorted ? STYLE_SORTED : STYLE_TITLE, title);
    }
}

/* A number that may be missing: its text or what stands for it; ">38.2k" when it is short. */
static void draw_value(const struct figure *value, bool is_short, const char *text,
                       const struct counters_plan *p, int c, struct rect r, int y, enum style style,
                       struct screen *out)
{
    char more[FORMAT_MAX + 1];

    if (is_short && value->state == READING_OK) {
        snprintf(more, sizeof(more), ">%s", text);
        text = more;
    }
    if (value->state == READING_ABSENT)
        text = screen_glyph(out, GLYPH_NOTHING);
    else if (value->state != READING_OK)
        text = reading_state_text(value->state);
    if (style == STYLE_NORMAL && value->state != READING_OK)
        style = value->state == READING_ABSENT ? STYLE_DIM : STYLE_MISSING;
    else if (style == STYLE_NORMAL && value->value == 0)
        style = STYLE_DIM;
    screen_field(out, r, y, r.x + p->x[c], p->width[c], counters_columns[c].align, style, text);
}

static void draw_trend(const struct ui_model *m, const struct counters_state *cs,
                       const struct counter_row *row, const struct snapshot *s,
                       const struct snapshot_vm *vm, const struct counters_plan *p, struct rect r,
                       int y, enum style style, struct screen *out)
{
    const int width = p->width[COUNTERS_TREND];
    const size_t want = (size_t)width < HISTORY_LENGTH ? (size_t)width : HISTORY_LENGTH;
    float values[HISTORY_LENGTH];
    size_t n = 0; /* of one vCPU there is none */

    if (width == 0)
        return;
    if (cs->by_guest)
        n = trends_vm(m->trends, &s->vms[row->index].id, TREND_EXITS, values, want);
    else if (vm == NULL && !cs->guests.set)
        n = trends_host_counter(m->trends, row->index, values, want);
    else if (vm != NULL && cs->vcpu == 0)
        n = trends_counter(m->trends, &vm->id, row->index, values, want);
    screen_spark(out, r, y, r.x + p->x[COUNTERS_TREND], width,
                 style == STYLE_NORMAL ? STYLE_GRAPH : style, values, n, 0);
}

static void draw_row(const struct ui_model *m, const struct counters_state *cs,
                     const struct counters *rows, const struct snapshot *s,
                     const struct snapshot_vm *vm, const struct counters_plan *p, size_t index,
                     struct rect r, int y, enum style style, struct screen *out)
{
    const struct counter_row *row = &rows->rows[index];
    const struct field *f = cs->by_guest ? NULL : &s->fields->fields[row->index];
    char buf[FORMAT_MAX];

    screen_field(out, r, y, r.x + p->x[COUNTERS_NAME], p->width[COUNTERS_NAME], ALIGN_LEFT,
                 style == STYLE_NORMAL ? STYLE_STRONG : style, row_name(cs, rows, s, index));
    draw_value(&row->total, row->total_short,
               f != NULL ? counters_value_text(f, row->total.value, buf)
                         : format_exact(buf, (uint64_t)row->total.value),
               p, COUNTERS_TOTAL, r, y, style, out);
    if (f == NULL || f->kind == FIELD_CUMULATIVE)
        draw_value(&row->rate, row->rate_short,
                   f != NULL ? counters_rate_text(f, row->rate.value, buf)
                             : format_count(buf, row->rate.value),
                   p, COUNTERS_RATE, r, y, style, out);
    if (!isnan(row->share))
        screen_field(out, r, y, r.x + p->x[COUNTERS_SHARE], p->width[COUNTERS_SHARE], ALIGN_RIGHT,
                     style, format_percent(buf, row->share));
    draw_trend(m, cs, row, s, vm, p, r, y, style, out);
    if (cs->by_guest) {
        snprintf(buf, sizeof(buf), "%d", (int)s->vms[row->index].id.pid);
        screen_field(out, r, y, r.x + p->x[COUNTERS_PID], p->width[COUNTERS_PID], ALIGN_RIGHT,
                     style, buf);
    }
    if (vm == NULL || f == NULL)
        return;
    screen_field(out, r, y, r.x + p->x[COUNTERS_KIND], p->width[COUNTERS_KIND], ALIGN_LEFT,
                 style == STYLE_NORMAL ? STYLE_DIM : style, counters_kind_text(f, buf));
    if (row->total.state == READING_OK)
        screen_field(out, r, y, r.x + p->x[COUNTERS_SOURCE], p->width[COUNTERS_SOURCE], ALIGN_LEFT,
                     style == STYLE_NORMAL ? STYLE_DIM : style, reading_source_name(row->source));
}

static const char *short_note(const struct counter_row *row)
{
    bool is_short = (row->total_short && row->total.state == READING_OK) ||
                    (row->rate_short && row->rate.state == READING_OK);
    return is_short ? " > marks a sum that the number of a VM is missing from." : "";
}

/* Through BPF, or why not; "" where that is no way to it, or nobody knows. */
static const char *bpf_note(const struct snapshot *s, const struct figure *missing, char out[400])
{
    enum bpf_obstacle obstacle = (enum bpf_obstacle)s->bpf.obstacle;

    out[0] = '\0';
    if (missing == NULL || !bpf_offer_reads((enum reading_cause)missing->cause))
        return out;
    if (s->bpf.state == BPF_FAILED)
        snprintf(out, 400, "No BPF: %s. ", s->bpf.why);
    else if (s->bpf.state == BPF_UNASKED && obstacle == BPF_POSSIBLE)
        snprintf(out, 400, "BPF reads it: press A. ");
    else if (s->bpf.state == BPF_UNASKED && obstacle > BPF_POSSIBLE)
        snprintf(out, 400, "No BPF: %s. ", bpf_obstacle_text(obstacle));
    return out;
}

/* What the selected counter means, and why it is missing if it is. */
static void draw_explanation(const struct counters_state *cs, const struct counters *rows,
                             const struct snapshot *s, struct rect r, struct screen *out)
{
    if (rows->count == 0 || cs->by_guest)
        return;
    const struct counter_row *row = &rows->rows[cs->scroll.row];
    const struct field *f = &s->fields->fields[row->index];
    const struct field_known *known = field_known(f->name);
    const struct figure *missing = row->total.state != READING_OK ? &row->total : NULL;
    bool reset = row->total.state == READING_RESET;
    char text[1100], fix[HOST_FIX_MAX], bpf[400];

    /* Without a VM nothing is missing for a reason. */
    if (missing != NULL && missing->cause == CAUSE_NONE)
        missing = NULL;
    snprintf(text, sizeof(text), "%s (%s): %s%s%s%s%s%s%s%s", f->name, field_scope_name(f->scope),
             known != NULL && known->text != NULL ? known->text
                                                  : "No explanation of this counter is known.",
             missing != NULL ? " Missing: " : "",
             missing != NULL ? reading_cause_text(missing->cause) : "", missing != NULL ? ". " : "",
             bpf_note(s, missing, bpf),
             missing != NULL ? host_fix_cause(&s->host, missing->cause, fix) : "", short_note(row),
             reset ? " A VM ended since, or a 32-bit counter wrapped: r counts from now on." : "");
    screen_paragraph(out, r, STYLE_NOTICE, text);
}

/* Why there is no row. */
static const char *none_text(const struct counters_state *cs, const struct counters *rows)
{
    if (rows->lack == COUNTERS_LACK_FIELD)
        return cs->by_guest ? "No counter that can compare guests matches the filter. c "
                              "clears it."
                            : "No counter matches the filter. c clears it.";
    if (rows->lack == COUNTERS_LACK_GUEST)
        return "No guest matches the filter. c clears it.";
    return rows->hidden_zero > 0 ? "Nothing was counted yet. z shows the zeros."
                                        : "There are no counters.";
}

void counters_table_draw(const struct ui_model *m, const struct counters_state *cs,
                         const struct counters *rows, const struct snapshot *s,
                         const struct snapshot_vm *vm, struct rect r, struct screen *out)
{
    struct counters_plan p;
    struct rect area = {r.y + 1, r.x, r.rows - 1, r.cols};

    layout_counters(r.cols, counters_of(cs, vm != NULL), &p);
    draw_titles(cs, rows, vm, &p, (struct rect){r.y, r.x, 1, r.cols}, out);
    if (r.rows >= LAYOUT_EXPLAIN_FROM) {
        area.rows -= LAYOUT_EXPLAIN_ROWS;
        draw_explanation(cs, rows, s,
                         (struct rect){area.y + area.rows, r.x, LAYOUT_EXPLAIN_ROWS, r.cols}, out);
    }
    if (rows->count == 0)
        screen_text(out, area, area.y + (area.rows > 2), area.x + 2, STYLE_NOTICE,
                    none_text(cs, rows));
    for (int i = 0; i < area.rows && cs->scroll.top + (size_t)i < rows->count; i++) {
        size_t index = cs->scroll.top + (size_t)i;
        bool selected = index == cs->scroll.row;
        if (selected)
            screen_fill(out, (struct rect){area.y + i, r.x, 1, r.cols}, STYLE_SELECTED);
        draw_row(m, cs, rows, s, vm, &p, index, area, area.y + i,
                 selected ? STYLE_SELECTED : STYLE_NORMAL, out);
    }
}

/* --- keys, mouse ------------------------------------------------------------------------------ */

static void select_row(struct counters_state *cs, const struct counters *rows, size_t row)
{
    cs->scroll.row = row;
    cs->selected = row < rows->count ? rows->rows[row].id : -1;
}

int counters_table_follow(struct ui_state *state, const struct ui_model *model,
                          struct counters_state *cs, struct counters *rows,
                          struct counters_query query)
{
    query.base = ui_base(state, model);
    query.hide_zero = cs->hide_zero;
    query.pattern = &cs->pattern;
    query.order = cs->order;
    query.inverted = cs->inverted;
    int result = counters_collect(&query, rows);

    for (size_t i = 0; result == 0 && i < rows->count; i++)
        if (cs->selected >= 0 && rows->rows[i].id == cs->selected)
            cs->scroll.row = i;
    if (cs->selected < 0)
        cs->scroll.row = 0;
    scroll_fit(&cs->scroll, rows->count, counters_page(state));
    return result;
}

bool counters_table_command(const struct ui_state *state, struct counters_state *cs,
                            const struct counters *rows, enum ui_command command)
{
    if (command == COMMAND_FIRST) {
        cs->selected = -1;
        cs->scroll = (struct scroll){0};
        return true;
    }
    if (scroll_command(&cs->scroll, command, rows->count, counters_page(state))) {
        select_row(cs, rows, cs->scroll.row);
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

/* The titles of a table of counters; the same again turns the order round. */
static void click_order(struct counters_state *cs, bool detail, struct rect r, int x)
{
    enum counters_order order = layout_counters_order_at(r.cols, counters_of(cs, detail), x);

    if (order == COUNTERS_ORDER_COUNT)
        return;
    cs->inverted = cs->order == order && !cs->inverted;
    cs->order = order;
}

bool counters_table_click(const struct ui_state *state, struct counters_state *cs,
                          const struct counters *rows, bool detail, const struct layout *l,
                          struct ui_key key)
{
    int line = key.y - l->body.y - 1;

    if (line < 0) {
        click_order(cs, detail, l->body, key.x - l->body.x);
        return false;
    }
    size_t row = cs->scroll.top + (size_t)line;
    /* Below a page is the explanation. */
    if ((size_t)line >= counters_page(state) || row >= rows->count)
        return false;
    if (row == cs->scroll.row && cs->selected >= 0)
        return true;
    select_row(cs, rows, row);
    return false;
}

bool counters_table_search(struct counters_state *cs, const struct counters *rows,
                           const struct snapshot *s, const char *text, bool after)
{
    size_t count = rows->count, from = cs->scroll.row + after;

    for (size_t i = 0; i < count; i++)
        if (pattern_contains(row_name(cs, rows, s, (from + i) % count), text)) {
            select_row(cs, rows, (from + i) % count);
            return true;
        }
    return false;
}
