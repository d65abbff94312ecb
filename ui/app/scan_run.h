/* SPDX-License-Identifier: MIT */
/*
 * `--scan VM`: one scan from the command line, from start to printed report.
 */
#ifndef KVMLENS_UI_APP_SCAN_RUN_H
#define KVMLENS_UI_APP_SCAN_RUN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/base/error.h"
#include "core/ram/ram.h"
#include "core/base/rootfs.h"
#include "core/scan/scan.h"
#include "core/model/vm.h"

/* The VM, found and chosen by the caller. */
struct scan_subject {
    struct vm_id id;
    const char *vmm;      /* static text, as struct vm has it */
    const char *name;     /* cleaned, for people */
    const char *name_raw; /* for JSON */
    size_t process_vms;   /* VMs in that process */
};

struct scan_options {
    bool estimate;            /* --sample */
    uint64_t sample_pages;    /* N of --sample N; 0 = default */
    uint64_t max_rate_bytes;  /* --max-rate, per second; 0 = no limit */
    unsigned threads;         /* --threads; 0 = 1 */
    bool force;               /* --force */
    struct ram_range ram[RAM_RANGES_MAX]; /* --ram */
    size_t ram_count;
    const struct zeropage_impl *accel;    /* --accel; NULL = automatic */
    bool json;                /* --format json, else text */
    bool color, unicode;      /* text only */
    /* a progress line on stderr: the caller has seen that it is a terminal */
    bool progress;
};

/*
 * scan_run - scan @subject and print the report to @out (flushed, not closed).
 *
 * SIGINT and SIGTERM end the scan: the partial report is printed, labelled so. They are blocked
 * for the time of this call and read through a signalfd. Main thread.
 *
 * Returns an exit status: 0 done (also when ended by a signal); 3 done, but some pages could not
 * be read or regions were left out; or a negative errno with a sentence in @err: refused or failed.
 * A failed scan prints what it has before. An error while writing to @out is a negative errno too.
 */
int scan_run(const struct rootfs *root, const struct scan_subject *subject,
             const struct scan_options *options, FILE *out, struct error *err);

#endif
