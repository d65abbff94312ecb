// SPDX-License-Identifier: MIT
#include "core/collect/supervisor.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/rootfs.h"

struct bed {
    struct rootfs root;
    struct child_config config;
    struct supervisor supervisor;
    pid_t pid; /* of the supervisor, when it is no more */
};

static double now_s(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int setup(void **state)
{
    static struct bed bed;

    bed = (struct bed){.config = {.root = &bed.root}};
    *state = &bed;
    if (rootfs_open(NULL, &bed.root, NULL) < 0 ||
        supervisor_start(&bed.config, &bed.supervisor, NULL) < 0)
        return -1;
    bed.pid = bed.supervisor.pid;
    return 0;
}

static int teardown(void **state)
{
    struct bed *bed = *state;

    supervisor_stop(&bed->supervisor);
    rootfs_close(&bed->root);
    return waitpid(bed->pid, NULL, 0) < 0 && errno == ECHILD ? 0 : -1;
}

static struct child_link spawn(struct bed *bed, enum child_role role)
{
    const struct message_spawn order = {.role = role};
    struct child_link link;

    assert_int_equal(supervisor_spawn(&bed->supervisor, &order, &link, NULL), 0);
    return link;
}

/* A busy host takes a while for it. */
static bool has_ended(pid_t pid)
{
    for (int i = 0; i < 5000; i++) {
        if (kill(pid, 0) < 0)
            return true;
        usleep(1000);
    }
    return false;
}

static void children_differ_and_end_with_it(void **state)
{
    struct bed *bed = *state;
    struct child_link one = spawn(bed, CHILD_COLLECTOR), two = spawn(bed, CHILD_SCANNER);
    pid_t pids[] = {one.pid, two.pid};

    assert_int_not_equal(one.pid, two.pid);
    alarm(10); /* it is not waited for for ever */
    supervisor_stop(&bed->supervisor);
    alarm(0);
    child_link_close(&one);
    child_link_close(&two);
    for (int i = 0; i < 2; i++)
        assert_true(has_ended(pids[i]));
}

/* A host that swaps takes long to fork. What was asked for then is taken when it is there. */
static void a_late_child_is_taken_by_who_asks_again(void **state)
{
    struct bed *bed = *state;
    const struct message_spawn order = {.role = CHILD_COLLECTOR};
    struct child_link link;

    bed->supervisor.patience_ms = 20;
    kill(bed->pid, SIGSTOP);
    double begin = now_s();
    assert_int_equal(supervisor_spawn(&bed->supervisor, &order, &link, NULL), -ETIMEDOUT);
    assert_int_equal(supervisor_spawn(&bed->supervisor, &order, &link, NULL), -ETIMEDOUT);
    assert_true(now_s() - begin < 1);
    kill(bed->pid, SIGCONT);
    bed->supervisor.patience_ms = 5000;
    uint32_t number = bed->supervisor.number;
    assert_int_equal(supervisor_spawn(&bed->supervisor, &order, &link, NULL), 0);
    assert_int_equal(bed->supervisor.number, number);
    child_link_close(&link);
}

static void one_that_was_stopped_does_not_hold_the_end(void **state)
{
    struct bed *bed = *state;
    struct child_link link = spawn(bed, CHILD_COLLECTOR);

    kill(bed->pid, SIGSTOP);
    alarm(10);
    supervisor_stop(&bed->supervisor);
    alarm(0);
    kill(bed->pid, SIGCONT);
    assert_int_equal(waitpid(bed->pid, NULL, 0), bed->pid);
    child_link_close(&link);
}

/* What was asked for and given up is answered all the same, later. */
static void a_late_answer_is_not_taken_for_the_next(void **state)
{
    const struct message_spawn order = {.role = CHILD_SCANNER};
    struct bed *bed = *state;

    assert_int_equal(message_send(bed->supervisor.sock, &order, sizeof(order)), 0);
    usleep(50000);
    struct child_link link = spawn(bed, CHILD_COLLECTOR);
    struct message_tick tick = {.number = 7};
    struct message_sample sample = {0};
    assert_int_equal(message_send(link.sock, &tick, sizeof(tick)), 0);
    for (double end = now_s() + 10;
         message_receive(link.sock, &sample, sizeof(sample)) == -EAGAIN;) {
        assert_true(now_s() < end);
        usleep(1000);
    }
    assert_int_equal(sample.number, 7); /* only a collector says so */
    child_link_close(&link);
}

/* Whoever may write small files only (ulimit -f) may still look at VMs. */
static void a_desk_is_no_file(void **state)
{
    struct bed *bed = *state;
    struct rlimit before;

    supervisor_stop(&bed->supervisor);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &(struct rlimit){1024, before.rlim_max}), 0);
    int result = supervisor_start(&bed->config, &bed->supervisor, NULL);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(result, 0);
    bed->pid = bed->supervisor.pid;
    struct child_link link = spawn(bed, CHILD_COLLECTOR);
    child_link_close(&link);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(children_differ_and_end_with_it, setup, teardown),
        cmocka_unit_test_setup_teardown(a_late_child_is_taken_by_who_asks_again, setup, teardown),
        cmocka_unit_test_setup_teardown(one_that_was_stopped_does_not_hold_the_end, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_desk_is_no_file, setup, teardown),
        cmocka_unit_test_setup_teardown(a_late_answer_is_not_taken_for_the_next, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
