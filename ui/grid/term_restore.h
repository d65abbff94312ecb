/* SPDX-License-Identifier: MIT */
/*
 * Whatever signal ends the program, the terminal is restored first, and the signal is the cause of
 * death: exit status and core dump are the true ones.
 *
 * One terminal at a time, standard input and output; main thread. The signals that the monitor
 * reads from a descriptor are not handled here, but where a write lasts.
 */
#ifndef KVMLENS_UI_GRID_TERM_RESTORE_H
#define KVMLENS_UI_GRID_TERM_RESTORE_H

#include <stdbool.h>
#include <stddef.h>

#define TERM_RESTORE_MAX 256

/* term_restore_remember - the modes of the line as they are now; call before changing them. */
void term_restore_remember(void);

/*
 * term_restore_begin - from now on; @bytes bring the terminal back, [len], at most
 * TERM_RESTORE_MAX. A signal that was ignored before stays ignored.
 */
void term_restore_begin(const char *bytes, size_t len);
void term_restore_end(void); /* signals are what they were before */

/* term_restore_hold - the terminal is somebody else's for a while, or ours again. */
void term_restore_hold(bool hold);

/*
 * term_restore_writing - a write to the terminal begins or is over. It returns only when the
 * terminal has taken all; where that takes seconds and SIGTERM, SIGHUP, SIGINT or SIGQUIT waits
 * meanwhile, what was not sent is dropped, and we end by that signal.
 */
void term_restore_writing(bool writing);

/* term_restore_ends_by - this signal ends the program now, also when a write lasts. */
void term_restore_ends_by(int signal);

#endif
