// SPDX-License-Identifier: MIT
/*
 * Scans when things go wrong: targets that end, change, refuse, or never answer.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "accel/cpu.h"
#include "core/find/vm_build.h"
#include "core/scan/page_reader.h"
#include "core/scan/read_child.h"
#include "core/scan/residency.h"
#include "core/scan/scan.h"
#include "core/scan/scan_worker.h"
#include "tests/lib/guest.h"
#include "tests/lib/scanning.h"

#define MIB (1ull << 20)
#define GIB (1ull << 30)
#define TIB (1ull << 40)
#define PAGE 4096ull

static double now_s(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void nap_ms(long ms)
{
    struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&ts, NULL);
}

static struct scan_report *wait_report(struct scan_worker *worker, double timeout_s)
{
    struct scan_report *report = NULL;

    for (double end = now_s() + timeout_s; report == NULL && now_s() < end;) {
        report = scan_worker_take(worker);
        if (report == NULL)
            nap_ms(1);
    }
    return report;
}

/* A scan that has stopped on its own would be waited for without end: then the test fails. */
static void wait_for_reading(struct scan_worker *worker, uint64_t bytes)
{
    double end = now_s() + 20;

    while (scan_worker_progress(worker).done_bytes < bytes && now_s() < end)
        nap_ms(1);
    assert_true(scan_worker_progress(worker).done_bytes >= bytes);
}

static const struct minivm_range all_nonzero = {.start = 0, .bytes = 256 * MIB,
                                                .fill = MINIVM_FILL_NONZERO};
static const struct guest_ram_config big = {.backing = MINIVM_ANON, .bytes = 256 * MIB,
                                            .ranges = &all_nonzero, .range_count = 1};

static void target_that_ends_leaves_a_partial_report(void **state)
{
    struct rootfs root;
    struct scan_worker *worker;
    struct guest guest;

    (void)state;
    assert_int_equal(rootfs_open(NULL, &root, NULL), 0);
    assert_true(guest_start(&guest, guest_ram, &big));
    assert_int_equal(scan_worker_start(&root, -1, &worker, NULL), 0);
    struct scan_request request = scanning_request(&guest);
    request.max_rate_bytes = 64 * MIB;
    assert_int_equal(scan_worker_submit(worker, &request), 0);
    wait_for_reading(worker, 4 * MIB);
    guest_stop(&guest);
    struct scan_report *report = wait_report(worker, 5);
    assert_non_null(report);
    assert_int_equal(report->state, SCAN_FAILED);
    assert_int_equal(report->error.code, -ESRCH);
    assert_non_null(strstr(report->error.msg, "ended"));
    assert_true(report->partial && !report->zero_known && !report->wire.valid);
    assert_true(report->counts.pages[PAGE_NONZERO] > 0 && report->counts.pages[PAGE_UNREAD] > 0);
    scan_report_free(report);
    assert_true(scan_worker_stop(worker));
    rootfs_close(&root);
}

static void process_that_is_gone_is_refused(void **state)
{
    struct scan_report *report;
    struct scan_request request = {.vm = {.pid = 0x7ffffff0}, .vmm = "qemu"};

    (void)state;
    assert_int_equal(scanning_run(&request, &report), -ESRCH);
    assert_int_equal(report->state, SCAN_REFUSED);
    assert_non_null(strstr(report->error.msg, "has ended"));
    assert_int_equal(report->pages_total, 0);
    scan_report_free(report);
}

/* Between the choice and the reading the VM ended, and its number went to another process. */
static void process_that_has_taken_the_number_of_a_vm_is_not_read(void **state)
{
    struct rootfs root;
    struct guest guest;
    struct scan_report *report;
    uint64_t start;

    (void)state;
    assert_true(guest_start(&guest, guest_ram, &big));
    assert_int_equal(rootfs_open(NULL, &root, NULL), 0);
    assert_int_equal(vm_process_start(&root, guest.pid, &start), 0);
    rootfs_close(&root);
    struct scan_request request = scanning_request(&guest);
    request.vm.start_ticks = start - 1;
    for (int mode = SCAN_EXACT; mode <= SCAN_ESTIMATE; mode++) {
        request.mode = (enum scan_mode)mode;
        assert_int_equal(scanning_run(&request, &report), -ESRCH);
        assert_int_equal(report->state, SCAN_REFUSED);
        assert_int_equal(report->cost.bytes_read, 0);
        assert_non_null(strstr(report->error.msg, "another process"));
        scan_report_free(report);
    }
    request.vm.start_ticks = start;
    assert_int_equal(scanning_run(&request, &report), 0);
    assert_true(report->cost.bytes_read > 0);
    scan_report_free(report);
    guest_stop(&guest);
}

/* A guest whose memory is given back and touched again all the time, as a balloon does. */
static void *churn(void *arg)
{
    struct guest_info *info = arg;

    for (uint64_t i = 0;; i++) {
        uint64_t at = info->ram_start + i * 7919 % (info->ram_bytes / PAGE) * PAGE;
        uint64_t len = 64 * PAGE;
        if (at + len > info->ram_start + info->ram_bytes)
            continue;
        if (info->extra[0])
            madvise((void *)(uintptr_t)at, len, MADV_REMOVE);
        else
            madvise((void *)(uintptr_t)at, len, MADV_DONTNEED);
        *(volatile char *)(uintptr_t)(at + i % 64 * PAGE) = (char)i;
        info->extra[1] = i;
    }
    return NULL;
}

static void ballooning_guest(struct guest_info *info, const void *arg)
{
    const struct guest_ram_config *config = arg;
    pthread_t thread;

    guest_ram(info, arg);
    info->extra[0] = config->backing == MINIVM_MEMFD;
    if (info->error == 0 && pthread_create(&thread, NULL, churn, info) != 0)
        info->error = EAGAIN;
}

static void ballooning_during_a_scan_is_survived(void **state)
{
    static const enum minivm_backing kinds[] = {MINIVM_ANON, MINIVM_ANON_THP, MINIVM_MEMFD};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct guest_ram_config config = big;
        struct guest guest;
        config.backing = kinds[i];
        assert_true(guest_start(&guest, ballooning_guest, &config));
        struct scan_request request = scanning_request(&guest);
        request.threads = 2;
        for (int k = 0; k < 3; k++) {
            struct scan_report *report;
            request.estimate_first = k == 1;
            assert_int_equal(scanning_run(&request, &report), 0);
            uint64_t sum = 0;
            for (int c = 0; c < PAGE_CLASS_COUNT; c++)
                sum += report->counts.pages[c];
            assert_int_equal(sum, report->pages_total);
            assert_int_equal(report->counts.pages[PAGE_UNREADABLE], 0);
            scan_report_free(report);
        }
        guest_stop(&guest);
    }
}

/* Unmaps the second half of its RAM when told to. */
static void *unplug(void *arg)
{
    struct guest_info *info = arg;

    while (*(volatile uint64_t *)&info->extra[0] == 0)
        nap_ms(1);
    munmap((void *)(uintptr_t)(info->ram_start + info->ram_bytes / 2), info->ram_bytes / 2);
    info->extra[1] = 1;
    return NULL;
}

static void unplugging_guest(struct guest_info *info, const void *arg)
{
    pthread_t thread;

    guest_ram(info, arg);
    if (info->error == 0 && pthread_create(&thread, NULL, unplug, info) != 0)
        info->error = EAGAIN;
}

static void memory_unplugged_during_a_scan_is_said_so(void **state)
{
    struct rootfs root;
    struct scan_worker *worker;
    struct guest guest;

    (void)state;
    assert_int_equal(rootfs_open(NULL, &root, NULL), 0);
    assert_true(guest_start(&guest, unplugging_guest, &big));
    assert_int_equal(scan_worker_start(&root, -1, &worker, NULL), 0);
    struct scan_request request = scanning_request(&guest);
    request.max_rate_bytes = 512 * MIB;
    assert_int_equal(scan_worker_submit(worker, &request), 0);
    wait_for_reading(worker, 4 * MIB);
    guest.info->extra[0] = 1;
    struct scan_report *report = wait_report(worker, 10);
    assert_non_null(report);
    assert_int_equal(report->state, SCAN_DONE);
    assert_true(scanning_warns(report, "changed during the scan"));
    /* what was gone before it was looked at has no memory: it was not read, nor made anew */
    assert_true(report->counts.pages[PAGE_UNTOUCHED] > 0);
    scan_report_free(report);
    assert_true(scan_worker_stop(worker));
    guest_stop(&guest);
    rootfs_close(&root);
}

/* Gives all of its RAM back when told to, as with an inflated balloon. */
static void *give_back(void *arg)
{
    struct guest_info *info = arg;

    while (*(volatile uint64_t *)&info->extra[0] == 0)
        nap_ms(1);
    madvise((void *)(uintptr_t)info->ram_start, info->ram_bytes, MADV_DONTNEED);
    info->extra[1] = 1;
    return NULL;
}

static void giving_guest(struct guest_info *info, const void *arg)
{
    pthread_t thread;

    guest_ram(info, arg);
    if (info->error == 0 && pthread_create(&thread, NULL, give_back, info) != 0)
        info->error = EAGAIN;
}

/* What was found present long before its turn to be read may be gone: not to be made anew. */
static void memory_given_back_during_a_slow_scan_is_not_made_anew(void **state)
{
    static const struct {
        enum scan_mode mode;
        uint64_t sample, rate;
    } cases[] = {{SCAN_EXACT, 0, 16 * MIB}, {SCAN_ESTIMATE, 4000, 4 * MIB}};
    struct rootfs root;

    (void)state;
    assert_int_equal(rootfs_open(NULL, &root, NULL), 0);
    for (size_t i = 0; i < 2; i++) {
        struct scan_worker *worker;
        struct guest guest;
        assert_true(guest_start(&guest, giving_guest, &big));
        assert_int_equal(scan_worker_start(&root, -1, &worker, NULL), 0);
        struct scan_request request = scanning_request(&guest);
        request.max_rate_bytes = cases[i].rate;
        request.mode = cases[i].mode;
        request.sample_pages = cases[i].sample;
        assert_int_equal(scan_worker_submit(worker, &request), 0);
        wait_for_reading(worker, 1);
        guest.info->extra[0] = 1;
        struct scan_report *report = wait_report(worker, 30);
        assert_non_null(report);
        assert_int_equal(report->state, SCAN_DONE);
        scan_report_free(report);
        request.max_rate_bytes = 0;
        request.mode = SCAN_EXACT;
        assert_int_equal(scanning_run(&request, &report), 0);
        assert_in_range(report->counts.pages[PAGE_ZERO_MAPPED], 0, 2 * MIB / PAGE);
        assert_in_range(report->counts.pages[PAGE_UNTOUCHED], 254 * MIB / PAGE, 256 * MIB / PAGE);
        scan_report_free(report);
        assert_true(scan_worker_stop(worker));
        guest_stop(&guest);
    }
    rootfs_close(&root);
}

/* The guest gives its memory back between the two passes of an estimate. */
static void give_back_before_the_sample(void *arg, struct scan_report *report)
{
    struct guest *guest = arg;

    if (report->phase == SCAN_PHASE_SAMPLE && guest->info->extra[0] == 0) {
        guest->info->extra[0] = 1;
        for (int i = 0; i < 1000 && *(volatile uint64_t *)&guest->info->extra[1] == 0; i++)
            nap_ms(1);
        nap_ms(60); /* what was seen is old now */
    }
    scan_report_free(report);
}

static void sample_that_is_late_does_not_make_memory_anew(void **state)
{
    struct rootfs root;
    struct guest guest;
    struct scan_progress progress = {.cancel = false};
    struct scan_env env = {.root = &root, .progress = &progress,
                           .publish = give_back_before_the_sample, .publish_arg = &guest};
    struct scan_report *report;

    (void)state;
    assert_int_equal(rootfs_open(NULL, &root, NULL), 0);
    assert_true(guest_start(&guest, giving_guest, &big));
    struct scan_request request = scanning_request(&guest);
    request.mode = SCAN_ESTIMATE;
    assert_int_equal(scan_execute(&env, &request, &report), 0);
    assert_int_equal(guest.info->extra[1], 1);
    assert_int_equal(report->estimate.sampled, 0);
    scan_report_free(report);
    request.mode = SCAN_EXACT;
    assert_int_equal(scanning_run(&request, &report), 0);
    assert_int_equal(report->counts.pages[PAGE_UNTOUCHED], 256 * MIB / PAGE);
    scan_report_free(report);
    guest_stop(&guest);
    rootfs_close(&root);
}

/* Every third page has no access: the kernel refuses foreign reads of it. */
static void holed_guest(struct guest_info *info, const void *arg)
{
    guest_ram(info, arg);
    for (uint64_t i = 0; info->error == 0 && i < 3000; i += 3)
        mprotect((void *)(uintptr_t)(info->ram_start + i * PAGE), PAGE, PROT_NONE);
}

static void pages_without_access_are_unreadable_and_the_rest_is_read(void **state)
{
    static const struct minivm_range fill = {.start = 0, .bytes = 16 * MIB,
                                             .fill = MINIVM_FILL_NONZERO};
    struct guest_ram_config config = {.backing = MINIVM_ANON, .bytes = 16 * MIB, .ranges = &fill,
                                      .range_count = 1};
    struct guest guest;
    struct scan_report *report;

    (void)state;
    assert_true(guest_start(&guest, holed_guest, &config));
    struct scan_request request = scanning_request(&guest);
    request.ram_count = 1;
    request.ram[0] = (struct ram_range){guest.info->ram_start,
                                        guest.info->ram_start + guest.info->ram_bytes};
    assert_int_equal(scanning_run(&request, &report), 0);
    assert_int_equal(report->counts.pages[PAGE_UNREADABLE], 1000);
    assert_int_equal(report->counts.pages[PAGE_NONZERO], 4096 - 1000);
    assert_true(scanning_warns(report, "could not be read"));
    scan_report_free(report);

    /* and when they turn up in the middle of a batch */
    struct iovec segment = {(void *)(uintptr_t)guest.info->ram_start, 100 * PAGE};
    static unsigned char buf[100 * PAGE];
    uint64_t bad[2];
    assert_int_equal(page_reader_vm(guest.pid, &segment, 1, buf, bad), 34);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(bad[i / 64] >> (i % 64) & 1, i % 3 == 0);
    struct iovec many[3] = {{(char *)segment.iov_base + PAGE, 2 * PAGE},
                            {segment.iov_base, PAGE},
                            {(char *)segment.iov_base + 4 * PAGE, PAGE}};
    assert_int_equal(page_reader_vm(guest.pid, many, 3, buf, bad), 1);
    assert_int_equal(bad[0], 4);
    guest_stop(&guest);
    assert_int_equal(page_reader_vm(0x7ffffff0, many, 3, buf, bad), -ESRCH);
}

/* Two file systems number their files alike: the memfd and, say, the disk image of the guest. */
static void file_of_another_file_system_is_not_taken_for_ram(void **state)
{
    struct rootfs root;
    struct stat st;
    int memfd = memfd_create("ram", MFD_CLOEXEC);

    (void)state;
    assert_int_equal(rootfs_open(NULL, &root, NULL), 0);
    assert_int_equal(fstat(memfd, &st), 0);
    /* no such mapping, so the descriptors are looked through */
    struct ram_region region = {.map_start = PAGE, .map_end = 2 * PAGE, .inode = st.st_ino,
                                .dev_major = major(st.st_dev), .dev_minor = minor(st.st_dev)};
    int fd = page_reader_open_file(&root, getpid(), &region);
    assert_true(fd >= 0);
    close(fd);
    region.dev_minor++;
    assert_int_equal(page_reader_open_file(&root, getpid(), &region), -ENOENT);
    close(memfd);
    rootfs_close(&root);
}

/* --- userfaultfd ----------------------------------------------------------------------------- */

/* Half of the RAM is present, and nobody ever answers for the other half. */
static void uffd_guest(struct guest_info *info, const void *arg)
{
    struct uffdio_api api = {.api = UFFD_API};

    guest_ram(info, arg);
    int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
    struct uffdio_register reg = {.range = {info->ram_start, info->ram_bytes},
                                  .mode = UFFDIO_REGISTER_MODE_MISSING};
    if (info->error == 0 && (fd < 0 || ioctl(fd, UFFDIO_API, &api) < 0 ||
                             ioctl(fd, UFFDIO_REGISTER, &reg) < 0))
        info->error = errno;
}

static bool start_uffd(struct guest *guest)
{
    static const struct minivm_range half = {.start = 0, .bytes = 16 * MIB,
                                             .fill = MINIVM_FILL_NONZERO};
    static const struct guest_ram_config config = {.backing = MINIVM_ANON, .bytes = 32 * MIB,
                                                   .ranges = &half, .range_count = 1};
    if (guest_start(guest, uffd_guest, &config))
        return true;
    print_message("  skipped: no userfaultfd here: %s\n", strerror(guest->info->error));
    return false;
}

static void userfaultfd_memory_is_not_read(void **state)
{
    struct guest guest;
    struct scan_report *report;

    (void)state;
    if (!start_uffd(&guest))
        return;
    struct scan_request request = scanning_request(&guest);
    assert_int_equal(scanning_run(&request, &report), 0);
    assert_int_equal(report->cost.bytes_read, 0);
    assert_int_equal(report->counts.pages[PAGE_UNREADABLE], 32 * MIB / PAGE);
    assert_int_equal(report->regions[0].ram.skip, RAM_SKIP_UFFD);
    assert_true(scanning_warns(report, "userfaultfd"));
    assert_true(scanning_warns(report, "--force"));
    scan_report_free(report);
    guest_stop(&guest);
}

/* Nothing is known of it: neither that no page is zero, nor an interval around that. */
static void unreadable_memory_is_not_said_to_be_without_zero_pages(void **state)
{
    struct guest guest;
    struct scan_report *report;

    (void)state;
    if (!start_uffd(&guest))
        return;
    struct scan_request request = scanning_request(&guest);
    assert_int_equal(scanning_run(&request, &report), 0);
    assert_int_equal(report->state, SCAN_DONE);
    assert_false(report->zero_known || report->wire.valid || report->partial);
    assert_true(report->zero_low == 0 && report->zero_high == 1);
    scan_report_free(report);
    request.mode = SCAN_ESTIMATE;
    assert_int_equal(scanning_run(&request, &report), 0);
    assert_false(report->estimate.valid || report->wire.valid);
    assert_true(report->zero_low == 0 && report->zero_high == 1);
    scan_report_free(report);

    /* half is read: what is known of it is that half of all is not zero */
    request.force = true;
    request.mode = SCAN_EXACT;
    request.estimate_first = true;
    assert_int_equal(scanning_run(&request, &report), 0);
    assert_false(report->zero_known);
    assert_true(report->zero_low == 0 && report->zero_high == 0.5);
    assert_true(report->estimate.ci95_low == 0 && report->estimate.ci95_high == 0.5);
    scan_report_free(report);
    guest_stop(&guest);
}

static void userfaultfd_memory_that_is_present_is_read_when_forced(void **state)
{
    struct guest guest;
    struct scan_report *report;

    (void)state;
    if (!start_uffd(&guest))
        return;
    struct scan_request request = scanning_request(&guest);
    request.force = true;
    assert_int_equal(scanning_run(&request, &report), 0);
    assert_int_equal(report->counts.pages[PAGE_NONZERO], 16 * MIB / PAGE);
    assert_int_equal(report->counts.pages[PAGE_UNREADABLE], 16 * MIB / PAGE);
    scan_report_free(report);
    guest_stop(&guest);
}

/* The read that must never hold us: of a page that somebody else would have to deliver. */
static void read_that_never_ends_is_given_up(void **state)
{
    const struct zeropage_impl *impl = zeropage_pick(cpu_detect());
    struct guest guest;
    struct rootfs root;
    struct read_child *child;
    uint64_t zero[1], bad[1];
    double cpu_s;
    atomic_bool cancel = true;
    struct read_patience patience = {.uffd_ms = 200, .any_ms = 5000};

    (void)state;
    if (!start_uffd(&guest))
        return;
    struct iovec absent = {(void *)(uintptr_t)(guest.info->ram_start + 20 * MIB), 4 * PAGE};
    struct iovec present = {(void *)(uintptr_t)guest.info->ram_start, 4 * PAGE};
    assert_int_equal(rootfs_open(NULL, &root, NULL), 0);
    assert_int_equal(read_child_open(&root, &child), 0);
    read_child_aim(child, guest.pid, impl);
    assert_int_equal(read_child_look(child, &present, 1, 0, zero, bad, &cpu_s, &patience), 0);
    double begin = now_s();
    assert_int_equal(read_child_look(child, &absent, 1, 0, zero, bad, &cpu_s, &patience),
                     -ETIMEDOUT);
    assert_true(now_s() - begin < 2);
    assert_true(read_child_hung_in_uffd(child));
    assert_true(zero[0] == 0 && bad[0] == 0xf);
    begin = now_s();
    patience = (struct read_patience){60000, 60000, &cancel, NULL};
    assert_int_equal(read_child_look(child, &absent, 1, 0, zero, bad, &cpu_s, &patience),
                     -ECANCELED);
    assert_true(now_s() - begin < 1);
    /* the next call has another process, which is alive */
    patience.cancel = NULL;
    assert_int_equal(read_child_look(child, &present, 1, 0, zero, bad, &cpu_s, &patience), 0);
    assert_true(zero[0] == 0 && bad[0] == 0);
    read_child_close(child);
    rootfs_close(&root);
    guest_stop(&guest);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no process is left over */
    assert_int_equal(errno, ECHILD);
}

/* Ranges that are cut by batches, and maps that are put together from them. */
static void what_a_child_says_is_what_is_there(void **state)
{
    static const struct minivm_range ranges[] = {
        {.start = 0, .bytes = 16 * MIB, .fill = MINIVM_FILL_NONZERO},
        {.start = 5 * MIB + 3 * PAGE, .bytes = 77 * PAGE, .fill = MINIVM_FILL_ZERO}};
    static const struct guest_ram_config config = {
        .backing = MINIVM_ANON, .bytes = 16 * MIB, .ranges = ranges, .range_count = 2};
    const struct zeropage_impl *impl = zeropage_pick(cpu_detect());
    const struct read_patience patience = {.uffd_ms = 5000, .any_ms = 5000};
    static uint64_t zero[READ_CHILD_PAGES_MAX / 64], bad[READ_CHILD_PAGES_MAX / 64];
    static struct iovec segments[READ_CHILD_SEGMENTS_MAX];
    struct read_child *child;
    struct guest guest;
    double cpu_s;
    size_t count = 0, pages = 0;

    (void)state;
    assert_true(guest_start(&guest, guest_ram, &config));
    uint64_t start = guest.info->ram_start, end = start + 16 * MIB;
    /* of 1, 2, ... pages, with a gap of one page between two */
    for (uint64_t at = start; at < end; count++) {
        uint64_t bytes = (count % 91 + 1) * PAGE;
        bytes = bytes < end - at ? bytes : end - at;
        segments[count] = (struct iovec){(void *)(uintptr_t)at, bytes};
        at += bytes + PAGE;
    }
    assert_int_equal(read_child_open(NULL, &child), 0);
    read_child_aim(child, guest.pid, impl);
    assert_int_equal(read_child_look(child, segments, count, 0, zero, bad, &cpu_s, &patience), 0);
    for (size_t i = 0; i < count; i++)
        for (uint64_t k = 0; k < segments[i].iov_len / PAGE; k++, pages++) {
            uint64_t at = (uintptr_t)segments[i].iov_base - start + k * PAGE;
            bool is_zero = at >= ranges[1].start && at < ranges[1].start + ranges[1].bytes;
            assert_int_equal(zero[pages / 64] >> pages % 64 & 1, is_zero);
            assert_int_equal(bad[pages / 64] >> pages % 64 & 1, 0);
        }
    assert_true(pages > 3000);
    read_child_close(child);
    guest_stop(&guest);
}

/*
 * A hole, or the end of a file that has shrunk, ends the child and nothing else, and fills no hole.
 */
static void comparing_in_place_touches_no_hole(void **state)
{
    const struct zeropage_impl *impl = zeropage_pick(cpu_detect());
    const size_t bytes = 64 * PAGE;
    int fd = memfd_create("compare", MFD_CLOEXEC);
    unsigned char page[PAGE];
    struct read_child *child;
    struct stat before, after;
    uint64_t map[1];
    double cpu_s;

    (void)state;
    assert_int_equal(ftruncate(fd, 4 * (off_t)bytes), 0);
    for (size_t i = 0; i < 64; i++) {
        memset(page, 0, sizeof(page));
        page[i * 60] = i % 3 == 0;
        assert_int_equal(pwrite(fd, page, PAGE, (off_t)(i * PAGE)), PAGE);
        assert_int_equal(pwrite(fd, page, PAGE, (off_t)(i * PAGE + 3 * bytes)), PAGE);
    }
    assert_int_equal(read_child_open_file(fd, impl, &child), 0);
    ssize_t zero = read_child_compare(child, 0, bytes, 0, map, &cpu_s, NULL);
    if (zero == -EOPNOTSUPP) {
        print_message("  skipped: no userfaultfd here, so holes cannot be guarded\n");
        read_child_close(child);
        close(fd);
        return;
    }
    assert_int_equal(zero, 42);
    for (size_t i = 0; i < 64; i++)
        assert_int_equal(map[0] >> i & 1, i % 3 != 0);
    assert_int_equal(fstat(fd, &before), 0);
    assert_int_equal(read_child_compare(child, bytes, bytes, 0, map, &cpu_s, NULL), -EIO);
    assert_int_equal(read_child_compare(child, bytes / 2, bytes, 0, map, &cpu_s, NULL), -EIO);
    assert_int_equal(fstat(fd, &after), 0);
    assert_int_equal(before.st_blocks, after.st_blocks);
    assert_int_equal(read_child_compare(child, 3 * bytes, bytes, 0, map, &cpu_s, NULL), 42);
    assert_int_equal(ftruncate(fd, 3 * (off_t)bytes), 0);
    assert_int_equal(read_child_compare(child, 3 * bytes, bytes, 0, map, &cpu_s, NULL), -EIO);
    assert_int_equal(read_child_compare(child, 0, bytes, 5, map, &cpu_s, NULL), 42);
    read_child_close(child);
    close(fd);
}

/* A thread of ours that the kernel holds for good: stop gives up on it, and exit does not wait. */
static void *stuck_reader(void *arg)
{
    static unsigned char buf[PAGE];
    uint64_t bad[1];
    struct iovec absent = {(void *)(uintptr_t)(*(uint64_t *)arg + 20 * MIB), PAGE};

    page_reader_vm(((pid_t *)arg)[2], &absent, 1, buf, bad);
    return NULL;
}

static void program_with_a_stuck_read_ends_at_once(void **state)
{
    struct guest guest;
    int status;

    (void)state;
    if (!start_uffd(&guest))
        return;
    double begin = now_s();
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        static uint64_t arg[2];
        pthread_t thread;
        arg[0] = guest.info->ram_start;
        ((pid_t *)arg)[2] = guest.pid;
        if (pthread_create(&thread, NULL, stuck_reader, arg) != 0)
            _exit(2);
        nap_ms(100);
        _exit(0);
    }
    for (int i = 0; i < 200 && waitpid(pid, &status, WNOHANG) == 0; i++)
        nap_ms(10);
    assert_true(now_s() - begin < 1.5);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    guest_stop(&guest);
}

/* --- permissions ----------------------------------------------------------------------------- */

/* Runs @fn in a child process that has given up something; its exit status. */
static int in_child(int (*fn)(const struct guest *guest), const struct guest *guest)
{
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0)
        _exit(fn(guest));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int expect_refused(const struct guest *guest, const char *text)
{
    struct rootfs root;
    struct scan_progress progress = {.cancel = false};
    struct scan_env env = {.root = &root, .progress = &progress};
    struct scan_request request = scanning_request(guest);
    struct scan_report *report;

    if (rootfs_open(NULL, &root, NULL) < 0)
        return 2;
    int n = scan_execute(&env, &request, &report);
    if (n != -EPERM && n != -EACCES)
        return 3;
    if (report->state != SCAN_REFUSED)
        return 4;
    return strstr(report->error.msg, text) != NULL ? 0 : 6;
}

static int scan_as_nobody(const struct guest *guest)
{
    if (setgroups(0, NULL) < 0 || setresgid(65534, 65534, 65534) < 0 ||
        setresuid(65534, 65534, 65534) < 0)
        return 5;
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d", (int)guest->pid);
    if (access(path, F_OK) < 0) {
        print_message(
            "  part skipped: /proc is mounted with hidepid=2, which shows no other user's "
            "process\n");
        return 0;
    }
    return expect_refused(guest, "CAP_SYS_PTRACE");
}

/* As Yama's ptrace_scope=3: the page table may be seen, the memory not, not even by root. */
static int scan_without_readv(const struct guest *guest)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_readv, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = 4, .filter = code};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
        return 5;
    return expect_refused(guest, "ptrace_scope");
}

static void missing_rights_are_refused_with_their_cause(void **state)
{
    struct guest guest;

    (void)state;
    assert_true(guest_start(&guest, guest_ram, &big));
    if (geteuid() == 0)
        assert_int_equal(in_child(scan_as_nobody, &guest), 0);
    else
        print_message("  part skipped: not root, so no other user's process to be refused\n");
    assert_int_equal(in_child(scan_without_readv, &guest), 0);
    guest_stop(&guest);
}

/* --- sizes ----------------------------------------------------------------------------------- */

/* 2 TiB of address space, of which a few pages are there. */
static void huge_guest(struct guest_info *info, const void *arg)
{
    static const uint64_t at[] = {0, 1 * GIB + PAGE, 1 * TIB, 2 * TIB - PAGE};
    char *ram = mmap(NULL, 2 * TIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    (void)arg;
    if (ram == MAP_FAILED || madvise(ram, 2 * TIB, MADV_NOHUGEPAGE) < 0 ||
        mprotect(ram, 2 * TIB, PROT_READ | PROT_WRITE) < 0) {
        info->error = errno;
        return;
    }
    for (size_t i = 0; i < 4; i++)
        ram[at[i]] = 1;
    info->ram_start = (uintptr_t)ram;
    info->ram_bytes = 2 * TIB;
}

static void sparse_guest_of_2_tib_needs_little_time_and_memory(void **state)
{
    struct guest guest;

    (void)state;
    if (!guest_start(&guest, huge_guest, NULL)) {
        print_message("  skipped: no 2 TiB of address space: %s\n", strerror(guest.info->error));
        return;
    }
    struct scan_request request = scanning_request(&guest);
    request.ram_count = 1;
    request.ram[0] = (struct ram_range){guest.info->ram_start, guest.info->ram_start + 2 * TIB};
    for (int mode = SCAN_EXACT; mode <= SCAN_ESTIMATE; mode++) {
        struct scan_report *report;
        long before = guest_status(getpid(), "VmRSS:");
        double begin = now_s();
        request.mode = (enum scan_mode)mode;
        assert_int_equal(scanning_run(&request, &report), 0);
        print_message("  2 TiB: %.1f ms\n", (now_s() - begin) * 1e3);
        assert_true(now_s() - begin < 5);
        assert_int_equal(report->pages_total, 2 * TIB / PAGE);
        assert_int_equal(report->counts.pages[PAGE_UNTOUCHED], 2 * TIB / PAGE - 4);
        assert_int_equal(report->cost.bytes_read, 4 * PAGE);
        scan_report_free(report);
        assert_true(guest_status(getpid(), "VmRSS:") - before < 16 * 1024);
    }
    guest_stop(&guest);
}

static void all_vms_of_a_process_are_said_to_be_counted_together(void **state)
{
    struct guest guest;
    struct scan_report *report;

    (void)state;
    assert_true(guest_start(&guest, guest_ram, &big));
    struct scan_request request = scanning_request(&guest);
    request.process_vms = 3;
    assert_int_equal(scanning_run(&request, &report), 0);
    assert_true(scanning_warns(report, "holds 3 VMs"));
    scan_report_free(report);
    guest_stop(&guest);
}

static void saved_tree_has_no_memory_to_scan(void **state)
{
    struct rootfs root;
    struct scan_progress progress = {.cancel = false};
    struct scan_env env = {.root = &root, .progress = &progress};
    struct scan_request request = {.vm = {.pid = 1}, .vmm = "qemu"};
    struct scan_report *report;

    (void)state;
    assert_int_equal(rootfs_open("/", &root, NULL), 0);
    assert_int_equal(scan_execute(&env, &request, &report), -EOPNOTSUPP);
    assert_int_equal(report->state, SCAN_REFUSED);
    scan_report_free(report);
    rootfs_close(&root);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(target_that_ends_leaves_a_partial_report),
        cmocka_unit_test(process_that_is_gone_is_refused),
        cmocka_unit_test(process_that_has_taken_the_number_of_a_vm_is_not_read),
        cmocka_unit_test(ballooning_during_a_scan_is_survived),
        cmocka_unit_test(memory_unplugged_during_a_scan_is_said_so),
        cmocka_unit_test(sample_that_is_late_does_not_make_memory_anew),
        cmocka_unit_test(memory_given_back_during_a_slow_scan_is_not_made_anew),
        cmocka_unit_test(pages_without_access_are_unreadable_and_the_rest_is_read),
        cmocka_unit_test(file_of_another_file_system_is_not_taken_for_ram),
        cmocka_unit_test(userfaultfd_memory_is_not_read),
        cmocka_unit_test(unreadable_memory_is_not_said_to_be_without_zero_pages),
        cmocka_unit_test(userfaultfd_memory_that_is_present_is_read_when_forced),
        cmocka_unit_test(read_that_never_ends_is_given_up),
        cmocka_unit_test(what_a_child_says_is_what_is_there),
        cmocka_unit_test(comparing_in_place_touches_no_hole),
        cmocka_unit_test(program_with_a_stuck_read_ends_at_once),
        cmocka_unit_test(missing_rights_are_refused_with_their_cause),
        cmocka_unit_test(sparse_guest_of_2_tib_needs_little_time_and_memory),
        cmocka_unit_test(all_vms_of_a_process_are_said_to_be_counted_together),
        cmocka_unit_test(saved_tree_has_no_memory_to_scan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
