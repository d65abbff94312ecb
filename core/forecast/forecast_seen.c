// SPDX-License-Identifier: MIT
#include "core/forecast/forecast_seen.h"

#include <errno.h>
#include <math.h>

/*
 * What cannot be read leaves too much open when it is more than this part of what has memory. Of an
 * idle guest that is little: then it must be more than this part of all RAM, too.
 */
#define UNREADABLE_SHARE     0.05
#define UNREADABLE_RAM_SHARE 0.001

static struct forecast_pages pages_of(const struct scan_report *report)
{
    const uint64_t *counts = report->counts.pages;
    const struct scan_estimate *e = &report->estimate;
    double total = (double)report->pages_total, population = (double)e->population;
    double untouched = (double)(counts[PAGE_UNTOUCHED] + counts[PAGE_ZERO_MAPPED]);
    struct forecast_pages pages = {.untouched = untouched, .resident = total - untouched};
    double low, high;

    if (e->population == 0)
        return pages;
    scan_wilson(e->sampled_zero, e->sampled, e->population, &low, &high);
    double ratio = e->sampled > 0 ? (double)e->sampled_zero / (double)e->sampled : 0;
    pages.zero = fmin(population * ratio, pages.resident);
    pages.zero_low = fmin(population * low, pages.zero);
    pages.zero_high = fmin(fmax(population * high, pages.zero), pages.resident);
    return pages;
}

static uint32_t voids_of(const struct scan_report *report, const struct forecast_pages *pages,
                         const struct dirty_curve *curve)
{
    uint32_t voids = report->dirty->voids;
    double unreadable = (double)report->counts.pages[PAGE_UNREADABLE];

    if (unreadable > UNREADABLE_SHARE * pages->resident &&
        unreadable > UNREADABLE_RAM_SHARE * (double)report->pages_total)
        voids |= 1u << SCAN_VOID_UNREADABLE;
    if ((curve->flags & DIRTY_CURVE_COARSE) != 0)
        voids |= 1u << SCAN_VOID_COARSE;
    return voids;
}

static bool any_spoils(uint32_t voids)
{
    for (unsigned i = 0; i < SCAN_VOID_COUNT; i++)
        if ((voids & 1u << i) != 0 && scan_void_spoils((enum scan_void)i))
            return true;
    return false;
}

static int check(const struct scan_report *report, struct error *err)
{
    if (report->state == SCAN_REFUSED || report->state == SCAN_FAILED)
        return error_set(err, -ENODATA, "%s", report->error.msg);
    if (report->dirty == NULL)
        return error_set(err, -ENODATA, "nobody looked at what this VM writes");
    if (report->regions_cut)
        return error_set(err, -ENODATA, "this VM has more regions of RAM than are looked at");
    if (!report->residency_done || report->dirty->look_count < 2)
        return error_set(err, -ENODATA, "this VM was not looked at for long enough");
    return 0;
}

int forecast_seen_make(struct forecast_seen *ret, const struct scan_report *report,
                       struct error *err)
{
    struct forecast_seen seen;

    int result = check(report, err);
    if (result == 0)
        result = dirty_curve_fit(&seen.curve, &report->dirty->looks, err);
    if (result < 0)
        return result;
    seen.pages = pages_of(report);
    seen.vcpu_busy = report->dirty->vcpu_busy;
    seen.voids = voids_of(report, &seen.pages, &seen.curve);
    seen.is_spoilt = any_spoils(seen.voids);
    seen.duration_s = report->dirty->looks.duration_s;
    *ret = seen;
    return 0;
}

static struct forecast_input input_of(const struct forecast_seen *seen,
                                      const struct forecast_settings *settings)
{
    return (struct forecast_input){
        .pages = seen->pages,
        .curve = &seen->curve,
        .vcpu_busy = seen->vcpu_busy,
        .settings = *settings,
        .costs = forecast_costs_default,
    };
}

bool forecast_seen_ends(const struct forecast_seen *seen, const struct forecast_settings *settings)
{
    const struct forecast_input input = input_of(seen, settings);

    return !seen->is_spoilt && forecast_ends(&input);
}

int forecast_of_seen(struct forecast *ret, const struct forecast_seen *seen,
                     const struct forecast_settings *settings, struct error *err)
{
    const struct forecast_input input = input_of(seen, settings);

    int result = forecast_make(ret, &input, err);
    if (result == 0 && seen->is_spoilt)
        ret->converges = FORECAST_UNSURE;
    return result;
}
