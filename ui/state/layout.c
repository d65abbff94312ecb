// SPDX-License-Identifier: MIT
#include "ui/state/layout.h"

#include <stdio.h>
#include <string.h>

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

static int item_width(const struct key_binding *b)
{
    char name[KEY_NAME_MAX];

    return (int)(strlen(keys_name(b->keys[0], name)) + strlen(b->bar)) + 1;
}

size_t layout_bar(enum ui_screen screen, bool is_over, int cols, struct bar_item ret[BAR_ITEMS_MAX])
{
    size_t n = 0;
    int total = -1;

    for (size_t i = 0; i < key_count && n < BAR_ITEMS_MAX; i++) {
        const struct key_binding *b = &key_table[i];
        if (b->bar == NULL || !(b->screens & SCREEN_BIT(screen)) ||
            (is_over && keys_need_vm(b->command)))
            continue;
        ret[n] = (struct bar_item){.binding = b, .width = item_width(b)};
        total += ret[n++].width + 1;
    }
    /* The last one, Quit, stays; those before it go. */
    while (n > 1 && total > cols) {
        total -= ret[n - 2].width + 1;
        ret[n - 2] = ret[n - 1];
        n--;
    }
    for (size_t i = 0, x = 0; i < n; i++) {
        ret[i].x = (int)x;
        x += (size_t)ret[i].width + 1;
    }
    return n;
}

/* @brief: all but the open one are their keys only. Returns the column of the first. */
static int place_tabs(enum ui_screen open, bool brief, int cols, struct tab_item ret[TABS_COUNT])
{
    int x = cols, n = TABS_COUNT;

    for (int screen = SCREEN_COUNT; screen-- > 0;) {
        const struct screen_row *row = &screen_list[screen];
        bool titled = !brief || screen == (int)open;
        char key[KEY_NAME_MAX];
        if (!(row->flags & SCREEN_TAB))
            continue;
        struct tab_item *tab = &ret[--n];
        tab->screen = (enum ui_screen)screen;
        tab->width = snprintf(tab->text, sizeof(tab->text), "%s%s%s", keys_name(row->key, key),
                              titled ? " " : "", titled ? row->title : "");
        /* Brackets stand around the open one, and a blank between any two. */
        x -= tab->width + (screen == (int)open);
        tab->x = x;
        x -= (screen == (int)open) + 1;
    }
    return x + 1;
}

void layout_tabs(enum ui_screen open, int cols, struct tab_item ret[TABS_COUNT])
{
    if (place_tabs(open, false, cols, ret) < 1)
        place_tabs(open, true, cols, ret);
}

#define ANY      (COUNTERS_OF_VM | COUNTERS_OF_HOST | COUNTERS_BY_GUEST)
#define NO_ORDER COUNTERS_ORDER_COUNT
const struct counters_column counters_columns[COUNTERS_COLUMN_COUNT] = {
    [COUNTERS_PID] = {"PID", 7, ALIGN_RIGHT, 70, COUNTERS_BY_GUEST, NO_ORDER},
    [COUNTERS_NAME] = {"COUNTER", 28, ALIGN_LEFT, 100, ANY, COUNTERS_BY_NAME},
    [COUNTERS_TOTAL] = {"TOTAL", 14, ALIGN_RIGHT, 80, ANY, COUNTERS_BY_TOTAL},
    [COUNTERS_SHARE] = {"%TOTAL", 6, ALIGN_RIGHT, 60, ANY, COUNTERS_BY_TOTAL},
    [COUNTERS_RATE] = {"RATE/s", 7, ALIGN_RIGHT, 90, ANY, COUNTERS_BY_RATE},
    [COUNTERS_TREND] = {"TREND", 10, ALIGN_LEFT, 50, ANY, NO_ORDER},
    [COUNTERS_KIND] = {"KIND", 11, ALIGN_LEFT, 40, COUNTERS_OF_VM, NO_ORDER},
    [COUNTERS_SOURCE] = {"SOURCE", 7, ALIGN_LEFT, 45, COUNTERS_OF_VM, NO_ORDER},
};

void layout_counters(int cols, enum counters_of of, struct counters_plan *p)
{
    int total;

    for (int c = 0; c < COUNTERS_COLUMN_COUNT; c++)
        p->width[c] = (counters_columns[c].of & of) != 0 ? counters_columns[c].width : 0;
    for (;;) {
        int least = -1;
        total = -1;
        for (int c = 0; c < COUNTERS_COLUMN_COUNT; c++) {
            if (!p->width[c])
                continue;
            total += p->width[c] + 1;
            if (least < 0 || counters_columns[c].keep < counters_columns[least].keep)
                least = c;
        }
        if (total <= cols || least == COUNTERS_NAME)
            break;
        p->width[least] = 0;
    }
    int spare = cols > total ? cols - total : 0, name = spare < 4 ? spare : 4;
    p->width[COUNTERS_NAME] += name;
    spare -= name;
    if (p->width[COUNTERS_TREND])
        p->width[COUNTERS_TREND] += spare < 40 ? spare : 40;
    for (int c = 0, x = 0; c < COUNTERS_COLUMN_COUNT; c++) {
        p->x[c] = x;
        x += p->width[c] ? p->width[c] + 1 : 0;
    }
}

enum counters_order layout_counters_order_at(int cols, enum counters_of of, int x)
{
    struct counters_plan p;

    layout_counters(cols, of, &p);
    for (int c = 0; c < COUNTERS_COLUMN_COUNT; c++) {
        if (x < p.x[c] || x >= p.x[c] + p.width[c])
            continue;
        return counters_columns[c].order;
    }
    return COUNTERS_ORDER_COUNT;
}
