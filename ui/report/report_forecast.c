// SPDX-License-Identifier: MIT
/* What reports of forecasts share. */
#include "ui/report/report_forecast.h"

#include <stdlib.h>
#include <string.h>

#include "core/forecast/forecast_rank.h"

#define MB          1e6
#define GBIT_S      125e6 /* bytes per second */
#define MS_PER_S    1e3
#define NUMBER_SIZE 40

static bool is_void_text(const char *text)
{
    for (unsigned i = 0; i < SCAN_VOID_COUNT; i++)
        if (strcmp(text, scan_void_text((enum scan_void)i)) == 0)
            return true;
    return false;
}

/* Which memory was looked at, and what was left out of it: the forecast is of that. */
static void keep_notes(struct forecast_vm *vm, const struct scan_report *report)
{
    vm->note_count = 0;
    for (size_t i = 0; i < report->warning_count && vm->note_count < FORECAST_VM_NOTES_MAX; i++)
        if (!is_void_text(report->warnings[i]))
            snprintf(vm->notes[vm->note_count++], FORECAST_VM_NOTE_SIZE, "%s", report->warnings[i]);
}

void forecast_vm_note(struct forecast_vm *vm, const struct scan_report *report,
                      const struct forecast_settings *settings)
{
    vm->error = (struct error){.code = 0};
    vm->ram_bytes = (double)report->pages_total * SCAN_PAGE_BYTES;
    vm->cost = report->cost;
    vm->is_partial = report->state != SCAN_DONE;
    keep_notes(vm, report);
    int result = forecast_seen_make(&vm->seen, report, &vm->error);
    if (result == 0)
        result = forecast_of_seen(&vm->forecast, &vm->seen, settings, &vm->error);
    vm->is_known = result == 0;
    vm->has_remedy = forecast_vm_is_usable(vm) && vm->forecast.converges != FORECAST_DOES &&
                     forecast_remedy_find(&vm->remedy, &vm->seen, settings, NULL) == 0;
}

const char *forecast_vm_why_not(const struct forecast_vm *vm)
{
    for (unsigned i = 0; vm->is_known && i < SCAN_VOID_COUNT; i++)
        if ((vm->seen.voids & 1u << i) != 0 && scan_void_spoils((enum scan_void)i))
            return scan_void_text((enum scan_void)i);
    return vm->error.msg;
}

bool forecast_vm_is_usable(const struct forecast_vm *vm)
{
    return vm->is_known && !vm->seen.is_spoilt;
}

static struct forecast_ranked ranked(const struct forecast_vm *vm)
{
    return (struct forecast_ranked){vm->is_known ? &vm->forecast : NULL, vm->seen.is_spoilt};
}

static int compare(const void *left, const void *right)
{
    const struct forecast_vm *a = left, *b = right;
    const struct forecast_ranked of_a = ranked(a), of_b = ranked(b);
    int order = forecast_rank_compare(&of_a, &of_b);

    return order != 0 ? order : (a->place > b->place) - (a->place < b->place);
}

void forecast_vms_sort(struct forecast_vm *vms, size_t count)
{
    if (count > 1)
        qsort(vms, count, sizeof(*vms), compare);
}

/* "125 MB/s (1 Gbit/s)" */
static const char *rate(char out[NUMBER_SIZE], double bytes_per_s)
{
    snprintf(out, NUMBER_SIZE, "%.6g MB/s (%.3g Gbit/s)", bytes_per_s / MB, bytes_per_s / GBIT_S);
    return out;
}

void report_forecast_settings(const struct forecast_settings *s, char *buf, size_t size)
{
    char bandwidth[NUMBER_SIZE], link[NUMBER_SIZE + 20] = "", channels[40] = "", zero[60] = "";

    if (s->mode == FORECAST_MULTIFD)
        snprintf(channels, sizeof(channels), " with %u channel%s", s->channels,
                 s->channels == 1 ? "" : "s");
    if (s->link_bandwidth > 0 && s->link_bandwidth != s->bandwidth)
        snprintf(link, sizeof(link), ", then %s", rate(bandwidth, s->link_bandwidth));
    if (s->zero_detection != FORECAST_ZERO_DEFAULT)
        snprintf(zero, sizeof(zero), ", zero-page-detection=%s",
                 forecast_zero_name((enum forecast_zero_detection)s->zero_detection));
    snprintf(buf, size, "%s%s at %s%s, downtime at most %.6g ms%s%s",
             forecast_mode_name((enum forecast_mode)s->mode), channels,
             rate(bandwidth, s->bandwidth), link, s->downtime_limit_s * MS_PER_S,
             s->auto_converge ? ", auto-converge" : "", zero);
}
