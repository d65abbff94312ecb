// SPDX-License-Identifier: MIT
// The vCPUs of one VM.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ui/grid/format.h"
#include "ui/screens/object.h"
#include "ui/screens/roles_line.h"
#include "ui/state/vcpus.h"

/* The usual ones of a VM: what most of its vCPUs have. */
struct usual {
    const struct snapshot_vcpu *offset, *scaling; /* NULL: not known of any */
};

/* The first are those that they can be sorted by. */
enum {
    V_ID = VCPUS_BY_ID,
    V_TID = VCPUS_BY_TID,
    V_CPU = VCPUS_BY_CPU,
    V_WAIT = VCPUS_BY_WAIT,
    V_EXITS = VCPUS_BY_EXITS,
    V_HALT = VCPUS_BY_HALT,
    V_STATE = VCPUS_BY_STATE,
    V_TSC = VCPUS_BY_TSC,
    V_SCALE = VCPUS_ORDER_COUNT,
    V_LAPIC,
    V_HOST_CPU,
    V_POLL,
    V_AFFINITY,
    V_GUEST,
    V_HOST,
    V_COUNT
};

static const struct {
    const char *title;
    int width;
    enum align align;
} vcpu_table[V_COUNT] = {
    [V_ID] = {"vCPU", 5, ALIGN_RIGHT},          [V_TID] = {"TID", 7, ALIGN_RIGHT},
    [V_CPU] = {"CPU%", 6, ALIGN_RIGHT},         [V_WAIT] = {"RDY%", 7, ALIGN_RIGHT},
    [V_EXITS] = {"EXITS/s", 7, ALIGN_RIGHT},    [V_HALT] = {"HALT/s", 6, ALIGN_RIGHT},
    [V_STATE] = {"STATE", 10, ALIGN_LEFT},      [V_TSC] = {"TSC-OFFSET", 20, ALIGN_RIGHT},
    [V_SCALE] = {"TSC-SCALE", 11, ALIGN_RIGHT}, [V_LAPIC] = {"LAPIC-ADV", 9, ALIGN_RIGHT},
    [V_HOST_CPU] = {"ON-CPU", 6, ALIGN_RIGHT},  [V_POLL] = {"HALT-POLL", 9, ALIGN_RIGHT},
    [V_AFFINITY] = {"AFFINITY", 9, ALIGN_LEFT}, [V_GUEST] = {"GUEST%", 6, ALIGN_RIGHT},
    [V_HOST] = {"HOST%", 6, ALIGN_RIGHT},
};

/* As they stand. */
static const unsigned char vcpu_shown[V_COUNT] = {V_ID,   V_TID,   V_CPU,      V_WAIT,     V_EXITS,
                                                  V_HALT, V_STATE, V_HOST_CPU, V_AFFINITY, V_GUEST,
                                                  V_HOST, V_TSC,   V_SCALE,    V_LAPIC,    V_POLL};

/* Where a vCPU runs and may run, and its time in the guest, from so many columns on: with fewer
 * they would take the place of its clock. */
#define LOAD_FROM_COLS 108

static bool is_load(int c)
{
    return c == V_HOST_CPU || c == V_AFFINITY || c == V_GUEST || c == V_HOST;
}

static bool is_shown(int c, int cols, bool through_bpf)
{
    return c == V_POLL ? through_bpf : !is_load(c) || cols >= LOAD_FROM_COLS;
}

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

static void draw_load(const struct column_fields *fields, const struct snapshot_vm *vm,
                      const struct snapshot_vcpu *vcpu, struct rect r, int y, int *x,
                      enum style style, struct screen *out)
{
    static const struct {
        int cell;
        enum column_id column;
    } cells[] = {{V_HOST_CPU, COLUMN_ON_CPU},
                 {V_AFFINITY, COLUMN_AFFINITY},
                 {V_GUEST, COLUMN_GUEST},
                 {V_HOST, COLUMN_HOST}};

    for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]) && r.cols >= LOAD_FROM_COLS; i++) {
        struct column_value v = column_get(cells[i].column, fields, vm, vcpu);
        if (fields->is_over && v.state == READING_WARMUP)
            v.state = READING_ABSENT;
        const int width = vcpu_table[cells[i].cell].width;
        column_draw(cells[i].column, &v, out, r, y, *x, width, style);
        *x += width + 1;
    }
}

static void draw_vcpu(const struct snapshot *s, const struct column_fields *fields,
                      const struct snapshot_vm *vm, const struct usual *usual,
                      const struct snapshot_vcpu *vcpu, bool through_bpf, struct rect r, int y,
                      enum style style, struct screen *out)
{
    const struct reading *g = vcpu->gauges;
    const char *state = vcpus_state_text(s, vcpu);
    char text[64], span[FORMAT_MAX];
    int x = r.x;

    snprintf(text, sizeof(text), "%d", vcpu->id);
    draw_text(r, y, &x, V_ID, style, text, out);
    for (int c = V_TID; c <= V_HALT; c++) {
        enum column_id column = vcpus_column((enum vcpus_order)c);
        struct column_value v = column_get(column, fields, vm, vcpu);
        int width = vcpu_table[c].width;
        if (x + width <= r.x + r.cols)
            column_draw(column, &v, out, r, y, x, width, style);
        x += width + 1;
    }
    draw_text(r, y, &x, V_STATE, style, state != NULL ? state : screen_glyph(out, GLYPH_NOTHING),
              out);
    draw_load(fields, vm, vcpu, r, y, &x, style, out);
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

static void draw_titles(const struct vcpus_state *vs, bool through_bpf, struct rect r,
                        struct screen *out)
{
    const bool down = vcpus_descends(vs->order) != vs->inverted;
    int x = r.x;

    screen_fill(out, (struct rect){r.y, r.x, 1, r.cols}, STYLE_TITLE);
    for (int i = 0; i < V_COUNT; i++) {
        const int c = vcpu_shown[i];
        if (!is_shown(c, r.cols, through_bpf))
            continue;
        const bool is_sorted = c == (int)vs->order, right = vcpu_table[c].align == ALIGN_RIGHT;
        const char *mark = screen_glyph(out, down ? GLYPH_SORT_DOWN : GLYPH_SORT_UP);
        const char *title = vcpu_table[c].title;
        char text[40];
        /* The mark of a title without room beside it stands before that, in the gap. */
        const int more = is_sorted && right && (int)strlen(title) == vcpu_table[c].width;
        if (x + vcpu_table[c].width > r.x + r.cols)
            break;
        if (!is_sorted)
            mark = "";
        snprintf(text, sizeof(text), "%s%s%s", right ? mark : title, is_sorted && !right ? " " : "",
                 right ? title : mark);
        screen_field(out, r, r.y, x - more, vcpu_table[c].width + more, vcpu_table[c].align,
                     is_sorted ? STYLE_SORTED : STYLE_TITLE, text);
        x += vcpu_table[c].width + 1;
    }
}

static void draw(const struct ui_model *m, const struct ui_state *st, const struct layout *l,
                 struct screen *out)
{
    const struct snapshot_vm *vm = detail_vm(st, m);
    const struct vcpus_state *vs = &st->detail.vcpus;
    const struct vcpus_rows *order = &m->rows->vcpus;
    const struct rect r = l->body;
    struct column_fields fields;
    struct rect rows = {r.y + 1, r.x, (int)counters_page(st), r.cols};

    const bool through_bpf = vm != NULL && has_any_through_bpf(vm);
    draw_titles(vs, through_bpf, r, out);
    if (vm == NULL)
        return;
    const struct usual usual = {usual_vcpu(vm, VCPU_TSC_OFFSET),
                                usual_vcpu(vm, VCPU_TSC_SCALING_RATIO)};
    column_fields_resolve(m->detail, m->scans, &fields);
    fields.is_over = detail_is_over(st, st->screen);
    rows = rect_clip(rows, r);
    for (int i = 0; i < rows.rows && vs->scroll.top + (size_t)i < order->count; i++) {
        size_t index = vs->scroll.top + (size_t)i;
        bool selected = index == vs->scroll.row;
        if (selected)
            screen_fill(out, (struct rect){rows.y + i, r.x, 1, r.cols}, STYLE_SELECTED);
        draw_vcpu(m->detail, &fields, vm, &usual, &vm->vcpus[order->rows[index]], through_bpf, rows,
                  rows.y + i, selected ? STYLE_SELECTED : STYLE_NORMAL, out);
    }
    if (vm->vcpu_count == 0)
        screen_text(out, rows, rows.y, rows.x + 2, STYLE_NOTICE, "No vCPU of this VM is known.");
    else if (rows.y + rows.rows < r.y + r.rows)
        draw_tsc_summary(vm, &usual, (struct rect){rows.y + rows.rows, r.x, 1, r.cols}, out);
    const bool never_come =
        fields.is_over && vm->load.roles[VM_ROLE_EMULATOR].threads.cause == CAUSE_NOT_ASKED_FOR;
    if (rows.y + rows.rows + 1 < r.y + r.rows && !never_come)
        roles_line_draw(vm, (struct rect){rows.y + rows.rows + 1, r.x, 1, r.cols}, out);
}

static int follow(struct ui_state *state, const struct ui_model *model)
{
    const struct snapshot_vm *vm = detail_vm(state, model);
    struct vcpus_state *vs = &state->detail.vcpus;
    struct vcpus_rows *rows = &model->rows->vcpus;

    rows->count = 0;
    if (vm == NULL)
        return 0;
    int result = vcpus_collect(model->detail, model->scans, vm, vs, rows);
    for (size_t i = 0; i < rows->count && vs->has_selected; i++)
        if (vm->vcpus[rows->rows[i]].id == vs->selected)
            vs->scroll.row = i;
    if (!vs->has_selected)
        vs->scroll.row = 0;
    scroll_fit(&vs->scroll, rows->count, counters_page(state));
    return result;
}

static void select_row(struct vcpus_state *vs, const struct vcpus_rows *rows,
                       const struct snapshot_vm *vm, size_t row)
{
    vs->scroll.row = row;
    vs->has_selected = row < rows->count;
    if (vs->has_selected)
        vs->selected = vm->vcpus[rows->rows[row]].id;
}

/* The counters of the selected vCPU alone. */
static void open_selected(struct ui_state *state, const struct vcpus_rows *rows)
{
    if (rows->count == 0)
        return;
    state->detail.counters.vcpu = 1 + (int)rows->rows[state->detail.vcpus.scroll.row];
    state->detail.counters.selected = -1;
    state->screen = SCREEN_COUNTERS;
}

static enum ui_action command(struct ui_state *state, const struct ui_model *model,
                              enum ui_command command)
{
    const struct snapshot_vm *vm = detail_vm(state, model);
    struct vcpus_state *vs = &state->detail.vcpus;
    const struct vcpus_rows *rows = &model->rows->vcpus;

    if (vm == NULL)
        return UI_NOTHING;
    if (command == COMMAND_FIRST) {
        vs->has_selected = false;
        vs->scroll = (struct scroll){0};
        return UI_NOTHING;
    }
    if (scroll_command(&vs->scroll, command, rows->count, counters_page(state))) {
        select_row(vs, rows, vm, vs->scroll.row);
        return UI_NOTHING;
    }
    switch (command) {
    case COMMAND_CHOOSE:
        open_selected(state, rows);
        break;
    case COMMAND_SORT_NEXT:
        vcpus_sort_by(vs, (vs->order + 1) % VCPUS_ORDER_COUNT);
        break;
    case COMMAND_SORT_PREVIOUS:
        vcpus_sort_by(vs, (vs->order + VCPUS_ORDER_COUNT - 1) % VCPUS_ORDER_COUNT);
        break;
    case COMMAND_SORT_INVERT:
        vs->inverted = !vs->inverted;
        break;
    case COMMAND_SORT_CPU:
        vcpus_sort_by(vs, VCPUS_BY_CPU);
        break;
    case COMMAND_SORT_EXITS:
        vcpus_sort_by(vs, VCPUS_BY_EXITS);
        break;
    case COMMAND_SORT_PID:
        vcpus_sort_by(vs, VCPUS_BY_ID);
        break;
    default:
        break;
    }
    return UI_NOTHING;
}

/* A column's title sorts by it. */
static void click_title(struct vcpus_state *vs, struct rect r, int x)
{
    for (int i = 0, at = r.x; i < V_COUNT; i++) {
        const int c = vcpu_shown[i];
        if (!is_shown(c, r.cols, true))
            continue;
        if (x >= at && x < at + vcpu_table[c].width && c < (int)VCPUS_ORDER_COUNT)
            vcpus_sort_by(vs, (enum vcpus_order)c);
        at += vcpu_table[c].width + 1;
    }
}

static enum ui_action click(struct ui_state *state, const struct ui_model *model,
                            const struct layout *l, struct ui_key key)
{
    const struct snapshot_vm *vm = detail_vm(state, model);
    struct vcpus_state *vs = &state->detail.vcpus;
    const struct vcpus_rows *rows = &model->rows->vcpus;
    int line = key.y - l->body.y - 1;

    if (vm != NULL && line < 0)
        click_title(vs, l->body, key.x);
    size_t row = vs->scroll.top + (size_t)line;
    if (vm == NULL || line < 0 || (size_t)line >= counters_page(state) || row >= rows->count)
        return UI_NOTHING;
    if (row == vs->scroll.row && vs->has_selected)
        open_selected(state, rows);
    else
        select_row(vs, rows, vm, row);
    return UI_NOTHING;
}

/* "12" is its number or in that of its thread, "halt" in its state. */
static bool search(struct ui_state *state, const struct ui_model *model, const char *text,
                   bool after)
{
    const struct snapshot_vm *vm = detail_vm(state, model);
    const struct vcpus_rows *rows = &model->rows->vcpus;
    struct vcpus_state *vs = &state->detail.vcpus;

    for (size_t i = 0; vm != NULL && i < rows->count; i++) {
        const size_t row = (vs->scroll.row + after + i) % rows->count;
        const struct snapshot_vcpu *vcpu = &vm->vcpus[rows->rows[row]];
        const char *word = vcpus_state_text(model->detail, vcpu);
        char line[100];
        snprintf(line, sizeof(line), "vCPU %d %d %s", vcpu->id, (int)vcpu->tid,
                 word != NULL ? word : "");
        if (!pattern_contains(line, text))
            continue;
        select_row(vs, rows, vm, row);
        return true;
    }
    return false;
}

const struct screen_object vcpus_screen = {
    .draw = draw,
    .follow = follow,
    .command = command,
    .click = click,
    .search = search,
};
