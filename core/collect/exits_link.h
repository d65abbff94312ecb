/* SPDX-License-Identifier: MIT */
/*
 * Exits link: how the front end gets counts of exits from a counter, and never waits for it.
 *
 * A counter is there only while exits are wanted, and with it its BPF programs. It is asked once
 * for each sample, when that is there, for whose vCPUs they are. One that has ended or gives
 * nothing of use is replaced; after some in a row the counts say that there are none.
 *
 * The first count is waited for, since programs are loaded for it. After that a sample goes without
 * its exits when they are late, for all else in it is there.
 *
 * Main thread.
 */
#ifndef KVMLENS_CORE_COLLECT_EXITS_LINK_H
#define KVMLENS_CORE_COLLECT_EXITS_LINK_H

#include "core/base/error.h"
#include "core/collect/supervisor.h"
#include "core/collect/watch.h"
#include "core/model/exits.h"
#include "core/model/sample.h"

struct exits_link {
    struct supervisor *supervisor;
    struct child_link child; /* .pid 0: there is none */
    bool is_wanted;
    bool is_asked;   /* a sample waits */
    bool is_owed;    /* the counter was asked for an earlier sample, which went without */
    bool has_counts; /* there was a count since exits are wanted */
    pid_t pid;       /* whose exits; 0: of all */
    uint32_t number; /* of what is asked for */
    uint64_t asked_ns;         /* the counter */
    uint64_t sample_ns;        /* since when the sample waits */
    struct watch watch;        /* of the counter, since it was asked */
    unsigned failures;         /* counters in a row that gave no count */
    int unsent;                /* 0, or the negative errno for which it was not asked */
    struct message_count *ask; /* too large for the stack */
};

/* exits_link_open - nothing is wanted yet. @supervisor is borrowed. 0 or -ENOMEM. Ends with
 * exits_link_close. */
int exits_link_open(struct supervisor *supervisor, struct exits_link *ret);
void exits_link_close(struct exits_link *link); /* zeroed memory ok */

/* exits_link_set - are exits wanted, and whose? The counter begins, or ends. 0, or a negative errno
 * with a sentence: there is none to be had now, which is tried again with each sample. */
int exits_link_set(struct exits_link *link, bool on, pid_t pid, struct error *err);

/* exits_link_ask - for a count for the vCPUs of @sample. @is_whole: whatever the scope of the
 * command line is. No effect where nothing is wanted. */
void exits_link_ask(struct exits_link *link, const struct sample *sample, bool is_whole);

/*
 * exits_link_look - to be called when the descriptor is readable, or after some time.
 * 1: *@ret is the count that was asked for, which belongs to the caller (free(3)), or NULL where
 * there is none for lack of memory. 0: not yet. Never asked: 1 and NULL.
 */
int exits_link_look(struct exits_link *link, struct exits_count **ret);

#endif
