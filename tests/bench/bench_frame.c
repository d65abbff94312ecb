// SPDX-License-Identifier: MIT
// CPU time of a frame of the monitor: 1000 VMs with 4 vCPUs each, from a new snapshot to the
// finished grid.
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/lib/snapshot_builder.h"
#include "ui/screens/screens.h"
#include "ui/state/state.h"

#define FRAMES 200

static double cpu_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void run(const char *what, const struct snapshot *s, const uint32_t *keys, int rows,
                int cols)
{
    double follow[FRAMES], draw[FRAMES];
    struct trends trends;
    struct ui_rows all = {0};
    struct ui_state state;
    struct screen screen;

    if (trends_init(&trends) < 0 || screen_init(&screen, rows, cols, true) < 0)
        abort();
    const struct ui_model model = {
        .now = s, .base = s, .detail = s, .trends = &trends, .rows = &all};
    ui_state_init(&state, rows, cols, 1);
    ui_follow(&state, &model);
    for (; *keys; keys++)
        ui_update(&state, &model, (struct ui_key){.code = *keys});
    for (int i = 0; i < FRAMES; i++) {
        double start = cpu_ms();
        trends_update(&trends, s);
        ui_follow(&state, &model);
        double middle = cpu_ms();
        ui_draw(&model, &state, &screen);
        draw[i] = cpu_ms() - middle;
        follow[i] = middle - start;
    }
    qsort(follow, FRAMES, sizeof(double), by_value);
    qsort(draw, FRAMES, sizeof(double), by_value);
    printf(
        "%-28s %3dx%-3d  rows+graphs %6.3f ms  draw %6.3f ms  (median of %d; 99 %%: %.3f, %.3f)\n",
        what, cols, rows, follow[FRAMES / 2], draw[FRAMES / 2], FRAMES, follow[FRAMES * 99 / 100],
        draw[FRAMES * 99 / 100]);
    ui_state_done(&state);
    ui_rows_done(&all);
    trends_done(&trends);
    screen_done(&screen);
}

/* --- deriving a snapshot from two samples --------------------------------------------------------
 */

#define VMS 1000
#define VCPUS 4
#define FIELDS 60 /* as many as x86 has, with three histograms of 32 buckets */

static void add_fields(struct field_table *table)
{
    for (int i = 0; i < FIELDS; i++) {
        struct field f = {.scope = i < 15 ? FIELD_VM : FIELD_VCPU, .base = 10, .size = 1};
        snprintf(f.name, sizeof(f.name), "counter_%d", i);
        if (i == 20)
            strcpy(f.name, "exits");
        if (i >= FIELDS - 3) {
            f.kind = FIELD_LOG_HIST;
            f.size = 32;
        }
        if (field_table_add(table, &f) < 0)
            abort();
    }
}

static void fill(struct sample *s, uint64_t raw, uint64_t now)
{
    s->read_ns = now;
    for (size_t v = 0; v < s->vm_count; v++) {
        struct sample_vm *vm = &s->vms[v];
        for (size_t c = 0; c <= vm->vcpu_count; c++) {
            struct sample_entity *e = c ? &vm->vcpus[c - 1].entity : &vm->entity;
            for (int source = 0; source < SOURCE_COUNT; source++)
                e->time_ns[source] = now;
            for (size_t f = 0; f < s->field_count; f++)
                e->readings[f] = reading_ok(raw * (f + 1) + v, SOURCE_STATSFD);
        }
        vm->gauges[VM_CPU_NS] = reading_ok(raw * 1000, SOURCE_PROC);
    }
}

static struct snapshot *derive(const struct field_table *fields)
{
    static struct vm vms[VMS];
    static struct vm *list[VMS];
    static struct vm_vcpu vcpus[VCPUS];
    static char name[] = "bench";
    const struct vm_list all = {list, VMS};
    struct sample *before, *after;
    struct snapshot *s = NULL;
    double took[FRAMES / 4];

    for (int i = 0; i < VCPUS; i++)
        vcpus[i] = (struct vm_vcpu){.id = i, .tid = 100 + i, .stats_fd = 10 + i};
    for (int i = 0; i < VMS; i++) {
        vms[i] = (struct vm){.id = {.pid = 1000 + i, .start_ticks = 1, .fd = 9}, .vmm = "qemu",
                             .name = name, .name_raw = name, .vcpus = vcpus,
                             .vcpu_count = VCPUS};
        list[i] = &vms[i];
    }
    if (sample_new(&all, fields, &before) < 0 || sample_new(&all, fields, &after) < 0)
        abort();
    after->host_facts = (struct host){.cpus = 2, .kvm_module = true};
    fill(before, 100, 1000000000);
    fill(after, 200, 2000000000);
    for (int i = 0; i < FRAMES / 4; i++) {
        snapshot_free(s);
        double start = cpu_ms();
        s = snapshot_derive(before, after, fields, 1000000);
        took[i] = cpu_ms() - start;
    }
    qsort(took, FRAMES / 4, sizeof(double), by_value);
    printf("derive %d VMs x %d vCPUs x %d fields: %.3f ms  (median of %d; 99 %%: %.3f)\n", VMS,
           VCPUS, FIELDS, took[FRAMES / 8], FRAMES / 4, took[FRAMES / 4 - 1]);
    sample_free(before);
    sample_free(after);
    return s;
}

int main(void)
{
    struct snapshot_builder *b = snapshot_builder_new();

    setlocale(LC_CTYPE, "C.UTF-8");
    snapshot_builder_many_vms(b, 1000, 4);
    const struct snapshot *s = snapshot_builder_finish(b);
    run("1000 VMs", s, (const uint32_t[]){'E', 0}, 50, 200);
    run("1000 VMs, vCPUs shown", s, (const uint32_t[]){'E', 't', 0}, 50, 200);
    run("1000 VMs, by pid, at end", s, (const uint32_t[]){'N', KEYCODE_END, 0}, 24, 80);
    run("1000 VMs, host counters", s, (const uint32_t[]){'b', 0}, 50, 200);
    run("1000 VMs, by guest", s, (const uint32_t[]){'b', 'b', 0}, 50, 200);
    run("1000 VMs, one open", s, (const uint32_t[]){KEYCODE_ENTER, 0}, 50, 200);
    snapshot_builder_free(b);

    struct field_table fields = {0};
    add_fields(&fields);
    struct snapshot *derived = derive(&fields);
    run("the same, all fields", derived, (const uint32_t[]){'E', 't', 0}, 50, 200);
    run("the same, host counters", derived, (const uint32_t[]){'b', 0}, 50, 200);
    snapshot_free(derived);
    field_table_done(&fields);
    return 0;
}
