// SPDX-License-Identifier: MIT
#include "ui/screens/pane_pen.h"

#include <stdio.h>
#include <string.h>

#include "core/base/text.h"

bool pane_has_row(const struct pane_pen *p)
{
    return p->y < p->r.y + p->r.rows;
}

void pane_label(struct pane_pen *p, const char *label)
{
    screen_text(p->out, p->r, p->y, p->r.x, STYLE_LABEL, label);
    p->x = p->r.x + PANE_LABEL_COLS;
    p->has_item = false;
    p->part_count = 0;
    p->pending = CAUSE_NONE;
}

void pane_put(struct pane_pen *p, enum style style, const char *text)
{
    if (text[0] == '\0' || p->part_count == PANE_PARTS_MAX)
        return;
    struct pane_part *part = &p->parts[p->part_count++];
    snprintf(part->text, sizeof(part->text), "%s", text);
    part->style = style;
}

struct column_value pane_value(const struct pane_pen *p, enum column_id id)
{
    return column_get(id, p->fields, p->vm, NULL);
}

void pane_put_value(struct pane_pen *p, const char *word, enum column_id id,
                    const struct column_value *v)
{
    static const char *const units[] = {[COLUMN_PERCENT] = "%",
                                        [COLUMN_ZERO_SHARE] = "%",
                                        [COLUMN_COUNT_PER_S] = "/s",
                                        [COLUMN_BYTES_PER_S] = "/s",
                                        [COLUMN_GRAPH] = NULL};
    char buf[COLUMN_TEXT_MAX];
    const char *unit = units[column_table[id].kind];

    pane_put(p, STYLE_LABEL, word);
    pane_put(p, column_style(id, v), column_text(id, v, p->out, buf));
    if (v->state == READING_OK && unit != NULL)
        pane_put(p, STYLE_NORMAL, unit);
}

void pane_put_column(struct pane_pen *p, const char *word, enum column_id id)
{
    const struct column_value v = pane_value(p, id);

    pane_put_value(p, word, id, &v);
}

/* The header says that the kernel is locked down. */
static bool is_on_top(const struct pane_pen *p, enum reading_cause cause)
{
    return host_is_locked_down(&p->model->now->host) && reading_cause_is_lockdown(cause);
}

void pane_put_cause(struct pane_pen *p, const struct column_value *v)
{
    const enum reading_cause cause = (enum reading_cause)v->cause;
    char text[PANE_TEXT_MAX];

    if (v->state == READING_OK || v->state == READING_WARMUP || cause == CAUSE_NONE ||
        p->is_said[cause] || is_on_top(p, cause))
        return;
    p->pending = cause;
    p->cause_at = p->part_count;
    snprintf(text, sizeof(text), ": %s", reading_cause_text(cause));
    pane_put(p, STYLE_NORMAL, text);
}

static bool has_room(const struct pane_pen *p)
{
    int width = p->has_item ? PANE_GAP : 0;

    for (size_t i = 0; i < p->part_count; i++)
        width += (int)text_width(p->parts[i].text);
    return p->x + width <= p->r.x + p->r.cols;
}

bool pane_end_item(struct pane_pen *p)
{
    if (p->pending != CAUSE_NONE && !has_room(p)) {
        p->part_count = p->cause_at;
        p->pending = CAUSE_NONE;
    }
    const bool fits = p->part_count > 0 && has_room(p);
    if (fits) {
        p->x += p->has_item ? PANE_GAP : 0;
        for (size_t i = 0; i < p->part_count; i++)
            p->x += screen_text(p->out, p->r, p->y, p->x, p->parts[i].style, p->parts[i].text);
        p->has_item = true;
        p->is_said[p->pending] = true;
    }
    p->part_count = 0;
    p->pending = CAUSE_NONE;
    return fits;
}

void pane_item(struct pane_pen *p, const char *word, enum column_id id)
{
    pane_put_column(p, word, id);
    pane_end_item(p);
}

void pane_end_line(struct pane_pen *p)
{
    p->y++;
}
