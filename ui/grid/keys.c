// SPDX-License-Identifier: MIT
#include "ui/grid/keys.h"

#include <stdio.h>
#include <string.h>

enum {
    VMS = SCREEN_BIT(SCREEN_VMS),
    COUNTERS = SCREEN_BIT(SCREEN_COUNTERS),
    VCPUS = SCREEN_BIT(SCREEN_VCPUS),
    HISTOGRAMS = SCREEN_BIT(SCREEN_HISTOGRAMS),
    EXITS = SCREEN_BIT(SCREEN_EXITS),
    MEMORY = SCREEN_BIT(SCREEN_MEMORY),
    HOST = SCREEN_BIT(SCREEN_HOST),
    HOST_EXITS = SCREEN_BIT(SCREEN_HOST_EXITS),
    CHOOSER = SCREEN_BIT(SCREEN_CHOOSER),
    HELP = SCREEN_BIT(SCREEN_HELP),
};
#define ALL SCREENS_ALL

/* Sets of screens, by what their rows say. */
#define LIVE_SCREEN(id, object, title, is) | ((is) & SCREEN_LIVE ? SCREEN_BIT(SCREEN_##id) : 0u)
#define TABLE_SCREEN(id, object, title, is) | ((is) & SCREEN_TABLE ? SCREEN_BIT(SCREEN_##id) : 0u)
#define TABLE_TAB(id, object, title, key, twin, is, help)                                          \
    | ((is) & SCREEN_TABLE ? SCREEN_BIT(SCREEN_##id) : 0u)
#define REASONS_SCREEN(id, object, title, is)                                                      \
    | ((is) & SCREEN_REASONS ? SCREEN_BIT(SCREEN_##id) : 0u)
#define REASONS_TAB(id, object, title, key, twin, is, help)                                        \
    | ((is) & SCREEN_REASONS ? SCREEN_BIT(SCREEN_##id) : 0u)
#define ANY_TAB(id, ...) | SCREEN_BIT(SCREEN_##id)
enum {
    DETAIL = 0 SCREEN_LIST(SCREEN_LIST_SKIP, ANY_TAB),
    LIVE = 0 SCREEN_LIST(LIVE_SCREEN, ANY_TAB),
    TABLES = 0 SCREEN_LIST(TABLE_SCREEN, TABLE_TAB),
    REASONS = 0 SCREEN_LIST(REASONS_SCREEN, REASONS_TAB)
};

/* The keys of the tabs. */
#define TAB_KEY(id, object, title, key, twin, is, help)                                            \
    {DETAIL, {key, twin}, COMMAND_TAB(SCREEN_##id), NULL, help},

/* The keys of the column sets. */
#define SET_KEY(id, key, name, title, help)                                                        \
    {VMS, {key}, COMMAND_COLUMN_SET(COLUMN_SET_##id), NULL, help},

#define F(n) KEYCODE_F(n)

/* In the order of the function bar and of the help. */
const struct key_binding key_table[] = {
    {LIVE | CHOOSER, {F(1), 'h', '?'}, COMMAND_HELP, "Help", "show the keys"},
    {HELP | CHOOSER | DETAIL | HOST | HOST_EXITS, {KEYCODE_ESCAPE}, COMMAND_CLOSE, "Back",
     "back to where you came from"},
    {HELP, {F(1), 'h', '?'}, COMMAND_CLOSE, NULL, "close the help"},
    {VMS, {KEYCODE_ESCAPE}, COMMAND_CLOSE, NULL, "close what is open; never quits"},
    {VMS, {F(2), 'S'}, COMMAND_COLUMNS, "Columns",
     "choose the columns, their order and their width"},
    COLUMN_SET_LIST(SET_KEY)
    {VMS, {'v'}, COMMAND_PANE, NULL, "show or hide the pane of the selected VM"},
    {VMS | TABLES | REASONS | VCPUS, {F(3), '/'}, COMMAND_SEARCH, "Search",
     "search for a name while you type it"},
    {VMS | TABLES | REASONS | VCPUS, {'n'}, COMMAND_SEARCH_NEXT, NULL,
     "search for the same name again"},
    {VMS | TABLES | REASONS, {F(4), '\\', 'f'}, COMMAND_FILTER, "Filter",
     "show only what matches a regular expression"},
    {VMS | TABLES | REASONS, {'c'}, COMMAND_FILTER_CLEAR, NULL, "clear the filters"},
    {VMS, {F(5), 't', '*'}, COMMAND_TREE, "vCPUs", "show or hide the vCPUs of all VMs"},
    {VMS, {'+', '='}, COMMAND_EXPAND, NULL, "show the vCPUs of the selected VM"},
    {VMS, {'-'}, COMMAND_COLLAPSE, NULL, "hide the vCPUs of the selected VM"},
    {VMS, {F(6), '.'}, COMMAND_SORT_MENU, "Sort", "choose the column to sort by"},
    {VCPUS, {F(6), 'o', '>'}, COMMAND_SORT_NEXT, "Order", "sort by the next column"},
    {VMS, {'>'}, COMMAND_SORT_NEXT, NULL, "sort by the next column"},
    {VMS | VCPUS, {'<'}, COMMAND_SORT_PREVIOUS, NULL, "sort by the previous column"},
    {VMS | TABLES | REASONS | VCPUS, {'I'}, COMMAND_SORT_INVERT, NULL, "turn the sort order round"},
    {VMS | VCPUS, {'P'}, COMMAND_SORT_CPU, NULL, "sort by CPU time"},
    {VMS, {'M'}, COMMAND_SORT_RSS, NULL, "sort by resident memory"},
    {VMS | VCPUS, {'E'}, COMMAND_SORT_EXITS, NULL, "sort by exits"},
    {VMS, {'N'}, COMMAND_SORT_PID, NULL, "sort by process id"},
    {VCPUS, {'N'}, COMMAND_SORT_PID, NULL, "sort by number"},
    {VCPUS, {KEYCODE_ENTER}, COMMAND_CHOOSE, "Counters", "counters of the selected vCPU alone"},
    {VMS, {KEYCODE_ENTER}, COMMAND_OPEN, "Open", "open the selected VM"},
    {VMS, {'m'}, COMMAND_TAB(SCREEN_MEMORY), "Memory",
     "open the memory of the selected VM: its zero pages"},
    {VMS, {'e'}, COMMAND_TAB(SCREEN_EXITS), NULL,
     "open the exits of the selected VM: why it leaves its guest"},
    {MEMORY, {'R'}, COMMAND_SCAN, "Read all", "read all of it, for the exact figure"},
    {MEMORY, {'L'}, COMMAND_LOOKS, "Look", "look at what it writes, to forecast its migration"},
    {MEMORY, {'x'}, COMMAND_SCAN_CANCEL, "Cancel",
     "end the scan, or the looks; what was found so far stays"},
    {MEMORY, {'+', '='}, COMMAND_BANDWIDTH_MORE, NULL, "forecast for more bandwidth"},
    {MEMORY, {'-'}, COMMAND_BANDWIDTH_LESS, NULL, "forecast for less bandwidth"},
    {MEMORY, {'>'}, COMMAND_DOWNTIME_MORE, NULL, "forecast for a longer downtime limit"},
    {MEMORY, {'<'}, COMMAND_DOWNTIME_LESS, NULL, "forecast for a shorter downtime limit"},
    {MEMORY, {'M'}, COMMAND_MIGRATION_MODE, NULL,
     "forecast for the next mode: precopy, multifd, mapped-ram"},
    {MEMORY, {'a'}, COMMAND_AUTO_CONVERGE, NULL, "forecast with auto-converge, or without"},
    SCREEN_LIST(SCREEN_LIST_SKIP, TAB_KEY)
    {COUNTERS, {'x'}, COMMAND_TAB(SCREEN_EXITS), NULL, "its exits by reason, and back"},
    {EXITS, {'x'}, COMMAND_TAB(SCREEN_COUNTERS), NULL, "back to its counters"},
    {DETAIL, {KEYCODE_TAB}, COMMAND_TAB_NEXT, "Next tab", "next tab"},
    {DETAIL, {KEYCODE_BACK_TAB}, COMMAND_TAB_PREVIOUS, NULL, "previous tab"},
    {HISTOGRAMS, {'i'}, COMMAND_INTERVAL, "Interval",
     "counts of the last interval, or since creation"},
    {HISTOGRAMS | EXITS | COUNTERS, {KEYCODE_LEFT}, COMMAND_SCROLL_LEFT, NULL,
     "previous vCPU, or all together"},
    {HISTOGRAMS | EXITS | COUNTERS, {KEYCODE_RIGHT}, COMMAND_SCROLL_RIGHT, NULL, "next vCPU"},
    {VMS, {'b'}, COMMAND_HOST, "Host", "counters of all VMs together"},
    {HOST, {'b'}, COMMAND_BY_GUEST, "By guest", "counters of all VMs, or one row per guest"},
    {HOST, {KEYCODE_ENTER}, COMMAND_CHOOSE, "Guests",
     "guests of the selected counter; of a guest, open it"},
    {HOST, {'e', KEYCODE_TAB, 'x'}, COMMAND_HOST_EXITS, "Exits",
     "exits of all VMs: reasons, times, what is behind them"},
    {HOST, {'g', 'p'}, COMMAND_GUESTS, NULL, "only guests with this name or pid"},
    {TABLES, {F(6), 'o'}, COMMAND_ORDER, "Order", "sort by rate, by total or by name"},
    {TABLES, {'z'}, COMMAND_ZEROS, "Zeros", "show or hide counters that counted nothing"},
    {REASONS, {KEYCODE_ENTER}, COMMAND_CHOOSE, "Open",
     "open the reason: what it means, what is behind it, its times"},
    {REASONS, {F(6), 'o'}, COMMAND_ORDER, "Order", "sort by time, by count or by name"},
    {REASONS, {'z'}, COMMAND_ZEROS, "Zeros", "show or hide reasons that did not happen"},
    {HOST_EXITS, {'e', 'b', KEYCODE_TAB, 'x'}, COMMAND_HOST, "Counters", "back to the counters"},
    {VMS | TABLES, {'r'}, COMMAND_RESET, NULL, "totals count from now on"},
    {VMS | TABLES, {'i'}, COMMAND_SINCE, NULL,
     "totals since each VM was created, or since start or reset"},
    {VMS, {' '}, COMMAND_TAG, NULL, "tag the VM, or take the tag off"},
    {VMS, {'U'}, COMMAND_UNTAG, NULL, "take all tags off"},
    {VMS, {'T'}, COMMAND_ONLY_TAGGED, NULL, "show only tagged VMs, or all"},
    {VMS, {'R'}, COMMAND_SCAN, NULL, "scan this VM, tagged ones or all: asks which"},
    {VMS, {'x'}, COMMAND_SCAN_CANCEL, NULL, "end its scan, or all that run or wait"},
    {VMS | DETAIL, {'F'}, COMMAND_FOLLOW, NULL,
     "follow: when the VM ends, go on with the next of its name"},
    {CHOOSER, {KEYCODE_ENTER, ' '}, COMMAND_CHOOSE, "Choose",
     "show or hide the column; to sort: sort by it"},
    {CHOOSER, {F(7), '['}, COMMAND_MOVE_UP, "Earlier", "move the column to the left"},
    {CHOOSER, {F(8), ']'}, COMMAND_MOVE_DOWN, "Later", "move the column to the right"},
    {CHOOSER, {KEYCODE_LEFT, '-'}, COMMAND_NARROWER, NULL, "make the column narrower"},
    {CHOOSER, {KEYCODE_RIGHT, '+'}, COMMAND_WIDER, NULL, "make the column wider"},
    {ALL, {KEYCODE_UP, 'k'}, COMMAND_UP, NULL, "one row up"},
    {ALL, {KEYCODE_DOWN, 'j'}, COMMAND_DOWN, NULL, "one row down"},
    {ALL, {KEYCODE_PAGE_UP, KEYCODE_CTRL('B')}, COMMAND_PAGE_UP, NULL, "one page up"},
    {ALL, {KEYCODE_PAGE_DOWN, KEYCODE_CTRL('F')}, COMMAND_PAGE_DOWN, NULL, "one page down"},
    {ALL, {KEYCODE_HOME}, COMMAND_FIRST, NULL, "first row, and stay on it"},
    {ALL & ~HOST, {'g'}, COMMAND_FIRST, NULL, "first row, and stay on it"},
    {ALL, {KEYCODE_END, 'G'}, COMMAND_LAST, NULL, "last row"},
    {VMS, {KEYCODE_LEFT}, COMMAND_SCROLL_LEFT, NULL, "columns to the left"},
    {VMS, {KEYCODE_RIGHT}, COMMAND_SCROLL_RIGHT, NULL, "columns to the right"},
    {LIVE, {'Z'}, COMMAND_FREEZE, "Freeze", "freeze the numbers, or go on"},
    {LIVE & ~TABLES & ~REASONS, {'z'}, COMMAND_FREEZE, NULL, "freeze the numbers, or go on"},
    {LIVE, {'d', 's'}, COMMAND_DELAY, NULL, "ask for the seconds between two refreshes"},
    {LIVE, {'['}, COMMAND_FASTER, NULL, "refresh twice as often"},
    {LIVE, {']'}, COMMAND_SLOWER, NULL, "refresh half as often"},
    {LIVE, {'W'}, COMMAND_EXPORT, NULL, "write the newest snapshot to a JSON file"},
    {LIVE | CHOOSER, {F(12), 'w'}, COMMAND_SAVE, NULL,
     "save columns, order, delay and colours as the default"},
    {LIVE, {'A'}, COMMAND_BPF, NULL, "read what is missing through BPF, or stop that; asks first"},
    {LIVE, {'C'}, COMMAND_THEME, NULL, "next colour scheme"},
    {ALL, {KEYCODE_CTRL('L')}, COMMAND_REDRAW, NULL, "draw the whole screen again"},
    {ALL, {F(10), 'q', 'Q'}, COMMAND_QUIT, "Quit", "quit"},
};

const size_t key_count = sizeof(key_table) / sizeof(key_table[0]);

enum ui_command keys_find(enum ui_screen screen, uint32_t key)
{
    for (size_t i = 0; i < key_count; i++) {
        if (!(key_table[i].screens & SCREEN_BIT(screen)))
            continue;
        for (size_t k = 0; k < KEYS_PER_BINDING && key_table[i].keys[k]; k++)
            if (key_table[i].keys[k] == key)
                return key_table[i].command;
    }
    return COMMAND_NONE;
}

char *keys_name(uint32_t key, char out[KEY_NAME_MAX])
{
    static const struct {
        uint32_t key;
        const char *name;
    } names[] = {
        {KEYCODE_TAB, "Tab"},         {KEYCODE_ENTER, "Enter"},    {KEYCODE_ESCAPE, "Esc"},
        {KEYCODE_BACKSPACE, "BkSp"},  {KEYCODE_UP, "Up"},          {KEYCODE_DOWN, "Down"},
        {KEYCODE_LEFT, "Left"},       {KEYCODE_RIGHT, "Right"},    {KEYCODE_PAGE_UP, "PgUp"},
        {KEYCODE_PAGE_DOWN, "PgDn"},  {KEYCODE_HOME, "Home"},      {KEYCODE_END, "End"},
        {KEYCODE_DELETE, "Del"},      {KEYCODE_BACK_TAB, "Shift-Tab"}, {' ', "Space"},
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (names[i].key == key)
            return strcpy(out, names[i].name);
    if (key > KEYCODE_F0 && key < KEYCODE_F0 + 64)
        snprintf(out, KEY_NAME_MAX, "F%u", (unsigned)(key - KEYCODE_F0));
    else if (key < ' ')
        snprintf(out, KEY_NAME_MAX, "Ctrl-%c", (char)('@' + key));
    else
        snprintf(out, KEY_NAME_MAX, "%c", key < 0x7f ? (char)key : '?');
    return out;
}

char *keys_binding_names(const struct key_binding *binding, char out[KEY_NAMES_MAX])
{
    char name[KEY_NAME_MAX];
    char *p = out;

    *out = '\0';
    for (size_t k = 0; k < KEYS_PER_BINDING && binding->keys[k]; k++) {
        if (k > 0)
            p = stpcpy(p, ", ");
        p = stpcpy(p, keys_name(binding->keys[k], name));
    }
    return out;
}

bool keys_need_vm(enum ui_command command)
{
    static const enum ui_command needing[] = {COMMAND_SCAN, COMMAND_LOOKS, COMMAND_SCAN_CANCEL,
                                              COMMAND_RESET};

    for (size_t i = 0; i < sizeof(needing) / sizeof(needing[0]); i++)
        if (needing[i] == command)
            return true;
    return false;
}

enum ui_screen keys_tab(enum ui_command command)
{
    if (command < COMMAND_TABS || command >= COMMAND_COLUMN_SETS)
        return SCREEN_COUNT;
    enum ui_screen screen = (enum ui_screen)((int)command - (int)COMMAND_TABS);
    return screen_list_has(screen, SCREEN_TAB) ? screen : SCREEN_COUNT;
}

enum column_set keys_column_set(enum ui_command command)
{
    if (command < COMMAND_COLUMN_SETS || command >= COMMAND_COUNT)
        return COLUMN_SET_COUNT;
    return (enum column_set)((int)command - (int)COMMAND_COLUMN_SETS);
}
