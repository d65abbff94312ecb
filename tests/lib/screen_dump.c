// SPDX-License-Identifier: MIT
#include "tests/lib/screen_dump.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"

static const char letters[STYLE_COUNT] = {
    [STYLE_NORMAL] = '.',   [STYLE_DIM] = 'd',       [STYLE_STRONG] = 'B',    [STYLE_LABEL] = 'l',
    [STYLE_TITLE] = 'T',    [STYLE_SORTED] = 'O',    [STYLE_SELECTED] = 'S',  [STYLE_TAGGED] = 'G',
    [STYLE_MISSING] = 'm',   [STYLE_NOTICE] = 'n',    [STYLE_WARNING] = 'W',
    [STYLE_GRAPH] = 'g',    [STYLE_GRAPH_ALT] = 'a', [STYLE_GRAPH_HIGH] = 'h', [STYLE_KEY] = 'K',
    [STYLE_KEY_TEXT] = 'k', [STYLE_INPUT] = 'I',     [STYLE_TAB] = 'b',
};

char screen_style_letter(enum style style)
{
    return letters[style];
}

char *screen_dump(const struct screen *screen)
{
    size_t rows = (size_t)screen->rows, cols = (size_t)screen->cols;
    char *text = malloc(64 + rows * (cols * 4 * (1 + SCREEN_COMBINING) + 2) + rows * (cols + 2));

    if (!text)
        return NULL;
    char *p = text + sprintf(text, "%zux%zu\n", rows, cols);
    for (int y = 0; y < screen->rows; y++) {
        for (int x = 0; x < screen->cols; x++) {
            const struct cell *cell = screen_cell(screen, y, x);
            if (cell->width == 0)
                continue;
            p += text_encode(cell->code, p);
            for (size_t i = 0; i < SCREEN_COMBINING && cell->combining[i]; i++)
                p += text_encode(cell->combining[i], p);
        }
        p = stpcpy(p, "|\n");
    }
    p = stpcpy(p, "--\n");
    for (int y = 0; y < screen->rows; y++) {
        for (int x = 0; x < screen->cols; x++)
            *p++ = letters[screen_cell(screen, y, x)->style];
        p = stpcpy(p, "|\n");
    }
    return text;
}
