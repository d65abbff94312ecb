// SPDX-License-Identifier: MIT
#include "ui/screens/status.h"

#include <string.h>

#include "core/base/text.h"
#include "ui/screens/object.h"
#include "ui/view/view.h"

/* The last columns of a line that was cut: how to see the rest. */
#define MORE_TEXT "?: more"
#define MORE_COLS 9

/* What @screen says, with as much room as it likes. */
static void draw_whole(const struct ui_model *m, const struct ui_state *st, enum ui_screen screen,
                       struct screen *line)
{
    const struct screen_object *object = screens_get(screen);
    const struct rect r = screen_rect(line);

    if (st->message[0])
        view_message(st->message, r, line);
    else if (detail_is_over(st, screen))
        screen_printf(line, r, r.y, r.x, STYLE_NOTICE,
                      st->vms.follow ? "%s has ended; the next VM of its name is waited for. F: no "
                                       "longer"
                                     : "%s has ended; its last numbers stay. F: wait for its "
                                       "successor",
                      st->detail.name);
    else if (object->status != NULL)
        object->status(m, st, r, line);
    else if (screen_list_has(screen, SCREEN_TAB))
        view_cause(m->now, detail_vm(st, m), r, line);
}

/* Columns up to its last character. */
static int used_cols(const struct screen *line)
{
    int cols = line->cols;

    while (cols > 0 && screen_cell(line, 0, cols - 1)->code == ' ' &&
           screen_cell(line, 0, cols - 1)->width != 0)
        cols--;
    return cols;
}

/* Where a line that is longer ends between two words, in @cols columns at most. */
static int cut_at(const struct screen *line, int cols)
{
    for (int x = cols; x > cols / 2; x--)
        if (screen_cell(line, 0, x)->code == ' ' && screen_cell(line, 0, x)->width != 0)
            return x;
    return cols;
}

#define CELL_BYTES (4 * (1 + SCREEN_COMBINING) + 1)

/* A character and the marks on it; its bytes. */
static size_t cell_text(const struct cell *cell, char out[CELL_BYTES])
{
    size_t n = text_encode(cell->code, out);

    for (size_t i = 0; i < SCREEN_COMBINING && cell->combining[i] != 0; i++)
        n += text_encode(cell->combining[i], out + n);
    out[n] = '\0';
    return n;
}

static void copy(const struct screen *line, int cols, struct rect r, struct screen *out)
{
    char text[CELL_BYTES];

    for (int x = 0; x < cols; x++) {
        const struct cell *cell = screen_cell(line, 0, x);
        if (cell->width == 0)
            continue;
        cell_text(cell, text);
        screen_text(out, r, r.y, r.x + x, (enum style)cell->style, text);
    }
}

void status_draw(const struct ui_model *m, const struct ui_state *st, struct rect r,
                 struct screen *out)
{
    struct screen line;

    if (st->prompt.kind != PROMPT_NONE) {
        view_prompt(&st->prompt, r, out);
        return;
    }
    if (st->screen == SCREEN_HELP || screen_init(&line, 1, STATUS_COLS, out->unicode) < 0)
        return;
    draw_whole(m, st, st->screen, &line);
    int cols = used_cols(&line);
    if (cols <= r.cols) {
        copy(&line, cols, r, out);
    } else {
        cols = cut_at(&line, r.cols - MORE_COLS);
        copy(&line, cols, r, out);
        cols += screen_text(out, r, r.y, r.x + cols, STYLE_DIM,
                            screen_glyph(out, GLYPH_ELLIPSIS)) + 1;
        screen_text(out, r, r.y, r.x + cols, STYLE_KEY, MORE_TEXT);
    }
    screen_done(&line);
}

const char *status_rest(const struct ui_model *m, const struct ui_state *st, int cols, char *out,
                        size_t size)
{
    struct screen line;
    size_t len = 0;

    out[0] = '\0';
    if (screen_init(&line, 1, STATUS_COLS, true) < 0)
        return out;
    draw_whole(m, st, st->help_over, &line);
    const int used = used_cols(&line);
    for (int x = 0; used > cols && x < used; x++) {
        const struct cell *cell = screen_cell(&line, 0, x);
        if (cell->width != 0 && len + CELL_BYTES <= size)
            len += cell_text(cell, out + len);
    }
    screen_done(&line);
    return out;
}
