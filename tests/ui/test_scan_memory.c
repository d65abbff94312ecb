// SPDX-License-Identifier: MIT
/*
 * Scans when memory is short: each allocation fails once, and what comes of it. The Makefile links
 * this program so that ours of the allocating functions stand before the real ones.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/scan/scan.h"
#include "tests/lib/guest.h"
#include "tests/lib/scanning.h"
#include "ui/app/scan_run.h"

#define MIB (1ull << 20)
#define LARGE (2 * MIB) /* no mapping but the buffers of a scan is as large */
#define FAILURES_MAX 200
#define FAILURES     70 /* more than a scanner allocates */
#define HANG_S 60 /* a scan that waits for ever ends the test run */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

static atomic_int calls_left; /* the one that makes it 0 fails; at or below 0 all are good */
static atomic_long large_mappings;

static bool fails(void)
{
    return atomic_load(&calls_left) > 0 && atomic_fetch_sub(&calls_left, 1) == 1;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails() ? NULL : __real_realloc(old, size);
}

/* Those that libc makes for a thread's stack or an arena do not come by here. */
void *mmap(void *start, size_t len, int prot, int flags, int fd, off_t offset)
{
    large_mappings += len >= LARGE;
    return (void *)syscall(SYS_mmap, start, len, prot, flags, fd, offset);
}

int munmap(void *start, size_t len)
{
    large_mappings -= len >= LARGE;
    return (int)syscall(SYS_munmap, start, len);
}

static const struct minivm_range fill = {.bytes = 4 * MIB, .fill = MINIVM_FILL_MIX};
static const struct guest_ram_config small = {.backing = MINIVM_ANON, .bytes = 8 * MIB,
                                              .ranges = &fill, .range_count = 1};

static void no_failing_allocation_leaves_a_mapping_behind(void **state)
{
    struct rootfs root;
    struct guest guest;
    bool was_short = true;

    (void)state;
    assert_true(guest_start(&guest, guest_ram, &small));
    assert_int_equal(rootfs_open(NULL, &root, NULL), 0);
    struct scan_request request = scanning_request(&guest);
    request.estimate_first = true;
    long before = large_mappings;
    for (int nth = 1; was_short; nth++) {
        struct scan_progress progress = {.cancel = false};
        struct scan_env env = {.root = &root, .progress = &progress};
        struct scan_report *report;
        assert_true(nth < FAILURES_MAX);
        calls_left = nth;
        int n = scan_execute(&env, &request, &report);
        was_short = calls_left <= 0;
        calls_left = 0;
        assert_true(n == 0 || n == -ENOMEM);
        if (report != NULL && n < 0)
            assert_true(report->state == SCAN_REFUSED || report->state == SCAN_FAILED);
        scan_report_free(report);
        if (large_mappings != before)
            fail_msg("allocation %d leaves a mapping behind", nth);
    }
    rootfs_close(&root);
    guest_stop(&guest);
}

/* The report could not be made, and the command line waited for it for ever. */
static void scan_for_which_there_is_no_memory_ends_and_says_so(void **state)
{
    struct rootfs root;
    const struct child_config config = {.root = &root};
    struct supervisor supervisor;
    struct guest guest;
    unsigned failed = 0;

    (void)state;
    assert_true(guest_start(&guest, guest_ram, &small));
    assert_int_equal(rootfs_open(NULL, &root, NULL), 0);
    struct scan_request request = scanning_request(&guest);
    request.estimate_first = true;
    struct scan_output output = {.name = "vm", .name_raw = "vm"};
    FILE *out = fopen("/dev/null", "w");
    assert_non_null(out);
    setvbuf(out, NULL, _IONBF, 0);
    for (int nth = 1; nth < FAILURES; nth++) {
        struct error err = {0};
        alarm(HANG_S);
        /* the front end and the scanner, each counts for itself */
        calls_left = nth;
        assert_int_equal(supervisor_start(&config, &supervisor, NULL), 0);
        int n = scan_run(&supervisor, &request, &output, out, &err);
        calls_left = 0;
        supervisor_stop(&supervisor);
        alarm(0);
        assert_true(n == 0 || n == -ENOMEM);
        if (n < 0)
            assert_non_null(strstr(err.msg, "memory"));
        failed += n < 0;
    }
    print_message("  %u allocations ended a scan\n", failed);
    assert_true(failed > 5);
    fclose(out);
    rootfs_close(&root);
    guest_stop(&guest);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_failing_allocation_leaves_a_mapping_behind),
        cmocka_unit_test(scan_for_which_there_is_no_memory_ends_and_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
