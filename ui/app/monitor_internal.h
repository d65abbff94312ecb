/* SPDX-License-Identifier: MIT */
/* What the files of the monitor share. Main thread. */
#ifndef KVMLENS_UI_APP_MONITOR_INTERNAL_H
#define KVMLENS_UI_APP_MONITOR_INTERNAL_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/model/snapshot.h"
#include "ui/app/monitor.h"
#include "ui/app/scan_queue.h"
#include "ui/choose/filter.h"
#include "ui/grid/term_curses.h"
#include "ui/state/config.h"
#include "ui/state/state.h"
#include "ui/state/trends.h"

/* Rates need a second sample: do not let a person wait a whole delay for it. */
#define FIRST_DELAY_S 0.25

struct monitor {
    struct sample_link *link;
    struct term *term;
    struct screen screen;
    struct ui_state state;
    struct ui_rows rows;
    struct trends trends;
    /* Any of these may be the same one; release() frees a snapshot that nobody needs any more. */
    struct snapshot *now;    /* the newest */
    struct snapshot *base;   /* totals count from here */
    struct snapshot *detail; /* the last that had the VM of the drill-down */
    struct scan_queue queue;
    sigset_t mask, old_mask;
    bool masked;
    int signal_fd, timer_fd;
    uint64_t due_ns;   /* of the next tick, monotonic */
    uint64_t asked_ns; /* when the sample that is waited for was asked for; 0: none is */
    double next_delay_s;         /* from that one to the next */
    uint64_t late_s;             /* seconds that it is late, as the screen has it */
    int looks_left_s;            /* seconds that looks still take, as the screen has it */
    const struct filter *select; /* to be opened when the first snapshot is there; NULL: nothing */
    int dead_reads;
    int end_signal;    /* the signal that ends us, 0 = none */
    struct config *config;
    const char *config_path;
    const char *places; /* why a place may be one that cannot be written; "" when all can */
    enum bpf_state bpf; /* as it was said last */
    /* what the link was told last, and how many more samples are hurried for its first numbers */
    bool exits;
    pid_t exits_pid;
    int exits_hurried;
    struct load_wish_set load; /* what the link was told last */
    int load_hurried;          /* as exits_hurried */
    bool is_pressed;           /* a key, since the link was told last */
    uint64_t turned_ns;        /* when samples were hurried for a VM that nobody chose */
    bool wants_exits; /* -t: what opens first is what shows them */
    bool no_colour;
    bool is_narrow;     /* the sampler looks only at what the command line chose */
    bool quit, changed; /* changed: a frame is due */
};

/* monitor_now_ns - CLOCK_MONOTONIC. */
uint64_t monitor_now_ns(void);

/* monitor_arm - the next tick is at @due_ns, monotonic. */
void monitor_arm(struct monitor *m, uint64_t due_ns);

/* monitor_replace - put @s (NULL: none) in @place, one of the snapshots that are kept; the one that
 * was there ends when it is kept nowhere else. */
void monitor_replace(struct monitor *m, struct snapshot **place, struct snapshot *s);

/* monitor_model - what screens see; all in it is borrowed, until the next snapshot. */
struct ui_model monitor_model(struct monitor *m);

/* monitor_wish - exits are counted while somebody looks at them, and while @is_stopped nobody does.
 * No effect while nothing changes. */
void monitor_wish(struct monitor *m, bool is_stopped);

/* monitor_wish_load - what the screen shows of contention is read, and nothing else. No effect
 * while nothing changes. */
void monitor_wish_load(struct monitor *m);

/* monitor_follow - bring the state up to date with what is known now; a frame is due then. */
void monitor_follow(struct monitor *m);

/* monitor_scan - the VM whose drill-down is open. */
void monitor_scan(struct monitor *m, enum scan_queue_depth depth);

/* monitor_scans - begin or end the scans that state.scans says. */
void monitor_scans(struct monitor *m);

/* monitor_ask - for a sample; the next tick is @delay_s later. No effect while one is asked for. */
void monitor_ask(struct monitor *m, double delay_s);

/*
 * monitor_look - is the sample there that was asked for? Where it is late, the screen says so each
 * second. 0, or a negative errno with a sentence: there will be none.
 */
int monitor_look(struct monitor *m, struct error *err);

#endif
