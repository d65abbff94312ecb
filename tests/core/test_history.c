// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "core/model/history.h"

static struct vm_id id(int pid, int fd)
{
    return (struct vm_id){.pid = pid, .start_ticks = 7, .fd = fd};
}

static void tick(struct history *h, const int *pids, size_t count, float value)
{
    history_begin(h);
    for (size_t i = 0; i < count; i++) {
        const struct vm_id vm = id(pids[i], 9);
        const float values[2] = {value, -value};
        assert_int_equal(history_add(h, &vm, values), 0);
    }
    history_end(h);
}

static void values_come_back_oldest_first(void **unused)
{
    struct history *h = history_new(2);
    const struct vm_id vm = id(20, 9);
    float got[8];

    (void)unused;
    for (int i = 1; i <= 3; i++)
        tick(h, (int[]){10, 20, 30}, 3, (float)i);
    assert_int_equal(history_get(h, &vm, 1, got, 8), 3);
    for (int i = 0; i < 3; i++)
        assert_true(got[i] == -(float)(i + 1));
    history_free(h);
}

static void only_the_last_values_are_kept(void **unused)
{
    struct history *h = history_new(2);
    const struct vm_id vm = id(20, 9);
    float got[HISTORY_LENGTH + 8];

    (void)unused;
    for (int i = 0; i < HISTORY_LENGTH + 5; i++)
        tick(h, (int[]){20}, 1, (float)i);
    assert_int_equal(history_get(h, &vm, 0, got, HISTORY_LENGTH + 8), HISTORY_LENGTH);
    assert_true(got[0] == 5);
    assert_true(got[HISTORY_LENGTH - 1] == HISTORY_LENGTH + 4);
    assert_int_equal(history_get(h, &vm, 0, got, 2), 2);
    assert_true(got[1] == HISTORY_LENGTH + 4);
    history_free(h);
}

static void a_vm_that_ended_is_forgotten_and_a_new_one_starts_empty(void **unused)
{
    struct history *h = history_new(2);
    const struct vm_id old = id(20, 9), reused = {.pid = 20, .start_ticks = 8, .fd = 9};
    const float values[2] = {1, 1};
    float got[4];

    (void)unused;
    tick(h, (int[]){10, 20}, 2, 1);
    history_begin(h);
    assert_int_equal(history_add(h, &reused, values), 0);
    history_end(h);
    assert_int_equal(history_get(h, &old, 0, got, 4), 0);
    assert_int_equal(history_get(h, &reused, 0, got, 4), 1);
    history_free(h);
}

static void any_order_of_adding_finds_every_vm(void **unused)
{
    struct history *h = history_new(2);
    float got[4];

    (void)unused;
    tick(h, (int[]){30, 10, 20, 5}, 4, 1);
    tick(h, (int[]){5, 30, 20, 10}, 4, 2);
    for (int pid = 5; pid <= 30; pid += 5) {
        const struct vm_id vm = id(pid, 9);
        assert_int_equal(history_get(h, &vm, 0, got, 4), pid % 10 == 5 && pid > 5 ? 0 : 2);
    }
    history_free(h);
}

static void there_is_an_upper_bound(void **unused)
{
    struct history *h = history_new(1);
    const float value = 1;

    (void)unused;
    history_begin(h);
    for (int i = 0; i < HISTORY_VMS_MAX; i++) {
        const struct vm_id vm = id(i + 1, 9);
        assert_int_equal(history_add(h, &vm, &value), 0);
    }
    const struct vm_id more = id(HISTORY_VMS_MAX + 1, 9);
    assert_int_equal(history_add(h, &more, &value), -ENOSPC);
    history_end(h);
    history_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_come_back_oldest_first),
        cmocka_unit_test(only_the_last_values_are_kept),
        cmocka_unit_test(a_vm_that_ended_is_forgotten_and_a_new_one_starts_empty),
        cmocka_unit_test(any_order_of_adding_finds_every_vm),
        cmocka_unit_test(there_is_an_upper_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
