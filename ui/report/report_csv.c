// SPDX-License-Identifier: MIT
/*
 * CSV (RFC 4180, lines end in LF).
 *
 * Long form: one row per time, VM, vCPU and number, so that VMs and fields may come and go. A
 * number that could not be read is a row too: value empty, cause says why for people, and cause_id
 * for machines. Wide form, for one VM: one row per record. Its columns are fixed by the first
 * record of the file; it has no room for causes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text_file.h"
#include "ui/report/csv.h"
#include "ui/report/exits_csv.h"
#include "ui/report/number.h"
#include "ui/report/report.h"
#include "ui/report/report_exits.h"
#include "ui/report/report_load.h"
#include "ui/report/report_memory_io.h"

/* Version 0.1.0 had no cause_id. Its logs go on in their form: the columns before are the same. */
#define LONG_HEADER_0_1                                                                            \
    "time,pid,vm_fd,vm,vcpu,field,bucket,kind,unit,exponent,value,rate,state,cause"
#define LONG_HEADER LONG_HEADER_0_1 ",cause_id"

/* @buckets NULL: of the kernel's totals, which have no histograms. */
static void put_field(const struct csv_row *row, const struct field *field,
                      const struct snapshot_value *value, const uint64_t *buckets)
{
    const char *kind = field_kind_name(field->kind), *unit = field_unit_name(field->unit);
    const struct reading *reading = &value->reading;

    if (reading->state == READING_OK && field_is_hist(field) && buckets != NULL) {
        for (int i = 0; i < field->size; i++) {
            csv_begin(row, field->name, i, kind, unit, field->exponent);
            fprintf(row->out, "%llu,",
                    (unsigned long long)buckets[field->bucket_index + (size_t)i]);
            csv_end(row, READING_OK, CAUSE_NONE);
        }
        return;
    }
    csv_begin(row, field->name, -1, kind, unit, field->exponent);
    if (reading->state != READING_OK) {
        fputc(',', row->out);
        csv_end(row, reading->state, reading->cause);
        return;
    }
    fprintf(row->out, "%llu,", (unsigned long long)reading->raw);
    if (field->kind != FIELD_CUMULATIVE) {
        csv_end(row, READING_OK, CAUSE_NONE);
        return;
    }
    /* The value is good; a rate that is not there says why. */
    csv_figure(row->out, &value->rate);
    csv_end(row, value->rate.state, value->rate.cause);
}

static void put_reading(const struct csv_row *row, const char *name, const char *unit,
                        bool is_signed, const struct reading *reading)
{
    csv_begin(row, name, -1, "instant", unit, 0);
    if (reading->state == READING_OK && is_signed)
        fprintf(row->out, "%lld", (long long)(int64_t)reading->raw);
    else if (reading->state == READING_OK)
        fprintf(row->out, "%llu", (unsigned long long)reading->raw);
    fputc(',', row->out);
    csv_end(row, reading->state, reading->cause);
}

static void put_ratio(const struct csv_row *row, const char *name, const struct figure *ratio)
{
    csv_begin(row, name, -1, "instant", "ratio", 0);
    csv_figure(row->out, ratio);
    fputc(',', row->out);
    csv_end(row, ratio->state, ratio->cause);
}

static void put_vm(struct csv_row *row, const struct snapshot *s, size_t index)
{
    const struct snapshot_vm *vm = row->vm;
    const struct filter *filter = row->report->filter;

    row->vcpu = NULL;
    put_reading(row, "ram_bytes", "bytes", false, &vm->ram_bytes);
    put_reading(row, "rss_bytes", "bytes", false, &vm->gauges[VM_RSS_BYTES]);
    put_reading(row, "mapped_bytes", "bytes", false, &vm->mapped_bytes);
    put_ratio(row, "cpu_ratio", &vm->cpu_ratio);
    put_ratio(row, "wait_ratio", &vm->wait_ratio);
    load_csv_vm(row);
    memory_io_csv_vm(row);
    for (size_t i = 0; i < s->field_count; i++)
        if (filter_field(filter, &s->fields->fields[i]))
            put_field(row, &s->fields->fields[i], &vm->values[i], vm->buckets);
    exits_csv_group(row, s, report_exits_of_vm(s, index));
    for (size_t v = 0; v < vm->vcpu_count; v++) {
        row->vcpu = &vm->vcpus[v];
        put_reading(row, "tsc_offset", "cycles", true, &row->vcpu->gauges[VCPU_TSC_OFFSET]);
        struct figure scaling = snapshot_tsc_scaling(row->vcpu);
        put_ratio(row, "tsc_scaling_ratio", &scaling);
        put_ratio(row, "cpu_ratio", &row->vcpu->cpu_ratio);
        put_ratio(row, "wait_ratio", &row->vcpu->wait_ratio);
        load_csv_vcpu(row);
        for (size_t i = 0; i < s->field_count; i++)
            if (s->fields->fields[i].scope == FIELD_VCPU &&
                filter_field(filter, &s->fields->fields[i]))
                put_field(row, &s->fields->fields[i], &row->vcpu->values[i], row->vcpu->buckets);
        exits_csv_group(row, s, report_exits_of_vcpu(s, index, v));
    }
}

static void put_host(struct csv_row *row, const struct snapshot *s,
                     const struct snapshot_value *values)
{
    row->vm = NULL;
    row->vcpu = NULL;
    for (size_t i = 0; i < s->field_count; i++)
        if (filter_field(row->report->filter, &s->fields->fields[i]))
            put_field(row, &s->fields->fields[i], &values[i], NULL);
}

/* --- wide --- */

static bool is_column(const struct report *r, const struct field *field)
{
    return !field_is_hist(field) && filter_field(r->filter, field);
}

static void wide_header(const struct report *r, const struct snapshot *s, FILE *out)
{
    fputs("time,pid,vm_fd,vm,ram_bytes,rss_bytes,mapped_bytes,cpu_ratio,wait_ratio", out);
    for (size_t i = 0; i < r->fields_shown; i++) {
        const struct field *field = &s->fields->fields[i];
        if (!is_column(r, field))
            continue;
        fprintf(out, ",%s", field->name);
        if (field->kind == FIELD_CUMULATIVE)
            fprintf(out, ",%s_per_s", field->name);
    }
    fputc('\n', out);
}

static void wide_reading(FILE *out, const struct reading *reading)
{
    fputc(',', out);
    if (reading->state == READING_OK)
        fprintf(out, "%llu", (unsigned long long)reading->raw);
}

static void wide_row(const struct report *r, const struct snapshot *s, const struct snapshot_vm *vm,
                     const char *time, FILE *out)
{
    fprintf(out, "%s,%d,%d,", time, (int)vm->id.pid, vm->id.fd);
    csv_name(r, out, vm->name);
    wide_reading(out, &vm->ram_bytes);
    wide_reading(out, &vm->gauges[VM_RSS_BYTES]);
    wide_reading(out, &vm->mapped_bytes);
    fputc(',', out);
    csv_figure(out, &vm->cpu_ratio);
    fputc(',', out);
    csv_figure(out, &vm->wait_ratio);
    for (size_t i = 0; i < r->fields_shown; i++) {
        const struct field *field = &s->fields->fields[i];
        if (!is_column(r, field))
            continue;
        wide_reading(out, &vm->values[i].reading);
        if (field->kind != FIELD_CUMULATIVE)
            continue;
        fputc(',', out);
        csv_figure(out, &vm->values[i].rate);
    }
    fputc('\n', out);
}

static void put_header(const struct report *r, const struct snapshot *s, FILE *out)
{
    if (r->wide)
        wide_header(r, s, out);
    else
        fputs(LONG_HEADER "\n", out);
}

/*
 * Rows under a header of other columns would be read as other numbers. Those of version 0.1.0 are
 * taken over. 0, -EBADMSG or -ENOMEM.
 */
static int join_header(struct report *r, const struct snapshot *s)
{
    struct text_file file;
    char *text;

    r->csv_is_0_1 = !r->wide && r->header != NULL && strcmp(r->header, LONG_HEADER_0_1) == 0;
    if (r->header == NULL || r->csv_is_0_1)
        return 0; /* without a header, the file may be written, but not read */
    if (text_file_open(&file) < 0)
        return -ENOMEM;
    put_header(r, s, file.out);
    if (text_file_close(&file, &text, NULL) < 0)
        return -ENOMEM;
    text[strcspn(text, "\n")] = '\0';
    bool fits = strcmp(r->header, text) == 0;
    free(text);
    return fits ? 0 : -EBADMSG;
}

static int csv_record(struct report *r, const struct snapshot *base, const struct snapshot *s,
                      FILE *out)
{
    char time[NUMBER_MAX];
    struct csv_row row = {.report = r, .out = out, .time = time};
    int fits = 0;

    (void)base;
    number_time(&s->wall, time);
    if (r->records == 0)
        r->fields_shown = s->field_count;
    if (r->fresh) {
        r->csv_is_0_1 = false;
        put_header(r, s, out);
    } else if (r->joins) {
        fits = join_header(r, s);
    }
    if (fits < 0)
        return fits;
    const struct snapshot_value *host = report_host_values(r->filter, s);
    /* Who asks for some VMs gets rows of these. */
    if (!r->wide && filter_all_vms(r->filter))
        load_csv_host(&row, &s->host_load);
    if (host != NULL && !(r->skip_zero && r->stream && report_idle(r->filter, s, host)))
        put_host(&row, s, host);
    for (size_t i = 0; i < s->vm_count; i++) {
        row.vm = &s->vms[i];
        if (!filter_vm(r->filter, row.vm) ||
            (r->skip_zero && r->stream && report_idle_vm(r->filter, s, i)))
            continue;
        if (r->wide)
            wide_row(r, s, row.vm, time, out);
        else
            put_vm(&row, s, i);
    }
    return 0;
}

const struct report_format report_csv = {
    .name = "csv",
    .magic = "time,pid,vm_fd,vm,",
    .record = csv_record,
};
