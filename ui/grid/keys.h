/* SPDX-License-Identifier: MIT */
/*
 * Keys: one constant table feeds the dispatcher, the help screen, the function bar and the man
 * page.
 */
#ifndef KVMLENS_UI_GRID_KEYS_H
#define KVMLENS_UI_GRID_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ui/grid/column_set_list.h"
#include "ui/grid/screen_list.h"

/* Codes of keys that are no character; characters are their code point. */
enum key_code {
    KEYCODE_NONE = 0,
    KEYCODE_TAB = 9,
    KEYCODE_ENTER = 13, /* also for 10 */
    KEYCODE_ESCAPE = 27,
    KEYCODE_BACKSPACE = 127,
    KEYCODE_UP = 0x200000, /* beyond Unicode */
    KEYCODE_DOWN,
    KEYCODE_LEFT,
    KEYCODE_RIGHT,
    KEYCODE_PAGE_UP,
    KEYCODE_PAGE_DOWN,
    KEYCODE_HOME,
    KEYCODE_END,
    KEYCODE_DELETE,
    KEYCODE_BACK_TAB,
    KEYCODE_MOUSE_CLICK, /* struct ui_key says where */
    KEYCODE_MOUSE_WHEEL_UP,
    KEYCODE_MOUSE_WHEEL_DOWN,
    KEYCODE_F0 = 0x200100 /* F1 is KEYCODE_F0 + 1 */
};
#define KEYCODE_F(n) (KEYCODE_F0 + (n))
#define KEYCODE_CTRL(letter) ((letter)-'A' + 1)

struct ui_key {
    uint32_t code; /* character or enum key_code */
    int y, x;      /* of KEYCODE_MOUSE_*: the cell */
    bool pasted;   /* text that was pasted: no command */
};

/* What a key asks for. */
enum ui_command {
    COMMAND_NONE,
    COMMAND_HELP,
    COMMAND_CLOSE,
    COMMAND_QUIT,
    COMMAND_UP,
    COMMAND_DOWN,
    COMMAND_PAGE_UP,
    COMMAND_PAGE_DOWN,
    COMMAND_FIRST,
    COMMAND_LAST,
    COMMAND_SCROLL_LEFT,
    COMMAND_SCROLL_RIGHT,
    COMMAND_OPEN,
    COMMAND_SCAN,
    COMMAND_SCAN_CANCEL,
    COMMAND_LOOKS,
    COMMAND_BANDWIDTH_MORE,
    COMMAND_BANDWIDTH_LESS,
    COMMAND_DOWNTIME_MORE,
    COMMAND_DOWNTIME_LESS,
    COMMAND_MIGRATION_MODE,
    COMMAND_AUTO_CONVERGE,
    COMMAND_TAB_NEXT,
    COMMAND_TAB_PREVIOUS,
    COMMAND_HOST,
    COMMAND_HOST_EXITS,
    COMMAND_BY_GUEST,
    COMMAND_GUESTS,
    COMMAND_COLUMNS,
    COMMAND_PANE,
    COMMAND_SORT_MENU,
    COMMAND_CHOOSE,
    COMMAND_MOVE_UP,
    COMMAND_MOVE_DOWN,
    COMMAND_WIDER,
    COMMAND_NARROWER,
    COMMAND_SEARCH,
    COMMAND_SEARCH_NEXT,
    COMMAND_FILTER,
    COMMAND_FILTER_CLEAR,
    COMMAND_TREE,
    COMMAND_EXPAND,
    COMMAND_COLLAPSE,
    COMMAND_SORT_NEXT,
    COMMAND_SORT_PREVIOUS,
    COMMAND_SORT_INVERT,
    COMMAND_SORT_PID,
    COMMAND_SORT_CPU,
    COMMAND_SORT_RSS,
    COMMAND_SORT_EXITS,
    COMMAND_ORDER,
    COMMAND_ZEROS,
    COMMAND_TAG,
    COMMAND_UNTAG,
    COMMAND_ONLY_TAGGED,
    COMMAND_FOLLOW,
    COMMAND_RESET,
    COMMAND_SINCE,
    COMMAND_INTERVAL,
    COMMAND_FREEZE,
    COMMAND_DELAY,
    COMMAND_FASTER,
    COMMAND_SLOWER,
    COMMAND_BPF,
    COMMAND_THEME,
    COMMAND_EXPORT,
    COMMAND_SAVE,
    COMMAND_REDRAW,
    COMMAND_TABS, /* COMMAND_TAB */
    COMMAND_COLUMN_SETS = COMMAND_TABS + SCREEN_COUNT, /* COMMAND_COLUMN_SET */
    COMMAND_COUNT = COMMAND_COLUMN_SETS + COLUMN_SET_COUNT
};

/* COMMAND_TAB - open this tab, of the VM whose drill-down is open or of the selected one. */
#define COMMAND_TAB(screen) ((enum ui_command)((int)COMMAND_TABS + (int)(screen)))

/* COMMAND_COLUMN_SET - show these columns on the VMs screen. */
#define COMMAND_COLUMN_SET(set) ((enum ui_command)((int)COMMAND_COLUMN_SETS + (int)(set)))

#define KEYS_PER_BINDING 4

struct key_binding {
    uint32_t screens;                /* SCREEN_BIT mask */
    uint32_t keys[KEYS_PER_BINDING]; /* first the one to show, then its twins; 0 ends */
    enum ui_command command;
    const char *bar;  /* label in the function bar, NULL = not there */
    const char *help; /* one line */
};

extern const struct key_binding key_table[];
extern const size_t key_count;

/* keys_find - the command of that key on that screen, or COMMAND_NONE. */
enum ui_command keys_find(enum ui_screen screen, uint32_t key);

#define KEY_NAME_MAX 16
/* keys_name - "F1", "PgDn", "Ctrl-L", "Space", "q"; returns @out. */
char *keys_name(uint32_t key, char out[KEY_NAME_MAX]);

/* keys_binding_names - all keys of a binding: "F1, h, ?"; returns @out. */
#define KEY_NAMES_MAX (KEYS_PER_BINDING * KEY_NAME_MAX)
char *keys_binding_names(const struct key_binding *binding, char out[KEY_NAMES_MAX]);

/*
 * keys_need_vm - does it take a VM that is still there? Of one that has ended it can do nothing,
 * and is not offered.
 */
bool keys_need_vm(enum ui_command command);

/* keys_tab - the tab that this command opens; SCREEN_COUNT: it opens none. */
enum ui_screen keys_tab(enum ui_command command);

/* keys_column_set - the set of columns that this command shows; COLUMN_SET_COUNT: it shows none. */
enum column_set keys_column_set(enum ui_command command);

#endif
