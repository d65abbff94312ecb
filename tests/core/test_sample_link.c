// SPDX-License-Identifier: MIT
/*
 * Samples by a process of their own, and what comes of them when that process lies. Calls of the
 * collector are looked at here on their way to the kernel.
 */
#include "core/collect/sample_link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/collect/intake.h"
#include "tests/lib/link_bed.h"

enum trick { HONEST, FLOOD, GARBAGE, HUGE_DESK };

/* In memory that the test shares with its collectors. */
static struct stage {
    atomic_int trick;
    atomic_int no_desks; /* so many are refused to the supervisor */
    atomic_int liar; /* the first collector that played it does so for good */
} * stage;
static pid_t test_pid;

int memfd_create(const char *name, unsigned flags)
{
    if (atomic_load(&stage->no_desks) > 0) {
        atomic_fetch_sub(&stage->no_desks, 1);
        errno = EMFILE;
        return -1;
    }
    return (int)syscall(SYS_memfd_create, name, flags);
}

/* Whatever descriptor it is that has a desk's seals. */
static void grow_desk(uint64_t to, uint64_t *ret_bytes)
{
    for (int fd = 3; fd < 64; fd++)
        if (fcntl(fd, F_GET_SEALS) == (F_SEAL_SHRINK | F_SEAL_SEAL) && ftruncate(fd, to) == 0)
            *ret_bytes = 512 << 20;
}

ssize_t send(int fd, const void *message, size_t bytes, int flags)
{
    struct message_sample *m = (void *)message;

    if (stage == NULL || getpid() == test_pid || bytes != sizeof(*m))
        return syscall(SYS_sendto, fd, message, bytes, flags, NULL, 0);
    int none = 0, trick = atomic_load(&stage->trick);
    bool is_liar =
        trick != HONEST &&
        (atomic_compare_exchange_strong(&stage->liar, &none, getpid()) || none == getpid());
    if (is_liar && trick == GARBAGE)
        m->bytes = 24;
    if (is_liar && trick == HUGE_DESK)
        grow_desk(1ull << 60, &m->bytes);
    while (is_liar && trick == FLOOD) { /* what nobody asked for, again and again */
        m->number = ~0u;
        if (syscall(SYS_sendto, fd, message, bytes, flags, NULL, 0) < 0)
            _exit(1);
    }
    return syscall(SYS_sendto, fd, message, bytes, flags, NULL, 0);
}

static int setup(void **state)
{
    static struct link_bed bed;

    *state = &bed;
    test_pid = getpid();
    if (stage == NULL)
        stage =
            mmap(NULL, sizeof(*stage), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (stage == MAP_FAILED)
        return -1;
    *stage = (struct stage){.trick = HONEST};
    return link_bed_open(&bed);
}

static int teardown(void **state)
{
    link_bed_close(*state);
    return 0;
}

static void take_one(struct link_bed *bed)
{
    snapshot_free(link_bed_take(bed));
}

/* Each look returns, and another collector is asked. */
static void a_collector_that_floods_is_given_up(void **state)
{
    struct link_bed *bed = *state;

    take_one(bed);
    stage->trick = FLOOD;
    take_one(bed);
    link_bed_wait_end(atomic_load(&stage->liar));
    take_one(bed);
}

/* One that lies may be in the hands of a VMM; that is no reason to end for who asked it. */
static void after_a_lie_another_collector_is_asked(void **state)
{
    static const enum trick tricks[] = {GARBAGE, HUGE_DESK};
    struct link_bed *bed = *state;

    for (size_t i = 0; i < sizeof(tricks) / sizeof(tricks[0]); i++) {
        take_one(bed);
        stage->liar = 0;
        stage->trick = tricks[i];
        take_one(bed);
        assert_int_not_equal(stage->liar, 0);
        stage->trick = HONEST;
    }
}

/* Half a gigabyte from a collector that lies: keys are looked at all the while. */
static void what_came_is_copied_in_slices(void **state)
{
    struct link_bed *bed = *state;
    struct snapshot *s;
    unsigned slices = 0;
    int result;

    take_one(bed);
    stage->trick = HUGE_DESK;
    assert_int_equal(sample_link_wait_ms(bed->link), -1);
    sample_link_ask(bed->link);
    alarm(60);
    while ((result = sample_link_look(bed->link, &s, NULL)) == 0) {
        int wait = sample_link_wait_ms(bed->link);
        assert_true(wait >= 0);
        slices += wait == 0;
        poll(NULL, 0, wait < 10 ? wait : 10);
    }
    alarm(0);
    assert_int_equal(result, 1);
    assert_true(slices >= (512 << 20) / INTAKE_BYTES);
    assert_int_equal(sample_link_wait_ms(bed->link), -1);
    snapshot_free(s);
}

/* Its desk goes with the collector, so nothing of it is copied any more. */
static void a_new_wish_ends_the_copying_of_what_came(void **state)
{
    struct link_bed *bed = *state;
    struct snapshot *s;

    take_one(bed);
    stage->trick = HUGE_DESK;
    sample_link_ask(bed->link);
    alarm(60);
    while (sample_link_wait_ms(bed->link) != 0) { /* 0: there is something to work up */
        assert_int_equal(sample_link_look(bed->link, &s, NULL), 0);
        usleep(1000);
    }
    assert_int_equal(sample_link_set_bpf(bed->link, true, NULL), 0);
    take_one(bed);
    alarm(0);
}

/* Wishes at any moment, of a supervisor that has no time, on a host that is short of something. */
static void wishes_come_at_any_moment(void **state)
{
    struct link_bed *bed = *state;
    uint32_t random = 20261126;

    alarm(120);
    for (int i = 0; i < 400; i++) {
        struct snapshot *s = NULL;
        struct error err = {0};
        random = random * 1664525u + 1013904223u;
        const unsigned what = (random >> 16) % 16;
        bed->supervisor.patience_ms = (int)((random >> 24) % 4) * 5 + 1;
        if (what == 0)
            stage->no_desks = 1;
        if (what == 1)
            (void)sample_link_set_bpf(bed->link, (random >> 20) & 1, &err);
        if (what < 4)
            (void)sample_link_set_exits(bed->link, (random >> 21) & 1, 0, &err);
        sample_link_ask(bed->link);
        (void)sample_link_wait(bed->link);
        int result = sample_link_look(bed->link, &s, &err);
        assert_true(result >= 0);
        if (result > 0)
            snapshot_free(s);
        usleep((random >> 10) % 8 * 500);
    }
    alarm(0);
    bed->supervisor.patience_ms = 1000;
    take_one(bed);
}

/* A host that is short of something for a moment. */
static void who_cannot_start_another_tries_again(void **state)
{
    struct link_bed *bed = *state;

    take_one(bed);
    stage->no_desks = 2;
    stage->trick = GARBAGE;
    take_one(bed);
    assert_int_equal(stage->no_desks, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_collector_that_floods_is_given_up, setup, teardown),
        cmocka_unit_test_setup_teardown(who_cannot_start_another_tries_again, setup, teardown),
        cmocka_unit_test_setup_teardown(after_a_lie_another_collector_is_asked, setup, teardown),
        cmocka_unit_test_setup_teardown(what_came_is_copied_in_slices, setup, teardown),
        cmocka_unit_test_setup_teardown(a_new_wish_ends_the_copying_of_what_came, setup, teardown),
        cmocka_unit_test_setup_teardown(wishes_come_at_any_moment, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
