// SPDX-License-Identifier: MIT
/*
 * JSON lines, schema "kvmlens/1". Values are the kernel's own raw integers; scale and unit are in
 * "fields".
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "ui/report/exits_json.h"
#include "ui/report/json.h"
#include "ui/report/number.h"
#include "ui/report/report.h"
#include "ui/report/report_exits.h"
#include "ui/report/report_load.h"
#include "ui/report/report_memory_io.h"

static json_t *json_buckets(struct json_doc *doc, const uint64_t *buckets, size_t size)
{
    json_t *array = json_array();

    for (size_t i = 0; i < size; i++)
        json_put_item(doc, array, json_put_u64(buckets[i]));
    return array;
}

/* The objects that a VM, a vCPU and the host have in common. */
struct counters {
    struct json_doc *doc;
    json_t *counters, *rates, *histograms, *missing;
};

static void add_field(struct counters *c, const struct field *field,
                      const struct snapshot_value *value, const uint64_t *buckets)
{
    const char *name = field->name;
    struct json_doc *doc = c->doc;

    if (value->reading.state != READING_OK)
        return;
    if (field_is_hist(field) && buckets != NULL) {
        json_put(doc, c->histograms, name,
                 json_buckets(doc, buckets + field->bucket_index, field->size));
        return;
    }
    json_put(doc, c->counters, name, json_put_u64(value->reading.raw));
    if (field->kind == FIELD_CUMULATIVE)
        json_put_figure(doc, c->rates, name, &value->rate);
}

/*
 * After all that was read is there: two fields may share a name where two sources differ on its
 * kind, and the one that was read counts.
 */
static void add_missing(struct counters *c, const struct field *field,
                        const struct snapshot_value *value)
{
    const char *name = field->name;
    const struct reading *reading = &value->reading;
    const struct figure *rate = &value->rate;

    if (reading->state != READING_OK) {
        if (json_object_get(c->counters, name) == NULL &&
            json_object_get(c->histograms, name) == NULL)
            json_put_missing(c->doc, c->missing, name, reading->state, reading->cause);
    } else if (field->kind == FIELD_CUMULATIVE && rate->state != READING_OK &&
               rate->state != READING_WARMUP) {
        char key[FIELD_NAME_MAX + sizeof("rates.")];
        snprintf(key, sizeof(key), "rates.%s", name);
        json_put_missing(c->doc, c->missing, key, rate->state, rate->cause);
    }
}

static bool is_chosen(const struct field *field, const struct filter *filter, bool vcpu_only)
{
    return filter_field(filter, field) && (!vcpu_only || field->scope == FIELD_VCPU);
}

/* @buckets NULL: it has no histograms. */
static void set_counters(struct json_doc *doc, json_t *object, const struct snapshot *s,
                         const struct filter *filter, const struct snapshot_value *values,
                         const uint64_t *buckets, bool vcpu_only)
{
    struct counters c = {doc, json_object(), json_object(), json_object(), json_object()};

    for (size_t i = 0; i < s->field_count; i++)
        if (is_chosen(&s->fields->fields[i], filter, vcpu_only))
            add_field(&c, &s->fields->fields[i], &values[i], buckets);
    for (size_t i = 0; i < s->field_count; i++)
        if (is_chosen(&s->fields->fields[i], filter, vcpu_only))
            add_missing(&c, &s->fields->fields[i], &values[i]);
    json_put(doc, object, "counters", c.counters);
    json_put(doc, object, "rates", c.rates);
    if (buckets != NULL)
        json_put(doc, object, "histograms", c.histograms);
    else
        json_decref(c.histograms);
    json_put(doc, object, "missing", c.missing);
}

/* Gauges that are plain keys of their object; the missing ones are named under "missing". */
static void name_missing(struct json_doc *doc, json_t *object, const char *key,
                         const struct reading *reading)
{
    if (reading->state != READING_OK)
        json_put_missing(doc, json_object_get(object, "missing"), key, reading->state,
                         reading->cause);
}

/* What only BPF tells is there where it was asked, and else not even named as missing. */
static void put_through_bpf(struct json_doc *doc, json_t *object, const struct snapshot_vcpu *vcpu)
{
    const struct reading *g = vcpu->gauges;

    if (g[VCPU_L1_TSC_OFFSET].state == READING_OK)
        json_put(doc, object, "l1_tsc_offset",
                 json_integer((json_int_t)(int64_t)g[VCPU_L1_TSC_OFFSET].raw));
    if (g[VCPU_HOST_CPU].state == READING_OK)
        json_put(doc, object, "host_cpu", json_put_u64(g[VCPU_HOST_CPU].raw));
    if (g[VCPU_PREEMPTED].state == READING_OK)
        json_put(doc, object, "preempted", json_boolean(g[VCPU_PREEMPTED].raw != 0));
    if (g[VCPU_HALT_POLL_WINDOW_NS].state == READING_OK)
        json_put(doc, object, "halt_poll_window_ns", json_put_u64(g[VCPU_HALT_POLL_WINDOW_NS].raw));
}

static json_t *json_vcpu(struct json_doc *doc, const struct snapshot *s,
                         const struct filter *filter, const struct snapshot_vcpu *vcpu)
{
    static const char *const gauges[VCPU_GAUGE_COUNT] = {
        [VCPU_TSC_OFFSET] = "tsc_offset",
        [VCPU_GUEST_MODE] = "guest_mode",
        [VCPU_LAPIC_TIMER_ADVANCE_NS] = "lapic_timer_advance_ns",
    };
    json_t *object = json_object();

    json_put(doc, object, "id", json_integer(vcpu->id));
    if (vcpu->tid > 0)
        json_put(doc, object, "tid", json_integer(vcpu->tid));
    for (int i = 0; i < VCPU_GAUGE_COUNT; i++) {
        const struct reading *g = &vcpu->gauges[i];
        if (gauges[i] == NULL || g->state != READING_OK)
            continue;
        if (i == VCPU_TSC_OFFSET)
            json_put(doc, object, gauges[i], json_integer((json_int_t)(int64_t)g->raw));
        else
            json_put(doc, object, gauges[i], json_put_u64(g->raw));
    }
    struct figure scaling = snapshot_tsc_scaling(vcpu);
    json_put_figure(doc, object, "tsc_scaling_ratio", &scaling);
    json_put_figure(doc, object, "cpu_ratio", &vcpu->cpu_ratio);
    json_put_figure(doc, object, "wait_ratio", &vcpu->wait_ratio);
    set_counters(doc, object, s, filter, vcpu->values, vcpu->buckets, true);
    put_through_bpf(doc, object, vcpu);
    load_json_vcpu(doc, object, vcpu);
    for (int i = 0; i < VCPU_GAUGE_COUNT; i++)
        if (gauges[i] != NULL)
            name_missing(doc, object, gauges[i], &vcpu->gauges[i]);
    if (scaling.state != READING_OK)
        json_put_missing(doc, json_object_get(object, "missing"), "tsc_scaling_ratio",
                         scaling.state, scaling.cause);
    return object;
}

static json_t *json_vm(struct json_doc *doc, const struct snapshot *s, const struct filter *filter,
                       size_t index)
{
    const struct snapshot_vm *vm = &s->vms[index];
    json_t *object = json_put_identity(doc, vm), *sources = json_object(), *vcpus = json_array();

    json_put_reading(doc, object, "rss_bytes", &vm->gauges[VM_RSS_BYTES]);
    json_put_reading(doc, object, "mapped_bytes", &vm->mapped_bytes);
    json_put_figure(doc, object, "cpu_ratio", &vm->cpu_ratio);
    json_put_figure(doc, object, "wait_ratio", &vm->wait_ratio);
    if (vm->interval_s > 0)
        json_put(doc, object, "interval_s", json_real(vm->interval_s));
    if (vm->stale_s > 0)
        json_put(doc, object, "stale_s", json_real(vm->stale_s));
    if (vm->migration != VM_MIGRATION_UNKNOWN) {
        json_put(doc, object, "dirty_logged", json_boolean(vm->migration >= VM_DIRTY_LOGGED));
        json_put(doc, object, "migrating", json_boolean(vm->migration == VM_MIGRATING));
    }
    json_put(doc, sources, "vm", json_string(reading_source_name(vm->vm_source)));
    json_put(doc, sources, "vcpu", json_string(reading_source_name(vm->vcpu_source)));
    json_put(doc, object, "sources", sources);
    set_counters(doc, object, s, filter, vm->values, vm->buckets, false);
    name_missing(doc, object, "ram_bytes", &vm->ram_bytes);
    name_missing(doc, object, "rss_bytes", &vm->gauges[VM_RSS_BYTES]);
    name_missing(doc, object, "mapped_bytes", &vm->mapped_bytes);
    load_json_vm(doc, object, &vm->load);
    memory_io_json_vm(doc, object, vm);
    exits_json_group(doc, object, s, report_exits_of_vm(s, index));
    exits_json_seen(doc, object, s, index);
    for (size_t i = 0; i < vm->vcpu_count; i++) {
        json_t *vcpu = json_vcpu(doc, s, filter, &vm->vcpus[i]);
        exits_json_group(doc, vcpu, s, report_exits_of_vcpu(s, index, i));
        json_put_item(doc, vcpus, vcpu);
    }
    json_put(doc, object, "vcpus", vcpus);
    return object;
}

/* Fields that no record of the stream has described yet. */
static json_t *json_fields(struct json_doc *doc, const struct snapshot *s,
                           const struct filter *filter, size_t described)
{
    json_t *object = json_object();

    for (size_t i = described; i < s->field_count; i++) {
        const struct field *f = &s->fields->fields[i];
        if (!filter_field(filter, f))
            continue;
        json_t *entry = json_object();
        json_put(doc, entry, "scope", json_string(field_scope_name(f->scope)));
        json_put(doc, entry, "kind", json_string(field_kind_name(f->kind)));
        json_put(doc, entry, "unit", json_string(field_unit_name(f->unit)));
        json_put(doc, entry, "exponent", json_integer(f->exponent));
        if (f->base == 2)
            json_put(doc, entry, "base", json_integer(f->base));
        if (field_is_hist(f))
            json_put(doc, entry, "buckets", json_integer(f->size));
        if (f->kind == FIELD_LINEAR_HIST)
            json_put(doc, entry, "bucket_size", json_integer(f->bucket_size));
        json_put(doc, object, f->name, entry);
    }
    return object;
}

/* Of somebody who asked for it. */
static void put_bpf(struct json_doc *doc, json_t *host, const struct bpf_status *bpf)
{
    if (bpf->state == BPF_UNASKED)
        return;
    json_t *object = json_object();
    json_put(doc, object, "state", json_string(bpf_state_id((enum bpf_state)bpf->state)));
    if (bpf->why[0] != '\0')
        json_put(doc, object, "why", json_put_text(bpf->why));
    json_put(doc, host, "bpf", object);
}

static json_t *json_host(struct json_doc *doc, const struct snapshot *s)
{
    const struct host *host = &s->host;
    json_t *object = json_object();

    json_put(doc, object, "name", json_put_text(host->name));
    json_put(doc, object, "kernel", json_put_text(host->kernel));
    json_put(doc, object, "lockdown", json_string(host_lockdown_name(host->lockdown)));
    if (host->cpus > 0)
        json_put(doc, object, "cpus", json_integer(host->cpus));
    if (host->mem_bytes > 0)
        json_put(doc, object, "mem_bytes", json_put_u64(host->mem_bytes));
    put_bpf(doc, object, &s->bpf);
    exits_json_host(doc, object, s);
    return object;
}

/* An empty list of VMs is no answer while some may hide from us. */
static json_t *json_hidden(struct json_doc *doc, const struct snapshot *s)
{
    json_t *object = json_object();

    json_put(doc, object, "processes", json_put_u64(s->hidden_processes));
    json_put(doc, object, "vms", json_put_u64(s->hidden_vms));
    json_put(doc, object, "proc", json_boolean(s->proc_hides));
    json_put(doc, object, "cut_processes", json_put_u64(s->cut_processes));
    return object;
}

static char *json_line(const struct snapshot *s, const struct filter *filter, bool skip_idle,
                       size_t described)
{
    char time[NUMBER_MAX];
    struct json_doc build = {.failed = false}, *doc = &build;
    json_t *record = json_object(), *self = json_object(), *vms = json_array();

    number_time(&s->wall, time);
    json_put(doc, record, "schema", json_string("kvmlens/1"));
    json_put(doc, record, "time", json_string(time));
    json_put(doc, record, "interval_s", s->interval_s > 0 ? json_real(s->interval_s) : json_null());
    json_put(doc, record, "host", json_host(doc, s));
    const struct snapshot_value *totals = report_host_values(filter, s);
    if (totals != NULL && !(skip_idle && report_idle(filter, s, totals)))
        set_counters(doc, json_object_get(record, "host"), s, filter, totals, NULL, false);
    load_json_host(doc, json_object_get(record, "host"), &s->host_load);
    json_put(doc, self, "sample_us", json_put_u64(s->sample_ns / 1000));
    if (s->interval_s > 0)
        json_put(doc, self, "cpu_ratio", json_real(s->self_cpu_ratio));
    json_put(doc, record, "self", self);
    if (snapshot_may_lack_vms(s))
        json_put(doc, record, "hidden", json_hidden(doc, s));
    for (size_t i = 0; i < s->vm_count; i++)
        if (filter_vm(filter, &s->vms[i]) && !(skip_idle && report_idle_vm(filter, s, i)))
            json_put_item(doc, vms, json_vm(doc, s, filter, i));
    json_put(doc, record, "vms", vms);
    json_put_causes(doc, record, s);
    if (described == 0 || described < s->field_count)
        json_put(doc, record, "fields", json_fields(doc, s, filter, described));
    return json_put_end(doc, record);
}

char *report_json_record(const struct snapshot *s, const struct filter *filter)
{
    return json_line(s, filter, false, 0);
}

static int json_record(struct report *r, const struct snapshot *base, const struct snapshot *s,
                       FILE *out)
{
    (void)base;
    /* A log that was rotated begins anew: each file explains itself. */
    char *line = json_line(s, r->filter, r->skip_zero && r->stream, r->fresh ? 0 : r->fields_shown);
    if (line == NULL)
        return -ENOMEM;
    r->fields_shown = s->field_count;
    fputs(line, out);
    fputc('\n', out);
    free(line);
    return 0;
}

const struct report_format report_json = {
    .name = "json",
    .magic = "{\"schema\":\"kvmlens/1\"",
    .record = json_record,
};
