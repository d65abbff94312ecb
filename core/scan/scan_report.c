// SPDX-License-Identifier: MIT
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/scan/scan_internal.h"

const char *scan_class_name(enum page_class page_class)
{
    static const char *const names[PAGE_CLASS_COUNT] = {
        [PAGE_UNTOUCHED] = "untouched",       [PAGE_ZERO_MAPPED] = "zero_mapped",
        [PAGE_ZERO_CONTENT] = "zero_content", [PAGE_NONZERO] = "nonzero",
        [PAGE_SWAPPED] = "swapped",           [PAGE_UNREADABLE] = "unreadable",
        [PAGE_UNREAD] = "unread",
    };
    return names[page_class];
}

const char *scan_state_name(enum scan_state state)
{
    static const char *const names[] = {
        [SCAN_RUNNING] = "running", [SCAN_DONE] = "done",     [SCAN_CANCELLED] = "cancelled",
        [SCAN_REFUSED] = "refused", [SCAN_FAILED] = "failed",
    };
    return names[state];
}

const char *scan_phase_name(enum scan_phase phase)
{
    static const char *const names[] = {
        [SCAN_PHASE_REGIONS] = "finding regions", [SCAN_PHASE_RESIDENCY] = "residency",
        [SCAN_PHASE_SAMPLE] = "sample",           [SCAN_PHASE_READ] = "reading",
        [SCAN_PHASE_LOOKS] = "looking again",
    };
    return names[phase];
}

/*
 * Wilson's interval holds near 0 and 1, where a zero ratio often is, and where the usual p +-
 * z*s does not. Drawing without replacement from few pages is less uncertain: n grows to n * (N
 * - 1) / (N - n).
 */
void scan_wilson(uint64_t hits, uint64_t n, uint64_t population, double *ret_low, double *ret_high)
{
    const double z = 1.959963984540054; /* of 95 %, two-sided */

    if (n == 0) {
        *ret_low = 0;
        *ret_high = 1;
        return;
    }
    double p = (double)hits / (double)n;
    if (n >= population) {
        *ret_low = *ret_high = p;
        return;
    }
    double m = (double)n * (double)(population - 1) / (double)(population - n);
    double scale = 1 + z * z / m;
    double centre = (p + z * z / (2 * m)) / scale;
    double half = z / scale * sqrt(p * (1 - p) / m + z * z / (4 * m * m));
    *ret_low = hits == 0 ? 0 : fmax(0, centre - half);
    *ret_high = hits == n ? 1 : fmin(1, centre + half);
}

struct scan_report *scan_report_new(const struct scan_request *request)
{
    struct scan_report *report = calloc(1, sizeof(*report));

    if (report == NULL)
        return NULL;
    report->slices = calloc(SCAN_SLICES, sizeof(*report->slices));
    report->warnings = calloc(SCAN_WARNINGS_MAX, sizeof(*report->warnings));
    if (request->mode == SCAN_DIRTY)
        report->dirty = calloc(1, sizeof(*report->dirty));
    if (report->slices == NULL || report->warnings == NULL ||
        (request->mode == SCAN_DIRTY && report->dirty == NULL)) {
        scan_report_free(report);
        return NULL;
    }
    if (report->dirty != NULL)
        *report->dirty =
            (struct scan_dirty){.vfio_group = -1, .looks.page_bytes_dirty = SCAN_PAGE_BYTES};
    report->state = SCAN_RUNNING;
    report->mode = request->mode;
    report->vm = request->vm;
    return report;
}

struct scan_report *scan_report_spare(void)
{
    return calloc(1, sizeof(struct scan_report));
}

void scan_report_use_spare(struct scan_report *spare, const struct scan_request *request)
{
    *spare = (struct scan_report){.state = SCAN_REFUSED, .mode = request->mode, .vm = request->vm,
                                  .partial = true, .zero_high = 1};
    spare->cost.accel = scan_accel(request)->name;
    error_set(&spare->error, -ENOMEM, "out of memory");
}

void scan_report_break_off(struct scan_report *report, const struct scan_request *request,
                           const struct error *why)
{
    if (report->slices == NULL)
        scan_report_use_spare(report, request);
    report->state = SCAN_FAILED;
    report->error = *why;
    report->partial = true;
    scan_report_finish(report);
}

void scan_report_free(struct scan_report *report)
{
    if (report == NULL)
        return;
    free(report->regions);
    free(report->slices);
    free(report->warnings);
    free(report->dirty);
    free(report);
}

int scan_report_set_regions(struct scan_report *report, const struct ram_map *map)
{
    report->regions = calloc(map->count, sizeof(*report->regions));
    if (report->regions == NULL)
        return -ENOMEM;
    report->region_count = map->count;
    report->regions_cut = map->too_many;
    report->has_slots = map->has_slots;
    for (size_t i = 0; i < map->count; i++)
        report->regions[i].ram = map->regions[i];
    report->pages_total = map->bytes / SCAN_PAGE_BYTES;
    report->slice_count = report->pages_total < SCAN_SLICES ? report->pages_total : SCAN_SLICES;
    return 0;
}

struct scan_report *scan_report_copy(const struct scan_report *report)
{
    struct scan_report *copy = malloc(sizeof(*copy));

    if (copy == NULL)
        return NULL;
    *copy = *report;
    copy->regions = malloc((report->region_count + 1) * sizeof(*copy->regions));
    copy->slices = malloc(SCAN_SLICES * sizeof(*copy->slices));
    copy->warnings = malloc(SCAN_WARNINGS_MAX * sizeof(*copy->warnings));
    copy->dirty = report->dirty != NULL ? malloc(sizeof(*copy->dirty)) : NULL;
    if (copy->regions == NULL || copy->slices == NULL || copy->warnings == NULL ||
        (copy->dirty == NULL) != (report->dirty == NULL)) {
        scan_report_free(copy);
        return NULL;
    }
    if (report->region_count > 0)
        memcpy(copy->regions, report->regions, report->region_count * sizeof(*copy->regions));
    memcpy(copy->slices, report->slices, SCAN_SLICES * sizeof(*copy->slices));
    memcpy(copy->warnings, report->warnings, SCAN_WARNINGS_MAX * sizeof(*copy->warnings));
    if (copy->dirty != NULL)
        *copy->dirty = *report->dirty;
    return copy;
}

void scan_report_warn(struct scan_report *report, const char *fmt, ...)
{
    va_list args;

    if (report->warning_count == SCAN_WARNINGS_MAX)
        return;
    va_start(args, fmt);
    vsnprintf(report->warnings[report->warning_count++], sizeof(report->warnings[0]), fmt, args);
    va_end(args);
}

/* All pages that no other class has are unread. */
static void complete(struct page_counts *counts, uint64_t total)
{
    uint64_t known = 0;

    for (int i = 0; i < PAGE_CLASS_COUNT; i++)
        known += i == PAGE_UNREAD ? 0 : counts->pages[i];
    counts->pages[PAGE_UNREAD] = total > known ? total - known : 0;
}

void scan_report_estimate(struct scan_report *report)
{
    struct scan_estimate *e = &report->estimate;
    const uint64_t *pages = report->counts.pages;
    double zero_pages = (double)(pages[PAGE_UNTOUCHED] + pages[PAGE_ZERO_MAPPED]);
    double total = (double)report->pages_total, present = (double)e->population;
    /* no sample says anything of these: the interval holds whatever they are */
    double unknown = (double)(pages[PAGE_SWAPPED] + pages[PAGE_UNREADABLE]);
    double low, high;

    /* With nothing read but something unreadable, zero_low and zero_high say all there is to
     * say. */
    e->valid = total > 0 && !report->regions_cut &&
               (e->sampled > 0 || (e->population == 0 && !(unknown > 0)));
    if (!e->valid)
        return;
    if (e->population == 0) { /* nothing to draw from: the residency counts are the answer */
        e->zero_ratio = e->ci95_low = e->ci95_high = zero_pages / total;
        return;
    }
    double ratio = (double)e->sampled_zero / (double)e->sampled;
    scan_wilson(e->sampled_zero, e->sampled, e->population, &low, &high);
    e->zero_ratio = (zero_pages + ratio * present) / total;
    e->ci95_low = (zero_pages + low * present) / total;
    e->ci95_high = (zero_pages + high * present + unknown) / total;
}

double scan_exact_seconds(const struct scan_report *report)
{
    const struct scan_estimate *e = &report->estimate;

    if (!report->residency_done)
        return -1;
    if (e->population == 0)
        return 0;
    return e->bytes_per_s > 0 ? (double)e->population * SCAN_PAGE_BYTES / e->bytes_per_s : -1;
}

void scan_report_finish(struct scan_report *report)
{
    const uint64_t *pages = report->counts.pages;
    uint64_t total = report->pages_total;

    complete(&report->counts, total);
    for (size_t i = 0; i < report->region_count; i++) {
        struct scan_region *region = &report->regions[i];
        complete(&region->counts, region->ram.bytes / SCAN_PAGE_BYTES);
    }
    if (total == 0)
        return;
    uint64_t zero = pages[PAGE_UNTOUCHED] + pages[PAGE_ZERO_MAPPED] + pages[PAGE_ZERO_CONTENT];
    report->zero_ratio = (double)zero / (double)total;
    report->zero_low = report->zero_ratio;
    report->zero_high = (double)(total - pages[PAGE_NONZERO]) / (double)total;
    /* What could not be read may be all zero or not at all: a ratio would be made up. */
    report->zero_known = report->state == SCAN_DONE && report->mode == SCAN_EXACT &&
                         pages[PAGE_UNREADABLE] == 0 && !report->regions_cut;
    report->partial = report->state != SCAN_DONE;
    struct scan_wire *wire = &report->wire;
    wire->valid = report->zero_known || (report->estimate.valid && pages[PAGE_UNREADABLE] == 0);
    if (wire->valid) {
        double estimated = report->estimate.zero_ratio * (double)total;
        wire->zero_pages = report->zero_known ? zero : (uint64_t)llround(estimated);
        wire->normal_pages = total - wire->zero_pages;
        wire->bytes = wire->zero_pages * SCAN_WIRE_ZERO_BYTES +
                      wire->normal_pages * SCAN_WIRE_PAGE_BYTES;
    }
}
