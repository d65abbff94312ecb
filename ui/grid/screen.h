/* SPDX-License-Identifier: MIT */
/*
 * Screen: a grid of character cells that the views draw into. No terminal, no curses.
 *
 * Coordinates are (y, x), row and column from the top left, 0-based. Every drawing function takes a
 * rectangle and writes nothing outside of it (and nothing outside of the grid), whatever the
 * position or the text. Text is measured in display columns; a wide character that does not fit
 * whole is left out. Text must be clean (core/base/text.h); an unprintable code point becomes '?'.
 */
#ifndef KVMLENS_UI_GRID_SCREEN_H
#define KVMLENS_UI_GRID_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a cell means. The theme says how that looks (ui/grid/theme.h). */
enum style {
    STYLE_NORMAL,
    STYLE_DIM,      /* of lesser interest: zeros, units, tree lines */
    STYLE_STRONG,   /* program name, VM names */
    STYLE_LABEL,    /* captions of the header */
    STYLE_TITLE,    /* column titles */
    STYLE_SORTED,   /* title of the sort column */
    STYLE_SELECTED, /* the selected row */
    STYLE_TAGGED,
    STYLE_MISSING,  /* a text that stands for a number that is not there */
    STYLE_NOTICE,   /* worth reading: messages, causes */
    STYLE_WARNING,  /* needs attention */
    STYLE_GRAPH,    /* sparklines and bars */
    STYLE_GRAPH_ALT,  /* second and third class of a graph */
    STYLE_GRAPH_HIGH,
    STYLE_KEY,      /* key names of the function bar and the help */
    STYLE_KEY_TEXT, /* what they do */
    STYLE_INPUT,    /* text being typed */
    STYLE_TAB,      /* the open tab */
    STYLE_COUNT
};

#define SCREEN_COMBINING 2

struct cell {
    uint32_t code;                        /* code point; ' ' when empty */
    uint32_t combining[SCREEN_COMBINING]; /* marks on it, 0 = none */
    uint8_t width;                        /* 1 or 2; 0 = right half of the wide one before it */
    uint8_t style;                        /* enum style */
};

struct rect {
    int y, x, rows, cols;
};

/* Glyphs for lines and graphs, with and without Unicode. */
enum glyph {
    GLYPH_ELLIPSIS,
    GLYPH_BRANCH, /* tree: a row with more below */
    GLYPH_BRANCH_LAST,
    GLYPH_OPEN,
    GLYPH_SORT_DOWN, /* largest first */
    GLYPH_SORT_UP,
    GLYPH_MORE_LEFT, /* columns hidden */
    GLYPH_MORE_RIGHT,
    GLYPH_NOTHING, /* no value: a dash */
    GLYPH_TAG,
    GLYPH_MIGRATING, /* a VM that leaves this host */
    GLYPH_SHADE_0,   /* page classes of the heat map, from untouched to in use */
    GLYPH_SHADE_1,
    GLYPH_SHADE_2,
    GLYPH_SHADE_3,
    GLYPH_SHADE_4,
    GLYPH_UNKNOWN,
    GLYPH_UNREAD,
    GLYPH_HOLE,   /* guest addresses without memory */
    GLYPH_BORDER, /* here something else begins */
    GLYPH_COUNT
};

struct screen {
    int rows, cols;
    bool unicode; /* may characters beyond ASCII be drawn? Those of texts become '?' */
    struct cell *cells; /* [rows * cols] */
};

/* screen_init - an empty grid; 0, -EINVAL for a size below 1x1 or above 1000x1000, or -ENOMEM. */
int screen_init(struct screen *screen, int rows, int cols, bool unicode);
void screen_done(struct screen *screen); /* zeroed memory ok */

/* screen_resize - contents are lost; on -ENOMEM the old grid stays. */
int screen_resize(struct screen *screen, int rows, int cols);

void screen_clear(struct screen *screen);

struct rect screen_rect(const struct screen *screen);
const struct cell *screen_cell(const struct screen *screen, int y, int x); /* inside the grid */

/* rect_clip - the part of @r that lies in @within; never a negative size. */
struct rect rect_clip(struct rect r, struct rect within);

/* screen_text - draw from (y, x) to the right; returns the columns the whole text takes or would
 * take. */
int screen_text(struct screen *screen, struct rect clip, int y, int x, enum style style,
                const char *text);
int screen_printf(struct screen *screen, struct rect clip, int y, int x, enum style style,
                  const char *fmt, ...) __attribute__((format(printf, 6, 7)));

enum align { ALIGN_LEFT, ALIGN_RIGHT };

/*
 * screen_field - text in exactly @width columns: padded with blanks, or cut with an ellipsis.
 * Every one of the columns gets @style.
 */
void screen_field(struct screen *screen, struct rect clip, int y, int x, int width,
                  enum align align, enum style style, const char *text);

/*
 * screen_paragraph - words wrapped at the width of @r, from its first row on; what does not fit is
 * left out. Returns the rows the text takes.
 */
int screen_paragraph(struct screen *screen, struct rect r, enum style style, const char *text);

/*
 * screen_wrap - bytes of @text that stand in one row of @cols columns: whole words, at least one of
 * them. *@ret_rest: what is left for the rows below; "" at the end.
 */
size_t screen_wrap(const char *text, int cols, const char **ret_rest);

/* screen_fill - blanks of that style. */
void screen_fill(struct screen *screen, struct rect r, enum style style);

/* screen_restyle - new style for what is there. */
void screen_restyle(struct screen *screen, struct rect r, enum style style);

const char *screen_glyph(const struct screen *screen, enum glyph glyph); /* one column, UTF-8 */

/*
 * screen_spark - one row of block heights, the newest value at the right.
 * @values oldest first, [count]; NAN leaves a gap. Scaled from 0 to @top, or to the largest value
 * shown when @top is 0. A value above 0 always shows at least the lowest block.
 */
void screen_spark(struct screen *screen, struct rect clip, int y, int x, int width,
                  enum style style, const float *values, size_t count, float top);

/* screen_bar - @ratio (0..1, clamped) of @width columns, in eighths where the glyphs allow. */
void screen_bar(struct screen *screen, struct rect clip, int y, int x, int width, enum style style,
                double ratio);

#endif
