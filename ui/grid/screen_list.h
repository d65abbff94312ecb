/* SPDX-License-Identifier: MIT */
/*
 * The list of screens: one row for each. The enumeration, the titles, the row of tabs and its keys,
 * which keys work where, and the table of objects in ui/screens are all made from it.
 */
#ifndef KVMLENS_UI_GRID_SCREEN_LIST_H
#define KVMLENS_UI_GRID_SCREEN_LIST_H

#include <stdbool.h>
#include <stdint.h>

/* What a screen is. */
#define SCREEN_LIVE 1u  /* shows numbers that are refreshed */
#define SCREEN_TAB 2u   /* is a tab of the drill-down of one VM */
#define SCREEN_TABLE 4u /* is a table of counters: it is searched, filtered and sorted */
#define SCREEN_OVER 8u  /* lies over another screen, to which it gives way when it is closed */
#define SCREEN_REASONS 16u /* is a table of exits: likewise */

/*
 * SCREEN(ID, object, title, flags)
 * TAB(ID, object, title, key, twin, flags, help of the key): SCREEN_LIVE and SCREEN_TAB go without
 * saying. @twin is a second key, or 0.
 *
 * ID makes SCREEN_ID, object the name of what ui/screens defines: vms_screen. Tabs stand in the
 * order in which the Tab key goes through them.
 */
/* clang-format off */
#define SCREEN_LIST(SCREEN, TAB)                                                                   \
    SCREEN(VMS, vms, "VMs", SCREEN_LIVE)                                                           \
    TAB(COUNTERS, counters, "Counters", '1', 0, SCREEN_TABLE, "all counters of the VM")            \
    TAB(VCPUS, vcpus, "vCPUs", '2', 0, 0, "its vCPUs")                                             \
    TAB(MEMORY, memory, "Memory", '3', 'm', 0,                                                     \
        "its memory: what of it is zero, what a migration would send")                             \
    TAB(HISTOGRAMS, histograms, "Histograms", '4', 0, 0, "its histograms")                         \
    TAB(EXITS, exits, "Exits", '5', 'e', SCREEN_REASONS,                                           \
        "why its vCPUs leave the guest: reasons, times, what is behind them")                      \
    SCREEN(HOST, host, "Host counters", SCREEN_LIVE | SCREEN_TABLE)                                \
    SCREEN(HOST_EXITS, host_exits, "Host exits", SCREEN_LIVE | SCREEN_REASONS)                     \
    SCREEN(CHOOSER, chooser, "Columns", SCREEN_OVER)                                               \
    SCREEN(HELP, help, "Help", SCREEN_OVER)
/* clang-format on */

/* For those who want the tabs only: SCREEN_LIST(SCREEN_LIST_SKIP, ...). */
#define SCREEN_LIST_SKIP(...)

#define SCREEN_LIST_ID(id, ...) SCREEN_##id,
enum ui_screen { SCREEN_LIST(SCREEN_LIST_ID, SCREEN_LIST_ID) SCREEN_COUNT };

#define SCREEN_LIST_ONE(...) +1
enum { TABS_COUNT = SCREEN_LIST(SCREEN_LIST_SKIP, SCREEN_LIST_ONE) };

#define SCREEN_BIT(screen) (1u << (screen))
#define SCREENS_ALL ((1u << SCREEN_COUNT) - 1)

struct screen_row {
    const char *title; /* "Counters": of the tab, in the help and in the man page */
    uint32_t flags;    /* SCREEN_LIVE | ... */
    uint32_t key;      /* of a tab: the key that opens it, as in struct ui_key; else 0 */
};
extern const struct screen_row screen_list[SCREEN_COUNT];

/* screen_list_has - is it all that @flags say? */
static inline bool screen_list_has(enum ui_screen screen, uint32_t flags)
{
    return (screen_list[screen].flags & flags) == flags;
}

/* screen_list_next_tab - the tab @by places after @tab (before: negative); after the last comes the
 * first. @tab is a tab. */
enum ui_screen screen_list_next_tab(enum ui_screen tab, int by);

#endif
