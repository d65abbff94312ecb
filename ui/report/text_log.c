// SPDX-License-Identifier: MIT
#include "ui/report/text_log.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "ui/report/exits_text.h"
#include "ui/report/number.h"
#include "ui/report/report_exits.h"
#include "ui/report/text_vms.h"

#define HEADER_EVERY 20 /* rows between two headers on a terminal */
#define NAME_COLUMNS 16
#define MORE_COLUMNS 5 /* " +123": so many counters have no room */

/* Columns of a log when no --fields chooses others; those a host does not have are left out. */
static const char *const log_fields[] = {
    "exits",         "io_exits",       "mmio_exits", "mmio_exit_user", "halt_exits",
    "wfi_exit_stat", "irq_injections", "pf_fixed",   "halt_wait_ns",
};

static void put_padded(FILE *out, const char *text, size_t columns)
{
    size_t width = text_width(text);

    fputs(text, out);
    fprintf(out, "%*s", (int)(width < columns ? columns - width : 0), "");
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

/* A row may not be longer than the terminal is wide. */
static bool is_narrow(const struct report *r)
{
    return r->columns > 0;
}

/* What stands before the counters: on a terminal all that is the same for hours is left out. */
static void put_front(const struct report *r, const char *time, const char *place, const char *fd,
                      const char *name, FILE *out)
{
    if (is_narrow(r))
        fprintf(out, "%-8.8s %8s ", time, place);
    else
        fprintf(out, "%-24s %8s %4s ", time, place, fd);
    put_padded(out, name, NAME_COLUMNS);
}

#define NARROW_FRONT (8 + 1 + 8 + 1 + NAME_COLUMNS + 2 * 8) /* with CPU% and WAIT% */

static int ratio_width(const struct report *r)
{
    return is_narrow(r) ? 7 : 8;
}

/* How many of @columns there is room for. */
static size_t fit(const struct report *r, const struct snapshot *s, const size_t *columns,
                  size_t count)
{
    size_t kept = 0, width = NARROW_FRONT;

    for (size_t i = 0; i < count; i++)
        width += 1 + (size_t)column_width(&s->fields->fields[columns[i]]);
    if (!is_narrow(r) || width <= r->columns)
        return count;
    width = NARROW_FRONT + MORE_COLUMNS;
    for (size_t i = 0; i < count; i++) {
        width += 1 + (size_t)column_width(&s->fields->fields[columns[i]]);
        if (width > r->columns)
            break;
        kept++;
    }
    return kept;
}

/* @more: that there is no room for. */
static void put_log_header(const struct report *r, const struct snapshot *s, const size_t *columns,
                           size_t count, size_t more, FILE *out)
{
    put_front(r, "TIME", "PID", "FD", "NAME", out);
    fprintf(out, " %*s %*s", ratio_width(r), "CPU%", ratio_width(r), "WAIT%");
    for (size_t i = 0; i < count; i++) {
        const struct field *field = &s->fields->fields[columns[i]];
        char label[FIELD_NAME_MAX + 3];
        /* A time counter's rate is a share of the interval. */
        snprintf(label, sizeof(label), "%s%s", field->name,
                 field->kind != FIELD_CUMULATIVE ? ""
                 : field->unit == FIELD_SECONDS  ? " %"
                                                 : "/s");
        fprintf(out, " %*s", column_width(field), label);
    }
    if (more > 0)
        fprintf(out, " +%zu", more);
    fputc('\n', out);
}

static size_t index_of(const struct snapshot *s, const struct snapshot_vm *vm)
{
    return (size_t)(vm - s->vms);
}

static const char *time_text(const struct report *r, const struct snapshot *s, char buf[NUMBER_MAX])
{
    number_time(&s->wall, buf);
    return is_narrow(r) ? strchr(buf, 'T') + 1 : buf;
}

static void put_ratio(const struct report *r, const struct text_sum *ratio, FILE *out)
{
    char buf[NUMBER_MAX];

    number_ratio(&ratio->figure, buf);
    number_sum(ratio->is_short, ratio->figure.state, buf);
    fprintf(out, " %*s", ratio_width(r), buf);
}

/* A VM's, or with NULL that of all together: values that are no counts cannot be added up. */
static void put_cell(const struct report *r, const struct snapshot *s, const struct snapshot_vm *vm,
                     size_t i, FILE *out)
{
    const struct field *field = &s->fields->fields[i];
    const struct snapshot_value *values =
        vm != NULL ? vm->values : report_host_values(r->filter, s);
    char buf[NUMBER_MAX] = "-";

    if (values != NULL && values[i].reading.state != READING_OK) {
        snprintf(buf, sizeof(buf), "%s", reading_state_text(values[i].reading.state));
    } else if (field->kind == FIELD_CUMULATIVE) {
        struct text_sum rate = {.is_short = false};
        if (values != NULL)
            rate.figure = values[i].rate;
        else
            rate = text_sum_rate(r->filter, s, i);
        number_rate(field, &rate.figure, buf);
        number_sum(rate.is_short, rate.figure.state, buf);
    } else if (values != NULL) {
        number_value(field, values[i].reading.raw, buf);
    }
    fprintf(out, " %*s", column_width(field), buf);
}

static void put_log_row(const struct report *r, const struct snapshot *s,
                        const struct snapshot_vm *vm, const size_t *columns, size_t count,
                        FILE *out)
{
    char time[NUMBER_MAX], place[24], fd[16];

    if (vm != NULL) {
        snprintf(place, sizeof(place), "%d", (int)vm->id.pid);
        snprintf(fd, sizeof(fd), "%d", vm->id.fd);
        put_front(r, time_text(r, s, time), is_narrow(r) ? text_vm_place(s, vm, place) : place, fd,
                  vm->name, out);
        put_ratio(r, &(struct text_sum){.figure = vm->cpu_ratio}, out);
        put_ratio(r, &(struct text_sum){.figure = vm->wait_ratio}, out);
    } else {
        const struct text_sums sums = text_sums(r->filter, s);
        put_front(r, time_text(r, s, time), "-", "-", TEXT_ALL_VMS, out);
        put_ratio(r, &sums.cpu_ratio, out);
        put_ratio(r, &sums.wait_ratio, out);
    }
    for (size_t i = 0; i < count; i++)
        put_cell(r, s, vm, columns[i], out);
    fputc('\n', out);
}

static bool is_idle(const struct report *r, const struct snapshot *s, const struct snapshot_vm *vm)
{
    if (vm != NULL)
        return report_idle_vm(r->filter, s, index_of(s, vm));
    if (report_host_values(r->filter, s) != NULL)
        return report_idle(r->filter, s, s->host_values);
    for (size_t i = 0; i < s->vm_count; i++)
        if (filter_vm(r->filter, &s->vms[i]) && !report_idle_vm(r->filter, s, i))
            return false;
    return true;
}

/* 0 or -ENOMEM. */
static int put_log_line(struct report *r, const struct snapshot *s, const struct snapshot_vm *vm,
                        const size_t *columns, size_t count, FILE *out)
{
    if (r->skip_zero && is_idle(r, s, vm))
        return 0;
    const size_t shown = fit(r, s, columns, count);
    /* New columns need a new header: a later VM may bring fields. */
    if (r->rows == 0 || count != r->fields_shown || (r->terminal && r->rows % HEADER_EVERY == 0)) {
        put_log_header(r, s, columns, shown, count - shown, out);
        r->fields_shown = count;
    }
    put_log_row(r, s, vm, columns, shown, out);
    r->rows++;
    return vm != NULL ? exits_text_vm(out, s, index_of(s, vm), true) : 0;
}

int text_log(struct report *r, const struct snapshot *s, FILE *out)
{
    size_t columns[FIELD_MAX] = {0};
    size_t count = log_columns(r, s, columns);
    const bool has_all =
        report_host_values(r->filter, s) != NULL || text_sums(r->filter, s).vms > 1;
    int result = has_all ? put_log_line(r, s, NULL, columns, count, out) : 0;

    for (size_t i = 0; i < s->vm_count && result == 0; i++)
        if (filter_vm(r->filter, &s->vms[i]))
            result = put_log_line(r, s, &s->vms[i], columns, count, out);
    return result;
}
