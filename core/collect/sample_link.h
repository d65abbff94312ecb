/* SPDX-License-Identifier: MIT */
/*
 * Sample link: how the front end gets samples from a collector, and never waits for it.
 *
 * A collector that stands still in one call on somebody's process is given up: it is killed, which
 * the kernel may not do for long, and another one starts that leaves that process alone. The VMs of
 * that process stay in the list with their last numbers, as stale, and the process is tried again
 * when the collector that it held has ended and some time has passed.
 *
 * Main thread.
 */
#ifndef KVMLENS_CORE_COLLECT_SAMPLE_LINK_H
#define KVMLENS_CORE_COLLECT_SAMPLE_LINK_H

#include "core/base/error.h"
#include "core/collect/supervisor.h"
#include "core/collect/watch.h"
#include "core/model/sample_wait.h"
#include "core/model/snapshot.h"

struct sample_link;

/* sample_link_open - start a collector. @supervisor is borrowed. 0, or a negative errno with a
 * sentence. */
int sample_link_open(struct supervisor *supervisor, struct sample_link **ret, struct error *err);
void sample_link_close(struct sample_link *link); /* NULL ok; snapshots must be freed before */

/* sample_link_fd - readable when sample_link_look has something to do. Another one at any time: to
 * be asked before each poll. */
int sample_link_fd(const struct sample_link *link);

/* sample_link_widen - from the next sample on all VMs are wanted, not only those of the scope. */
void sample_link_widen(struct sample_link *link);

/*
 * sample_link_set_load - from the next sample on these are read (enum load_wish): what the screen,
 * or the format, shows. At first none. What was not read before has its first rates with the sample
 * after the next.
 */
void sample_link_set_load(struct sample_link *link, unsigned wishes);

/* sample_link_set_load_one - the same of the VMs of process @pid and of the one before, beside what
 * is read of all. 0: of none. */
void sample_link_set_load_one(struct sample_link *link, unsigned wishes, pid_t pid,
                              pid_t before);

/*
 * sample_link_set_bpf - from now on the counters are read with BPF (@on), or without: another
 * collector takes the place of this one, whose programs end with it. What it was asked for is asked
 * of the next. VMs stay the same, and what is shown goes on. It is a wish of the supervisor, so
 * scanners follow it too (scan_link_renew). 0, or a negative errno with a sentence: there is no
 * collector to be had.
 */
int sample_link_set_bpf(struct sample_link *link, bool on, struct error *err);

/*
 * sample_link_set_exits - from now on samples have exits (@on), or none: of the process @pid alone,
 * 0: of all. A counter (core/collect/counter.c) begins or ends, and with it its BPF programs; what
 * is asked for goes on. 0, or a negative errno with a sentence: there is no counter to be
 * had now, which is tried again with each sample.
 */
int sample_link_set_exits(struct sample_link *link, bool on, pid_t pid, struct error *err);

/* sample_link_ask - for the next sample. No effect while one is asked for. */
void sample_link_ask(struct sample_link *link);

/*
 * sample_link_look - is it there? To be called when the descriptor is readable, and again after
 * sample_link_wait_ms. Never waits for the collector, and works up what came from it in slices of a
 * few milliseconds, one for each call.
 * 1: *@ret is a snapshot, which belongs to the caller, borrows the fields of the link, and ends
 * before it. 0: not yet. A negative errno with a sentence: the host cannot be read, or no collector
 * lives long enough to do it.
 */
int sample_link_look(struct sample_link *link, struct snapshot **ret, struct error *err);

/* sample_link_wait_ms - until sample_link_look wants to be called; -1: nothing is asked for. */
int sample_link_wait_ms(const struct sample_link *link);

/*
 * sample_link_tick - ask, and wait for it. @stop_fd: returns -EINTR as soon as this is readable,
 * which stays to be read; -1: nothing stops it. As sample_link_look else, but never 1: 0 is the
 * snapshot.
 */
int sample_link_tick(struct sample_link *link, int stop_fd, struct snapshot **ret,
                     struct error *err);

struct sample_wait sample_link_wait(const struct sample_link *link);

#endif
