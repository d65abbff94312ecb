// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "core/model/snapshot.h"

enum { EXITS, BLOCKING, HIST, PAGES, FIELDS };

/* Two VMs, the first with two vCPUs; a table of four fields. */
struct world {
    struct field_table fields;
    struct vm vms[2];
    struct vm_vcpu vcpus[2];
    struct vm *list[2];
    struct vm_list vm_list;
    struct host host;
};

static struct sample *sample_at(struct world *w, uint64_t ns)
{
    struct sample *s;
    assert_int_equal(sample_new(&w->vm_list, &w->fields, &s), 0);
    s->host_facts = w->host;
    s->read_ns = ns;
    return s;
}

static void set_vcpu(struct sample *s, size_t vcpu, uint64_t ns, uint64_t exits, uint64_t cpu_ns)
{
    struct sample_vcpu *v = &s->vms[0].vcpus[vcpu];
    v->entity.time_ns[SOURCE_STATSFD] = ns;
    v->entity.time_ns[SOURCE_PROC] = ns;
    v->entity.readings[EXITS] = reading_ok(exits, SOURCE_STATSFD);
    v->entity.readings[BLOCKING] = reading_ok(1, SOURCE_STATSFD);
    v->entity.readings[HIST] = reading_ok(0, SOURCE_STATSFD);
    v->entity.buckets[0] = exits;
    v->entity.buckets[1] = 1;
    v->gauges[VCPU_CPU_NS] = reading_ok(cpu_ns, SOURCE_PROC);
    v->gauges[VCPU_WAIT_NS] = reading_ok(cpu_ns / 2, SOURCE_PROC);
}

static int setup(void **state)
{
    static struct world w;
    memset(&w, 0, sizeof(w));
    const struct field fields[FIELDS] = {
        [EXITS] = {"exits", FIELD_VCPU, FIELD_CUMULATIVE, FIELD_NONE, 10, 0, 1, 0, 0},
        [BLOCKING] = {"blocking", FIELD_VCPU, FIELD_INSTANT, FIELD_BOOLEAN, 10, 0, 1, 0, 0},
        [HIST] = {"hist", FIELD_VCPU, FIELD_LOG_HIST, FIELD_SECONDS, 10, -9, 2, 0, 0},
        [PAGES] = {"pages_4k", FIELD_VM, FIELD_INSTANT, FIELD_NONE, 10, 0, 1, 0, 0},
    };
    for (int i = 0; i < FIELDS; i++)
        assert_int_equal(field_table_add(&w.fields, &fields[i]), i);
    for (int i = 0; i < 2; i++) {
        w.vms[i].id = (struct vm_id){100 + i, 5000, 9, 1};
        w.vms[i].vmm = "qemu";
        w.vms[i].name = (char *)(i ? "b" : "a");
        w.vms[i].name_raw = w.vms[i].name;
        w.vms[i].ram_bytes = 1u << 30;
        w.list[i] = &w.vms[i];
    }
    w.vcpus[0] = (struct vm_vcpu){.id = 0, .tid = 101, .stats_fd = 5};
    w.vcpus[1] = (struct vm_vcpu){.id = 1, .tid = 102, .stats_fd = 6};
    w.vms[0].vcpus = w.vcpus;
    w.vms[0].vcpu_count = 2;
    w.vm_list = (struct vm_list){w.list, 2};
    *state = &w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    field_table_done(&w->fields);
    return 0;
}

static void the_first_tick_has_no_rates_and_no_zeros(void **state)
{
    struct world *w = *state;
    struct sample *s = sample_at(w, 1000);
    set_vcpu(s, 0, 1000, 10, 0);
    set_vcpu(s, 1, 1000, 20, 0);
    sample_add_vcpu_sums(s, &w->fields);
    struct snapshot *n = snapshot_derive(NULL, s, &w->fields, 0);

    assert_true(n->interval_s == 0);
    struct snapshot_value v = snapshot_vm_value(n, &n->vms[0], "exits");
    assert_int_equal(v.reading.state, READING_OK);
    assert_int_equal(v.reading.raw, 30);
    assert_int_equal(v.rate.state, READING_WARMUP);
    assert_int_equal(n->vms[0].cpu_ratio.state, READING_ABSENT); /* never read */
    assert_int_equal(n->vms[0].vcpus[0].cpu_ratio.state, READING_WARMUP);
    assert_int_equal(snapshot_vm_value(n, &n->vms[1], "exits").reading.state, READING_ABSENT);
    assert_int_equal(snapshot_vm_value(n, &n->vms[0], "nonsense").reading.state, READING_ABSENT);
    snapshot_free(n);
    sample_free(s);
}

static void rates_use_the_times_next_to_the_reads(void **state)
{
    struct world *w = *state;
    struct sample *a = sample_at(w, 0), *b = sample_at(w, 1000000000);
    set_vcpu(a, 0, 100, 1000, 0);
    set_vcpu(a, 1, 100, 0, 0);
    /* Read half a second later than the tick began: 500 in 1.5 s. */
    set_vcpu(b, 0, 1500000100, 1500, 750000000);
    set_vcpu(b, 1, 1500000100, 0, 0);
    sample_add_vcpu_sums(a, &w->fields);
    sample_add_vcpu_sums(b, &w->fields);
    struct snapshot *n = snapshot_derive(a, b, &w->fields, 20000000);

    assert_true(n->interval_s == 1.0);
    assert_true(n->self_cpu_ratio == 0.02);
    struct snapshot_value v = snapshot_vcpu_value(n, &n->vms[0].vcpus[0], "exits");
    assert_int_equal(v.rate.state, READING_OK);
    assert_true(v.rate.value > 333.3 && v.rate.value < 333.4);
    v = snapshot_vm_value(n, &n->vms[0], "exits");
    assert_true(v.rate.value > 333.3 && v.rate.value < 333.4);
    /* A gauge and a histogram have no rate. */
    assert_int_equal(snapshot_vm_value(n, &n->vms[0], "blocking").rate.state, READING_ABSENT);
    assert_int_equal(snapshot_vm_value(n, &n->vms[0], "blocking").reading.raw, 2);
    assert_int_equal(snapshot_vm_value(n, &n->vms[0], "hist").rate.state, READING_ABSENT);
    assert_int_equal(n->vms[0].buckets[0], 1500);
    assert_int_equal(n->vms[0].buckets[1], 2);
    assert_true(n->vms[0].interval_s == 1.5);
    assert_true(n->vms[0].vcpus[0].cpu_ratio.value > 0.499 &&
                n->vms[0].vcpus[0].cpu_ratio.value < 0.501);
    assert_int_equal(n->vms[0].wait_ratio.state, READING_OK);
    snapshot_free(n);
    sample_free(a);
    sample_free(b);
}

static void a_counter_that_fell_is_a_reset_and_no_huge_rate(void **state)
{
    struct world *w = *state;
    struct sample *a = sample_at(w, 0), *b = sample_at(w, 1000000000);
    set_vcpu(a, 0, 100, 1000, 0);
    set_vcpu(b, 0, 1000000100, 10, 0);
    struct snapshot *n = snapshot_derive(a, b, &w->fields, 0);
    struct snapshot_value v = snapshot_vcpu_value(n, &n->vms[0].vcpus[0], "exits");

    assert_int_equal(v.reading.raw, 10);
    assert_int_equal(v.rate.state, READING_RESET);
    snapshot_free(n);
    sample_free(a);
    sample_free(b);
}

static void tsc_scaling_is_the_ratio_over_two_to_the_fraction_bits(void **state)
{
    const struct reading absent = reading_missing(READING_ABSENT, CAUSE_NOT_IN_KERNEL);
    const struct reading denied = reading_missing(READING_DENIED, CAUSE_NO_PERMISSION);
    const struct {
        struct reading ratio, bits;
        double value;
        int state, cause;
    } cases[] = {
        {reading_ok(5ull << 46, SOURCE_DEBUGFS), reading_ok(48, SOURCE_DEBUGFS), 1.25, READING_OK,
         0},
        {reading_ok(3ull << 31, SOURCE_DEBUGFS), reading_ok(32, SOURCE_DEBUGFS), 1.5, READING_OK,
         0},
        {reading_ok(1ull << 63, SOURCE_DEBUGFS), reading_ok(63, SOURCE_DEBUGFS), 1, READING_OK, 0},
        {reading_ok(7, SOURCE_DEBUGFS), reading_ok(0, SOURCE_DEBUGFS), 7, READING_OK, 0},
        {reading_ok(7, SOURCE_DEBUGFS), reading_ok(64, SOURCE_DEBUGFS), 0, READING_ABSENT,
         CAUSE_READ_ERROR},
        {reading_ok(7, SOURCE_DEBUGFS), absent, 0, READING_ABSENT, CAUSE_NOT_IN_KERNEL},
        {denied, absent, 0, READING_DENIED, CAUSE_NO_PERMISSION},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct snapshot_vcpu vcpu = {0};
        vcpu.gauges[VCPU_TSC_SCALING_RATIO] = cases[i].ratio;
        vcpu.gauges[VCPU_TSC_SCALING_FRAC_BITS] = cases[i].bits;
        struct figure scaling = snapshot_tsc_scaling(&vcpu);
        assert_int_equal(scaling.state, cases[i].state);
        assert_int_equal(scaling.cause, cases[i].cause);
        if (scaling.state == READING_OK)
            assert_true(scaling.value == cases[i].value);
    }
}

static void a_change_of_source_gives_no_rate(void **state)
{
    struct world *w = *state;
    struct sample *a = sample_at(w, 0), *b = sample_at(w, 1000000000);
    set_vcpu(a, 0, 100, 10, 0);
    set_vcpu(b, 0, 1000000100, 1000000, 0);
    b->vms[0].vcpus[0].entity.readings[EXITS].source = SOURCE_DEBUGFS;
    b->vms[0].vcpus[0].entity.time_ns[SOURCE_DEBUGFS] = 1000000100;
    struct snapshot *n = snapshot_derive(a, b, &w->fields, 0);

    assert_int_equal(snapshot_vcpu_value(n, &n->vms[0].vcpus[0], "exits").rate.state,
                     READING_WARMUP);
    snapshot_free(n);
    sample_free(a);
    sample_free(b);
}

static void a_reused_pid_is_another_vm(void **state)
{
    struct world *w = *state;
    struct sample *a = sample_at(w, 0);
    w->vms[0].id.start_ticks = 6000;
    struct sample *b = sample_at(w, 1000000000);
    set_vcpu(a, 0, 100, 10, 0);
    set_vcpu(b, 0, 1000000100, 20, 0);
    struct snapshot *n = snapshot_derive(a, b, &w->fields, 0);

    assert_int_equal(snapshot_vcpu_value(n, &n->vms[0].vcpus[0], "exits").rate.state,
                     READING_WARMUP);
    snapshot_free(n);
    sample_free(a);
    sample_free(b);
}

static void each_sample_that_misses_a_vm_of_the_one_before_is_counted(void **state)
{
    struct world *w = *state;
    struct sample *a = sample_at(w, 0), *b = sample_at(w, 1), *c = sample_at(w, 2);

    sample_follow(a, b);
    assert_int_equal(b->vm_ends, 0);
    b->vms[1].gone = true; /* ended while it was read */
    sample_follow(a, b);
    assert_int_equal(b->vm_ends, 1);
    c->vms[0].id.start_ticks++; /* another one of that pid */
    sample_follow(b, c);
    assert_int_equal(c->vm_ends, 2);
    sample_free(a);
    sample_free(b);
    sample_free(c);
}

static struct sample *host_sample(struct world *w, uint64_t s, uint64_t exits)
{
    struct sample *sample = sample_at(w, s * 1000000000u);

    sample->has_host = true;
    sample->host.time_ns[SOURCE_DEBUGFS] = s * 1000000000u;
    sample->host.readings[EXITS] = reading_ok(exits, SOURCE_DEBUGFS);
    return sample;
}

/*
 * Of 1000 exits 500 are of a VM that dies behind the reading of the totals: they are lost one
 * sample later, hidden by 600 that the other VM had. Were the end counted only where it was seen,
 * 100/s would be shown for 600/s.
 */
static void totals_are_void_in_both_intervals_in_which_a_vm_may_have_left_them(void **state)
{
    struct world *w = *state;
    struct sample *a = host_sample(w, 1, 900), *b = host_sample(w, 2, 1000);
    w->vm_list.count = 1;
    struct sample *c = host_sample(w, 3, 1100), *d = host_sample(w, 4, 1700);
    w->vm_list.count = 2;
    b->vms[1].gone = true;
    const struct sample *samples[] = {a, b, c, d};
    static const enum reading_state want[] = {READING_WARMUP, READING_RESET, READING_RESET,
                                              READING_OK};

    sample_follow(a, b);
    sample_follow(b, c);
    sample_follow(c, d);
    for (int i = 0; i < 4; i++) {
        struct snapshot *n =
            snapshot_derive(i > 0 ? samples[i - 1] : NULL, samples[i], &w->fields, 0);
        assert_int_equal(n->host_values[EXITS].rate.state, want[i]);
        if (i == 3)
            assert_true(n->host_values[EXITS].rate.value == 600);
        snapshot_free(n);
    }
    sample_free(a);
    sample_free(b);
    sample_free(c);
    sample_free(d);
}

static void a_vcpu_whose_thread_changed_has_no_cpu_share_yet(void **state)
{
    struct world *w = *state;
    struct sample *a = sample_at(w, 0);
    w->vcpus[0].tid = 999;
    struct sample *b = sample_at(w, 1000000000);
    set_vcpu(a, 0, 100, 10, 500000000);
    set_vcpu(b, 0, 1000000100, 20, 600000000);
    struct snapshot *n = snapshot_derive(a, b, &w->fields, 0);

    assert_int_equal(n->vms[0].vcpus[0].cpu_ratio.state, READING_WARMUP);
    assert_int_equal(snapshot_vcpu_value(n, &n->vms[0].vcpus[0], "exits").rate.state, READING_OK);
    snapshot_free(n);
    sample_free(a);
    sample_free(b);
}

static void a_sum_needs_every_vcpu(void **state)
{
    struct world *w = *state;
    struct sample *s = sample_at(w, 0);
    set_vcpu(s, 0, 100, 10, 0);
    s->vms[0].vcpus[1].entity.readings[EXITS] = reading_missing(READING_DENIED, CAUSE_NO_PTRACE);
    sample_add_vcpu_sums(s, &w->fields);

    assert_int_equal(s->vms[0].entity.readings[EXITS].state, READING_ABSENT);
    assert_int_equal(s->vms[0].entity.buckets[0], 0);
    sample_free(s);
}

static void a_vm_that_died_in_the_tick_is_left_out(void **state)
{
    struct world *w = *state;
    struct sample *s = sample_at(w, 0);
    s->vms[0].gone = true;
    struct snapshot *n = snapshot_derive(NULL, s, &w->fields, 0);

    assert_int_equal(n->vm_count, 1);
    assert_int_equal(n->vms[0].id.pid, 101);
    assert_null(snapshot_find(n, &w->vms[0].id));
    assert_ptr_equal(snapshot_find(n, &w->vms[1].id), &n->vms[0]);
    snapshot_free(n);
    sample_free(s);
}

static void a_field_that_came_later_has_no_rate_yet(void **state)
{
    struct world *w = *state;
    struct sample *a = sample_at(w, 0);
    struct field later = {"later", FIELD_VM, FIELD_CUMULATIVE, FIELD_NONE, 10, 0, 1, 0, 0};
    int f = field_table_add(&w->fields, &later);
    struct sample *b = sample_at(w, 1000000000);
    b->vms[0].entity.readings[f] = reading_ok(5, SOURCE_DEBUGFS);
    b->vms[0].entity.time_ns[SOURCE_DEBUGFS] = 1000000000;
    struct snapshot *n = snapshot_derive(a, b, &w->fields, 0);

    assert_int_equal(n->vms[0].values[f].rate.state, READING_WARMUP);
    snapshot_free(n);
    sample_free(a);
    sample_free(b);
}

/* The table has pages_4k only; the others are added. */
static void mapped_memory_is_summed_over_page_sizes_or_named_as_not_counted(void **state)
{
    struct world *w = *state;
    struct field big = {"pages_2m", FIELD_VM, FIELD_INSTANT, FIELD_NONE, 10, 0, 1, 0, 0};
    int pages_2m = field_table_add(&w->fields, &big);
    struct sample *s = sample_at(w, 0);
    s->vms[0].entity.readings[PAGES] = reading_ok(3, SOURCE_DEBUGFS);
    s->vms[0].entity.readings[pages_2m] = reading_ok(2, SOURCE_DEBUGFS);
    s->vms[1].entity.readings[PAGES] = reading_ok(0, SOURCE_DEBUGFS);
    s->vms[1].entity.readings[pages_2m] = reading_ok(0, SOURCE_DEBUGFS);
    s->vms[1].entity.readings[EXITS] = reading_ok(5, SOURCE_DEBUGFS);
    struct snapshot *n = snapshot_derive(NULL, s, &w->fields, 0);

    assert_int_equal(n->vms[0].mapped_bytes.state, READING_OK);
    assert_int_equal(n->vms[0].mapped_bytes.raw, 3 * 4096 + 2 * 2097152);
    assert_int_equal(n->vms[1].mapped_bytes.state, READING_ABSENT);
    assert_int_equal(n->vms[1].mapped_bytes.cause, CAUSE_NOT_COUNTED);
    snapshot_free(n);
    sample_free(s);
}

/* All gauges 0 of a guest whose exits could not be read: this host may not count. */
static void mapped_memory_is_no_0_when_nobody_knows_whether_the_guest_has_run(void **state)
{
    struct world *w = *state;
    struct field big = {"pages_2m", FIELD_VM, FIELD_INSTANT, FIELD_NONE, 10, 0, 1, 0, 0};
    int pages_2m = field_table_add(&w->fields, &big);
    struct sample *s = sample_at(w, 0);
    for (int i = 0; i < 2; i++) {
        s->vms[i].entity.readings[PAGES] = reading_ok(0, SOURCE_STATSFD);
        s->vms[i].entity.readings[pages_2m] = reading_ok(0, SOURCE_STATSFD);
    }
    s->vms[0].entity.readings[EXITS] = reading_missing(READING_DENIED, CAUSE_LOCKDOWN);
    s->vms[1].entity.readings[EXITS] = reading_ok(0, SOURCE_STATSFD);
    struct snapshot *n = snapshot_derive(NULL, s, &w->fields, 0);

    assert_int_equal(n->vms[0].mapped_bytes.state, READING_DENIED);
    assert_int_equal(n->vms[0].mapped_bytes.cause, CAUSE_LOCKDOWN);
    assert_int_equal(n->vms[1].mapped_bytes.state, READING_OK);
    assert_int_equal(n->vms[1].mapped_bytes.raw, 0);
    snapshot_free(n);
    sample_free(s);
}

static void totals_count_from_the_base(void **state)
{
    struct world *w = *state;
    struct sample *a = sample_at(w, 0), *b = sample_at(w, 1000000000);
    a->vms[0].entity.readings[EXITS] = reading_ok(1000, SOURCE_DEBUGFS);
    b->vms[0].entity.readings[EXITS] = reading_ok(1300, SOURCE_DEBUGFS);
    b->vms[1].entity.readings[EXITS] = reading_ok(7, SOURCE_DEBUGFS);
    b->vms[0].entity.readings[PAGES] = reading_ok(50, SOURCE_DEBUGFS);
    a->vms[0].entity.readings[PAGES] = reading_ok(40, SOURCE_DEBUGFS);
    a->vms[0].vcpus[1].entity.readings[EXITS] = reading_ok(600, SOURCE_STATSFD);
    b->vms[0].vcpus[1].entity.readings[EXITS] = reading_ok(650, SOURCE_STATSFD);
    struct snapshot *base = snapshot_derive(NULL, a, &w->fields, 0);
    struct snapshot *n = snapshot_derive(a, b, &w->fields, 0);
    const struct snapshot_vcpu *second = &n->vms[0].vcpus[1];

    assert_int_equal(snapshot_vcpu_total(base, &base->vms[0], n, second, EXITS).raw, 50);
    assert_int_equal(snapshot_vcpu_total(base, NULL, n, second, EXITS).raw, 650);
    assert_int_equal(snapshot_total(base, n, &n->vms[0], EXITS).raw, 300);
    assert_int_equal(snapshot_total(NULL, n, &n->vms[0], EXITS).raw, 1300);
    assert_int_equal(snapshot_total(base, n, &n->vms[1], EXITS).raw, 7);
    assert_int_equal(snapshot_total(base, n, &n->vms[0], PAGES).raw, 50);
    /* Cleared since: what was counted after the clearing. */
    assert_int_equal(snapshot_total(n, base, &base->vms[0], EXITS).raw, 1000);
    snapshot_free(base);
    snapshot_free(n);
    sample_free(a);
    sample_free(b);
}

/* A sample of the first VM's exits, the one after @prev (NULL: the first). */
static struct sample *exits_after(struct world *w, const struct sample *prev, struct reading exits)
{
    struct sample *s = sample_at(w, prev != NULL ? prev->read_ns + 1000000000 : 0);
    s->vms[0].entity.readings[EXITS] = exits;
    if (prev != NULL)
        sample_follow(prev, s);
    return s;
}

static void a_total_of_a_cleared_counter_that_passed_its_base_again_is_no_difference(void **state)
{
    struct world *w = *state;
    struct sample *a = exits_after(w, NULL, reading_ok(1000, SOURCE_DEBUGFS));
    struct sample *b = exits_after(w, a, reading_ok(5, SOURCE_DEBUGFS));
    struct sample *c = exits_after(w, b, reading_ok(1200, SOURCE_DEBUGFS));
    struct sample *d = exits_after(w, c, reading_ok(1300, SOURCE_DEBUGFS));
    struct snapshot *base = snapshot_derive(NULL, a, &w->fields, 0);
    struct snapshot *cleared = snapshot_derive(a, b, &w->fields, 0);
    struct snapshot *n = snapshot_derive(b, c, &w->fields, 0);
    struct snapshot *later = snapshot_derive(c, d, &w->fields, 0);

    assert_int_equal(snapshot_total(base, cleared, &cleared->vms[0], EXITS).raw, 5);
    assert_int_equal(snapshot_total(base, n, &n->vms[0], EXITS).raw, 1200);
    assert_int_equal(snapshot_total(base, later, &later->vms[0], EXITS).raw, 1300);
    /* A moment after the clearing knows nothing of it. */
    assert_int_equal(snapshot_total(n, later, &later->vms[0], EXITS).raw, 100);
    snapshot_free(base);
    snapshot_free(cleared);
    snapshot_free(n);
    snapshot_free(later);
    sample_free(a);
    sample_free(b);
    sample_free(c);
    sample_free(d);
}

/* So it is when BPF programs are loaded, and unloaded, while the monitor runs. */
static void sources_that_read_the_same_words_go_on_from_each_other(void **state)
{
    static const enum reading_source sources[] = {SOURCE_STATSFD, SOURCE_BPF, SOURCE_STATSFD};
    struct world *w = *state;
    struct sample *at[3];
    struct snapshot *n[3];

    for (size_t i = 0; i < 3; i++) {
        at[i] = exits_after(w, i > 0 ? at[i - 1] : NULL, reading_ok(1000 + 50 * i, sources[i]));
        at[i]->vms[0].entity.time_ns[sources[i]] = (i + 1) * 1000000000u;
        n[i] = snapshot_derive(i > 0 ? at[i - 1] : NULL, at[i], &w->fields, 0);
        if (i == 0)
            continue;
        assert_int_equal(n[i]->vms[0].values[EXITS].rate.state, READING_OK);
        assert_true(n[i]->vms[0].values[EXITS].rate.value == 50);
        assert_int_equal(snapshot_total(n[0], n[i], &n[i]->vms[0], EXITS).raw, 50 * i);
    }
    for (size_t i = 0; i < 3; i++) {
        snapshot_free(n[i]);
        sample_free(at[i]);
    }
}

/* It could not be read for a moment, or came from elsewhere: nobody has cleared it. */
static void a_gap_in_a_counter_is_no_clearing_of_it(void **state)
{
    struct world *w = *state;
    struct sample *a = exits_after(w, NULL, reading_ok(1000, SOURCE_STATSFD));
    struct sample *b = exits_after(w, a, reading_missing(READING_DENIED, CAUSE_FD_LIMIT));
    struct sample *c = exits_after(w, b, reading_ok(900, SOURCE_DEBUGFS));
    struct sample *d = exits_after(w, c, reading_ok(1200, SOURCE_STATSFD));
    struct snapshot *base = snapshot_derive(NULL, a, &w->fields, 0);
    struct snapshot *n = snapshot_derive(c, d, &w->fields, 0);

    assert_int_equal(snapshot_total(base, n, &n->vms[0], EXITS).raw, 200);
    snapshot_free(base);
    snapshot_free(n);
    sample_free(a);
    sample_free(b);
    sample_free(c);
    sample_free(d);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_first_tick_has_no_rates_and_no_zeros),
        TEST(rates_use_the_times_next_to_the_reads),
        TEST(a_counter_that_fell_is_a_reset_and_no_huge_rate),
        TEST(tsc_scaling_is_the_ratio_over_two_to_the_fraction_bits),
        TEST(a_change_of_source_gives_no_rate),
        TEST(a_reused_pid_is_another_vm),
        TEST(each_sample_that_misses_a_vm_of_the_one_before_is_counted),
        TEST(totals_are_void_in_both_intervals_in_which_a_vm_may_have_left_them),
        TEST(a_vcpu_whose_thread_changed_has_no_cpu_share_yet),
        TEST(a_sum_needs_every_vcpu),
        TEST(a_vm_that_died_in_the_tick_is_left_out),
        TEST(a_field_that_came_later_has_no_rate_yet),
        TEST(mapped_memory_is_summed_over_page_sizes_or_named_as_not_counted),
        TEST(mapped_memory_is_no_0_when_nobody_knows_whether_the_guest_has_run),
        TEST(totals_count_from_the_base),
        TEST(a_total_of_a_cleared_counter_that_passed_its_base_again_is_no_difference),
        TEST(sources_that_read_the_same_words_go_on_from_each_other),
        TEST(a_gap_in_a_counter_is_no_clearing_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
