/* SPDX-License-Identifier: MIT */
/*
 * Forecasts: what a migration of each VM that was looked at would take, with the settings of now.
 * They are rows (ui/state/rows.h): made when a report comes or a setting changes, and not when they
 * are drawn; and can be thrown away at any time.
 *
 * Pure. One forecast takes some milliseconds at most, what makes one end up to 50.
 */
#ifndef KVMLENS_UI_STATE_FORECASTS_H
#define KVMLENS_UI_STATE_FORECASTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/forecast/forecast_remedy.h"
#include "core/forecast/forecast_seen.h"
#include "core/model/vm.h"
#include "ui/state/scan_reports.h"

#define FORECASTS_AT_ONCE 16    /* are made in one forecasts_follow, the others in the next ones */
#define FORECAST_OLD_S    600.0 /* older than this it is marked: the load may be another one now */

struct forecasts_entry {
    struct vm_id vm;
    uint64_t seen_ns; /* of what it was made from */
    bool is_void;     /* nothing is to be made of the rates */
    bool is_old;
    struct forecast forecast;
    bool has_remedy; /* of the open VM, where it does not end for certain */
    struct forecast_remedy remedy;
};

/* {0} is empty. */
struct forecasts {
    struct forecasts_entry *list; /* [count] */
    size_t count, cap;
    struct forecast_settings settings; /* that they are made for */
    uint64_t now_ns;                   /* when they were brought up to date; monotonic */
};

/*
 * forecasts_follow - bring them up to date with @scans (NULL: none), @settings and the time.
 *
 * @open: the VM whose forecast is shown with all that it says; then no other is made. NULL: all of
 * them. 0, or -ENOMEM with no forecast at all.
 */
int forecasts_follow(struct forecasts *forecasts, const struct scan_reports *scans,
                     const struct forecast_settings *settings, const struct vm_id *open,
                     uint64_t now_ns);

void forecasts_done(struct forecasts *forecasts);

/* forecasts_find - NULL: none, or not made yet. Valid until the next forecasts_follow. */
const struct forecasts_entry *forecasts_find(const struct forecasts *forecasts,
                                             const struct vm_id *vm);

#endif
