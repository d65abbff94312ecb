/* SPDX-License-Identifier: MIT */
/*
 * A screen as an object: what it draws and what it does. Each file of this room that is a screen
 * defines one, ID_screen; ui/grid/screen_list.h has its row. Whatever is NULL, the screen lacks.
 */
#ifndef KVMLENS_UI_SCREENS_OBJECT_H
#define KVMLENS_UI_SCREENS_OBJECT_H

#include <stdbool.h>

#include "ui/choose/pattern.h"
#include "ui/grid/keys.h"
#include "ui/grid/screen.h"
#include "ui/grid/screen_list.h"
#include "ui/state/layout.h"
#include "ui/state/model.h"
#include "ui/state/state.h"

struct screen_object {
    /* Pure: title line and body. The title line of a tab is drawn already. Never NULL. */
    void (*draw)(const struct ui_model *model, const struct ui_state *state,
                 const struct layout *layout, struct screen *out);
    /* The status line, while nothing is asked there and nothing said. A tab without it says why
     * something of its VM is missing. */
    void (*status)(const struct ui_model *model, const struct ui_state *state, struct rect r,
                   struct screen *out);
    /* A new snapshot, size or key: rows and scroll positions follow it. 0 or -ENOMEM. */
    int (*follow)(struct ui_state *state, const struct ui_model *model);
    /* A command that is not the same on all screens or tabs; one it does not know does nothing. */
    enum ui_action (*command)(struct ui_state *state, const struct ui_model *model,
                              enum ui_command command);
    /* Esc: close what is open within it, or go where it was opened. False: it closes as others do.
     */
    bool (*close)(struct ui_state *state);
    /* A click into the title line or the body. That into the title line of a tab is none. */
    enum ui_action (*click)(struct ui_state *state, const struct ui_model *model,
                            const struct layout *layout, struct ui_key key);
    /* Somebody opened it. */
    enum ui_action (*entered)(const struct ui_state *state, const struct ui_model *model);
    /* What it begins by itself while it is shown: see ui_unasked. */
    enum ui_action (*unasked)(const struct ui_state *state, const struct ui_model *model);
    /* Select the next row that contains @text, from the selected one or after it. */
    bool (*search)(struct ui_state *state, const struct ui_model *model, const char *text,
                   bool after);
    /* The pattern that filters its rows. */
    struct pattern *(*filter)(struct ui_state *state);
};

#define SCREEN_OBJECT(id, object, ...) extern const struct screen_object object##_screen;
SCREEN_LIST(SCREEN_OBJECT, SCREEN_OBJECT)

/* screens_get - the object of a screen. */
const struct screen_object *screens_get(enum ui_screen screen);

#endif
