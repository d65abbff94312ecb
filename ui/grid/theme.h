/* SPDX-License-Identifier: MIT */
/*
 * Themes: how each style role looks. Colour never carries a meaning alone: every theme also works
 * without its colours, because texts, glyphs and attributes say the same.
 */
#ifndef KVMLENS_UI_GRID_THEME_H
#define KVMLENS_UI_GRID_THEME_H

#include <stdbool.h>
#include <stddef.h>

#include "ui/grid/screen.h"

enum theme_colour {
    COLOUR_NONE = -1, /* the terminal's own */
    COLOUR_BLACK,
    COLOUR_RED,
    COLOUR_GREEN,
    COLOUR_YELLOW,
    COLOUR_BLUE,
    COLOUR_MAGENTA,
    COLOUR_CYAN,
    COLOUR_WHITE
};

#define LOOK_BOLD 1u
#define LOOK_DIM 2u
#define LOOK_REVERSE 4u
#define LOOK_UNDERLINE 8u

struct theme_look {
    signed char fg, bg; /* enum theme_colour */
    unsigned char attributes; /* LOOK_* */
};

struct theme {
    const char *name; /* as in the configuration and in --theme */
    const char *text; /* for people */
    struct theme_look looks[STYLE_COUNT];
};

extern const struct theme theme_table[];
extern const size_t theme_count;

#define THEME_DEFAULT 0
#define THEME_MONOCHROME                                                                           \
    1 /* attributes only: chosen for NO_COLOR, --no-color and terminals without colours */

/* theme_find - index of that name, or -ENOENT. */
int theme_find(const char *name);

#endif
