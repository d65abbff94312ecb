// SPDX-License-Identifier: MIT
// The grid and what draws into it. put() is the only place that writes a cell.
#include "ui/grid/screen.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "core/base/text.h"

#define SIDE_MAX 1000

static const struct {
    const char *unicode, *ascii;
} glyphs[GLYPH_COUNT] = {
    [GLYPH_ELLIPSIS] = {"…", "~"},    [GLYPH_BRANCH] = {"├", "|"},
    [GLYPH_BRANCH_LAST] = {"└", "`"}, [GLYPH_OPEN] = {"▾", "-"},
    [GLYPH_SORT_DOWN] = {"▾", "-"},   [GLYPH_SORT_UP] = {"▴", "+"},
    [GLYPH_MORE_LEFT] = {"◂", "<"},   [GLYPH_MORE_RIGHT] = {"▸", ">"},
    [GLYPH_NOTHING] = {"—", "-"},     [GLYPH_TAG] = {"•", "*"},
    [GLYPH_MIGRATING] = {"»", ">"},   [GLYPH_SHADE_0] = {"░", "."},
    [GLYPH_SHADE_1] = {"▒", "o"},     [GLYPH_SHADE_2] = {"▓", "0"},
    [GLYPH_SHADE_3] = {"█", "#"},     [GLYPH_SHADE_4] = {"≡", "s"},
    [GLYPH_UNKNOWN] = {"?", "?"},     [GLYPH_UNREAD] = {"·", ":"},
    [GLYPH_HOLE] = {"─", "-"},        [GLYPH_BORDER] = {"│", "|"},
};

static const struct cell blank = {.code = ' ', .width = 1};

int screen_init(struct screen *screen, int rows, int cols, bool unicode)
{
    *screen = (struct screen){.unicode = unicode};
    return screen_resize(screen, rows, cols);
}

void screen_done(struct screen *screen)
{
    free(screen->cells);
    *screen = (struct screen){0};
}

int screen_resize(struct screen *screen, int rows, int cols)
{
    if (rows < 1 || cols < 1 || rows > SIDE_MAX || cols > SIDE_MAX)
        return -EINVAL;
    struct cell *cells = malloc((size_t)rows * (size_t)cols * sizeof(*cells));
    if (cells == NULL)
        return -ENOMEM;
    free(screen->cells);
    screen->cells = cells;
    screen->rows = rows;
    screen->cols = cols;
    screen_clear(screen);
    return 0;
}

void screen_clear(struct screen *screen)
{
    size_t count = (size_t)screen->rows * (size_t)screen->cols;

    for (size_t i = 0; i < count; i++)
        screen->cells[i] = blank;
}

struct rect screen_rect(const struct screen *screen)
{
    return (struct rect){.rows = screen->rows, .cols = screen->cols};
}

const struct cell *screen_cell(const struct screen *screen, int y, int x)
{
    return &screen->cells[(size_t)y * (size_t)screen->cols + (size_t)x];
}

static struct cell *cell_at(struct screen *screen, int y, int x)
{
    return &screen->cells[(size_t)y * (size_t)screen->cols + (size_t)x];
}

static int max_int(int a, int b)
{
    return a > b ? a : b;
}

static int min_int(int a, int b)
{
    return a < b ? a : b;
}

struct rect rect_clip(struct rect r, struct rect within)
{
    int y = max_int(r.y, within.y), x = max_int(r.x, within.x);

    return (struct rect){
        .y = y,
        .x = x,
        .rows = max_int(0, min_int(r.y + r.rows, within.y + within.rows) - y),
        .cols = max_int(0, min_int(r.x + r.cols, within.x + within.cols) - x),
    };
}

/* What is left of a wide character whose other half was overwritten. */
static void make_blank(struct cell *cell)
{
    *cell = (struct cell){.code = ' ', .width = 1, .style = cell->style};
}

/* Write one cell; a wide character that loses a half loses the other one too. */
static void put(struct screen *screen, struct rect clip, int y, int x, enum style style,
                uint32_t code, int width)
{
    if (y < clip.y || y >= clip.y + clip.rows || x < clip.x || x + width > clip.x + clip.cols)
        return;
    struct cell *first = cell_at(screen, y, x);
    if (first->width == 0 && x > 0)
        make_blank(first - 1);
    struct cell *last = first + width - 1;
    if (last->width == 2 && x + width < screen->cols)
        make_blank(last + 1);
    *first = (struct cell){.code = code, .width = (uint8_t)width, .style = (uint8_t)style};
    if (width == 2)
        first[1] = (struct cell){.code = ' ', .width = 0, .style = (uint8_t)style};
}

static void put_combining(struct screen *screen, struct rect clip, int y, int x, uint32_t code)
{
    if (y < clip.y || y >= clip.y + clip.rows || x < clip.x || x >= clip.x + clip.cols)
        return;
    struct cell *cell = cell_at(screen, y, x);
    if (cell->width == 0 && x > clip.x)
        cell--;
    for (size_t i = 0; i < SCREEN_COMBINING; i++)
        if (cell->combining[i] == 0) {
            cell->combining[i] = code;
            return;
        }
}

/* One code point of @text: its width, its code (replaced where it cannot be shown), its bytes. */
static size_t next_char(const char *text, size_t len, uint32_t *ret_code, int *ret_width)
{
    size_t n = text_decode(text, len, ret_code);

    *ret_width = *ret_code < 0x7f && *ret_code >= 0x20 ? 1 : wcwidth((wchar_t)*ret_code);
    if (*ret_width < 0 || *ret_width > 2 || *ret_code == 0xFFFD) {
        *ret_code = '?';
        *ret_width = 1;
    }
    return n;
}

/* A character beyond ASCII on a screen without Unicode: as many '?' as it has columns. */
static void put_replaced(struct screen *screen, struct rect clip, int y, int x, enum style style,
                         int width)
{
    for (int i = 0; i < width; i++)
        put(screen, clip, y, x + i, style, '?', 1);
}

/* Draw at most @limit columns; returns the columns drawn. */
static int draw(struct screen *screen, struct rect clip, int y, int x, enum style style,
                const char *text, int limit)
{
    int used = 0;

    clip = rect_clip(clip, screen_rect(screen));
    for (size_t len = strlen(text); len > 0;) {
        uint32_t code;
        int width;
        size_t n = next_char(text, len, &code, &width);

        text += n;
        len -= n;
        if (width == 0) {
            if (used > 0 && screen->unicode)
                put_combining(screen, clip, y, x + used - 1, code);
            continue;
        }
        if (used + width > limit)
            break;
        if (code < 0x80 || screen->unicode)
            put(screen, clip, y, x + used, style, code, width);
        else
            put_replaced(screen, clip, y, x + used, style, width);
        used += width;
    }
    return used;
}

int screen_text(struct screen *screen, struct rect clip, int y, int x, enum style style,
                const char *text)
{
    return draw(screen, clip, y, x, style, text, SIDE_MAX);
}

int screen_printf(struct screen *screen, struct rect clip, int y, int x, enum style style,
                  const char *fmt, ...)
{
    char text[1024];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return screen_text(screen, clip, y, x, style, text);
}

void screen_field(struct screen *screen, struct rect clip, int y, int x, int width,
                  enum align align, enum style style, const char *text)
{
    if (width <= 0)
        return;
    int need = (int)text_width(text);
    int from = x;

    screen_fill(screen, rect_clip((struct rect){y, x, 1, width}, clip), style);
    if (need <= width) {
        if (align == ALIGN_RIGHT)
            from = x + width - need;
        draw(screen, clip, y, from, style, text, width);
        return;
    }
    int used = draw(screen, clip, y, x, style, text, width - 1);
    draw(screen, clip, y, x + used, style, screen_glyph(screen, GLYPH_ELLIPSIS), 1);
}

/* The next word of @text, cut to @size; @ret_next: behind it. */
static int next_word(const char *text, char *word, size_t size, const char **ret_next)
{
    const size_t n = strcspn(text, " "), kept = n < size ? n : size - 1;

    memcpy(word, text, kept);
    word[kept] = '\0';
    *ret_next = text + n;
    return (int)text_width(word);
}

size_t screen_wrap(const char *text, int cols, const char **ret_rest)
{
    const char *at = text, *end = text;
    int x = 0;

    while (*at != '\0') {
        char word[256];
        const char *next;
        const int width = next_word(at, word, sizeof(word), &next);
        if (x > 0 && x + 1 + width > cols)
            break;
        x += (x > 0) + width;
        end = next;
        at = next + strspn(next, " ");
    }
    *ret_rest = at;
    return (size_t)(end - text);
}

int screen_paragraph(struct screen *screen, struct rect r, enum style style, const char *text)
{
    int rows = 0;

    do {
        const char *rest, *end = text + screen_wrap(text, r.cols, &rest);
        for (int x = 0; text < end; text += strspn(text, " ")) {
            char word[256];
            const int width = next_word(text, word, sizeof(word), &text);
            screen_text(screen, r, r.y + rows, r.x + x, style, word);
            x += width + 1;
        }
        text = rest;
        rows++;
    } while (*text != '\0');
    return rows;
}

void screen_fill(struct screen *screen, struct rect r, enum style style)
{
    r = rect_clip(r, screen_rect(screen));
    for (int y = r.y; y < r.y + r.rows; y++)
        for (int x = r.x; x < r.x + r.cols; x++)
            put(screen, r, y, x, style, ' ', 1);
}

void screen_restyle(struct screen *screen, struct rect r, enum style style)
{
    r = rect_clip(r, screen_rect(screen));
    for (int y = r.y; y < r.y + r.rows; y++)
        for (int x = r.x; x < r.x + r.cols; x++)
            cell_at(screen, y, x)->style = (uint8_t)style;
}

const char *screen_glyph(const struct screen *screen, enum glyph glyph)
{
    return screen->unicode ? glyphs[glyph].unicode : glyphs[glyph].ascii;
}

void screen_spark(struct screen *screen, struct rect clip, int y, int x, int width,
                  enum style style, const float *values, size_t count, float top)
{
    static const char ascii[8] = {'_', '_', '.', '.', '-', '-', '=', '#'};

    if (width <= 0)
        return;
    clip = rect_clip(clip, screen_rect(screen));
    if (count > (size_t)width) {
        values += count - (size_t)width;
        count = (size_t)width;
    }
    if (!(top > 0))
        for (size_t i = 0; i < count; i++)
            if (values[i] > top) /* false for NAN */
                top = values[i];
    x += width - (int)count;
    for (size_t i = 0; i < count; i++) {
        if (isnan(values[i]))
            continue;
        int level = top > 0 ? (int)ceilf(values[i] / top * 8) - 1 : 0;
        level = max_int(0, min_int(7, level));
        put(screen, clip, y, x + (int)i, style,
            screen->unicode ? 0x2581u + (uint32_t)level : (uint32_t)ascii[level], 1);
    }
}

void screen_bar(struct screen *screen, struct rect clip, int y, int x, int width, enum style style,
                double ratio)
{
    if (width <= 0)
        return;
    ratio = ratio > 0 ? ratio : 0; /* NAN counts as 0 */
    ratio = ratio < 1 ? ratio : 1;
    int steps = screen->unicode ? 8 : 1;
    int eighths = (int)lround(ratio * width * steps);
    if (eighths == 0 && ratio > 0)
        eighths = 1;

    clip = rect_clip(clip, screen_rect(screen));
    for (int i = 0; i < width; i++) {
        int part = max_int(0, min_int(steps, eighths - i * steps));
        uint32_t code = part == 0 ? ' ' : steps == 1 ? '#' : 0x2590u - (uint32_t)part;
        put(screen, clip, y, x + i, style, code, 1);
    }
}
