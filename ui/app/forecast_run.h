/* SPDX-License-Identifier: MIT */
/*
 * `--forecast VM|all`: looks at VMs from the command line, from start to printed report.
 */
#ifndef KVMLENS_UI_APP_FORECAST_RUN_H
#define KVMLENS_UI_APP_FORECAST_RUN_H

#include <stdbool.h>
#include <stdio.h>

#include "core/base/error.h"
#include "core/collect/supervisor.h"
#include "core/forecast/forecast_settings.h"
#include "core/model/snapshot.h"
#include "core/scan/scan.h"
#include "ui/choose/filter.h"

struct forecast_order {
    struct forecast_settings settings;
    struct scan_request look; /* what all looks have in common: duration, rate ... */
    bool all;                 /* rank the chosen VMs; else the first of them alone */
    bool json;                /* --format json, else text */
    bool unicode;             /* text only */
    bool progress;            /* a line on stderr: the caller has seen that it is a terminal */
};

/*
 * forecast_run - look at the VMs of @s that @filter chooses and print the report to @out (flushed,
 * not closed). What is missing, and why, goes to @diag, a line for each VM.
 *
 * SIGINT and SIGTERM end the looks: forecasts of what was seen so far are printed, labelled so. A
 * second one ends at once. They are blocked for the time of this call and read through a signalfd.
 * Main thread.
 *
 * Returns an exit status: 0 done; 3 done, but there is a VM without a forecast that is of use; or a
 * negative errno with a sentence in @err: there is none at all. What is known is printed before. An
 * error while writing to @out is a negative errno without a sentence.
 */
int forecast_run(struct supervisor *supervisor, const struct forecast_order *order,
                 const struct snapshot *s, const struct filter *filter, FILE *out, FILE *diag,
                 struct error *err);

#endif
