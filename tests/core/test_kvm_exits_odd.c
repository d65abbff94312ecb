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
    struct kvm_exits_thread_value value = {
        .is = {.tgid = (uint32_t)getpid(), .reasons = reasons}};

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
    assert_int_equal(seen, 70);
    trace_format_done(&format);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, exits_bench_setup, exits_bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(exits_of_a_nested_guest_are_marked),
        CASE(reasons_that_stand_apart_are_counted_as_well),
        CASE(reasons_without_room_are_counted),
        CASE(others_see_their_events_as_well),
        CASE(an_exit_after_an_exit_has_no_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
