// SPDX-License-Identifier: MIT
#include "ui/report/kept_forecasts.h"

#include <errno.h>
#include <stdlib.h>

#include "ui/report/report_forecast.h"

#define MS_PER_S   1e3
#define NS_PER_S   1e9
#define OVERHEAD_S 0.5 /* of a look: finding regions, the end of it */

/* The first place that is not before @vm's. */
static size_t place_of(const struct kept_forecasts *f, const struct vm_id *vm)
{
    size_t low = 0, high = f->count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (vm_id_before(&f->items[mid].vm, vm))
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static struct kept_forecast *find(const struct kept_forecasts *f, const struct vm_id *vm)
{
    size_t at = place_of(f, vm);
    return at < f->count && vm_id_equal(&f->items[at].vm, vm) ? &f->items[at] : NULL;
}

const struct kept_forecast *kept_forecasts_find(const struct kept_forecasts *f,
                                                const struct vm_id *vm)
{
    return find(f, vm);
}

size_t kept_forecasts_pending(const struct kept_forecasts *f, const struct snapshot *s,
                              const struct filter *filter)
{
    size_t count = 0;

    for (size_t i = 0; i < s->vm_count; i++) {
        const struct kept_forecast *known = find(f, &s->vms[i].id);
        count += filter_vm(filter, &s->vms[i]) && (known == NULL || known->taken_ns == 0);
    }
    return count;
}

size_t kept_forecasts_failed(const struct kept_forecasts *f, const struct snapshot *s,
                             const struct filter *filter, pid_t *ret_pid)
{
    size_t count = 0;

    for (size_t i = 0; i < s->vm_count; i++) {
        const struct kept_forecast *known = find(f, &s->vms[i].id);
        if (!filter_vm(filter, &s->vms[i]) || known == NULL || !known->failed)
            continue;
        count++;
        *ret_pid = s->vms[i].id.pid;
    }
    return count;
}

/* One entry for each VM that is there and is chosen or known. False: no memory, all is as before.
 */
static bool follow_vms(struct kept_forecasts *f, const struct snapshot *s,
                       const struct filter *filter)
{
    struct kept_forecast *items = malloc((s->vm_count + 1) * sizeof(*items));
    size_t count = 0;

    if (items == NULL)
        return false;
    for (size_t i = 0; i < s->vm_count; i++) { /* in the order that items have */
        const struct vm_id *vm = &s->vms[i].id;
        const struct kept_forecast *known = find(f, vm);
        if (known != NULL)
            items[count++] = *known;
        else if (filter_vm(filter, &s->vms[i]))
            items[count++] = (struct kept_forecast){.vm = *vm};
    }
    free(f->items);
    f->items = items;
    f->count = count;
    return true;
}

static int tried_first(const void *left, const void *right)
{
    const struct kept_forecast *a = *(struct kept_forecast *const *)left,
                               *b = *(struct kept_forecast *const *)right;

    if (a->tried_ns != b->tried_ns)
        return a->tried_ns < b->tried_ns ? -1 : 1;
    return vm_id_before(&a->vm, &b->vm) ? -1 : vm_id_before(&b->vm, &a->vm);
}

/* One refresh. */
struct refresh {
    struct kept_forecasts *f;
    const struct kept_forecasts_taker *taker;
    struct kept_forecast **due;    /* [count], in the order in which they are made */
    struct scan_request *requests; /* likewise */
    size_t count;
};

static bool list_due(struct refresh *r, const struct snapshot *s, const struct filter *filter,
                     uint64_t now_ns)
{
    struct kept_forecasts *f = r->f;

    r->due = malloc((f->count + 1) * sizeof(struct kept_forecast *));
    r->requests = malloc((f->count + 1) * sizeof(*r->requests));
    if (r->due == NULL || r->requests == NULL)
        return false;
    for (size_t i = 0; i < f->count; i++) {
        struct kept_forecast *item = &f->items[i];
        const struct snapshot_vm *vm = snapshot_find(s, &item->vm);
        bool is_due = item->taken_ns == 0 || now_ns - item->taken_ns >= KEPT_FORECASTS_FRESH_NS;
        if (vm != NULL && filter_vm(filter, vm) && is_due)
            r->due[r->count++] = item;
    }
    if (r->count > 1)
        qsort(r->due, r->count, sizeof(struct kept_forecast *), tried_first);
    return r->count > 0;
}

/* No look that cannot come to its end in time. */
static double duration_within(const struct scan_request *look, double budget_s)
{
    double wanted = look->duration_s > 0 ? look->duration_s : SCAN_DIRTY_DURATION_S;
    double most = budget_s - OVERHEAD_S;

    if (wanted <= most)
        return wanted;
    return most > SCAN_DIRTY_DURATION_MIN_S ? most : SCAN_DIRTY_DURATION_MIN_S;
}

static void fill_requests(struct refresh *r, const struct snapshot *s, uint64_t budget_ns)
{
    struct scan_request common = r->f->look;

    common.mode = SCAN_DIRTY;
    common.estimate_first = false;
    common.idle_priority = true;
    common.duration_s = duration_within(&common, (double)budget_ns / NS_PER_S);
    for (size_t i = 0; i < r->count; i++) {
        r->requests[i] = common;
        scan_request_aim(&r->requests[i], s, snapshot_find(s, &r->due[i]->vm));
    }
}

static struct kept_forecast keep(const struct forecast_vm *vm)
{
    struct kept_forecast kept = {.failed = !forecast_vm_is_usable(vm)};

    if (kept.failed)
        return kept;
    kept.is_shared = (vm->seen.voids & 1u << SCAN_VOID_SHARED) != 0;
    const struct forecast *f = &vm->forecast;
    const struct dirty_estimate rate = dirty_curve_rate(&vm->seen.curve);
    kept.converges = f->converges;
    kept.dirty_pages_per_s = (struct forecast_range){rate.pages, rate.low, rate.high};
    kept.bytes = f->bytes;
    kept.total_s = f->total_s;
    kept.downtime_s =
        (struct forecast_range){f->downtime_ms.value / MS_PER_S, f->downtime_ms.low / MS_PER_S,
                                f->downtime_ms.high / MS_PER_S};
    kept.margin = f->margin;
    kept.looked_s = vm->seen.duration_s;
    return kept;
}

/* A look that was broken off tells nothing of the VM, but its turn is over. */
static void note(void *ctx, size_t index, struct scan_report *report)
{
    struct refresh *r = ctx;
    struct kept_forecast *at = r->due[index];
    struct forecast_vm vm = {.is_known = false};

    at->tried_ns = r->taker->now_ns(r->taker->ctx);
    if (report->state != SCAN_CANCELLED) {
        const struct vm_id id = at->vm;
        const uint64_t tried_ns = at->tried_ns;
        forecast_vm_note(&vm, report, &r->f->settings);
        *at = keep(&vm);
        at->vm = id;
        at->tried_ns = at->taken_ns = tried_ns;
    }
    scan_report_free(report);
}

void kept_forecasts_refresh(struct kept_forecasts *f, const struct kept_forecasts_taker *taker,
                            const struct snapshot *s, const struct filter *filter,
                            uint64_t budget_ns)
{
    struct refresh r = {.f = f, .taker = taker};
    uint64_t now = taker->now_ns(taker->ctx);

    if (!follow_vms(f, s, filter))
        return;
    if (list_due(&r, s, filter, now)) {
        fill_requests(&r, s, budget_ns);
        taker->take(taker->ctx, r.requests, r.count, now + budget_ns, &r, note);
    }
    free(r.due);
    free(r.requests);
}

void kept_forecasts_done(struct kept_forecasts *f)
{
    free(f->items);
    f->items = NULL;
    f->count = 0;
}
