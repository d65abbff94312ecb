/* SPDX-License-Identifier: MIT */
/*
 * A reason that was opened, whole, as lines to scroll over: figures, what it means, what is behind
 * it, its times, and who has most of it. Pure.
 */
#ifndef KVMLENS_UI_STATE_EXITS_PAGE_H
#define KVMLENS_UI_STATE_EXITS_PAGE_H

#include <stddef.h>
#include <stdint.h>

#include "ui/state/exits.h"

enum exits_page_kind {
    EXITS_PAGE_BLANK,
    EXITS_PAGE_TEXT, /* @length bytes of @text, behind @label */
    EXITS_PAGE_KEY_TITLES,
    EXITS_PAGE_KEY, /* @index: of the group's keys; the first of those with one label */
    EXITS_PAGE_TIME_TITLES,
    EXITS_PAGE_BUCKET, /* @index: of the buckets of the row */
    EXITS_PAGE_WHO_TITLES,
    EXITS_PAGE_WHO, /* @index: of the snapshot's VMs, or of the VM's vCPUs */
};

struct exits_page_line {
    uint8_t kind;      /* enum exits_page_kind */
    const char *label; /* "" of the lines below the first of a text */
    const char *text;
    size_t length, index;
    uint64_t now, all; /* of keys: how often in the interval, and since the beginning */
};

#define EXITS_PAGE_LABEL_COLS 8
#define EXITS_PAGE_KEYS_MAX   500 /* that are shown: those that happened most */
#define EXITS_PAGE_WHO_MAX    20

/* What a page was made from. A later snapshot may lie where one lay that is gone: so its time too.
 */
struct exits_page_key {
    const struct snapshot *s;
    uint64_t mono_ns;
    const struct exit_group *group;
    struct exits_id id;
    int cols;
};

/* {0} is empty. It stays where it is: lines point into its notes. */
struct exits_page {
    struct exits_page_key key;
    struct exits_page_line *lines;
    size_t count, cap;
    char figures[400], nested[200], keys[300];
    uint64_t key_sum;  /* of the keys in the interval */
    uint64_t time_sum; /* of the buckets since the beginning */
    uint64_t time_most;
    uint64_t who_sum;
};

/*
 * exits_page_build - of @id, for a width of @cols columns, reusing the memory of @page. Whatever
 * @view is the stage of: without exits the page is empty. 0 or -ENOMEM.
 */
int exits_page_build(const struct exits_view *view, const struct exits_id *id, int cols,
                     struct exits_page *page);

/*
 * exits_page_follow - exits_page_build, unless @page is that page already: a thread may have a
 * thousand keys, and keys are pressed more often than snapshots come.
 */
int exits_page_follow(const struct exits_view *view, const struct exits_id *id, int cols,
                      struct exits_page *page);
void exits_page_done(struct exits_page *page);

#endif
