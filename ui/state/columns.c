// SPDX-License-Identifier: MIT
#include "ui/state/columns.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ui/grid/format.h"

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

static struct column_value value_rate(struct figure r)
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
    const struct scan_reports_entry *e = scan_reports_find(fields->scans, &vm->id);
    if (e && e->zero_ratio >= 0)
        return (struct column_value){
            .number = e->zero_ratio, .text = e->zero_exact ? "" : "~", .state = READING_OK};
    return (struct column_value){.state = e && e->running ? READING_WARMUP : READING_ABSENT};
}

GETTER(get_source)
{
    /* When a better one was refused, so that numbers are missing; the status line says why. */
    bool refused = vm->vm_cause || vm->vcpu_cause;

    (void)column;
    if (vcpu)
        return nothing;
    return value_text(fields->sources[refused][vm->vm_source][vm->vcpu_source]);
}

/* clang-format off */
const struct column column_table[COLUMN_COUNT] = {
    [COLUMN_PID] = {.name = "pid", .title = "PID", .unit = "-",
        .origin = "process of the VM; in vCPU rows the thread",
        .width = 7, .width_max = 7, .keep = 90, .align = ALIGN_RIGHT, .kind = COLUMN_INTEGER,
        .get = get_pid},
    [COLUMN_FD] = {.name = "fd", .title = "FD", .unit = "-",
        .origin = "descriptor of the VM in its process",
        .width = 4, .width_max = 4, .keep = 5, .align = ALIGN_RIGHT, .kind = COLUMN_INTEGER,
        .hidden = true, .get = get_fd},
    [COLUMN_NAME] = {.name = "name", .title = "NAME", .unit = "-",
        .origin = "name the VMM was given, or its command name",
        .width = 12, .width_max = 32, .keep = 100, .align = ALIGN_LEFT, .kind = COLUMN_TEXT,
        .get = get_name},
    [COLUMN_VMM] = {.name = "vmm", .title = "VMM", .unit = "-",
        .origin = "kind of VMM",
        .width = 6, .width_max = 16, .keep = 35, .align = ALIGN_LEFT, .kind = COLUMN_TEXT,
        .get = get_vmm},
    [COLUMN_VCPUS] = {.name = "vcpus", .title = "vCPU", .unit = "-",
        .origin = "virtual CPUs",
        .width = 4, .width_max = 4, .keep = 60, .align = ALIGN_RIGHT, .kind = COLUMN_INTEGER,
        .descending = true, .get = get_vcpus},
    [COLUMN_CPU] = {.name = "cpu", .title = "CPU%", .unit = "% of one CPU",
        .origin = "CPU clock of the process; of vCPUs: their threads' "
                  "schedstat",
        .width = 6, .width_max = 6, .keep = 95, .align = ALIGN_RIGHT, .kind = COLUMN_PERCENT,
        .descending = true, .get = get_cpu},
    [COLUMN_WAIT] = {.name = "wait", .title = "WAIT%", .unit = "% of one CPU",
        .origin = "time vCPU threads were ready but had no CPU, schedstat",
        .width = 6, .width_max = 6, .keep = 70, .align = ALIGN_RIGHT, .kind = COLUMN_PERCENT,
        .descending = true, .get = get_wait},
    [COLUMN_EXITS] = {.name = "exits", .title = "EXITS/s", .unit = "per second",
        .origin = "KVM counter exits",
        .width = 7, .width_max = 7, .keep = 85, .align = ALIGN_RIGHT, .kind = COLUMN_COUNT_PER_S,
        .descending = true, .fields = {"exits"}, .get = get_field},
    [COLUMN_TREND] = {.name = "trend", .title = "TREND", .unit = "-",
        .origin = "EXITS/s of the last refreshes",
        .width = 8, .width_max = 24, .keep = 53, .align = ALIGN_LEFT, .kind = COLUMN_GRAPH,
        .descending = true, .fields = {"exits"}, .get = get_field},
    [COLUMN_IO] = {.name = "io", .title = "IO/s", .unit = "per second",
        .origin = "KVM counter io_exits",
        .width = 6, .width_max = 6, .keep = 48, .align = ALIGN_RIGHT, .kind = COLUMN_COUNT_PER_S,
        .descending = true, .fields = {"io_exits"}, .get = get_field},
    [COLUMN_MMIO] = {.name = "mmio", .title = "MMIO/s", .unit = "per second",
        .origin = "KVM counter mmio_exits; arm64: mmio_exit_user",
        .width = 6, .width_max = 6, .keep = 46, .align = ALIGN_RIGHT, .kind = COLUMN_COUNT_PER_S,
        .descending = true, .fields = {"mmio_exits", "mmio_exit_user"}, .get = get_field},
    [COLUMN_HALT] = {.name = "halt", .title = "HALT/s", .unit = "per second",
        .origin = "KVM counter halt_exits; arm64: wfi_exit_stat",
        .width = 6, .width_max = 6, .keep = 44, .align = ALIGN_RIGHT, .kind = COLUMN_COUNT_PER_S,
        .descending = true, .fields = {"halt_exits", "wfi_exit_stat"}, .get = get_field},
    [COLUMN_IRQ] = {.name = "irq", .title = "IRQ/s", .unit = "per second",
        .origin = "KVM counter irq_injections",
        .width = 6, .width_max = 6, .keep = 42, .align = ALIGN_RIGHT, .kind = COLUMN_COUNT_PER_S,
        .descending = true, .fields = {"irq_injections"}, .get = get_field},
    [COLUMN_PF_FIXED] = {.name = "pf_fixed", .title = "PF_FIX/s", .unit = "per second",
        .origin = "KVM counter pf_fixed",
        .width = 8, .width_max = 8, .keep = 40, .align = ALIGN_RIGHT, .kind = COLUMN_COUNT_PER_S,
        .descending = true, .fields = {"pf_fixed"}, .get = get_field},
    [COLUMN_RAM] = {.name = "ram", .title = "RAM", .unit = "bytes",
        .origin = "guest RAM mapped by the VMM",
        .width = 6, .width_max = 6, .keep = 65, .align = ALIGN_RIGHT, .kind = COLUMN_BYTES,
        .descending = true, .get = get_ram},
    [COLUMN_RSS] = {.name = "rss", .title = "RSS", .unit = "bytes",
        .origin = "resident memory of the process, VmRSS of /proc/PID/status",
        .width = 6, .width_max = 6, .keep = 51, .align = ALIGN_RIGHT, .kind = COLUMN_BYTES,
        .descending = true, .get = get_rss},
    [COLUMN_MAPPED] = {.name = "mapped", .title = "MAPPED", .unit = "bytes",
        .origin = "what KVM has mapped for the guest: pages_4k, pages_2m, pages_1g",
        .width = 6, .width_max = 6, .keep = 38, .align = ALIGN_RIGHT, .kind = COLUMN_BYTES,
        .descending = true, .get = get_mapped},
    [COLUMN_ZERO] = {.name = "zero", .title = "ZERO%", .unit = "% of guest RAM",
        .origin = "zero pages found by the last scan (m); ~ when estimated",
        .width = 6, .width_max = 6, .keep = 54, .align = ALIGN_RIGHT, .kind = COLUMN_ZERO_SHARE,
        .descending = true, .get = get_zero},
    [COLUMN_SOURCE] = {.name = "source", .title = "SRC", .unit = "-",
        .origin = "where the counters come from: fd (binary stats), dbg (debugfs); ! when "
                  "some are missing",
        .width = 7, .width_max = 7, .keep = 55, .align = ALIGN_LEFT, .kind = COLUMN_TEXT,
        .get = get_source},
};
/* clang-format on */

int column_find(const char *name)
{
    for (int i = 0; i < COLUMN_COUNT; i++)
        if (strcmp(column_table[i].name, name) == 0)
            return i;
    return -ENOENT;
}

void column_fields_resolve(const struct snapshot *s, const struct scan_reports *scans,
                           struct column_fields *ret)
{
    ret->scans = scans;
    for (int vm = 0; vm < SOURCE_COUNT; vm++)
        for (int vcpu = 0; vcpu < SOURCE_COUNT; vcpu++) {
            char *text = ret->sources[false][vm][vcpu];
            source_pair_text((enum reading_source)vm, (enum reading_source)vcpu, text);
            snprintf(ret->sources[true][vm][vcpu], COLUMN_SOURCE_MAX, "%s!", text);
        }
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

enum column_id column_choice_row(const struct column_choice *choice, size_t row, bool *ret_chosen)
{
    *ret_chosen = row < choice->count;
    if (*ret_chosen)
        return choice->ids[row];
    size_t rest = row - choice->count;
    for (int id = 0; id < COLUMN_COUNT; id++) {
        bool chosen = false;
        for (size_t i = 0; i < choice->count; i++)
            chosen |= choice->ids[i] == (enum column_id)id;
        if (!chosen && rest-- == 0)
            return (enum column_id)id;
    }
    return COLUMN_NAME; /* not reached for row < COLUMN_COUNT */
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
