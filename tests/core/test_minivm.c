// SPDX-License-Identifier: MIT
#include "core/demo/minivm.h"

#include <errno.h>
#include <linux/kvm.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define MIB (1ull << 20)

static bool have_kvm(void)
{
    if (access("/dev/kvm", R_OK | W_OK) == 0)
        return true;
    print_message("skipped: /dev/kvm cannot be used here: %s\n", strerror(errno));
    return false;
}

static struct minivm *start_vm(const struct minivm_config *config)
{
    struct minivm *vm;
    struct error err = {0};

    if (!have_kvm())
        skip();
    if (minivm_start(config, &vm, &err) != 0)
        fail_msg("%s", err.msg);
    return vm;
}

/* Value of a counter through the VMM's own stats fd, found by name in the kernel's schema. */
static uint64_t read_stat(int fd, const char *name)
{
    struct kvm_stats_header header;
    union {
        struct kvm_stats_desc desc; /* ends with the name, which has no bounds of its own */
        char bytes[sizeof(struct kvm_stats_desc) + 256];
    } d;

    assert_int_equal(pread(fd, &header, sizeof(header), 0), sizeof(header));
    size_t stride = sizeof(d.desc) + header.name_size;
    assert_true(stride <= sizeof(d));
    for (uint32_t i = 0; i < header.num_desc; i++) {
        uint64_t value;
        assert_int_equal(pread(fd, &d, stride, header.desc_offset + i * (off_t)stride), stride);
        if (strcmp(d.desc.name, name) != 0)
            continue;
        assert_int_equal(pread(fd, &value, 8, header.data_offset + (off_t)d.desc.offset), 8);
        return value;
    }
    fail_msg("this kernel has no counter %s", name);
    return 0;
}

static const struct minivm_config halted = {.ram_bytes = 64 * MIB,
                                            .vcpus = 2,
                                            .keep_vm_stats_fd = true,
                                            .keep_vcpu_stats_fds = true,
                                            .program = MINIVM_HALT};

static void halted_guest_has_run_and_its_counters_stand_still(void **state)
{
    struct minivm *vm = start_vm(&halted);
    const struct minivm_info *info = minivm_info(vm);
    uint64_t before, after = 0;

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        assert_true(info->vcpus[i].tid > 0);
        if (info->vcpus[i].stats_fd < 0) {
            print_message("skipped: this kernel has no binary stats\n");
            minivm_stop(vm);
            skip();
        }
        /* It may still be on its way to the hlt: wait until it has got there. */
        for (int k = 0; k < 500 && read_stat(info->vcpus[i].stats_fd, "blocking") == 0; k++)
            poll(NULL, 0, 2);
        before = read_stat(info->vcpus[i].stats_fd, "exits");
        poll(NULL, 0, 50);
        after = read_stat(info->vcpus[i].stats_fd, "exits");
        assert_true(before > 0);
        assert_int_equal(before, after);
    }
    minivm_stop(vm);
}

static void busy_guest_has_moving_counters(void **state)
{
    struct minivm_config config = halted;
    (void)state;

    config.program = MINIVM_BUSY;
    config.wake_hz = 500;
    struct minivm *vm = start_vm(&config);
    int fd = minivm_info(vm)->vcpus[1].stats_fd;
    if (fd < 0) {
        print_message("skipped: this kernel has no binary stats\n");
        minivm_stop(vm);
        skip();
    }
    /* Each wake-up makes 8 port accesses and one MMIO write. Where the host emulates guest code,
     * port accesses are no io_exits; exits they are everywhere. */
    uint64_t exits = read_stat(fd, "exits"), mmio = read_stat(fd, "mmio_exits");
    for (int k = 0; k < 500 && read_stat(fd, "mmio_exits") < mmio + 5; k++)
        poll(NULL, 0, 10);
    assert_true(read_stat(fd, "mmio_exits") >= mmio + 5);
    assert_true(read_stat(fd, "exits") >= exits + 4 * 9);
    minivm_stop(vm);
}

static void without_stats_fds_none_are_kept(void **state)
{
    struct minivm_config config = halted;
    (void)state;

    config.keep_vm_stats_fd = config.keep_vcpu_stats_fds = false;
    struct minivm *vm = start_vm(&config);
    assert_int_equal(minivm_info(vm)->stats_fd, -1);
    assert_int_equal(minivm_info(vm)->vcpus[0].stats_fd, -1);
    minivm_stop(vm);
}

static void several_vms_live_in_one_process_and_leave_no_fd(void **state)
{
    struct minivm *vms[3];
    (void)state;

    if (!have_kvm())
        skip();
    int before = dup(0);
    close(before);
    for (int i = 0; i < 3; i++)
        vms[i] = start_vm(&halted);
    assert_int_not_equal(minivm_info(vms[0])->vm_fd, minivm_info(vms[1])->vm_fd);
    for (int i = 0; i < 3; i++)
        minivm_stop(vms[i]);
    int after = dup(0);
    close(after);
    assert_int_equal(before, after);
}

static void ram_beyond_3_gib_leaves_the_pc_hole_free(void **state)
{
    struct minivm_config config = halted;
    (void)state;

    config.ram_bytes = 5ull << 30;
    minivm_stop(start_vm(&config));
}

static void a_config_out_of_bounds_is_refused(void **state)
{
    struct minivm_config configs[] = {halted, halted, halted, halted};
    struct minivm_range outside = {.start = 64 * MIB, .bytes = 4096, .fill = MINIVM_FILL_ZERO};
    struct minivm *vm;
    struct error err;
    (void)state;

    if (!have_kvm())
        skip();
    configs[0].vcpus = 0;
    configs[1].vcpus = MINIVM_VCPUS_MAX + 1;
    configs[2].ram_bytes = 4096;
    configs[3].ranges = &outside;
    configs[3].range_count = 1;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(minivm_start(&configs[i], &vm, &err), -EINVAL);
}

static size_t resident_pages(const struct minivm_ram *ram)
{
    size_t pages = ram->bytes / MINIVM_PAGE_BYTES, count = 0;
    unsigned char *vec = malloc(pages);

    assert_non_null(vec);
    assert_int_equal(mincore(ram->base, ram->bytes, vec), 0);
    for (size_t i = 0; i < pages; i++)
        count += vec[i] & 1;
    free(vec);
    return count;
}

/* The counts must be those of the memory itself: read every page and look. */
static void pages_are_counted_as_they_were_written(void **state)
{
    static const struct minivm_range ranges[] = {
        {.start = 0, .bytes = 1 * MIB, .fill = MINIVM_FILL_NONZERO},
        {.start = 1 * MIB, .bytes = 1 * MIB, .fill = MINIVM_FILL_ZERO},
        {.start = 2 * MIB, .bytes = 1 * MIB, .fill = MINIVM_FILL_ONE_BYTE, .offset = 4095},
        {.start = 3 * MIB, .bytes = 1 * MIB, .fill = MINIVM_FILL_READ},
        {.start = 4 * MIB, .bytes = 2 * MIB, .fill = MINIVM_FILL_MIX},
        {.start = 0, .bytes = 64 << 10, .fill = MINIVM_FILL_ZERO, .stride = 2},
    };
    static const enum minivm_backing kinds[] = {MINIVM_ANON, MINIVM_ANON_THP, MINIVM_MEMFD};
    static const uint8_t zero[MINIVM_PAGE_BYTES];
    (void)state;

    for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        struct minivm_ram ram;
        uint64_t nonzero = 0;
        assert_int_equal(minivm_ram_map(8 * MIB, kinds[k], &ram, NULL), 0);
        assert_int_equal(minivm_ram_fill(&ram, ranges, 6, 42, NULL), 0);
        const struct minivm_pages *p = &ram.pages;
        assert_int_equal(p->total, 2048);
        assert_int_equal(p->untouched, 512);
        assert_int_equal(p->untouched + p->zero_mapped + p->zero_content + p->nonzero, p->total);
        assert_int_equal(p->zero_mapped, kinds[k] == MINIVM_MEMFD ? 0 : 256);
        if (kinds[k] == MINIVM_MEMFD)
            assert_int_equal(resident_pages(&ram), p->total - p->untouched);
        for (uint64_t i = 0; i < p->total; i++)
            nonzero += memcmp(ram.base + i * MINIVM_PAGE_BYTES, zero, sizeof(zero)) != 0;
        assert_int_equal(nonzero, p->nonzero);
        assert_true(nonzero > 512 && nonzero < 512 + 512);
        minivm_ram_unmap(&ram);
    }
}

/* --- work ------------------------------------------------------------------------------------- */

static const struct minivm_work all_works[] = {
    {MINIVM_WORK_PORT_WRITE, 70, 0x84},
    {MINIVM_WORK_PORT_READ, 50, 0x71},
    {MINIVM_WORK_PORT_STRING, 5, 0x72},
    {MINIVM_WORK_PORT_SWEEP, 6, 0x1000},
    {MINIVM_WORK_CPUID, 30, 1},
    {MINIVM_WORK_MSR_READ, 20, 0x1b},
    {MINIVM_WORK_MSR_WRITE, 20, 0x277},
    {MINIVM_WORK_HALT, 3, 0},
    {MINIVM_WORK_MMIO_WRITE, 40, 0xb8004},
    {MINIVM_WORK_MMIO_READ, 11, 0xbffff},
    {MINIVM_WORK_HYPERCALL, 9, 1},
    {MINIVM_WORK_PORT_WRITE, 0, 0x85},
};

static const struct minivm_config working = {
    .ram_bytes = 64 * MIB,
    .vcpus = 2,
    .program = MINIVM_WORK,
    .works = all_works,
    .work_count = sizeof(all_works) / sizeof(all_works[0]),
    .work_times = 2,
};

static void wait_done(struct minivm *vm, unsigned vcpu)
{
    for (int k = 0; k < 10000 && !minivm_did(vm, vcpu).is_done; k++)
        poll(NULL, 0, 2);
    assert_true(minivm_did(vm, vcpu).is_done);
}

static void work_waits_for_its_go_and_is_done_as_often_as_told(void **state)
{
    struct minivm_config config = working;
    (void)state;

    /* A KVM that emulates real mode takes the instruction for one that it has to replace, for ever.
     */
    if (access("/sys/module/kvm_pvm", F_OK) == 0) {
        print_message("skipped: hypercalls: this host's KVM makes none in real mode\n");
        config.work_count -= 2;
    }
    struct minivm *vm = start_vm(&config);
    poll(NULL, 0, 50);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(minivm_did(vm, i).io_exits, 1);
        assert_int_equal(minivm_did(vm, i).mmio_exits, 0);
        assert_false(minivm_did(vm, i).is_done);
    }
    minivm_go(vm);
    for (unsigned i = 0; i < 2; i++) {
        const unsigned times = 2 + i;
        wait_done(vm, i);
        struct minivm_did did = minivm_did(vm, i);
        assert_int_equal(did.mmio_exits, (40 + 11) * times);
        /* One at the start, two at the end, one before each halt, and one for each wake-up. String
         * reads leave KVM_RUN once or for each byte, as the kernel likes. */
        const uint64_t least = 1 + 2 + (70 + 50 + 5 + 6 + 3 + 3) * times;
        assert_in_range(did.io_exits, least, least + 5 * 15 * times + 3);
    }
    minivm_stop(vm);
}

static void work_that_never_began_can_be_stopped(void **state)
{
    (void)state;
    minivm_stop(start_vm(&working));
}

static void work_out_of_bounds_is_refused(void **state)
{
    static const struct minivm_work bad[] = {
        {MINIVM_WORK_PORT_WRITE, 1, 0x10000},
        {MINIVM_WORK_MMIO_WRITE, 1, 0x9ffff},
        {MINIVM_WORK_MMIO_READ, 1, 0xc0000},
        {MINIVM_WORK_HALT, 1, 1},
        {MINIVM_WORK_KINDS, 1, 0},
    };
    struct minivm_config config = working;
    struct minivm *vm;

    (void)state;
    config.work_count = 1;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        config.works = &bad[i];
        assert_int_equal(minivm_start(&config, &vm, NULL), -EINVAL);
    }
    config.works = all_works;
    config.work_count = 0;
    assert_int_equal(minivm_start(&config, &vm, NULL), -EINVAL);
    config.work_count = MINIVM_WORKS_MAX + 1;
    assert_int_equal(minivm_start(&config, &vm, NULL), -EINVAL);
    config.work_count = 1;
    config.work_times = 0;
    assert_int_equal(minivm_start(&config, &vm, NULL), -EINVAL);
}

static void the_longest_code_fits(void **state)
{
    struct minivm_work works[MINIVM_WORKS_MAX];
    uint8_t code[MINIVM_WORK_BYTES];
    size_t longest = 0;

    (void)state;
    for (unsigned kind = 0; kind < MINIVM_WORK_KINDS; kind++) {
        for (size_t i = 0; i < MINIVM_WORKS_MAX; i++)
            works[i] = (struct minivm_work){kind, 1, minivm_work_default(kind)};
        assert_true(minivm_work_is_valid(&works[0]));
        size_t bytes = minivm_work_code(works, MINIVM_WORKS_MAX, 1, true, code);
        longest = bytes > longest ? bytes : longest;
    }
    assert_in_range(longest, 100, MINIVM_WORK_BYTES);
}

static void code_of_one_port_write(void **state)
{
    static const struct minivm_work work = {MINIVM_WORK_PORT_WRITE, 5, 0x1234};
    static const uint8_t want[] = {0xe6, 0x80, 0xba, 0x34, 0x12, 0x66, 0xbd, 15,
                                   0,    0,    0,    0xee, 0x66, 0x4d, 0x75, 0xfb,
                                   0xe6, 0xe1, 0xe6, 0xe1, 0xf4, 0xeb, 0xfd};
    uint8_t code[MINIVM_WORK_BYTES];

    (void)state;
    assert_int_equal(minivm_work_code(&work, 1, 3, false, code), sizeof(want));
    assert_memory_equal(code, want, sizeof(want));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(halted_guest_has_run_and_its_counters_stand_still),
        cmocka_unit_test(busy_guest_has_moving_counters),
        cmocka_unit_test(without_stats_fds_none_are_kept),
        cmocka_unit_test(several_vms_live_in_one_process_and_leave_no_fd),
        cmocka_unit_test(ram_beyond_3_gib_leaves_the_pc_hole_free),
        cmocka_unit_test(a_config_out_of_bounds_is_refused),
        cmocka_unit_test(pages_are_counted_as_they_were_written),
        cmocka_unit_test(work_waits_for_its_go_and_is_done_as_often_as_told),
        cmocka_unit_test(work_that_never_began_can_be_stopped),
        cmocka_unit_test(work_out_of_bounds_is_refused),
        cmocka_unit_test(the_longest_code_fits),
        cmocka_unit_test(code_of_one_port_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
