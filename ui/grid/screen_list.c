// SPDX-License-Identifier: MIT
#include "ui/grid/screen_list.h"

#define SCREEN_ROW(id, object, text, is) [SCREEN_##id] = {.title = (text), .flags = (is)},
#define TAB_ROW(id, object, text, number, twin, is, help)                                          \
    [SCREEN_##id] = {                                                                              \
        .title = (text), .flags = SCREEN_LIVE | SCREEN_TAB | (is), .key = (number)},

const struct screen_row screen_list[SCREEN_COUNT] = {SCREEN_LIST(SCREEN_ROW, TAB_ROW)};

enum ui_screen screen_list_next_tab(enum ui_screen tab, int by)
{
    static const enum ui_screen tabs[] = {SCREEN_LIST(SCREEN_LIST_SKIP, SCREEN_LIST_ID)};

    for (int i = 0; i < TABS_COUNT; i++)
        if (tabs[i] == tab)
            return tabs[(i + by + TABS_COUNT) % TABS_COUNT];
    return tab;
}
