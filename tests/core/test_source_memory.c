// SPDX-License-Identifier: MIT
/* Memory and I/O, read of trees of the tests' own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "core/model/vm_load.h"
#include "core/source/device_links.h"
#include "core/source/load_placement.h"
#include "core/source/sampler.h"
#include "tests/lib/proc_bed.h"

#define PID PROC_BED_PID
#define KIB 1024ull

static struct proc_bed bench;

static int setup(void **state)
{
    struct proc_bed *b = &bench;

    proc_bed_open(b);
    tree_text(&b->tree, "proc/500/status",
              "Name:\tqemu\nState:\tS (sleeping)\nVmRSS:\t 900 kB\nRssAnon:\t 700 kB\n"
              "RssFile:\t 150 kB\nRssShmem:\t 50 kB\nVmPTE:\t 4 kB\nVmSwap:\t 30 kB\n"
              "HugetlbPages:\t 2048 kB\nThreads:\t1\n");
    tree_text(&b->tree, "proc/500/ksm_stat",
              "ksm_rmap_items 9\nksm_zero_pages 2\nksm_merging_pages 5\nksm_process_profit 0\n");
    tree_text(&b->tree, "proc/500/io",
              "rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 4\nread_bytes: 4096\nwrite_bytes: 8192\n"
              "cancelled_write_bytes: 0\n");
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    proc_bed_close(*state);
    return 0;
}

/* Descriptor @fd of the VMM, open with @flags (octal). @more: lines behind. */
static void fd_at(struct proc_bed *b, int fd, const char *link, const char *flags, const char *more)
{
    char path[64], text[200];

    tree_fd(&b->tree, PID, fd, link);
    snprintf(path, sizeof(path), "proc/%d/fdinfo/%d", PID, fd);
    snprintf(text, sizeof(text), "pos:\t0\nflags:\t%s\nmnt_id:\t24\nino:\t105\n%s", flags, more);
    tree_text(&b->tree, path, text);
}

static void is_bytes(struct reading r, uint64_t bytes)
{
    assert_int_equal(r.state, READING_OK);
    assert_int_equal(r.raw, bytes);
}

static void lacks(struct reading r, enum reading_cause cause)
{
    assert_int_not_equal(r.state, READING_OK);
    assert_int_equal(r.cause, cause);
}

static void near(struct figure f, double value)
{
    assert_int_equal(f.state, READING_OK);
    assert_true(f.value > value - 1e-6 && f.value < value + 1e-6);
}

/* --- memory ----------------------------------------------------------------------------------- */

static void memory_is_what_the_kernel_counts(void **state)
{
    const struct vm_memory *m = &proc_bed_tick(*state, LOAD_MEMORY)->vms[0].memory;

    is_bytes(m->resident, 2948 * KIB);
    is_bytes(m->anon, 700 * KIB);
    is_bytes(m->file, 150 * KIB);
    is_bytes(m->shmem, 50 * KIB);
    is_bytes(m->hugetlb, 2048 * KIB);
    is_bytes(m->swapped, 30 * KIB);
    is_bytes(m->ksm_merged, 5 * 4096);
    is_bytes(m->ksm_zero, 2 * 4096);
    lacks(m->looked_pages, CAUSE_NOT_ASKED_FOR);
    lacks(m->balloon, CAUSE_BALLOON_UNSEEN);
}

static void who_does_not_ask_hears_nothing(void **state)
{
    const struct snapshot_vm *vm = &proc_bed_tick(*state, LOAD_STATE)->vms[0];

    lacks(vm->memory.anon, CAUSE_NOT_ASKED_FOR);
    lacks(vm->memory.ksm_merged, CAUSE_NOT_ASKED_FOR);
    lacks(vm->io.read.total, CAUSE_NOT_ASKED_FOR);
    lacks(vm->io.devices_found, CAUSE_NOT_ASKED_FOR);
    assert_int_equal(vm->io.device_count, 0);
}

static void kernels_without_a_line_or_file_lack_it(void **state)
{
    struct proc_bed *b = *state;

    tree_text(&b->tree, "proc/500/status", "Name:\tqemu\nVmRSS:\t 900 kB\nVmPTE:\t 4 kB\n");
    tree_remove(&b->tree, "proc/500/ksm_stat");
    tree_text(&b->tree, "proc/500/ksm_merging_pages", "7\n");
    const struct vm_memory *m = &proc_bed_tick(b, LOAD_MEMORY)->vms[0].memory;
    is_bytes(m->resident, 900 * KIB);
    lacks(m->anon, CAUSE_NOT_IN_KERNEL);
    lacks(m->swapped, CAUSE_NOT_IN_KERNEL);
    is_bytes(m->ksm_merged, 7 * 4096);
    lacks(m->ksm_zero, CAUSE_NOT_IN_KERNEL);
    tree_remove(&b->tree, "proc/500/ksm_merging_pages");
    m = &proc_bed_tick(b, LOAD_MEMORY)->vms[0].memory;
    lacks(m->ksm_merged, CAUSE_NOT_IN_KERNEL);
}

static void a_saved_tree_has_no_page_tables(void **state)
{
    const struct vm_memory *m = &proc_bed_tick(*state, LOAD_PLACEMENT)->vms[0].memory;

    lacks(m->looked_pages, CAUSE_NOT_IN_KERNEL);
    assert_int_equal(m->huge_kind, HUGE_UNKNOWN);
    assert_int_equal(m->huge_share.cause, CAUSE_NOT_IN_KERNEL);
    assert_int_equal(m->numa_local.cause, CAUSE_NOT_IN_KERNEL);
}

/* --- cgroups ---------------------------------------------------------------------------------- */

/* libvirt's: the process is in a part of the cgroup that may have threads only. */
static void memory_is_of_the_nearest_cgroup_with_processes(void **state)
{
    struct proc_bed *b = *state;

    tree_text(&b->tree, "sys/fs/cgroup/cgroup.controllers", "memory\n");
    tree_text(&b->tree, "proc/500/task/500/cgroup", "0::/machine/vm/emulator\n");
    tree_text(&b->tree, "sys/fs/cgroup/machine/vm/emulator/cgroup.type", "threaded\n");
    tree_text(&b->tree, "sys/fs/cgroup/machine/vm/cgroup.type", "domain threaded\n");
    tree_text(&b->tree, "sys/fs/cgroup/machine/vm/memory.current", "1048576\n");
    tree_text(&b->tree, "sys/fs/cgroup/machine/vm/memory.swap.current", "4096\n");
    tree_text(&b->tree, "sys/fs/cgroup/machine/vm/memory.max", "8388608\n");
    tree_text(&b->tree, "sys/fs/cgroup/machine/vm/memory.high", "max\n");
    tree_text(&b->tree, "sys/fs/cgroup/machine/memory.max", "4194304\n");
    tree_text(&b->tree, "sys/fs/cgroup/machine/memory.high", "max\n");
    const struct vm_memory *m = &proc_bed_tick(b, LOAD_MEMORY)->vms[0].memory;
    is_bytes(m->cgroup_current, 1048576);
    is_bytes(m->cgroup_swap, 4096);
    is_bytes(m->cgroup_max, 4194304); /* that above is tighter */
    lacks(m->cgroup_high, CAUSE_NO_MEMORY_LIMIT);
    tree_text(&b->tree, "sys/fs/cgroup/machine/vm/memory.high", "2097152\n");
    for (int i = 0; i < 9; i++)
        m = &proc_bed_tick(b, LOAD_MEMORY)->vms[0].memory;
    is_bytes(m->cgroup_high, 2097152);
    /* The controller is off in the VM's own, and what is above holds for it all the same. */
    tree_remove(&b->tree, "sys/fs/cgroup/machine/vm/memory.current");
    tree_remove(&b->tree, "sys/fs/cgroup/machine/vm/memory.max");
    for (int i = 0; i < 9; i++)
        m = &proc_bed_tick(b, LOAD_MEMORY)->vms[0].memory;
    lacks(m->cgroup_current, CAUSE_NO_MEMORY_CGROUP);
    is_bytes(m->cgroup_max, 4194304);
}

/* The file @name of a cgroup of version 2, "" = the slice that all are in. */
static void cgroup_file(struct proc_bed *b, const char *cgroup, const char *name, const char *text)
{
    char path[100];

    snprintf(path, sizeof(path), "sys/fs/cgroup/machine/%s%s%s", cgroup, *cgroup ? "/" : "", name);
    tree_text(&b->tree, path, text);
}

/* Many ticks: limits are looked up in some. */
static const struct vm_memory *later(struct proc_bed *b)
{
    const struct vm_memory *m = NULL;

    for (int i = 0; i < 9; i++)
        m = &proc_bed_tick(b, LOAD_MEMORY)->vms[0].memory;
    return m;
}

/* A VM far below its own limit, in a slice that is full of others: what kills it is the slice. */
static void the_cgroup_that_is_nearest_to_its_limit_counts(void **state)
{
    struct proc_bed *b = *state;

    tree_text(&b->tree, "sys/fs/cgroup/cgroup.controllers", "memory\n");
    tree_text(&b->tree, "proc/500/task/500/cgroup", "0::/machine/vm\n");
    cgroup_file(b, "vm", "cgroup.type", "domain\n");
    cgroup_file(b, "vm", "memory.current", "1000\n");
    cgroup_file(b, "vm", "memory.max", "4000\n");
    cgroup_file(b, "vm", "memory.high", "max\n");
    cgroup_file(b, "", "memory.current", "9000\n");
    cgroup_file(b, "", "memory.max", "10000\n");
    cgroup_file(b, "", "memory.high", "max\n");
    const struct vm_memory *m = &proc_bed_tick(b, LOAD_MEMORY)->vms[0].memory;
    is_bytes(m->cgroup_max, 4000);
    near(m->cgroup_limit_share, 0.9);
    /* The tighter of the two limits of one. */
    cgroup_file(b, "vm", "memory.high", "1052\n");
    near(later(b)->cgroup_limit_share, 1000 / 1052.0);
    cgroup_file(b, "vm", "memory.high", "0\n");
    near(later(b)->cgroup_limit_share, 1);
    /* None of its own; none at all. */
    cgroup_file(b, "vm", "memory.high", "max\n");
    cgroup_file(b, "vm", "memory.max", "max\n");
    near(later(b)->cgroup_limit_share, 0.9);
    cgroup_file(b, "", "memory.max", "max\n");
    assert_int_equal(later(b)->cgroup_limit_share.cause, CAUSE_NO_MEMORY_LIMIT);
    /* The one that cannot be read may be the one. */
    cgroup_file(b, "", "memory.max", "7000\n");
    cgroup_file(b, "", "memory.current", "?\n");
    m = later(b);
    assert_int_equal(m->cgroup_limit_share.cause, CAUSE_READ_ERROR);
    is_bytes(m->cgroup_max, 7000);
    /* The controller is off in its own: what is above holds for it all the same. */
    cgroup_file(b, "", "memory.current", "6300\n");
    tree_remove(&b->tree, "sys/fs/cgroup/machine/vm/memory.current");
    tree_remove(&b->tree, "sys/fs/cgroup/machine/vm/memory.max");
    tree_remove(&b->tree, "sys/fs/cgroup/machine/vm/memory.high");
    near(later(b)->cgroup_limit_share, 0.9);
}

static void cgroups_without_memory_say_so(void **state)
{
    struct proc_bed *b = *state;

    tree_text(&b->tree, "proc/500/task/500/cgroup", "0::/vm\n");
    lacks(proc_bed_tick(b, LOAD_MEMORY)->vms[0].memory.cgroup_current, CAUSE_NO_CGROUP);
    sampler_close(b->sampler);
    b->sampler = NULL;
    tree_text(&b->tree, "sys/fs/cgroup/cgroup.controllers", "cpu\n");
    tree_text(&b->tree, "sys/fs/cgroup/vm/cgroup.type", "domain\n");
    const struct vm_memory *m = &proc_bed_tick(b, LOAD_MEMORY)->vms[0].memory;
    lacks(m->cgroup_current, CAUSE_NO_MEMORY_CGROUP);
    lacks(m->cgroup_max, CAUSE_NO_MEMORY_CGROUP);
    sampler_close(b->sampler);
    b->sampler = NULL;
    tree_text(&b->tree, "proc/500/task/500/cgroup", "0::/\n");
    lacks(proc_bed_tick(b, LOAD_MEMORY)->vms[0].memory.cgroup_current, CAUSE_ROOT_CGROUP);
}

static void version_1_has_a_hierarchy_of_memory(void **state)
{
    struct proc_bed *b = *state;

    tree_text(&b->tree, "sys/fs/cgroup/cpu/cpu.shares", "1024\n");
    tree_text(&b->tree, "sys/fs/cgroup/memory/memory.stat", "cache 0\n");
    tree_text(&b->tree, "proc/500/task/500/cgroup", "4:memory:/vm\n2:cpu:/\n");
    tree_text(&b->tree, "sys/fs/cgroup/memory/vm/memory.usage_in_bytes", "8192\n");
    tree_text(&b->tree, "sys/fs/cgroup/memory/vm/memory.memsw.usage_in_bytes", "12288\n");
    tree_text(&b->tree, "sys/fs/cgroup/memory/vm/memory.stat",
              "cache 0\nhierarchical_memory_limit 9223372036854771712\n");
    const struct vm_memory *m = &proc_bed_tick(b, LOAD_MEMORY)->vms[0].memory;
    is_bytes(m->cgroup_current, 8192);
    is_bytes(m->cgroup_swap, 4096);
    lacks(m->cgroup_max, CAUSE_NO_MEMORY_LIMIT);
    lacks(m->cgroup_high, CAUSE_NOT_IN_KERNEL);
}

/* There the kernel says what the tightest limit is, but not of which cgroup. */
static void version_1_has_limits_of_each_cgroup(void **state)
{
    struct proc_bed *b = *state;

    tree_text(&b->tree, "sys/fs/cgroup/cpu/cpu.shares", "1024\n");
    tree_text(&b->tree, "sys/fs/cgroup/memory/memory.stat", "cache 0\n");
    tree_text(&b->tree, "proc/500/task/500/cgroup", "4:memory:/slice/vm\n2:cpu:/\n");
    tree_text(&b->tree, "sys/fs/cgroup/memory/slice/vm/memory.usage_in_bytes", "1000\n");
    tree_text(&b->tree, "sys/fs/cgroup/memory/slice/vm/memory.limit_in_bytes", "4000\n");
    tree_text(&b->tree, "sys/fs/cgroup/memory/slice/vm/memory.stat",
              "hierarchical_memory_limit 4000\n");
    tree_text(&b->tree, "sys/fs/cgroup/memory/slice/memory.usage_in_bytes", "9000\n");
    tree_text(&b->tree, "sys/fs/cgroup/memory/slice/memory.limit_in_bytes", "10000\n");
    const struct vm_memory *m = &proc_bed_tick(b, LOAD_MEMORY)->vms[0].memory;
    is_bytes(m->cgroup_max, 4000);
    near(m->cgroup_limit_share, 0.9);
    tree_text(&b->tree, "sys/fs/cgroup/memory/slice/memory.limit_in_bytes",
              "9223372036854771712\n");
    near(later(b)->cgroup_limit_share, 0.25);
}

/* --- NUMA ------------------------------------------------------------------------------------- */

static void local_pages_are_counted_for_each_vcpu(void **state)
{
    const int nodes[] = {0, 1, 1, -2, 1}, both[] = {1, 0, -1}, nowhere[] = {-1};
    struct reading g[VM_GAUGE_COUNT];

    (void)state;
    placement_count(nodes, 5, both, 3, g);
    is_bytes(g[VM_NUMA_PAGES], 4);
    is_bytes(g[VM_NUMA_NODE], 1);
    is_bytes(g[VM_NUMA_NODE_PAGES], 3);
    is_bytes(g[VM_NUMA_PAIRS], 8);
    is_bytes(g[VM_NUMA_LOCAL], 3 + 1);
    placement_count(nodes, 5, nowhere, 1, g);
    is_bytes(g[VM_NUMA_PAGES], 4);
    lacks(g[VM_NUMA_LOCAL], CAUSE_NO_THREAD_ID);
    placement_count(&nodes[3], 1, both, 3, g);
    lacks(g[VM_NUMA_PAGES], CAUSE_NO_RESIDENT_RAM);
    lacks(g[VM_NUMA_LOCAL], CAUSE_NO_RESIDENT_RAM);
}

/* --- devices ---------------------------------------------------------------------------------- */

static void links_tell_what_is_worth_a_look(void **state)
{
    static const struct {
        const char *link;
        enum link_kind kind;
    } cases[] = {
        {"/dev/net/tun", LINK_TUN},
        {"/net/tun", LINK_TUN}, /* a mount of its own */
        {"/dev/vhost-net", LINK_VHOST_NET},
        {"/dev/vhost-vsock", LINK_OTHER},
        {"/dev/tap7", LINK_MACVTAP},
        {"/dev/tape", LINK_DEVICE},
        {"/dev/sdb", LINK_DEVICE},
        {"/dev/mapper/vg-a", LINK_DEVICE},
        {"/dev/kvm", LINK_OTHER},
        {"/dev/hugepages/qemu/a", LINK_OTHER},
        {"/images/a.qcow2", LINK_FILE},
        {"/tmp/vl.xyz (deleted)", LINK_FILE},
        {"/memfd:pc.ram (deleted)", LINK_OTHER},
        {"/run/qemu.pid", LINK_OTHER},
        {"/home/me/qemu.pid", LINK_OTHER},
        {"socket:[123]", LINK_OTHER},
        {"anon_inode:kvm-vm", LINK_OTHER},
        {"", LINK_OTHER},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (device_link_kind(cases[i].link) != cases[i].kind)
            fail_msg("%s: %d", cases[i].link, device_link_kind(cases[i].link));
}

static void devices_are_counted_from_the_side_of_the_guest(void **state)
{
    struct proc_bed *b = *state;

    fd_at(b, 20, "/dev/net/tun", "02100002", "iff:\tvnet7\n");
    fd_at(b, 21, "/dev/net/tun", "02100002", "iff:\tvnet7\n"); /* its second queue */
    fd_at(b, 22, "/dev/net/tun", "02100002", "iff:\tother0\n");
    fd_at(b, 23, "/dev/tap5", "02100002", "");
    fd_at(b, 24, "/dev/tap6", "02100002", "");
    tree_fd(&b->tree, PID, 25, "/dev/vhost-net");
    tree_link(&b->tree, "sys/class/macvtap/tap5/device", "../../../mv0");
    tree_text(&b->tree, "proc/500/net/dev",
              "Inter-|   Receive\n face |bytes\n"
              "  mv0: 31 32 0 33 0 0 0 0 41 42 0 43 0 0 0 0\n"
              "vnet7: 11 12 0 13 0 0 0 0 21 22 0 23 0 0 0 0\n");
    const struct vm_io *io = &proc_bed_tick(b, LOAD_IO)->vms[0].io;
    is_bytes(io->devices_found, 4);
    is_bytes(io->vhost_nets, 1);
    assert_int_equal(io->device_count, 4);
    const struct io_device *other = &io->devices[0], *tap = &io->devices[1], *far = &io->devices[2],
                           *macvtap = &io->devices[3];
    assert_string_equal(tap->name, "vnet7");
    is_bytes(tap->counts[IO_OUT_BYTES].total, 11);
    is_bytes(tap->counts[IO_OUT_OPS].total, 12);
    is_bytes(tap->counts[IO_OUT_DROPS].total, 13);
    is_bytes(tap->counts[IO_IN_BYTES].total, 21);
    is_bytes(tap->counts[IO_IN_OPS].total, 22);
    is_bytes(tap->counts[IO_IN_DROPS].total, 23);
    assert_string_equal(macvtap->name, "mv0");
    assert_int_equal(macvtap->kind, IO_DEVICE_MACVTAP);
    is_bytes(macvtap->counts[IO_IN_BYTES].total, 31);
    is_bytes(macvtap->counts[IO_OUT_DROPS].total, 43);
    lacks(other->counts[IO_IN_BYTES].total, CAUSE_OTHER_NETNS);
    assert_string_equal(far->name, "/dev/tap6");
    lacks(far->counts[IO_IN_BYTES].total, CAUSE_OTHER_NETNS);
    assert_int_equal(io->net[IO_IN_BYTES].cause, CAUSE_OTHER_NETNS);
    assert_int_equal(io->block[IO_IN_BYTES].cause, CAUSE_NO_BLOCK_DEVICE);
}

static void images_are_files_that_are_read(void **state)
{
    struct proc_bed *b = *state;

    fd_at(b, 20, "/images/b\x1b[31m.raw", "0100002", "");
    fd_at(b, 21, "/images/a.qcow2", "0100000", "");
    fd_at(b, 22, "/images/a.qcow2", "0100002", "lock:\t1: OFDLCK ADVISORY READ 1 fe:00:105 0 0\n");
    fd_at(b, 23, "/images/cd.iso", "0100000", "");
    fd_at(b, 24, "/var/log/qemu.log", "02101", "");
    fd_at(b, 25, "/srv/share", "010200000", "");
    tree_fd(&b->tree, PID, 26, "/gone"); /* without fdinfo: closed meanwhile */
    const struct vm_io *io = &proc_bed_tick(b, LOAD_IO)->vms[0].io;
    assert_int_equal(io->device_count, 3);
    assert_string_equal(io->devices[0].name, "/images/a.qcow2");
    assert_false(io->devices[0].is_read_only);
    assert_string_equal(io->devices[1].name, "/images/b?[31m.raw");
    assert_string_equal(io->devices[2].name, "/images/cd.iso");
    assert_true(io->devices[2].is_read_only);
    lacks(io->devices[0].counts[IO_IN_BYTES].total, CAUSE_FILE_NOT_COUNTED);
    assert_int_equal(io->net[IO_IN_OPS].cause, CAUSE_NO_NET_DEVICE);
}

static void block_devices_are_counted_by_their_numbers(void **state)
{
    struct proc_bed *b = *state;
    char path[200];

    snprintf(path, sizeof(path), "%s/dev", b->tree.path);
    mkdir(path, 0700);
    snprintf(path, sizeof(path), "%s/dev/sdb", b->tree.path);
    if (mknod(path, S_IFBLK | 0600, makedev(259, 7)) < 0) {
        print_message("skipped: only root makes block devices\n");
        return;
    }
    fd_at(b, 20, "/dev/sdb", "0100002", "");
    fd_at(b, 21, "/dev/input", "0100002", "");
    tree_text(&b->tree, "dev/input", "");
    tree_text(&b->tree, "sys/dev/block/259:7/stat", "10 0 80 0 20 0 160 0 0 0 0\n");
    proc_bed_tick(b, LOAD_IO);
    tree_text(&b->tree, "sys/dev/block/259:7/stat", "11 0 88 0 23 0 184 0 0 0 0\n");
    const struct vm_io *io = &proc_bed_tick(b, LOAD_IO)->vms[0].io;
    assert_int_equal(io->device_count, 1);
    is_bytes(io->devices[0].counts[IO_IN_BYTES].total, 88 * 512);
    near(io->devices[0].counts[IO_IN_OPS].rate, 1);
    near(io->block[IO_OUT_BYTES], 24 * 512);
    lacks(io->devices[0].counts[IO_IN_DROPS].total, CAUSE_NOT_IN_KERNEL);
}

static void what_is_plugged_in_is_found(void **state)
{
    struct proc_bed *b = *state;
    size_t count = 0, ticks = 0;

    assert_int_equal(proc_bed_tick(b, LOAD_IO)->vms[0].io.device_count, 0);
    fd_at(b, 20, "/images/a.raw", "0100002", "");
    for (; count == 0 && ticks < 20; ticks++)
        count = proc_bed_tick(b, LOAD_IO)->vms[0].io.device_count;
    assert_int_equal(count, 1);
    assert_in_range(ticks, 1, 17);
    /* nobody wishes for it any more, and then again */
    assert_int_equal(proc_bed_tick(b, LOAD_MEMORY)->vms[0].io.device_count, 0);
    assert_int_equal(proc_bed_tick(b, LOAD_IO)->vms[0].io.device_count, 1);
}

static void devices_that_are_too_many_are_counted(void **state)
{
    struct proc_bed *b = *state;
    char path[64];

    for (int i = 0; i < IO_DEVICES_MAX + 6; i++) {
        snprintf(path, sizeof(path), "/images/%03d", i);
        fd_at(b, 20 + i, path, "0100002", "");
    }
    const struct vm_io *io = &proc_bed_tick(b, LOAD_IO)->vms[0].io;
    assert_int_equal(io->device_count, IO_DEVICES_MAX);
    assert_string_equal(io->devices[0].name, "/images/000");
    is_bytes(io->devices_found, IO_DEVICES_MAX + 6);
}

static void the_first_vm_of_a_process_has_its_devices(void **state)
{
    struct proc_bed *b = *state;

    tree_fd(&b->tree, PID, 12, "anon_inode:kvm-vm");
    fd_at(b, 20, "/images/a.raw", "0100002", "");
    proc_bed_tick(b, LOAD_IO);
    assert_int_equal(b->now->vm_count, 2);
    assert_int_equal(b->now->vms[0].io.device_count, 1);
    assert_int_equal(b->now->vms[1].io.device_count, 0);
    lacks(b->now->vms[1].io.devices_found, CAUSE_SHARED_PROCESS);
    is_bytes(b->now->vms[1].io.read.total, 4096);
}

static void storage_is_what_the_disks_moved(void **state)
{
    struct proc_bed *b = *state;

    proc_bed_tick(b, LOAD_IO);
    tree_text(&b->tree, "proc/500/io", "read_bytes: 8192\nwrite_bytes: 8192\n");
    const struct vm_io *io = &proc_bed_tick(b, LOAD_IO)->vms[0].io;
    is_bytes(io->read.total, 8192);
    near(io->read.rate, 4096);
    near(io->written.rate, 0);
    tree_remove(&b->tree, "proc/500/io");
    lacks(proc_bed_tick(b, LOAD_IO)->vms[0].io.read.total, CAUSE_NOT_IN_KERNEL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(memory_is_what_the_kernel_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(who_does_not_ask_hears_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(kernels_without_a_line_or_file_lack_it, setup, teardown),
        cmocka_unit_test_setup_teardown(a_saved_tree_has_no_page_tables, setup, teardown),
        cmocka_unit_test_setup_teardown(memory_is_of_the_nearest_cgroup_with_processes, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(cgroups_without_memory_say_so, setup, teardown),
        cmocka_unit_test_setup_teardown(the_cgroup_that_is_nearest_to_its_limit_counts, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(version_1_has_a_hierarchy_of_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(version_1_has_limits_of_each_cgroup, setup, teardown),
        cmocka_unit_test(local_pages_are_counted_for_each_vcpu),
        cmocka_unit_test(links_tell_what_is_worth_a_look),
        cmocka_unit_test_setup_teardown(devices_are_counted_from_the_side_of_the_guest, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(images_are_files_that_are_read, setup, teardown),
        cmocka_unit_test_setup_teardown(block_devices_are_counted_by_their_numbers, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_is_plugged_in_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(devices_that_are_too_many_are_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(the_first_vm_of_a_process_has_its_devices, setup, teardown),
        cmocka_unit_test_setup_teardown(storage_is_what_the_disks_moved, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
