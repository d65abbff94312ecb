// SPDX-License-Identifier: MIT
/* Looks at real VMs: a guest that writes, one that halts, one whose VMM was stopped. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/demo/minivm.h"
#include "core/scan/scan.h"
#include "tests/lib/guest.h"
#include "tests/lib/scanning.h"

#define MIB  (1ull << 20)
#define PAGE 4096ull

#define BUSY_PAGES 16 /* that each wake-up of a busy guest writes; core/demo/minivm.c */

static const struct minivm_range ranges[] = {
    {.start = 2 * MIB, .bytes = 24 * MIB, .fill = MINIVM_FILL_NONZERO}};

static void make_vm(struct guest_info *info, const void *arg)
{
    struct minivm *vm;
    struct error err;

    info->error = -minivm_start(arg, &vm, &err);
    if (info->error != 0)
        return;
    const struct minivm_info *made = minivm_info(vm);
    info->ram_start = (uintptr_t)made->ram;
    info->ram_bytes = made->ram_bytes;
    info->extra[0] = (uint64_t)made->vm_fd;
}

static bool has_kvm(void)
{
    int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

    if (fd >= 0)
        close(fd);
    else
        print_message("skipped: there is no /dev/kvm to be used here\n");
    return fd >= 0;
}

static void start(struct guest *guest, const struct minivm_config *config)
{
    if (!guest_start(guest, make_vm, config))
        fail_msg("no VM: %d", guest->info->error);
}

/* The caller frees it. */
static struct scan_report *look(const struct guest *guest, double duration_s)
{
    struct scan_request request = scanning_request(guest);
    struct scan_report *report;

    request.vm.fd = (int)guest->info->extra[0];
    request.mode = SCAN_DIRTY;
    request.duration_s = duration_s;
    request.ram[0] = (struct ram_range){guest->info->ram_start,
                                        guest->info->ram_start + guest->info->ram_bytes};
    request.ram_count = 1;
    assert_int_equal(scanning_run(&request, &report), 0);
    assert_int_equal(report->state, SCAN_DONE);
    assert_int_equal(report->dirty->looks.sampled, report->dirty->looks.population);
    return report;
}

static void a_busy_guest_writes_the_pages_that_it_is_known_to_write(void **state)
{
    const struct minivm_config config = {.ram_bytes = 32 * MIB,
                                         .vcpus = 1,
                                         .program = MINIVM_BUSY,
                                         .wake_hz = 200,
                                         .ranges = ranges,
                                         .range_count = 1};
    struct guest guest;

    (void)state;
    if (!has_kvm())
        skip();
    start(&guest, &config);
    long rss = guest_status(guest.pid, "VmRSS:"), tables = guest_status(guest.pid, "VmPTE:");
    struct scan_report *r = look(&guest, 0.8);
    const struct dirty_looks *d = &r->dirty->looks;
    assert_true(d->pair_count >= 3);
    for (size_t i = 0; i < d->pair_count; i++) /* a stack has changed as well, or has not */
        assert_in_range(d->pairs[i].changed, BUSY_PAGES, BUSY_PAGES + 1);
    assert_int_equal(r->dirty->voids, 0);
    assert_int_equal(d->flags, 0);
    assert_true(d->newly_touched_per_s == 0);
    /* the VMM itself may have begun to use something */
    assert_in_range(guest_status(guest.pid, "VmRSS:"), rss - 300, rss + 300);
    assert_in_range(guest_status(guest.pid, "VmPTE:"), tables - 8, tables + 8);
    scan_report_free(r);
    guest_stop(&guest);
}

static void a_guest_that_halts_is_not_a_stopped_one(void **state)
{
    const struct minivm_config config = {.ram_bytes = 32 * MIB,
                                         .vcpus = 2,
                                         .program = MINIVM_HALT,
                                         .ranges = ranges,
                                         .range_count = 1};
    struct guest guest;

    (void)state;
    if (!has_kvm())
        skip();
    start(&guest, &config);
    struct scan_report *r = look(&guest, 0.4);
    for (size_t i = 0; i < r->dirty->looks.pair_count; i++)
        assert_int_equal(r->dirty->looks.pairs[i].changed, 0);
    assert_int_equal(r->dirty->voids, 0);
    scan_report_free(r);
    guest_stop(&guest);
}

static void a_vmm_that_was_stopped_is_said(void **state)
{
    const struct minivm_config config = {.ram_bytes = 32 * MIB,
                                         .vcpus = 1,
                                         .program = MINIVM_BUSY,
                                         .wake_hz = 200,
                                         .ranges = ranges,
                                         .range_count = 1};
    struct guest guest;
    int status;

    (void)state;
    if (!has_kvm())
        skip();
    start(&guest, &config);
    assert_int_equal(kill(guest.pid, SIGSTOP), 0);
    assert_int_equal(waitpid(guest.pid, &status, WUNTRACED), guest.pid);
    struct scan_report *r = look(&guest, 0.4);
    assert_int_equal(r->dirty->voids, 1u << SCAN_VOID_STOPPED);
    assert_int_equal(r->dirty->looks.flags, DIRTY_LOOKS_STOPPED);
    for (size_t i = 0; i < r->dirty->looks.pair_count; i++)
        assert_int_equal(r->dirty->looks.pairs[i].changed, 0);
    scan_report_free(r);
    kill(guest.pid, SIGCONT);
    guest_stop(&guest);
}

static void huge_pages_are_said_and_counted_in_small_ones(void **state)
{
    const struct minivm_config config = {.ram_bytes = 32 * MIB,
                                         .backing = MINIVM_ANON_THP,
                                         .vcpus = 1,
                                         .program = MINIVM_BUSY,
                                         .wake_hz = 200,
                                         .ranges = ranges,
                                         .range_count = 1};
    struct guest guest;

    (void)state;
    if (!has_kvm())
        skip();
    start(&guest, &config);
    struct scan_report *r = look(&guest, 0.4);
    if (r->dirty->huge_pages == 0) {
        print_message("skipped: this kernel gives no huge pages, or does not say so\n");
        scan_report_free(r);
        guest_stop(&guest);
        skip();
    }
    assert_int_equal(r->dirty->huge_pages % 512, 0);
    assert_int_equal(r->dirty->voids, 1u << SCAN_VOID_HUGE_PAGES);
    for (size_t i = 0; i < r->dirty->looks.pair_count; i++)
        assert_in_range(r->dirty->looks.pairs[i].changed, BUSY_PAGES, BUSY_PAGES + 1);
    scan_report_free(r);
    guest_stop(&guest);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_busy_guest_writes_the_pages_that_it_is_known_to_write),
        cmocka_unit_test(a_guest_that_halts_is_not_a_stopped_one),
        cmocka_unit_test(a_vmm_that_was_stopped_is_said),
        cmocka_unit_test(huge_pages_are_said_and_counted_in_small_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
