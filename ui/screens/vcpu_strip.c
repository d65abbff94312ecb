// SPDX-License-Identifier: MIT
#include "ui/screens/vcpu_strip.h"

#include "ui/state/columns.h"

/* A vCPU that uses less draws no bar. */
#define RUN_MIN 0.01

static const struct {
    char letter;
    enum style style;
} states[VCPU_STATE_COUNT] = {
    [VCPU_STATE_UNKNOWN] = {'?', STYLE_MISSING},   [VCPU_STATE_GUEST] = {'G', STYLE_NORMAL},
    [VCPU_STATE_HOST] = {'H', STYLE_NORMAL},       [VCPU_STATE_HALTED] = {'-', STYLE_DIM},
    [VCPU_STATE_READY] = {'R', STYLE_NOTICE},      [VCPU_STATE_PAUSED] = {'P', STYLE_NOTICE},
    [VCPU_STATE_BLOCKED] = {'B', STYLE_WARNING},   [VCPU_STATE_STOPPED] = {'S', STYLE_WARNING},
    [VCPU_STATE_NOT_HALTED] = {'n', STYLE_NORMAL},
};

char vcpu_strip_letter(enum vcpu_state state)
{
    return states[state].letter;
}

/* The larger one; what is missing is smaller than what is known. */
static struct figure larger(struct figure a, struct figure b)
{
    if (b.state != READING_OK)
        return a;
    return a.state != READING_OK || b.value > a.value ? b : a;
}

size_t vcpu_strip_make(const struct snapshot_vm *vm, size_t max, struct vcpu_cell *ret,
                       size_t *ret_per_cell)
{
    const size_t per = vm->vcpu_count > max ? (vm->vcpu_count + max - 1) / max : 1;
    size_t count = 0;

    for (size_t i = 0; i < vm->vcpu_count; i++) {
        const struct snapshot_vcpu *vcpu = &vm->vcpus[i];
        const struct vcpu_cell one = {vcpu->cpu_ratio, vcpu->wait_ratio,
                                      (enum vcpu_state)vcpu->load.state};
        if (i % per == 0) {
            ret[count++] = one;
            continue;
        }
        struct vcpu_cell *cell = &ret[count - 1];
        if (one.ready.state == READING_OK &&
            (cell->ready.state != READING_OK || one.ready.value > cell->ready.value))
            cell->state = one.state;
        cell->run = larger(cell->run, one.run);
        cell->ready = larger(cell->ready, one.ready);
    }
    *ret_per_cell = per;
    return count;
}

/* As the columns mark it. */
static enum mark ready_mark(struct figure ready)
{
    return ready.state == READING_OK ? mark_of(&column_table[COLUMN_RDY].bounds, ready.value)
                                     : MARK_NONE;
}

/* '0' .. '9': tens of percent; '#': all of it. */
static char tens(double ratio)
{
    return ratio >= 0.995 ? '#' : (char)('0' + (int)(ratio * 10));
}

static void draw_run(const struct vcpu_cell *cell, struct rect clip, int y, int x,
                     struct screen *out)
{
    static const enum style styles[MARK_COUNT] = {STYLE_GRAPH, STYLE_GRAPH_ALT, STYLE_GRAPH_HIGH};
    const enum style style = styles[ready_mark(cell->ready)];
    const float run = (float)cell->run.value;

    if (cell->run.state != READING_OK)
        screen_text(out, clip, y, x, STYLE_MISSING, screen_glyph(out, GLYPH_UNKNOWN));
    else if (run < (float)RUN_MIN)
        screen_text(out, clip, y, x, STYLE_DIM, out->unicode ? "·" : ".");
    else if (out->unicode)
        screen_spark(out, clip, y, x, 1, style, &run, 1, 1);
    else
        screen_printf(out, clip, y, x, style, "%c", tens(cell->run.value));
}

static void draw_ready(const struct vcpu_cell *cell, struct rect clip, int y, int x,
                       struct screen *out)
{
    const enum mark mark = ready_mark(cell->ready);
    const enum style style = mark == MARK_NONE ? STYLE_DIM : mark_style(mark);

    if (cell->ready.state != READING_OK)
        screen_text(out, clip, y, x, STYLE_MISSING, screen_glyph(out, GLYPH_UNKNOWN));
    else if (mark == MARK_ALARM)
        screen_printf(out, clip, y, x, style, "%c", tens(cell->ready.value));
    else
        screen_text(out, clip, y, x, style, mark == MARK_NOTICE ? "+" : out->unicode ? "·" : ".");
}

void vcpu_strip_draw(const struct vcpu_cell *cells, size_t count, struct rect clip, int y, int x,
                     struct screen *out)
{
    for (size_t i = 0; i < count; i++, x++) {
        draw_run(&cells[i], clip, y, x, out);
        draw_ready(&cells[i], clip, y + 1, x, out);
        screen_printf(out, clip, y + 2, x, states[cells[i].state].style, "%c",
                      states[cells[i].state].letter);
    }
}
