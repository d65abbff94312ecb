// SPDX-License-Identifier: MIT
/* From what the BPF programs counted to the count of a sample: rows that a test made up. */
#include "core/collect/exits_fill.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TAKEN 1000000u

static const struct exits_threads nobody_past;

static struct exits_count *fill(const struct kvm_exits_reading *reading,
                                const struct exits_threads *threads)
{
    struct exits_count *count = exits_fill(reading, threads, NULL);

    assert_non_null(count);
    assert_true(exits_count_is_ordered(count));
    return count;
}

static const char *name_of(const struct exits_count *count, enum exit_isa isa, uint32_t reason)
{
    for (size_t i = 0; i < count->name_count; i++)
        if (count->names[i].isa == isa && count->names[i].reason == reason)
            return count->names[i].name;
    return NULL;
}

static void nothing_makes_an_empty_count(void **state)
{
    (void)state;
    const struct kvm_exits_reading reading = {.taken_ns = TAKEN, .lost = {1, 2, 3}, .missed = 4};
    struct exits_count *count = fill(&reading, &nobody_past);

    assert_int_equal(count->thread_count + count->reason_count + count->key_count, 0);
    assert_int_equal(count->facts.taken_ns, TAKEN);
    assert_int_equal(count->facts.lost[EXIT_LOST_KEYS], 3);
    assert_int_equal(count->facts.missed, 4);
    free(count);
}

static void what_a_thread_is_in_goes_until_now(void **state)
{
    (void)state;
    struct kvm_exits_thread_row threads[] = {
        {10,
         {.tgid = 5,
          .isa = EXIT_ISA_VMX,
          .exits = 3,
          .untimed = 1,
          .guest_ns = 500,
          .entry_ns = TAKEN - 40}},
        {11,
         {.tgid = 5,
          .isa = EXIT_ISA_VMX,
          .exits = 2,
          .guest_ns = 7,
          .exit_ns = TAKEN - 30,
          .reason = 12}},
        /* What came while the maps were read. */
        {12, {.tgid = 6, .isa = EXIT_ISA_VMX, .exits = 1, .guest_ns = 8, .entry_ns = TAKEN + 9}},
        {13, {.tgid = 6, .isa = EXIT_ISA_VMX, .exits = 1, .exit_ns = TAKEN + 5, .reason = 1}},
        /* Nothing but keys. */
        {14, {.tgid = 6}},
    };
    struct kvm_exits_reason_row reasons[] = {
        {11, EXIT_ISA_VMX, 1, {.count = 1, .timed = 1, .total_ns = 9, .min_ns = 9, .max_ns = 9}},
        {11, EXIT_ISA_VMX, 12, {.count = 1}},
        {13, EXIT_ISA_VMX, 1, {.count = 1}},
    };
    const struct kvm_exits_reading reading = {.threads = threads,
                                              .thread_count = 5,
                                              .reasons = reasons,
                                              .reason_count = 3,
                                              .taken_ns = TAKEN};
    struct exits_count *count = fill(&reading, &nobody_past);

    assert_int_equal(count->thread_count, 5);
    assert_int_equal(count->threads[0].pid, 5);
    assert_int_equal(count->threads[0].exits, 3);
    assert_int_equal(count->threads[0].untimed, 1);
    assert_int_equal(count->threads[0].guest_ns, 540);
    assert_int_equal(count->threads[0].open_ns, 0);
    assert_int_equal(count->threads[1].guest_ns, 7);
    assert_int_equal(count->threads[1].open_ns, 30);
    assert_int_equal(count->threads[1].open_isa, EXIT_ISA_VMX);
    assert_int_equal(count->threads[1].open_reason, 12);
    assert_int_equal(count->threads[2].guest_ns, 8);
    assert_int_equal(count->threads[3].open_ns, 1);
    assert_int_equal(count->threads[4].open_ns + count->threads[4].guest_ns, 0);
    assert_int_equal(count->reasons[0].total_ns, 9);
    assert_string_equal(name_of(count, EXIT_ISA_VMX, 12), "HLT");
    free(count);
}

/* Rows of a thread are read after it: what came back meanwhile has its time there already. */
static void an_exit_that_came_back_while_it_was_read_counts_once(void **state)
{
    (void)state;
    struct kvm_exits_thread_row threads[] = {
        {10,
         {.tgid = 5, .isa = EXIT_ISA_VMX, .exits = 2, .exit_ns = TAKEN - 900000, .reason = 12}}};
    struct kvm_exits_reason_row reasons[] = {
        {10, EXIT_ISA_VMX, 12, {.count = 2, .timed = 2, .total_ns = 900010}}};
    const struct kvm_exits_reading reading = {.threads = threads,
                                              .thread_count = 1,
                                              .reasons = reasons,
                                              .reason_count = 1,
                                              .taken_ns = TAKEN};
    struct exits_count *count = fill(&reading, &nobody_past);

    assert_int_equal(count->reasons[0].total_ns, 900010);
    assert_int_equal(count->threads[0].open_ns, 0);
    free(count);
}

/* Of a thread whose room was another's a moment ago: the sample as a whole must not fail by it. */
static void a_reason_that_is_there_twice_is_one(void **state)
{
    (void)state;
    struct kvm_exits_thread_row threads[] = {{10, {.tgid = 5, .isa = EXIT_ISA_SVM, .exits = 2}}};
    struct kvm_exits_reason_row reasons[] = {{10, EXIT_ISA_SVM, 0, {.count = 1}},
                                             {10, EXIT_ISA_SVM, 0, {.count = 0}},
                                             {10, EXIT_ISA_SVM, 0x7b, {.count = 1}}};
    const struct kvm_exits_reading reading = {.threads = threads,
                                              .thread_count = 1,
                                              .reasons = reasons,
                                              .reason_count = 3,
                                              .taken_ns = TAKEN};
    struct exits_count *count = fill(&reading, &nobody_past);

    assert_int_equal(count->reason_count, 2);
    assert_int_equal(count->reasons[0].count, 1);
    assert_int_equal(count->reasons[1].reason, 0x7b);
    free(count);
}

static void the_past_and_what_nobody_owns_is_left_out(void **state)
{
    (void)state;
    struct kvm_exits_thread_row threads[] = {
        {20, {.tgid = 7, .isa = EXIT_ISA_SVM, .exits = 1}},
        {30, {.tgid = 7, .isa = EXIT_ISA_SVM, .exits = 1}},
        {40, {.tgid = 8}}, /* its first exit came after it was read */
        {50, {.tgid = 8, .isa = EXIT_ISA_SVM, .exits = 1}},
    };
    struct kvm_exits_reason_row reasons[] = {
        {10, EXIT_ISA_UNKNOWN, 1, {.count = 1}}, {20, EXIT_ISA_SVM, 0x72, {.count = 2}},
        {30, EXIT_ISA_SVM, 0x73, {.count = 3}},  {35, EXIT_ISA_UNKNOWN, 0x74, {.count = 4}},
        {40, EXIT_ISA_UNKNOWN, 5, {.count = 5}}, {50, EXIT_ISA_SVM, 0x75, {.count = 6}},
        {60, EXIT_ISA_UNKNOWN, 7, {.count = 7}},
    };
    struct kvm_exits_key_row keys[] = {
        {{10, EXIT_KEY_USER, 2}, {1, 1}}, {{20, EXIT_KEY_PORT_READ, 0x71}, {2, 3}},
        {{30, EXIT_KEY_USER, 6}, {1, 1}}, {{40, EXIT_KEY_CPUID, 9}, {4, 4}},
        {{60, EXIT_KEY_USER, 3}, {1, 1}},
    };
    struct exits_known known[] = {{.tid = 20}, {.tid = 30, .is_past = true}, {.tid = 40}};
    const struct exits_threads past = {.items = known, .count = 3};
    const struct kvm_exits_reading reading = {.threads = threads,
                                              .thread_count = 4,
                                              .reasons = reasons,
                                              .reason_count = 7,
                                              .keys = keys,
                                              .key_count = 5,
                                              .taken_ns = TAKEN};
    struct exits_count *count = fill(&reading, &past);

    assert_int_equal(count->thread_count, 3);
    assert_int_equal(count->threads[1].tid, 40);
    assert_int_equal(count->reason_count, 2);
    assert_int_equal(count->reasons[0].tid, 20);
    assert_int_equal(count->reasons[0].count, 2);
    assert_int_equal(count->reasons[1].tid, 50);
    assert_int_equal(count->key_count, 2);
    assert_int_equal(count->keys[0].value, 0x71);
    assert_int_equal(count->keys[0].events, 2);
    assert_int_equal(count->keys[0].count, 3);
    assert_int_equal(count->keys[1].tid, 40);
    assert_int_equal(count->name_count, 2);
    free(count);
}

static void user_exits_and_nested_ones_are_named(void **state)
{
    (void)state;
    struct kvm_exits_thread_row threads[] = {
        {20, {.tgid = 7, .isa = EXIT_ISA_SVM, .exits = 1}},
        {21, {.tgid = 7, .isa = 77, .exits = 1}}, /* what no kernel says */
    };
    struct kvm_exits_reason_row reasons[] = {{20, EXIT_ISA_SVM, 0x99999, {.count = 1}}};
    struct kvm_exits_key_row keys[] = {
        {{20, EXIT_KEY_USER, 6}, {1, 1}},
        {{20, EXIT_KEY_USER, EXIT_KEY_USER_ERRNO | 4}, {1, 1}},
        {{20, EXIT_KEY_NESTED, 0x7b}, {1, 1}},
        {{21, EXIT_KEY_NESTED, 3}, {1, 1}},
    };
    const struct kvm_exits_reading reading = {.threads = threads,
                                              .thread_count = 2,
                                              .reasons = reasons,
                                              .reason_count = 1,
                                              .keys = keys,
                                              .key_count = 4,
                                              .taken_ns = TAKEN};
    struct exits_count *count = fill(&reading, &nobody_past);

    assert_int_equal(count->name_count, 4);
    assert_string_equal(name_of(count, EXIT_ISA_SVM, 0x7b), "io");
    assert_string_equal(name_of(count, EXIT_ISA_USER, 6), "MMIO");
    assert_string_equal(name_of(count, EXIT_ISA_SVM, 0x99999), "0x99999");
    assert_string_equal(name_of(count, EXIT_ISA_UNKNOWN, 3), "0x3");
    free(count);
}

/* The programs mark a reason that is no trap; a count tells the two apart by their isa. */
static void an_open_exit_of_arm64_is_found(void **state)
{
    (void)state;
    struct kvm_exits_thread_row threads[] = {
        {20, {.tgid = 7, .exits = 2, .exit_ns = 1, .reason = 1 | KVM_EXITS_ARM64_CODE}},
        {21, {.tgid = 7, .exits = 1, .exit_ns = 1, .reason = 1}},
    };
    struct kvm_exits_reason_row reasons[] = {
        {20, EXIT_ISA_ARM64, 1, {.count = 1}},
        {20, EXIT_ISA_ARM64_CODE, 1, {.count = 1}},
        {21, EXIT_ISA_ARM64, 1, {.count = 1}},
    };
    const struct kvm_exits_reading reading = {.threads = threads,
                                              .thread_count = 2,
                                              .reasons = reasons,
                                              .reason_count = 3,
                                              .taken_ns = TAKEN};
    struct exits_count *count = fill(&reading, &nobody_past);

    assert_int_equal(count->threads[0].open_isa, EXIT_ISA_ARM64_CODE);
    assert_int_equal(count->threads[0].open_reason, 1);
    assert_int_equal(count->threads[1].open_isa, EXIT_ISA_ARM64);
    free(count);
}

/* More reasons than are expected at first, in an order that is not that of their numbers. */
static void many_reasons_have_a_name_each(void **state)
{
    (void)state;
    enum { THREADS = 40, EACH = 20 };
    struct kvm_exits_thread_row *threads = calloc(THREADS, sizeof(*threads));
    struct kvm_exits_reason_row *reasons = calloc(THREADS * EACH, sizeof(*reasons));

    assert_true(threads != NULL && reasons != NULL);
    for (uint32_t i = 0; i < THREADS; i++) {
        threads[i] = (struct kvm_exits_thread_row){100 + i, {.isa = EXIT_ISA_VMX, .exits = EACH}};
        for (uint32_t k = 0; k < EACH; k++)
            reasons[i * EACH + k] = (struct kvm_exits_reason_row){
                100 + i, EXIT_ISA_VMX, (THREADS - i) * 7 + k, {.count = 1}};
    }
    const struct kvm_exits_reading reading = {.threads = threads,
                                              .thread_count = THREADS,
                                              .reasons = reasons,
                                              .reason_count = THREADS * EACH};
    struct exits_count *count = fill(&reading, &nobody_past);
    assert_int_equal(count->reason_count, THREADS * EACH);
    assert_int_equal(count->name_count, 7 * (THREADS - 1) + EACH);
    free(count);
    free(threads);
    free(reasons);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_makes_an_empty_count),
        cmocka_unit_test(what_a_thread_is_in_goes_until_now),
        cmocka_unit_test(an_exit_that_came_back_while_it_was_read_counts_once),
        cmocka_unit_test(a_reason_that_is_there_twice_is_one),
        cmocka_unit_test(the_past_and_what_nobody_owns_is_left_out),
        cmocka_unit_test(user_exits_and_nested_ones_are_named),
        cmocka_unit_test(an_open_exit_of_arm64_is_found),
        cmocka_unit_test(many_reasons_have_a_name_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
