// SPDX-License-Identifier: MIT
/* VMs that were not read in a tick, and those that cannot be looked at any more. */
#include "core/model/sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/model/series.h"
#include "core/model/snapshot.h"

#define S 1000000000ull

enum { EXITS, BLOCKING, PAGES, FIELDS };

struct world {
    struct field_table fields;
    struct vm vms[4]; /* pids 100, 100, 200, 300 */
    struct vm_vcpu vcpus[4][2];
    struct vm *list[4];
    struct vm_list vm_list;
    struct series series;
    struct snapshot *now;
};

static const struct field fields[FIELDS] = {
    [EXITS] = {"exits", FIELD_VCPU, FIELD_CUMULATIVE, FIELD_NONE, 10, 0, 1, 0, 0},
    [BLOCKING] = {"blocking", FIELD_VCPU, FIELD_INSTANT, FIELD_BOOLEAN, 10, 0, 1, 0, 0},
    [PAGES] = {"pages_4k", FIELD_VM, FIELD_INSTANT, FIELD_NONE, 10, 0, 1, 0, 0},
};

static int setup(void **state)
{
    static struct world w;
    static const struct vm_id ids[] = {
        {100, 5000, 9, 1}, {100, 5000, 12, 1}, {200, 5001, 9, 1}, {300, 5002, 9, 1}};
    static char *const names[] = {(char *)"a", (char *)"b", (char *)"c", (char *)"d"};

    memset(&w, 0, sizeof(w));
    for (int i = 0; i < FIELDS; i++)
        assert_int_equal(field_table_add(&w.fields, &fields[i]), i);
    for (size_t i = 0; i < 4; i++) {
        w.vms[i] = (struct vm){
            .id = ids[i], .vmm = "qemu", .name = names[i], .name_raw = names[i], .ram_bytes = 1024};
        w.vcpus[i][0] = (struct vm_vcpu){.id = 0, .tid = ids[i].pid + 1};
        w.vcpus[i][1] = (struct vm_vcpu){.id = 1, .tid = ids[i].pid + 2};
        w.vms[i].vcpus = w.vcpus[i];
        w.vms[i].vcpu_count = 2;
        w.list[i] = &w.vms[i];
    }
    w.vm_list = (struct vm_list){w.list, 4};
    w.series.fields = &w.fields;
    *state = &w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    snapshot_free(w->now);
    series_done(&w->series);
    field_table_done(&w->fields);
    return 0;
}

/* All read at @ns, each vCPU with so many exits and half of the time on a CPU. */
static struct sample *sample_at(struct world *w, uint64_t ns, uint64_t exits)
{
    struct sample *s;

    assert_int_equal(sample_new(&w->vm_list, &w->fields, &s), 0);
    s->read_ns = ns;
    for (size_t i = 0; i < s->vm_count; i++) {
        struct sample_vm *vm = &s->vms[i];
        vm->entity.time_ns[SOURCE_PROC] = vm->entity.time_ns[SOURCE_DEBUGFS] = ns;
        vm->gauges[VM_CPU_NS] = reading_ok(ns / 2, SOURCE_PROC);
        vm->gauges[VM_RSS_BYTES] = reading_ok(4096, SOURCE_PROC);
        vm->entity.readings[PAGES] = reading_of_cause(CAUSE_NOT_IN_KERNEL);
        for (size_t k = 0; k < vm->vcpu_count; k++) {
            struct sample_vcpu *v = &vm->vcpus[k];
            v->entity.time_ns[SOURCE_STATSFD] = v->entity.time_ns[SOURCE_PROC] = ns;
            v->entity.readings[EXITS] = reading_ok(exits, SOURCE_STATSFD);
            v->entity.readings[BLOCKING] = reading_ok(1, SOURCE_STATSFD);
            v->gauges[VCPU_CPU_NS] = reading_ok(ns / 2, SOURCE_PROC);
            v->gauges[VCPU_WAIT_NS] = reading_ok(0, SOURCE_PROC);
        }
    }
    sample_add_vcpu_sums(s, &w->fields);
    return s;
}

/* As the sampler leaves a VM that it did not come to. */
static void skip_vm(struct sample *s, size_t i)
{
    struct sample_vm *vm = &s->vms[i];

    memset(vm->entity.time_ns, 0, sizeof(vm->entity.time_ns));
    memset(vm->entity.readings, 0, s->field_count * sizeof(struct reading));
    memset(vm->gauges, 0, sizeof(vm->gauges));
    for (size_t k = 0; k < vm->vcpu_count; k++) {
        memset(vm->vcpus[k].entity.time_ns, 0, sizeof(vm->vcpus[k].entity.time_ns));
        memset(vm->vcpus[k].entity.readings, 0, s->field_count * sizeof(struct reading));
        memset(vm->vcpus[k].gauges, 0, sizeof(vm->vcpus[k].gauges));
    }
    vm->skipped = true;
    vm->skip_cause = CAUSE_SLOW;
}

static const struct snapshot *add(struct world *w, struct sample *s)
{
    snapshot_free(w->now);
    w->now = NULL;
    assert_int_equal(series_add(&w->series, s, &w->now), 0);
    return w->now;
}

static void assert_stale(struct reading r, enum reading_cause cause)
{
    assert_int_equal(r.state, READING_STALE);
    assert_int_equal(r.cause, cause);
}

static void assert_figure_stale(struct figure f)
{
    assert_int_equal(f.state, READING_STALE);
    assert_int_equal(f.cause, CAUSE_SLOW);
}

static void nothing_of_a_skipped_vm_is_shown_as_if_it_were_of_now(void **state)
{
    struct world *w = *state;
    struct sample *s = sample_at(w, 13 * S, 300);

    add(w, sample_at(w, 10 * S, 100));
    skip_vm(s, 1);
    const struct snapshot_vm *vm = &add(w, s)->vms[1];
    struct snapshot_value exits = snapshot_vm_value(w->now, vm, "exits");
    assert_true(vm->stale_s == 3.0);
    assert_int_equal(vm->stale_cause, CAUSE_SLOW);
    assert_true(vm->interval_s == 0);
    assert_stale(exits.reading, CAUSE_SLOW);
    assert_figure_stale(exits.rate);
    assert_figure_stale(vm->cpu_ratio);
    assert_figure_stale(vm->wait_ratio);
    assert_stale(vm->gauges[VM_RSS_BYTES], CAUSE_SLOW);
    assert_stale(vm->vcpus[1].values[EXITS].reading, CAUSE_SLOW);
    assert_figure_stale(vm->vcpus[1].values[EXITS].rate);
    assert_stale(vm->vcpus[1].gauges[VCPU_CPU_NS], CAUSE_SLOW);
    assert_figure_stale(vm->vcpus[1].cpu_ratio);
    assert_int_equal(vm->vm_cause, CAUSE_SLOW);
    /* What is missing for another reason is missing for that one. */
    assert_int_equal(vm->values[PAGES].reading.state, READING_ABSENT);
    assert_int_equal(vm->values[PAGES].reading.cause, CAUSE_NOT_IN_KERNEL);
    /* Its name and memory are not asked of it. */
    assert_int_equal(vm->ram_bytes.raw, 1024);
}

static void the_other_vms_are_as_ever(void **state)
{
    struct world *w = *state;
    struct sample *s = sample_at(w, 12 * S, 300);

    add(w, sample_at(w, 10 * S, 100));
    skip_vm(s, 1);
    const struct snapshot_vm *vm = &add(w, s)->vms[0];
    assert_true(vm->stale_s == 0);
    assert_int_equal(vm->stale_cause, CAUSE_NONE);
    assert_true(snapshot_vm_value(w->now, vm, "exits").rate.value == 200.0);
    assert_true(vm->cpu_ratio.value == 0.5);
}

static void rates_after_it_are_over_the_time_really_measured(void **state)
{
    struct world *w = *state;

    add(w, sample_at(w, 10 * S, 100));
    for (uint64_t t = 11; t <= 12; t++) {
        struct sample *s = sample_at(w, t * S, 1000);
        skip_vm(s, 2);
        add(w, s);
        assert_true(w->now->vms[2].stale_s == (double)(t - 10));
    }
    const struct snapshot *s = add(w, sample_at(w, 14 * S, 500));
    const struct snapshot_vm *vm = &s->vms[2];
    assert_true(s->interval_s == 2.0);
    assert_true(vm->interval_s == 4.0);
    assert_true(vm->stale_s == 0);
    assert_true(snapshot_vm_value(s, vm, "exits").rate.value == 200.0); /* 2 vCPUs, 400 in 4 s */
    assert_true(vm->vcpus[0].values[EXITS].rate.value == 100.0);
    assert_true(vm->cpu_ratio.value == 0.5);
}

static void a_vm_that_was_never_read_has_no_age(void **state)
{
    struct world *w = *state;
    struct sample *s = sample_at(w, 10 * S, 100);

    skip_vm(s, 0);
    const struct snapshot_vm *vm = &add(w, s)->vms[0];
    assert_true(vm->stale_s == 0);
    assert_int_equal(vm->stale_cause, CAUSE_SLOW);
    assert_stale(snapshot_vm_value(w->now, vm, "exits").reading, CAUSE_SLOW);
    assert_stale(vm->gauges[VM_CPU_NS], CAUSE_SLOW);
}

static void a_vcpu_that_came_meanwhile_has_no_numbers(void **state)
{
    struct world *w = *state;

    w->vms[0].vcpu_count = 1;
    add(w, sample_at(w, 10 * S, 100));
    w->vms[0].vcpu_count = 2;
    struct sample *s = sample_at(w, 11 * S, 100);
    skip_vm(s, 0);
    add(w, s);
    assert_stale(w->now->vms[0].vcpus[1].values[EXITS].reading, CAUSE_SLOW);
    add(w, sample_at(w, 12 * S, 300));
    assert_true(w->now->vms[0].vcpus[0].values[EXITS].rate.value == 100.0);
    assert_int_equal(w->now->vms[0].vcpus[1].values[EXITS].rate.state, READING_WARMUP);
}

static void a_field_that_came_meanwhile_has_no_number(void **state)
{
    struct world *w = *state;
    const struct field more = {"more", FIELD_VM, FIELD_LOG_HIST, FIELD_NONE, 10, 0, 4, 0, 0};

    add(w, sample_at(w, 10 * S, 100));
    assert_int_equal(field_table_add(&w->fields, &more), FIELDS);
    struct sample *s = sample_at(w, 11 * S, 100);
    skip_vm(s, 3);
    add(w, s);
    assert_stale(snapshot_vm_value(w->now, &w->now->vms[3], "more").reading, CAUSE_SLOW);
    assert_stale(snapshot_vm_value(w->now, &w->now->vms[3], "exits").reading, CAUSE_SLOW);
}

static void a_vm_made_anew_takes_no_numbers_of_the_old_one(void **state)
{
    struct world *w = *state;

    add(w, sample_at(w, 10 * S, 100));
    w->vms[3].id.born = 7;
    struct sample *s = sample_at(w, 11 * S, 100);
    skip_vm(s, 3);
    add(w, s);
    assert_true(w->now->vms[3].stale_s == 0);
    assert_int_equal(w->now->vms[3].stale_cause, CAUSE_SLOW);
}

/* A total from a moment whose number is not known is no total from the start. */
static void a_total_counts_from_the_number_before_a_stale_one(void **state)
{
    struct world *w = *state;
    struct sample *s = sample_at(w, 11 * S, 200);

    add(w, sample_at(w, 10 * S, 100));
    skip_vm(s, 0);
    add(w, s);
    struct snapshot *base = w->now;
    w->now = NULL;
    add(w, sample_at(w, 12 * S, 300));
    struct reading total = snapshot_total(base, w->now, &w->now->vms[0], EXITS);
    assert_int_equal(total.state, READING_OK);
    assert_int_equal(total.raw, 2 * (300 - 100)); /* of two vCPUs */
    assert_int_equal(snapshot_total(base, w->now, &w->now->vms[1], EXITS).raw, 200);
    snapshot_free(base);
}

static void a_total_since_a_number_that_was_never_read_is_not_known(void **state)
{
    struct world *w = *state;
    struct sample *s = sample_at(w, 11 * S, 200);

    skip_vm(s, 0);
    add(w, s);
    struct snapshot *base = w->now;
    w->now = NULL;
    add(w, sample_at(w, 12 * S, 300));
    assert_stale(snapshot_total(base, w->now, &w->now->vms[0], EXITS), CAUSE_SLOW);
    snapshot_free(base);
}

static void that_a_counter_fell_is_not_forgotten(void **state)
{
    struct world *w = *state;

    add(w, sample_at(w, 10 * S, 100));
    struct snapshot *base = w->now;
    w->now = NULL;
    add(w, sample_at(w, 11 * S, 50));
    struct sample *s = sample_at(w, 12 * S, 60);
    skip_vm(s, 0);
    add(w, s);
    add(w, sample_at(w, 13 * S, 120));
    /* It was cleared since: what it says is the total. */
    assert_int_equal(snapshot_total(base, w->now, &w->now->vms[0], EXITS).raw, 240);
    snapshot_free(base);
}

/* --- sample_keep ------------------------------------------------------------------------------ */

/* Those of @w with these indexes only. */
static struct sample *sample_of(struct world *w, uint64_t ns, uint64_t exits, const int *which,
                                size_t count)
{
    struct vm *list[4];
    struct vm_list all = w->vm_list;

    for (size_t i = 0; i < count; i++)
        list[i] = &w->vms[which[i]];
    w->vm_list = (struct vm_list){list, count};
    struct sample *s = sample_at(w, ns, exits);
    w->vm_list = all;
    return s;
}

static void vms_that_are_out_of_reach_stay_in_their_place(void **state)
{
    struct world *w = *state;
    static const pid_t stuck[] = {300, 100};
    struct sample *prev = sample_at(w, 10 * S, 100);
    struct sample *cur = sample_of(w, 12 * S, 300, (const int[]){2}, 1);

    cur->hidden_processes = 2;
    cur->duration_ns = 77;
    assert_int_equal(sample_keep(prev, stuck, 2, CAUSE_STUCK, cur), 0);
    assert_int_equal(cur->vm_count, 4);
    for (size_t i = 0; i < 4; i++) {
        const struct sample_vm *vm = &cur->vms[i];
        assert_true(vm_id_equal(&vm->id, &w->vms[i].id));
        assert_string_equal(vm->facts.name, w->vms[i].name);
        assert_string_equal(vm->facts.name_raw, w->vms[i].name_raw);
        assert_int_equal(vm->skipped, i != 2);
        assert_int_equal(vm->skip_cause, i != 2 ? CAUSE_STUCK : CAUSE_NONE);
        assert_int_equal(vm->vcpu_count, 2);
        assert_int_equal(vm->vcpus[1].id, 1);
        assert_int_equal(vm->vcpus[1].tid, vm->id.pid + 2);
        assert_ptr_equal(vm->vm, i != 2 ? NULL : &w->vms[2]);
    }
    assert_int_equal(cur->hidden_processes, 2);
    assert_int_equal(cur->duration_ns, 77);
    assert_int_equal(cur->read_ns, 12 * S);
    add(w, prev);
    const struct snapshot *s = add(w, cur);
    for (size_t i = 0; i < 4; i++) {
        const struct snapshot_vm *vm = &s->vms[i];
        assert_int_equal(vm->values[EXITS].reading.raw, i != 2 ? 200 : 600);
        assert_int_equal(vm->vcpus[1].values[EXITS].reading.raw, i != 2 ? 100 : 300);
        assert_int_equal(vm->values[EXITS].reading.state, i != 2 ? READING_STALE : READING_OK);
        assert_true(vm->stale_s == (i != 2 ? 2.0 : 0));
    }
    assert_int_equal(s->vms[0].vm_cause, CAUSE_STUCK);
    assert_true(snapshot_vm_value(s, &s->vms[2], "exits").rate.value == 200.0);
}

static void nothing_to_keep_changes_nothing(void **state)
{
    struct world *w = *state;
    static const pid_t stuck[] = {200, 999};
    struct sample *prev = sample_at(w, 10 * S, 100), *cur = sample_at(w, 12 * S, 300);
    const struct sample_vm *vms = cur->vms;

    assert_int_equal(sample_keep(prev, stuck, 2, CAUSE_STUCK, cur), 0);
    assert_ptr_equal(cur->vms, vms);
    assert_int_equal(cur->vm_count, 4);
    assert_int_equal(sample_keep(prev, NULL, 0, CAUSE_STUCK, cur), 0);
    assert_ptr_equal(cur->vms, vms);
    assert_int_equal(cur->vm_count, 4);
    assert_false(cur->vms[2].skipped);
    sample_free(prev);
    sample_free(cur);
}

static void what_ended_is_not_kept(void **state)
{
    struct world *w = *state;
    static const pid_t stuck[] = {300};
    struct sample *prev = sample_at(w, 10 * S, 100);
    struct sample *cur = sample_of(w, 12 * S, 300, (const int[]){0}, 1);

    prev->vms[3].gone = true;
    assert_int_equal(sample_keep(prev, stuck, 1, CAUSE_STUCK, cur), 0);
    assert_int_equal(cur->vm_count, 1);
    sample_free(prev);
    sample_free(cur);
}

static void they_are_kept_into_an_empty_sample_and_from_sample_to_sample(void **state)
{
    struct world *w = *state;
    static const pid_t stuck[] = {100};
    struct sample *first = sample_at(w, 10 * S, 100);

    add(w, first);
    for (uint64_t t = 11; t <= 13; t++) {
        struct sample *cur = sample_of(w, t * S, 0, NULL, 0);
        assert_int_equal(sample_keep(w->series.previous, stuck, 1, CAUSE_STUCK, cur), 0);
        add(w, cur);
        assert_int_equal(w->now->vm_count, 2);
        assert_true(w->now->vms[1].stale_s == (double)(t - 10));
        assert_string_equal(w->now->vms[1].name, "b");
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_of_a_skipped_vm_is_shown_as_if_it_were_of_now),
        TEST(the_other_vms_are_as_ever),
        TEST(rates_after_it_are_over_the_time_really_measured),
        TEST(a_vm_that_was_never_read_has_no_age),
        TEST(a_vcpu_that_came_meanwhile_has_no_numbers),
        TEST(a_field_that_came_meanwhile_has_no_number),
        TEST(a_vm_made_anew_takes_no_numbers_of_the_old_one),
        TEST(a_total_counts_from_the_number_before_a_stale_one),
        TEST(a_total_since_a_number_that_was_never_read_is_not_known),
        TEST(that_a_counter_fell_is_not_forgotten),
        TEST(vms_that_are_out_of_reach_stay_in_their_place),
        TEST(nothing_to_keep_changes_nothing),
        TEST(what_ended_is_not_kept),
        TEST(they_are_kept_into_an_empty_sample_and_from_sample_to_sample),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
