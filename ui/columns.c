// SPDX-License-Identifier: MIT
#include "ui/columns.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ui/format.h"

static struct column_value value_number(double number)
{
    return (struct column_value){.number = number, .state = READING_OK};
}

static struct column_value value_text(const char *text)
{
    return (struct column_value){.text = text, .state = READING_OK};
}

static struct column_value value_reading(struct reading r)
{
    return (struct column_value){.number = (double)r.raw, .state = r.state, .cause = r.cause};
}

static struct column_value value_rate(struct rate r)
{
    return (struct column_value){.number = r.value, .state = r.state, .cause = r.cause};
}

static const struct column_value nothing = {.blank = true};

#define GETTER(name)                                                                               \
    static struct column_value name(const struct column *column, const struct snapshot_vm *vm,     \
                                    const struct snapshot_vcpu *vcpu,                              \
                                    const struct column_fields *fields)
#define UNUSED(column, fields) ((void)(column), (void)(fields))

GETTER(get_pid)
{
    UNUSED(column, fields);
    if (vcpu && vcpu->tid == 0)
        return (struct column_value){.state = READING_ABSENT, .cause = CAUSE_NO_THREAD_ID};
    return value_number(vcpu ? vcpu->tid : vm->id.pid);
}

GETTER(get_fd)
{
    UNUSED(column, fields);
    return vcpu ? nothing : value_number(vm->id.fd);
}

GETTER(get_name)
{
    UNUSED(column, fields);
    return vcpu ? nothing : value_text(vm->name);
}

GETTER(get_vmm)
{
    UNUSED(column, fields);
    return vcpu ? nothing : value_text(vm->vmm);
}

GETTER(get_vcpus)
{
    UNUSED(column, fields);
    return vcpu ? nothing : value_number((double)vm->vcpu_count);
}

GETTER(get_cpu)
{
    UNUSED(column, fields);
    return value_rate(vcpu ? vcpu->cpu_ratio : vm->cpu_ratio);
}

GETTER(get_wait)
{
    UNUSED(column, fields);
    return value_rate(vcpu ? vcpu->wait_ratio : vm->wait_ratio);
}

GETTER(get_field)
{
    int field = fields->index[column - column_table];

    if (field < 0)
        return (struct column_value){.state = READING_ABSENT, .cause = CAUSE_NOT_IN_KERNEL};
    const struct snapshot_value *v = vcpu ? &vcpu->values[field] : &vm->values[field];
    /* A counter that could not be read has no rate; its own state says more than the rate's. */
    if (v->reading.state != READING_OK)
        return value_reading(v->reading);
    return value_rate(v->rate);
}

GETTER(get_ram)
{
    UNUSED(column, fields);
    return vcpu ? nothing : value_reading(vm->ram_bytes);
}

GETTER(get_rss)
{
    UNUSED(column, fields);
    return vcpu ? nothing : value_reading(vm->gauges[VM_RSS_BYTES]);
}

GETTER(get_mapped)
{
    UNUSED(column, fields);
    return vcpu ? nothing : value_reading(vm->mapped_bytes);
}

GETTER(get_zero)
{
    UNUSED(column, fields);
    if (vcpu)
        return nothing;
    const struct scans_entry *e = scans_find(fields->scans, &vm->id);
    if (e && e->zero_ratio >= 0)
        return (struct column_value){
            .number = e->zero_ratio, .text = e->zero_exact ? "" : "~", .state = READING_OK};
    return (struct column_value){.state = e && e->running ? READING_WARMUP : READING_ABSENT};
}

GETTER(get_source)
{
    /* [VM-level source][vCPU-level source]; '!' when a better one was refused, the status line says why. */
    static const char *const texts[SOURCE_COUNT][SOURCE_COUNT][2] = {
        [SOURCE_NONE] = {[SOURCE_NONE] = {"none", "none!"}, [SOURCE_STATSFD] = {"fd", "fd!"},
                         [SOURCE_DEBUGFS] = {"dbg", "dbg!"}, [SOURCE_PROC] = {"proc", "proc!"}},
        [SOURCE_STATSFD] = {[SOURCE_NONE] = {"fd", "fd!"}, [SOURCE_STATSFD] = {"fd", "fd!"},
                            [SOURCE_DEBUGFS] = {"fd+dbg", "fd+dbg!"}, [SOURCE_PROC] = {"fd", "fd!"}},
        [SOURCE_DEBUGFS] = {[SOURCE_NONE] = {"dbg", "dbg!"}, [SOURCE_STATSFD] = {"fd+dbg", "fd+dbg!"},
                            [SOURCE_DEBUGFS] = {"dbg", "dbg!"}, [SOURCE_PROC] = {"dbg", "dbg!"}},
        [SOURCE_PROC] = {[SOURCE_NONE] = {"proc", "proc!"}, [SOURCE_STATSFD] = {"fd", "fd!"},
                         [SOURCE_DEBUGFS] = {"dbg", "dbg!"}, [SOURCE_PROC] = {"proc", "proc!"}},
    };
    UNUSED(column, fields);
    if (vcpu)
        return nothing;
    return value_text(texts[vm->vm_source][vm->vcpu_source][vm->vm_cause || vm->vcpu_cause]);
}

#define RATE_COLUMN ALIGN_RIGHT, COLUMN_COUNT_PER_S

const struct column column_table[COLUMN_COUNT] = {
    [COLUMN_PID] = {"pid", "PID", "-", "process of the VM; in vCPU rows the thread", 7, 7, ALIGN_RIGHT,
                    COLUMN_INTEGER, 90, false, false, {NULL}, get_pid},
    [COLUMN_FD] = {"fd", "FD", "-", "descriptor of the VM in its process", 4, 4, ALIGN_RIGHT,
                   COLUMN_INTEGER, 5, true, false, {NULL}, get_fd},
    [COLUMN_NAME] = {"name", "NAME", "-", "name the VMM was given, or its command name", 12, 32,
                     ALIGN_LEFT, COLUMN_TEXT, 100, false, false, {NULL}, get_name},
    [COLUMN_VMM] = {"vmm", "VMM", "-", "kind of VMM", 6, 16, ALIGN_LEFT, COLUMN_TEXT, 35, false, false,
                    {NULL}, get_vmm},
    [COLUMN_VCPUS] = {"vcpus", "vCPU", "-", "virtual CPUs", 4, 4, ALIGN_RIGHT, COLUMN_INTEGER, 60, false,
                      true, {NULL}, get_vcpus},
    [COLUMN_CPU] = {"cpu", "CPU%", "% of one CPU", "utime + stime of the process, /proc/PID/stat; of vCPUs: "
                    "their threads' schedstat", 6, 6, ALIGN_RIGHT, COLUMN_PERCENT, 95, false, true,
                    {NULL}, get_cpu},
    [COLUMN_WAIT] = {"wait", "WAIT%", "% of one CPU", "time vCPU threads were ready but had no CPU, schedstat", 6,
                     6, ALIGN_RIGHT, COLUMN_PERCENT, 70, false, true, {NULL}, get_wait},
    [COLUMN_EXITS] = {"exits", "EXITS/s", "per second", "KVM counter exits", 7, 7, RATE_COLUMN, 85, false,
                      true, {"exits", NULL}, get_field},
    [COLUMN_TREND] = {"trend", "TREND", "-", "EXITS/s of the last refreshes", 8, 24, ALIGN_LEFT,
                      COLUMN_GRAPH, 53, false, true, {"exits", NULL}, get_field},
    [COLUMN_IO] = {"io", "IO/s", "per second", "KVM counter io_exits", 6, 6, RATE_COLUMN, 48, false,
                   true, {"io_exits", NULL}, get_field},
    [COLUMN_MMIO] = {"mmio", "MMIO/s", "per second", "KVM counter mmio_exits; arm64: mmio_exit_user", 6, 6,
                     RATE_COLUMN, 46, false, true, {"mmio_exits", "mmio_exit_user", NULL}, get_field},
    [COLUMN_HALT] = {"halt", "HALT/s", "per second", "KVM counter halt_exits; arm64: wfi_exit_stat", 6, 6,
                     RATE_COLUMN, 44, false, true, {"halt_exits", "wfi_exit_stat", NULL}, get_field},
    [COLUMN_IRQ] = {"irq", "IRQ/s", "per second", "KVM counter irq_injections", 6, 6, RATE_COLUMN, 42, false,
                    true, {"irq_injections", NULL}, get_field},
    [COLUMN_PF_FIXED] = {"pf_fixed", "PF_FIX/s", "per second", "KVM counter pf_fixed", 8, 8, RATE_COLUMN,
                         40, false, true, {"pf_fixed", NULL}, get_field},
    [COLUMN_RAM] = {"ram", "RAM", "bytes", "guest RAM mapped by the VMM", 6, 6, ALIGN_RIGHT, COLUMN_BYTES,
                    65, false, true, {NULL}, get_ram},
    [COLUMN_RSS] = {"rss", "RSS", "bytes", "resident memory of the process, /proc/PID/statm", 6, 6,
                    ALIGN_RIGHT, COLUMN_BYTES, 51, false, true, {NULL}, get_rss},
    [COLUMN_MAPPED] = {"mapped", "MAPPED", "bytes", "what KVM has mapped for the guest: pages_4k, "
                       "pages_2m, pages_1g", 6, 6, ALIGN_RIGHT, COLUMN_BYTES, 38, false, true,
                       {NULL}, get_mapped},
    [COLUMN_ZERO] = {"zero", "ZERO%", "% of guest RAM", "zero pages found by the last scan (m); ~ when estimated", 6,
                     6, ALIGN_RIGHT, COLUMN_ZERO_SHARE, 54, false, true, {NULL}, get_zero},
    [COLUMN_SOURCE] = {"source", "SRC", "-", "where the counters come from: fd (binary stats), dbg (debugfs); "
                       "! when some are missing", 7, 7, ALIGN_LEFT, COLUMN_TEXT, 55, false, false,
                       {NULL}, get_source},
};

int column_find(const char *name)
{
    for (int i = 0; i < COLUMN_COUNT; i++)
        if (strcmp(column_table[i].name, name) == 0)
            return i;
    return -ENOENT;
}

void column_fields_resolve(const struct snapshot *s, const struct scans *scans,
                           struct column_fields *ret)
{
    ret->scans = scans;
    for (int c = 0; c < COLUMN_COUNT; c++) {
        ret->index[c] = -1;
        for (size_t n = 0; n < 3 && column_table[c].fields[n] && ret->index[c] < 0; n++)
            for (size_t f = 0; f < s->field_count && ret->index[c] < 0; f++)
                if (strcmp(s->fields->fields[f].name, column_table[c].fields[n]) == 0)
                    ret->index[c] = (int)f;
    }
}

struct column_value column_get(enum column_id id, const struct column_fields *fields,
                               const struct snapshot_vm *vm, const struct snapshot_vcpu *vcpu)
{
    const struct column *column = &column_table[id];

    return column->get(column, vm, vcpu, fields);
}

static enum style value_style(enum column_id id, const struct column_value *value)
{
    if (id == COLUMN_NAME)
        return STYLE_STRONG;
    if (id == COLUMN_WAIT && value->number >= 0.05)
        return value->number >= 0.20 ? STYLE_WARNING : STYLE_NOTICE;
    if (id == COLUMN_SOURCE && strchr(value->text, '!'))
        return STYLE_NOTICE;
    if (column_table[id].kind != COLUMN_TEXT && value->number == 0)
        return STYLE_DIM;
    return STYLE_NORMAL;
}

void column_draw(enum column_id id, const struct column_value *value, struct screen *out,
                 struct rect clip, int y, int x, int width, enum style style)
{
    const struct column *column = &column_table[id];
    char buf[FORMAT_MAX];
    const char *text = buf;
    bool ok = value->state == READING_OK;

    if (value->blank)
        return;
    if (value->state == READING_ABSENT)
        text = screen_glyph(out, GLYPH_NOTHING);
    else if (!ok)
        text = reading_state_text(value->state);
    else if (column->kind == COLUMN_TEXT)
        text = value->text;
    else if (column->kind == COLUMN_INTEGER)
        snprintf(buf, sizeof(buf), "%.0f", value->number);
    else if (column->kind == COLUMN_BYTES)
        format_bytes(buf, value->number);
    else if (column->kind == COLUMN_ZERO_SHARE)
        snprintf(buf, sizeof(buf), "%s%.1f", value->text, floor(value->number * 1000) / 10);
    else if (column->kind == COLUMN_PERCENT)
        format_percent(buf, value->number);
    else
        format_count(buf, value->number);
    if (style == STYLE_NORMAL)
        style = ok ? value_style(id, value)
                   : value->state == READING_ABSENT ? STYLE_DIM : STYLE_MISSING;
    screen_field(out, clip, y, x, width, column->align, style, text);
}

void column_choice_default(struct column_choice *ret)
{
    *ret = (struct column_choice){.count = 0};
    for (int i = 0; i < COLUMN_COUNT; i++)
        if (!column_table[i].hidden)
            ret->ids[ret->count++] = (enum column_id)i;
}

static int total_width(const struct column_plan *plan)
{
    int sum = 0;

    for (size_t i = 0; i < plan->count; i++)
        sum += plan->slots[i].width + (i > 0);
    return sum;
}

static void plan_remove(struct column_plan *plan, size_t at)
{
    plan->count--;
    memmove(&plan->slots[at], &plan->slots[at + 1], (plan->count - at) * sizeof(plan->slots[0]));
}

/* Room to spare goes to the columns that can use it, the name first. */
static void widen(const struct column_choice *choice, struct column_plan *plan, int spare)
{
    static const enum column_id order[] = {COLUMN_NAME, COLUMN_VMM, COLUMN_TREND};

    for (size_t o = 0; o < sizeof(order) / sizeof(order[0]); o++)
        for (size_t i = 0; i < plan->count && spare > 0; i++) {
            struct column_slot *slot = &plan->slots[i];
            int more = column_table[slot->id].width_max - slot->width;
            if (slot->id != order[o] || choice->width[slot->id])
                continue;
            more = more < spare ? more : spare;
            slot->width += more;
            spare -= more;
        }
}

void columns_plan(const struct column_choice *choice, int cols, int shift, struct column_plan *ret)
{
    *ret = (struct column_plan){0};
    for (size_t i = 0, skip = (size_t)shift; i < choice->count; i++) {
        enum column_id id = choice->ids[i];
        if (skip > 0 && id != COLUMN_NAME && id != COLUMN_PID) {
            skip--;
            ret->more_left = true;
            continue;
        }
        ret->slots[ret->count++] = (struct column_slot){
            .id = id, .width = choice->width[id] ? choice->width[id] : column_table[id].width};
    }
    while (ret->count > 1 && total_width(ret) > cols) {
        size_t least = ret->count - 1;
        for (size_t i = 0; shift == 0 && i < ret->count; i++)
            if (column_table[ret->slots[i].id].keep < column_table[ret->slots[least].id].keep)
                least = i;
        plan_remove(ret, least);
        ret->more_right = true;
    }
    widen(choice, ret, cols - total_width(ret));
    for (size_t i = 0, x = 0; i < ret->count; i++) {
        ret->slots[i].x = (int)x;
        x += (size_t)ret->slots[i].width + 1;
    }
}
