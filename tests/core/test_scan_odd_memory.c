// SPDX-License-Identifier: MIT
/*
 * Scans of memory that is laid out otherwise than a VMM does as a rule.
 */
#include "core/scan/scan.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/guest.h"
#include "tests/lib/scanning.h"

#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447 /* Linux 5.14 */
#endif
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102 /* Linux 6.13 */
#endif
#ifndef MFD_HUGE_2MB
#define MFD_HUGE_2MB (21u << 26)
#endif
#define MIB (1ull << 20)
#define PAGE 4096ull

/* Readable by its flags, present in the page table, and still the kernel refuses to copy it. */
static void secret_guest(struct guest_info *info, const void *arg)
{
    int fd = (int)syscall(SYS_memfd_secret, 0);
    char *ram = MAP_FAILED;

    (void)arg;
    if (fd >= 0 && ftruncate(fd, 1 * MIB) == 0)
        ram = mmap(NULL, 1 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (ram == MAP_FAILED) {
        info->error = errno;
        return;
    }
    for (uint64_t at = 0; at < 1 * MIB; at += PAGE)
        ram[at] = 1;
    info->ram_start = (uintptr_t)ram;
    info->ram_bytes = 1 * MIB;
}

/* What lies in the buffer for them is not their content, and must not be taken for it. */
static void pages_that_fail_in_a_batch_are_unreadable_and_neither_zero_nor_not(void **state)
{
    struct guest guest;
    struct scan_report *report;

    (void)state;
    if (!guest_start(&guest, secret_guest, NULL)) {
        print_message("  skipped: no secret memory here: %s\n", strerror(guest.info->error));
        return;
    }
    struct scan_request request = scanning_request(&guest);
    request.ram_count = 1;
    request.ram[0] = (struct ram_range){guest.info->ram_start,
                                        guest.info->ram_start + guest.info->ram_bytes};
    assert_int_equal(scanning_run(&request, &report), 0);
    assert_int_equal(report->counts.pages[PAGE_UNREADABLE], 256);
    assert_int_equal(report->counts.pages[PAGE_ZERO_CONTENT], 0);
    assert_int_equal(report->counts.pages[PAGE_NONZERO], 0);
    assert_int_equal(report->cost.bytes_read, 0);
    scan_report_free(report);
    request.mode = SCAN_ESTIMATE;
    assert_int_equal(scanning_run(&request, &report), 0);
    assert_int_equal(report->estimate.sampled, 0);
    assert_false(report->estimate.valid);
    scan_report_free(report);
    guest_stop(&guest);
}

/*
 * Guard markers are to the kernel's tables what swapped pages are; unlike those they need no swap.
 */
static void guarded_guest(struct guest_info *info, const void *arg)
{
    guest_ram(info, arg);
    if (info->error == 0 &&
        madvise((void *)(uintptr_t)(info->ram_start + 1 * MIB), 10 * PAGE, MADV_GUARD_INSTALL) < 0)
        info->error = errno;
}

static void swapped_pages_are_a_class_of_their_own_and_not_read(void **state)
{
    static const struct minivm_range fill = {.start = 0, .bytes = 4 * MIB,
                                             .fill = MINIVM_FILL_NONZERO};
    struct guest_ram_config config = {.backing = MINIVM_ANON, .bytes = 16 * MIB, .ranges = &fill,
                                      .range_count = 1};
    struct guest guest;
    struct scan_report *report;

    (void)state;
    if (!guest_start(&guest, guarded_guest, &config)) {
        print_message("  skipped: no guard pages before Linux 6.13: %s\n",
                      strerror(guest.info->error));
        return;
    }
    struct scan_request request = scanning_request(&guest);
    assert_int_equal(scanning_run(&request, &report), 0);
    assert_int_equal(report->counts.pages[PAGE_SWAPPED], 10);
    assert_int_equal(report->counts.pages[PAGE_NONZERO], 4 * MIB / PAGE - 10);
    assert_int_equal(report->counts.pages[PAGE_UNTOUCHED], 12 * MIB / PAGE);
    assert_int_equal(report->cost.bytes_read, 4 * MIB - 10 * PAGE);
    assert_true(scanning_warns(report, "10 pages are swapped out"));
    scan_report_free(report);
    guest_stop(&guest);
}

/* The VMM maps the middle of a memfd only, and part of that it has never touched. */
enum { FILE_PAGES = 4096, VIEW_FIRST = 513, VIEW_PAGES = 2048, SET_FIRST = 1000, SET_PAGES = 300 };

static void partial_view_guest(struct guest_info *info, const void *arg)
{
    static unsigned char page[PAGE];
    int fd = memfd_create("part", MFD_CLOEXEC);

    (void)arg;
    if (fd < 0 || ftruncate(fd, FILE_PAGES * (off_t)PAGE) < 0)
        info->error = errno;
    /* before and behind the view are holes */
    for (off_t i = VIEW_FIRST; info->error == 0 && i < VIEW_FIRST + VIEW_PAGES; i++) {
        page[77] = i >= SET_FIRST && i < SET_FIRST + SET_PAGES;
        if (pwrite(fd, page, PAGE, i * (off_t)PAGE) != (ssize_t)PAGE)
            info->error = EIO;
    }
    char *ram = mmap(NULL, VIEW_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
                     VIEW_FIRST * (off_t)PAGE);
    if (ram == MAP_FAILED) {
        info->error = errno;
        return;
    }
    for (uint64_t i = VIEW_PAGES / 2; i < VIEW_PAGES; i++)
        (void)*(volatile char *)(ram + i * PAGE);
    info->ram_start = (uintptr_t)ram;
    info->ram_bytes = VIEW_PAGES * PAGE;
}

static void memory_that_maps_the_middle_of_a_file_is_read_there(void **state)
{
    struct guest guest;

    (void)state;
    assert_true(guest_start(&guest, partial_view_guest, NULL));
    for (int from = 0; from < 2; from++) { /* --ram may name a part of a mapping again */
        struct scan_report *report;
        struct scan_request request = scanning_request(&guest);
        uint64_t skip = from == 0 ? 0 : SET_FIRST - VIEW_FIRST + 100;
        request.ram_count = 1;
        request.ram[0] = (struct ram_range){guest.info->ram_start + skip * PAGE,
                                            guest.info->ram_start + guest.info->ram_bytes};
        assert_int_equal(scanning_run(&request, &report), 0);
        uint64_t set = from == 0 ? SET_PAGES : SET_PAGES - 100;
        assert_int_equal(report->counts.pages[PAGE_NONZERO], set);
        assert_int_equal(report->counts.pages[PAGE_ZERO_CONTENT], VIEW_PAGES - skip - set);
        scan_report_free(report);
    }
    guest_stop(&guest);
}

/* A tmpfs whose path is not known for one, written by a peer of the VMM only. */
static void tmpfs_guest(struct guest_info *info, const void *arg)
{
    char dir[] = "/tmp/kvmlens-tmpfs-XXXXXX", path[64], page[PAGE] = {1};
    int fd = -1;

    (void)arg;
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mkdtemp(dir) == NULL) {
        info->error = errno;
        return;
    }
    snprintf(path, sizeof(path), "%s/ram", dir);
    if (mount("tmpfs", dir, "tmpfs", 0, NULL) == 0) {
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        umount2(dir, MNT_DETACH);
    }
    rmdir(dir);
    bool ok = fd >= 0 && ftruncate(fd, 4 * MIB) == 0;
    for (off_t i = 100; ok && i < 300; i++) {
        page[0] = i % 2 == 0;
        ok = pwrite(fd, page, PAGE, i * (off_t)PAGE) == (ssize_t)PAGE;
    }
    char *ram = ok ? mmap(NULL, 4 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
    if (ram == MAP_FAILED) {
        info->error = errno != 0 ? errno : EIO;
        return;
    }
    info->ram_start = (uintptr_t)ram;
    info->ram_bytes = 4 * MIB;
}

static void file_on_a_tmpfs_anywhere_is_in_memory_and_not_swapped(void **state)
{
    struct guest guest;
    struct scan_report *report;

    (void)state;
    if (!guest_start(&guest, tmpfs_guest, NULL)) {
        print_message("  skipped: no tmpfs can be mounted here: %s\n", strerror(guest.info->error));
        return;
    }
    struct scan_request request = scanning_request(&guest);
    request.ram_count = 1;
    request.ram[0] = (struct ram_range){guest.info->ram_start,
                                        guest.info->ram_start + guest.info->ram_bytes};
    assert_int_equal(scanning_run(&request, &report), 0);
    assert_int_equal(report->counts.pages[PAGE_SWAPPED], 0);
    assert_int_equal(report->counts.pages[PAGE_NONZERO], 100);
    assert_int_equal(report->counts.pages[PAGE_ZERO_CONTENT], 100);
    assert_int_equal(report->counts.pages[PAGE_UNTOUCHED], 4 * MIB / PAGE - 200);
    scan_report_free(report);
    guest_stop(&guest);
}

/* Chunks are of 64 MiB: the sample is of all pages, so each must be read once, where it lies. */
static void sample_of_all_pages_of_several_chunks_is_exact(void **state)
{
    static const struct minivm_range fill[] = {
        {.start = 1 * MIB, .bytes = 2 * MIB, .fill = MINIVM_FILL_NONZERO},
        {.start = 65 * MIB, .bytes = 3 * MIB, .fill = MINIVM_FILL_ZERO},
        {.start = 130 * MIB, .bytes = 1 * MIB, .fill = MINIVM_FILL_NONZERO},
        {.start = 193 * MIB, .bytes = 2 * MIB, .fill = MINIVM_FILL_ZERO},
    };
    static const struct guest_ram_config config = {.backing = MINIVM_ANON, .bytes = 256 * MIB,
                                                   .ranges = fill, .range_count = 4};
    struct guest guest;
    struct scan_report *report;

    (void)state;
    assert_true(guest_start(&guest, guest_ram, &config));
    const struct minivm_pages *want = &guest.info->pages;
    struct scan_request request = scanning_request(&guest);
    request.mode = SCAN_ESTIMATE;
    for (request.threads = 1; request.threads <= 2; request.threads++) {
        assert_int_equal(scanning_run(&request, &report), 0);
        assert_int_equal(report->estimate.population, want->nonzero + want->zero_content);
        assert_int_equal(report->estimate.sampled, report->estimate.population);
        assert_int_equal(report->estimate.sampled_zero, want->zero_content);
        scan_report_free(report);
    }
    guest_stop(&guest);
}

/* Four huge pages of which the VMM has the first in its page table, and a peer made two more. */
static void half_mapped_hugetlb_guest(struct guest_info *info, const void *arg)
{
    int fd = memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB | MFD_HUGE_2MB);
    char *ram = MAP_FAILED;

    (void)arg;
    if (fd >= 0 && ftruncate(fd, 8 * MIB) == 0)
        ram = mmap(NULL, 8 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (ram == MAP_FAILED) {
        info->error = errno;
        return;
    }
    ram[2 * MIB + 5 * PAGE] = 1;
    ram[4 * MIB] = 0;
    munmap(ram, 8 * MIB);
    ram = mmap(NULL, 8 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (ram == MAP_FAILED) {
        info->error = errno;
        return;
    }
    ram[77] = 1;
    info->ram_start = (uintptr_t)ram;
    info->ram_bytes = 8 * MIB;
}

/* A hole reads as zeros, as does a page that somebody else has zeroed: both count as a hole. */
static void huge_pages_in_no_page_table_are_nonzero_or_untouched(void **state)
{
    struct guest guest;
    struct scan_report *report;

    (void)state;
    bool has_pool = guest_hugepages(4);
    bool started = guest_start(&guest, half_mapped_hugetlb_guest, NULL);
    if (started) {
        struct scan_request request = scanning_request(&guest);
        long before = guest_hugepages_free();
        request.ram_count = 1;
        request.ram[0] = (struct ram_range){guest.info->ram_start, guest.info->ram_start + 8 * MIB};
        assert_int_equal(scanning_run(&request, &report), 0);
        assert_int_equal(guest_hugepages_free(), before);
        guest_stop(&guest);
    }
    if (has_pool) /* before anything fails */
        guest_hugepages(-4);
    if (!started) {
        print_message("  skipped: no huge pages here: %s\n", strerror(guest.info->error));
        return;
    }
    assert_int_equal(report->counts.pages[PAGE_NONZERO], 2);
    assert_int_equal(report->counts.pages[PAGE_ZERO_CONTENT], 511);
    assert_int_equal(report->counts.pages[PAGE_UNTOUCHED], 511 + 2 * 512);
    scan_report_free(report);
}

/* Every other page may only be read, so that each page is a mapping of its own. */
static void shattered_guest(struct guest_info *info, const void *arg)
{
    uint64_t pages = RAM_REGIONS_MAX + 100;
    char *ram =
        mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void)arg;
    if (ram == MAP_FAILED) {
        info->error = errno;
        return;
    }
    for (uint64_t i = 0; i < pages; i += 2)
        mprotect(ram + i * PAGE, PAGE, PROT_READ);
    info->ram_start = (uintptr_t)ram;
    info->ram_bytes = pages * PAGE;
}

static void more_mappings_than_are_looked_at_give_no_exact_answer(void **state)
{
    struct guest guest;
    struct scan_report *report;

    (void)state;
    assert_true(guest_start(&guest, shattered_guest, NULL));
    struct scan_request request = scanning_request(&guest);
    request.ram_count = 1;
    request.ram[0] = (struct ram_range){guest.info->ram_start,
                                        guest.info->ram_start + guest.info->ram_bytes};
    assert_int_equal(scanning_run(&request, &report), 0);
    assert_int_equal(report->region_count, RAM_REGIONS_MAX);
    assert_true(report->regions_cut);
    assert_true(scanning_warns(report, "the rest is left out"));
    assert_false(report->zero_known);
    scan_report_free(report);
    guest_stop(&guest);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_that_fail_in_a_batch_are_unreadable_and_neither_zero_nor_not),
        cmocka_unit_test(swapped_pages_are_a_class_of_their_own_and_not_read),
        cmocka_unit_test(file_on_a_tmpfs_anywhere_is_in_memory_and_not_swapped),
        cmocka_unit_test(memory_that_maps_the_middle_of_a_file_is_read_there),
        cmocka_unit_test(sample_of_all_pages_of_several_chunks_is_exact),
        cmocka_unit_test(huge_pages_in_no_page_table_are_nonzero_or_untouched),
        cmocka_unit_test(more_mappings_than_are_looked_at_give_no_exact_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
