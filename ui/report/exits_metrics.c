// SPDX-License-Identifier: MIT
#include "ui/report/exits_metrics.h"

#include <stdio.h>
#include <string.h>

#include "ui/report/metrics_subject.h"
#include "ui/report/report_exits.h"

/* --- of each reason --------------------------------------------------------------------------- */

struct reason_family {
    bool stream; /* in a stream, else in a single record */
    const char *stem, *unit, *help;
    enum metrics_type type;
    void (*put)(struct metrics_family *f, const struct metrics_label *labels, const struct exits *e,
                const struct exit_group *group, const struct exit_row *row);
};

static void put_figure(struct metrics_family *f, const struct metrics_label *labels,
                       struct figure figure)
{
    if (figure.state == READING_OK)
        metrics_real(f, labels, figure.value);
}

static void put_count(struct metrics_family *f, const struct metrics_label *labels,
                      const struct exits *e, const struct exit_group *group,
                      const struct exit_row *row)
{
    (void)e, (void)group;
    metrics_int(f, labels, row->all.count);
}

static void put_time(struct metrics_family *f, const struct metrics_label *labels,
                     const struct exits *e, const struct exit_group *group,
                     const struct exit_row *row)
{
    static const struct field nanoseconds = {.base = 10, .exponent = -9, .size = 1};

    (void)e, (void)group;
    if (row->all.timed > 0)
        metrics_scaled(f, labels, &nanoseconds, row->all.total_ns);
}

/* Of those whose time is known. */
static void put_histogram(struct metrics_family *f, const struct metrics_label *labels,
                          const struct exits *e, const struct exit_group *group,
                          const struct exit_row *row)
{
    double bounds[EXIT_BUCKETS - 1];

    (void)e, (void)group;
    if (row->all.timed == 0)
        return;
    for (size_t i = 0; i + 1 < EXIT_BUCKETS; i++)
        bounds[i] = (double)((2ull << i) - 1) / 1e9;
    metrics_histogram_of(f, labels, bounds, row->all.buckets, EXIT_BUCKETS,
                         (double)row->all.total_ns / 1e9);
}

static void put_rate(struct metrics_family *f, const struct metrics_label *labels,
                     const struct exits *e, const struct exit_group *group,
                     const struct exit_row *row)
{
    (void)group;
    put_figure(f, labels, report_exits_rate(e, row->interval.count));
}

static void put_share(struct metrics_family *f, const struct metrics_label *labels,
                      const struct exits *e, const struct exit_group *group,
                      const struct exit_row *row)
{
    if (row->all.timed > 0)
        put_figure(f, labels, report_exits_share(e, group, row->spent_ns));
}

static const struct reason_family reason_families[] = {
    {true, "exit_reason", NULL, "Exits from the guest since counting began, by reason",
     METRICS_COUNTER, put_count},
    {true, "exit_reason", "seconds",
     "Time from exit to the next entry since counting began, by reason", METRICS_COUNTER, put_time},
    {true, "exit_reason_duration", "seconds",
     "How long each exit took until the next entry since counting began, by reason",
     METRICS_HISTOGRAM, put_histogram},
    {false, "exit_reason_per_second", NULL, "Exits from the guest by reason, per second",
     METRICS_GAUGE, put_rate},
    {false, "exit_reason_time_ratio", NULL,
     "Part of the time of the vCPU threads that was spent outside of the guest for this reason",
     METRICS_GAUGE, put_share},
};

/* --- of a VM or a vCPU ------------------------------------------------------------------------ */

struct group_family {
    const char *stem, *help;
    struct figure (*get)(const struct exits *e, const struct exit_group *group);
};

static struct figure guest_share(const struct exits *e, const struct exit_group *group)
{
    return report_exits_share(e, group, group->guest_ns);
}

static struct figure halt_share(const struct exits *e, const struct exit_group *group)
{
    return report_exits_share(e, group, group->halt_ns);
}

static const struct group_family group_families[] = {
    {"guest_ratio", "Part of the time of the vCPU threads that was spent in the guest",
     guest_share},
    {"halt_ratio", "Part of the time of the vCPU threads in which the guest waited, halted",
     halt_share},
};

/* --- all -------------------------------------------------------------------------------------- */

/* Calls @put for each group of which something is known. */
static void each_group(const struct report *r, const struct snapshot *s, bool vcpus,
                       void (*put)(struct metrics_family *f, struct metrics_subject *subject,
                                   const struct exits *e, const struct exit_group *group,
                                   const void *arg),
                       struct metrics_family *f, const void *arg)
{
    struct metrics_subject subject;

    for (size_t i = 0; i < s->vm_count; i++) {
        const struct snapshot_vm *vm = &s->vms[i];
        if (!filter_vm(r->filter, vm))
            continue;
        for (size_t v = 0; v < (vcpus ? vm->vcpu_count : 1); v++) {
            const struct exit_group *group =
                vcpus ? report_exits_of_vcpu(s, i, v) : report_exits_of_vm(s, i);
            if (group == NULL)
                continue;
            metrics_subject_init(&subject, vm, vcpus ? &vm->vcpus[v] : NULL);
            put(f, &subject, s->exits, group, arg);
        }
    }
}

static void put_reasons(struct metrics_family *f, struct metrics_subject *subject,
                        const struct exits *e, const struct exit_group *group, const void *arg)
{
    const struct reason_family *family = arg;
    const size_t n = subject->label_count;
    struct exit_row row;

    for (size_t i = 0; i < group->row_count; i++) {
        if (!report_exits_row(group, i, &row))
            continue;
        subject->labels[n] = (struct metrics_label){"reason", row.name};
        subject->labels[n + 1] =
            (struct metrics_label){"isa", exit_isa_name((enum exit_isa)row.isa)};
        family->put(f, subject->labels, e, group, &row);
    }
}

static void put_group(struct metrics_family *f, struct metrics_subject *subject,
                      const struct exits *e, const struct exit_group *group, const void *arg)
{
    const struct group_family *family = arg;

    put_figure(f, subject->labels, family->get(e, group));
}

static void put_groups(const struct report *r, struct metrics *m, const struct snapshot *s,
                       bool vcpus)
{
    const char *entity = vcpus ? "vcpu" : "vm";
    struct metrics_family f;
    char stem[60];

    for (size_t i = 0; i < sizeof(group_families) / sizeof(group_families[0]); i++) {
        const struct group_family *family = &group_families[i];
        snprintf(stem, sizeof(stem), "%s_%s", entity, family->stem);
        f = metrics_family(m, METRICS_GAUGE, stem, NULL, family->help);
        each_group(r, s, vcpus, put_group, &f, family);
    }
    for (size_t i = 0; i < sizeof(reason_families) / sizeof(reason_families[0]); i++) {
        const struct reason_family *family = &reason_families[i];
        if (family->stream != r->stream ||
            (family->type == METRICS_HISTOGRAM && !r->exit_histograms))
            continue;
        snprintf(stem, sizeof(stem), "%s_%s", entity, family->stem);
        f = metrics_family(m, family->type, stem, family->unit, family->help);
        each_group(r, s, vcpus, put_reasons, &f, family);
    }
}

static void put_host(const struct report *r, struct metrics *m, const struct exits *e)
{
    static const char *const lost[EXIT_LOST_COUNT] = {[EXIT_LOST_THREADS] = "threads",
                                                      [EXIT_LOST_REASONS] = "reasons",
                                                      [EXIT_LOST_KEYS] = "keys"};
    const struct metrics_label none[] = {{NULL, NULL}};
    struct metrics_label what[] = {{"what", NULL}, {NULL, NULL}};
    struct metrics_family f = metrics_family(m, METRICS_GAUGE, "exits_counted", NULL,
                                             "1 while exits are counted, 0 where they cannot be");

    metrics_int(&f, none, e->facts.state == EXITS_COUNTED);
    if (e->facts.state != EXITS_COUNTED)
        return;
    /* It only grows, until another collector begins anew. */
    f = metrics_family(m, r->stream ? METRICS_COUNTER : METRICS_GAUGE, "exits_lost", NULL,
                       "Events since counting began that are in no number: no room, or not seen");
    for (size_t i = 0; i < EXIT_LOST_COUNT; i++) {
        what[0].value = lost[i];
        metrics_int(&f, what, e->facts.lost[i]);
    }
    what[0].value = "missed";
    metrics_int(&f, what, e->facts.missed);
    f = metrics_family(m, METRICS_GAUGE, "exits_cost_ratio", NULL,
                       "Part of the time of the vCPU threads that counting takes, estimated");
    if (e->interval_s > 0 && e->host.threads > 0)
        metrics_real(&f, none, exit_group_cost(e, &e->host));
}

void exits_metrics_put(const struct report *r, struct metrics *m, const struct snapshot *s)
{
    if (s->exits == NULL || s->exits->facts.state == EXITS_UNASKED)
        return;
    put_host(r, m, s->exits);
    put_groups(r, m, s, false);
    if (r->per_vcpu)
        put_groups(r, m, s, true);
}
