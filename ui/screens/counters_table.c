// SPDX-License-Identifier: MIT
// Tables of counters: of one VM (first tab) and of the host (kvm_stat's own view).
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/find/host_fix.h"
#include "core/base/text.h"
#include "ui/grid/format.h"
#include "ui/state/layout.h"
#include "ui/view/view.h"

static void draw_titles(const struct counters_state *cs, const struct counters_plan *p,
                        struct rect r, struct screen *out)
{
    static const int sorted[COUNTERS_ORDER_COUNT] = {[COUNTERS_BY_RATE] = COUNTERS_RATE,
                                                     [COUNTERS_BY_TOTAL] = COUNTERS_TOTAL,
                                                     [COUNTERS_BY_NAME] = COUNTERS_NAME};

    screen_fill(out, r, STYLE_TITLE);
    for (int c = 0; c < COUNTERS_COLUMN_COUNT; c++) {
        bool is_sorted = sorted[cs->order] == c;
        bool down = (cs->order != COUNTERS_BY_NAME) != cs->inverted;
        char title[32];
        const char *text = c == COUNTERS_NAME && cs->by_guest ? "GUEST" : counters_columns[c].title;
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

static void draw_row(const struct ui_model *m, const struct counters_state *cs,
                     const struct snapshot *s, const struct snapshot_vm *vm,
                     const struct counters_plan *p, size_t index, struct rect r, int y,
                     enum style style, struct screen *out)
{
    const struct counter_row *row = &cs->counters.rows[index];
    const struct field *f = cs->by_guest ? NULL : &s->fields->fields[row->index];
    char buf[FORMAT_MAX];

    screen_field(out, r, y, r.x + p->x[COUNTERS_NAME], p->width[COUNTERS_NAME], ALIGN_LEFT,
                 style == STYLE_NORMAL ? STYLE_STRONG : style, counters_row_name(cs, s, index));
    draw_value(&row->total, row->total_short,
               f ? counters_value_text(f, row->total.value, buf)
                 : format_exact(buf, (uint64_t)row->total.value),
               p, COUNTERS_TOTAL, r, y, style, out);
    if (!f || f->kind == FIELD_CUMULATIVE)
        draw_value(&row->rate, row->rate_short,
                   f ? counters_rate_text(f, row->rate.value, buf)
                     : format_count(buf, row->rate.value),
                   p, COUNTERS_RATE, r, y, style, out);
    if (!isnan(row->share))
        screen_field(out, r, y, r.x + p->x[COUNTERS_SHARE], p->width[COUNTERS_SHARE], ALIGN_RIGHT,
                     style, format_percent(buf, row->share));
    if (!vm || !f)
        return;
    float values[HISTORY_LENGTH];
    size_t want = (size_t)p->width[COUNTERS_TREND] < HISTORY_LENGTH
                      ? (size_t)p->width[COUNTERS_TREND]
                      : HISTORY_LENGTH;
    size_t n = trends_counter(m->trends, &vm->id, row->index, values, want);
    screen_spark(out, r, y, r.x + p->x[COUNTERS_TREND], p->width[COUNTERS_TREND],
                 style == STYLE_NORMAL ? STYLE_GRAPH : style, values, n, 0);
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

/* What the selected counter means, and why it is missing if it is. */
static void draw_explanation(const struct counters_state *cs, const struct snapshot *s,
                             struct rect r, struct screen *out)
{
    if (cs->counters.count == 0 || cs->by_guest)
        return;
    const struct counter_row *row = &cs->counters.rows[cs->scroll.row];
    const struct field *f = &s->fields->fields[row->index];
    const struct field_known *known = field_known(f->name);
    const struct figure *missing = row->total.state != READING_OK ? &row->total : NULL;
    bool reset = row->total.state == READING_RESET;
    char text[700], fix[HOST_FIX_MAX];

    /* Without a VM nothing is missing for a reason. */
    if (missing && missing->cause == CAUSE_NONE)
        missing = NULL;
    snprintf(text, sizeof(text), "%s (%s): %s%s%s%s%s%s%s", f->name, field_scope_name(f->scope),
             known && known->text ? known->text : "No explanation of this counter is known.",
             missing ? " Missing: " : "", missing ? reading_cause_text(missing->cause) : "",
             missing ? ". " : "", missing ? host_fix_cause(&s->host, missing->cause, fix) : "",
             short_note(row),
             reset ? " A VM ended since, or a 32-bit counter wrapped: r counts from now on." : "");
    screen_paragraph(out, r, STYLE_NOTICE, text);
}

/* Why there is no row. */
static const char *none_text(const struct counters_state *cs)
{
    if (cs->counters.lack == COUNTERS_LACK_FIELD)
        return cs->by_guest ? "No counter that guests could be compared by matches the filter. c "
                              "clears it."
                            : "No counter matches the filter. c clears it.";
    if (cs->counters.lack == COUNTERS_LACK_GUEST)
        return "No guest matches the filter. c clears it.";
    return cs->counters.hidden_zero > 0 ? "Nothing was counted yet. z shows the zeros."
                                        : "There are no counters.";
}

static void draw_table(const struct ui_model *m, const struct counters_state *cs,
                       const struct snapshot *s, const struct snapshot_vm *vm, struct rect r,
                       struct screen *out)
{
    struct counters_plan p;
    struct rect rows = {r.y + 1, r.x, r.rows - 1, r.cols};

    layout_counters(r.cols, vm != NULL, &p);
    draw_titles(cs, &p, (struct rect){r.y, r.x, 1, r.cols}, out);
    if (r.rows >= LAYOUT_EXPLAIN_FROM) {
        rows.rows -= LAYOUT_EXPLAIN_ROWS;
        draw_explanation(cs, s, (struct rect){rows.y + rows.rows, r.x, LAYOUT_EXPLAIN_ROWS, r.cols},
                         out);
    }
    if (cs->counters.count == 0)
        screen_text(out, rows, rows.y + (rows.rows > 2), rows.x + 2, STYLE_NOTICE, none_text(cs));
    for (int i = 0; i < rows.rows && cs->scroll.top + (size_t)i < cs->counters.count; i++) {
        size_t index = cs->scroll.top + (size_t)i;
        bool selected = index == cs->scroll.row;
        if (selected)
            screen_fill(out, (struct rect){rows.y + i, r.x, 1, r.cols}, STYLE_SELECTED);
        draw_row(m, cs, s, vm, &p, index, rows, rows.y + i,
                 selected ? STYLE_SELECTED : STYLE_NORMAL, out);
    }
}

void view_counters(const struct ui_model *m, const struct ui_state *st, struct rect r,
                   struct screen *out)
{
    const struct snapshot_vm *vm = detail_vm(st, m);

    if (vm)
        draw_table(m, &st->detail.counters, m->detail, vm, r, out);
}

/* The text of a sum, or what stands for it where nothing could be added up. */
static const char *sum_text(enum reading_state state, const char *text, struct screen *out)
{
    if (state == READING_ABSENT)
        return screen_glyph(out, GLYPH_NOTHING);
    return state == READING_OK ? text : reading_state_text(state);
}

void view_host(const struct ui_model *m, const struct ui_state *st, struct rect titles,
               struct rect r, struct screen *out)
{
    const struct counters_state *cs = &st->host;
    char text[640], sum[FORMAT_MAX], rate[FORMAT_MAX];

    if (!m->now)
        return;
    bool totals = counters_totals(
        &(struct counters_query){.s = m->now, .by_guest = cs->by_guest, .guests = &cs->guests});
    bool more = cs->counters.total_sum_short && cs->counters.total_sum_state == READING_OK;
    bool more_rate = cs->counters.rate_sum_short && cs->counters.rate_sum_state == READING_OK;
    snprintf(text, sizeof(text), "%s%s%s%s%s   total %s%s, %s%s%s   %s%s",
             cs->by_guest ? "Host counters: by guest"
             : totals     ? "Kernel's totals of all VMs"
                          : "Host counters: all VMs",
             cs->guests.set ? ", guests " : "", cs->guests.text,
             cs->pattern.set ? ", counters " : "", cs->pattern.text, more ? ">" : "",
             sum_text(cs->counters.total_sum_state,
                      format_exact(sum, (uint64_t)cs->counters.total_sum), out),
             more_rate ? ">" : "",
             sum_text(cs->counters.rate_sum_state, format_count(rate, cs->counters.rate_sum), out),
             cs->counters.rate_sum_state == READING_OK ? "/s" : "",
             st->since_creation ? "since creation" : "since start or reset",
             cs->counters.hidden_zero ? ", zeros hidden" : "");
    screen_field(out, titles, titles.y, titles.x, titles.cols, ALIGN_LEFT, STYLE_LABEL, text);
    draw_table(m, cs, m->now, NULL, r, out);
}
