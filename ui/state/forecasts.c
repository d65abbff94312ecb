// SPDX-License-Identifier: MIT
#include "ui/state/forecasts.h"

#include <errno.h>
#include <stdlib.h>

#include "ui/state/migration.h"

void forecasts_done(struct forecasts *f)
{
    free(f->list);
    *f = (struct forecasts){0};
}

static struct forecasts_entry *find(const struct forecasts *f, const struct vm_id *vm)
{
    for (size_t i = 0; i < f->count; i++)
        if (vm_id_equal(&f->list[i].vm, vm))
            return &f->list[i];
    return NULL;
}

const struct forecasts_entry *forecasts_find(const struct forecasts *f, const struct vm_id *vm)
{
    return find(f, vm);
}

/* VMs that ended, and those that were looked at again, go. */
static void forget(struct forecasts *f, const struct scan_reports *scans)
{
    size_t kept = 0;

    for (size_t i = 0; i < f->count; i++) {
        const struct scan_reports_entry *e = scan_reports_find(scans, &f->list[i].vm);
        if (e != NULL && e->seen != NULL && e->seen_ns == f->list[i].seen_ns)
            f->list[kept++] = f->list[i];
    }
    f->count = kept;
}

static bool make(struct forecasts_entry *ret, const struct scan_reports_entry *e,
                 const struct forecast_settings *settings)
{
    *ret =
        (struct forecasts_entry){.vm = e->vm, .seen_ns = e->seen_ns, .is_void = e->seen->is_spoilt};
    return forecast_of_seen(&ret->forecast, e->seen, settings, NULL) == 0;
}

static int reserve(struct forecasts *f, size_t count)
{
    if (count <= f->cap)
        return 0;
    struct forecasts_entry *list = realloc(f->list, count * sizeof(*list));
    if (list == NULL)
        return -ENOMEM;
    f->list = list;
    f->cap = count;
    return 0;
}

/* What is open comes with what would make it end. */
static void add_remedy(struct forecasts_entry *ret, const struct forecast_seen *seen,
                       const struct forecast_settings *settings)
{
    if (ret->has_remedy || ret->is_void || ret->forecast.converges == FORECAST_DOES)
        return;
    ret->has_remedy = forecast_remedy_find(&ret->remedy, seen, settings, NULL) == 0;
}

int forecasts_follow(struct forecasts *f, const struct scan_reports *scans,
                     const struct forecast_settings *settings, const struct vm_id *open,
                     uint64_t now_ns)
{
    size_t made = 0, count = scans != NULL ? scans->count : 0;

    f->now_ns = now_ns;
    if (migration_equal(&f->settings, settings))
        forget(f, scans);
    else
        f->count = 0;
    f->settings = *settings;
    if (reserve(f, count) < 0) {
        f->count = 0;
        return -ENOMEM;
    }
    for (size_t i = 0; i < count && made < FORECASTS_AT_ONCE; i++) {
        const struct scan_reports_entry *e = &scans->list[i];
        bool is_open = open != NULL && vm_id_equal(open, &e->vm);
        struct forecasts_entry *found = find(f, &e->vm);
        if (e->seen == NULL || (open != NULL && !is_open))
            continue;
        if (found == NULL) {
            found = &f->list[f->count];
            made++;
            if (!make(found, e, settings))
                continue;
            f->count++;
        }
        if (is_open)
            add_remedy(found, e->seen, settings);
    }
    for (size_t i = 0; i < f->count; i++)
        f->list[i].is_old = (double)(now_ns - f->list[i].seen_ns) > FORECAST_OLD_S * 1e9 &&
                            now_ns > f->list[i].seen_ns;
    return 0;
}
