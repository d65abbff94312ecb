/* SPDX-License-Identifier: MIT */
/*
 * Scan reports: what is known of the memory of which VM: its zero pages, and what it writes. A
 * result stays with its VM until that ends.
 */
#ifndef KVMLENS_UI_STATE_SCAN_REPORTS_H
#define KVMLENS_UI_STATE_SCAN_REPORTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/forecast/forecast_seen.h"
#include "core/model/snapshot.h"
#include "core/model/vm.h"
#include "core/scan/scan.h"

#define SCAN_REPORTS_MAX 256 /* VMs; the one scanned longest ago goes first */

struct scan_reports_entry {
    struct vm_id vm;
    /* how the last scan ended, whatever way, but for one cancelled before it knew anything beside
     * one that did; NULL: none ended yet */
    struct scan_report *last;
    struct scan_report *running; /* newest of the scan under way; NULL: none, or nothing known */
    uint64_t last_ns;            /* monotonic: when @last came */
    double zero_ratio;           /* best known; negative: nothing */
    bool zero_exact;
    uint64_t used_ns;
    /* Of looks at what it writes (SCAN_DIRTY), which leave what is above alone. */
    bool looks_began;           /* somebody asked for them, or they began by themselves */
    struct forecast_seen *seen; /* of the newest that told something; NULL: none */
    uint64_t seen_ns;           /* monotonic: when it came */
    struct error looks_error;   /* why the newest told nothing; code 0: it did, or there was none */
};

struct scan_reports {
    struct scan_reports_entry list[SCAN_REPORTS_MAX];
    size_t count;
};

void scan_reports_done(struct scan_reports *scans); /* zeroed memory ok */

/*
 * scan_reports_put - keep a report, intermediate or final; it belongs to @scans now. Of one of
 * SCAN_DIRTY no more is kept than what forecasts need, made once, and that of its end only.
 */
void scan_reports_put(struct scan_reports *scans, struct scan_report *take_report, uint64_t now_ns);

/* scan_reports_looks_begin - looks at what @vm writes have begun; @began false: they gave way, as
 * if they never had. */
void scan_reports_looks_begin(struct scan_reports *scans, const struct vm_id *vm, bool began);

/* scan_reports_find - NULL: never scanned. Valid until the next scan_reports_put or
 * scan_reports_forget_ended. */
const struct scan_reports_entry *scan_reports_find(const struct scan_reports *scans,
                                                   const struct vm_id *vm);

/* scan_reports_forget_ended - VMs that are not in @s go, but for @keep (NULL: none is kept). */
void scan_reports_forget_ended(struct scan_reports *scans, const struct snapshot *s,
                               const struct vm_id *keep);

#endif
