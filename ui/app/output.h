/* SPDX-License-Identifier: MIT */
/*
 * Where records go: standard output, a log that is appended to, or a file replaced as a whole.
 *
 * A record reaches its file in one piece or not at all, as far as one write(2) can promise that.
 */
#ifndef KVMLENS_UI_APP_OUTPUT_H
#define KVMLENS_UI_APP_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/error.h"

enum output_kind {
    OUTPUT_FD,      /* a descriptor of the caller's, standard output */
    OUTPUT_APPEND,  /* made with mode 0640 when not there; reopened on request (logrotate) */
    OUTPUT_REPLACE, /* temporary file beside it, mode 0644, rename(2) */
};

struct output {
    enum output_kind kind;
    const char *path;   /* borrowed */
    const char *magic;  /* borrowed: how a log of ours begins; NULL = not known */
    int fd;             /* OUTPUT_FD, OUTPUT_APPEND */
    /* readable: do not wait for a reader that stands still; -1 = wait for ever */
    int stop_fd;
    bool empty;         /* nothing is in the file yet */
    bool unmended;      /* a log whose end the next record has to look at first */
    char *first_line;   /* of a log that was not empty, without its LF; else NULL */
};

/*
 * output_fd - records go to @fd, which stays the caller's.
 *
 * output_append - opens @path, and changes nothing of it yet. It follows no symbolic link, takes
 * files and pipes of our own or root's only, and leaves it to the kernel to refuse more
 * (fs.protected_regular, fs.protected_fifos). Right before the first record the end of a regular
 * file that begins with @magic is looked at: half a record, left by a power cut or SIGKILL, is cut
 * off; in any other file the record begins on a new line. Terminals, other character devices and
 * pipes are written as they are.
 *
 * output_replace - checks that @path is no device, pipe or directory; opens nothing.
 *
 * 0 or a negative errno with a sentence that names the file.
 */
void output_fd(struct output *out, int fd);
int output_append(struct output *out, const char *path, const char *magic, struct error *err);
int output_replace(struct output *out, const char *path, struct error *err);
void output_close(struct output *out); /* never closes the caller's fd */

/*
 * output_reopen - after logrotate has moved the file away. Only OUTPUT_APPEND; no-op for others.
 * On failure the old file stays open, and is still written.
 */
int output_reopen(struct output *out, struct error *err);

/*
 * output_is_fresh - is the next record the first of its file? Also of a log that somebody
 * truncated, as logrotate's copytruncate does.
 */
bool output_is_fresh(const struct output *out);

/*
 * output_write - one whole record. 0; -EPIPE without a sentence when nobody reads any more; else a
 * negative errno with a sentence that names the file. -EINTR: ended by out->stop_fd.
 */
int output_write(struct output *out, const char *text, size_t len, struct error *err);

#endif
