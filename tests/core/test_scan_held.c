// SPDX-License-Identifier: MIT
/*
 * A VMM that takes pages away and puts a userfaultfd range in their place, after the scan has seen
 * them and before it reads them. The call that reads waits here for that to happen, so that every
 * run meets it; what holds the read then is the kernel itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/scan/scan_worker.h"
#include "tests/lib/guest.h"
#include "tests/lib/scanning.h"

#define MIB        (1ull << 20)
#define PAGE       4096ull
#define PART_BYTES (32 * MIB) /* two looks of a child */
#define PARTS_MAX  10

/* In memory that the test, its reading processes and the guest share. */
struct stage {
    uint64_t parts[PARTS_MAX];
    unsigned part_count, traps; /* the first @traps parts become userfaultfd ranges */
    uint64_t trap_offset;       /* from here on, before what lies there is read */
    double from_s;              /* not before this time of the monotonic clock */
    bool early;                 /* the first does so when the last is read, which comes first */
    atomic_uint asked, sprung;  /* a bit for each part */
    atomic_int reader;          /* the process that has read last */
};
static struct stage *stage;

static void nap_ms(long ms)
{
    struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&ts, NULL);
}

static double now_s(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void spring(unsigned part)
{
    atomic_fetch_or(&stage->asked, 1u << part);
    while ((atomic_load(&stage->sprung) >> part & 1) == 0)
        nap_ms(1);
}

/* On its way to the kernel: does it read from a part that is a trap? */
ssize_t process_vm_readv(pid_t pid, const struct iovec *local, unsigned long local_count,
                         const struct iovec *remote, unsigned long remote_count,
                         unsigned long flags)
{
    if (stage != NULL)
        atomic_store(&stage->reader, getpid());
    if (stage != NULL && stage->early && atomic_load(&stage->sprung) == 0)
        spring(0);
    for (unsigned i = 0; stage != NULL && i < stage->traps; i++) {
        uint64_t at = (uintptr_t)remote[remote_count - 1].iov_base;
        uint64_t end = at + remote[remote_count - 1].iov_len;
        if ((atomic_load(&stage->sprung) >> i & 1) == 0 && now_s() >= stage->from_s &&
            end > stage->parts[i] + stage->trap_offset && at < stage->parts[i] + PART_BYTES)
            spring(i);
    }
    return syscall(SYS_process_vm_readv, pid, local, local_count, remote, remote_count, flags);
}

static void turn_into_trap(int fd, unsigned part)
{
    uint64_t start = stage->parts[part] + stage->trap_offset;
    uint64_t bytes = PART_BYTES - stage->trap_offset;
    struct uffdio_register reg = {.range = {start, bytes}, .mode = UFFDIO_REGISTER_MODE_MISSING};

    if (ioctl(fd, UFFDIO_REGISTER, &reg) < 0 ||
        madvise((void *)(uintptr_t)start, bytes, MADV_DONTNEED) < 0)
        _exit(1);
    atomic_fetch_or(&stage->sprung, 1u << part);
}

static void *trapper(void *arg)
{
    for (;; nap_ms(1)) {
        unsigned asked = atomic_load(&stage->asked) & ~atomic_load(&stage->sprung);
        for (unsigned i = 0; i < PARTS_MAX; i++)
            if ((asked >> i & 1) != 0)
                turn_into_trap(*(int *)arg, i);
    }
    return NULL;
}

/* Parts that are present, every fourth page of them zero. */
static void held_guest(struct guest_info *info, const void *arg)
{
    static int fd;
    struct uffdio_api api = {.api = UFFD_API};
    pthread_t thread;

    (void)arg;
    fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
    if (fd < 0 || ioctl(fd, UFFDIO_API, &api) < 0) {
        info->error = errno;
        return;
    }
    for (unsigned i = 0; i < stage->part_count; i++) {
        /* with a page behind it that keeps it a mapping of its own */
        char *part = mmap(NULL, PART_BYTES + PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (part == MAP_FAILED || mprotect(part, PART_BYTES, PROT_READ | PROT_WRITE) < 0) {
            info->error = errno;
            return;
        }
        for (size_t k = 0; k < PART_BYTES; k += PAGE)
            part[k] = k / PAGE % 4 == 0 ? 0 : 7;
        stage->parts[i] = (uintptr_t)part;
    }
    info->error = pthread_create(&thread, NULL, trapper, &fd);
}

/* False: there is no userfaultfd here, which is said. */
static bool start(struct guest *guest, unsigned parts, unsigned traps, uint64_t trap_offset)
{
    stage = mmap(NULL, sizeof(*stage), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(stage != MAP_FAILED);
    *stage = (struct stage){.part_count = parts, .traps = traps, .trap_offset = trap_offset};
    if (guest_start(guest, held_guest, NULL))
        return true;
    print_message("  skipped: no userfaultfd here: %s\n", strerror(guest->info->error));
    stage = NULL;
    return false;
}

static void stop(struct guest *guest)
{
    guest_stop(guest);
    munmap(stage, sizeof(*stage));
    stage = NULL;
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no process is left over */
    assert_int_equal(errno, ECHILD);
}

static struct scan_request request_for(const struct guest *guest)
{
    struct scan_request request = scanning_request(guest);

    for (unsigned i = 0; i < stage->part_count; i++)
        request.ram[i] = (struct ram_range){stage->parts[i], stage->parts[i] + PART_BYTES};
    request.ram_count = stage->part_count;
    return request;
}

static const struct scan_region *region_of(const struct scan_report *report, unsigned part)
{
    for (size_t i = 0; i < report->region_count; i++)
        if (report->regions[i].ram.start == stage->parts[part])
            return &report->regions[i];
    fail_msg("part %u is no region", part);
    return NULL;
}

static void expect_whole(const struct scan_report *report, unsigned part)
{
    const struct scan_region *region = region_of(report, part);

    assert_int_equal(region->ram.skip, RAM_SKIP_NONE);
    assert_int_equal(region->counts.pages[PAGE_NONZERO], PART_BYTES / PAGE * 3 / 4);
    assert_int_equal(region->counts.pages[PAGE_ZERO_CONTENT], PART_BYTES / PAGE / 4);
}

static void a_range_that_becomes_userfaultfd_is_left_and_the_rest_is_read(void **state)
{
    struct guest guest;
    struct scan_report *report;

    (void)state;
    if (!start(&guest, 3, 1, 20 * MIB))
        return;
    struct scan_request request = request_for(&guest);
    double begin = now_s();
    assert_int_equal(scanning_run(&request, &report), 0);
    assert_true(now_s() - begin < 3);
    assert_int_equal(atomic_load(&stage->sprung), 1);
    assert_int_equal(report->state, SCAN_DONE);
    assert_false(report->zero_known || report->wire.valid);
    const struct scan_region *left = region_of(report, 0);
    assert_int_equal(left->ram.skip, RAM_SKIP_UFFD);
    /* what was read before holds */
    assert_int_equal(left->counts.pages[PAGE_UNREADABLE], 12 * MIB / PAGE);
    assert_int_equal(left->counts.pages[PAGE_NONZERO], 20 * MIB / PAGE * 3 / 4);
    assert_int_equal(left->counts.pages[PAGE_ZERO_CONTENT], 20 * MIB / PAGE / 4);
    expect_whole(report, 1);
    expect_whole(report, 2);
    assert_true(scanning_warns(report, "became a userfaultfd range while it was read"));
    scan_report_free(report);
    stop(&guest);
}

static void a_sample_is_drawn_anew_from_what_can_be_read(void **state)
{
    struct guest guest;
    struct scan_report *report;

    (void)state;
    if (!start(&guest, 3, 1, 0))
        return;
    struct scan_request request = request_for(&guest);
    request.mode = SCAN_ESTIMATE;
    request.sample_pages = 2000;
    double begin = now_s();
    assert_int_equal(scanning_run(&request, &report), 0);
    assert_true(now_s() - begin < 3);
    assert_int_equal(report->state, SCAN_DONE);
    assert_int_equal(report->estimate.population, 2 * PART_BYTES / PAGE);
    assert_int_equal(report->estimate.sampled, 2000);
    assert_int_equal(region_of(report, 0)->ram.skip, RAM_SKIP_UFFD);
    assert_int_equal(report->counts.pages[PAGE_UNREADABLE], PART_BYTES / PAGE);
    /* a quarter of two thirds, and nobody knows of the third */
    assert_true(report->estimate.ci95_low > 0.13 && report->estimate.ci95_low < 1 / 6.0);
    assert_true(report->estimate.ci95_high > 0.5 && report->estimate.ci95_high < 0.54);
    assert_true(scanning_warns(report, "became a userfaultfd range while it was read"));
    scan_report_free(report);
    stop(&guest);
}

/* It cannot be held for a second by each of thousands of mappings. */
static void one_range_after_the_other_costs_no_more_than_some(void **state)
{
    struct guest guest;
    struct scan_report *report;
    unsigned left = 0;

    (void)state;
    if (!start(&guest, 10, 10, 0))
        return;
    struct scan_request request = request_for(&guest);
    double begin = now_s();
    assert_int_equal(scanning_run(&request, &report), 0);
    assert_true(now_s() - begin < 11);
    for (unsigned i = 0; i < 10; i++)
        left += region_of(report, i)->counts.pages[PAGE_UNREADABLE] == PART_BYTES / PAGE;
    assert_int_equal(left, 10);
    assert_int_equal(__builtin_popcount(atomic_load(&stage->sprung)), 8);
    assert_true(scanning_warns(report, "so many RAM mappings"));
    assert_true(scanning_warns(report, "4 more"));
    scan_report_free(report);
    stop(&guest);
}

/* Nothing is read there that could wait, and nothing is known of it either. */
static void pages_that_are_absent_under_userfaultfd_are_not_said_to_be_zero(void **state)
{
    struct guest guest;
    struct scan_report *report;
    uint64_t unreadable = 0;

    (void)state;
    if (!start(&guest, 3, 0, 0))
        return;
    stage->early = true;
    struct scan_request request = request_for(&guest);
    request.max_rate_bytes = 200 * MIB;
    assert_int_equal(scanning_run(&request, &report), 0);
    assert_int_equal(report->state, SCAN_DONE);
    assert_int_equal(region_of(report, 0)->counts.pages[PAGE_UNREADABLE], PART_BYTES / PAGE);
    assert_int_equal(report->counts.pages[PAGE_UNREADABLE], PART_BYTES / PAGE);
    assert_int_equal(report->counts.pages[PAGE_UNTOUCHED], 0);
    assert_int_equal(region_of(report, 0)->ram.skip, RAM_SKIP_UFFD);
    for (size_t i = 0; i < report->slice_count; i++)
        unreadable += report->slices[i].pages[PAGE_UNREADABLE];
    /* a slice of 6 pages may have some of two regions, and is left as it was */
    assert_in_range(unreadable, PART_BYTES / PAGE - 6, PART_BYTES / PAGE);
    assert_false(report->zero_known);
    assert_true(scanning_warns(report, "became a userfaultfd range while it was read"));
    expect_whole(report, 1);
    expect_whole(report, 2);
    scan_report_free(report);
    stop(&guest);
}

static void expect_left(const struct scan_report *report)
{
    assert_int_equal(report->state, SCAN_DONE);
    assert_int_equal(report->dirty->voids & 1u << SCAN_VOID_UFFD, 1u << SCAN_VOID_UFFD);
    assert_true(scanning_warns(report, "became a userfaultfd range while it was read"));
    for (size_t i = 0; i < report->dirty->looks.pair_count; i++)
        assert_int_equal(report->dirty->looks.pairs[i].changed, 0);
}

static void a_sample_that_is_held_at_its_first_look_is_drawn_anew(void **state)
{
    struct guest guest;
    struct scan_report *report;

    (void)state;
    if (!start(&guest, 3, 1, 0))
        return;
    struct scan_request request = request_for(&guest);
    request.mode = SCAN_DIRTY;
    request.duration_s = 0.4;
    request.sample_pages = 2000;
    double begin = now_s();
    assert_int_equal(scanning_run(&request, &report), 0);
    assert_true(now_s() - begin < 3);
    expect_left(report);
    assert_in_range(report->dirty->look_count, 2, 4);
    assert_int_equal(report->dirty->looks.population, 2 * PART_BYTES / PAGE);
    assert_int_equal(report->dirty->looks.sampled, 2000);
    assert_int_equal(report->dirty->lost, 0);
    scan_report_free(report);
    stop(&guest);
}

static void what_is_held_later_is_in_no_pair_any_more(void **state)
{
    struct guest guest;
    struct scan_report *report;

    (void)state;
    for (int i = 0;; i++) {
        if (!start(&guest, 3, 1, 0))
            return;
        struct scan_request request = request_for(&guest);
        request.mode = SCAN_DIRTY;
        request.duration_s = 3.2;
        request.max_cpu = 4; /* a busy host would make the sample smaller */
        stage->from_s = now_s() + 1;
        assert_int_equal(scanning_run(&request, &report), 0);
        if (i == 9 || report->dirty->looks.pairs[0].sampled == SCAN_SAMPLE_DEFAULT)
            break; /* on a busy host the first two looks may not be over by then */
        scan_report_free(report);
        stop(&guest);
    }
    expect_left(report);
    const struct dirty_looks *d = &report->dirty->looks;
    assert_int_equal(d->sampled, SCAN_SAMPLE_DEFAULT);
    assert_int_equal(d->pairs[0].sampled, SCAN_SAMPLE_DEFAULT);
    assert_in_range(report->dirty->lost, SCAN_SAMPLE_DEFAULT * 0.3, SCAN_SAMPLE_DEFAULT * 0.37);
    assert_int_equal(d->pairs[d->pair_count - 1].sampled,
                     SCAN_SAMPLE_DEFAULT - report->dirty->lost);
    scan_report_free(report);
    stop(&guest);
}

/* Nothing waits there, since what has gone is not read: it is seen only when all is over. */
static void a_range_that_looks_did_not_run_into_is_said_too(void **state)
{
    struct guest guest;
    struct scan_report *report;

    (void)state;
    if (!start(&guest, 3, 0, 0))
        return;
    stage->early = true;
    struct scan_request request = request_for(&guest);
    request.mode = SCAN_DIRTY;
    request.duration_s = 0.4;
    assert_int_equal(scanning_run(&request, &report), 0);
    expect_left(report);
    assert_true(report->dirty->lost > 0);
    assert_true(scanning_warns(report, scan_void_text(SCAN_VOID_UFFD)));
    scan_report_free(report);
    stop(&guest);
}

static void *cancel_when_held(void *arg)
{
    struct scan_progress *progress = arg;

    while (atomic_load(&stage->sprung) == 0)
        nap_ms(1);
    nap_ms(100); /* less than what it takes to give up */
    atomic_store(&progress->start_ns, (uint64_t)(now_s() * 1e9));
    atomic_store(&progress->cancel, true);
    return NULL;
}

static void cancel_held(enum scan_mode mode)
{
    struct guest guest;
    struct rootfs root;
    struct scan_progress progress = {.cancel = false};
    struct scan_env env = {.root = &root, .progress = &progress};
    struct scan_report *report;
    pthread_t thread;

    if (!start(&guest, 2, 1, 0))
        return;
    struct scan_request request = request_for(&guest);
    request.mode = mode;
    assert_int_equal(rootfs_open(NULL, &root, NULL), 0);
    assert_int_equal(pthread_create(&thread, NULL, cancel_when_held, &progress), 0);
    assert_int_equal(scan_execute(&env, &request, &report), -ECANCELED);
    double end = now_s();
    pthread_join(thread, NULL);
    assert_true(end - (double)atomic_load(&progress.start_ns) / 1e9 < 0.3);
    assert_int_equal(report->state, SCAN_CANCELLED);
    scan_report_free(report);
    rootfs_close(&root);
    stop(&guest);
}

static void a_scan_that_is_held_can_be_cancelled_at_once(void **state)
{
    (void)state;
    cancel_held(SCAN_EXACT);
}

static void a_look_that_is_held_too(void **state)
{
    (void)state;
    cancel_held(SCAN_DIRTY);
}

/* Whoever watches the scan sees that it goes on, while it waits for a read that does not. */
static void *watch(void *arg)
{
    struct beacon *beacon = arg;
    uint64_t before = 0;
    double since = now_s(), longest = 0;

    while (atomic_load(&beacon->step) != BEACON_NOTHING || atomic_load(&beacon->steps) == 0) {
        uint64_t steps = atomic_load(&beacon->steps);
        if (steps != before)
            since = now_s();
        before = steps;
        if (now_s() - since > longest)
            longest = now_s() - since;
        nap_ms(1);
    }
    return longest < 0.5 ? NULL : arg;
}

static void the_beacon_goes_on_while_a_read_is_waited_for(void **state)
{
    static struct beacon beacon;
    struct guest guest;
    struct rootfs root;
    struct scan_progress progress = {.cancel = false};
    struct scan_env env = {.root = &root, .progress = &progress, .beacon = &beacon};
    struct scan_report *report;
    void *stood_still;
    pthread_t thread;

    (void)state;
    if (!start(&guest, 2, 1, 0))
        return;
    struct scan_request request = request_for(&guest);
    assert_int_equal(rootfs_open(NULL, &root, NULL), 0);
    assert_int_equal(pthread_create(&thread, NULL, watch, &beacon), 0);
    assert_int_equal(scan_execute(&env, &request, &report), 0);
    pthread_join(thread, &stood_still);
    assert_null(stood_still);
    assert_true(atomic_load(&beacon.steps) > 50); /* a second in steps of ten milliseconds */
    scan_report_free(report);
    rootfs_close(&root);
    stop(&guest);
}

static struct scan_report *scan_by(struct scan_worker *worker, const struct scan_request *request)
{
    struct scan_report *report;

    assert_int_equal(scan_worker_submit(worker, request), 0);
    for (double end = now_s() + 10; (report = scan_worker_take(worker)) == NULL; nap_ms(1))
        assert_true(now_s() < end);
    return report;
}

/* Unless it was killed, by the scan itself or by anybody else. */
static void a_reader_is_kept_from_scan_to_scan(void **state)
{
    struct guest guest;
    struct rootfs root;
    struct scan_worker *worker;
    int reader = 0, kept = 0;

    (void)state;
    if (!start(&guest, 2, 0, 0))
        return;
    struct scan_request request = request_for(&guest);
    request.estimate_first = true;
    assert_int_equal(rootfs_open(NULL, &root, NULL), 0);
    assert_int_equal(scan_worker_start(&root, -1, &worker, NULL), 0);
    for (int i = 0; i < 4; i++) {
        struct scan_report *report = scan_by(worker, &request);
        expect_whole(report, 0);
        expect_whole(report, 1);
        scan_report_free(report);
        kept += reader == atomic_load(&stage->reader);
        reader = atomic_load(&stage->reader);
        if (i == 1)
            kill(reader, SIGKILL);
    }
    assert_int_equal(kept, 2);
    stage->traps = 1;
    scan_report_free(scan_by(worker, &request));
    assert_true(kill(reader, 0) < 0); /* given up */
    assert_true(scan_worker_stop(worker));
    rootfs_close(&root);
    stop(&guest);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_range_that_becomes_userfaultfd_is_left_and_the_rest_is_read),
        cmocka_unit_test(a_sample_is_drawn_anew_from_what_can_be_read),
        cmocka_unit_test(pages_that_are_absent_under_userfaultfd_are_not_said_to_be_zero),
        cmocka_unit_test(one_range_after_the_other_costs_no_more_than_some),
        cmocka_unit_test(a_scan_that_is_held_can_be_cancelled_at_once),
        cmocka_unit_test(a_look_that_is_held_too),
        cmocka_unit_test(a_sample_that_is_held_at_its_first_look_is_drawn_anew),
        cmocka_unit_test(what_is_held_later_is_in_no_pair_any_more),
        cmocka_unit_test(a_range_that_looks_did_not_run_into_is_said_too),
        cmocka_unit_test(the_beacon_goes_on_while_a_read_is_waited_for),
        cmocka_unit_test(a_reader_is_kept_from_scan_to_scan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
