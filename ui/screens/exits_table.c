// SPDX-License-Identifier: MIT
// Tables of exits.
#include "ui/screens/exits_table.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/model/exit_known.h"
#include "ui/grid/format.h"
#include "ui/screens/exits_head.h"
#include "ui/screens/exits_reason.h"
#include "ui/state/exits_layout.h"
#include "ui/state/layout.h"

/* --- the table -------------------------------------------------------------------------------- */

static void draw_titles(const struct exits_chosen *es, const struct exits_plan *p, struct rect r,
                        struct screen *out)
{
    static const int sorted[EXITS_ORDER_COUNT] = {
        [EXITS_BY_TIME] = EXITS_TIME, [EXITS_BY_COUNT] = EXITS_RATE, [EXITS_BY_NAME] = EXITS_NAME};

    screen_fill(out, r, STYLE_TITLE);
    for (int c = 0; c < EXITS_COLUMN_COUNT; c++) {
        const struct exits_column *column = &exits_columns[c];
        const bool is_sorted = sorted[es->order] == c, right = column->align == ALIGN_RIGHT;
        const bool down = (es->order != EXITS_BY_NAME) != es->inverted;
        const char *mark =
            !is_sorted ? "" : screen_glyph(out, down ? GLYPH_SORT_DOWN : GLYPH_SORT_UP);
        char title[32];
        snprintf(title, sizeof(title), "%s%s%s", right ? mark : column->title,
                 is_sorted && !right ? " " : "", right ? column->title : mark);
        screen_field(out, r, r.y, r.x + p->x[c], p->width[c], column->align,
                     is_sorted ? STYLE_SORTED : STYLE_TITLE, title);
    }
}

struct row_place {
    const struct exits_plan *plan;
    struct rect r;
    int y;
    enum style style;
};

static void draw_cell(const struct row_place *at, int c, bool is_zero, const char *text,
                      struct screen *out)
{
    screen_field(out, at->r, at->y, at->r.x + at->plan->x[c], at->plan->width[c],
                 exits_columns[c].align,
                 at->style == STYLE_NORMAL && is_zero ? STYLE_DIM : at->style, text);
}

/* A time, or a dash where there was none. */
static void draw_span(const struct row_place *at, int c, bool is_known, double ns,
                      struct screen *out)
{
    char buf[FORMAT_MAX];

    draw_cell(at, c, !is_known,
              is_known ? format_span(buf, ns / 1e9) : screen_glyph(out, GLYPH_NOTHING), out);
}

static void draw_times(const struct row_place *at, const struct exit_row *row, struct screen *out)
{
    const struct exit_times *t = &row->interval;
    const bool is_known = t->timed > 0;

    draw_span(at, EXITS_AVG, is_known, is_known ? (double)t->total_ns / (double)t->timed : 0, out);
    draw_span(at, EXITS_P50, is_known,
              (double)exit_quantile(t->buckets, 0.5, row->min_ns, row->max_ns), out);
    draw_span(at, EXITS_P99, is_known,
              (double)exit_quantile(t->buckets, 0.99, row->min_ns, row->max_ns), out);
    draw_span(at, EXITS_MAX, row->all.timed > 0, (double)row->max_ns, out);
}

static void draw_trend(const struct ui_model *m, const struct exits_view *v,
                       const struct exits_line *line, const struct row_place *at,
                       struct screen *out)
{
    const int width = at->plan->width[EXITS_TREND];
    const size_t want = (size_t)width < HISTORY_LENGTH ? (size_t)width : HISTORY_LENGTH;
    float values[HISTORY_LENGTH];
    const int vcpu = v->vcpu != NULL ? (int)(v->vcpu - v->vm->vcpus) : -1;
    const struct trend_exit which = {line->id.isa, line->id.section == EXITS_SEEN, line->id.value,
                                     vcpu};
    size_t n = trends_exit(m->trends, v->vm != NULL ? &v->vm->id : NULL, &which, values, want);

    screen_spark(out, at->r, at->y, at->r.x + at->plan->x[EXITS_TREND], width,
                 at->style == STYLE_NORMAL ? STYLE_GRAPH : at->style, values, n, 0);
}

static void draw_row(const struct ui_model *m, const struct exits_view *v,
                     const struct exits_line *line, const struct row_place *at, struct screen *out)
{
    char name[EXITS_NAME_MAX], buf[FORMAT_MAX];
    const struct row_place strong = {at->plan, at->r, at->y,
                                     at->style == STYLE_NORMAL ? STYLE_STRONG : at->style};

    draw_cell(&strong, EXITS_NAME, false, exits_name(v->exits, &line->id, name), out);
    draw_cell(at, EXITS_RATE, line->count == 0, format_count(buf, line->rate), out);
    if (!isnan(line->share))
        draw_cell(at, EXITS_SHARE, line->count == 0, format_percent(buf, line->share), out);
    if (!isnan(line->time_share))
        draw_cell(at, EXITS_TIME, line->time_share <= 0, format_percent(buf, line->time_share),
                  out);
    if (line->row != NULL)
        draw_times(at, line->row, out);
    draw_trend(m, v, line, at, out);
}

static void draw_heading(const struct exits_line *line, struct rect r, int y, struct screen *out)
{
    char buf[FORMAT_MAX];

    format_count(buf, line->rate);
    if (line->id.section == EXITS_WAITING)
        screen_text(out, r, y, r.x, STYLE_LABEL,
                    "Waiting, no work: TIME% is of all time of these vCPUs");
    else if (line->id.section == EXITS_SEEN)
        screen_printf(out, r, y, r.x, STYLE_LABEL, "What is behind exits: %s/s", buf);
    else
        screen_printf(out, r, y, r.x, STYLE_LABEL, "To user space: %s/s, %% is of these", buf);
}

/* Why there is no row. */
static const char *none_text(const struct exits_rows *rows)
{
    if (rows->filtered > 0)
        return "No reason matches the filter. c clears it.";
    return rows->hidden_zero > 0 ? "Nothing happened in the interval. z shows the zeros."
                                 : "No exit since the counting began.";
}

static void draw_rows(const struct ui_model *m, const struct exits_chosen *es,
                      const struct exits_view *v, const struct exits_plan *p, struct rect r,
                      struct screen *out)
{
    const struct exits_rows *rows = &m->rows->exits;

    if (rows->count == 0)
        screen_text(out, r, r.y + (r.rows > 2), r.x + 2, STYLE_NOTICE, none_text(rows));
    for (int i = 0; i < r.rows && es->scroll.top + (size_t)i < rows->count; i++) {
        const size_t index = es->scroll.top + (size_t)i;
        const bool selected = index == es->scroll.row;
        const struct row_place at = {p, r, r.y + i, selected ? STYLE_SELECTED : STYLE_NORMAL};
        if (rows->lines[index].is_heading) {
            draw_heading(&rows->lines[index], r, at.y, out);
            continue;
        }
        if (selected)
            screen_fill(out, (struct rect){at.y, r.x, 1, r.cols}, STYLE_SELECTED);
        draw_row(m, v, &rows->lines[index], &at, out);
    }
}

/* --- the selected reason ---------------------------------------------------------------------- */

static int rows_of(const char *text, int cols)
{
    int rows = 0;

    while (*text != '\0') {
        screen_wrap(text, cols, &text);
        rows++;
    }
    return rows;
}

struct explanation {
    char text[700];
};

static struct explanation explain(const struct exits_id *id, bool causes, bool helps)
{
    const struct exit_known *known = exits_known(id);
    const struct {
        const char *label, *text;
    } parts[] = {
        {"", id->section == EXITS_SEEN ? "Enter shows which they are." : NULL},
        {"", known != NULL ? known->means : NULL},
        {"Causes: ", known != NULL && causes ? known->causes : NULL},
        {"Helps: ", known != NULL && helps ? known->helps : NULL},
    };
    struct explanation e = {""};
    size_t length = 0;

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (parts[i].text != NULL)
            length += (size_t)snprintf(e.text + length, sizeof(e.text) - length, "%s%s%s",
                                       length > 0 ? " " : "", parts[i].label, parts[i].text);
    return e;
}

/* What it means, and what helps, and where there is room what causes it: Enter shows all. */
static void draw_explanation(const struct ui_model *m, const struct exits_chosen *es, struct rect r,
                             struct screen *out)
{
    const struct exits_rows *rows = &m->rows->exits;

    if (es->scroll.row >= rows->count || r.rows == 0)
        return;
    const struct exits_id *id = &rows->lines[es->scroll.row].id;
    struct explanation e = explain(id, true, true);
    if (rows_of(e.text, r.cols) > r.rows)
        e = explain(id, false, true);
    if (rows_of(e.text, r.cols) > r.rows)
        e = explain(id, false, false);
    screen_paragraph(out, r, STYLE_NOTICE, e.text);
}

/* --- all -------------------------------------------------------------------------------------- */

static struct exits_layout layout_of(const struct exits_view *v, struct rect body)
{
    char notice[EXITS_TEXT_MAX] = "";

    if (exits_stage_of(v) == EXITS_STAGE_SHOWN)
        exits_head_notice(v, notice);
    return exits_layout(body, rows_of(notice, body.cols));
}

void exits_table_draw(const struct ui_model *m, const struct ui_state *st,
                      const struct exits_chosen *es, const struct exits_view *v, struct rect r,
                      struct screen *out)
{
    char text[EXITS_TEXT_MAX];
    struct exits_plan plan;

    if (exits_stage_of(v) != EXITS_STAGE_SHOWN) {
        const struct rect area = {r.y + (r.rows > 3), r.x + 2, r.rows - (r.rows > 3), r.cols - 4};
        screen_paragraph(out, rect_clip(area, r), STYLE_NOTICE, exits_head_stage(st, v, text));
        return;
    }
    if (es->is_open) {
        exits_reason_draw(v, es, &m->rows->exits_page, r, out);
        return;
    }
    const struct exits_layout l = layout_of(v, r);
    exits_head_draw(v, l.head, out);
    if (l.notice.rows > 0)
        screen_paragraph(out, l.notice, STYLE_NOTICE, exits_head_notice(v, text));
    exits_plan_columns(r.cols, &plan);
    if (l.titles.rows > 0)
        draw_titles(es, &plan, l.titles, out);
    draw_rows(m, es, v, &plan, l.table, out);
    draw_explanation(m, es, l.explain, out);
}

void exits_table_status(const struct exits_chosen *es, const struct exits_rows *rows, struct rect r,
                        struct screen *out)
{
    const bool is_one = rows->hidden_zero == 1;

    if (es->is_open)
        return;
    if (es->pattern.set)
        screen_printf(out, r, r.y, r.x, STYLE_NOTICE, "%zu reason%s, filter %s; c clears it",
                      rows->rows, rows->rows == 1 ? "" : "s", es->pattern.text);
    else if (rows->hidden_zero > 0)
        screen_printf(out, r, r.y, r.x, STYLE_DIM,
                      "%zu reason%s that did not happen %s hidden; z shows %s", rows->hidden_zero,
                      is_one ? "" : "s", is_one ? "is" : "are", is_one ? "it" : "them");
}

/* --- keys, mouse ------------------------------------------------------------------------------ */

static struct rect body_of(const struct ui_state *state)
{
    return layout_make(state->rows, state->cols).body;
}

static size_t table_rows(const struct ui_state *state, const struct exits_view *v)
{
    const int rows = layout_of(v, body_of(state)).table.rows;

    return rows > 1 ? (size_t)rows : 1;
}

int exits_table_follow(const struct ui_state *state, const struct ui_model *model,
                       struct exits_chosen *es, const struct exits_view *v)
{
    struct exits_page *page = &model->rows->exits_page;
    const size_t rows = exits_reason_rows(body_of(state).rows);
    int result = exits_collect(v, es, &model->rows->exits);

    if (result == 0)
        exits_follow(es, &model->rows->exits, table_rows(state, v));
    if (result == 0 && es->is_open) {
        result = exits_page_follow(v, &es->open, state->cols, page);
        if (es->page.top + rows > page->count)
            es->page.top = page->count > rows ? page->count - rows : 0;
    }
    return result;
}

static void open_reason(struct exits_chosen *es, const struct exits_rows *rows)
{
    if (es->is_open || es->scroll.row >= rows->count || rows->lines[es->scroll.row].is_heading)
        return;
    es->is_open = true;
    es->open = rows->lines[es->scroll.row].id;
    es->page = (struct scroll){0};
}

bool exits_table_close(struct exits_chosen *es)
{
    const bool was_open = es->is_open;

    es->is_open = false;
    return was_open;
}

static void change_vcpu(struct exits_chosen *es, const struct exits_view *v, int by)
{
    const int count = v->vm != NULL ? (int)v->vm->vcpu_count + 1 : 1;

    es->vcpu = (es->vcpu + by + count) % count;
}

void exits_table_command(const struct ui_state *state, const struct ui_model *model,
                         struct exits_chosen *es, const struct exits_view *v,
                         enum ui_command command)
{
    if (es->is_open && scroll_text(&es->page, command, model->rows->exits_page.count,
                                   exits_reason_rows(body_of(state).rows)))
        return;
    if (!es->is_open && exits_move(es, &model->rows->exits, command, table_rows(state, v)))
        return;
    switch (command) {
    case COMMAND_ORDER:
        es->order = (es->order + 1) % EXITS_ORDER_COUNT;
        es->inverted = false;
        break;
    case COMMAND_SORT_INVERT:
        es->inverted = !es->inverted;
        break;
    case COMMAND_ZEROS:
        es->hide_zero = !es->hide_zero;
        break;
    case COMMAND_CHOOSE:
        open_reason(es, &model->rows->exits);
        break;
    case COMMAND_SCROLL_LEFT:
        change_vcpu(es, v, -1);
        break;
    case COMMAND_SCROLL_RIGHT:
        change_vcpu(es, v, 1);
        break;
    default:
        break;
    }
}

/* The titles: the same again turns the order round. */
static void click_order(struct exits_chosen *es, int cols, int x)
{
    const enum exits_order order = exits_order_at(cols, x);

    if (order == EXITS_ORDER_COUNT)
        return;
    es->inverted = es->order == order && !es->inverted;
    es->order = order;
}

void exits_table_click(const struct ui_model *model, struct exits_chosen *es,
                       const struct exits_view *v, struct rect body, struct ui_key key)
{
    const struct exits_rows *rows = &model->rows->exits;
    const struct exits_layout l = layout_of(v, body);
    const size_t line = es->scroll.top + (size_t)(key.y - l.table.y);

    if (exits_stage_of(v) != EXITS_STAGE_SHOWN || es->is_open)
        return;
    if (l.titles.rows > 0 && key.y == l.titles.y)
        click_order(es, body.cols, key.x - body.x);
    if (key.y < l.table.y || key.y >= l.table.y + l.table.rows || line >= rows->count ||
        rows->lines[line].is_heading)
        return;
    if (line == es->scroll.row && es->has_selected)
        open_reason(es, rows);
    else
        exits_select(es, rows, line);
}
