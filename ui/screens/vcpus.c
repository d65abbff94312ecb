// SPDX-License-Identifier: MIT
// The vCPUs of one VM.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ui/grid/format.h"
#include "ui/screens/object.h"

/* Share of a CPU that only a vCPU that runs its guest takes. */
#define RUNNING_CPU_RATIO 0.01

/* The usual ones of a VM: what most of its vCPUs have. */
struct usual {
    const struct snapshot_vcpu *offset, *scaling; /* NULL: not known of any */
};

enum {
    V_ID, V_TID, V_CPU, V_WAIT, V_EXITS, V_HALT, V_STATE, V_TSC, V_SCALE, V_LAPIC,
    V_HOST_CPU, V_POLL, V_COUNT
};

static const struct {
    const char *title;
    int width;
    enum align align;
} vcpu_table[V_COUNT] = {
    [V_ID] = {"vCPU", 4, ALIGN_RIGHT},        [V_TID] = {"TID", 7, ALIGN_RIGHT},
    [V_CPU] = {"CPU%", 6, ALIGN_RIGHT},       [V_WAIT] = {"WAIT%", 6, ALIGN_RIGHT},
    [V_EXITS] = {"EXITS/s", 7, ALIGN_RIGHT},  [V_HALT] = {"HALT/s", 6, ALIGN_RIGHT},
    [V_STATE] = {"STATE", 10, ALIGN_LEFT},    [V_TSC] = {"TSC-OFFSET", 20, ALIGN_RIGHT},
    [V_SCALE] = {"TSC-SCALE", 11, ALIGN_RIGHT}, [V_LAPIC] = {"LAPIC-ADV", 9, ALIGN_RIGHT},
    [V_HOST_CPU] = {"ON-CPU", 6, ALIGN_RIGHT}, [V_POLL] = {"HALT-POLL", 9, ALIGN_RIGHT},
};

static bool has_value(const struct snapshot_vcpu *vcpu, enum vcpu_gauge g, uint64_t raw)
{
    return vcpu->gauges[g].state == READING_OK && vcpu->gauges[g].raw == raw;
}

/*
 * The first vCPU with the value of this gauge that more than half of those known have; where no
 * value is so common, the first that is known; NULL: none is. By Boyer and Moore's vote: a value
 * with more votes than all others together is left over at the end.
 */
static const struct snapshot_vcpu *usual_vcpu(const struct snapshot_vm *vm, enum vcpu_gauge g)
{
    const struct snapshot_vcpu *first = NULL, *left = NULL, *usual = NULL;
    size_t known = 0, same = 0;
    long votes = 0;

    for (size_t i = 0; i < vm->vcpu_count; i++) {
        const struct snapshot_vcpu *vcpu = &vm->vcpus[i];
        if (vcpu->gauges[g].state != READING_OK)
            continue;
        first = known++ == 0 ? vcpu : first;
        left = votes == 0 ? vcpu : left;
        votes += has_value(vcpu, g, left->gauges[g].raw) ? 1 : -1;
    }
    for (size_t i = 0; i < vm->vcpu_count && left != NULL; i++)
        if (has_value(&vm->vcpus[i], g, left->gauges[g].raw))
            usual = same++ == 0 ? &vm->vcpus[i] : usual;
    return 2 * same > known ? usual : first;
}

/* Does this gauge of the vCPU differ from that of @usual? Never when one of them is not known. */
static bool differs(const struct snapshot_vcpu *usual, const struct snapshot_vcpu *vcpu,
                    enum vcpu_gauge g)
{
    return usual != NULL && vcpu->gauges[g].state == READING_OK &&
           !has_value(vcpu, g, usual->gauges[g].raw);
}

/*
 * Has it run since the sample before? Only in KVM_RUN are there exits. A guest on a CPU without a
 * tick may have none, but then it takes CPU time; that of a paused one, whose VMM asks its threads
 * something now and then, is some microseconds.
 */
static bool has_run(const struct snapshot *s, const struct snapshot_vcpu *vcpu)
{
    struct figure exits = snapshot_vcpu_value(s, vcpu, "exits").rate, cpu = vcpu->cpu_ratio;

    return (exits.state == READING_OK && exits.value > 0) ||
           (cpu.state == READING_OK && cpu.value >= RUNNING_CPU_RATIO);
}

/* A vCPU that does not block may as well be paused, or wait for a migration: its thread then sleeps
 * outside of KVM. */
static const char *vcpu_state(const struct snapshot *s, const struct snapshot_vcpu *vcpu)
{
    struct reading blocking = snapshot_vcpu_value(s, vcpu, "blocking").reading;
    struct reading nested = vcpu->gauges[VCPU_GUEST_MODE], waits = vcpu->gauges[VCPU_PREEMPTED];

    if (waits.state == READING_OK && waits.raw)
        return "preempted";
    if (nested.state == READING_OK && nested.raw)
        return "nested";
    if (blocking.state == READING_OK)
        return blocking.raw ? "halted" : has_run(s, vcpu) ? "running" : "not halted";
    return NULL;
}

static void draw_text(struct rect r, int y, int *x, int c, enum style style, const char *text,
                      struct screen *out)
{
    if (*x + vcpu_table[c].width <= r.x + r.cols) /* a column shows whole or not at all */
        screen_field(out, r, y, *x, vcpu_table[c].width, vcpu_table[c].align, style, text);
    *x += vcpu_table[c].width + 1;
}

static void draw_gauge(const struct reading *g, const char *text, bool differs_from_others,
                       struct rect r, int y, int *x, int c, enum style style, struct screen *out)
{
    char marked[64];

    if (g->state == READING_ABSENT)
        text = screen_glyph(out, GLYPH_NOTHING);
    else if (g->state != READING_OK)
        text = reading_state_text(g->state);
    if (differs_from_others) {
        snprintf(marked, sizeof(marked), "! %s", text);
        text = marked;
    }
    if (style == STYLE_NORMAL)
        style = differs_from_others ? STYLE_WARNING
                : g->state == READING_OK ? STYLE_NORMAL
                : g->state == READING_ABSENT ? STYLE_DIM : STYLE_MISSING;
    draw_text(r, y, x, c, style, text, out);
}

static void draw_vcpu(const struct snapshot *s, const struct column_fields *fields,
                      const struct snapshot_vm *vm, const struct usual *usual,
                      const struct snapshot_vcpu *vcpu, bool through_bpf, struct rect r, int y,
                      enum style style, struct screen *out)
{
    static const struct {
        enum column_id column;
        int cell;
    } numbers[] = {{COLUMN_PID, V_TID}, {COLUMN_CPU, V_CPU}, {COLUMN_WAIT, V_WAIT},
                   {COLUMN_EXITS, V_EXITS}, {COLUMN_HALT, V_HALT}};
    const struct reading *g = vcpu->gauges;
    const char *state = vcpu_state(s, vcpu);
    char text[64], span[FORMAT_MAX];
    int x = r.x;

    snprintf(text, sizeof(text), "%d", vcpu->id);
    draw_text(r, y, &x, V_ID, style, text, out);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct column_value v = column_get(numbers[i].column, fields, vm, vcpu);
        int width = vcpu_table[numbers[i].cell].width;
        if (x + width <= r.x + r.cols)
            column_draw(numbers[i].column, &v, out, r, y, x, width, style);
        x += width + 1;
    }
    draw_text(r, y, &x, V_STATE, style, state != NULL ? state : screen_glyph(out, GLYPH_NOTHING),
              out);
    snprintf(text, sizeof(text), "%" PRId64, (int64_t)g[VCPU_TSC_OFFSET].raw);
    draw_gauge(&g[VCPU_TSC_OFFSET], text, differs(usual->offset, vcpu, VCPU_TSC_OFFSET), r, y,
               &x, V_TSC, style, out);
    struct figure scaling = snapshot_tsc_scaling(vcpu);
    struct reading scaling_state = {.state = scaling.state, .cause = scaling.cause};
    snprintf(text, sizeof(text), "%.6f", scaling.value);
    draw_gauge(&scaling_state, text, differs(usual->scaling, vcpu, VCPU_TSC_SCALING_RATIO), r, y,
               &x, V_SCALE, style, out);
    draw_gauge(&g[VCPU_LAPIC_TIMER_ADVANCE_NS],
               format_seconds(span, (double)g[VCPU_LAPIC_TIMER_ADVANCE_NS].raw / 1e9), false, r, y,
               &x, V_LAPIC, style, out);
    if (!through_bpf)
        return;
    snprintf(text, sizeof(text), "%" PRIu64, g[VCPU_HOST_CPU].raw);
    draw_gauge(&g[VCPU_HOST_CPU], text, false, r, y, &x, V_HOST_CPU, style, out);
    draw_gauge(&g[VCPU_HALT_POLL_WINDOW_NS],
               format_seconds(span, (double)g[VCPU_HALT_POLL_WINDOW_NS].raw / 1e9), false, r, y, &x,
               V_POLL, style, out);
}

/* One line about the whole: whether the clocks of the vCPUs agree. */
static void draw_tsc_summary(const struct snapshot_vm *vm, const struct usual *usual, struct rect r,
                             struct screen *out)
{
    size_t different = 0, known = 0;

    for (size_t i = 0; i < vm->vcpu_count; i++) {
        known += vm->vcpus[i].gauges[VCPU_TSC_OFFSET].state == READING_OK;
        different += differs(usual->offset, &vm->vcpus[i], VCPU_TSC_OFFSET);
    }
    if (different > 0)
        screen_printf(out, r, r.y, r.x, STYLE_WARNING,
                      "%zu of %zu vCPUs %s a different tsc-offset from vCPU %d: the guest's clocks "
                      "may disagree.",
                      different, vm->vcpu_count, different == 1 ? "has" : "have",
                      usual->offset->id);
    else if (known == vm->vcpu_count && known > 1)
        screen_printf(out, r, r.y, r.x, STYLE_NOTICE, "All %zu vCPUs have the same tsc-offset.",
                      known);
    else if (known < vm->vcpu_count)
        screen_printf(out, r, r.y, r.x, STYLE_NOTICE,
                      "The tsc-offset is known for %zu of %zu vCPUs%s%s.", known, vm->vcpu_count,
                      vm->vcpu_cause ? ": " : "", reading_cause_text(vm->vcpu_cause));
}

/* The last columns are there where BPF fills them. */
static bool has_any_through_bpf(const struct snapshot_vm *vm)
{
    for (size_t i = 0; i < vm->vcpu_count; i++)
        if (vm->vcpus[i].gauges[VCPU_HALT_POLL_WINDOW_NS].state == READING_OK)
            return true;
    return false;
}

static void draw(const struct ui_model *m, const struct ui_state *st, const struct layout *l,
                 struct screen *out)
{
    const struct snapshot_vm *vm = detail_vm(st, m);
    const struct scroll *scroll = &st->detail.tabs[SCREEN_VCPUS].scroll;
    const struct rect r = l->body;
    struct column_fields fields;
    struct rect rows = {r.y + 1, r.x, (int)counters_page(st), r.cols};
    int x = r.x;

    screen_fill(out, (struct rect){r.y, r.x, 1, r.cols}, STYLE_TITLE);
    const bool through_bpf = vm != NULL && has_any_through_bpf(vm);
    for (int c = 0; c < (through_bpf ? V_COUNT : V_HOST_CPU); c++)
        draw_text(r, r.y, &x, c, STYLE_TITLE, vcpu_table[c].title, out);
    if (vm == NULL)
        return;
    const struct usual usual = {usual_vcpu(vm, VCPU_TSC_OFFSET),
                                usual_vcpu(vm, VCPU_TSC_SCALING_RATIO)};
    column_fields_resolve(m->detail, m->scans, &fields);
    rows = rect_clip(rows, r);
    for (int i = 0; i < rows.rows && scroll->top + (size_t)i < vm->vcpu_count; i++) {
        size_t index = scroll->top + (size_t)i;
        bool selected = index == scroll->row;
        if (selected)
            screen_fill(out, (struct rect){rows.y + i, r.x, 1, r.cols}, STYLE_SELECTED);
        draw_vcpu(m->detail, &fields, vm, &usual, &vm->vcpus[index], through_bpf, rows, rows.y + i,
                  selected ? STYLE_SELECTED : STYLE_NORMAL, out);
    }
    if (vm->vcpu_count == 0)
        screen_text(out, rows, rows.y, rows.x + 2, STYLE_NOTICE, "No vCPU of this VM is known.");
    else if (rows.y + rows.rows < r.y + r.rows)
        draw_tsc_summary(vm, &usual, (struct rect){rows.y + rows.rows, r.x, 1, r.cols}, out);
}

static int follow(struct ui_state *state, const struct ui_model *model)
{
    const struct snapshot_vm *vm = detail_vm(state, model);

    if (vm != NULL)
        scroll_fit(&state->detail.tabs[SCREEN_VCPUS].scroll, vm->vcpu_count, counters_page(state));
    return 0;
}

static enum ui_action command(struct ui_state *state, const struct ui_model *model,
                              enum ui_command command)
{
    const struct snapshot_vm *vm = detail_vm(state, model);

    if (vm != NULL)
        scroll_command(&state->detail.tabs[SCREEN_VCPUS].scroll, command, vm->vcpu_count,
                       counters_page(state));
    return UI_NOTHING;
}

static enum ui_action click(struct ui_state *state, const struct ui_model *model,
                            const struct layout *l, struct ui_key key)
{
    const struct snapshot_vm *vm = detail_vm(state, model);
    struct scroll *scroll = &state->detail.tabs[SCREEN_VCPUS].scroll;
    int line = key.y - l->body.y - 1;

    if (vm == NULL || line < 0 || (size_t)line >= counters_page(state))
        return UI_NOTHING;
    if (scroll->top + (size_t)line < vm->vcpu_count)
        scroll->row = scroll->top + (size_t)line;
    return UI_NOTHING;
}

const struct screen_object vcpus_screen = {
    .draw = draw,
    .follow = follow,
    .command = command,
    .click = click,
};
