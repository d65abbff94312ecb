// SPDX-License-Identifier: MIT
/* Load as rows of the long form of CSV. */
#include <stdio.h>

#include "ui/report/report_load.h"

#define NAME_MAX_BYTES 64

static void put_figure(const struct csv_row *row, const char *name, const char *unit,
                       const struct figure *figure)
{
    if (!report_load_is_told(figure->state, figure->cause))
        return;
    csv_begin(row, name, -1, "instant", unit, 0);
    csv_figure(row->out, figure);
    fputc(',', row->out);
    csv_end(row, figure->state, figure->cause);
}

static void put_reading(const struct csv_row *row, const char *name, const char *unit,
                        const struct reading *reading)
{
    if (!report_load_is_told(reading->state, reading->cause))
        return;
    csv_begin(row, name, -1, "instant", unit, 0);
    if (reading->state == READING_OK)
        fprintf(row->out, "%llu", (unsigned long long)reading->raw);
    fputc(',', row->out);
    csv_end(row, reading->state, reading->cause);
}

/* Words: the only values that are no numbers. */
static void put_state(const struct csv_row *row, const char *name, bool is_known, uint8_t cause)
{
    if (!is_known && !report_load_is_told(READING_ABSENT, cause))
        return;
    csv_begin(row, "state", -1, "state", "none", 0);
    fprintf(row->out, "%s,", is_known ? name : "");
    csv_end(row, is_known ? READING_OK : READING_ABSENT, is_known ? CAUSE_NONE : cause);
}

static void put_rows(const struct csv_row *row, const struct load_row *rows, const void *load)
{
    for (; rows->name != NULL; rows++)
        put_figure(row, rows->name, rows->unit, report_load_figure(rows, load));
}

static void put_pressure(const struct csv_row *row, const struct figure pressure[PRESSURE_COUNT])
{
    for (int i = 0; i < PRESSURE_COUNT; i++) {
        char name[NAME_MAX_BYTES];
        snprintf(name, sizeof(name), "pressure.%s_ratio", pressure_name((enum pressure)i));
        put_figure(row, name, "ratio", &pressure[i]);
    }
}

void load_csv_vm(const struct csv_row *row)
{
    const struct vm_load *l = &row->vm->load;
    char name[NAME_MAX_BYTES];

    put_state(row, vm_state_name((enum vm_state)l->state), l->state != VM_STATE_UNKNOWN,
              l->state_cause);
    put_rows(row, report_load_vm, l);
    for (int i = 0; i < VM_ROLE_COUNT; i++) {
        const char *role = vm_role_name((enum vm_role)i);
        snprintf(name, sizeof(name), "roles.%s.threads", role);
        put_reading(row, name, "none", &l->roles[i].threads);
        snprintf(name, sizeof(name), "roles.%s.cpu_ratio", role);
        put_figure(row, name, "ratio", &l->roles[i].cpu);
        snprintf(name, sizeof(name), "roles.%s.wait_ratio", role);
        put_figure(row, name, "ratio", &l->roles[i].wait);
    }
    put_pressure(row, l->pressure);
}

void load_csv_vcpu(const struct csv_row *row)
{
    const struct vcpu_load *l = &row->vcpu->load;

    put_state(row, vcpu_state_name((enum vcpu_state)l->state), l->state != VCPU_STATE_UNKNOWN,
              l->state_cause);
    put_rows(row, report_load_vcpu, l);
    put_reading(row, "host_cpu", "none", &l->host_cpu);
    put_reading(row, "cpus_allowed_count", "none", &l->cpu_count);
}

void load_csv_host(const struct csv_row *row, const struct host_load *l)
{
    put_rows(row, report_load_host, l);
    put_reading(row, "mem_free_bytes", "bytes", &l->mem_free);
    put_reading(row, "mem_available_bytes", "bytes", &l->mem_available);
    put_reading(row, "swap_total_bytes", "bytes", &l->swap_total);
    put_reading(row, "swap_free_bytes", "bytes", &l->swap_free);
    put_pressure(row, l->pressure);
}
