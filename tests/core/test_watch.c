// SPDX-License-Identifier: MIT
/*
 * A child that does not move: is it stuck, or has its host no CPU for it?
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/collect/watch.h"

#define LOOKS 12
#define MS    1000000ull

struct threads {
    bool first_runs, has_other, other_runs;
};

static void nap_ms(long ms)
{
    struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    nanosleep(&ts, NULL);
}

static void work(bool runs)
{
    for (volatile unsigned turns = 0;;)
        if (runs)
            turns++;
        else
            pause();
}

static void *other(void *arg)
{
    work(*(bool *)arg);
    return NULL;
}

static pid_t start(struct threads threads)
{
    int ready[2];
    char byte = 0;

    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        pthread_t thread;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (threads.has_other && pthread_create(&thread, NULL, other, &threads.other_runs) != 0)
            _exit(1);
        if (write(ready[1], &byte, 1) != 1)
            _exit(1);
        work(threads.first_runs);
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return pid;
}

/* For how long it was seen to stand still, when CPU time is no sign that it moves. */
static uint64_t most_still_ns(struct threads threads)
{
    struct beacon beacon = {.pid = 0};
    struct watch watch;
    uint64_t most = 0;
    pid_t pid = start(threads);

    watch_begin(&watch, pid);
    watch.cpu_ns = UINT64_MAX / 2;
    for (int i = 0; i < LOOKS; i++) {
        nap_ms(WATCH_LOOK_MS);
        watch_look(&watch, &beacon);
        most = watch.still_ns > most ? watch.still_ns : most;
        watch.cpu_ns = UINT64_MAX / 2;
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return most;
}

static void who_sleeps_stands_still(void **state)
{
    (void)state;
    assert_true(most_still_ns((struct threads){false, false, false}) >= 500 * MS);
    assert_true(most_still_ns((struct threads){false, true, false}) >= 500 * MS);
}

static void who_waits_for_a_cpu_is_held_by_the_host(void **state)
{
    (void)state;
    /* two looks of 200 ms each count at most, before it is asked */
    assert_true(most_still_ns((struct threads){true, false, false}) <= 400 * MS);
    assert_true(most_still_ns((struct threads){false, true, true}) <= 400 * MS);
}

/* A scanner's first thread only passes orders on: that it runs tells nothing of the scan. */
static void who_listens_is_not_who_works(void **state)
{
    (void)state;
    assert_true(most_still_ns((struct threads){true, true, false}) >= 500 * MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_sleeps_stands_still),
        cmocka_unit_test(who_waits_for_a_cpu_is_held_by_the_host),
        cmocka_unit_test(who_listens_is_not_who_works),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
