// SPDX-License-Identifier: MIT
/*
 * Text for people: --once shows each VM with all its counters, --log one row per VM and interval.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "ui/report/exits_text.h"
#include "ui/report/number.h"
#include "ui/report/report.h"

#define HEADER_EVERY 20 /* rows between two headers on a terminal */
#define NAME_COLUMNS 16
#define COUNTER_COLUMNS 36

/* Columns of a log when no --fields chooses others; those a host does not have are left out. */
static const char *const log_fields[] = {
    "exits",          "io_exits",       "mmio_exits",    "mmio_exit_user", "halt_exits",
    "wfi_exit_stat", "irq_injections", "pf_fixed",      "halt_wait_ns",
};

static void put_padded(FILE *out, const char *text, size_t columns)
{
    size_t width = text_width(text);

    fputs(text, out);
    fprintf(out, "%*s", (int)(width < columns ? columns - width : 0), "");
}

static void put_total(FILE *out, const struct field *field, const struct reading *total)
{
    char buf[NUMBER_MAX];

    if (total->state != READING_OK)
        number_missing(total->state, total->cause, buf);
    else
        number_value(field, total->raw, buf);
    fprintf(out, "%20s", buf);
}

static void put_histogram(FILE *out, const struct snapshot *s, const struct snapshot_vm *vm,
                          const struct field *field)
{
    const uint64_t *buckets = vm->buckets + field->bucket_index;
    uint64_t count = 0;
    size_t first = field->size, last = 0;

    (void)s;
    for (size_t i = 0; i < field->size; i++) {
        count += buckets[i];
        if (buckets[i] != 0) {
            first = i < first ? i : first;
            last = i;
        }
    }
    fprintf(out, "%20llu in %u buckets", (unsigned long long)count, (unsigned)field->size);
    if (count > 0)
        fprintf(out, ", %zu to %zu in use", first, last);
}

/* Of a VM, or with NULL of all VMs of the host. */
static const struct snapshot_value *value_of(const struct snapshot *s, const struct snapshot_vm *vm,
                                             size_t i)
{
    return vm != NULL ? &vm->values[i] : &s->host_values[i];
}

static struct reading total_of(const struct snapshot *base, const struct snapshot *s,
                               const struct snapshot_vm *vm, size_t i)
{
    return vm != NULL ? snapshot_total(base, s, vm, i) : snapshot_host_total(base, s, i);
}

static void put_counter(FILE *out, const struct snapshot *base, const struct snapshot *s,
                        const struct snapshot_vm *vm, size_t i)
{
    const struct field *field = &s->fields->fields[i];
    const struct snapshot_value *value = value_of(s, vm, i);
    struct reading total = value->reading;
    char rate[NUMBER_MAX] = "";

    fprintf(out, "  %-*s ", COUNTER_COLUMNS, field->name);
    if (value->reading.state != READING_OK) {
        number_missing(value->reading.state, value->reading.cause, rate);
        fprintf(out, "%20s\n", rate);
        return;
    }
    /* The kernel's totals have none. */
    if (field_is_hist(field) && vm != NULL) {
        put_histogram(out, s, vm, field);
        fputc('\n', out);
        return;
    }
    if (field->kind == FIELD_CUMULATIVE) {
        total = total_of(base, s, vm, i);
        number_rate(field, &value->rate, rate);
    }
    put_total(out, field, &total);
    fprintf(out, " %14s\n", field->kind == FIELD_CUMULATIVE ? rate : field_kind_name(field->kind));
}

/* Most hosts have no TSC scaling: then there is no column either. */
static bool have_tsc_scaling(const struct snapshot_vm *vm)
{
    for (size_t i = 0; i < vm->vcpu_count; i++)
        if (snapshot_tsc_scaling(&vm->vcpus[i]).state == READING_OK)
            return true;
    return false;
}

static void put_tsc_scaling(FILE *out, const struct snapshot_vcpu *vcpu)
{
    struct figure scaling = snapshot_tsc_scaling(vcpu);

    if (scaling.state == READING_OK)
        fprintf(out, " %11.6f", scaling.value);
    else
        fprintf(out, " %11s", reading_state_text((enum reading_state)scaling.state));
}

static size_t index_of(const struct snapshot *s, const struct snapshot_vm *vm)
{
    return (size_t)(vm - s->vms);
}

static void put_vcpus(FILE *out, const struct snapshot *s, const struct snapshot_vm *vm)
{
    int exits = field_table_find(s->fields, "exits");
    bool scaling = have_tsc_scaling(vm);

    if (vm->vcpu_count == 0)
        return;
    fprintf(out, "  %-6s %8s %8s %8s %14s %22s%s", "vCPU", "TID", "CPU%", "WAIT%", "exits/s",
            "tsc-offset", scaling ? " tsc-scaling" : "");
    exits_text_vcpu(out, s, index_of(s, vm), NULL);
    fputc('\n', out);
    for (size_t i = 0; i < vm->vcpu_count; i++) {
        const struct snapshot_vcpu *vcpu = &vm->vcpus[i];
        const struct reading *tsc = &vcpu->gauges[VCPU_TSC_OFFSET];
        char tid[16] = "n/a", cpu[NUMBER_MAX], wait[NUMBER_MAX], rate[NUMBER_MAX] = "n/a",
             offset[NUMBER_MAX];
        if (vcpu->tid > 0)
            snprintf(tid, sizeof(tid), "%d", (int)vcpu->tid);
        number_ratio(&vcpu->cpu_ratio, cpu);
        number_ratio(&vcpu->wait_ratio, wait);
        if (exits >= 0 && (size_t)exits < s->field_count)
            number_rate(&s->fields->fields[exits], &vcpu->values[exits].rate, rate);
        if (tsc->state == READING_OK)
            snprintf(offset, sizeof(offset), "%lld", (long long)(int64_t)tsc->raw);
        else
            snprintf(offset, sizeof(offset), "%s", reading_state_text(tsc->state));
        fprintf(out, "  %-6d %8s %8s %8s %14s %22s", vcpu->id, tid, cpu, wait, rate, offset);
        if (scaling)
            put_tsc_scaling(out, vcpu);
        exits_text_vcpu(out, s, index_of(s, vm), vcpu);
        fputc('\n', out);
    }
}

static void put_source(FILE *out, const char *what, uint8_t source, uint8_t cause)
{
    fprintf(out, "%s from %s", what, reading_source_name(source));
    if (cause != CAUSE_NONE)
        fprintf(out, " (%s)", reading_cause_text(cause));
}

/* Where the numbers are from, or why there are none of now. */
static void put_sources(FILE *out, const struct snapshot *s, const struct snapshot_vm *vm)
{
    fputs("  ", out);
    if (vm->stale_cause != CAUSE_NONE) {
        fprintf(out, "not read: %s", reading_cause_text((enum reading_cause)vm->stale_cause));
        if (vm->stale_s > 0)
            fprintf(out, "; last read %.3f s before", vm->stale_s);
        fputc('\n', out);
        return;
    }
    put_source(out, "VM counters", vm->vm_source, vm->vm_cause);
    put_source(out, ", vCPU counters", vm->vcpu_source, vm->vcpu_cause);
    if (snapshot_interval_differs(vm->interval_s, s->interval_s))
        fprintf(out, ", rates over %.3f s", vm->interval_s);
    fputc('\n', out);
}

static int compare_names(const void *a, const void *b, void *fields)
{
    const struct field *f = fields;

    return strcmp(f[*(const size_t *)a].name, f[*(const size_t *)b].name);
}

/* The chosen fields by name; *@ret_count of them, the caller frees. NULL when memory is out. */
static size_t *sorted_fields(const struct report *r, const struct snapshot *s, size_t *ret_count)
{
    size_t *order = malloc((s->field_count + 1) * sizeof(*order));

    *ret_count = 0;
    for (size_t i = 0; i < s->field_count && order != NULL; i++)
        if (filter_field(r->filter, &s->fields->fields[i]))
            order[(*ret_count)++] = i;
    if (order != NULL)
        qsort_r(order, *ret_count, sizeof(*order), compare_names, s->fields->fields);
    return order;
}

/* Nothing counted: the total of a counter, or a gauge's value, is 0. What is not known is not zero.
 */
static bool is_zero(const struct snapshot *base, const struct snapshot *s,
                    const struct snapshot_vm *vm, size_t i)
{
    if (value_of(s, vm, i)->reading.state != READING_OK || field_is_hist(&s->fields->fields[i]))
        return false;
    struct reading total = total_of(base, s, vm, i);
    return total.state == READING_OK && total.raw == 0;
}

static void put_counters(struct report *r, FILE *out, const struct snapshot *base,
                         const struct snapshot *s, const struct snapshot_vm *vm,
                         const size_t *fields, size_t count)
{
    fprintf(out, "  %-*s %20s %14s\n", COUNTER_COLUMNS, "COUNTER",
            r->include_past ? "SINCE VM START" : "SINCE START", "PER SECOND");
    for (size_t i = 0; i < count; i++)
        if (!(r->skip_zero && is_zero(base, s, vm, fields[i])))
            put_counter(out, base, s, vm, fields[i]);
}

/* 0 or -ENOMEM. */
static int put_vm(struct report *r, FILE *out, const struct snapshot *base,
                  const struct snapshot *s, const struct snapshot_vm *vm, const size_t *fields,
                  size_t count)
{
    char ram[NUMBER_MAX], rss[NUMBER_MAX], mapped[NUMBER_MAX], cpu[NUMBER_MAX], wait[NUMBER_MAX];

    number_reading_bytes(&vm->ram_bytes, ram);
    number_reading_bytes(&vm->gauges[VM_RSS_BYTES], rss);
    number_reading_bytes(&vm->mapped_bytes, mapped);
    number_ratio(&vm->cpu_ratio, cpu);
    number_ratio(&vm->wait_ratio, wait);
    const char *migration = vm_migration_text((enum vm_migration)vm->migration);
    fprintf(out,
            "\n%s  pid %d fd %d  %s  vCPUs %zu  CPU %s  wait %s  RAM %s  RSS %s  mapped %s%s%s\n",
            vm->name, (int)vm->id.pid, vm->id.fd, vm->vmm, vm->vcpu_count, cpu, wait, ram, rss,
            mapped, migration[0] != '\0' ? "  " : "", migration);
    put_sources(out, s, vm);
    put_vcpus(out, s, vm);
    /* The line above has said why there is none. */
    if (s->host_values == NULL)
        put_counters(r, out, base, s, vm, fields, count);
    return exits_text_vm(out, s, index_of(s, vm), r->skip_zero);
}

static int text_once(struct report *r, const struct snapshot *base, const struct snapshot *s,
                     FILE *out)
{
    char time[NUMBER_MAX];
    size_t count;
    int result = 0;
    size_t *fields = sorted_fields(r, s, &count);

    if (fields == NULL)
        return -ENOMEM;
    number_time(&s->wall, time);
    fprintf(out, "%s  %s  lockdown %s  %zu VM%s %zu vCPU%s  %s", s->host.name, s->host.kernel,
            host_lockdown_name(s->host.lockdown), s->vm_count, s->vm_count == 1 ? "" : "s",
            s->vcpu_count, s->vcpu_count == 1 ? "" : "s", time);
    if (s->interval_s > 0)
        fprintf(out, "  interval %.3f s", s->interval_s);
    fputc('\n', out);
    exits_text_host(out, s);
    if (report_host_values(r->filter, s) != NULL) {
        fputs("\nall VMs together  totals of the kernel, which does not count each VM\n", out);
        put_counters(r, out, base, s, NULL, fields, count);
    }
    for (size_t i = 0; i < s->vm_count && result == 0; i++)
        if (filter_vm(r->filter, &s->vms[i]))
            result = put_vm(r, out, base, s, &s->vms[i], fields, count);
    free(fields);
    return result;
}

/*
 * The fields that are columns of a log, in their order: those chosen, else the most telling ones.
 * Histograms do not fit a column. @ret has room for FIELD_MAX.
 */
static size_t log_columns(const struct report *r, const struct snapshot *s, size_t *ret)
{
    const size_t telling = r->filter->has_regex ? 0 : sizeof(log_fields) / sizeof(log_fields[0]);
    size_t count = 0;

    for (size_t i = 0; r->filter->has_regex && i < s->field_count; i++)
        if (!field_is_hist(&s->fields->fields[i]) && filter_field(r->filter, &s->fields->fields[i]))
            ret[count++] = i;
    for (size_t k = 0; k < telling; k++) {
        int i = field_table_find(s->fields, log_fields[k]);
        if (i >= 0 && (size_t)i < s->field_count && !field_is_hist(&s->fields->fields[i]))
            ret[count++] = (size_t)i;
    }
    return count;
}

static int column_width(const struct field *field)
{
    int len = (int)strlen(field->name) + (field->kind == FIELD_CUMULATIVE ? 2 : 0);
    return len < 9 ? 9 : len;
}

static void put_log_header(const struct snapshot *s, const size_t *columns, size_t count, FILE *out)
{
    fprintf(out, "%-24s %8s %4s ", "TIME", "PID", "FD");
    put_padded(out, "NAME", NAME_COLUMNS);
    fprintf(out, " %8s %8s", "CPU%", "WAIT%");
    for (size_t i = 0; i < count; i++) {
        const struct field *field = &s->fields->fields[columns[i]];
        char label[FIELD_NAME_MAX + 3];
        /* A time counter's rate is a share of the interval. */
        snprintf(label, sizeof(label), "%s%s", field->name,
                 field->kind != FIELD_CUMULATIVE ? "" : field->unit == FIELD_SECONDS ? " %" : "/s");
        fprintf(out, " %*s", column_width(field), label);
    }
    fputc('\n', out);
}

static void put_log_row(const struct snapshot *s, const struct snapshot_vm *vm,
                        const size_t *columns, size_t count, FILE *out)
{
    char buf[NUMBER_MAX];

    number_time(&s->wall, buf);
    if (vm != NULL) {
        fprintf(out, "%-24s %8d %4d ", buf, (int)vm->id.pid, vm->id.fd);
        put_padded(out, vm->name, NAME_COLUMNS);
        number_ratio(&vm->cpu_ratio, buf);
        fprintf(out, " %8s", buf);
        number_ratio(&vm->wait_ratio, buf);
        fprintf(out, " %8s", buf);
    } else {
        fprintf(out, "%-24s %8s %4s %-*s %8s %8s", buf, "-", "-", NAME_COLUMNS, "(all VMs)", "-",
                "-");
    }
    for (size_t i = 0; i < count; i++) {
        const struct field *field = &s->fields->fields[columns[i]];
        const struct snapshot_value *value = value_of(s, vm, columns[i]);
        if (value->reading.state != READING_OK)
            snprintf(buf, sizeof(buf), "%s", reading_state_text(value->reading.state));
        else if (field->kind == FIELD_CUMULATIVE)
            number_rate(field, &value->rate, buf);
        else
            number_value(field, value->reading.raw, buf);
        fprintf(out, " %*s", column_width(field), buf);
    }
    fputc('\n', out);
}

/* 0 or -ENOMEM. */
static int put_log_line(struct report *r, const struct snapshot *s, const struct snapshot_vm *vm,
                        const size_t *columns, size_t count, FILE *out)
{
    if (r->skip_zero && (vm != NULL ? report_idle_vm(r->filter, s, index_of(s, vm))
                                    : report_idle(r->filter, s, s->host_values)))
        return 0;
    /* New columns need a new header: a later VM may bring fields. */
    if (r->rows == 0 || count != r->fields_shown || (r->terminal && r->rows % HEADER_EVERY == 0)) {
        put_log_header(s, columns, count, out);
        r->fields_shown = count;
    }
    put_log_row(s, vm, columns, count, out);
    r->rows++;
    return vm != NULL ? exits_text_vm(out, s, index_of(s, vm), true) : 0;
}

static int text_log(struct report *r, const struct snapshot *s, FILE *out)
{
    size_t columns[FIELD_MAX];
    size_t count = log_columns(r, s, columns);
    int result = 0;

    if (report_host_values(r->filter, s) != NULL)
        result = put_log_line(r, s, NULL, columns, count, out);
    for (size_t i = 0; i < s->vm_count && result == 0; i++)
        if (filter_vm(r->filter, &s->vms[i]))
            result = put_log_line(r, s, &s->vms[i], columns, count, out);
    return result;
}

static int text_record(struct report *r, const struct snapshot *base, const struct snapshot *s,
                       FILE *out)
{
    return r->stream ? text_log(r, s, out) : text_once(r, base, s, out);
}

const struct report_format report_text = {
    .name = "text",
    .magic = "TIME ",
    .record = text_record,
};
