// SPDX-License-Identifier: MIT
#include <stdio.h>

#include "ui/view/view.h"

void view_chooser(const struct ui_state *st, struct rect titles, struct rect r, struct screen *out)
{
    const struct chooser_state *c = &st->chooser;

    screen_field(
        out, titles, titles.y, titles.x, titles.cols, ALIGN_LEFT, STYLE_TITLE,
        c->sorting
            ? "Sort by"
            : "Columns of the VMs screen: Enter shows or hides, F7 F8 move, Left Right size");
    for (int i = 0; i < r.rows && c->scroll.top + (size_t)i < COLUMN_COUNT; i++) {
        size_t row = c->scroll.top + (size_t)i;
        bool chosen, selected = row == c->scroll.row;
        enum column_id id = chooser_row(&st->vms.columns, row, &chosen);
        const struct column *column = &column_table[id];
        int width = st->vms.columns.width[id] ? st->vms.columns.width[id] : column->width;
        enum style style = selected ? STYLE_SELECTED : chosen ? STYLE_NORMAL : STYLE_DIM;
        int y = r.y + i, x = r.x + 1;
        char text[200];

        if (selected)
            screen_fill(out, (struct rect){y, r.x, 1, r.cols}, STYLE_SELECTED);
        screen_text(out, r, y, x, style,
                    c->sorting ? id == st->vms.sort ? "(*)" : "( )"
                    : chosen   ? "[x]"
                               : "[ ]");
        screen_field(out, r, y, x + 4, 9, ALIGN_LEFT, style, column->title);
        screen_printf(out, r, y, x + 14, style, "%2d", width);
        bool has_unit = column->unit[0] != '-';
        snprintf(text, sizeof(text), "%s%s%s%s", column->origin, has_unit ? " (" : "",
                 has_unit ? column->unit : "", has_unit ? ")" : "");
        screen_field(out, r, y, x + 18, r.x + r.cols - x - 18, ALIGN_LEFT, style, text);
    }
}
