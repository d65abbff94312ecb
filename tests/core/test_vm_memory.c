// SPDX-License-Identifier: MIT
/* What a snapshot says of memory and of I/O, made of the gauges and devices of two samples. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/model/snapshot.h"
#include "tests/lib/two_vms.h"

#define S   1000000000ull
#define MIB (1ull << 20)

/* Two samples of a VM, one second apart, and room for its devices. */
struct bed {
    struct two_vms *t;
    struct sample_vm *then, *now;
    struct sample_device devices[2][4];
};

static void bed_open(struct bed *b)
{
    *b = (struct bed){.t = two_vms_new()};
    b->then = &two_vms_sample(b->t, 0)->vms[0];
    b->now = &two_vms_sample(b->t, 1)->vms[0];
    b->then->devices = b->devices[0];
    b->now->devices = b->devices[1];
}

static void bed_close(struct bed *b, struct snapshot *s)
{
    snapshot_free(s);
    two_vms_free(b->t);
}

/* A device of both samples, each count of which grew by as much as its number says. */
static void plug(struct bed *b, const char *name, enum io_device_kind kind)
{
    for (int i = 0; i < 2; i++) {
        struct sample_vm *vm = i == 0 ? b->then : b->now;
        struct sample_device *d = &vm->devices[vm->device_count++];
        d->name = name;
        d->kind = (uint8_t)kind;
        d->time_ns = 5 * S + (uint64_t)i * S / 2;
        for (uint64_t c = 0; c < IO_COUNTER_COUNT; c++)
            d->counts[c] = reading_ok(1000 + (uint64_t)i * (c + 1), SOURCE_PROC);
    }
    b->now->gauges[VM_DEVICES_FOUND] = reading_ok(b->now->device_count, SOURCE_PROC);
}

static void near(struct figure f, double value)
{
    assert_int_equal(f.state, READING_OK);
    assert_true(f.value > value - 1e-6 && f.value < value + 1e-6);
}

static void is_missing(struct figure f, enum reading_state state, enum reading_cause cause)
{
    assert_int_equal(f.state, state);
    assert_int_equal(f.cause, cause);
}

static void resident_is_what_all_kinds_of_pages_have(void **state)
{
    struct bed b;

    (void)state;
    bed_open(&b);
    b.now->gauges[VM_RSS_BYTES] = reading_ok(100 * MIB, SOURCE_PROC);
    b.now->gauges[VM_HUGETLB_BYTES] = reading_ok(512 * MIB, SOURCE_PROC);
    b.now->gauges[VM_RSS_ANON_BYTES] = reading_ok(MIB, SOURCE_PROC);
    struct snapshot *s = two_vms_second(b.t);
    assert_int_equal(s->vms[0].memory.resident.raw, 612 * MIB);
    assert_int_equal(s->vms[0].memory.balloon.state, READING_ABSENT);
    assert_int_equal(s->vms[0].memory.balloon.cause, CAUSE_BALLOON_UNSEEN);
    snapshot_free(s);
    /* a kernel that has none */
    b.now->gauges[VM_HUGETLB_BYTES] = reading_of_cause(CAUSE_NOT_IN_KERNEL);
    s = two_vms_second(b.t);
    assert_int_equal(s->vms[0].memory.resident.raw, 100 * MIB);
    snapshot_free(s);
    /* who did not look cannot add */
    b.now->gauges[VM_HUGETLB_BYTES] = reading_of_cause(CAUSE_NOT_ASKED_FOR);
    s = two_vms_second(b.t);
    assert_int_equal(s->vms[0].memory.resident.state, READING_ABSENT);
    assert_int_equal(s->vms[0].memory.resident.cause, CAUSE_NOT_ASKED_FOR);
    bed_close(&b, s);
}

static void huge_pages_are_a_share_of_what_was_looked_at(void **state)
{
    static const struct {
        uint64_t all, thp, hugetlb;
        enum huge_kind kind;
        double share;
    } cases[] = {
        {2000, 0, 0, HUGE_NONE, 0},       {2000, 512, 0, HUGE_THP, 0.256},
        {2000, 0, 2000, HUGE_HUGETLB, 1}, {2000, 500, 500, HUGE_BOTH, 0.5},
        {0, 0, 0, HUGE_UNKNOWN, 0},       {10, 11, 0, HUGE_UNKNOWN, 0}, /* of who cannot count */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bed b;
        bed_open(&b);
        b.now->gauges[VM_LOOKED_PAGES] = reading_ok(cases[i].all, SOURCE_PROC);
        b.now->gauges[VM_LOOKED_THP_PAGES] = reading_ok(cases[i].thp, SOURCE_PROC);
        b.now->gauges[VM_LOOKED_HUGETLB_PAGES] = reading_ok(cases[i].hugetlb, SOURCE_PROC);
        struct snapshot *s = two_vms_second(b.t);
        const struct vm_memory *m = &s->vms[0].memory;
        assert_int_equal(m->huge_kind, cases[i].kind);
        if (cases[i].kind != HUGE_UNKNOWN)
            near(m->huge_share, cases[i].share);
        else
            is_missing(m->huge_share, READING_ABSENT, CAUSE_NO_RESIDENT_RAM);
        bed_close(&b, s);
    }
}

static void pages_of_huge_size_that_a_kernel_hides_are_missing(void **state)
{
    struct bed b;

    (void)state;
    bed_open(&b);
    b.now->gauges[VM_LOOKED_PAGES] = reading_ok(2000, SOURCE_PROC);
    b.now->gauges[VM_LOOKED_THP_PAGES] = reading_of_cause(CAUSE_NOT_IN_KERNEL);
    b.now->gauges[VM_LOOKED_HUGETLB_PAGES] = reading_ok(500, SOURCE_PROC);
    struct snapshot *s = two_vms_second(b.t);
    const struct vm_memory *m = &s->vms[0].memory;
    is_missing(m->thp_share, READING_ABSENT, CAUSE_NOT_IN_KERNEL);
    is_missing(m->huge_share, READING_ABSENT, CAUSE_NOT_IN_KERNEL);
    near(m->hugetlb_share, 0.25);
    assert_int_equal(m->huge_kind, HUGE_UNKNOWN);
    bed_close(&b, s);
}

static void local_memory_is_a_share_of_pairs(void **state)
{
    struct bed b;

    (void)state;
    bed_open(&b);
    b.now->gauges[VM_NUMA_PAGES] = reading_ok(100, SOURCE_PROC);
    b.now->gauges[VM_NUMA_PAIRS] = reading_ok(400, SOURCE_PROC);
    b.now->gauges[VM_NUMA_LOCAL] = reading_ok(320, SOURCE_PROC);
    b.now->gauges[VM_NUMA_NODE] = reading_ok(1, SOURCE_PROC);
    b.now->gauges[VM_NUMA_NODE_PAGES] = reading_ok(90, SOURCE_PROC);
    struct snapshot *s = two_vms_second(b.t);
    const struct vm_memory *m = &s->vms[0].memory;
    near(m->numa_local, 0.8);
    near(m->numa_node_share, 0.9);
    assert_int_equal(m->numa_node.raw, 1);
    snapshot_free(s);
    for (int g = VM_NUMA_PAGES; g <= VM_NUMA_NODE_PAGES; g++)
        b.now->gauges[g] = reading_of_cause(CAUSE_ONE_NODE);
    s = two_vms_second(b.t);
    is_missing(s->vms[0].memory.numa_local, READING_ABSENT, CAUSE_ONE_NODE);
    bed_close(&b, s);
}

static void bytes_of_storage_have_rates(void **state)
{
    struct bed b;

    (void)state;
    bed_open(&b);
    b.then->gauges[VM_STORAGE_READ_BYTES] = reading_ok(10 * MIB, SOURCE_PROC);
    b.now->gauges[VM_STORAGE_READ_BYTES] = reading_ok(14 * MIB, SOURCE_PROC);
    b.now->gauges[VM_STORAGE_WRITTEN_BYTES] = reading_of_cause(CAUSE_NO_PERMISSION);
    struct snapshot *s = two_vms_second(b.t);
    near(s->vms[0].io.read.rate, 4 * MIB);
    assert_int_equal(s->vms[0].io.read.total.raw, 14 * MIB);
    is_missing(s->vms[0].io.written.rate, READING_DENIED, CAUSE_NO_PERMISSION);
    snapshot_free(s);
    s = two_vms_first(b.t);
    is_missing(s->vms[0].io.read.rate, READING_WARMUP, CAUSE_NONE);
    bed_close(&b, s);
}

static void rates_of_a_device_are_over_the_time_between_its_reads(void **state)
{
    struct bed b;

    (void)state;
    bed_open(&b);
    plug(&b, "tap0", IO_DEVICE_TAP);
    plug(&b, "/dev/sdb", IO_DEVICE_BLOCK);
    plug(&b, "/images/a.qcow2", IO_DEVICE_IMAGE);
    struct snapshot *s = two_vms_second(b.t);
    const struct vm_io *io = &s->vms[0].io;
    assert_int_equal(io->device_count, 3);
    assert_string_equal(io->devices[1].name, "/dev/sdb");
    near(io->devices[0].counts[IO_OUT_OPS].rate, 2 * (1 + IO_OUT_OPS));
    near(io->net[IO_OUT_OPS], 2 * (1 + IO_OUT_OPS));
    near(io->block[IO_IN_BYTES], 2 * (1 + IO_IN_BYTES));
    bed_close(&b, s);
}

/* Names are what tells devices apart, and lists may change between two samples. */
static void a_device_that_has_come_does_not_make_the_others_jump(void **state)
{
    struct bed b;

    (void)state;
    bed_open(&b);
    plug(&b, "tap0", IO_DEVICE_TAP);
    plug(&b, "tap1", IO_DEVICE_TAP);
    b.then->devices[0] = b.then->devices[1];
    b.then->device_count = 1;
    struct snapshot *s = two_vms_second(b.t);
    const struct vm_io *io = &s->vms[0].io;
    is_missing(io->devices[0].counts[IO_IN_OPS].rate, READING_WARMUP, CAUSE_NONE);
    near(io->devices[1].counts[IO_IN_OPS].rate, 2 * (1 + IO_IN_OPS));
    near(io->net[IO_IN_OPS], 2 * (1 + IO_IN_OPS));
    bed_close(&b, s);
}

static void a_sum_with_a_hole_is_missing(void **state)
{
    struct bed b;

    (void)state;
    bed_open(&b);
    plug(&b, "tap0", IO_DEVICE_TAP);
    plug(&b, "tap1", IO_DEVICE_TAP);
    for (int c = 0; c < IO_COUNTER_COUNT; c++)
        b.now->devices[1].counts[c] = reading_of_cause(CAUSE_OTHER_NETNS);
    struct snapshot *s = two_vms_second(b.t);
    const struct vm_io *io = &s->vms[0].io;
    is_missing(io->net[IO_IN_OPS], READING_ABSENT, CAUSE_OTHER_NETNS);
    is_missing(io->block[IO_IN_OPS], READING_ABSENT, CAUSE_NO_BLOCK_DEVICE);
    snapshot_free(s);
    b.now->gauges[VM_DEVICES_FOUND] = reading_of_cause(CAUSE_NO_PERMISSION);
    s = two_vms_second(b.t);
    is_missing(s->vms[0].io.block[IO_IN_OPS], READING_DENIED, CAUSE_NO_PERMISSION);
    bed_close(&b, s);
}

static void what_was_skipped_has_nothing_of_now(void **state)
{
    struct bed b;

    (void)state;
    bed_open(&b);
    plug(&b, "tap0", IO_DEVICE_TAP);
    b.now->gauges[VM_RSS_BYTES] = reading_ok(MIB, SOURCE_PROC);
    b.now->gauges[VM_LOOKED_PAGES] = b.now->gauges[VM_LOOKED_THP_PAGES] =
        b.now->gauges[VM_LOOKED_HUGETLB_PAGES] = reading_ok(7, SOURCE_PROC);
    b.now->gauges[VM_SWAP_BYTES] = reading_of_cause(CAUSE_NOT_ASKED_FOR);
    b.now->skipped = true;
    b.now->skip_cause = CAUSE_SLOW;
    struct snapshot *s = two_vms_second(b.t);
    const struct snapshot_vm *vm = &s->vms[0];
    is_missing(vm->memory.huge_share, READING_STALE, CAUSE_SLOW);
    assert_int_equal(vm->memory.huge_kind, HUGE_UNKNOWN);
    assert_int_equal(vm->memory.swapped.cause, CAUSE_NOT_ASKED_FOR);
    is_missing(vm->io.devices[0].counts[IO_IN_OPS].rate, READING_STALE, CAUSE_SLOW);
    is_missing(vm->io.net[IO_IN_OPS], READING_STALE, CAUSE_SLOW);
    bed_close(&b, s);
}

/* A VM that cannot be looked at any more keeps its devices, in a sample that has none. */
static void devices_of_a_vm_that_is_kept_stay(void **state)
{
    struct bed b;
    struct vm_list none = {0};
    struct sample *s;
    pid_t pid;

    (void)state;
    bed_open(&b);
    plug(&b, "tap0", IO_DEVICE_TAP);
    plug(&b, "/dev/sdb", IO_DEVICE_BLOCK);
    pid = b.now->id.pid;
    assert_int_equal(sample_new(&none, two_vms_fields(b.t), &s), 0);
    assert_int_equal(sample_keep(two_vms_sample(b.t, 1), &pid, 1, CAUSE_STUCK, s), 0);
    sample_follow(two_vms_sample(b.t, 1), s);
    assert_int_equal(s->vm_count, 1);
    assert_int_equal(s->vms[0].device_count, 2);
    assert_string_equal(s->vms[0].devices[1].name, "/dev/sdb");
    assert_int_equal(s->vms[0].devices[1].counts[IO_OUT_OPS].raw, 1001 + IO_OUT_OPS);
    sample_free(s);
    two_vms_free(b.t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resident_is_what_all_kinds_of_pages_have),
        cmocka_unit_test(huge_pages_are_a_share_of_what_was_looked_at),
        cmocka_unit_test(pages_of_huge_size_that_a_kernel_hides_are_missing),
        cmocka_unit_test(local_memory_is_a_share_of_pairs),
        cmocka_unit_test(bytes_of_storage_have_rates),
        cmocka_unit_test(rates_of_a_device_are_over_the_time_between_its_reads),
        cmocka_unit_test(a_device_that_has_come_does_not_make_the_others_jump),
        cmocka_unit_test(a_sum_with_a_hole_is_missing),
        cmocka_unit_test(what_was_skipped_has_nothing_of_now),
        cmocka_unit_test(devices_of_a_vm_that_is_kept_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
