// SPDX-License-Identifier: MIT
/* Snapshots that are made in slices: the same ones, no slice too large, and no memory lost. */
#include "core/model/series.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define S     1000000000ull
#define VMS   40
#define VCPUS 3

enum { EXITS, WAITS, FIELDS };

static const struct field fields[FIELDS] = {
    [EXITS] = {"exits", FIELD_VCPU, FIELD_CUMULATIVE, FIELD_NONE, 10, 0, 1, 0, 0},
    [WAITS] = {"waits", FIELD_VCPU, FIELD_LOG_HIST, FIELD_NONE, 10, 0, 300, 0, 0},
};

static struct field_table table;

static int setup(void **state)
{
    (void)state;
    for (int i = 0; i < FIELDS; i++)
        assert_int_equal(field_table_add(&table, &fields[i]), i);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    field_table_done(&table);
    return 0;
}

static void fill(struct sample_entity *e, uint64_t ns, uint64_t raw)
{
    e->time_ns[SOURCE_STATSFD] = ns;
    e->readings[EXITS] = reading_ok(raw, SOURCE_STATSFD);
    e->readings[WAITS] = reading_ok(raw, SOURCE_STATSFD);
    for (size_t b = 0; b < fields[WAITS].size; b++)
        e->buckets[b] = raw + b;
}

/* The third VM was not come to, the last one ended; of the fourth all counters were cleared. */
static struct sample *sample_at(uint64_t tick)
{
    static struct vm vms[VMS];
    static struct vm_vcpu vcpus[VCPUS];
    static struct vm *list[VMS];
    static char name[] = "name";
    struct sample *s;

    for (int k = 0; k < VCPUS; k++)
        vcpus[k] = (struct vm_vcpu){.id = k, .tid = 100 + k};
    for (int i = 0; i < VMS; i++) {
        vms[i] = (struct vm){.id = {100, 5000, 9 + i, 1}, .vmm = "qemu", .name = name,
                             .name_raw = name, .vcpus = vcpus, .vcpu_count = VCPUS};
        list[i] = &vms[i];
    }
    assert_int_equal(sample_new(&(struct vm_list){list, VMS}, &table, &s), 0);
    s->read_ns = tick * S;
    for (size_t i = 0; i < VMS; i++) {
        struct sample_vm *vm = &s->vms[i];
        vm->skipped = i == 2 && tick > 1;
        vm->skip_cause = vm->skipped ? CAUSE_SLOW : CAUSE_NONE;
        vm->gone = i == VMS - 1 && tick > 1;
        if (vm->skipped)
            continue;
        fill(&vm->entity, tick * S, i == 3 ? 100 - tick : tick * (i + 1));
        for (size_t k = 0; k < VCPUS; k++)
            fill(&vm->vcpus[k].entity, tick * S, i == 3 ? 50 - tick : tick * k);
    }
    return s;
}

/* How many steps it took. */
static size_t add_in_slices(struct series *series, struct sample *sample, size_t entities,
                            struct snapshot **ret)
{
    size_t steps = 1;

    assert_int_equal(series_begin(series, sample), 0);
    while (!series_step(series, entities, ret))
        steps++;
    return steps;
}

static void compare_values(const struct snapshot_value *a, const struct snapshot_value *b)
{
    for (size_t f = 0; f < FIELDS; f++) {
        assert_memory_equal(&a[f].reading, &b[f].reading, sizeof(a[f].reading));
        assert_true(a[f].rate.value == b[f].rate.value);
        assert_int_equal(a[f].rate.state, b[f].rate.state);
        assert_int_equal(a[f].rate.cause, b[f].rate.cause);
    }
}

static void compare(const struct snapshot *a, const struct snapshot *b)
{
    assert_int_equal(a->vm_count, b->vm_count);
    assert_int_equal(a->vm_ends, b->vm_ends);
    assert_true(a->interval_s == b->interval_s);
    for (size_t i = 0; i < a->vm_count; i++) {
        const struct snapshot_vm *x = &a->vms[i], *y = &b->vms[i];
        assert_true(vm_id_equal(&x->id, &y->id));
        assert_true(x->stale_s == y->stale_s);
        assert_int_equal(x->vcpu_count, y->vcpu_count);
        compare_values(x->values, y->values);
        assert_memory_equal(x->buckets, y->buckets, a->bucket_count * sizeof(uint64_t));
        for (size_t k = 0; k < x->vcpu_count; k++) {
            compare_values(x->vcpus[k].values, y->vcpus[k].values);
            assert_memory_equal(x->vcpus[k].buckets, y->vcpus[k].buckets,
                                a->bucket_count * sizeof(uint64_t));
        }
    }
}

static void slices_make_the_same_snapshots(void **state)
{
    struct series whole = {.fields = &table}, sliced = {.fields = &table};
    struct snapshot *a, *b;

    (void)state;
    for (uint64_t tick = 1; tick <= 3; tick++) {
        assert_int_equal(series_add(&whole, sample_at(tick), &a), 0);
        add_in_slices(&sliced, sample_at(tick), 1 + tick, &b);
        compare(a, b);
        snapshot_free(a);
        snapshot_free(b);
    }
    series_done(&whole);
    series_done(&sliced);
}

/* A slice ends with the VM that reaches its bound. */
static void no_slice_does_more_than_it_is_told(void **state)
{
    static const struct {
        size_t entities, vms;
    } cases[] = {{1, 1}, {VCPUS + 1, 1}, {VCPUS + 2, 2}, {10 * (VCPUS + 1), 10}, {SIZE_MAX, VMS}};
    struct series series = {.fields = &table};
    struct snapshot *s;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(add_in_slices(&series, sample_at(1), cases[i].entities, &s),
                         VMS / cases[i].vms);
        snapshot_free(s);
    }
    series_done(&series);
}

static void one_that_is_not_finished_ends_with_the_series(void **state)
{
    struct series series = {.fields = &table};
    struct snapshot *s;

    (void)state;
    assert_int_equal(series_add(&series, sample_at(1), &s), 0);
    snapshot_free(s);
    assert_int_equal(series_begin(&series, sample_at(2)), 0);
    assert_false(series_step(&series, 1, &s));
    series_done(&series);
    assert_null(series.current);
    assert_null(series.work);
}

/* Memory that the kernel would have to clear again. */
static void a_snapshot_lies_where_the_one_before_the_last_lay(void **state)
{
    struct series series = {.fields = &table};
    struct snapshot *first, *second, *third;

    (void)state;
    assert_int_equal(series_add(&series, sample_at(1), &first), 0);
    assert_int_equal(series_add(&series, sample_at(2), &second), 0);
    assert_ptr_not_equal(first, second);
    snapshot_free(first);
    assert_int_equal(series_add(&series, sample_at(3), &third), 0);
    assert_ptr_equal(third, first);
    snapshot_free(second);
    snapshot_free(third);
    series_done(&series);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_make_the_same_snapshots),
        cmocka_unit_test(no_slice_does_more_than_it_is_told),
        cmocka_unit_test(one_that_is_not_finished_ends_with_the_series),
        cmocka_unit_test(a_snapshot_lies_where_the_one_before_the_last_lay),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
