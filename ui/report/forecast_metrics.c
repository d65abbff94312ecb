// SPDX-License-Identifier: MIT
/*
 * What is not known has no sample: neither a number of a migration that does not end, nor whether
 * it ends where that is unsure. Whether something is not known yet, cannot be known or is unsure
 * are series of their own, so that a rule can tell these apart.
 */
#include "ui/report/forecast_metrics.h"

#include <stdio.h>

#include "ui/report/kept_forecasts.h"
#include "ui/report/metrics_subject.h"

#define NS_PER_S    1e9
#define LABEL_BYTES 32

struct forecast_arg {
    const struct snapshot *s;
    const struct kept_forecasts *forecasts;
    double (*get)(const struct kept_forecast *f);
};

static double dirty_rate(const struct kept_forecast *f)
{
    return f->dirty_pages_per_s.value;
}

static double dirty_rate_low(const struct kept_forecast *f)
{
    return f->dirty_pages_per_s.low;
}

static double dirty_rate_high(const struct kept_forecast *f)
{
    return f->dirty_pages_per_s.high;
}

static double bytes(const struct kept_forecast *f)
{
    return f->bytes.value;
}

static double bytes_low(const struct kept_forecast *f)
{
    return f->bytes.low;
}

static double bytes_high(const struct kept_forecast *f)
{
    return f->bytes.high;
}

static double total(const struct kept_forecast *f)
{
    return f->total_s.value;
}

static double total_low(const struct kept_forecast *f)
{
    return f->total_s.low;
}

static double total_high(const struct kept_forecast *f)
{
    return f->total_s.high;
}

static double downtime(const struct kept_forecast *f)
{
    return f->downtime_s.value;
}

static double downtime_low(const struct kept_forecast *f)
{
    return f->downtime_s.low;
}

static double downtime_high(const struct kept_forecast *f)
{
    return f->downtime_s.high;
}

static double margin(const struct kept_forecast *f)
{
    return f->margin.value;
}

static double margin_low(const struct kept_forecast *f)
{
    return f->margin.low;
}

static double margin_high(const struct kept_forecast *f)
{
    return f->margin.high;
}

static double looked(const struct kept_forecast *f)
{
    return f->looked_s;
}

static const struct {
    const char *stem, *unit, *help;
    double (*get)(const struct kept_forecast *f);
} gauges[] = {
    {"vm_dirty_pages_per_second", NULL,
     "Distinct pages of 4 KiB that the guest dirties within a second, estimated", dirty_rate},
    {"vm_dirty_pages_per_second_low", NULL,
     "Lower end of the 95 % interval of the pages dirtied within a second", dirty_rate_low},
    {"vm_dirty_pages_per_second_high", NULL,
     "Upper end of the 95 % interval of the pages dirtied within a second", dirty_rate_high},
    {"vm_forecast_wire", "bytes", "What a migration would send in all its rounds", bytes},
    {"vm_forecast_wire_low", "bytes", "Lower end of what a migration would send", bytes_low},
    {"vm_forecast_wire_high", "bytes", "Upper end of what a migration would send", bytes_high},
    {"vm_forecast", "seconds", "How long a migration would take", total},
    {"vm_forecast_low", "seconds", "Lower end of how long a migration would take", total_low},
    {"vm_forecast_high", "seconds", "Upper end of how long a migration would take", total_high},
    {"vm_forecast_downtime", "seconds", "How long the guest would stand still", downtime},
    {"vm_forecast_downtime_low", "seconds", "Lower end of how long the guest would stand still",
     downtime_low},
    {"vm_forecast_downtime_high", "seconds", "Upper end of how long the guest would stand still",
     downtime_high},
    {"vm_forecast_margin_ratio", NULL,
     "How many times its write rate the guest could have for the migration to just end", margin},
    {"vm_forecast_margin_ratio_low", NULL, "Lower end of that margin", margin_low},
    {"vm_forecast_margin_ratio_high", NULL, "Upper end of that margin", margin_high},
    {"vm_forecast_looked", "seconds", "How long the VM was looked at for its forecast", looked},
};

/* Of a VM that was not reached yet nothing is known. NULL then. */
static const struct kept_forecast *find_taken(const struct forecast_arg *a,
                                              const struct metrics_subject *subject)
{
    const struct kept_forecast *f = kept_forecasts_find(a->forecasts, &subject->vm->id);
    return f != NULL && f->taken_ns != 0 ? f : NULL;
}

static const struct kept_forecast *find_usable(const struct forecast_arg *a,
                                               const struct metrics_subject *subject)
{
    const struct kept_forecast *f = find_taken(a, subject);
    return f != NULL && !f->failed ? f : NULL;
}

static void put_gauge(struct metrics_family *f, const struct metrics_subject *subject,
                      const void *arg)
{
    const struct forecast_arg *a = arg;
    const struct kept_forecast *known = find_usable(a, subject);

    if (known != NULL)
        metrics_real(f, subject->labels, a->get(known)); /* what never comes is left out there */
}

static void put_converges(struct metrics_family *f, const struct metrics_subject *subject,
                          const void *arg)
{
    const struct kept_forecast *known = find_usable(arg, subject);

    if (known != NULL && known->converges != FORECAST_UNSURE)
        metrics_int(f, subject->labels, known->converges == FORECAST_DOES);
}

static void put_unsure(struct metrics_family *f, const struct metrics_subject *subject,
                       const void *arg)
{
    const struct kept_forecast *known = find_usable(arg, subject);

    if (known != NULL)
        metrics_int(f, subject->labels, known->converges == FORECAST_UNSURE);
}

static void put_age(struct metrics_family *f, const struct metrics_subject *subject,
                    const void *arg)
{
    const struct forecast_arg *a = arg;
    const struct kept_forecast *known = find_taken(a, subject);

    /* one that was made for this record is younger than the snapshot */
    if (known != NULL)
        metrics_real(f, subject->labels,
                     a->s->mono_ns > known->taken_ns
                         ? (double)(a->s->mono_ns - known->taken_ns) / NS_PER_S
                         : 0);
}

static void put_failed(struct metrics_family *f, const struct metrics_subject *subject,
                       const void *arg)
{
    const struct kept_forecast *known = find_taken(arg, subject);

    if (known != NULL)
        metrics_int(f, subject->labels, known->failed);
}

static void put_shared(struct metrics_family *f, const struct metrics_subject *subject,
                       const void *arg)
{
    const struct kept_forecast *known = find_usable(arg, subject);

    if (known != NULL)
        metrics_int(f, subject->labels, known->is_shared);
}

static void put_pending(struct metrics_family *f, const struct metrics_subject *subject,
                        const void *arg)
{
    metrics_int(f, subject->labels, find_taken(arg, subject) == NULL);
}

static const struct {
    const char *stem, *unit, *help;
    void (*put)(struct metrics_family *f, const struct metrics_subject *subject, const void *arg);
} flags[] = {
    {"vm_forecast_converges", NULL, "1 when a migration would end, 0 when not; none when unsure",
     put_converges},
    {"vm_forecast_unsure", NULL, "1 when it cannot be told whether a migration would end",
     put_unsure},
    {"vm_forecast_age", "seconds", "Age of the forecast", put_age},
    {"vm_forecast_failed", NULL, "1 when there can be no forecast, or it is void", put_failed},
    {"vm_forecast_shared", NULL,
     "1 when the forecast is of all VMs of the process together, so that they are not to be added",
     put_shared},
    {"vm_forecast_pending", NULL, "1 when there was no time yet for a forecast", put_pending},
};

/* For which migration all of them are made. */
static void put_settings(struct metrics *m, const struct forecast_settings *s)
{
    char bandwidth[LABEL_BYTES], link[LABEL_BYTES], limit[LABEL_BYTES], channels[LABEL_BYTES];
    const struct metrics_label labels[] = {
        {"mode", forecast_mode_name((enum forecast_mode)s->mode)},
        {"zero_page_detection",
         forecast_zero_name((enum forecast_zero_detection)s->zero_detection)},
        {"channels", channels},
        {"bandwidth_bytes_per_second", bandwidth},
        {"link_bytes_per_second", link},
        {"downtime_limit_seconds", limit},
        {"auto_converge", s->auto_converge ? "true" : "false"},
        {NULL, NULL}};
    struct metrics_family f = metrics_family(m, METRICS_INFO, "forecast", NULL,
                                             "The migration that forecasts are made for");

    snprintf(channels, sizeof(channels), "%u", s->mode == FORECAST_MULTIFD ? s->channels : 1);
    snprintf(bandwidth, sizeof(bandwidth), "%.0f", s->bandwidth);
    snprintf(link, sizeof(link), "%.0f", s->link_bandwidth > 0 ? s->link_bandwidth : s->bandwidth);
    snprintf(limit, sizeof(limit), "%.10g", s->downtime_limit_s);
    metrics_int(&f, labels, 1);
}

void forecast_metrics_put(const struct report *r, struct metrics *m, const struct snapshot *s)
{
    struct forecast_arg arg = {.s = s, .forecasts = r->forecasts};

    put_settings(m, &r->forecasts->settings);
    for (size_t i = 0; i < sizeof(gauges) / sizeof(gauges[0]); i++) {
        struct metrics_family f =
            metrics_family(m, METRICS_GAUGE, gauges[i].stem, gauges[i].unit, gauges[i].help);
        arg.get = gauges[i].get;
        metrics_each(r->filter, s, false, put_gauge, &f, &arg);
    }
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        struct metrics_family f =
            metrics_family(m, METRICS_GAUGE, flags[i].stem, flags[i].unit, flags[i].help);
        metrics_each(r->filter, s, false, flags[i].put, &f, &arg);
    }
}
