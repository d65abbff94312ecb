/* SPDX-License-Identifier: MIT */
/*
 * The terminal: shows a grid of cells, reads keys, and is left as it was found. The only user of
 * curses.
 *
 * One terminal at a time; main thread. Whatever ends the program, the terminal is restored:
 * term_close on the orderly ways, else ui/grid/term_restore.c.
 */
#ifndef KVMLENS_UI_GRID_TERM_CURSES_H
#define KVMLENS_UI_GRID_TERM_CURSES_H

#include <stdbool.h>

#include "core/base/error.h"
#include "ui/grid/keys.h"
#include "ui/grid/screen.h"
#include "ui/grid/theme.h"

struct term;

struct term_config {
    bool mouse;
    const struct theme *theme;
};

/*
 * term_open - take standard input and output, which must be terminals.
 * 0, or -ENOTSUP with a sentence when the kind of terminal is unknown or cannot place its cursor,
 * or -ENOMEM.
 */
int term_open(const struct term_config *config, struct term **ret, struct error *err);
void term_close(struct term *term); /* restores the terminal; NULL ok */

/* term_ends_by - this signal ends the program now, also when term_close cannot write. */
void term_ends_by(struct term *term, int signal);

bool term_has_colours(const struct term *term);
void term_set_theme(struct term *term, const struct theme *theme);

/* term_size - ask the terminal for its size, after SIGWINCH too. */
void term_size(struct term *term, int *ret_rows, int *ret_cols);

/* term_draw - show the grid; only cells that differ from what is shown are sent. */
void term_draw(struct term *term, const struct screen *screen);

/* term_forget - the next term_draw sends everything. */
void term_forget(struct term *term);

/* term_read - take what was typed, without waiting: bytes to decode, 0 none, or -EIO. */
int term_read(struct term *term);

/* term_key - the next key that was pressed, without waiting; KEYCODE_NONE: there is none. */
struct ui_key term_key(struct term *term);

/*
 * term_wait_ms - when term_key is to be asked again though nothing was typed, in milliseconds: a
 * lone Esc is a key when nothing follows. -1: not before something is typed.
 */
int term_wait_ms(const struct term *term);

/* term_suspend, term_resume - give the terminal back for a while. */
void term_suspend(struct term *term);
void term_resume(struct term *term);

#endif
