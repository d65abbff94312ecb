// SPDX-License-Identifier: MIT
/* Which of the threads that were counted are still those that are meant. */
#include "core/collect/exits_threads.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define ROWS_MAX 3000
#define NOBODY   1u /* a thread that is in no process of ours */

struct bench {
    struct message_count wanted;
    struct kvm_exits_thread_row rows[ROWS_MAX];
    struct kvm_exits_reading reading;
    struct exits_watch watch;
    struct exits_threads threads;
};

static int setup(void **state)
{
    static struct bench b;

    memset(&b, 0, sizeof(b));
    b.reading.threads = b.rows;
    b.watch.is_all = true;
    *state = &b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;

    exits_threads_done(&b->threads);
    exits_watch_done(&b->watch);
    return 0;
}

static void add_vm(struct bench *b, pid_t pid, uint32_t vm, pid_t first_tid, uint32_t vcpus)
{
    for (uint32_t i = 0; i < vcpus; i++)
        b->wanted.vcpus[b->wanted.count++] =
            (struct exits_vcpu){.tid = first_tid + (pid_t)i, .pid = pid, .vm = vm};
}

/* Ascending thread. */
static void add_row(struct bench *b, uint32_t tgid, uint32_t tid)
{
    assert_true(b->reading.thread_count < ROWS_MAX);
    b->rows[b->reading.thread_count++] =
        (struct kvm_exits_thread_row){tid, {.tgid = tgid, .exits = 1}};
}

static void follow(struct bench *b)
{
    assert_int_equal(exits_threads_follow(&b->threads, &b->wanted, &b->reading, &b->watch), 0);
}

static bool is_past(const struct bench *b, pid_t tid)
{
    return exits_threads_is_past(&b->threads, tid);
}

/* --- whose are watched ------------------------------------------------------------------------ */

static void one_process_or_those_of_a_narrow_scope_or_all(void **state)
{
    struct bench *b = *state;
    struct exits_watch watch, again;

    add_vm(b, 10, 31, 100, 1);
    add_vm(b, 10, 41, 101, 1);
    add_vm(b, 20, 31, 200, 1);
    assert_int_equal(exits_watch_choose(&b->wanted, false, &watch), 0);
    assert_true(watch.is_all && exits_watch_has(&watch, 999));
    exits_watch_done(&watch);
    assert_int_equal(exits_watch_choose(&b->wanted, true, &watch), 0);
    assert_int_equal(watch.count, 2);
    assert_true(exits_watch_has(&watch, 10) && exits_watch_has(&watch, 20));
    assert_false(exits_watch_has(&watch, 999));
    b->wanted.pid = 20;
    assert_int_equal(exits_watch_choose(&b->wanted, true, &again), 0);
    b->wanted.pid = 0;
    assert_int_equal(again.count, 1);
    assert_true(exits_watch_has(&again, 20) && !exits_watch_has(&again, 10));
    assert_false(exits_watch_equal(&watch, &again));
    exits_watch_done(&again);
    assert_int_equal(exits_watch_choose(&b->wanted, true, &again), 0);
    assert_true(exits_watch_equal(&watch, &again));
    exits_watch_done(&again);
    exits_watch_done(&watch);
    /* Zeroed memory watches nobody. */
    assert_false(exits_watch_has(&watch, 10));
    b->wanted.count = 0;
    assert_int_equal(exits_watch_choose(&b->wanted, true, &again), 0);
    assert_true(exits_watch_equal(&watch, &again) && !again.is_all);
    exits_watch_done(&again);
}

static void more_processes_than_the_kernel_watches_are_all(void **state)
{
    struct bench *b = *state;
    struct exits_watch watch;

    for (uint32_t i = 0; i <= KVM_EXITS_WATCHED_MAX; i++) /* no thread of them is known */
        add_vm(b, 100 + (pid_t)i, i, 0, 1);
    assert_int_equal(exits_watch_choose(&b->wanted, true, &watch), 0);
    assert_true(watch.is_all);
    exits_watch_done(&watch);
    b->wanted.count--;
    assert_int_equal(exits_watch_choose(&b->wanted, true, &watch), 0);
    assert_false(watch.is_all);
    assert_int_equal(watch.count, KVM_EXITS_WATCHED_MAX);
    exits_watch_done(&watch);
    /* Who is not in the list shall not be missed. */
    b->wanted.is_cut = 1;
    assert_int_equal(exits_watch_choose(&b->wanted, true, &watch), 0);
    assert_true(watch.is_all);
    exits_watch_done(&watch);
}

/* --- what is past ----------------------------------------------------------------------------- */

static void threads_of_the_sample_go_on(void **state)
{
    struct bench *b = *state;

    add_vm(b, 10, 31, 100, 2);
    add_row(b, 10, 100);
    add_row(b, 10, 101);
    for (int i = 0; i < 3; i++) {
        follow(b);
        assert_false(is_past(b, 100) || is_past(b, 101));
        assert_int_equal(b->threads.count, 2);
    }
}

/* Also where a tick had neither the old VM nor the new one. */
static void a_thread_that_runs_another_vm_begins_anew(void **state)
{
    struct bench *b = *state;

    add_vm(b, getpid(), 31, getpid(), 1);
    add_row(b, (uint32_t)getpid(), (uint32_t)getpid());
    follow(b);
    b->wanted.count = 0;
    follow(b);
    assert_false(is_past(b, getpid()));
    add_vm(b, getpid(), 32, getpid(), 1);
    follow(b);
    assert_true(is_past(b, getpid()));
    follow(b); /* it is not forgotten yet */
    assert_true(is_past(b, getpid()));
    exits_threads_forgot(&b->threads, getpid());
    follow(b);
    assert_false(is_past(b, getpid()));
}

static void a_thread_of_two_vms_is_always_that_of_the_first(void **state)
{
    struct bench *b = *state;

    add_vm(b, 10, 31, 100, 1);
    add_vm(b, 10, 91, 100, 1);
    add_row(b, 10, 100);
    follow(b);
    follow(b);
    assert_false(is_past(b, 100));
    assert_int_equal(b->threads.items[0].vm, 31);
    b->wanted.vcpus[0] = b->wanted.vcpus[--b->wanted.count];
    follow(b);
    assert_true(is_past(b, 100));
}

static void who_is_not_watched_any_more_is_past(void **state)
{
    struct bench *b = *state;
    pid_t *pids = calloc(1, sizeof(*pids));

    assert_non_null(pids);
    pids[0] = 20;
    add_vm(b, 10, 31, 100, 1);
    add_vm(b, 20, 31, 200, 1);
    add_row(b, 10, 100);
    add_row(b, 20, 200);
    follow(b);
    assert_false(is_past(b, 100));
    b->watch = (struct exits_watch){.pids = pids, .count = 1};
    follow(b);
    assert_true(is_past(b, 100));
    assert_false(is_past(b, 200));
    /* What was counted before goes all the same, for there is a gap in it. */
    exits_watch_done(&b->watch);
    b->watch.is_all = true;
    follow(b);
    assert_true(is_past(b, 100));
}

static void a_thread_that_has_ended_is_past(void **state)
{
    struct bench *b = *state;

    add_row(b, (uint32_t)getpid(), NOBODY);
    add_row(b, (uint32_t)getpid(), (uint32_t)getpid());
    follow(b);
    assert_true(is_past(b, NOBODY));
    assert_false(is_past(b, getpid()));
}

/* Its number is in the sample, but as a thread of another process. */
static void a_number_that_another_process_has_now_is_past(void **state)
{
    struct bench *b = *state;

    add_vm(b, 10, 31, (pid_t)NOBODY, 1);
    add_row(b, (uint32_t)getpid(), NOBODY);
    follow(b);
    assert_true(is_past(b, (pid_t)NOBODY));
}

static size_t past_of(const struct bench *b)
{
    size_t count = 0;

    for (size_t i = 0; i < b->threads.count; i++)
        count += b->threads.items[i].is_past;
    return count;
}

static void not_all_are_asked_after_in_one_tick_but_each_in_its_turn(void **state)
{
    struct bench *b = *state;
    const size_t ended = 3 * EXITS_PROBES_MAX;

    for (uint32_t i = 0; i < ended; i++)
        add_row(b, (uint32_t)getpid(), 0x40000000 + i); /* above any that there can be */
    for (size_t tick = 1; tick <= 3; tick++) {
        follow(b);
        assert_int_equal(past_of(b), tick * EXITS_PROBES_MAX);
    }
}

/* A host that starts and ends hundreds of small VMs in a second: the table must not fill up. */
static void the_more_threads_there_are_the_more_are_asked_after(void **state)
{
    struct bench *b = *state;
    const size_t ended = 40 * EXITS_PROBES_MAX;

    for (uint32_t i = 0; i < ended; i++)
        add_row(b, (uint32_t)getpid(), 0x40000000 + i);
    follow(b);
    assert_int_equal(past_of(b), ended / EXITS_PROBES_SHARE);
}

/* Threads that live are asked after again and again, and hide none that has ended. */
static void the_living_keep_no_turn_from_others(void **state)
{
    struct bench *b = *state;

    add_row(b, (uint32_t)getpid(), (uint32_t)getpid());
    for (uint32_t i = 0; i < EXITS_PROBES_MAX; i++)
        add_row(b, (uint32_t)getpid(), 0x40000000 + i);
    follow(b);
    assert_int_equal(past_of(b), EXITS_PROBES_MAX - 1);
    follow(b);
    assert_int_equal(past_of(b), EXITS_PROBES_MAX);
    assert_false(is_past(b, getpid()));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    static const struct CMUnitTest tests[] = {
        CASE(one_process_or_those_of_a_narrow_scope_or_all),
        CASE(more_processes_than_the_kernel_watches_are_all),
        CASE(threads_of_the_sample_go_on),
        CASE(a_thread_that_runs_another_vm_begins_anew),
        CASE(a_thread_of_two_vms_is_always_that_of_the_first),
        CASE(who_is_not_watched_any_more_is_past),
        CASE(a_thread_that_has_ended_is_past),
        CASE(a_number_that_another_process_has_now_is_past),
        CASE(not_all_are_asked_after_in_one_tick_but_each_in_its_turn),
        CASE(the_more_threads_there_are_the_more_are_asked_after),
        CASE(the_living_keep_no_turn_from_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
