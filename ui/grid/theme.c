// SPDX-License-Identifier: MIT
#include "ui/grid/theme.h"

#include <errno.h>
#include <string.h>

#define C(fg, bg, attributes) {COLOUR_##fg, COLOUR_##bg, (attributes)}
#define A(attributes) {COLOUR_NONE, COLOUR_NONE, (attributes)}

const struct theme theme_table[] = {
    {"default", "colours on the terminal's own background",
     {
         [STYLE_NORMAL] = A(0),
         [STYLE_DIM] = A(LOOK_DIM),
         [STYLE_STRONG] = A(LOOK_BOLD),
         [STYLE_LABEL] = C(CYAN, NONE, 0),
         [STYLE_TITLE] = C(BLACK, GREEN, 0),
         [STYLE_SORTED] = C(BLACK, CYAN, 0),
         [STYLE_SELECTED] = C(BLACK, CYAN, 0),
         [STYLE_TAGGED] = C(YELLOW, NONE, LOOK_BOLD),
         [STYLE_MISSING] = C(MAGENTA, NONE, 0),
         [STYLE_NOTICE] = C(YELLOW, NONE, 0),
         [STYLE_WARNING] = C(RED, NONE, LOOK_BOLD),
         [STYLE_GRAPH] = C(GREEN, NONE, 0),
         [STYLE_GRAPH_ALT] = C(YELLOW, NONE, 0),
         [STYLE_GRAPH_HIGH] = C(RED, NONE, 0),
         [STYLE_KEY] = A(LOOK_BOLD),
         [STYLE_KEY_TEXT] = C(BLACK, CYAN, 0),
         [STYLE_INPUT] = A(LOOK_UNDERLINE),
         [STYLE_TAB] = C(BLACK, CYAN, LOOK_BOLD),
     }},
    {"monochrome", "no colours, attributes only",
     {
         [STYLE_NORMAL] = A(0),
         [STYLE_DIM] = A(0),
         [STYLE_STRONG] = A(LOOK_BOLD),
         [STYLE_LABEL] = A(0),
         [STYLE_TITLE] = A(LOOK_REVERSE),
         [STYLE_SORTED] = A(LOOK_REVERSE | LOOK_BOLD | LOOK_UNDERLINE),
         [STYLE_SELECTED] = A(LOOK_REVERSE),
         [STYLE_TAGGED] = A(LOOK_BOLD),
         [STYLE_MISSING] = A(LOOK_DIM),
         [STYLE_NOTICE] = A(LOOK_BOLD),
         [STYLE_WARNING] = A(LOOK_BOLD | LOOK_UNDERLINE),
         [STYLE_GRAPH] = A(0),
         [STYLE_GRAPH_ALT] = A(0),
         [STYLE_GRAPH_HIGH] = A(LOOK_BOLD),
         [STYLE_KEY] = A(LOOK_BOLD),
         [STYLE_KEY_TEXT] = A(LOOK_REVERSE),
         [STYLE_INPUT] = A(LOOK_UNDERLINE),
         [STYLE_TAB] = A(LOOK_REVERSE | LOOK_BOLD),
     }},
    {"contrast", "bright on black, nothing dim",
     {
         [STYLE_NORMAL] = C(WHITE, BLACK, LOOK_BOLD),
         [STYLE_DIM] = C(WHITE, BLACK, 0),
         [STYLE_STRONG] = C(WHITE, BLACK, LOOK_BOLD | LOOK_UNDERLINE),
         [STYLE_LABEL] = C(CYAN, BLACK, LOOK_BOLD),
         [STYLE_TITLE] = C(BLACK, WHITE, 0),
         [STYLE_SORTED] = C(BLACK, YELLOW, LOOK_UNDERLINE),
         [STYLE_SELECTED] = C(BLACK, YELLOW, 0),
         [STYLE_TAGGED] = C(YELLOW, BLACK, LOOK_BOLD),
         [STYLE_MISSING] = C(YELLOW, BLACK, LOOK_BOLD),
         [STYLE_NOTICE] = C(YELLOW, BLACK, LOOK_BOLD),
         [STYLE_WARNING] = C(WHITE, RED, LOOK_BOLD),
         [STYLE_GRAPH] = C(GREEN, BLACK, LOOK_BOLD),
         [STYLE_GRAPH_ALT] = C(YELLOW, BLACK, LOOK_BOLD),
         [STYLE_GRAPH_HIGH] = C(RED, BLACK, LOOK_BOLD),
         [STYLE_KEY] = C(YELLOW, BLACK, LOOK_BOLD),
         [STYLE_KEY_TEXT] = C(BLACK, WHITE, 0),
         [STYLE_INPUT] = C(YELLOW, BLACK, LOOK_BOLD | LOOK_UNDERLINE),
         [STYLE_TAB] = C(BLACK, YELLOW, LOOK_BOLD),
     }},
};

const size_t theme_count = sizeof(theme_table) / sizeof(theme_table[0]);

int theme_find(const char *name)
{
    for (size_t i = 0; i < theme_count; i++)
        if (strcmp(theme_table[i].name, name) == 0)
            return (int)i;
    return -ENOENT;
}
