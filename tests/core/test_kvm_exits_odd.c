// SPDX-License-Identifier: MIT
/*
 * Exits that are counted in the kernel where they are rare or too many: guests of guests, reasons
 * that stand apart from their thread, what finds no room, exits without an entry.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/bpf/exit_format.h"
#include "core/bpf/kvm_exits_internal.h"
#include "tests/lib/exit_rivals.h"
#include "tests/lib/exits_bench.h"
#include "tests/lib/nested_guest.h"

static const struct minivm_work works[] = {
    {MINIVM_WORK_PORT_WRITE, 70, 0x84},
    {MINIVM_WORK_CPUID, 30, 1},
    {MINIVM_WORK_MSR_READ, 20, 0x1b},
    {MINIVM_WORK_HALT, 3, 0},
};

static struct minivm *start(void)
{
    return exits_bench_start(works, sizeof(works) / sizeof(works[0]), 1, 1);
}

/* --- guests of guests ------------------------------------------------------------------------- */

static void exits_of_a_nested_guest_are_marked(void **state)
{
    struct exits_bench *b = exits_bench_of(state);
    const pid_t self = getpid();
    struct error err = {0};

    int result = nested_guest_run(1000, &err);
    if (result == -ENOTSUP) {
        print_message("skipped: %s\n", err.msg);
        skip();
    }
    if (result < 0)
        fail_msg("%s", err.msg);
    exits_bench_look(b);
    assert_true(kvm_exits_has(b->exits, KVM_EXITS_EVENT_NESTED));
    assert_int_equal(exits_bench_key(b, self, EXIT_KEY_NESTED, SVM_CPUID).count, 1000);
    assert_int_equal(exits_bench_key(b, self, EXIT_KEY_NESTED, SVM_HYPERCALL).count, 1);
    assert_int_equal(exits_bench_key(b, self, EXIT_KEY_NESTED, SVM_IO).count, 0);
    /* Exits they are all the same: L1 did none of these. */
    assert_int_equal(exits_bench_reason(b, self, SVM_CPUID)->count, 1000);
    assert_int_equal(exits_bench_reason(b, self, SVM_HYPERCALL)->count, 1);
    assert_int_equal(exits_bench_reason(b, self, SVM_IO)->count, 1);
    print_message("nested: %llu ns from an exit of L2 to the next entry\n",
                  (unsigned long long)exits_bench_reason(b, self, SVM_CPUID)->total_ns / 1000);
}

/* --- room ------------------------------------------------------------------------------------- */

/* As if the thread had had so many other reasons before. */
static void fill_thread(struct exits_bench *b, uint32_t tid, uint32_t reasons)
{
    struct kvm_exits_thread_value value = {.is = {.tgid = (uint32_t)getpid(), .reasons = reasons}};

    for (uint32_t i = 0; i < KVM_EXITS_NEAR_REASONS; i++)
        value.near_reasons[i] = 0xf0000000 + i;
    exits_bench_look(b);
    kvm_exits_forget(b->exits, &b->reading, tid);
    assert_int_equal(bpf_map_update_elem(b->exits->threads_map, &tid, &value, BPF_ANY), 0);
}

static void reasons_that_stand_apart_are_counted_as_well(void **state)
{
    struct exits_bench *b = exits_bench_of(state);
    struct minivm *vm = start();
    const pid_t tid = minivm_info(vm)->vcpus[0].tid;

    fill_thread(b, (uint32_t)tid, KVM_EXITS_NEAR_REASONS);
    minivm_go(vm);
    exits_bench_wait(vm);
    exits_bench_settle(b);
    if (exits_bench_thread(b, tid)->exits == 0)
        assert_true(exits_bench_is_emulated());
    else {
        const uint64_t writes = minivm_did(vm, 0).io_exits - 1;
        assert_int_equal(exits_bench_reason(b, tid, SVM_IO)->count, writes);
        assert_int_equal(exits_bench_reason(b, tid, SVM_IO)->timed, writes);
        assert_int_equal(exits_bench_reason(b, tid, SVM_CPUID)->count, 30);
        assert_int_equal(exits_bench_reason(b, tid, SVM_MSR)->timed, 20);
        assert_int_equal(exits_bench_reason(b, tid, SVM_HLT)->count, 3 + 1);
        assert_int_equal(exits_bench_reason(b, tid, SVM_HLT)->timed, 3);
        assert_true(exits_bench_thread(b, tid)->reasons >= KVM_EXITS_NEAR_REASONS + 4);
    }
    kvm_exits_forget(b->exits, &b->reading, (uint32_t)tid);
    exits_bench_look(b);
    assert_null(exits_bench_thread(b, tid));
    assert_int_equal(exits_bench_reason(b, tid, SVM_IO)->count, 0);
    assert_int_equal(b->reading.lost[EXIT_LOST_REASONS], 0);
    minivm_stop(vm);
}

/* The kernel has made its row, and not yet written whose it is. */
static void a_thread_that_is_just_being_added_is_not_read(void **state)
{
    struct exits_bench *b = exits_bench_of(state);
    const struct kvm_exits_thread_value value = {.is = {.tgid = 0}};
    const uint32_t tid = 0x70000000;

    assert_int_equal(bpf_map_update_elem(b->exits->threads_map, &tid, &value, BPF_ANY), 0);
    exits_bench_look(b);
    assert_null(exits_bench_thread(b, (pid_t)tid));
}

/* The thread has as many as it may, and of this one there is no row. */
static void reasons_without_room_are_counted(void **state)
{
    struct exits_bench *b = exits_bench_of(state);
    struct minivm *vm = start();
    const pid_t tid = minivm_info(vm)->vcpus[0].tid;

    fill_thread(b, (uint32_t)tid, KVM_EXITS_THREAD_REASONS);
    minivm_go(vm);
    exits_bench_wait(vm);
    exits_bench_settle(b);
    const uint64_t exits = exits_bench_thread(b, tid)->exits;
    if (exits == 0)
        assert_true(exits_bench_is_emulated());
    else
        assert_true(exits >= 75 + 30 + 20 + 4);
    assert_int_equal(b->reading.lost[EXIT_LOST_REASONS], exits);
    assert_int_equal(exits_bench_reason(b, tid, SVM_IO)->count, 0);
    assert_int_equal(exits_bench_key(b, tid, EXIT_KEY_PORT_WRITE, 0x84).count, 70);
    minivm_stop(vm);
}

/* --- crowds ----------------------------------------------------------------------------------- */

#define VCPUS 64

/* What the VMM knows of all vCPUs: an event for the port and one for the return to it, each. */
static uint64_t events_of(const struct minivm *vm)
{
    uint64_t events = 0;

    for (unsigned i = 0; i < minivm_info(vm)->vcpu_count; i++)
        events += 2 * minivm_did(vm, i).io_exits;
    return events;
}

/* Of this process. */
static uint64_t events_in_rows(const struct exits_bench *b)
{
    uint64_t events = 0;

    for (size_t i = 0; i < b->reading.key_count; i++)
        if (exits_bench_thread(b, (pid_t)b->reading.keys[i].key.tid) != NULL)
            events += b->reading.keys[i].is.events;
    return events;
}

static void each_event_of_a_crowd_is_counted(void **state)
{
    struct exits_bench *b = exits_bench_of(state);
    const struct minivm_work work = {MINIVM_WORK_PORT_WRITE, exits_bench_is_emulated() ? 50 : 5,
                                     0x84};
    struct minivm *vm = exits_bench_start(&work, 1, VCPUS, 1);
    struct timespec begin, end;

    clock_gettime(CLOCK_MONOTONIC, &begin);
    minivm_go(vm);
    exits_bench_wait(vm);
    clock_gettime(CLOCK_MONOTONIC, &end);
    exits_bench_settle(b);
    for (unsigned i = 0; i < VCPUS; i++)
        assert_int_equal(
            exits_bench_key(b, minivm_info(vm)->vcpus[i].tid, EXIT_KEY_PORT_WRITE, 0x84).count,
            work.count * (1 + i));
    assert_int_equal(events_in_rows(b), events_of(vm));
    for (unsigned i = 0; i < EXIT_LOST_COUNT; i++)
        assert_int_equal(b->reading.lost[i], 0);
    assert_int_equal(b->reading.missed, 0);
    const double seconds =
        (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
    print_message("crowd: %u vCPUs, %.0f port writes/s, all counted\n", VCPUS,
                  (double)events_of(vm) / 2 / seconds);
    minivm_stop(vm);
}

/* A guest that makes up ports takes no room of the others; what it does is counted still. */
static void a_thread_takes_no_more_than_its_keys(void **state)
{
    struct exits_bench *b = exits_bench_of(state);
    const struct minivm_work work = {MINIVM_WORK_PORT_SWEEP, KVM_EXITS_THREAD_KEYS + 200, 0x1000};
    struct minivm *vm = exits_bench_start(&work, 1, 1, 1);

    minivm_go(vm);
    exits_bench_wait(vm);
    exits_bench_settle(b);
    assert_int_equal(b->reading.key_count, KVM_EXITS_THREAD_KEYS);
    /* Two keys were there before, of the port and the return that say that it runs; and the last
     * two writes, which say that it is done, come too late as well. */
    assert_int_equal(b->reading.lost[EXIT_LOST_KEYS], 200 + 2 + 2);
    assert_int_equal(events_in_rows(b) + b->reading.lost[EXIT_LOST_KEYS], events_of(vm));
    minivm_stop(vm);
}

/* Keys of threads that are not there, until so many are left. */
static void fill_keys(struct exits_bench *b, uint32_t left)
{
    const uint32_t count = KVM_EXITS_KEYS_MAX - left;
    struct kvm_exits_key *keys = calloc(count, sizeof(*keys));
    struct kvm_exits_key_value *values = calloc(count, sizeof(*values));
    uint32_t done = count;

    assert_non_null(keys);
    assert_non_null(values);
    for (uint32_t i = 0; i < count; i++)
        keys[i] = (struct kvm_exits_key){.tid = 0x70000000 + i};
    assert_int_equal(bpf_map_update_batch(b->exits->keys_map, keys, values, &done, NULL), 0);
    assert_int_equal(done, count);
    free(keys);
    free(values);
}

static void a_crowd_that_fills_the_map_loses_nothing_uncounted(void **state)
{
    struct exits_bench *b = exits_bench_of(state);
    const struct minivm_work work = {MINIVM_WORK_PORT_SWEEP, 1, 0x1000};
    struct minivm *vm = exits_bench_start(&work, 1, VCPUS, 40);

    fill_keys(b, 1000);
    minivm_go(vm);
    exits_bench_wait(vm);
    exits_bench_settle(b);
    /* CPUs keep some free places back for themselves. */
    assert_in_range(b->reading.key_count, KVM_EXITS_KEYS_MAX - 1000, KVM_EXITS_KEYS_MAX);
    assert_true(b->reading.lost[EXIT_LOST_KEYS] > 0);
    assert_int_equal(events_in_rows(b) + b->reading.lost[EXIT_LOST_KEYS], events_of(vm));
    print_message("crowd: map full: %llu events counted one by one, %llu without room\n",
                  (unsigned long long)events_in_rows(b),
                  (unsigned long long)b->reading.lost[EXIT_LOST_KEYS]);
    assert_int_equal(b->reading.missed, 0);
    minivm_stop(vm);
}

/* --- exits without an entry ------------------------------------------------------------------- */

/* Where KVM enters the guest again without saying so, as some versions do in their quick paths. */
static void an_exit_after_an_exit_has_no_time(void **state)
{
    struct exits_bench *b = exits_bench_of(state);
    const unsigned entry = KVM_EXITS_EVENT_COUNT;
    struct minivm *vm = start();
    const pid_t tid = minivm_info(vm)->vcpus[0].tid;

    close(b->exits->attached_fds[entry]);
    b->exits->attached_fds[entry] = -1;
    exits_bench_look(b);
    kvm_exits_forget(b->exits, &b->reading, (uint32_t)tid);
    minivm_go(vm);
    exits_bench_wait(vm);
    exits_bench_settle(b);
    const struct kvm_exits_thread *t = exits_bench_thread(b, tid);
    assert_non_null(t);
    if (exits_bench_has_reasons(b)) {
        assert_true(t->exits >= 75 + 30 + 20 + 4);
        assert_int_equal(t->untimed, t->exits - 1);
        assert_int_equal(t->guest_ns, 0);
        assert_int_equal(exits_bench_reason(b, tid, SVM_CPUID)->count, 30);
        assert_int_equal(exits_bench_reason(b, tid, SVM_CPUID)->timed, 0);
        assert_int_equal(exits_bench_reason(b, tid, SVM_CPUID)->max_ns, 0);
    }
    minivm_stop(vm);
}

/* --- others that look at the same events ------------------------------------------------------ */

/* How many of 70 port writes a counter of perf sees meanwhile. */
static uint64_t seen_by_others(struct exits_bench *b, uint32_t event)
{
    const struct exit_filter port = {.event = event, .field = "port", .count = 1, .last = 0x84};
    struct exit_filters *others;
    struct error err = {0};
    struct minivm *vm = start();

    if (exit_filters_open(&port, 1, &others, &err) < 0)
        fail_msg("%s", err.msg);
    minivm_go(vm);
    exits_bench_wait(vm);
    const uint64_t seen = exit_filters_close(others);
    exits_bench_look(b);
    assert_int_equal(
        exits_bench_key(b, minivm_info(vm)->vcpus[0].tid, EXIT_KEY_PORT_WRITE, 0x84).count, 70);
    minivm_stop(vm);
    return seen;
}

/*
 * What a program returns decides whether perf's users see the event, all of them. Programs of
 * somebody else may hide it for a while.
 */
static void others_see_their_events_as_well(void **state)
{
    struct exits_bench *b = exits_bench_of(state);
    struct trace_format format;
    struct error err = {0};
    uint64_t seen = 0;

    if (trace_format_read(&b->root, "kvm_pio", &format, &err) < 0)
        fail_msg("%s", err.msg);
    for (int i = 0; i < 50 && seen < 70; i++) {
        poll(NULL, 0, i == 0 ? 0 : 200);
        seen = seen_by_others(b, format.id);
    }
    assert_true(seen >= 70); /* of the whole host */
    trace_format_done(&format);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, exits_bench_setup, exits_bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_thread_that_is_just_being_added_is_not_read),
        CASE(exits_of_a_nested_guest_are_marked),
        CASE(reasons_that_stand_apart_are_counted_as_well),
        CASE(reasons_without_room_are_counted),
        CASE(each_event_of_a_crowd_is_counted),
        CASE(a_thread_takes_no_more_than_its_keys),
        CASE(a_crowd_that_fills_the_map_loses_nothing_uncounted),
        CASE(others_see_their_events_as_well),
        CASE(an_exit_after_an_exit_has_no_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
