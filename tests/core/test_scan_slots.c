// SPDX-License-Identifier: MIT
/*
 * Scans that are told by memslots what is guest RAM. What the kernel would say through BPF is said
 * here in its place; the memory is real.
 */
#include "core/scan/scan.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/guest.h"
#include "tests/lib/scanning.h"

#define MIB (1ull << 20)
#define PAGE 4096ull
#define SLOTS_MAX 8

/* What kvm_bpf_slots_read says, the first time and later. */
static struct {
    int result;
    struct kvm_bpf_slots slots;
    struct kvm_bpf_slot at[SLOTS_MAX];
    uint64_t later_moves; /* the first slot is so many pages further */
    unsigned reads, sleep_us;
} told;

int __wrap_kvm_bpf_slots_read(struct kvm_bpf *bpf, pid_t pid, int vm_fd, struct kvm_bpf_slots *ret);
int __wrap_kvm_bpf_slots_read(struct kvm_bpf *bpf, pid_t pid, int vm_fd, struct kvm_bpf_slots *ret)
{
    assert_non_null(bpf);
    assert_true(pid > 0);
    assert_int_equal(vm_fd, 7);
    *ret = told.slots;
    ret->slots = NULL;
    if (told.result < 0)
        return told.result;
    ret->slots = calloc(SLOTS_MAX, sizeof(*ret->slots));
    assert_non_null(ret->slots);
    memcpy(ret->slots, told.at, sizeof(told.at));
    if (told.reads++ == 0)
        usleep(told.sleep_us);
    else
        ret->slots[0].gfn += told.later_moves;
    return 0;
}

static int run(struct scan_request *request, struct scan_report **ret)
{
    static char none; /* nobody looks into it */
    struct rootfs root;
    struct scan_progress progress = {.cancel = false};
    struct scan_env env = {
        .root = &root, .progress = &progress, .bpf = (struct kvm_bpf *)(void *)&none};

    request->vm.fd = 7;
    told.reads = 0;
    assert_int_equal(rootfs_open(NULL, &root, NULL), 0);
    int n = scan_execute(&env, request, ret);
    rootfs_close(&root);
    assert_non_null(*ret);
    return n;
}

/* 16 MiB, of which the second and third are set. */
static bool start_guest(struct guest *guest)
{
    static const struct minivm_range fill = {
        .start = 1 * MIB, .bytes = 2 * MIB, .fill = MINIVM_FILL_NONZERO};
    static const struct guest_ram_config config = {
        .backing = MINIVM_ANON, .bytes = 16 * MIB, .ranges = &fill, .range_count = 1};

    memset(&told, 0, sizeof(told));
    told.slots.is_own_mm = true;
    return guest_start(guest, guest_ram, &config);
}

static void tell_slot(uint64_t gfn, uint64_t start, uint64_t bytes, uint32_t flags)
{
    told.at[told.slots.count++] = (struct kvm_bpf_slot){
        .gfn = gfn, .pages = bytes / PAGE, .user_start = start, .flags = flags};
}

/* A part of a mapping, shown twice, and a ROM; two VMs are in the process. */
static void only_what_slots_show_is_read_and_once(void **state)
{
    struct guest guest;
    struct scan_report *r;

    (void)state;
    assert_true(start_guest(&guest));
    uint64_t ram = guest.info->ram_start;
    tell_slot(0, ram, 2 * MIB, 0);
    tell_slot(0x1000, ram, 2 * MIB, 0);
    tell_slot(0x800, ram + 2 * MIB, 4 * MIB, KVM_MEM_READONLY);
    struct scan_request request = scanning_request(&guest);
    request.process_vms = 2;
    assert_int_equal(run(&request, &r), 0);
    assert_true(r->has_slots && r->zero_known);
    assert_int_equal(r->region_count, 2);
    assert_int_equal(r->pages_total, 6 * MIB / PAGE);
    assert_int_equal(r->counts.pages[PAGE_NONZERO], 2 * MIB / PAGE);
    assert_int_equal(r->counts.pages[PAGE_UNTOUCHED], 4 * MIB / PAGE);
    assert_int_equal(r->regions[0].counts.pages[PAGE_NONZERO], 1 * MIB / PAGE);
    assert_true(r->regions[0].ram.has_gfn && !r->regions[0].ram.is_rom);
    assert_int_equal(r->regions[0].ram.gfn, 0);
    assert_true(r->regions[1].ram.is_rom);
    assert_int_equal(r->regions[1].ram.gfn, 0x800);
    assert_string_equal(r->regions[1].ram.rule, "memslot");
    assert_int_equal(r->warning_count, 0); /* not that of two VMs in one process */
    scan_report_free(r);
    guest_stop(&guest);
}

static void slots_that_move_meanwhile_are_told(void **state)
{
    struct guest guest;
    struct scan_report *r;

    (void)state;
    assert_true(start_guest(&guest));
    tell_slot(0, guest.info->ram_start, 4 * MIB, 0);
    told.sleep_us = 150000; /* of a quick scan nobody asks */
    struct scan_request request = scanning_request(&guest);
    assert_int_equal(run(&request, &r), 0);
    assert_int_equal(told.reads, 2);
    assert_int_equal(r->warning_count, 0);
    scan_report_free(r);
    told.later_moves = 1;
    assert_int_equal(run(&request, &r), 0);
    assert_true(scanning_warns(r, "the RAM mappings changed during the scan"));
    scan_report_free(r);
    guest_stop(&guest);
}

static void looks_at_a_confidential_guest_are_void(void **state)
{
    struct guest guest;
    struct scan_report *r;

    (void)state;
    assert_true(start_guest(&guest));
    tell_slot(0, guest.info->ram_start, 16 * MIB, 0);
    told.slots.vm_type = KVM_VM_SNP;
    struct scan_request request = scanning_request(&guest);
    request.mode = SCAN_DIRTY;
    request.duration_s = 0.1;
    assert_int_equal(run(&request, &r), -EOPNOTSUPP);
    assert_int_equal(r->state, SCAN_REFUSED);
    assert_int_equal(r->cost.bytes_read, 0);
    assert_int_equal(r->dirty->voids, 1u << SCAN_VOID_CONFIDENTIAL);
    assert_int_equal(r->dirty->looks.pair_count, 0);
    scan_report_free(r);
    request.force = true;
    assert_int_equal(run(&request, &r), 0);
    assert_true(r->dirty->voids & 1u << SCAN_VOID_CONFIDENTIAL);
    assert_int_equal(r->dirty->looks.pair_count, 1);
    scan_report_free(r);
    guest_stop(&guest);
}

static void a_log_of_what_is_written_is_said(void **state)
{
    struct guest guest;
    struct scan_report *r;

    (void)state;
    for (uint32_t flags = 0; flags <= KVM_MEM_LOG_DIRTY_PAGES; flags += KVM_MEM_LOG_DIRTY_PAGES) {
        assert_true(start_guest(&guest));
        tell_slot(0, guest.info->ram_start, 16 * MIB, flags);
        struct scan_request request = scanning_request(&guest);
        request.mode = SCAN_DIRTY;
        request.duration_s = 0.1;
        assert_int_equal(run(&request, &r), 0);
        assert_int_equal((r->dirty->voids & 1u << SCAN_VOID_LOGGED) != 0, flags != 0);
        assert_int_equal(r->dirty->voids & 1u << SCAN_VOID_MIGRATING, 0);
        scan_report_free(r);
        guest_stop(&guest);
    }
}

/* What is private stays unread; absent pages of the other half say nothing of it. */
static void a_confidential_guest_is_named_and_left(void **state)
{
    struct guest guest;
    struct scan_report *r;

    (void)state;
    assert_true(start_guest(&guest));
    tell_slot(0, guest.info->ram_start, 16 * MIB, 0);
    told.at[0].is_private = true;
    told.slots.vm_type = KVM_VM_SNP;
    struct scan_request request = scanning_request(&guest);
    assert_int_equal(run(&request, &r), -EOPNOTSUPP);
    assert_int_equal(r->state, SCAN_REFUSED);
    assert_non_null(strstr(r->error.msg, "confidential (AMD SEV-SNP)"));
    assert_int_equal(r->cost.bytes_read, 0);
    scan_report_free(r);
    told.slots.vm_type = KVM_VM_ORDINARY; /* and of guest_memfd all the same */
    assert_int_equal(run(&request, &r), 0);
    assert_int_equal(r->counts.pages[PAGE_UNREADABLE], 16 * MIB / PAGE);
    assert_int_equal(r->cost.bytes_read, 0);
    assert_true(scanning_warns(r, "memory of guest_memfd"));
    assert_false(r->zero_known);
    scan_report_free(r);
    request.force = true;
    told.slots.vm_type = KVM_VM_SNP;
    assert_int_equal(run(&request, &r), 0);
    assert_int_equal(r->counts.pages[PAGE_NONZERO], 2 * MIB / PAGE);
    scan_report_free(r);
    guest_stop(&guest);
}

static void without_slots_mappings_are_the_answer(void **state)
{
    struct guest guest;
    struct scan_report *r;

    (void)state;
    assert_true(start_guest(&guest));
    struct scan_request request = scanning_request(&guest);
    told.result = -EPERM;
    assert_int_equal(run(&request, &r), 0);
    assert_false(r->has_slots || r->regions[0].ram.has_gfn);
    assert_int_equal(r->pages_total, 16 * MIB / PAGE);
    assert_true(scanning_warns(r, "cannot be read through BPF (Operation not permitted)"));
    scan_report_free(r);
    told.result = 0; /* addresses of another process */
    told.slots.is_own_mm = false;
    tell_slot(0, guest.info->ram_start, 4 * MIB, 0);
    assert_int_equal(run(&request, &r), 0);
    assert_int_equal(r->pages_total, 16 * MIB / PAGE);
    assert_true(scanning_warns(r, "that of another process"));
    scan_report_free(r);
    told.result = -ENOENT; /* the process is there, its VM is not */
    assert_int_equal(run(&request, &r), -ESRCH);
    assert_string_equal(r->error.msg, "the VM has ended");
    scan_report_free(r);
    guest_stop(&guest);
}

/* 4 MiB, and a real VM with descriptor 7. */
static void guest_with_vm(struct guest_info *info, const void *arg)
{
    int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    int vm = kvm < 0 ? -1 : ioctl(kvm, KVM_CREATE_VM, 0);

    if (vm < 0 || dup2(vm, 7) < 0)
        info->error = errno;
    else
        guest_ram(info, arg);
}

/* It may be of another namespace, say: what is there is not said to have ended. */
static void a_vm_that_bpf_does_not_show_is_found_by_its_mappings(void **state)
{
    static const struct guest_ram_config config = {.backing = MINIVM_ANON, .bytes = 4 * MIB};
    struct guest guest;
    struct scan_report *r;

    (void)state;
    memset(&told, 0, sizeof(told));
    told.result = -ENOENT;
    if (!guest_start(&guest, guest_with_vm, &config)) {
        print_message("  skipped: no VM can be made here: %s\n", strerror(guest.info->error));
        return;
    }
    struct scan_request request = scanning_request(&guest);
    assert_int_equal(run(&request, &r), 0);
    assert_int_equal(r->pages_total, 4 * MIB / PAGE);
    assert_true(scanning_warns(r, "cannot be read through BPF"));
    scan_report_free(r);
    guest_stop(&guest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_slots_show_is_read_and_once),
        cmocka_unit_test(slots_that_move_meanwhile_are_told),
        cmocka_unit_test(a_confidential_guest_is_named_and_left),
        cmocka_unit_test(looks_at_a_confidential_guest_are_void),
        cmocka_unit_test(a_log_of_what_is_written_is_said),
        cmocka_unit_test(without_slots_mappings_are_the_answer),
        cmocka_unit_test(a_vm_that_bpf_does_not_show_is_found_by_its_mappings),
    };
    return cmocka_run_group_tests_name("scan_slots", tests, NULL, NULL);
}
