// SPDX-License-Identifier: MIT
/*
 * Residency of real memory, by PAGEMAP_SCAN and by the pagemap file of older kernels: both must
 * agree with what the guest did, and with each other.
 */
#include "core/scan/residency.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/scan/page_reader.h"
#include "tests/lib/guest.h"

#define MIB (1ull << 20)
#define PAGE 4096ull
#define KINDS (RESIDENCY_SWAPPED + 1)

struct seen {
    uint64_t pages[KINDS];
    uint64_t at, runs, longest;
    bool gap;
};

static int note(void *arg, const struct residency_run *run)
{
    struct seen *seen = arg;

    seen->gap |= run->start != seen->at || run->bytes == 0 || run->bytes % PAGE != 0;
    seen->at = run->start + run->bytes;
    seen->longest = run->bytes > seen->longest ? run->bytes : seen->longest;
    seen->pages[run->kind] += run->bytes / PAGE;
    seen->runs++;
    return 0;
}

static int stop_at_third(void *arg, const struct residency_run *run)
{
    (void)run;
    return ++*(int *)arg == 3 ? -EINVAL : 0;
}

static const struct minivm_range ranges[] = {
    {.start = 0, .bytes = 2 * MIB, .fill = MINIVM_FILL_NONZERO, .stride = 2},
    {.start = 3 * MIB, .bytes = 1 * MIB, .fill = MINIVM_FILL_READ, .stride = 3},
    {.start = 7 * MIB, .bytes = 1 * MIB, .fill = MINIVM_FILL_ZERO},
    {.start = 16 * MIB - PAGE, .bytes = PAGE, .fill = MINIVM_FILL_NONZERO},
};

/* The one region of a guest; a walk of it in pieces of @step bytes. */
static struct seen walk(const struct guest *guest, bool use_scan, bool with_file, uint64_t step)
{
    struct rootfs root;
    struct ram_map map;
    struct residency *residency;
    struct seen seen = {.at = guest->info->ram_start};

    assert_int_equal(rootfs_open(NULL, &root, NULL), 0);
    assert_int_equal(
        ram_find(&root, guest->pid, "qemu", NULL, 0, NULL, RAM_FROM_SMAPS, NULL, &map, NULL), 0);
    assert_int_equal(map.count, 1);
    assert_int_equal(map.regions[0].start, guest->info->ram_start);
    int fd = with_file ? page_reader_open_file(&root, guest->pid, &map.regions[0]) : -1;
    assert_int_equal(fd >= 0, with_file);
    assert_int_equal(residency_open(&root, guest->pid, use_scan, &residency, NULL), 0);
    assert_int_equal(residency_set_region(residency, &map.regions[0], fd), 0);
    uint64_t end = guest->info->ram_start + guest->info->ram_bytes;
    for (uint64_t at = guest->info->ram_start; at < end; at += step)
        assert_int_equal(residency_walk(residency, at, at + step < end ? at + step : end, note,
                                        &seen), 0);
    assert_false(seen.gap);
    assert_int_equal(seen.at, end);
    residency_close(residency);
    if (fd >= 0)
        close(fd);
    ram_map_done(&map);
    rootfs_close(&root);
    return seen;
}

static void both_methods_see_private_memory_as_it_is(void **state)
{
    static const struct guest_ram_config config = {.backing = MINIVM_ANON, .bytes = 16 * MIB,
                                                   .ranges = ranges, .range_count = 4};
    static const uint64_t steps[] = {16 * MIB, 1 * MIB, 3 * PAGE};
    struct guest guest;

    (void)state;
    assert_true(guest_start(&guest, guest_ram, &config));
    const struct minivm_pages *pages = &guest.info->pages;
    for (int use_scan = 0; use_scan <= 1; use_scan++) {
        for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
            struct seen seen = walk(&guest, use_scan, false, steps[i]);
            assert_int_equal(seen.pages[RESIDENCY_ABSENT], pages->untouched);
            assert_int_equal(seen.pages[RESIDENCY_MAPPED], pages->nonzero + pages->zero_content);
            if (use_scan || geteuid() == 0) /* else pagemap hides which page is the zero page */
                assert_int_equal(seen.pages[RESIDENCY_ZERO], pages->zero_mapped);
        }
    }
    guest_stop(&guest);
}

static void both_methods_see_the_huge_zero_page(void **state)
{
    static const struct minivm_range read_only = {.start = 2 * MIB, .bytes = 8 * MIB,
                                                  .fill = MINIVM_FILL_READ};
    static const struct guest_ram_config config = {.backing = MINIVM_ANON_THP, .bytes = 16 * MIB,
                                                   .ranges = &read_only, .range_count = 1};
    struct guest guest;

    (void)state;
    if (!guest_zero_page()) {
        print_message("skipped: this kernel maps no zero page\n");
        skip();
    }
    assert_true(guest_start(&guest, guest_ram, &config));
    for (int use_scan = 0; use_scan <= 1; use_scan++) {
        struct seen seen = walk(&guest, use_scan, false, 16 * MIB);
        assert_int_equal(seen.pages[RESIDENCY_ZERO], 8 * MIB / PAGE);
        assert_int_equal(seen.pages[RESIDENCY_MAPPED], 0);
    }
    guest_stop(&guest);
}

/* A peer has written all of it; the page table of this VMM knows a few pages. */
static void half_mapped(struct guest_info *info, const void *arg)
{
    guest_ram(info, arg);
    if (info->error == 0)
        madvise((void *)(uintptr_t)info->ram_start, info->ram_bytes / 2, MADV_DONTNEED);
}

static void memfd_pages_are_found_with_and_without_a_page_table(void **state)
{
    static const struct guest_ram_config config = {.backing = MINIVM_MEMFD, .bytes = 16 * MIB,
                                                   .ranges = ranges, .range_count = 4};
    struct guest guest;

    (void)state;
    assert_true(guest_start(&guest, half_mapped, &config));
    const struct minivm_pages *pages = &guest.info->pages;
    for (int use_scan = 0; use_scan <= 1; use_scan++) {
        struct seen seen = walk(&guest, use_scan, true, 16 * MIB);
        assert_int_equal(seen.pages[RESIDENCY_FILE], pages->nonzero + pages->zero_content);
        assert_int_equal(seen.pages[RESIDENCY_ABSENT], pages->untouched);
        /* without the file only the half that is in the page table is seen */
        seen = walk(&guest, use_scan, false, 16 * MIB);
        assert_int_equal(seen.pages[RESIDENCY_MAPPED], 1);
        assert_int_equal(seen.pages[RESIDENCY_FILE], 0);
    }
    guest_stop(&guest);
}

/* A page that is told of long after it was looked at may be gone when it is read. */
static void resident_pages_are_told_before_many_more_are_looked_at(void **state)
{
    static const struct minivm_range fill = {.bytes = 160 * MIB, .fill = MINIVM_FILL_NONZERO};
    static const struct guest_ram_config config = {.backing = MINIVM_ANON, .bytes = 160 * MIB,
                                                   .ranges = &fill, .range_count = 1};
    struct guest guest;

    (void)state;
    assert_true(guest_start(&guest, guest_ram, &config));
    for (int use_scan = 0; use_scan <= 1; use_scan++) {
        struct seen seen = walk(&guest, use_scan, false, 160 * MIB);
        assert_int_equal(seen.pages[RESIDENCY_MAPPED], 160 * MIB / PAGE);
        assert_in_range(seen.longest, PAGE, 64 * MIB);
    }
    guest_stop(&guest);
}

static void walk_ends_with_what_the_visitor_returns(void **state)
{
    static const struct guest_ram_config config = {.backing = MINIVM_ANON, .bytes = 16 * MIB,
                                                   .ranges = ranges, .range_count = 4};
    struct guest guest;
    struct rootfs root;
    struct residency *residency;
    struct ram_map map;

    (void)state;
    assert_true(guest_start(&guest, guest_ram, &config));
    assert_int_equal(rootfs_open(NULL, &root, NULL), 0);
    assert_int_equal(
        ram_find(&root, guest.pid, "qemu", NULL, 0, NULL, RAM_FROM_SMAPS, NULL, &map, NULL), 0);
    for (int use_scan = 0; use_scan <= 1; use_scan++) {
        int calls = 0;
        assert_int_equal(residency_open(&root, guest.pid, use_scan, &residency, NULL), 0);
        assert_int_equal(residency_set_region(residency, &map.regions[0], -1), 0);
        assert_int_equal(residency_walk(residency, map.regions[0].start,
                                        map.regions[0].start + 16 * MIB, stop_at_third, &calls),
                         -EINVAL);
        assert_int_equal(calls, 3);
        residency_close(residency);
    }
    /* and with -ESRCH when the process is gone */
    for (int use_scan = 0; use_scan <= 1; use_scan++) {
        struct guest other;
        struct seen seen = {0};
        assert_true(guest_start(&other, guest_ram, &config));
        assert_int_equal(residency_open(&root, other.pid, use_scan, &residency, NULL), 0);
        assert_int_equal(residency_set_region(residency, &map.regions[0], -1), 0);
        guest_stop(&other);
        assert_int_equal(residency_walk(residency, map.regions[0].start,
                                        map.regions[0].start + MIB, note, &seen), -ESRCH);
        residency_close(residency);
    }
    ram_map_done(&map);
    rootfs_close(&root);
    guest_stop(&guest);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_methods_see_private_memory_as_it_is),
        cmocka_unit_test(both_methods_see_the_huge_zero_page),
        cmocka_unit_test(memfd_pages_are_found_with_and_without_a_page_table),
        cmocka_unit_test(resident_pages_are_told_before_many_more_are_looked_at),
        cmocka_unit_test(walk_ends_with_what_the_visitor_returns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
