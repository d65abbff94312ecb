// SPDX-License-Identifier: MIT
#include "ui/app/forecast_run.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "core/base/text.h"
#include "ui/app/exit_status.h"
#include "ui/app/scan_pool.h"
#include "ui/grid/format.h"
#include "ui/report/report_forecast.h"

#define ERASE_LINE "\r\033[K"
#define NAME_SIZE  256

struct forecasting {
    const struct forecast_order *order;
    struct forecast_vm *vms;       /* [count] */
    struct scan_request *requests; /* likewise */
    char (*names)[NAME_SIZE];      /* likewise: where only ASCII can be shown */
    size_t count;
    bool has_progress; /* on the terminal */
};

static void done(struct forecasting *f)
{
    free(f->vms);
    free(f->requests);
    free(f->names);
}

static void add(struct forecasting *f, const struct snapshot *s, const struct snapshot_vm *vm)
{
    struct forecast_vm *of = &f->vms[f->count];

    f->requests[f->count] = f->order->look;
    f->requests[f->count].mode = SCAN_DIRTY;
    scan_request_aim(&f->requests[f->count], s, vm);
    *of = (struct forecast_vm){
        .vm = vm->id,
        .name = vm->name,
        .name_raw = vm->name_raw,
        .vmm = vm->vmm,
        .place = f->count,
        .error = {.code = -ECANCELED, .msg = "it was not looked at: the run ended before"},
    };
    if (!f->order->unicode) {
        text_ascii(vm->name, f->names[f->count], NAME_SIZE);
        of->name = f->names[f->count];
    }
    f->count++;
}

static int choose(struct forecasting *f, const struct snapshot *s, const struct filter *filter,
                  struct error *err)
{
    size_t room = s->vm_count + 1;

    f->vms = calloc(room, sizeof(*f->vms));
    f->requests = calloc(room, sizeof(*f->requests));
    f->names = calloc(room, sizeof(*f->names));
    if (f->vms == NULL || f->requests == NULL || f->names == NULL)
        return error_set(err, -ENOMEM, "out of memory");
    for (size_t i = 0; i < s->vm_count; i++)
        if (filter_vm(filter, &s->vms[i]) && (f->order->all || f->count == 0))
            add(f, s, &s->vms[i]);
    return f->count > 0 ? 0
                        : error_set(err, -ESRCH,
                                    "no VMs found; if VMs are running, kvmlens --doctor says what "
                                    "hides them");
}

/* --- what came of one ------------------------------------------------------------------------- */

static void note(void *ctx, size_t index, struct scan_report *report)
{
    struct forecasting *f = ctx;

    forecast_vm_note(&f->vms[index], report, &f->order->settings);
    scan_report_free(report);
}

/* "looking at 3 VMs, 5 of 20 done, 4.2s left" */
static void put_progress(void *ctx, const struct scan_pool_progress *p)
{
    struct forecasting *f = ctx;
    char left[FORMAT_MAX];

    f->has_progress = true;
    if (p->total == 1)
        fprintf(stderr, ERASE_LINE "%s", scan_phase_name(p->phase));
    else
        fprintf(stderr, ERASE_LINE "looking at %zu VMs, %zu of %zu done", p->under_way, p->done,
                p->total);
    if (p->eta_s > 0)
        fprintf(stderr, ", %s left", format_seconds(left, p->eta_s));
    fflush(stderr);
}

/* --- all of them ------------------------------------------------------------------------------ */

static void ours(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
}

static int look_at_all(struct forecasting *f, struct supervisor *supervisor, struct error *err)
{
    struct scan_pool *pool = scan_pool_open(supervisor);
    sigset_t set, before;
    struct scan_pool_work work = {
        .requests = f->requests,
        .count = f->count,
        .ctx = f,
        .done = note,
        .progress = f->order->progress ? put_progress : NULL,
        .reads_signals = true,
    };

    if (pool == NULL)
        return error_set(err, -ENOMEM, "out of memory");
    ours(&set);
    pthread_sigmask(SIG_BLOCK, &set, &before);
    work.stop_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    int result = work.stop_fd >= 0
                     ? scan_pool_run(pool, &work, err)
                     : error_set(err, -errno, "cannot wait for signals: %s", strerror(errno));
    if (f->has_progress)
        fputs(ERASE_LINE, stderr);
    scan_pool_close(pool);
    if (work.stop_fd >= 0)
        close(work.stop_fd);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return result == -EINTR || result == -ETIME ? 0 : result;
}

static int print_all(const struct forecasting *f, const struct snapshot *s, FILE *out)
{
    const struct forecast_order *order = f->order;
    double duration = order->look.duration_s;
    const struct forecast_made made = {
        .settings = order->settings,
        .duration_s = duration > 0 ? duration : SCAN_DIRTY_DURATION_S,
        .wall = s->wall,
        .is_ranked = order->all,
        .unicode = order->unicode,
    };

    forecast_vms_sort(f->vms, f->count);
    return order->json ? report_forecast_json(&made, f->vms, f->count, out)
                       : report_forecast_text(&made, f->vms, f->count, out);
}

static size_t tell_missing(const struct forecasting *f, FILE *diag)
{
    char name[NAME_SIZE];
    size_t missing = 0;

    for (size_t i = 0; i < f->count; i++) {
        const struct forecast_vm *vm = &f->vms[i];
        if (forecast_vm_is_usable(vm))
            continue;
        missing++;
        text_ascii(vm->name, name, sizeof(name));
        fprintf(diag, "kvmlens: no forecast of %s (%d): %s\n", name, (int)vm->vm.pid,
                forecast_vm_why_not(vm));
    }
    return missing;
}

static int finish(const struct forecasting *f, const struct snapshot *s, FILE *out, FILE *diag,
                  struct error *err)
{
    int result = print_all(f, s, out);

    if (result < 0)
        return result == -ENOMEM ? error_set(err, result, "out of memory") : result;
    if (f->count == 1 && !f->vms[0].is_known) {
        if (err != NULL)
            *err = f->vms[0].error;
        return f->vms[0].error.code;
    }
    return tell_missing(f, diag) == 0 ? STATUS_DONE : STATUS_PARTIAL;
}

int forecast_run(struct supervisor *supervisor, const struct forecast_order *order,
                 const struct snapshot *s, const struct filter *filter, FILE *out, FILE *diag,
                 struct error *err)
{
    struct forecasting f = {.order = order};
    int result = choose(&f, s, filter, err);

    if (result == 0)
        result = look_at_all(&f, supervisor, err);
    if (result == 0)
        result = finish(&f, s, out, diag, err);
    done(&f);
    return result;
}
