// SPDX-License-Identifier: MIT
#include "ui/screens/pane_exits.h"

#include <stdio.h>
#include <string.h>

#include "ui/grid/format.h"
#include "ui/state/counters.h"
#include "ui/state/exits.h"

#define ROWS_MAX  32
#define NAME_COLS 25
#define RATE_COLS 8
#define GAP       2

/* A row with a bar. */
struct row {
    const char *name;
    double rate;
    uint32_t index; /* whose it is: of rows of the same rate the first stands first */
};

struct rows {
    struct row list[ROWS_MAX];
    size_t count, max;
};

static void insert(struct rows *rows, const struct row *row)
{
    size_t at = rows->count;

    while (at > 0 && rows->list[at - 1].rate < row->rate)
        at--;
    if (at >= rows->max)
        return;
    rows->count += rows->count < rows->max;
    memmove(&rows->list[at + 1], &rows->list[at], (rows->count - at - 1) * sizeof(*row));
    rows->list[at] = *row;
}

static struct rows room_for_rows(const struct pane_pen *p)
{
    const int left = p->r.y + p->r.rows - p->y;

    return (struct rows){.max = left < 0 ? 0 : left < ROWS_MAX ? (size_t)left : ROWS_MAX};
}

/* Bars are of @whole. */
static void draw_rows(struct pane_pen *p, const struct rows *rows, double whole)
{
    const int name = p->r.cols < 2 * NAME_COLS ? p->r.cols / 2 : NAME_COLS;
    const int bar = p->r.cols - name - RATE_COLS - GAP;

    for (size_t i = 0; i < rows->count && pane_has_row(p); i++) {
        const struct row *row = &rows->list[i];
        char text[FORMAT_MAX], per_s[FORMAT_MAX + 2];
        snprintf(per_s, sizeof(per_s), "%s/s", format_count(text, row->rate));
        screen_field(p->out, p->r, p->y, p->r.x, name, ALIGN_LEFT, STYLE_NORMAL, row->name);
        screen_field(p->out, p->r, p->y, p->r.x + name, RATE_COLS, ALIGN_RIGHT, STYLE_NORMAL,
                     per_s);
        screen_bar(p->out, p->r, p->y, p->r.x + name + RATE_COLS + GAP, bar, STYLE_GRAPH,
                   row->rate / whole);
        pane_end_line(p);
    }
}

static void draw_heading(struct pane_pen *p, const char *what, const char *hint)
{
    p->x = p->r.x;
    p->has_item = false;
    pane_put(p, STYLE_LABEL, what);
    pane_end_item(p);
    pane_put(p, STYLE_DIM, hint);
    pane_end_item(p);
    pane_end_line(p);
}

/* --- reasons ---------------------------------------------------------------------------------- */

static void draw_reasons(struct pane_pen *p, const struct exits_view *view)
{
    const struct exit_group *g = view->group;
    const double all = (double)g->interval_exits / view->exits->interval_s;
    char names[ROWS_MAX][EXITS_NAME_MAX], what[80], text[FORMAT_MAX];

    snprintf(what, sizeof(what), "EXIT REASONS of %s/s", format_count(text, all));
    draw_heading(p, what, "time: e");
    struct rows rows = room_for_rows(p);
    for (size_t i = 0; i < g->row_count; i++)
        if (g->rows[i].interval.count > 0)
            insert(&rows, &(struct row){.rate = (double)g->rows[i].interval.count /
                                                view->exits->interval_s,
                                        .index = (uint32_t)i});
    for (size_t i = 0; i < rows.count; i++) {
        const struct exit_row *row = &g->rows[rows.list[i].index];
        const struct exits_id id = {EXITS_WORK, row->isa, row->reason};
        rows.list[i].name = exits_name(view->exits, &id, names[i]);
    }
    draw_rows(p, &rows, all);
}

/* --- counters --------------------------------------------------------------------------------- */

static double rate_of(const struct pane_pen *p, size_t field)
{
    const struct figure *rate = &p->vm->values[field].rate;

    return rate->state == READING_OK ? rate->value : 0;
}

/* Exits of one kind, or what is none: of these bars would say that they are part of all exits. */
static void find_counters(const struct pane_pen *p, bool is_exit, struct rows *ret)
{
    const struct snapshot *s = p->model->now;

    *ret = room_for_rows(p);
    for (size_t f = 0; f < s->field_count; f++) {
        const struct field *field = &s->fields->fields[f];
        if (counters_is_count(field) && !counters_is_all_exits(field) &&
            counters_is_exit(field) == is_exit && rate_of(p, f) > 0)
            insert(ret, &(struct row){.name = field->name, .rate = rate_of(p, f)});
    }
}

static double all_exits(const struct pane_pen *p)
{
    const struct snapshot *s = p->model->now;

    for (size_t f = 0; f < s->field_count; f++)
        if (counters_is_all_exits(&s->fields->fields[f]))
            return rate_of(p, f);
    return 0;
}

static void draw_counters(struct pane_pen *p, const char *hint)
{
    const struct column_value exits = pane_value(p, COLUMN_EXITS);
    double whole = all_exits(p);
    struct rows rows;

    p->x = p->r.x;
    p->has_item = false;
    pane_put_column(p, "EXITS counted by KVM: ", COLUMN_EXITS);
    pane_put_cause(p, &exits);
    pane_end_item(p);
    pane_put(p, STYLE_DIM, hint);
    pane_end_item(p);
    pane_end_line(p);
    find_counters(p, true, &rows);
    if (rows.count > 0 && rows.list[0].rate > whole)
        whole =
            rows.list[0].rate; /* a kind is counted that all exits leave out, or these are not */
    draw_rows(p, &rows, whole);
    find_counters(p, false, &rows);
    if (rows.count < 1 || rows.max < 2)
        return;
    draw_heading(p, "No exits, but counted", "");
    draw_rows(p, &rows, rows.list[0].rate);
}

void pane_exits_draw(struct pane_pen *p)
{
    const struct exits_view view = exits_view_vm(p->model->now, p->vm, 0);
    const bool is_shown = exits_stage_of(&view) == EXITS_STAGE_SHOWN;

    if (!pane_has_row(p))
        return;
    if (is_shown && !exits_are_unseen(&view) && view.group->interval_exits > 0)
        draw_reasons(p, &view);
    else
        draw_counters(p, is_shown && exits_are_unseen(&view) ? "no reasons here" : "reasons: e");
}
