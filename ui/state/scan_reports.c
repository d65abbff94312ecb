// SPDX-License-Identifier: MIT
#include "ui/state/scan_reports.h"

#include <errno.h>
#include <stdlib.h>

static void entry_done(struct scan_reports_entry *e)
{
    free(e->seen);
    scan_report_free(e->last);
    scan_report_free(e->running);
}

void scan_reports_done(struct scan_reports *scans)
{
    for (size_t i = 0; i < scans->count; i++)
        entry_done(&scans->list[i]);
    scans->count = 0;
}

static struct scan_reports_entry *find(const struct scan_reports *scans, const struct vm_id *vm)
{
    for (size_t i = 0; i < scans->count; i++)
        if (vm_id_equal(&scans->list[i].vm, vm))
            return (struct scan_reports_entry *)&scans->list[i];
    return NULL;
}

static struct scan_reports_entry *find_or_add(struct scan_reports *scans, const struct vm_id *vm)
{
    struct scan_reports_entry *e = find(scans, vm);

    if (e != NULL)
        return e;
    if (scans->count < SCAN_REPORTS_MAX) {
        e = &scans->list[scans->count++];
    } else {
        e = &scans->list[0];
        for (size_t i = 1; i < SCAN_REPORTS_MAX; i++)
            if (scans->list[i].used_ns < e->used_ns)
                e = &scans->list[i];
        entry_done(e);
    }
    *e = (struct scan_reports_entry){.vm = *vm, .zero_ratio = -1};
    return e;
}

static void take_figure(struct scan_reports_entry *e, const struct scan_report *r)
{
    if (r->mode == SCAN_DIRTY && e->last != NULL)
        return; /* a scan said it, and its screen has what it says */
    if (r->zero_known) {
        e->zero_ratio = r->zero_ratio;
        e->zero_exact = true;
    } else if (r->estimate.valid && !(e->zero_exact && r->state == SCAN_RUNNING)) {
        /* An exact figure stands until a new scan has ended; an estimate is better than none. */
        e->zero_ratio = r->estimate.zero_ratio;
        e->zero_exact = false;
    }
}

/* Ended by somebody before anything was known: no reason to forget what was. */
static bool is_empty_beside(const struct scan_report *r, const struct scan_report *last)
{
    return r->state == SCAN_CANCELLED && !r->zero_known && !r->estimate.valid && last != NULL &&
           (last->zero_known || last->estimate.valid);
}

/* Looks that told nothing leave what the ones before told, with its age. */
static void take_looks(struct scan_reports_entry *e, const struct scan_report *r, uint64_t now_ns)
{
    struct forecast_seen *seen = malloc(sizeof(*seen));
    struct error err = {0};

    if (seen == NULL) {
        error_set(&e->looks_error, -ENOMEM, "out of memory");
        return;
    }
    int result = forecast_seen_make(seen, r, &err);
    bool is_less = r->state == SCAN_CANCELLED && e->seen != NULL;
    if (result < 0 || is_less) {
        if (r->state == SCAN_CANCELLED)
            error_set(&err, -ECANCELED, "the looks were cancelled");
        e->looks_error = err;
        free(seen);
        return;
    }
    e->looks_error = (struct error){0};
    free(e->seen);
    e->seen = seen;
    e->seen_ns = now_ns;
}

void scan_reports_looks_begin(struct scan_reports *scans, const struct vm_id *vm, bool began)
{
    find_or_add(scans, vm)->looks_began = began;
}

void scan_reports_put(struct scan_reports *scans, struct scan_report *r, uint64_t now_ns)
{
    struct scan_reports_entry *e = find_or_add(scans, &r->vm);

    e->used_ns = now_ns;
    if (r->mode == SCAN_DIRTY) {
        take_figure(e, r);
        if (r->state != SCAN_RUNNING)
            take_looks(e, r, now_ns);
        scan_report_free(r);
        return;
    }
    take_figure(e, r);
    scan_report_free(e->running);
    e->running = NULL;
    if (r->state == SCAN_RUNNING) {
        e->running = r;
        return;
    }
    if (is_empty_beside(r, e->last)) {
        scan_report_free(r);
        return;
    }
    scan_report_free(e->last);
    e->last = r;
    e->last_ns = now_ns;
}

const struct scan_reports_entry *scan_reports_find(const struct scan_reports *scans,
                                                   const struct vm_id *vm)
{
    return scans != NULL ? find(scans, vm) : NULL;
}

void scan_reports_forget_ended(struct scan_reports *scans, const struct snapshot *s,
                               const struct vm_id *keep)
{
    size_t kept = 0;

    for (size_t i = 0; i < scans->count; i++) {
        struct scan_reports_entry *e = &scans->list[i];
        if (snapshot_find(s, &e->vm) != NULL || (keep != NULL && vm_id_equal(&e->vm, keep)))
            scans->list[kept++] = *e;
        else
            entry_done(e);
    }
    scans->count = kept;
}
