// SPDX-License-Identifier: MIT
/*
 * Guest memory passes through buffers of ours: what a core dump of this program has of it, and what
 * is left when they go. The calls that tell are looked at on their way to the kernel.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/scan/scan.h"
#include "tests/lib/guest.h"

#define MIB (1ull << 20)
#define PAGE 4096ull
#define BUFFER_MIN (2 * MIB) /* no other mapping that is given back is as large */

/* In memory that the processes of a scan share. */
static struct seen {
    atomic_size_t undumped_bytes, unmapped, dirty;
} * seen;

int madvise(void *start, size_t len, int advice)
{
    if (seen != NULL && advice == MADV_DONTDUMP)
        seen->undumped_bytes += len;
    return (int)syscall(SYS_madvise, start, len, advice);
}

int munmap(void *start, size_t len)
{
    const unsigned char *bytes = start;

    if (seen != NULL && len >= BUFFER_MIN) {
        seen->unmapped++;
        seen->dirty += bytes[0] != 0 || memcmp(bytes, bytes + 1, len - 1) != 0;
    }
    return (int)syscall(SYS_munmap, start, len);
}

static const struct minivm_range fill = {.bytes = 16 * MIB, .fill = MINIVM_FILL_NONZERO};
static const struct guest_ram_config config = {.backing = MINIVM_ANON, .bytes = 16 * MIB,
                                               .ranges = &fill, .range_count = 1};

static void begin(void)
{
    seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(seen != MAP_FAILED);
}

static void expect_no_trace(size_t bytes)
{
    assert_int_equal(seen->unmapped, 1);
    assert_int_equal(seen->dirty, 0);
    assert_in_range(seen->undumped_bytes, bytes, 2 * bytes);
}

static void buffer_of_a_scan_is_in_no_dump_and_wiped(void **state)
{
    struct rootfs root;
    struct scan_progress progress = {.cancel = false};
    struct scan_env env = {.root = &root, .progress = &progress};
    struct scan_report *report;
    struct guest guest;

    (void)state;
    assert_true(guest_start(&guest, guest_ram, &config));
    assert_int_equal(rootfs_open(NULL, &root, NULL), 0);
    struct scan_request request = {.vm = {.pid = guest.pid}, .vmm = "qemu"};
    begin();
    assert_int_equal(scan_execute(&env, &request, &report), 0);
    expect_no_trace(2 * MIB);
    assert_int_equal(report->counts.pages[PAGE_NONZERO], 16 * MIB / PAGE);
    scan_report_free(report);
    rootfs_close(&root);
    guest_stop(&guest);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffer_of_a_scan_is_in_no_dump_and_wiped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
