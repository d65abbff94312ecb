// SPDX-License-Identifier: MIT
#include "ui/layout.h"

struct layout layout_make(int rows, int cols)
{
    struct layout l = {0};

    if (rows < LAYOUT_ROWS_MIN || cols < LAYOUT_COLS_MIN) {
        l.too_small = true;
        return l;
    }
    int header = rows < 12 || cols >= 140 ? 1 : 2;
    int bar = rows < 8 ? 0 : 1;

    l.header = (struct rect){0, 0, header, cols};
    l.titles = (struct rect){header, 0, 1, cols};
    l.body = (struct rect){header + 1, 0, rows - header - 2 - bar, cols};
    l.status = (struct rect){rows - 1 - bar, 0, 1, cols};
    l.bar = (struct rect){rows - bar, 0, bar, cols};
    return l;
}
