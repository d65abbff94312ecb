/* SPDX-License-Identifier: MIT */
/*
 * `--scan VM`: one scan from the command line, from start to printed report.
 */
#ifndef KVMLENS_UI_APP_SCAN_RUN_H
#define KVMLENS_UI_APP_SCAN_RUN_H

#include <stdbool.h>
#include <stdio.h>

#include "core/base/error.h"
#include "core/collect/supervisor.h"
#include "core/scan/scan.h"

/* How the report is printed. */
struct scan_output {
    const char *name;     /* of the VM, cleaned, for people */
    const char *name_raw; /* for JSON */
    bool json;            /* --format json, else text */
    bool unicode;         /* text only */
    /* a progress line on stderr: the caller has seen that it is a terminal */
    bool progress;
};

/*
 * scan_run - do the scan and print the report to @out (flushed, not closed).
 *
 * SIGINT and SIGTERM end the scan: the partial report is printed, labelled so. They are blocked
 * for the time of this call and read through a signalfd. Main thread.
 *
 * Returns an exit status: 0 done (also when ended by a signal); 3 done, but some pages could not
 * be read or regions were left out; or a negative errno with a sentence in @err: refused or failed.
 * A failed scan prints what it has before. An error while writing to @out is a negative errno too.
 */
int scan_run(struct supervisor *supervisor, const struct scan_request *request,
             const struct scan_output *output, FILE *out, struct error *err);

#endif
