/* SPDX-License-Identifier: MIT */
/*
 * Scans: what is known of the zero pages of which VM. A result stays with its VM until that ends.
 */
#ifndef KVMLENS_UI_STATE_SCANS_H
#define KVMLENS_UI_STATE_SCANS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/scan/scan.h"
#include "core/model/snapshot.h"
#include "core/model/vm.h"

#define SCANS_MAX 256 /* VMs; the one scanned longest ago goes first */

struct scans_entry {
    struct vm_id vm;
    /* how the last scan ended, whatever way, but for one cancelled before it knew anything beside
     * one that did; NULL: none ended yet */
    struct scan_report *last;
    struct scan_report
        *running; /* newest of the scan under way; NULL: none, or nothing known yet */
    uint64_t last_ns;            /* monotonic: when @last came */
    double zero_ratio;           /* best known; negative: nothing */
    bool zero_exact;
    uint64_t used_ns;
};

struct scans {
    struct scans_entry list[SCANS_MAX];
    size_t count;
};

void scans_done(struct scans *scans); /* zeroed memory ok */

/* scans_put - keep a report, intermediate or final; it belongs to @scans now. */
void scans_put(struct scans *scans, struct scan_report *take_report, uint64_t now_ns);

/* scans_find - NULL: never scanned. Valid until the next scans_put or scans_forget_ended. */
const struct scans_entry *scans_find(const struct scans *scans, const struct vm_id *vm);

/* scans_forget_ended - VMs that are not in @s go, but for @keep (NULL: none is kept). */
void scans_forget_ended(struct scans *scans, const struct snapshot *s, const struct vm_id *keep);

#endif
