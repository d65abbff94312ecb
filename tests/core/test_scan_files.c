// SPDX-License-Identifier: MIT
/*
 * Scans of memory that files are behind: what is in a file and in no page table, and files that
 * cannot be opened.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/scan/scan.h"
#include "tests/lib/guest.h"
#include "tests/lib/scanning.h"

#define PAGE 4096ull
#define FILES 300
#define FILE_PAGES 16
#define FEW_DESCRIPTORS 40 /* beyond those that are open */

static atomic_bool refuse;     /* files behind mappings cannot be opened */
static atomic_uint refused;

int __openat_2(int dir, const char *path, int flags);

/* On the way of all that a scan opens; the second is what a fortified build calls. */
int openat(int dir, const char *path, int flags, ...)
{
    return __openat_2(dir, path, flags);
}

int __openat_2(int dir, const char *path, int flags)
{
    if (refuse && (strstr(path, "/map_files/") != NULL || strstr(path, "/fd/") != NULL)) {
        refused++;
        errno = EPERM;
        return -1;
    }
    return (int)syscall(SYS_openat, dir, path, flags, 0);
}

/* The first page of each has data, written to the file: it is in no page table. */
static void many_files(struct guest_info *info, const void *arg)
{
    const int *flags = arg;
    char page[PAGE];

    memset(page, 1, sizeof(page));
    for (int i = 0; i < FILES && info->error == 0; i++) {
        int fd = memfd_create("memory-backend-memfd", MFD_CLOEXEC);
        void *map = MAP_FAILED;
        if (fd >= 0 && ftruncate(fd, FILE_PAGES * PAGE) == 0 &&
            pwrite(fd, page, PAGE, 0) == (ssize_t)PAGE)
            map = mmap(NULL, FILE_PAGES * PAGE, PROT_READ | PROT_WRITE, *flags, fd, 0);
        if (map == MAP_FAILED)
            info->error = errno;
        close(fd); /* so there is no way to it but map_files */
    }
}

static void start(struct guest *guest, int flags)
{
    if (!guest_start(guest, many_files, &flags))
        fail_msg("no guest: %s", strerror(guest->info->error));
}

static void check_first_pages(const struct scan_report *report)
{
    assert_int_equal(report->state, SCAN_DONE);
    assert_int_equal(report->region_count, FILES);
    assert_int_equal(report->counts.pages[PAGE_NONZERO], FILES);
    assert_int_equal(report->counts.pages[PAGE_UNTOUCHED], FILES * (FILE_PAGES - 1));
    assert_true(report->zero_known);
}

/* Nothing was looked at, and the report said that all of it is zero, exactly. */
static void pages_of_a_file_that_cannot_be_opened_are_unreadable_not_untouched(void **state)
{
    static const int kinds[] = {MAP_SHARED, MAP_PRIVATE};

    (void)state;
    for (int mode = 0; mode < 6; mode++) {
        struct guest guest;
        struct scan_report *report;
        start(&guest, kinds[mode % 2]);
        struct scan_request request = scanning_request(&guest);
        request.mode = mode / 2 == 1 ? SCAN_ESTIMATE : SCAN_EXACT;
        request.estimate_first = mode / 2 == 2;
        refuse = true;
        refused = 0;
        assert_int_equal(scanning_run(&request, &report), 0);
        refuse = false;
        assert_true(refused >= FILES);
        assert_int_equal(report->counts.pages[PAGE_UNTOUCHED], 0);
        assert_int_equal(report->counts.pages[PAGE_UNREADABLE], FILES * FILE_PAGES);
        assert_false(report->zero_known);
        assert_false(report->estimate.valid);
        assert_false(report->wire.valid);
        assert_float_equal(report->zero_low, 0, 0);
        assert_float_equal(report->zero_high, 1, 0);
        assert_true(scanning_warns(report, "300 mappings cannot be opened"));
        scan_report_free(report);
        guest_stop(&guest);
    }
}

/* What the VMM has mapped itself is seen all the same. */
static void touch_files(struct guest_info *info, const void *arg)
{
    static const struct minivm_range half = {.bytes = 1 << 20, .fill = MINIVM_FILL_NONZERO};
    const struct guest_ram_config config = {.backing = MINIVM_MEMFD, .bytes = 2 << 20,
                                            .ranges = &half, .range_count = 1};

    (void)arg;
    guest_ram(info, &config);
}

static void mapped_pages_of_a_file_that_cannot_be_opened_are_read(void **state)
{
    struct guest guest;
    struct scan_report *report;

    (void)state;
    assert_true(guest_start(&guest, touch_files, NULL));
    struct scan_request request = scanning_request(&guest);
    request.ram_count = 1;
    request.ram[0] = (struct ram_range){guest.info->ram_start,
                                        guest.info->ram_start + guest.info->ram_bytes};
    refuse = true;
    assert_int_equal(scanning_run(&request, &report), 0);
    refuse = false;
    assert_false(report->zero_known);
    assert_int_equal(report->counts.pages[PAGE_NONZERO], 256);
    assert_int_equal(report->counts.pages[PAGE_UNREADABLE], 256);
    assert_true(scanning_warns(report, "1 mapping cannot be opened"));
    scan_report_free(report);
    guest_stop(&guest);
}

static unsigned open_descriptors(void)
{
    unsigned count = 0;

    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

/* Each was open from the beginning to the end, 4096 at the most, and none was left for the rest. */
static void many_files_need_few_descriptors(void **state)
{
    struct rlimit before, few;
    struct guest guest;

    (void)state;
    start(&guest, MAP_SHARED);
    unsigned open_before = open_descriptors();
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = before;
    few.rlim_cur = open_before + FEW_DESCRIPTORS;
    for (unsigned threads = 1; threads <= 4; threads += 3) {
        struct scan_request request = scanning_request(&guest);
        struct scan_report *report;
        request.threads = threads;
        request.estimate_first = threads > 1;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
        int n = scanning_run(&request, &report);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        assert_int_equal(n, 0);
        check_first_pages(report);
        scan_report_free(report);
    }
    assert_int_equal(open_descriptors(), open_before);
    guest_stop(&guest);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_of_a_file_that_cannot_be_opened_are_unreadable_not_untouched),
        cmocka_unit_test(mapped_pages_of_a_file_that_cannot_be_opened_are_read),
        cmocka_unit_test(many_files_need_few_descriptors),
    };
    return cmocka_run_group_tests_name("scan_files", tests, NULL, NULL);
}
