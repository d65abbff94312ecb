// SPDX-License-Identifier: MIT
#include "ui/state/vcpus.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Share of a CPU that only a vCPU that runs its guest takes. */
#define RUNNING_CPU_RATIO 0.01

static const struct {
    enum column_id column;
    bool descends;
} orders[VCPUS_ORDER_COUNT] = {
    [VCPUS_BY_ID] = {COLUMN_COUNT, false},    [VCPUS_BY_TID] = {COLUMN_PID, false},
    [VCPUS_BY_CPU] = {COLUMN_CPU, true},      [VCPUS_BY_WAIT] = {COLUMN_RDY, true},
    [VCPUS_BY_EXITS] = {COLUMN_EXITS, true},  [VCPUS_BY_HALT] = {COLUMN_HALT, true},
    [VCPUS_BY_STATE] = {COLUMN_COUNT, false}, [VCPUS_BY_TSC] = {COLUMN_COUNT, false},
};

bool vcpus_descends(enum vcpus_order order)
{
    return orders[order].descends;
}

enum column_id vcpus_column(enum vcpus_order order)
{
    return orders[order].column;
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

const char *vcpus_state_text(const struct snapshot *s, const struct snapshot_vcpu *vcpu)
{
    struct reading blocking = snapshot_vcpu_value(s, vcpu, "blocking").reading;
    struct reading nested = vcpu->gauges[VCPU_GUEST_MODE], waits = vcpu->gauges[VCPU_PREEMPTED];

    if (waits.state == READING_OK && waits.raw)
        return "preempted";
    if (nested.state == READING_OK && nested.raw)
        return "nested";
    if (vcpu->load.state != VCPU_STATE_UNKNOWN)
        return vcpu_state_text((enum vcpu_state)vcpu->load.state);
    if (blocking.state == READING_OK)
        return blocking.raw ? "halted" : has_run(s, vcpu) ? "running" : "not halted";
    return NULL;
}

struct sorting {
    const struct snapshot *s;
    const struct snapshot_vm *vm;
    const struct vcpus_state *state;
    struct column_fields fields;
};

/* False: it is not known. */
static bool number_of(const struct sorting *q, const struct snapshot_vcpu *vcpu, double *ret)
{
    const enum column_id column = orders[q->state->order].column;
    const struct reading *tsc = &vcpu->gauges[VCPU_TSC_OFFSET];

    if (column != COLUMN_COUNT) {
        struct column_value v = column_get(column, &q->fields, q->vm, vcpu);
        *ret = column_sort_number(column, &v);
        return v.state == READING_OK && !v.blank;
    }
    *ret = q->state->order == VCPUS_BY_TSC ? (double)(int64_t)tsc->raw : (double)vcpu->id;
    return q->state->order != VCPUS_BY_TSC || tsc->state == READING_OK;
}

static int compare_states(const struct sorting *q, const struct snapshot_vcpu *a,
                          const struct snapshot_vcpu *b)
{
    const char *x = vcpus_state_text(q->s, a), *y = vcpus_state_text(q->s, b);

    if (x == NULL || y == NULL)
        return (x == NULL) - (y == NULL);
    return q->state->inverted ? strcmp(y, x) : strcmp(x, y);
}

static int compare_numbers(const struct sorting *q, const struct snapshot_vcpu *a,
                           const struct snapshot_vcpu *b)
{
    double x = 0, y = 0;
    bool has_x = number_of(q, a, &x), has_y = number_of(q, b, &y);

    if (!has_x || !has_y)
        return has_y - has_x;
    const int up = (x > y) - (x < y);
    return orders[q->state->order].descends != q->state->inverted ? -up : up;
}

static int compare(const void *pa, const void *pb, void *arg)
{
    const struct sorting *q = arg;
    const struct snapshot_vcpu *a = &q->vm->vcpus[*(const uint32_t *)pa];
    const struct snapshot_vcpu *b = &q->vm->vcpus[*(const uint32_t *)pb];
    int result =
        q->state->order == VCPUS_BY_STATE ? compare_states(q, a, b) : compare_numbers(q, a, b);

    return result != 0 ? result : (a->id > b->id) - (a->id < b->id);
}

int vcpus_collect(const struct snapshot *s, const struct scan_reports *scans,
                  const struct snapshot_vm *vm, const struct vcpus_state *state,
                  struct vcpus_rows *ret)
{
    struct sorting sorting = {.s = s, .vm = vm, .state = state};

    ret->count = 0;
    if (vm->vcpu_count > ret->cap) {
        uint32_t *rows = realloc(ret->rows, vm->vcpu_count * sizeof(*rows));
        if (rows == NULL)
            return -ENOMEM;
        ret->rows = rows;
        ret->cap = vm->vcpu_count;
    }
    for (size_t i = 0; i < vm->vcpu_count; i++)
        ret->rows[ret->count++] = (uint32_t)i;
    column_fields_resolve(s, scans, &sorting.fields);
    if (ret->count > 0)
        qsort_r(ret->rows, ret->count, sizeof(*ret->rows), compare, &sorting);
    return 0;
}

void vcpus_rows_done(struct vcpus_rows *rows)
{
    free(rows->rows);
    *rows = (struct vcpus_rows){0};
}

void vcpus_sort_by(struct vcpus_state *state, enum vcpus_order order)
{
    state->inverted = state->order == order && !state->inverted;
    state->order = order;
}
