/* SPDX-License-Identifier: MIT */
/*
 * Config: what a person likes the monitor to be, kept in a file. Read at start, written on request
 * only.
 *
 *     [monitor]                      [columns]
 *     delay = 1                      ; in the order of the lines; a width, or auto
 *     sort = cpu                     pid = auto
 *     inverted = no                  name = 24
 *     vcpus = no
 *     theme = default
 *     bpf = no
 *     ; a set of columns: own, overview, cpu, exits, memory, io or migration
 *     set = overview
 *     ; the selected VM below the table, where there is room
 *     pane = yes
 *
 *     [columns cpu]
 *     ; what that set has
 *     name = auto
 *     rdy = auto
 *
 *     [forecast]
 *     ; MB/s, milliseconds
 *     bandwidth = 125
 *     downtime = 300
 *     mode = precopy
 *     auto-converge = no
 *
 * All that is wrong in the file is told with its line and otherwise left out of account. Lines that
 * are not understood are kept when the file is written again: a newer version may know them.
 */
#ifndef KVMLENS_UI_STATE_CONFIG_H
#define KVMLENS_UI_STATE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/error.h"
#include "ui/state/column_sets.h"
#include "ui/state/columns.h"

#define CONFIG_FILE_MAX 65536  /* bytes; a longer file is refused */
#define CONFIG_UNKNOWN_MAX 4096
#define CONFIG_TOLD_MAX 10

struct config {
    double delay_s;  /* 0: not given */
    int theme;       /* index into theme_table; -1: not given */
    int sort;        /* enum column_id; -1: not given */
    bool inverted;
    bool tree;
    bool bpf;                     /* load BPF programs from the start, as --bpf does */
    struct column_choice columns; /* the own choice; count 0: not given */
    bool pane;                    /* of the selected VM, where there is room */
    int set;                      /* enum column_set to begin with; -1: not given */
    struct column_choice sets[COLUMN_SET_COUNT]; /* in the place of ours; count 0: not given */
    double bandwidth;             /* bytes per second; 0: not given */
    double downtime_limit_s;      /* 0: not given */
    int mode;                     /* enum forecast_mode; -1: not given */
    bool auto_converge;
    char unknown[CONFIG_UNKNOWN_MAX]; /* lines to keep, with their section headers */
    size_t problems;  /* things that are wrong */
    struct config_problem {
        int line;
        char text[160]; /* what it is, and what to write: "there is no theme 'x': give ..." */
    } told[CONFIG_TOLD_MAX]; /* the first of them, in the order of the lines */
};

void config_init(struct config *config);

/* config_parse - the pure part. @text: the file, NUL-terminated. */
void config_parse(const char *text, struct config *ret);

/*
 * config_wrong_lines - "line 3", "lines 3 and 7", "lines 3, 7, 9 and more": where the problems are.
 * "" when there are none.
 */
void config_wrong_lines(const struct config *config, char *buf, size_t size);

/*
 * config_path - where the file is: $XDG_CONFIG_HOME/kvmlens/config, or ~/.config/kvmlens/config.
 * Values of the environment as they are; NULL: not set. A relative path in them counts for nothing.
 * 0 or -ENOENT when there is no such place.
 */
int config_path(const char *xdg_config_home, const char *home, char *out, size_t size);

/*
 * config_read - read and parse. A file that is not there is no error: @ret is as config_init makes
 * it. Only a regular file that belongs to us or to root is read: -EPERM, -EFBIG, other errno with a
 * sentence.
 */
int config_read(const char *path, struct config *ret, struct error *err);

/*
 * config_write - replace the file, making its directory when that is missing (mode 0700).
 *
 * Never through a symbolic link, never a file or into a directory that belongs to somebody else:
 * under sudo HOME may be another user's. Temporary file, fsync, rename: the old file or the new one
 * is there, always; the old one stays beside it as config.old. Returns 0, or -EPERM or another
 * negative errno with a sentence.
 */
int config_write(const char *path, const struct config *config, struct error *err);

#endif
