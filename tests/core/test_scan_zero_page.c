// SPDX-License-Identifier: MIT
/*
 * Where the kernel does not tell which pages are its zero page, as before Linux 6.7 without
 * CAP_SYS_ADMIN, a report says so. The call that is new in 6.7 is kept from this kernel here.
 */
#include <errno.h>
#include <linux/capability.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/scanning.h"

#define MIB  (1ull << 20)
#define PAGE 4096ull

static bool is_old_kernel;

int ioctl(int fd, unsigned long request, ...)
{
    va_list args;

    va_start(args, request);
    void *arg = va_arg(args, void *);
    va_end(args);
    if (is_old_kernel && _IOC_TYPE(request) == 'f' && _IOC_NR(request) == 16) {
        errno = ENOTTY;
        return -1;
    }
    return (int)syscall(SYS_ioctl, fd, request, arg);
}

/* In effect, for this thread and those that it makes. Who never had it changes nothing. */
static void set_sys_admin(bool on)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];

    assert_int_equal(syscall(SYS_capget, &head, data), 0);
    data[0].effective &= ~(1u << CAP_SYS_ADMIN);
    if (on)
        data[0].effective |= data[0].permitted & (1u << CAP_SYS_ADMIN);
    assert_int_equal(syscall(SYS_capset, &head, data), 0);
}

/* 1 MiB of each: not zero, zero and written, zero and only read; the rest is untouched. */
static struct scan_report *scan_guest(enum minivm_backing backing, bool is_old, bool is_admin,
                                      enum minivm_fill zeros)
{
    const struct minivm_range fill[] = {
        {.start = 0, .bytes = 1 * MIB, .fill = MINIVM_FILL_NONZERO},
        {.start = 1 * MIB, .bytes = 1 * MIB, .fill = zeros},
        {.start = 2 * MIB, .bytes = 1 * MIB, .fill = MINIVM_FILL_READ},
    };
    struct guest_ram_config config = {.backing = backing,
                                      .bytes = 16 * MIB,
                                      .ranges = fill,
                                      .range_count = zeros == MINIVM_FILL_NONZERO ? 2 : 3};
    struct scan_report *report;
    struct guest guest;

    assert_true(guest_start(&guest, guest_ram, &config));
    struct scan_request request = scanning_request(&guest);
    is_old_kernel = is_old;
    set_sys_admin(is_admin);
    int result = scanning_run(&request, &report);
    set_sys_admin(true);
    is_old_kernel = false;
    guest_stop(&guest);
    assert_int_equal(result, 0);
    return report;
}

static bool warns(const struct scan_report *report)
{
    return scanning_warns(report, "may be the kernel's zero page") &&
           scanning_warns(report, "--privileges=off");
}

static void a_hidden_zero_page_is_told(void **state)
{
    (void)state;
    struct scan_report *report = scan_guest(MINIVM_ANON, true, false, MINIVM_FILL_ZERO);
    assert_int_equal(report->counts.pages[PAGE_ZERO_CONTENT], 2 * MIB / PAGE);
    assert_int_equal(report->counts.pages[PAGE_ZERO_MAPPED], 0);
    assert_true(warns(report));
    assert_true(scanning_warns(report, "512 pages"));
    scan_report_free(report);
}

static void where_it_is_known_nothing_is_told(void **state)
{
    (void)state;
    struct scan_report *report = scan_guest(MINIVM_ANON, false, false, MINIVM_FILL_ZERO);
    /* This kernel may be an old one in earnest. */
    assert_int_equal(warns(report),
                     guest_zero_page() && report->counts.pages[PAGE_ZERO_MAPPED] == 0);
    scan_report_free(report);
    if (geteuid() != 0) {
        print_message("  skipped: only root has CAP_SYS_ADMIN\n");
        return;
    }
    report = scan_guest(MINIVM_ANON, true, true, MINIVM_FILL_ZERO);
    assert_false(warns(report));
    assert_int_equal(report->counts.pages[PAGE_ZERO_MAPPED], guest_zero_page() ? MIB / PAGE : 0);
    scan_report_free(report);
}

static void without_a_page_that_it_may_be_nothing_is_told(void **state)
{
    (void)state;
    struct scan_report *report = scan_guest(MINIVM_ANON, true, false, MINIVM_FILL_NONZERO);
    assert_int_equal(report->counts.pages[PAGE_ZERO_CONTENT], 0);
    assert_false(warns(report));
    scan_report_free(report);
    /* A memfd has no zero page in it. */
    report = scan_guest(MINIVM_MEMFD, true, false, MINIVM_FILL_ZERO);
    assert_true(report->counts.pages[PAGE_ZERO_CONTENT] > 0);
    assert_false(warns(report));
    scan_report_free(report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hidden_zero_page_is_told),
        cmocka_unit_test(where_it_is_known_nothing_is_told),
        cmocka_unit_test(without_a_page_that_it_may_be_nothing_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
