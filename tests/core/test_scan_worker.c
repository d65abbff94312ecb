// SPDX-License-Identifier: MIT
#include "core/scan/scan_worker.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/guest.h"

#define MIB (1ull << 20)

struct fixture {
    struct rootfs root;
    struct guest guest;
    struct scan_worker *worker;
    int wake_fd;
};

static double now_s(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/*
 * Until @bytes were read in the reading phase. A scan that has stopped on its own fails the test.
 */
static void wait_for_reading(struct scan_worker *worker, uint64_t bytes)
{
    for (double end = now_s() + 20; now_s() < end; usleep(500)) {
        struct scan_worker_progress p = scan_worker_progress(worker);
        if (p.phase == SCAN_PHASE_READ && p.done_bytes >= bytes)
            return;
    }
    fail_msg("no %llu bytes read within 20 s", (unsigned long long)bytes);
}

static int setup(void **state)
{
    static const struct minivm_range ranges[] = {
        {.start = 0, .bytes = 64 * MIB, .fill = MINIVM_FILL_MIX},
        {.start = 96 * MIB, .bytes = 32 * MIB, .fill = MINIVM_FILL_MIX, .stride = 5},
    };
    static const struct guest_ram_config config = {
        .backing = MINIVM_ANON, .bytes = 128 * MIB, .ranges = ranges, .range_count = 2};
    static struct fixture f;

    f.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    *state = &f;
    if (rootfs_open(NULL, &f.root, NULL) < 0 || !guest_start(&f.guest, guest_ram, &config))
        return -1;
    return scan_worker_start(&f.root, f.wake_fd, &f.worker, NULL);
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    bool stopped = scan_worker_stop(f->worker);
    guest_stop(&f->guest);
    rootfs_close(&f->root);
    close(f->wake_fd);
    return stopped ? 0 : -1;
}

static struct scan_request request_for(const struct fixture *f)
{
    return (struct scan_request){.vm = {.pid = f->guest.pid}, .vmm = "qemu", .seed = 1};
}

/* Sleeps in poll as the main loop does. NULL: not within ten seconds. */
static struct scan_report *wait_for_report(struct fixture *f)
{
    struct scan_report *report;

    for (double end = now_s() + 10;
         (report = scan_worker_take(f->worker)) == NULL && now_s() < end;) {
        struct pollfd p = {.fd = f->wake_fd, .events = POLLIN};
        uint64_t count;
        if (poll(&p, 1, 10000) > 0)
            assert_int_equal(read(f->wake_fd, &count, sizeof(count)), sizeof(count));
    }
    return report;
}

static void job_is_done_once_and_wakes_the_main_loop(void **state)
{
    struct fixture *f = *state;
    struct scan_request request = request_for(f);

    assert_false(scan_worker_progress(f->worker).busy);
    assert_null(scan_worker_take(f->worker));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(scan_worker_submit(f->worker, &request), 0);
        assert_true(scan_worker_progress(f->worker).busy);
        struct scan_report *report = wait_for_report(f);
        assert_non_null(report);
        assert_int_equal(report->state, SCAN_DONE);
        assert_int_equal(report->counts.pages[PAGE_NONZERO], f->guest.info->pages.nonzero);
        assert_int_equal(report->vm.pid, f->guest.pid);
        scan_report_free(report);
        assert_null(scan_worker_take(f->worker));
        assert_false(scan_worker_progress(f->worker).busy);
    }
}

static void second_job_is_refused_until_the_first_is_taken(void **state)
{
    struct fixture *f = *state;
    struct scan_request request = request_for(f);

    assert_int_equal(scan_worker_submit(f->worker, &request), 0);
    assert_int_equal(scan_worker_submit(f->worker, &request), -EBUSY);
    double end = now_s() + 20;
    while ((scan_worker_progress(f->worker).phase != SCAN_PHASE_READ ||
            scan_worker_progress(f->worker).eta_s >= 0) &&
           now_s() < end)
        usleep(1000);
    assert_true(now_s() < end);
    assert_int_equal(scan_worker_submit(f->worker, &request), -EBUSY);
    scan_report_free(wait_for_report(f));
    assert_int_equal(scan_worker_submit(f->worker, &request), 0);
    scan_report_free(wait_for_report(f));
}

/* Under a rate limit, so that there is something to cancel on any machine. */
static void cancel_ends_a_scan_within_50_ms(void **state)
{
    struct fixture *f = *state;
    double best = 1e9;

    for (int i = 0; i < 8; i++) {
        struct scan_request request = request_for(f);
        request.threads = 1 + (unsigned)i % 3;
        request.max_rate_bytes = i < 4 ? 20 * MIB : 200 * MIB;
        request.estimate_first = i % 2 == 1;
        assert_int_equal(scan_worker_submit(f->worker, &request), 0);
        wait_for_reading(f->worker, 2 * MIB);
        double begin = now_s();
        scan_worker_cancel(f->worker);
        struct scan_report *report = wait_for_report(f);
        double took = now_s() - begin;
        assert_non_null(report);
        assert_int_equal(report->state, SCAN_CANCELLED);
        assert_true(report->partial && !report->zero_known);
        assert_true(report->counts.pages[PAGE_UNREAD] > 0);
        assert_int_equal(report->error.code, 0);
        scan_report_free(report);
        if (took < best)
            best = took;
        assert_true(took < 2); /* always; 50 ms is for a machine that is not overloaded */
    }
    print_message("  best of 8: %.1f ms\n", best * 1e3);
    assert_true(best < 0.05);
}

static void cancel_without_a_job_has_no_effect_on_the_next(void **state)
{
    struct fixture *f = *state;
    struct scan_request request = request_for(f);

    scan_worker_cancel(f->worker);
    scan_worker_cancel(f->worker);
    assert_int_equal(scan_worker_submit(f->worker, &request), 0);
    struct scan_report *report = wait_for_report(f);
    assert_int_equal(report->state, SCAN_DONE);
    scan_report_free(report);
}

static void progress_and_intermediate_reports_grow(void **state)
{
    struct fixture *f = *state;
    struct scan_request request = request_for(f);
    struct scan_report *report = NULL;
    unsigned peeks = 0, estimates = 0;
    uint64_t last = 0;

    request.max_rate_bytes = 128 * MIB;
    request.estimate_first = true;
    request.sample_pages = 100;
    request.threads = 2;
    assert_int_equal(scan_worker_submit(f->worker, &request), 0);
    double end = now_s() + 60;
    while ((report = scan_worker_take(f->worker)) == NULL) {
        assert_true(now_s() < end);
        struct scan_worker_progress p = scan_worker_progress(f->worker);
        struct scan_report *peek = scan_worker_peek(f->worker);
        if (p.phase == SCAN_PHASE_READ) {
            assert_true(p.done_bytes >= last || p.done_bytes == 0);
            last = p.done_bytes;
        }
        if (peek != NULL) {
            assert_int_equal(peek->state, SCAN_RUNNING);
            assert_true(peek->partial);
            uint64_t sum = 0;
            for (int k = 0; k < PAGE_CLASS_COUNT; k++)
                sum += peek->counts.pages[k];
            assert_int_equal(sum, peek->pages_total);
            estimates += peek->estimate.valid;
            peeks++;
            scan_report_free(peek);
        }
        usleep(2000);
    }
    assert_int_equal(report->state, SCAN_DONE);
    assert_true(report->estimate.valid);
    assert_int_equal(report->estimate.sampled, 100);
    assert_int_equal(report->counts.pages[PAGE_NONZERO], f->guest.info->pages.nonzero);
    assert_true(peeks >= 3);
    assert_true(estimates >= 2);
    scan_report_free(report);
}

static void rate_limit_is_kept(void **state)
{
    struct fixture *f = *state;
    struct scan_request request = request_for(f);

    request.max_rate_bytes = 100 * MIB;
    request.threads = 3;
    double begin = now_s();
    assert_int_equal(scan_worker_submit(f->worker, &request), 0);
    struct scan_report *report = wait_for_report(f);
    double rate = (double)report->cost.bytes_read / (now_s() - begin) / (double)MIB;
    print_message("  %.0f of 100 MiB/s\n", rate);
    assert_true(rate < 110);
    scan_report_free(report);
}

static void two_scans_of_one_vm_at_once_agree(void **state)
{
    struct fixture *f = *state;
    struct scan_request request = request_for(f);
    struct fixture second = *f;

    second.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    assert_int_equal(scan_worker_start(&f->root, second.wake_fd, &second.worker, NULL), 0);
    request.threads = 2;
    request.max_rate_bytes = 300 * MIB;
    assert_int_equal(scan_worker_submit(f->worker, &request), 0);
    assert_int_equal(scan_worker_submit(second.worker, &request), 0);
    struct scan_report *a = wait_for_report(f), *b = wait_for_report(&second);
    assert_memory_equal(&a->counts, &b->counts, sizeof(a->counts));
    assert_int_equal(a->counts.pages[PAGE_NONZERO], f->guest.info->pages.nonzero);
    scan_report_free(a);
    scan_report_free(b);
    assert_true(scan_worker_stop(second.worker));
    close(second.wake_fd);
}

static void stop_in_the_middle_of_a_scan_is_quick(void **state)
{
    struct fixture *f = *state;
    struct scan_request request = request_for(f);
    struct scan_worker *worker;

    assert_true(scan_worker_stop(NULL));
    assert_int_equal(scan_worker_start(&f->root, -1, &worker, NULL), 0);
    request.max_rate_bytes = 1 * MIB;
    request.threads = 2;
    assert_int_equal(scan_worker_submit(worker, &request), 0);
    wait_for_reading(worker, 1);
    double begin = now_s();
    assert_true(scan_worker_stop(worker));
    assert_true(now_s() - begin < 0.5);
    assert_int_equal(scan_worker_start(&f->root, -1, &worker, NULL), 0);
    assert_true(scan_worker_stop(worker));
}

/* The mask of a thread of ours that is not this one. */
static unsigned long long mask_of_other_thread(void)
{
    unsigned long long mask = 0;
    DIR *tasks = opendir("/proc/self/task");

    assert_non_null(tasks);
    for (struct dirent *e; (e = readdir(tasks)) != NULL;) {
        char path[300], line[200];
        if (e->d_name[0] == '.' || atoi(e->d_name) == (int)getpid())
            continue;
        snprintf(path, sizeof(path), "/proc/self/task/%s/status", e->d_name);
        FILE *in = fopen(path, "r");
        while (in && fgets(line, sizeof(line), in))
            sscanf(line, "SigBlk: %llx", &mask);
        if (in)
            fclose(in);
    }
    closedir(tasks);
    return mask;
}

/* The kernel ends a process past its handler when a fault is blocked in the thread that has it. */
static void a_fault_of_the_thread_reaches_its_handler(void **state)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP};
    static const int others[] = {SIGTERM, SIGHUP, SIGINT, SIGUSR1, SIGALRM, SIGWINCH};
    unsigned long long mask = mask_of_other_thread();

    (void)state;
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
        assert_false(mask >> (faults[i] - 1) & 1);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_true(mask >> (others[i] - 1) & 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(job_is_done_once_and_wakes_the_main_loop),
        cmocka_unit_test(second_job_is_refused_until_the_first_is_taken),
        cmocka_unit_test(cancel_ends_a_scan_within_50_ms),
        cmocka_unit_test(cancel_without_a_job_has_no_effect_on_the_next),
        cmocka_unit_test(progress_and_intermediate_reports_grow),
        cmocka_unit_test(rate_limit_is_kept),
        cmocka_unit_test(two_scans_of_one_vm_at_once_agree),
        cmocka_unit_test(stop_in_the_middle_of_a_scan_is_quick),
        cmocka_unit_test(a_fault_of_the_thread_reaches_its_handler),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
