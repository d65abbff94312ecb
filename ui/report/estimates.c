// SPDX-License-Identifier: MIT
#include "ui/report/estimates.h"

#include <errno.h>
#include <stdlib.h>

static int compare_places(const struct vm_id *a, const struct vm_id *b)
{
    if (a->pid != b->pid)
        return a->pid < b->pid ? -1 : 1;
    return a->fd < b->fd ? -1 : a->fd > b->fd;
}

/* The first place that is not before @vm's. */
static size_t place_of(const struct estimates *e, const struct vm_id *vm)
{
    size_t low = 0, high = e->count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (compare_places(&e->items[mid].vm, vm) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static struct estimate *find(const struct estimates *e, const struct vm_id *vm)
{
    size_t at = place_of(e, vm);
    return at < e->count && vm_id_equal(&e->items[at].vm, vm) ? &e->items[at] : NULL;
}

const struct estimate *estimates_find(const struct estimates *e, const struct vm_id *vm)
{
    return find(e, vm);
}

size_t estimates_pending(const struct estimates *e, const struct snapshot *s,
                         const struct filter *filter)
{
    size_t count = 0;

    for (size_t i = 0; i < s->vm_count; i++) {
        const struct estimate *known = find(e, &s->vms[i].id);
        count += filter_vm(filter, &s->vms[i]) && (known == NULL || known->taken_ns == 0);
    }
    return count;
}

size_t estimates_failed(const struct estimates *e, const struct snapshot *s,
                        const struct filter *filter, pid_t *ret_pid)
{
    size_t count = 0;

    for (size_t i = 0; i < s->vm_count; i++) {
        const struct estimate *known = find(e, &s->vms[i].id);
        if (!filter_vm(filter, &s->vms[i]) || known == NULL || !known->failed)
            continue;
        count++;
        *ret_pid = s->vms[i].id.pid;
    }
    return count;
}

struct estimate estimates_of_report(const struct scan_report *r, uint64_t now_ns)
{
    struct estimate e = {.vm = r->vm, .tried_ns = now_ns, .taken_ns = now_ns,
                         .failed = r->state != SCAN_DONE, .duration_s = r->cost.elapsed_s};

    e.zero_known = r->zero_known || r->estimate.valid;
    e.zero_ratio = r->zero_known ? r->zero_ratio : r->estimate.zero_ratio;
    e.zero_low = r->zero_known ? r->zero_ratio : r->estimate.ci95_low;
    e.zero_high = r->zero_known ? r->zero_ratio : r->estimate.ci95_high;
    e.wire_known = r->wire.valid;
    e.wire_bytes = r->wire.bytes;
    return e;
}

/* One entry for each VM that is there and is chosen or known. False: no memory, all is as before.
 */
static bool follow_vms(struct estimates *e, const struct snapshot *s, const struct filter *filter)
{
    struct estimate *items = malloc((s->vm_count + 1) * sizeof(*items));
    size_t count = 0;

    if (items == NULL)
        return false;
    for (size_t i = 0; i < s->vm_count; i++) { /* in the order that items have */
        const struct vm_id *vm = &s->vms[i].id;
        const struct estimate *known = find(e, vm);
        if (known != NULL)
            items[count++] = *known;
        else if (filter_vm(filter, &s->vms[i]))
            items[count++] = (struct estimate){.vm = *vm};
    }
    free(e->items);
    *e = (struct estimates){items, count};
    return true;
}

static int tried_first(const void *left, const void *right)
{
    const struct estimate *a = *(struct estimate *const *)left,
                          *b = *(struct estimate *const *)right;

    if (a->tried_ns != b->tried_ns)
        return a->tried_ns < b->tried_ns ? -1 : 1;
    return compare_places(&a->vm, &b->vm);
}

static bool is_due(const struct estimate *e, uint64_t now_ns)
{
    return e->taken_ns == 0 || now_ns - e->taken_ns >= ESTIMATES_FRESH_NS;
}

/* Those that are due, in the order in which they are taken. NULL: no memory, or none. */
static struct estimate **list_due(struct estimates *e, const struct snapshot *s,
                                  const struct filter *filter, uint64_t now_ns, size_t *ret_count)
{
    struct estimate **due = malloc((e->count + 1) * sizeof(struct estimate *));

    *ret_count = 0;
    for (size_t i = 0; due != NULL && i < e->count; i++) {
        const struct snapshot_vm *vm = snapshot_find(s, &e->items[i].vm);
        if (vm != NULL && filter_vm(filter, vm) && is_due(&e->items[i], now_ns))
            due[(*ret_count)++] = &e->items[i];
    }
    if (*ret_count > 0)
        qsort(due, *ret_count, sizeof(struct estimate *), tried_first);
    return due;
}

static int take(struct estimate *e, const struct estimates_taker *taker, const struct snapshot *s,
                uint64_t deadline_ns)
{
    struct scan_request request = {
        .mode = SCAN_ESTIMATE, .sample_pages = ESTIMATES_SAMPLE_PAGES, .idle_priority = true};
    struct scan_report *report = NULL;

    scan_request_aim(&request, s, snapshot_find(s, &e->vm));
    int n = taker->take(taker->ctx, &request, deadline_ns, &report);

    /* A VM that cannot be estimated has a report all the same. */
    if (n == 0)
        *e = estimates_of_report(report, taker->now_ns(taker->ctx));
    scan_report_free(report);
    return n;
}

void estimates_refresh(struct estimates *e, const struct estimates_taker *taker,
                       const struct snapshot *s, const struct filter *filter, uint64_t budget_ns)
{
    uint64_t now = taker->now_ns(taker->ctx), deadline = now + budget_ns;
    size_t count;

    if (!follow_vms(e, s, filter))
        return;
    struct estimate **due = list_due(e, s, filter, now, &count);
    int n = 0;
    for (size_t i = 0; i < count && n == 0 && now < deadline; i++) {
        n = take(due[i], taker, s, deadline);
        now = taker->now_ns(taker->ctx);
        /* The first had all of the time: it must not be in the way of the others for ever. */
        if (n == -ETIME && i == 0)
            due[i]->tried_ns = now;
    }
    free(due);
}

void estimates_done(struct estimates *e)
{
    free(e->items);
    *e = (struct estimates){NULL, 0};
}
