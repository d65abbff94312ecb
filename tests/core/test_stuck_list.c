// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/collect/stuck_list.h"

#define S 1000000000ull

/* The socket of a collector that was given up; the other end is the collector. */
static int collector(int *ret_its_end)
{
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    *ret_its_end = pair[1];
    return pair[0];
}

static bool is_shunned(struct stuck_list *list, uint64_t now, pid_t pid)
{
    static struct shun_list shunned;

    stuck_list_shunned(list, now, &shunned);
    return shun_names(&shunned, pid);
}

static void it_is_left_alone_until_its_collector_has_ended_and_time_has_passed(void **state)
{
    static struct stuck_list list;
    pid_t me = getpid();
    int end;

    (void)state;
    stuck_list_add(&list, me, "reading", collector(&end), 0);
    assert_true(is_shunned(&list, 1 * S, me));
    stuck_list_look(&list);
    assert_true(is_shunned(&list, 1000 * S, me)); /* the kernel still has the collector */
    close(end);
    stuck_list_look(&list);
    assert_true(is_shunned(&list, 19 * S, me));
    assert_false(is_shunned(&list, 20 * S, me));
    stuck_list_answered(&list);
    assert_int_equal(list.count, 0);
}

static void each_time_it_waits_twice_as_long(void **state)
{
    static struct stuck_list list;
    const uint64_t waits[] = {20, 40, 80, 160, 320, 640, 640};
    pid_t me = getpid();
    uint64_t now = 0;
    int end;

    (void)state;
    for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
        stuck_list_add(&list, me, "reading", collector(&end), now);
        close(end);
        stuck_list_look(&list);
        assert_int_equal(list.count, 1);
        assert_true(is_shunned(&list, now + waits[i] * S - 1, me));
        now += waits[i] * S;
        assert_false(is_shunned(&list, now, me));
    }
    stuck_list_done(&list);
}

static void one_that_has_ended_is_forgotten(void **state)
{
    static struct stuck_list list;
    int end;

    (void)state;
    pid_t ended = fork();
    if (ended == 0)
        _exit(0);
    assert_int_equal(waitpid(ended, NULL, 0), ended);
    stuck_list_add(&list, ended, "reading", collector(&end), 0);
    stuck_list_look(&list);
    assert_int_equal(list.count, 1); /* what it held may still hold the kernel */
    close(end);
    stuck_list_look(&list);
    assert_int_equal(list.count, 0);
}

static void a_sample_clears_only_those_that_were_tried(void **state)
{
    static struct stuck_list list;
    int end;

    (void)state;
    stuck_list_add(&list, getpid(), "reading", collector(&end), 0);
    close(end);
    stuck_list_add(&list, getppid(), "closing", collector(&end), 15 * S);
    close(end);
    stuck_list_look(&list);
    assert_false(is_shunned(&list, 21 * S, getpid()));
    assert_true(is_shunned(&list, 21 * S, getppid()));
    stuck_list_answered(&list);
    assert_int_equal(list.count, 1);
    assert_int_equal(stuck_list_last(&list)->pid, getppid());
    assert_string_equal(stuck_list_last(&list)->step, "closing");
    stuck_list_done(&list);
}

static void a_full_list_takes_the_newest(void **state)
{
    static struct stuck_list list;

    (void)state;
    for (int i = 0; i < SHUN_MAX + 1; i++)
        stuck_list_add(&list, 1000 + i, "reading", -1, 0);
    assert_int_equal(list.count, SHUN_MAX);
    assert_int_equal(stuck_list_last(&list)->pid, 1000 + SHUN_MAX);
    stuck_list_done(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_left_alone_until_its_collector_has_ended_and_time_has_passed),
        cmocka_unit_test(each_time_it_waits_twice_as_long),
        cmocka_unit_test(one_that_has_ended_is_forgotten),
        cmocka_unit_test(a_sample_clears_only_those_that_were_tried),
        cmocka_unit_test(a_full_list_takes_the_newest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
