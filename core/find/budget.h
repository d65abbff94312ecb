/* SPDX-License-Identifier: MIT */
/*
 * Budget: how long one process may be looked at and read in one tick, so that a process with
 * thousands of VMs, or one whose files answer slowly, makes late only what is shown of itself.
 *
 * What it overran is taken off its next ticks: on average it gets no more. Pure; main thread.
 */
#ifndef KVMLENS_CORE_FIND_BUDGET_H
#define KVMLENS_CORE_FIND_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

struct budget {
    uint64_t (*now_ns)(void); /* monotonic */
    uint64_t limit_ns;        /* of each process, in this tick */
    uint64_t before_ns;       /* in the tick before; 0 = there was none */
};

/* What one process has taken. Zeroed memory is one that has taken nothing. */
struct process_time {
    uint64_t spent_ns;      /* in this tick, and of what it overran before */
    uint64_t look_after_ns; /* it is not looked into again before; 0 = no matter when */
    int next_fd;            /* the first of its VMs that the last tick did not come to; 0 = none */
};

/*
 * budget_limit_ns - for a sample so long after the one before: a quarter of that time, within
 * bounds. @interval_ns 0: it is the first, and somebody waits for it.
 */
uint64_t budget_limit_ns(uint64_t interval_ns);

/* budget_begin - another tick begins; that before had the limit @before_ns. */
void budget_begin(struct process_time *time, uint64_t before_ns);

/* budget_is_over - is there no time left in this tick for one more of its VMs? */
bool budget_is_over(const struct process_time *time, uint64_t limit_ns);

/*
 * budget_is_half_over - the same for what comes before reading and must leave it time: to find out
 * what there is to be read.
 */
bool budget_is_half_over(const struct process_time *time, uint64_t limit_ns);

/* budget_looked - a look into it ended at @now_ns and took @took_ns: a slow one is rare. */
void budget_looked(struct process_time *time, uint64_t now_ns, uint64_t took_ns);

#endif
