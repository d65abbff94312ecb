// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "core/model/exits.h"

#define HLT 12u
#define IO  30u
#define MSR 31u
#define MS  1000000ull
#define S   1000000000ull

/* A count that is filled row by row, in order. */
struct maker {
    struct exits_count *c;
};

static struct maker make(uint64_t began_ns, uint64_t taken_ns)
{
    struct maker m = {exits_count_new(8, 32, 32, 3)};

    assert_non_null(m.c);
    m.c->thread_count = m.c->reason_count = m.c->key_count = 0;
    m.c->facts.state = EXITS_COUNTED;
    m.c->facts.began_ns = began_ns;
    m.c->facts.taken_ns = taken_ns;
    m.c->names[0] = (struct exits_name){EXIT_ISA_VMX, HLT, "HLT"};
    m.c->names[1] = (struct exits_name){EXIT_ISA_VMX, IO, "IO_INSTRUCTION"};
    m.c->names[2] = (struct exits_name){EXIT_ISA_VMX, MSR, "MSR_READ"};
    return m;
}

static struct exits_thread *thread(struct maker *m, pid_t pid, pid_t tid, uint64_t exits,
                                   uint64_t guest_ns)
{
    struct exits_thread *t = &m->c->threads[m->c->thread_count++];

    *t = (struct exits_thread){.tid = tid, .pid = pid, .exits = exits, .guest_ns = guest_ns};
    return t;
}

/* All of them in one bucket. */
static void reason(struct maker *m, pid_t tid, uint32_t number, uint64_t count, uint64_t timed,
                   uint64_t each_ns)
{
    struct exits_reason *r = &m->c->reasons[m->c->reason_count++];

    *r = (struct exits_reason){.tid = tid,
                               .isa = EXIT_ISA_VMX,
                               .reason = number,
                               .count = count,
                               .timed = timed,
                               .total_ns = timed * each_ns,
                               .min_ns = timed > 0 ? each_ns : 0,
                               .max_ns = timed > 0 ? each_ns : 0};
    if (timed > 0)
        r->buckets[63 - __builtin_clzll(each_ns)] = timed;
}

static void key(struct maker *m, pid_t tid, enum exit_key_kind kind, uint64_t value, uint64_t count)
{
    m->c->keys[m->c->key_count++] = (struct exits_key){tid, kind, value, count, count};
}

/* Two VMs in processes of their own, the first with two vCPUs. */
static const pid_t tids_a[] = {101, 102}, tids_b[] = {201};
static const struct exits_vm two_vms[] = {{100, true, 2, tids_a}, {200, true, 1, tids_b}};

static struct exits *derive(struct maker *before, struct maker *now)
{
    assert_true(exits_count_is_ordered(now->c));
    struct exits *e = exits_derive(before != NULL ? before->c : NULL, now->c, two_vms, 2);
    assert_non_null(e);
    return e;
}

static const struct exit_row *row(const struct exit_group *g, uint32_t number)
{
    for (size_t i = 0; i < g->row_count; i++)
        if (g->rows[i].reason == number)
            return &g->rows[i];
    return NULL;
}

static uint64_t key_count(const struct exit_group *g, enum exit_key_kind kind, uint64_t value,
                          bool interval)
{
    uint64_t count = 0;
    size_t found = 0;

    for (size_t i = 0; i < g->key_count; i++)
        if (g->keys[i].kind == kind && g->keys[i].value == value) {
            count = interval ? g->keys[i].interval_count : g->keys[i].count;
            found++;
        }
    assert_true(found <= 1);
    return count;
}

static void vcpus_add_up_to_vms_and_these_to_the_host(void **state)
{
    struct maker a = make(1, S), b = make(1, 3 * S);

    (void)state;
    thread(&a, 100, 101, 10, 100);
    reason(&a, 101, IO, 10, 10, 2000);
    key(&a, 101, EXIT_KEY_PORT_WRITE, 0x80, 10);
    thread(&b, 100, 101, 30, 300);
    reason(&b, 101, IO, 30, 30, 2000);
    key(&b, 101, EXIT_KEY_PORT_WRITE, 0x80, 30);
    thread(&b, 100, 102, 5, 50);
    reason(&b, 102, IO, 4, 4, 500);
    reason(&b, 102, MSR, 1, 1, 100);
    key(&b, 102, EXIT_KEY_PORT_READ, 0x71, 3);
    key(&b, 102, EXIT_KEY_PORT_WRITE, 0x80, 1);
    thread(&b, 200, 201, 7, 0);
    reason(&b, 201, IO, 7, 7, 4000);
    struct exits *e = derive(&a, &b);

    assert_true(e->interval_s == 2.0);
    assert_int_equal(row(&e->vcpus[0], IO)->interval.count, 20);
    assert_int_equal(row(&e->vcpus[0], IO)->all.count, 30);
    assert_int_equal(row(&e->vcpus[0], IO)->spent_ns, 20 * 2000);
    assert_int_equal(e->vcpus[0].guest_ns, 200);
    assert_string_equal(row(&e->vcpus[0], IO)->name, "IO_INSTRUCTION");
    /* A thread that is new counted all of it in the interval. */
    assert_int_equal(row(&e->vcpus[1], MSR)->interval.count, 1);
    const struct exit_row *io = row(&e->vms[0], IO);
    assert_int_equal(io->all.count, 34);
    assert_int_equal(io->interval.count, 24);
    assert_int_equal(io->min_ns, 500);
    assert_int_equal(io->max_ns, 2000);
    assert_int_equal(io->interval.buckets[10], 20);
    assert_int_equal(io->interval.buckets[8], 4);
    assert_int_equal(e->vms[0].row_count, 2);
    assert_int_equal(e->vms[0].threads, 2);
    assert_int_equal(e->vms[0].key_count, 2);
    assert_int_equal(key_count(&e->vms[0], EXIT_KEY_PORT_WRITE, 0x80, false), 31);
    assert_int_equal(key_count(&e->vms[0], EXIT_KEY_PORT_WRITE, 0x80, true), 21);
    assert_int_equal(row(&e->vms[1], IO)->interval.count, 7);
    assert_int_equal(row(&e->host, IO)->interval.count, 31);
    assert_int_equal(row(&e->host, IO)->max_ns, 4000);
    assert_int_equal(e->host.interval_exits, 32);
    assert_int_equal(e->host.exits, 42);
    assert_int_equal(e->strangers, 0);
    free(e);
    free(a.c);
    free(b.c);
}

/* A sample may end before the snapshot that was made of it. */
static void names_outlive_the_count(void **state)
{
    struct maker b = make(1, S);

    (void)state;
    thread(&b, 100, 101, 30, 300);
    reason(&b, 101, IO, 30, 30, 2000);
    struct exits *e = derive(NULL, &b);
    memset(b.c->names, 'x', b.c->name_count * sizeof(*b.c->names));
    assert_string_equal(row(&e->vcpus[0], IO)->name, "IO_INSTRUCTION");
    assert_string_equal(row(&e->vms[0], IO)->name, "IO_INSTRUCTION");
    assert_string_equal(row(&e->host, IO)->name, "IO_INSTRUCTION");
    free(e);
    free(b.c);
}

/* Leaf 1 of CPUID has no index, and what a guest has left in ECX says nothing. */
static void keys_that_mean_the_same_are_one(void **state)
{
    struct maker a = make(1, S), b = make(1, 2 * S);

    (void)state;
    thread(&a, 100, 101, 0, 0);
    key(&a, 101, EXIT_KEY_CPUID, 1ull << 32 | 1, 5);
    thread(&b, 100, 101, 0, 0);
    key(&b, 101, EXIT_KEY_CPUID, 1, 2);
    key(&b, 101, EXIT_KEY_CPUID, 7, 1);
    key(&b, 101, EXIT_KEY_CPUID, 1ull << 32 | 1, 8);
    key(&b, 101, EXIT_KEY_CPUID, 1ull << 32 | 7, 4);
    struct exits *e = derive(&a, &b);
    assert_int_equal(e->vcpus[0].key_count, 3);
    assert_int_equal(e->host.key_count, 3);
    assert_int_equal(key_count(&e->vcpus[0], EXIT_KEY_CPUID, 1, false), 10);
    assert_int_equal(key_count(&e->vcpus[0], EXIT_KEY_CPUID, 1, true), 5);
    assert_int_equal(key_count(&e->vms[0], EXIT_KEY_CPUID, 7, false), 1);
    assert_int_equal(key_count(&e->vms[0], EXIT_KEY_CPUID, 1ull << 32 | 7, true), 4);
    assert_int_equal(e->host.events, 15);
    free(e);
    free(a.c);
    free(b.c);
}

/* A vCPU that halts for ten seconds halts in each of them, and not in the last. */
static void what_is_still_going_on_is_spent_now(void **state)
{
    struct maker a = make(1, 10 * S), b = make(1, 11 * S), c = make(1, 12 * S);
    struct exits_thread *t = thread(&a, 100, 101, 5, 100);

    (void)state;
    reason(&a, 101, HLT, 5, 4, 1000);
    t->open_ns = 3 * S;
    t->open_isa = EXIT_ISA_VMX;
    t->open_reason = HLT;
    t = thread(&b, 100, 101, 5, 100);
    reason(&b, 101, HLT, 5, 4, 1000);
    t->open_ns = 4 * S;
    t->open_isa = EXIT_ISA_VMX;
    t->open_reason = HLT;
    /* It came back 250 ms after b, and stayed in the guest. */
    thread(&c, 100, 101, 5, 100 + 750 * MS);
    reason(&c, 101, HLT, 5, 5, 1000);
    struct exits_reason *r = &c.c->reasons[0];
    r->total_ns = 4 * 1000 + 4 * S + 250 * MS;

    struct exits *e = derive(&a, &b);
    assert_int_equal(row(&e->vcpus[0], HLT)->spent_ns, S);
    assert_int_equal(row(&e->vcpus[0], HLT)->interval.count, 0);
    assert_int_equal(e->vcpus[0].halt_ns, S);
    assert_int_equal(e->vcpus[0].work_ns, 0);
    assert_true(row(&e->vcpus[0], HLT)->is_halt);
    free(e);
    e = derive(&b, &c);
    assert_int_equal(e->vms[0].halt_ns, 250 * MS);
    assert_int_equal(e->vms[0].guest_ns, 750 * MS);
    assert_int_equal(row(&e->vcpus[0], HLT)->interval.timed, 1);
    free(e);
    free(a.c);
    free(b.c);
    free(c.c);
}

/* The number of a thread that ended belongs to another one now. */
static void a_thread_that_has_less_is_another_one(void **state)
{
    struct maker a = make(1, S), b = make(1, 2 * S);

    (void)state;
    thread(&a, 100, 101, 50, 900);
    reason(&a, 101, IO, 50, 50, 2000);
    key(&a, 101, EXIT_KEY_PORT_WRITE, 0x80, 50);
    thread(&b, 100, 101, 60, 30);
    reason(&b, 101, IO, 3, 3, 2000);
    reason(&b, 101, MSR, 57, 57, 100);
    key(&b, 101, EXIT_KEY_PORT_WRITE, 0x80, 60);
    struct exits *e = derive(&a, &b);
    assert_int_equal(row(&e->vcpus[0], IO)->interval.count, 3);
    assert_int_equal(row(&e->vcpus[0], MSR)->interval.count, 57);
    assert_int_equal(e->vcpus[0].interval_exits, 60);
    assert_int_equal(e->vcpus[0].guest_ns, 30);
    assert_int_equal(key_count(&e->vcpus[0], EXIT_KEY_PORT_WRITE, 0x80, true), 60);
    free(e);
    free(a.c);
    free(b.c);
}

static void counts_of_another_beginning_make_no_interval(void **state)
{
    struct maker a = make(1, S), b = make(2, 2 * S);

    (void)state;
    thread(&a, 100, 101, 5, 0);
    reason(&a, 101, IO, 5, 5, 2000);
    thread(&b, 100, 101, 60, 0);
    reason(&b, 101, IO, 60, 60, 2000);
    struct exits *e = derive(&a, &b);
    assert_true(e->interval_s == 0);
    assert_int_equal(row(&e->vcpus[0], IO)->interval.count, 0);
    assert_int_equal(row(&e->vcpus[0], IO)->all.count, 60);
    assert_int_equal(e->vcpus[0].interval_exits, 0);
    assert_true(exit_group_cost(e, &e->vcpus[0]) == 0);
    free(e);
    e = derive(NULL, &b);
    assert_true(e->interval_s == 0);
    free(e);
    free(a.c);
    free(b.c);
}

/* The counter goes on, and was told to watch another process: that it counted nothing of it before
 * does not mean that nothing happened. */
static void counts_of_another_process_make_no_interval(void **state)
{
    const struct {
        pid_t before, now;
        bool is_interval;
    } cases[] = {{100, 200, false}, {100, 0, false}, {0, 100, true}, {100, 100, true}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct maker a = make(1, S), b = make(1, 2 * S);
        a.c->facts.pid = cases[i].before;
        b.c->facts.pid = cases[i].now;
        struct exits *e = derive(&a, &b);
        assert_true((e->interval_s > 0) == cases[i].is_interval);
        free(e);
        free(a.c);
        free(b.c);
    }
}

/* Its process says whose it is, where that has one VM; else nobody knows. */
static void threads_that_are_no_known_vcpu_have_their_place(void **state)
{
    static const pid_t none[] = {0};
    static const struct exits_vm shared[] = {
        {100, true, 1, none}, {200, false, 1, none}, {200, false, 1, none}};
    struct maker b = make(1, 2 * S);

    (void)state;
    thread(&b, 100, 150, 5, 0);
    reason(&b, 150, IO, 5, 5, 2000);
    thread(&b, 200, 250, 6, 0);
    reason(&b, 250, IO, 6, 6, 2000);
    thread(&b, 300, 350, 7, 0);
    reason(&b, 350, IO, 7, 7, 2000);
    struct exits *e = exits_derive(NULL, b.c, shared, 3);
    assert_non_null(e);
    assert_int_equal(e->vms[0].exits, 5);
    assert_int_equal(e->vcpus[0].threads, 0);
    assert_int_equal(e->vms[1].threads + e->vms[2].threads, 0);
    assert_int_equal(e->strangers, 2);
    assert_int_equal(e->host.exits, 18);
    free(e);
    free(b.c);
}

static void rows_that_are_out_of_order_are_seen(void **state)
{
    struct maker a = make(1, S);

    (void)state;
    thread(&a, 100, 101, 5, 0);
    reason(&a, 101, IO, 5, 5, 2000);
    reason(&a, 101, MSR, 5, 5, 2000);
    assert_true(exits_count_is_ordered(a.c));
    a.c->reasons[1].reason = IO;
    assert_false(exits_count_is_ordered(a.c));
    a.c->reasons[1].reason = 99; /* without a name */
    assert_false(exits_count_is_ordered(a.c));
    free(a.c);
}

static void quantiles_lie_within_their_bucket(void **state)
{
    uint64_t buckets[EXIT_BUCKETS] = {0};

    (void)state;
    assert_int_equal(exit_quantile(buckets, 0.5, 0, 0), 0);
    buckets[10] = 100; /* 1024 to 2047 */
    assert_int_equal(exit_quantile(buckets, 0.5, 1024, 2047), 1536);
    assert_int_equal(exit_quantile(buckets, 0.99, 1024, 1500), 1500);
    assert_int_equal(exit_quantile(buckets, 0.01, 1200, 1500), 1200);
    buckets[20] = 1; /* one of 101 is far slower */
    assert_in_range(exit_quantile(buckets, 0.99, 1024, 2000000), 1024, 2047);
    assert_in_range(exit_quantile(buckets, 1.0, 1024, 2000000), 1u << 20, 2000000);
    memset(buckets, 0, sizeof(buckets));
    buckets[EXIT_BUCKETS - 1] = 1;
    assert_int_equal(exit_quantile(buckets, 1, 0, 7ull << 40), 7ull << 40);
    assert_in_range(exit_quantile(buckets, 0.5, 0, 7ull << 40), 1ull << 39, 7ull << 40);
}

static void what_counting_costs_is_a_share_of_the_time_of_the_threads(void **state)
{
    struct maker a = make(1, S), b = make(1, 2 * S);

    (void)state;
    thread(&a, 100, 101, 0, 0);
    thread(&b, 100, 101, 100000, 0);
    reason(&b, 101, IO, 100000, 100000, 2000);
    key(&b, 101, EXIT_KEY_PORT_WRITE, 0x80, 100000);
    thread(&b, 100, 102, 0, 0);
    struct exits *e = derive(&a, &b);
    /* An exit, an entry and a port each: three events of 250 ns. */
    assert_true(exit_group_cost(e, &e->vcpus[0]) > 0.0749 &&
                exit_group_cost(e, &e->vcpus[0]) < 0.0751);
    assert_true(exit_group_cost(e, &e->vms[0]) > 0.0374 && exit_group_cost(e, &e->vms[0]) < 0.0376);
    free(e);
    free(a.c);
    free(b.c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vcpus_add_up_to_vms_and_these_to_the_host),
        cmocka_unit_test(names_outlive_the_count),
        cmocka_unit_test(keys_that_mean_the_same_are_one),
        cmocka_unit_test(what_is_still_going_on_is_spent_now),
        cmocka_unit_test(a_thread_that_has_less_is_another_one),
        cmocka_unit_test(counts_of_another_beginning_make_no_interval),
        cmocka_unit_test(counts_of_another_process_make_no_interval),
        cmocka_unit_test(threads_that_are_no_known_vcpu_have_their_place),
        cmocka_unit_test(rows_that_are_out_of_order_are_seen),
        cmocka_unit_test(quantiles_lie_within_their_bucket),
        cmocka_unit_test(what_counting_costs_is_a_share_of_the_time_of_the_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
