// SPDX-License-Identifier: MIT
/* Memory and I/O as rows of the long form of CSV. */
#include <stdio.h>

#include "ui/report/report_load.h"
#include "ui/report/report_memory_io.h"

#define FIELD_BYTES (IO_NAME_MAX + 64)

static void put_reading(const struct csv_row *row, const char *name, const char *kind,
                        const char *unit, const struct reading *r)
{
    if (!report_load_is_told(r->state, r->cause))
        return;
    csv_begin(row, name, -1, kind, unit, 0);
    if (r->state == READING_OK)
        fprintf(row->out, "%llu", (unsigned long long)r->raw);
    fputc(',', row->out);
    csv_end(row, r->state, r->cause);
}

static void put_figure(const struct csv_row *row, const char *name, const char *unit,
                       const struct figure *f)
{
    if (!report_load_is_told(f->state, f->cause))
        return;
    csv_begin(row, name, -1, "instant", unit, 0);
    csv_figure(row->out, f);
    fputc(',', row->out);
    csv_end(row, f->state, f->cause);
}

static void put_group(const struct csv_row *row, const struct memory_io_group *group)
{
    char name[FIELD_BYTES];

    for (const struct memory_io_row *r = group->rows; r->name != NULL; r++) {
        snprintf(name, sizeof(name), "%s.%s", group->key, r->name);
        if (r->is_figure)
            put_figure(row, name, r->unit, report_memory_io_figure(r, row->vm));
        else
            put_reading(row, name, r->is_cumulative ? "cumulative" : "instant", r->unit,
                        report_memory_io_reading(r, row->vm));
    }
}

/* The name is in the middle: nothing that a spreadsheet takes for a formula begins with "io.". */
static void put_device(const struct csv_row *row, const struct io_device *d)
{
    const enum io_device_kind kind = (enum io_device_kind)d->kind;
    char name[FIELD_BYTES];

    for (int i = 0; i < IO_COUNTER_COUNT; i++) {
        const enum io_counter c = (enum io_counter)i;
        if (!report_device_has(kind, c))
            continue;
        snprintf(name, sizeof(name), "io.devices.%s.%s.%s", io_device_kind_name(kind), d->name,
                 io_counter_name(c));
        put_reading(row, name, "cumulative", report_counter_unit(c), &d->counts[i].total);
        snprintf(name, sizeof(name), "io.devices.%s.%s.%s_per_second", io_device_kind_name(kind),
                 d->name, io_counter_name(c));
        put_figure(row, name, report_counter_unit(c), &d->counts[i].rate);
    }
}

/* A word. Missing where the share is. */
static void put_huge_kind(const struct csv_row *row)
{
    const struct vm_memory *m = &row->vm->memory;
    const bool is_known = m->huge_kind != HUGE_UNKNOWN;

    if (!is_known && !report_load_is_told(m->huge_share.state, m->huge_share.cause))
        return;
    csv_begin(row, "memory.huge_kind", -1, "state", "none", 0);
    fprintf(row->out, "%s,", is_known ? huge_kind_name((enum huge_kind)m->huge_kind) : "");
    csv_end(row, is_known ? READING_OK : m->huge_share.state,
            is_known ? CAUSE_NONE : m->huge_share.cause);
}

void memory_io_csv_vm(const struct csv_row *row)
{
    const struct snapshot_vm *vm = row->vm;

    for (const struct memory_io_group *group = report_memory_io_groups; group->key != NULL; group++)
        put_group(row, group);
    put_huge_kind(row);
    for (size_t i = 0; i < vm->io.device_count; i++)
        put_device(row, &vm->io.devices[i]);
}
