/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the pane of the selected VM have in common: lines with a label and items, each
 * of which is drawn whole, without its cause, or not at all, and causes that are said once.
 *
 *     pane_label(p, "TIME");
 *     pane_put_column(p, "guest ", COLUMN_GUEST);
 *     pane_end_item(p);
 *     pane_end_line(p);
 */
#ifndef KVMLENS_UI_SCREENS_PANE_PEN_H
#define KVMLENS_UI_SCREENS_PANE_PEN_H

#include <stdbool.h>
#include <stddef.h>

#include "core/model/snapshot.h"
#include "ui/grid/screen.h"
#include "ui/state/columns.h"
#include "ui/state/model.h"

#define PANE_LABEL_COLS 10
#define PANE_GAP        2
#define PANE_PARTS_MAX  12
#define PANE_TEXT_MAX   160

struct pane_part {
    enum style style;
    char text[PANE_TEXT_MAX];
};

/* Where the next thing is drawn. Zeroed, but for the first five. */
struct pane_pen {
    const struct ui_model *model;
    const struct snapshot_vm *vm;
    const struct column_fields *fields;
    struct screen *out;
    struct rect r;
    int y, x;
    bool has_item;                          /* on this line */
    bool is_said[CAUSE_COUNT];              /* causes, anywhere in the pane */
    struct pane_part parts[PANE_PARTS_MAX]; /* of the item that is being made */
    size_t part_count;
    enum reading_cause pending; /* is said as soon as the item is drawn */
    size_t cause_at;            /* its part, the last one, while one is pending */
};

bool pane_has_row(const struct pane_pen *p);

/* pane_label - begins a line; "": one that goes on with the one above. */
void pane_label(struct pane_pen *p, const char *label);

/* pane_put - the next part of an item. */
void pane_put(struct pane_pen *p, enum style style, const char *text);

struct column_value pane_value(const struct pane_pen *p, enum column_id id);

/* pane_put_column - "WORD !!12.0%", as the column has it, with its unit. pane_put_value - of a
 * value that is not the column's own. */
void pane_put_column(struct pane_pen *p, const char *word, enum column_id id);
void pane_put_value(struct pane_pen *p, const char *word, enum column_id id,
                    const struct column_value *v);

/* pane_put_cause - ": CAUSE" of what is missing, where it is known and was not said before, in this
 * pane or in the header. */
void pane_put_cause(struct pane_pen *p, const struct column_value *v);

/* pane_end_item - it is drawn where it has room, if need be without its cause, else left out whole.
 * False: it was. */
bool pane_end_item(struct pane_pen *p);

/* pane_item - an item of one column. */
void pane_item(struct pane_pen *p, const char *word, enum column_id id);

void pane_end_line(struct pane_pen *p);

#endif
