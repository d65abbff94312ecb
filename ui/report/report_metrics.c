// SPDX-License-Identifier: MIT
/*
 * A snapshot as Prometheus and OpenMetrics expositions.
 *
 * Raw totals only: rates are the reader's business. A number that could not be read has no sample,
 * and kvmlens_vm_unreadable_counters says so with its cause. Sums over the vCPUs (kvmlens_vm_...)
 * and single vCPUs (kvmlens_vcpu_..., on request) are different families, so that summing never
 * counts twice. The kernel's totals of all VMs (kvmlens_host_..., where it counts none apart) are
 * gauges: they fall as a VM ends, and a reader would take what is left for growth.
 */
#include <string.h>

#include "ui/report/estimates.h"
#include "ui/report/exits_metrics.h"
#include "ui/report/forecast_metrics.h"
#include "ui/report/metrics.h"
#include "ui/report/metrics_subject.h"
#include "ui/report/number.h"
#include "ui/report/partial.h"
#include "ui/report/report.h"
#include "ui/report/report_load.h"
#include "ui/report/report_memory_io.h"

#define NS_PER_S 1e9

/* --- numbers that are no KVM counters --- */

static const struct reading *vm_rss(const struct metrics_subject *s)
{
    return &s->vm->gauges[VM_RSS_BYTES];
}

static const struct reading *vm_pagetables(const struct metrics_subject *s)
{
    return &s->vm->gauges[VM_PAGETABLE_BYTES];
}

static const struct reading *vm_ram(const struct metrics_subject *s)
{
    return &s->vm->ram_bytes;
}

static const struct reading *vm_mapped(const struct metrics_subject *s)
{
    return &s->vm->mapped_bytes;
}

/* Where it is known, 0 or 1. */
static const struct reading *flag_reading(const struct snapshot_vm *vm, bool is_set)
{
    static const struct reading not_known = {.state = READING_ABSENT};
    static const struct reading flags[] = {{.state = READING_OK}, {.state = READING_OK, .raw = 1}};

    return vm->migration != VM_MIGRATION_UNKNOWN ? &flags[is_set] : &not_known;
}

static const struct reading *vm_dirty_logged(const struct metrics_subject *s)
{
    return flag_reading(s->vm, s->vm->migration >= VM_DIRTY_LOGGED);
}

static const struct reading *vm_migrating(const struct metrics_subject *s)
{
    return flag_reading(s->vm, s->vm->migration == VM_MIGRATING);
}

static const struct reading *vm_cpu(const struct metrics_subject *s)
{
    return &s->vm->gauges[VM_CPU_NS];
}

static const struct reading *vcpu_cpu(const struct metrics_subject *s)
{
    return &s->vcpu->gauges[VCPU_CPU_NS];
}

static const struct reading *vcpu_wait(const struct metrics_subject *s)
{
    return &s->vcpu->gauges[VCPU_WAIT_NS];
}

static const struct reading *vcpu_tsc_offset(const struct metrics_subject *s)
{
    return &s->vcpu->gauges[VCPU_TSC_OFFSET];
}

enum shape { SHAPE_INT, SHAPE_SIGNED, SHAPE_NS };

struct plain {
    bool vcpu;
    const char *stem;
    enum metrics_type type;
    const char *unit;
    enum shape shape;
    const struct reading *(*get)(const struct metrics_subject *s);
    const char *help;
};

static const struct plain plains[] = {
    {false, "vm_ram", METRICS_GAUGE, "bytes", SHAPE_INT, vm_ram, "Guest RAM mapped by the VMM"},
    {false, "vm_resident", METRICS_GAUGE, "bytes", SHAPE_INT, vm_rss,
     "Resident memory of the VMM process"},
    {false, "vm_pagetable", METRICS_GAUGE, "bytes", SHAPE_INT, vm_pagetables,
     "Page tables of the VMM process"},
    {false, "vm_mapped", METRICS_GAUGE, "bytes", SHAPE_INT, vm_mapped,
     "Guest memory that KVM has mapped"},
    {false, "vm_dirty_logged", METRICS_GAUGE, NULL, SHAPE_INT, vm_dirty_logged,
     "Whether writes to the guest's RAM are noted"},
    {false, "vm_migrating", METRICS_GAUGE, NULL, SHAPE_INT, vm_migrating,
     "Whether the VM is being migrated away"},
    {false, "vm_cpu", METRICS_COUNTER, "seconds", SHAPE_NS, vm_cpu,
     "CPU time of the VMM process, guest time included"},
    {true, "vcpu_cpu", METRICS_COUNTER, "seconds", SHAPE_NS, vcpu_cpu,
     "CPU time of the vCPU thread"},
    {true, "vcpu_wait", METRICS_COUNTER, "seconds", SHAPE_NS, vcpu_wait,
     "Time the vCPU thread was ready to run but had no CPU"},
    {true, "vcpu_tsc_offset", METRICS_GAUGE, "cycles", SHAPE_SIGNED, vcpu_tsc_offset,
     "Offset of the guest's time stamp counter"},
};

static void put_plain(struct metrics_family *f, const struct metrics_subject *subject,
                      const void *arg)
{
    static const struct field nanoseconds = {.base = 10, .exponent = -9, .size = 1};
    const struct plain *plain = arg;
    const struct reading *reading = plain->get(subject);

    if (reading->state != READING_OK)
        return;
    if (plain->shape == SHAPE_NS)
        metrics_scaled(f, subject->labels, &nanoseconds, reading->raw);
    else if (plain->shape == SHAPE_SIGNED)
        metrics_real(f, subject->labels, (double)(int64_t)reading->raw);
    else
        metrics_int(f, subject->labels, reading->raw);
}

static void put_info(struct metrics_family *f, const struct metrics_subject *subject,
                     const void *arg)
{
    struct metrics_label labels[7] = {0};

    (void)arg;
    memcpy(labels, subject->labels, 3 * sizeof(labels[0]));
    labels[3] = (struct metrics_label){"vmm", subject->vm->vmm};
    labels[4] = (struct metrics_label){"vm_source", reading_source_name(subject->vm->vm_source)};
    labels[5] =
        (struct metrics_label){"vcpu_source", reading_source_name(subject->vm->vcpu_source)};
    metrics_int(f, labels, 1);
}

static void put_vcpu_count(struct metrics_family *f, const struct metrics_subject *subject,
                           const void *arg)
{
    (void)arg;
    metrics_int(f, subject->labels, subject->vm->vcpu_count);
}

/* --- KVM counters --- */

struct field_arg {
    const struct report *report;
    const struct snapshot *s;
    size_t index;
    int sum; /* field with the sum of a histogram, or -1 */
};

static const struct snapshot_value *value_of(const struct metrics_subject *subject, size_t index)
{
    return subject->vcpu != NULL ? &subject->vcpu->values[index] : &subject->vm->values[index];
}

static void put_field(struct metrics_family *f, const struct metrics_subject *subject,
                      const void *arg)
{
    const struct field_arg *a = arg;
    const struct field *field = &a->s->fields->fields[a->index];
    const struct reading *reading = &value_of(subject, a->index)->reading;

    if (reading->state != READING_OK)
        return;
    if (!field_is_hist(field)) {
        metrics_scaled(f, subject->labels, field, reading->raw);
        return;
    }
    const uint64_t *buckets = subject->vcpu != NULL ? subject->vcpu->buckets : subject->vm->buckets;
    double sum = 0;
    bool known = a->sum >= 0 && value_of(subject, (size_t)a->sum)->reading.state == READING_OK;
    if (known)
        sum = (double)value_of(subject, (size_t)a->sum)->reading.raw *
              number_scale(&a->s->fields->fields[a->sum]);
    metrics_histogram(f, subject->labels, field, buckets + field->bucket_index,
                      known ? &sum : NULL);
}

/* The time counter that a histogram splits up: halt_wait_ns for halt_wait_hist. */
static int sum_of(const struct snapshot *s, const struct field *hist)
{
    char name[FIELD_NAME_MAX];
    size_t len = strlen(hist->name);

    if (len < 5 || strcmp(hist->name + len - 5, "_hist") != 0)
        return -1;
    snprintf(name, sizeof(name), "%.*s_ns", (int)(len - 5), hist->name);
    int index = field_table_find(s->fields, name);
    return index >= 0 && (size_t)index < s->field_count ? index : -1;
}

/* halt_wait_ns -> vm_halt_wait (seconds follows), halt_wait_hist -> vm_halt_wait_duration */
static void stem_of(const struct field *field, const char *entity, char *buf, size_t size)
{
    int len = (int)strlen(field->name);
    bool seconds = field->unit == FIELD_SECONDS;

    if (seconds && !field_is_hist(field) && len > 3 && strcmp(field->name + len - 3, "_ns") == 0)
        len -= 3;
    bool hist = seconds && field_is_hist(field) && len > 5 &&
                strcmp(field->name + len - 5, "_hist") == 0;
    snprintf(buf, size, "%s_%.*s%s", entity, hist ? len - 5 : len, field->name,
             hist ? "_duration" : "");
}

static const char *const units[FIELD_UNIT_COUNT] = {
    [FIELD_BYTES] = "bytes", [FIELD_SECONDS] = "seconds", [FIELD_CYCLES] = "cycles"};

static void put_fields(struct report *r, struct metrics *m, const struct snapshot *s, bool vcpus)
{
    static const enum metrics_type types[FIELD_KIND_COUNT] = {
        [FIELD_CUMULATIVE] = METRICS_COUNTER,   [FIELD_INSTANT] = METRICS_GAUGE,
        [FIELD_PEAK] = METRICS_GAUGE,           [FIELD_LINEAR_HIST] = METRICS_HISTOGRAM,
        [FIELD_LOG_HIST] = METRICS_HISTOGRAM,
    };

    for (size_t i = 0; i < s->field_count; i++) {
        const struct field *field = &s->fields->fields[i];
        const struct field_known *known = field_known(field->name);
        char stem[FIELD_NAME_MAX + 20], help[FIELD_NAME_MAX + 20];
        if (!filter_field(r->filter, field) || (vcpus && field->scope != FIELD_VCPU))
            continue;
        stem_of(field, vcpus ? "vcpu" : "vm", stem, sizeof(stem));
        snprintf(help, sizeof(help), "KVM counter %s", field->name);
        struct field_arg arg = {r, s, i, field_is_hist(field) ? sum_of(s, field) : -1};
        struct metrics_family f = metrics_family(m, types[field->kind], stem, units[field->unit],
                                                 known != NULL ? known->text : help);
        metrics_each(r->filter, s, vcpus, put_field, &f, &arg);
    }
}

static void put_totals(struct report *r, struct metrics *m, const struct snapshot *s)
{
    const struct metrics_label none[] = {{NULL, NULL}};
    const struct snapshot_value *values = report_host_values(r->filter, s);

    for (size_t i = 0; values != NULL && i < s->field_count; i++) {
        const struct field *field = &s->fields->fields[i];
        char stem[FIELD_NAME_MAX + 20], help[FIELD_NAME_MAX + 80];
        if (!filter_field(r->filter, field) || values[i].reading.state != READING_OK)
            continue;
        stem_of(field, "host", stem, sizeof(stem));
        snprintf(help, sizeof(help), "KVM counter %s, sum over the VMs that run: falls as one ends",
                 field->name);
        struct metrics_family f = metrics_family(m, METRICS_GAUGE, stem, units[field->unit], help);
        metrics_scaled(&f, none, field, values[i].reading.raw);
    }
}

static void put_unreadable_of(struct metrics_family *f, struct metrics_subject *subject,
                              const char *id, size_t fields)
{
    subject->labels[3] = (struct metrics_label){"cause", id};
    if (fields > 0)
        metrics_int(f, subject->labels, fields);
}

/* Counters by the id of their cause: causes that share one are one series. */
static void put_unreadable(struct report *r, struct metrics *m, const struct snapshot *s)
{
    struct metrics_family f = metrics_family(m, METRICS_GAUGE, "vm_unreadable_counters", NULL,
                                             "Counters that could not be read, by cause");

    for (size_t i = 0; i < s->vm_count; i++) {
        struct metrics_subject subject;
        struct partial partial = {0};
        if (!filter_vm(r->filter, &s->vms[i]))
            continue;
        metrics_subject_init(&subject, &s->vms[i], NULL);
        partial_count_vm(r->filter, s, &s->vms[i], &partial);
        for (int state = 0; state < READING_STATE_COUNT; state++)
            put_unreadable_of(&f, &subject,
                              reading_missing_id((enum reading_state)state, CAUSE_NONE),
                              partial.unexplained[state]);
        for (int cause = CAUSE_NONE + 1; cause < CAUSE_COUNT; cause++) {
            const char *id = reading_cause_id((enum reading_cause)cause);
            size_t fields = 0;
            for (int other = cause; other < CAUSE_COUNT; other++) {
                if (strcmp(reading_cause_id((enum reading_cause)other), id) != 0)
                    continue;
                fields += partial.causes[other].fields;
                partial.causes[other].fields = 0;
            }
            put_unreadable_of(&f, &subject, id, fields);
        }
    }
}

/* --- zero pages --- */

struct estimate_arg {
    const struct snapshot *s;
    const struct estimates *estimates;
    bool (*get)(const struct estimate *e, double *ret);
};

static bool zero_ratio(const struct estimate *e, double *ret)
{
    *ret = e->zero_ratio;
    return e->zero_known;
}

static bool zero_ratio_low(const struct estimate *e, double *ret)
{
    *ret = e->zero_low;
    return e->zero_known;
}

static bool zero_ratio_high(const struct estimate *e, double *ret)
{
    *ret = e->zero_high;
    return e->zero_known;
}

static bool migration_bytes(const struct estimate *e, double *ret)
{
    *ret = (double)e->wire_bytes;
    return e->wire_known;
}

static bool scan_seconds(const struct estimate *e, double *ret)
{
    *ret = e->duration_s;
    return true;
}

/* Of a VM that was not reached yet nothing is known. NULL then. */
static const struct estimate *find_taken(const struct estimate_arg *a,
                                         const struct metrics_subject *subject)
{
    const struct estimate *e = estimates_find(a->estimates, &subject->vm->id);
    return e != NULL && e->taken_ns != 0 ? e : NULL;
}

static void put_estimate(struct metrics_family *f, const struct metrics_subject *subject,
                         const void *arg)
{
    const struct estimate_arg *a = arg;
    const struct estimate *e = find_taken(a, subject);
    double value;

    if (e != NULL && a->get(e, &value))
        metrics_real(f, subject->labels, value);
}

static void put_age(struct metrics_family *f, const struct metrics_subject *subject,
                    const void *arg)
{
    const struct estimate_arg *a = arg;
    const struct estimate *e = find_taken(a, subject);

    /* one that was taken for this record is younger than the snapshot */
    if (e != NULL)
        metrics_real(f, subject->labels,
                     a->s->mono_ns > e->taken_ns ? (double)(a->s->mono_ns - e->taken_ns) / NS_PER_S
                                                 : 0);
}

static void put_refused(struct metrics_family *f, const struct metrics_subject *subject,
                        const void *arg)
{
    const struct estimate *e = find_taken(arg, subject);

    if (e != NULL)
        metrics_int(f, subject->labels, e->failed);
}

static void put_pending(struct metrics_family *f, const struct metrics_subject *subject,
                        const void *arg)
{
    metrics_int(f, subject->labels, find_taken(arg, subject) == NULL);
}

static void put_estimates(struct report *r, struct metrics *m, const struct snapshot *s)
{
    static const struct {
        const char *stem, *unit, *help;
        bool (*get)(const struct estimate *e, double *ret);
    } gauges[] = {
        {"vm_zero_ratio", NULL, "Part of the guest's RAM that is zero, estimated", zero_ratio},
        {"vm_zero_ratio_low", NULL, "Lower end of the 95 % interval of the zero ratio",
         zero_ratio_low},
        {"vm_zero_ratio_high", NULL, "Upper end of the 95 % interval of the zero ratio",
         zero_ratio_high},
        {"vm_migration", "bytes", "What migrating the RAM would send once, estimated",
         migration_bytes},
        {"vm_scan_duration", "seconds", "How long the estimate took", scan_seconds},
    };
    struct estimate_arg arg = {.s = s, .estimates = r->estimates};
    struct metrics_family f;

    for (size_t i = 0; i < sizeof(gauges) / sizeof(gauges[0]); i++) {
        arg.get = gauges[i].get;
        f = metrics_family(m, METRICS_GAUGE, gauges[i].stem, gauges[i].unit, gauges[i].help);
        metrics_each(r->filter, s, false, put_estimate, &f, &arg);
    }
    f = metrics_family(m, METRICS_GAUGE, "vm_scan_age", "seconds", "Age of the estimate");
    metrics_each(r->filter, s, false, put_age, &f, &arg);
    f = metrics_family(m, METRICS_GAUGE, "vm_scan_failed", NULL,
                       "1 when the RAM could not be estimated");
    metrics_each(r->filter, s, false, put_refused, &f, &arg);
    f = metrics_family(m, METRICS_GAUGE, "vm_scan_pending", NULL,
                       "1 when there was no time yet to estimate the RAM");
    metrics_each(r->filter, s, false, put_pending, &f, &arg);
}

static void put_host(struct report *r, struct metrics *m, const struct snapshot *s)
{
    const struct metrics_label none[] = {{NULL, NULL}};
    const struct metrics_label build[] = {{"version", KVMLENS_VERSION}, {NULL, NULL}};
    const struct metrics_label host[] = {{"kernel", s->host.kernel},
                                         {"lockdown", host_lockdown_name(s->host.lockdown)},
                                         {NULL, NULL}};
    struct metrics_family f =
        metrics_family(m, METRICS_INFO, "build", NULL, "Version of kvmlens");
    size_t vms = 0;

    metrics_int(&f, build, 1);
    f = metrics_family(m, METRICS_INFO, "host", NULL, "Kernel of the host and its lockdown mode");
    metrics_int(&f, host, 1);
    for (size_t i = 0; i < s->vm_count; i++)
        vms += filter_vm(r->filter, &s->vms[i]);
    f = metrics_family(m, METRICS_GAUGE, "vms", NULL, "Virtual machines found");
    metrics_int(&f, none, vms);
    f = metrics_family(m, METRICS_GAUGE, "hidden_vms", NULL,
                       "Virtual machines of debugfs whose process cannot be seen");
    metrics_int(&f, none, s->hidden_vms);
    f = metrics_family(m, METRICS_GAUGE, "hidden_processes", NULL,
                       "Processes that could not be looked into and may have virtual machines");
    metrics_int(&f, none, s->hidden_processes);
    f = metrics_family(m, METRICS_GAUGE, "cut_processes", NULL,
                       "Processes with more descriptors, VMs or vCPUs than are looked at");
    metrics_int(&f, none, s->cut_processes);
    f = metrics_family(m, METRICS_GAUGE, "sample_duration", "seconds", "How long sampling took");
    metrics_real(&f, none, (double)s->sample_ns / NS_PER_S);
}

static int put_exposition(struct report *r, const struct snapshot *s, FILE *out, bool openmetrics)
{
    struct metrics m = {.out = out, .openmetrics = openmetrics};
    struct metrics_family f;

    put_host(r, &m, s);
    f = metrics_family(&m, METRICS_INFO, "vm", NULL,
                       "What the VM is, and where its numbers are from");
    metrics_each(r->filter, s, false, put_info, &f, NULL);
    f = metrics_family(&m, METRICS_GAUGE, "vm_vcpus", NULL, "Virtual CPUs");
    metrics_each(r->filter, s, false, put_vcpu_count, &f, NULL);
    for (size_t i = 0; i < sizeof(plains) / sizeof(plains[0]); i++) {
        const struct plain *p = &plains[i];
        if (p->vcpu && !r->per_vcpu)
            continue;
        f = metrics_family(&m, p->type, p->stem, p->unit, p->help);
        metrics_each(r->filter, s, p->vcpu, put_plain, &f, p);
    }
    load_metrics_put(r, &m, s);
    memory_io_metrics_put(r, &m, s);
    put_unreadable(r, &m, s);
    if (r->estimates != NULL)
        put_estimates(r, &m, s);
    if (r->forecasts != NULL)
        forecast_metrics_put(r, &m, s);
    exits_metrics_put(r, &m, s);
    put_totals(r, &m, s);
    put_fields(r, &m, s, false);
    if (r->per_vcpu)
        put_fields(r, &m, s, true);
    return metrics_end(&m);
}

static int prometheus_record(struct report *r, const struct snapshot *base,
                             const struct snapshot *s, FILE *out)
{
    (void)base;
    return put_exposition(r, s, out, false);
}

static int openmetrics_record(struct report *r, const struct snapshot *base,
                              const struct snapshot *s, FILE *out)
{
    (void)base;
    return put_exposition(r, s, out, true);
}

const struct report_format report_prometheus = {
    .name = "prometheus",
    .document = true,
    .record = prometheus_record,
};

const struct report_format report_openmetrics = {
    .name = "openmetrics",
    .document = true,
    .record = openmetrics_record,
};
