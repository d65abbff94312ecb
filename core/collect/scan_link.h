/* SPDX-License-Identifier: MIT */
/*
 * Scan link: how the front end has a VM scanned by a scanner, and never waits for it. What
 * core/scan/scan_worker.h is inside the scanner, this is outside.
 *
 *   IDLE -> under way -> done -> (scan_link_take) IDLE
 *
 * The scanner starts with the first scan. One that stands still in a call on somebody's process is
 * given up: it is killed, which the kernel may not do for long, the newest report becomes the last
 * one, as failed, and the next scan gets another scanner.
 *
 * Main thread.
 */
#ifndef KVMLENS_CORE_COLLECT_SCAN_LINK_H
#define KVMLENS_CORE_COLLECT_SCAN_LINK_H

#include "core/base/error.h"
#include "core/collect/supervisor.h"
#include "core/collect/watch.h"
#include "core/scan/scan_worker.h"

/* How often scan_link_look wants to be called while a scan is under way. */
#define SCAN_LINK_LOOK_MS WATCH_LOOK_MS

struct scan_link;

/* scan_link_open - @supervisor is borrowed. NULL: no memory. */
struct scan_link *scan_link_open(struct supervisor *supervisor);

/* scan_link_close - what is under way ends with its scanner, which is not waited for. NULL ok. */
void scan_link_close(struct scan_link *link);

/* scan_link_fd - readable when scan_link_look has something to do; -1: there is no scanner.
 * Another one at any time: to be asked before each poll. */
int scan_link_fd(const struct scan_link *link);

/* scan_link_submit - copies @request. 0; -EBUSY while a scan is under way or not taken; or a
 * negative errno with a sentence: there is no scanner to be had. */
int scan_link_submit(struct scan_link *link, const struct scan_request *request, struct error *err);

/*
 * scan_link_renew - the supervisor's wish for BPF has changed: a scanner that has nothing to do
 * ends, and the next scan has another one. One that scans does so when its report was taken. NULL
 * ok.
 */
void scan_link_renew(struct scan_link *link);

/* scan_link_cancel - returns at once; the scan ends within 50 ms, with a partial report. No scan:
 * no effect. */
void scan_link_cancel(struct scan_link *link);

/*
 * scan_link_give_up - the scan under way ends at once, as failed for @why; its scanner is killed.
 * For who cannot wait for its end. No scan, or one that is done: no effect.
 */
void scan_link_give_up(struct scan_link *link, const struct error *why);

/* scan_link_look - are there reports, and does the scanner move? When the descriptor is readable,
 * and every SCAN_LINK_LOOK_MS. */
void scan_link_look(struct scan_link *link);

/* scan_link_progress, _peek, _take - as of scan_worker.h, of what scan_link_look found. */
struct scan_worker_progress scan_link_progress(const struct scan_link *link);
struct scan_report *scan_link_peek(struct scan_link *link);
struct scan_report *scan_link_take(struct scan_link *link);

#endif
