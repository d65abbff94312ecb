// SPDX-License-Identifier: MIT
/*
 * Scans by a process of their own, and what comes of them when that process is held, killed, or
 * lies. Calls of the scanner are looked at here on their way to the kernel.
 */
#include "core/collect/scan_link.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/guest.h"
#include "tests/lib/scanning.h"

#define MIB  (1ull << 20)
#define PAGE 4096ull

enum trick { HONEST, HANG, TOO_MANY_BYTES, WITHOUT_END, FLOOD };

/* In memory that the test shares with its scanners. */
static struct stage {
    atomic_int trick;
    atomic_int hang_at_call; /* of those that ask for pages */
    atomic_int calls;
    atomic_int scanner;
} * stage;
static pid_t test_pid;

/* Only the page table of the guest is asked this way, once for each chunk and phase. */
int ioctl(int fd, unsigned long request, ...)
{
    va_list args;

    va_start(args, request);
    void *arg = va_arg(args, void *);
    va_end(args);
    if (stage != NULL && getpid() != test_pid) {
        atomic_store(&stage->scanner, getpid());
        if (atomic_fetch_add(&stage->calls, 1) + 1 >= atomic_load(&stage->hang_at_call) &&
            atomic_load(&stage->trick) == HANG)
            for (;;)
                pause();
    }
    return (int)syscall(SYS_ioctl, fd, request, arg);
}

ssize_t send(int fd, const void *message, size_t bytes, int flags)
{
    struct message_report *m = (void *)message;

    if (stage != NULL && getpid() != test_pid && bytes == sizeof(*m)) {
        int trick = atomic_load(&stage->trick);
        if (trick == TOO_MANY_BYTES)
            m->bytes = UINT64_MAX;
        while (trick == FLOOD) { /* one of no scan, again and again */
            m->number = ~0u;
            if (syscall(SYS_sendto, fd, message, bytes, flags, NULL, 0) < 0)
                _exit(1);
        }
        if (trick == WITHOUT_END) /* the report of a scan that has ended as one of many */
            m->is_last = 0;
    }
    return syscall(SYS_sendto, fd, message, bytes, flags, NULL, 0);
}

struct bed {
    struct rootfs root;
    struct guest guest;
    struct child_config config;
    struct supervisor supervisor;
    struct scan_link *link;
};

static double now_s(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static const struct minivm_range ranges[] = {
    {.start = 0, .bytes = 64 * MIB, .fill = MINIVM_FILL_MIX},
    {.start = 96 * MIB, .bytes = 32 * MIB, .fill = MINIVM_FILL_MIX, .stride = 5},
};
static const struct guest_ram_config ram = {
    .backing = MINIVM_ANON, .bytes = 160 * MIB, .ranges = ranges, .range_count = 2};

static int setup(void **state)
{
    static struct bed bed;

    bed = (struct bed){.config = {.root = &bed.root}};
    *state = &bed;
    test_pid = getpid();
    if (stage == NULL)
        stage =
            mmap(NULL, sizeof(*stage), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (stage == MAP_FAILED)
        return -1;
    *stage = (struct stage){.trick = HONEST};
    if (rootfs_open(NULL, &bed.root, NULL) < 0 || !guest_start(&bed.guest, guest_ram, &ram) ||
        supervisor_start(&bed.config, &bed.supervisor, NULL) < 0)
        return -1;
    bed.link = scan_link_open(&bed.supervisor);
    return bed.link != NULL ? 0 : -1;
}

/* It is killed with its supervisor, and somebody else takes note of that: not at once. */
static bool is_gone_soon(pid_t pid)
{
    for (double end = now_s() + 10; kill(pid, 0) == 0; usleep(1000))
        if (now_s() >= end)
            return false;
    return true;
}

static int teardown(void **state)
{
    struct bed *bed = *state;
    pid_t scanner = atomic_load(&stage->scanner);

    scan_link_close(bed->link);
    supervisor_stop(&bed->supervisor);
    guest_stop(&bed->guest);
    rootfs_close(&bed->root);
    /* the scanner went with them, though it may have hung */
    return scanner == 0 || is_gone_soon(scanner) ? 0 : -1;
}

static void look_once(struct bed *bed)
{
    struct pollfd p = {.fd = scan_link_fd(bed->link), .events = POLLIN};

    poll(&p, 1, SCAN_LINK_LOOK_MS);
    scan_link_look(bed->link);
}

/* As a main loop waits. *@ret_peeks: intermediate reports on the way. */
static struct scan_report *wait_for_report(struct bed *bed, unsigned *ret_peeks)
{
    struct scan_report *report, *peek;

    *ret_peeks = 0;
    for (double end = now_s() + 20; (report = scan_link_take(bed->link)) == NULL;) {
        assert_true(now_s() < end);
        look_once(bed);
        while ((peek = scan_link_peek(bed->link)) != NULL) {
            assert_int_equal(peek->state, SCAN_RUNNING);
            scan_report_free(peek);
            ++*ret_peeks;
        }
    }
    return report;
}

static struct scan_request request_for(const struct bed *bed)
{
    struct scan_request request = scanning_request(&bed->guest);

    request.estimate_first = true;
    return request;
}

static void scan(struct bed *bed, struct scan_report **ret)
{
    struct scan_request request = request_for(bed);
    unsigned peeks;

    assert_int_equal(scan_link_submit(bed->link, &request, NULL), 0);
    *ret = wait_for_report(bed, &peeks);
    assert_false(scan_link_progress(bed->link).busy);
}

static void expect_right(const struct bed *bed, const struct scan_report *report)
{
    assert_int_equal(report->state, SCAN_DONE);
    assert_true(report->zero_known);
    assert_int_equal(report->counts.pages[PAGE_NONZERO], bed->guest.info->pages.nonzero);
    assert_int_equal(report->counts.pages[PAGE_ZERO_CONTENT], bed->guest.info->pages.zero_content);
}

static void a_scan_by_another_process_finds_the_same(void **state)
{
    struct bed *bed = *state;
    struct scan_request request = request_for(bed);
    struct scan_report *here, *there;

    assert_int_equal(scanning_run(&request, &here), 0);
    for (int i = 0; i < 3; i++) {
        scan(bed, &there);
        expect_right(bed, there);
        assert_memory_equal(&here->counts, &there->counts, sizeof(here->counts));
        assert_memory_equal(here->slices, there->slices, SCAN_SLICES * sizeof(*here->slices));
        assert_int_equal(here->region_count, there->region_count);
        assert_memory_equal(&here->regions[0], &there->regions[0], sizeof(here->regions[0]));
        assert_memory_equal(&here->estimate, &there->estimate,
                            offsetof(struct scan_estimate, bytes_per_s));
        scan_report_free(there);
    }
    scan_report_free(here);
}

static void one_scan_at_a_time(void **state)
{
    struct bed *bed = *state;
    struct scan_request request = request_for(bed);
    struct scan_report *report;
    unsigned peeks;

    assert_int_equal(scan_link_submit(bed->link, &request, NULL), 0);
    assert_int_equal(scan_link_submit(bed->link, &request, NULL), -EBUSY);
    assert_true(scan_link_progress(bed->link).busy);
    assert_int_equal(scan_link_progress(bed->link).vm.pid, request.vm.pid);
    report = wait_for_report(bed, &peeks);
    expect_right(bed, report);
    assert_true(peeks > 0);
    scan_report_free(report);
    assert_null(scan_link_take(bed->link));
}

/* Most of the time nothing is done to the VMM: that is no standing still. */
static void looks_come_from_another_process_too(void **state)
{
    struct bed *bed = *state;
    struct scan_request request = request_for(bed);
    struct scan_report *report;
    unsigned peeks;

    request.mode = SCAN_DIRTY;
    request.duration_s = 2.4; /* the longest wait takes longer than one that hangs is let */
    assert_int_equal(scan_link_submit(bed->link, &request, NULL), 0);
    report = wait_for_report(bed, &peeks);
    assert_int_equal(report->state, SCAN_DONE);
    assert_non_null(report->dirty);
    unsigned looks = report->dirty->look_count;
    assert_in_range(looks, 2, 7); /* those that are late on a busy host are left out */
    assert_int_equal(report->dirty->looks.pair_count, looks * (looks - 1) / 2);
    assert_in_range(report->dirty->looks.sampled, SCAN_DIRTY_SAMPLE_MIN, report->estimate.sampled);
    assert_true(peeks >= 1);
    scan_report_free(report);
    expect_right(bed, (scan(bed, &report), report)); /* a scan after it is one as before */
    scan_report_free(report);
}

static void looks_can_be_cancelled_from_here(void **state)
{
    struct bed *bed = *state;
    struct scan_request request = request_for(bed);
    struct scan_report *report;
    unsigned peeks;

    request.mode = SCAN_DIRTY;
    request.duration_s = 60;
    assert_int_equal(scan_link_submit(bed->link, &request, NULL), 0);
    for (double end = now_s() + 20; scan_link_progress(bed->link).phase != SCAN_PHASE_LOOKS;) {
        assert_true(now_s() < end);
        look_once(bed);
    }
    for (double end = now_s() + 0.7; now_s() < end;)
        look_once(bed);
    struct scan_worker_progress progress = scan_link_progress(bed->link);
    assert_int_equal(progress.phase, SCAN_PHASE_LOOKS);
    assert_true(progress.eta_s > 50 && progress.eta_s < 60);
    double begin = now_s();
    scan_link_cancel(bed->link);
    report = wait_for_report(bed, &peeks);
    assert_true(now_s() - begin < 1);
    assert_int_equal(report->state, SCAN_CANCELLED);
    assert_true(report->dirty->look_count >= 1);
    assert_true(report->dirty->looks.flags & DIRTY_LOOKS_CUT_SHORT);
    scan_report_free(report);
}

static void a_scan_can_be_watched_and_cancelled(void **state)
{
    struct bed *bed = *state;
    struct scan_request request = request_for(bed);
    struct scan_report *report;
    unsigned peeks;

    request.max_rate_bytes = 40 * MIB;
    assert_int_equal(scan_link_submit(bed->link, &request, NULL), 0);
    for (double end = now_s() + 10; scan_link_progress(bed->link).done_bytes < 4 * MIB ||
                                    scan_link_progress(bed->link).phase != SCAN_PHASE_READ;) {
        assert_true(now_s() < end);
        look_once(bed);
    }
    assert_true(scan_link_progress(bed->link).eta_s > 0);
    double begin = now_s();
    scan_link_cancel(bed->link);
    report = wait_for_report(bed, &peeks);
    assert_true(now_s() - begin < 0.3);
    assert_int_equal(report->state, SCAN_CANCELLED);
    assert_true(report->counts.pages[PAGE_UNREAD] > 0 && report->residency_done);
    scan_report_free(report);
    scan(bed, &report); /* the same scanner goes on */
    expect_right(bed, report);
    scan_report_free(report);
}

/* It sleeps for seconds between two reads, but nobody holds it. */
static void a_slow_scan_is_not_given_up(void **state)
{
    struct bed *bed = *state;
    struct scan_request request = request_for(bed);
    struct scan_report *report;
    unsigned peeks;

    request.estimate_first = false;
    request.max_rate_bytes = MIB / 2;
    assert_int_equal(scan_link_submit(bed->link, &request, NULL), 0);
    for (double end = now_s() + 3; now_s() < end;)
        look_once(bed);
    assert_null(scan_link_take(bed->link));
    scan_link_cancel(bed->link);
    report = wait_for_report(bed, &peeks);
    assert_int_equal(report->state, SCAN_CANCELLED);
    scan_report_free(report);
}

/* It is held in a look at the page table in the middle: after those of the estimate. */
static void a_scanner_that_stands_still_is_given_up_and_the_next_scan_has_another(void **state)
{
    struct bed *bed = *state;
    struct scan_report *report;
    char text[64];

    stage->hang_at_call = 7;
    stage->trick = HANG;
    double begin = now_s();
    scan(bed, &report);
    assert_true(now_s() - begin < 3);
    assert_int_equal(report->state, SCAN_FAILED);
    assert_int_equal(report->error.code, -ETIMEDOUT);
    snprintf(text, sizeof(text), "pid %d, reading its memory mappings", (int)bed->guest.pid);
    assert_non_null(strstr(report->error.msg, "the kernel does not answer"));
    assert_non_null(strstr(report->error.msg, text));
    /* what was known is not lost */
    assert_true(report->region_count > 0 && report->residency_done && report->partial);
    assert_false(report->zero_known);
    scan_report_free(report);
    int held = atomic_load(&stage->scanner);
    stage->trick = HONEST;
    scan(bed, &report);
    expect_right(bed, report);
    scan_report_free(report);
    assert_int_not_equal(held, atomic_load(&stage->scanner));
    assert_true(kill(held, 0) < 0); /* it was killed */
}

/* Before there was any report. */
static void what_hangs_from_the_beginning_has_a_report_too(void **state)
{
    struct bed *bed = *state;
    struct scan_report *report;

    stage->trick = HANG;
    scan(bed, &report);
    assert_int_equal(report->state, SCAN_FAILED);
    assert_int_equal(report->vm.pid, bed->guest.pid);
    assert_non_null(strstr(report->error.msg, "the kernel does not answer"));
    scan_report_free(report);
}

static void a_scanner_that_was_killed_fails_one_scan(void **state)
{
    struct bed *bed = *state;
    struct scan_request request = request_for(bed);
    struct scan_report *report;
    unsigned peeks;

    request.max_rate_bytes = 40 * MIB;
    assert_int_equal(scan_link_submit(bed->link, &request, NULL), 0);
    while (atomic_load(&stage->scanner) == 0)
        look_once(bed);
    kill(atomic_load(&stage->scanner), SIGKILL);
    report = wait_for_report(bed, &peeks);
    assert_int_equal(report->state, SCAN_FAILED);
    assert_non_null(strstr(report->error.msg, "has ended"));
    scan_report_free(report);
    scan(bed, &report);
    expect_right(bed, report);
    scan_report_free(report);
    /* and between two scans nobody notices */
    kill(atomic_load(&stage->scanner), SIGKILL);
    usleep(50000);
    scan(bed, &report);
    expect_right(bed, report);
    scan_report_free(report);
}

static void what_a_scanner_says_is_not_believed(void **state)
{
    static const enum trick tricks[] = {TOO_MANY_BYTES, WITHOUT_END};
    struct bed *bed = *state;
    struct scan_report *report;

    for (size_t i = 0; i < sizeof(tricks) / sizeof(tricks[0]); i++) {
        stage->trick = tricks[i];
        scan(bed, &report);
        assert_int_equal(report->state, SCAN_FAILED);
        assert_non_null(strstr(report->error.msg, "no valid report"));
        scan_report_free(report);
        stage->trick = HONEST;
        scan(bed, &report);
        expect_right(bed, report);
        scan_report_free(report);
    }
}

/* One that never stops talking is not listened to for long. */
static void a_scanner_that_floods_is_given_up(void **state)
{
    struct bed *bed = *state;
    struct scan_report *report;

    stage->trick = FLOOD;
    alarm(30);
    scan(bed, &report);
    alarm(0);
    assert_int_equal(report->state, SCAN_FAILED);
    assert_non_null(strstr(report->error.msg, "no valid report"));
    scan_report_free(report);
    stage->trick = HONEST;
    scan(bed, &report);
    expect_right(bed, report);
    scan_report_free(report);
}

/* For who cannot wait. */
static void a_scan_can_be_given_up(void **state)
{
    const struct error why = {.code = -ETIME, .msg = "no more time"};
    struct bed *bed = *state;
    struct scan_request request = request_for(bed);
    struct scan_report *report;

    request.max_rate_bytes = 40 * MIB;
    scan_link_give_up(bed->link, &why); /* nothing to give up */
    assert_int_equal(scan_link_submit(bed->link, &request, NULL), 0);
    scan_link_give_up(bed->link, &why);
    report = scan_link_take(bed->link);
    assert_non_null(report);
    assert_int_equal(report->state, SCAN_FAILED);
    assert_string_equal(report->error.msg, "no more time");
    scan_report_free(report);
    scan(bed, &report);
    expect_right(bed, report);
    scan_report_free(report);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_scan_by_another_process_finds_the_same, setup, teardown),
        cmocka_unit_test_setup_teardown(one_scan_at_a_time, setup, teardown),
        cmocka_unit_test_setup_teardown(a_scan_can_be_watched_and_cancelled, setup, teardown),
        cmocka_unit_test_setup_teardown(looks_come_from_another_process_too, setup, teardown),
        cmocka_unit_test_setup_teardown(looks_can_be_cancelled_from_here, setup, teardown),
        cmocka_unit_test_setup_teardown(a_slow_scan_is_not_given_up, setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_scanner_that_stands_still_is_given_up_and_the_next_scan_has_another, setup, teardown),
        cmocka_unit_test_setup_teardown(what_hangs_from_the_beginning_has_a_report_too, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_scanner_that_was_killed_fails_one_scan, setup, teardown),
        cmocka_unit_test_setup_teardown(what_a_scanner_says_is_not_believed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_scanner_that_floods_is_given_up, setup, teardown),
        cmocka_unit_test_setup_teardown(a_scan_can_be_given_up, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
