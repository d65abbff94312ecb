// SPDX-License-Identifier: MIT
/*
 * JSON lines, schema "kvmlens/1". Values are the kernel's own raw integers; scale and unit are in
 * "fields".
 */
#include <errno.h>
#include <stdlib.h>

#include "ui/json.h"
#include "ui/number.h"
#include "ui/report.h"

static json_t *json_buckets(const uint64_t *buckets, size_t size)
{
    json_t *array = json_array();

    for (size_t i = 0; i < size; i++)
        json_array_append_new(array, json_put_u64(buckets[i]));
    return array;
}

/* The objects that a VM, a vCPU and the host have in common. */
struct counters {
    json_t *counters, *rates, *histograms, *missing;
};

static void add_field(struct counters *c, const struct field *field,
                      const struct snapshot_value *value, const uint64_t *buckets)
{
    const char *name = field->name;

    if (value->reading.state != READING_OK) {
        /* Two fields may share a name where two sources differ on its kind: the one that was read
         * counts. */
        if (!json_object_get(c->counters, name) && !json_object_get(c->histograms, name))
            json_object_set_new(c->missing, name,
                                json_put_missing(value->reading.state, value->reading.cause));
        return;
    }
    json_object_del(c->missing, name);
    if (field_is_hist(field) && buckets != NULL) {
        json_object_set_new(c->histograms, name,
                            json_buckets(buckets + field->bucket_index, field->size));
        return;
    }
    json_object_set_new(c->counters, name, json_put_u64(value->reading.raw));
    if (field->kind != FIELD_CUMULATIVE)
        return;
    json_put_rate(c->rates, name, &value->rate);
    if (value->rate.state != READING_OK && value->rate.state != READING_WARMUP) {
        json_t *key = json_sprintf("rates.%s", name);
        json_object_set_new(c->missing, json_string_value(key),
                            json_put_missing(value->rate.state, value->rate.cause));
        json_decref(key);
    }
}

/* @buckets NULL: it has no histograms. */
static void set_counters(json_t *object, const struct snapshot *s, const struct filter *filter,
                         const struct snapshot_value *values, const uint64_t *buckets,
                         bool vcpu_only)
{
    struct counters c = {json_object(), json_object(), json_object(), json_object()};

    for (size_t i = 0; i < s->field_count; i++) {
        const struct field *field = &s->fields->fields[i];
        if (filter_field(filter, field) && (!vcpu_only || field->scope == FIELD_VCPU))
            add_field(&c, field, &values[i], buckets);
    }
    json_object_set_new(object, "counters", c.counters);
    json_object_set_new(object, "rates", c.rates);
    if (buckets != NULL)
        json_object_set(object, "histograms", c.histograms);
    json_decref(c.histograms);
    json_object_set_new(object, "missing", c.missing);
}

/* Gauges that are plain keys of their object; the missing ones are named under "missing". */
static void name_missing(json_t *object, const char *key, const struct reading *reading)
{
    if (reading->state != READING_OK)
        json_object_set_new(json_object_get(object, "missing"), key,
                            json_put_missing(reading->state, reading->cause));
}

static json_t *json_vcpu(const struct snapshot *s, const struct filter *filter,
                         const struct snapshot_vcpu *vcpu)
{
    static const char *const gauges[VCPU_GAUGE_COUNT] = {
        [VCPU_TSC_OFFSET] = "tsc_offset",
        [VCPU_GUEST_MODE] = "guest_mode",
        [VCPU_LAPIC_TIMER_ADVANCE_NS] = "lapic_timer_advance_ns",
    };
    json_t *object = json_object();

    json_object_set_new(object, "id", json_integer(vcpu->id));
    if (vcpu->tid > 0)
        json_object_set_new(object, "tid", json_integer(vcpu->tid));
    for (int i = 0; i < VCPU_GAUGE_COUNT; i++) {
        const struct reading *g = &vcpu->gauges[i];
        if (gauges[i] == NULL || g->state != READING_OK)
            continue;
        if (i == VCPU_TSC_OFFSET)
            json_object_set_new(object, gauges[i], json_integer((json_int_t)(int64_t)g->raw));
        else
            json_object_set_new(object, gauges[i], json_put_u64(g->raw));
    }
    struct rate scaling = snapshot_tsc_scaling(vcpu);
    json_put_rate(object, "tsc_scaling_ratio", &scaling);
    json_put_rate(object, "cpu_ratio", &vcpu->cpu_ratio);
    json_put_rate(object, "wait_ratio", &vcpu->wait_ratio);
    set_counters(object, s, filter, vcpu->values, vcpu->buckets, true);
    for (int i = 0; i < VCPU_GAUGE_COUNT; i++)
        if (gauges[i] != NULL)
            name_missing(object, gauges[i], &vcpu->gauges[i]);
    if (scaling.state != READING_OK)
        json_object_set_new(json_object_get(object, "missing"), "tsc_scaling_ratio",
                            json_put_missing(scaling.state, scaling.cause));
    return object;
}

static json_t *json_vm(const struct snapshot *s, const struct filter *filter,
                       const struct snapshot_vm *vm)
{
    json_t *object = json_put_identity(vm), *sources = json_object(), *vcpus = json_array();

    json_put_reading(object, "rss_bytes", &vm->gauges[VM_RSS_BYTES]);
    json_put_reading(object, "mapped_bytes", &vm->mapped_bytes);
    json_put_rate(object, "cpu_ratio", &vm->cpu_ratio);
    json_put_rate(object, "wait_ratio", &vm->wait_ratio);
    json_object_set_new(sources, "vm", json_string(reading_source_name(vm->vm_source)));
    json_object_set_new(sources, "vcpu", json_string(reading_source_name(vm->vcpu_source)));
    json_object_set_new(object, "sources", sources);
    set_counters(object, s, filter, vm->values, vm->buckets, false);
    name_missing(object, "ram_bytes", &vm->ram_bytes);
    name_missing(object, "rss_bytes", &vm->gauges[VM_RSS_BYTES]);
    name_missing(object, "mapped_bytes", &vm->mapped_bytes);
    for (size_t i = 0; i < vm->vcpu_count; i++)
        json_array_append_new(vcpus, json_vcpu(s, filter, &vm->vcpus[i]));
    json_object_set_new(object, "vcpus", vcpus);
    return object;
}

/* Fields that no record of the stream has described yet. */
static json_t *json_fields(const struct snapshot *s, const struct filter *filter, size_t described)
{
    json_t *object = json_object();

    for (size_t i = described; i < s->field_count; i++) {
        const struct field *f = &s->fields->fields[i];
        if (!filter_field(filter, f))
            continue;
        json_t *entry = json_object();
        json_object_set_new(entry, "scope", json_string(field_scope_name(f->scope)));
        json_object_set_new(entry, "kind", json_string(field_kind_name(f->kind)));
        json_object_set_new(entry, "unit", json_string(field_unit_name(f->unit)));
        json_object_set_new(entry, "exponent", json_integer(f->exponent));
        if (f->base == 2)
            json_object_set_new(entry, "base", json_integer(f->base));
        if (field_is_hist(f))
            json_object_set_new(entry, "buckets", json_integer(f->size));
        if (f->kind == FIELD_LINEAR_HIST)
            json_object_set_new(entry, "bucket_size", json_integer(f->bucket_size));
        json_object_set_new(object, f->name, entry);
    }
    return object;
}

static json_t *json_host(const struct host *host)
{
    json_t *object = json_object();

    json_object_set_new(object, "name", json_put_text(host->name));
    json_object_set_new(object, "kernel", json_put_text(host->kernel));
    json_object_set_new(object, "lockdown", json_string(host_lockdown_name(host->lockdown)));
    if (host->cpus > 0)
        json_object_set_new(object, "cpus", json_integer(host->cpus));
    if (host->mem_bytes > 0)
        json_object_set_new(object, "mem_bytes", json_put_u64(host->mem_bytes));
    return object;
}

/* An empty list of VMs is no answer while some may hide from us. */
static json_t *json_hidden(const struct snapshot *s)
{
    json_t *object = json_object();

    json_object_set_new(object, "processes", json_put_u64(s->hidden_processes));
    json_object_set_new(object, "vms", json_put_u64(s->hidden_vms));
    json_object_set_new(object, "proc", json_boolean(s->proc_hides));
    return object;
}

static char *json_line(const struct snapshot *s, const struct filter *filter, bool skip_idle,
                       size_t described)
{
    char time[NUMBER_MAX];
    json_t *record = json_object(), *self = json_object(), *vms = json_array();
    json_t *host = json_host(&s->host);

    number_time(&s->wall, time);
    json_object_set_new(record, "schema", json_string("kvmlens/1"));
    json_object_set_new(record, "time", json_string(time));
    json_object_set_new(record, "interval_s", s->interval_s > 0 ? json_real(s->interval_s)
                                                                : json_null());
    json_object_set_new(record, "host", host);
    const struct snapshot_value *totals = report_host_values(filter, s);
    if (totals != NULL && !(skip_idle && report_idle(filter, s, totals)))
        set_counters(host, s, filter, totals, NULL, false);
    json_object_set_new(self, "sample_us", json_put_u64(s->sample_ns / 1000));
    if (s->interval_s > 0)
        json_object_set_new(self, "cpu_ratio", json_real(s->self_cpu_ratio));
    json_object_set_new(record, "self", self);
    if (s->hidden_processes > 0 || s->hidden_vms > 0 || s->proc_hides)
        json_object_set_new(record, "hidden", json_hidden(s));
    for (size_t i = 0; i < s->vm_count; i++)
        if (filter_vm(filter, &s->vms[i]) &&
            !(skip_idle && report_idle(filter, s, s->vms[i].values)))
            json_array_append_new(vms, json_vm(s, filter, &s->vms[i]));
    json_object_set_new(record, "vms", vms);
    if (described == 0 || described < s->field_count)
        json_object_set_new(record, "fields", json_fields(s, filter, described));
    char *text = json_put_dump(record);
    json_decref(record);
    return text;
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
    .text = "one object per line, schema kvmlens/1",
    .record = json_record,
};
