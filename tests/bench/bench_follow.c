// SPDX-License-Identifier: MIT
// CPU time of the front end from a sample on the desk to the rows of the screen: 2000 VMs with 8
// vCPUs each, which is one hostile process.
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/collect/intake.h"
#include "core/model/series.h"
#include "ui/screens/screens.h"
#include "ui/state/state.h"

#define VMS    2000
#define VCPUS  8
#define FIELDS 60 /* as many as x86 has, with three histograms of 32 buckets */
#define TICKS  60

enum step { COPY, READ, DERIVE, ROWS, DRAW, RELEASE, STEP_COUNT };

static const char *const step_names[STEP_COUNT] = {
    [COPY] = "copy from the desk",
    [READ] = "read the flat form",
    [DERIVE] = "derive",
    [ROWS] = "rows, graphs",
    [DRAW] = "draw",
    [RELEASE] = "give back",
};

/* What one step took, and the longest that no key is looked at in it. */
struct took {
    double whole, slice;
};

static double cpu_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

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

/* As a source leaves it: fields of the other scope stay absent, a VM has the sums. */
static void fill_entity(struct sample_entity *e, const struct field_table *fields, bool is_vm,
                        uint64_t raw, uint64_t now)
{
    e->time_ns[SOURCE_STATSFD] = e->time_ns[SOURCE_PROC] = now;
    for (size_t f = 0; f < fields->count; f++)
        if (is_vm || fields->fields[f].scope == FIELD_VCPU)
            e->readings[f] = reading_ok(raw * (f + 1), SOURCE_STATSFD);
    for (size_t b = 0; b < fields->bucket_count; b++)
        e->buckets[b] = raw + b;
}

/* The form of one tick. The caller frees it. */
static void *form_of(const struct vm_list *all, const struct field_table *fields, unsigned tick,
                     size_t *ret_size)
{
    const uint64_t now = (uint64_t)(tick + 1) * 1000000000u;
    struct sample *s;

    if (sample_new(all, fields, &s) < 0)
        abort();
    s->read_ns = now;
    s->host_facts = (struct host){.cpus = 2, .kvm_module = true};
    for (size_t v = 0; v < s->vm_count; v++) {
        struct sample_vm *vm = &s->vms[v];
        fill_entity(&vm->entity, fields, true, 100 * tick + v % 50, now);
        vm->gauges[VM_CPU_NS] = reading_ok(tick * 1000, SOURCE_PROC);
        for (size_t k = 0; k < vm->vcpu_count; k++) {
            fill_entity(&vm->vcpus[k].entity, fields, false, 10 * tick + v % 50, now);
            vm->vcpus[k].gauges[VCPU_CPU_NS] = reading_ok(tick * 1000, SOURCE_PROC);
        }
    }
    *ret_size = sample_flat_write(s, fields, NULL, 0);
    void *form = malloc(*ret_size);
    if (form == NULL || sample_flat_write(s, fields, form, *ret_size) != *ret_size)
        abort();
    sample_free(s);
    return form;
}

struct front_end {
    struct field_table fields;
    struct series series;
    struct snapshot *now;
    struct trends trends;
    struct ui_rows rows;
    struct ui_state state;
    struct screen screen;
};

/* Another slice of a step. */
static void lap(double *from, struct took *took)
{
    double now = cpu_ms(), slice = now - *from;

    *from = now;
    took->whole += slice;
    took->slice = slice > took->slice ? slice : took->slice;
}

static struct sample *take_in(struct front_end *f, struct desk *desk, size_t size,
                              struct took took[STEP_COUNT])
{
    struct intake intake = {0};
    struct sample *sample;
    double at = cpu_ms();
    int result = intake_begin(&intake, desk, size, &f->series.spare, &f->fields);

    while (result == 0) {
        bool copies = intake.reader == NULL;
        result = intake_step(&intake, &sample);
        lap(&at, &took[copies ? COPY : READ]);
    }
    if (result < 0)
        abort();
    return sample;
}

static void tick(struct front_end *f, struct desk *desk, size_t size, struct took took[STEP_COUNT])
{
    struct sample *sample = take_in(f, desk, size, took);
    struct snapshot *next;
    bool is_done = false;
    double at = cpu_ms();

    if (series_begin(&f->series, sample) < 0)
        abort();
    while (!is_done) {
        is_done = series_step(&f->series, INTAKE_ENTITIES, &next);
        lap(&at, &took[DERIVE]);
    }
    snapshot_free(f->now);
    f->now = next;
    lap(&at, &took[RELEASE]);
    const struct ui_model model = {
        .now = f->now, .base = f->now, .detail = f->now, .trends = &f->trends, .rows = &f->rows};
    trends_update(&f->trends, f->now);
    ui_follow(&f->state, &model);
    lap(&at, &took[ROWS]);
    ui_draw(&model, &f->state, &f->screen);
    lap(&at, &took[DRAW]);
}

static int by_whole(const void *a, const void *b)
{
    double x = ((const struct took *)a)->whole, y = ((const struct took *)b)->whole;

    return (x > y) - (x < y);
}

static int by_slice(const void *a, const void *b)
{
    double x = ((const struct took *)a)->slice, y = ((const struct took *)b)->slice;

    return (x > y) - (x < y);
}

static void print(struct took took[STEP_COUNT][TICKS])
{
    double whole = 0;

    for (int k = 0; k < STEP_COUNT; k++) {
        qsort(took[k], TICKS, sizeof(struct took), by_slice);
        double slice = took[k][TICKS / 2].slice, late = took[k][TICKS * 9 / 10].slice;
        qsort(took[k], TICKS, sizeof(struct took), by_whole);
        whole += took[k][TICKS / 2].whole;
        printf("%-20s %7.3f ms  longest slice %7.3f ms  90 %%: %7.3f ms\n", step_names[k],
               took[k][TICKS / 2].whole, slice, late);
    }
    printf("%-20s %7.3f ms\n", "together", whole);
}

static void lay_down(struct desk *desk, const void *form, size_t size)
{
    void *room = desk_room(desk, size);

    if (room == NULL)
        abort();
    memcpy(room, form, size);
}

static void run(const struct vm_list *all, const struct field_table *fields)
{
    static struct took took[STEP_COUNT][TICKS];
    struct front_end f = {0};
    struct desk theirs, ours;
    void *forms[2];
    size_t size = 0;

    for (unsigned i = 0; i < 2; i++)
        forms[i] = form_of(all, fields, i, &size);
    f.series.fields = &f.fields;
    if (desk_open(&theirs) < 0 || desk_join(dup(theirs.fd), &ours) < 0 ||
        trends_init(&f.trends) < 0 || screen_init(&f.screen, 50, 200, true) < 0)
        abort();
    ui_state_init(&f.state, 50, 200, 1);
    for (int i = -4; i < TICKS; i++) {
        struct took step[STEP_COUNT] = {{0, 0}};
        lay_down(&theirs, forms[i & 1], size);
        tick(&f, &ours, size, step);
        for (int k = 0; k < STEP_COUNT && i >= 0; k++)
            took[k][i] = step[k];
    }
    printf("%d VMs x %d vCPUs x %d fields, %.1f MB in flat form (medians of %d)\n", VMS, VCPUS,
           FIELDS, (double)size / 1e6, TICKS);
    print(took);
    desk_close(&ours);
    desk_close(&theirs);
    snapshot_free(f.now);
    series_done(&f.series);
    field_table_done(&f.fields);
    ui_state_done(&f.state);
    ui_rows_done(&f.rows);
    trends_done(&f.trends);
    screen_done(&f.screen);
    for (unsigned i = 0; i < 2; i++)
        free(forms[i]);
}

int main(void)
{
    static struct vm vms[VMS];
    static struct vm *list[VMS];
    static struct vm_vcpu vcpus[VCPUS];
    static char name[] = "bench";
    struct field_table fields = {0};

    setlocale(LC_CTYPE, "C.UTF-8");
    for (int i = 0; i < VCPUS; i++)
        vcpus[i] = (struct vm_vcpu){.id = i, .tid = 100 + i, .stats_fd = 10 + i};
    for (int i = 0; i < VMS; i++) {
        vms[i] = (struct vm){.id = {.pid = 1000, .start_ticks = 1, .fd = 9 + 10 * i},
                             .vmm = "other",
                             .name = name,
                             .name_raw = name,
                             .vcpus = vcpus,
                             .vcpu_count = VCPUS};
        list[i] = &vms[i];
    }
    add_fields(&fields);
    run(&(struct vm_list){list, VMS}, &fields);
    field_table_done(&fields);
    return 0;
}
