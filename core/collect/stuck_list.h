/* SPDX-License-Identifier: MIT */
/*
 * Stuck list: processes on which a call did not return, and the collectors that were given up in
 * it. One thread.
 */
#ifndef KVMLENS_CORE_COLLECT_STUCK_LIST_H
#define KVMLENS_CORE_COLLECT_STUCK_LIST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/model/shun.h"

struct stuck {
    pid_t pid;
    const char *step;  /* what was done to it; static text */
    int sock;          /* of the collector that it held; ends with it. -1: it has ended */
    uint64_t until_ns; /* tried again after this, and when the collector has ended */
    unsigned times;    /* so often it was found stuck */
    bool is_tried;     /* it is not left alone now */
};

struct stuck_list {
    struct stuck items[SHUN_MAX]; /* the latest last */
    size_t count;
};

/*
 * stuck_list_add - leave that process alone from now on. @sock belongs to the list. When the list
 * is full, that which waits longest for another try makes room.
 */
void stuck_list_add(struct stuck_list *list, pid_t pid, const char *step, int sock,
                    uint64_t now_ns);

/* stuck_list_look - which collectors, and which of the processes, have ended meanwhile? */
void stuck_list_look(struct stuck_list *list);

/* stuck_list_shunned - those that a collector is to leave alone now. The others are tried. */
void stuck_list_shunned(struct stuck_list *list, uint64_t now_ns, struct shun_list *ret);

/* stuck_list_answered - a sample came, so those that were tried are stuck no more. */
void stuck_list_answered(struct stuck_list *list);

/* stuck_list_last - the latest, or NULL. */
const struct stuck *stuck_list_last(const struct stuck_list *list);

void stuck_list_done(struct stuck_list *list);

#endif
