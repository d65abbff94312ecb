// SPDX-License-Identifier: MIT
/*
 * How often a scan reads smaps, for which the kernel walks the VMM's page tables with its mmap lock
 * held: as rarely as can be, and not on when it was cancelled.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/scan/scan.h"
#include "tests/lib/guest.h"
#include "tests/lib/scanning.h"

#define MIB (1ull << 20)
#define PAGE 4096ull
#define MAPPINGS 1000

/* Not static: the C library declares read inline where it is fortified. */
atomic_int smaps_fd = -1;
atomic_uint smaps_opened, smaps_reads;
static struct scan_progress *cancelled_on_open; /* NULL: nothing is cancelled */

int __openat_2(int dir, const char *path, int flags);

/* On the way of all that a scan opens; the second is what a fortified build calls. */
int openat(int dir, const char *path, int flags, ...)
{
    return __openat_2(dir, path, flags);
}

int __openat_2(int dir, const char *path, int flags)
{
    int fd = (int)syscall(SYS_openat, dir, path, flags, 0);

    if (strstr(path, "/smaps") != NULL) {
        smaps_opened++;
        smaps_fd = fd;
        if (cancelled_on_open != NULL)
            cancelled_on_open->cancel = true;
    }
    return fd;
}

ssize_t read(int fd, void *buf, size_t size)
{
    smaps_reads += fd == smaps_fd;
    return syscall(SYS_read, fd, buf, size);
}

int close(int fd)
{
    if (fd == smaps_fd)
        smaps_fd = -1;
    return (int)syscall(SYS_close, fd);
}

static void begin(void)
{
    smaps_opened = smaps_reads = 0;
}

static const struct minivm_range fill = {.bytes = 8 * MIB, .fill = MINIVM_FILL_NONZERO};
static const struct guest_ram_config ram = {.backing = MINIVM_ANON, .bytes = 256 * MIB,
                                            .ranges = &fill, .range_count = 1};

/* Long enough for the regions to be looked at again at the end. */
static struct scan_request slow_request(const struct guest *guest)
{
    struct scan_request request = scanning_request(guest);

    request.max_rate_bytes = 32 * MIB;
    return request;
}

static void smaps_is_read_once_by_a_scan(void **state)
{
    struct guest guest;
    struct scan_report *report;

    (void)state;
    assert_true(guest_start(&guest, guest_ram, &ram));
    struct scan_request request = slow_request(&guest);
    begin();
    assert_int_equal(scanning_run(&request, &report), 0);
    assert_true(report->cost.elapsed_s > 0.1);
    assert_int_equal(smaps_opened, 1);
    assert_false(scanning_warns(report, "changed during the scan"));
    scan_report_free(report);
    guest_stop(&guest);
}

/* A DIMM that is plugged in as soon as the scan has begun. */
static void *plug(void *arg)
{
    struct guest_info *info = arg;

    while (*(volatile uint64_t *)&info->extra[0] == 0)
        usleep(1000);
    void *map = mmap(NULL, 128 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    info->extra[1] = map != MAP_FAILED ? 1 : 2;
    return NULL;
}

static void plugging_guest(struct guest_info *info, const void *arg)
{
    pthread_t thread;

    guest_ram(info, arg);
    if (info->error == 0 && pthread_create(&thread, NULL, plug, info) != 0)
        info->error = EAGAIN;
}

static void on_publish(void *arg, struct scan_report *report)
{
    struct guest_info *info = arg;

    info->extra[0] = 1; /* the regions are known */
    while (*(volatile uint64_t *)&info->extra[1] == 0)
        usleep(1000);
    scan_report_free(report);
}

static void memory_plugged_in_during_a_scan_is_said_so(void **state)
{
    struct rootfs root;
    struct guest guest;
    struct scan_report *report;
    struct scan_progress progress = {.cancel = false};

    (void)state;
    assert_true(guest_start(&guest, plugging_guest, &ram));
    assert_int_equal(rootfs_open(NULL, &root, NULL), 0);
    struct scan_env env = {.root = &root, .progress = &progress, .publish = on_publish,
                           .publish_arg = guest.info};
    struct scan_request request = slow_request(&guest);
    begin();
    assert_int_equal(scan_execute(&env, &request, &report), 0);
    assert_int_equal(guest.info->extra[1], 1);
    assert_true(scanning_warns(report, "changed during the scan"));
    assert_int_equal(smaps_opened, 1);
    scan_report_free(report);
    rootfs_close(&root);
    guest_stop(&guest);
}

/* So many that smaps is read in hundreds of pieces. */
static void many_mappings(struct guest_info *info, const void *arg)
{
    (void)arg;
    unsigned char *map = mmap(NULL, MAPPINGS * 2 * PAGE, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED)
        info->error = errno;
    for (size_t i = 0; i < MAPPINGS && info->error == 0; i++)
        if (mprotect(map + i * 2 * PAGE, PAGE, PROT_NONE) < 0)
            info->error = errno;
}

static void reading_of_smaps_ends_when_cancelled(void **state)
{
    struct rootfs root;
    struct guest guest;
    struct scan_report *report;
    struct scan_progress progress = {.cancel = false};
    struct scan_env env = {.root = &root, .progress = &progress};

    (void)state;
    assert_true(guest_start(&guest, many_mappings, NULL));
    assert_int_equal(rootfs_open(NULL, &root, NULL), 0);
    struct scan_request request = scanning_request(&guest);
    cancelled_on_open = &progress;
    begin();
    assert_int_equal(scan_execute(&env, &request, &report), -ECANCELED);
    cancelled_on_open = NULL;
    assert_int_equal(report->state, SCAN_CANCELLED);
    assert_true(smaps_reads <= 2);
    scan_report_free(report);
    rootfs_close(&root);
    guest_stop(&guest);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(smaps_is_read_once_by_a_scan),
        cmocka_unit_test(memory_plugged_in_during_a_scan_is_said_so),
        cmocka_unit_test(reading_of_smaps_ends_when_cancelled),
    };
    return cmocka_run_group_tests_name("scan_smaps", tests, NULL, NULL);
}
