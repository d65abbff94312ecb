// SPDX-License-Identifier: MIT
#include "tests/lib/looks_report.h"

#include <errno.h>
#include <stdlib.h>

#define PAGES   262144
#define SAMPLED 16384

const struct truth looks_report_busy = {TRUTH_UNIFORM, 200000, 100000, 20000, 1};

struct scan_report *looks_report(const struct vm_id *vm, enum scan_state state,
                                 const struct truth *truth, size_t count)
{
    static const double when[LOOKS_REPORT_MOST] = {0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2};
    struct scan_report *r = calloc(1, sizeof(*r));
    uint64_t population = (uint64_t)truth->population, random = 7;

    r->mode = SCAN_DIRTY;
    r->state = state;
    r->vm = *vm;
    r->dirty = calloc(1, sizeof(*r->dirty));
    r->dirty->vfio_group = -1;
    r->dirty->look_count = (unsigned)count;
    r->residency_done = true;
    r->pages_total = PAGES;
    r->counts.pages[PAGE_UNTOUCHED] = PAGES - population;
    r->counts.pages[PAGE_UNREAD] = population;
    r->estimate = (struct scan_estimate){.valid = count > 0,
                                         .sampled = SAMPLED,
                                         .sampled_zero = SAMPLED / 10,
                                         .population = population,
                                         .zero_ratio = 0.1};
    if (count > 1)
        truth_look(&r->dirty->looks, truth, SAMPLED, when, count, &random);
    if (state == SCAN_REFUSED)
        error_set(&r->error, -EPERM, "the memory may not be read");
    return r;
}
