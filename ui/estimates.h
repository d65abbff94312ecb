/* SPDX-License-Identifier: MIT */
/*
 * Zero-page estimates of many VMs, for metrics: taken one after the other, kept while fresh.
 *
 * An estimate reads a few thousand random pages of a VM that are present and maps none, as
 * core/scan.h has it. A VM that cannot be estimated has its reason.
 */
#ifndef KVMLENS_UI_ESTIMATES_H
#define KVMLENS_UI_ESTIMATES_H

#include <stddef.h>
#include <stdint.h>

#include "core/rootfs.h"
#include "core/scan.h"
#include "core/snapshot.h"
#include "ui/filter.h"

#define ESTIMATES_SAMPLE_PAGES 4096 /* of each VM: an interval of at most 1.6 % */
#define ESTIMATES_FRESH_NS (300ull * 1000000000) /* taken anew when older */

struct estimate {
    struct vm_id vm;
    uint64_t taken_ns;           /* CLOCK_MONOTONIC */
    struct scan_report *report;  /* owned; never NULL */
};

/* Zeroed memory is an empty one. */
struct estimates {
    struct estimate *items;
    size_t count;
};

/*
 * estimates_refresh - drops those of VMs that ended, takes those that are missing or not fresh.
 * Blocks while it does: some tens of milliseconds a VM. 0 or -ENOMEM. Main thread.
 */
int estimates_refresh(struct estimates *estimates, const struct rootfs *root,
                      const struct snapshot *s, const struct filter *filter, uint64_t now_ns);
void estimates_done(struct estimates *estimates);

/* estimates_find - of that VM, or NULL. */
const struct estimate *estimates_find(const struct estimates *estimates, const struct vm_id *vm);

#endif
