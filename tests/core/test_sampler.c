// SPDX-License-Identifier: MIT
/* Discovery, sources and sampler together, on trees that the tests make. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "core/source/sampler.h"
#include "tests/lib/stats_blob.h"
#include "tests/lib/tree.h"

#define KVM "sys/kernel/debug/kvm/"

static const struct stats_blob_item vcpu_items[] = {
    {"exits", 0x000, 0, 1, 0, 25},
    {"blocking", 0x041, 0, 1, 0, 1},
    {"halt_wait_hist", 0x024, -9, 32, 0, 500},
    {"guest_mode", 0x041, 0, 1, 0, 0},
};
static const struct stats_blob_item vm_items[] = {
    {"remote_tlb_flush", 0x000, 0, 1, 0, 3},
    {"pages_4k", 0x001, 0, 1, 0, 77},
};

struct bench {
    struct tree tree;
    struct sampler *sampler;
    struct snapshot *now;
};

static int setup(void **state)
{
    static struct bench b;
    memset(&b, 0, sizeof(b));
    tree_open(&b.tree);
    tree_text(&b.tree, "proc/sys/kernel/hostname", "testhost\n");
    tree_text(&b.tree, "proc/sys/kernel/osrelease", "6.1.0\n");
    tree_process(&b.tree, 1, "init", "/sbin/init", 1);
    *state = &b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    snapshot_free(b->now);
    sampler_close(b->sampler);
    tree_close(&b->tree);
    return 0;
}

/* Each look at the clock is 10 us after the one before: on a busy machine a process would be taken
 * for one that takes long, and left for later. */
static uint64_t unhurried(void)
{
    static uint64_t now = 1000000;

    return now += 10000;
}

static const struct snapshot *tick_with(struct bench *b, unsigned sources)
{
    struct error err = {0};
    struct sampler_config config = {
        .root = &b->tree.root, .sources = sources, .now_ns = unhurried};

    if (b->sampler == NULL)
        assert_int_equal(sampler_open(&config, &b->sampler, &err), 0);
    snapshot_free(b->now);
    b->now = NULL;
    assert_int_equal(sampler_tick(b->sampler, &b->now, &err), 0);
    return b->now;
}

static const struct snapshot *tick(struct bench *b)
{
    return tick_with(b, SOURCES_ALL);
}

static void stats_file(struct bench *b, int pid, int fd, const char *link, const char *id,
                       const struct stats_blob_item *items, size_t count)
{
    static char blob[STATS_BLOB_MAX];
    char path[64];
    size_t size = stats_blob_make(id, items, count, blob);

    tree_fd(&b->tree, pid, fd, link);
    snprintf(path, sizeof(path), "proc/%d/fd-data/%d", pid, fd);
    tree_write(&b->tree, path, blob, size);
}

/* A VM like QEMU's: VM fd 9, vCPU i on 10+2i, its stats fd on 11+2i. */
static void qemu(struct bench *b, int pid, const char *cmdline, int vcpus, bool stats)
{
    char text[64], id[64];

    tree_process(&b->tree, pid, "qemu-system-x86", cmdline, 4000);
    tree_fd(&b->tree, pid, 0, "/dev/null");
    tree_fd(&b->tree, pid, 8, "/dev/kvm");
    tree_fd(&b->tree, pid, 9, "anon_inode:kvm-vm");
    for (int i = 0; i < vcpus; i++) {
        snprintf(text, sizeof(text), "anon_inode:kvm-vcpu:%d", i);
        tree_fd(&b->tree, pid, 10 + 2 * i, text);
        snprintf(text, sizeof(text), "anon_inode:kvm-vcpu-stats:%d", i);
        snprintf(id, sizeof(id), "kvm-%d/vcpu-%d", pid + 1 + i, i);
        if (stats)
            stats_file(b, pid, 11 + 2 * i, text, id, vcpu_items, 4);
    }
}

static void debugfs_vm(struct bench *b, int tid, int fd, int vcpus)
{
    char path[128];
    static const struct {
        const char *file, *text;
    } files[] = {{"exits", "1000\n"},       {"pages_4k", "42\n"},
                 {"halt_wait_hist", "1\n"}, {"new_counter", "5\n"},
                 {"remote_tlb_flush", ""},  {"mmu_rmaps_stat", "never read"}};

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        snprintf(path, sizeof(path), KVM "%d-%d/%s", tid, fd, files[i].file);
        tree_text(&b->tree, path, files[i].text);
    }
    for (int i = 0; i < vcpus; i++) {
        snprintf(path, sizeof(path), KVM "%d-%d/vcpu%d/tsc-offset", tid, fd, i);
        tree_text(&b->tree, path, "-9553258952\n");
        snprintf(path, sizeof(path), KVM "%d-%d/vcpu%d/guest_mode", tid, fd, i);
        tree_text(&b->tree, path, "0\n");
        snprintf(path, sizeof(path), KVM "%d-%d/vcpu%d/tsc-scaling-ratio", tid, fd, i);
        tree_text(&b->tree, path, "6442450944\n");
        snprintf(path, sizeof(path), KVM "%d-%d/vcpu%d/tsc-scaling-ratio-frac-bits", tid, fd, i);
        tree_text(&b->tree, path, "32\n");
    }
}

static void a_host_without_vms_has_none(void **state)
{
    const struct snapshot *s = tick(*state);
    assert_int_equal(s->vm_count, 0);
    assert_string_equal(s->host.name, "testhost");
    assert_string_equal(s->host.kernel, "6.1.0");
    assert_false(s->host.debugfs_mounted);
}

static void stats_fds_give_vcpus_sums_and_histograms(void **state)
{
    struct bench *b = *state;
    qemu(b, 500, "qemu-system-x86_64|-name|guest=web", 2, true);
    const struct snapshot *s = tick(b);

    assert_int_equal(s->vm_count, 1);
    const struct snapshot_vm *vm = &s->vms[0];
    assert_string_equal(vm->name, "web");
    assert_string_equal(vm->vmm, "qemu");
    assert_int_equal(vm->id.pid, 500);
    assert_int_equal(vm->id.fd, 9);
    assert_true(vm->id.start_ticks == 4000);
    assert_int_equal(vm->vcpu_count, 2);
    assert_int_equal(snapshot_vcpu_value(s, &vm->vcpus[1], "exits").reading.raw, 25);
    assert_int_equal(snapshot_vm_value(s, vm, "exits").reading.raw, 50);
    assert_int_equal(snapshot_vm_value(s, vm, "exits").reading.source, SOURCE_STATSFD);
    int f = field_table_find(s->fields, "halt_wait_hist");
    size_t at = s->fields->fields[f].bucket_index;
    assert_int_equal(vm->vcpus[0].buckets[at + 31], 531);
    assert_int_equal(vm->buckets[at], 1000);
    assert_int_equal(vm->vcpu_source, SOURCE_STATSFD);
    assert_int_equal(vm->gauges[VM_RSS_BYTES].raw, 2000 * 1024);
    assert_int_equal(vm->gauges[VM_PAGETABLE_BYTES].raw, 100 * 1024);
    /* No debugfs: the vCPU's gauges say so. */
    assert_int_equal(vm->vcpus[0].gauges[VCPU_TSC_OFFSET].state, READING_ABSENT);
    assert_int_equal(vm->vcpus[0].gauges[VCPU_TSC_OFFSET].cause, CAUSE_DEBUGFS_UNMOUNTED);
}

static void debugfs_fills_in_what_stats_fds_leave_open(void **state)
{
    struct bench *b = *state;
    qemu(b, 500, "qemu-system-x86_64|-name|guest=web", 2, true);
    debugfs_vm(b, 500, 9, 2);
    const struct snapshot *s = tick(b);
    const struct snapshot_vm *vm = &s->vms[0];

    assert_int_equal(s->vm_count, 1);
    assert_int_equal(snapshot_vm_value(s, vm, "exits").reading.source, SOURCE_STATSFD);
    assert_int_equal(snapshot_vm_value(s, vm, "exits").reading.raw, 50);
    assert_int_equal(snapshot_vm_value(s, vm, "pages_4k").reading.raw, 42);
    assert_int_equal(snapshot_vm_value(s, vm, "pages_4k").reading.source, SOURCE_DEBUGFS);
    assert_int_equal(snapshot_vm_value(s, vm, "new_counter").reading.raw, 5);
    /* An empty file of a saved tree stands for a refusal. */
    assert_int_equal(snapshot_vm_value(s, vm, "remote_tlb_flush").reading.state, READING_DENIED);
    assert_int_equal(field_table_find(s->fields, "mmu_rmaps_stat"), -2);
    assert_true((int64_t)vm->vcpus[1].gauges[VCPU_TSC_OFFSET].raw == -9553258952LL);
    assert_true(vm->vcpus[1].gauges[VCPU_TSC_SCALING_RATIO].raw == 6442450944ULL);
    assert_int_equal(vm->vcpus[1].gauges[VCPU_TSC_SCALING_FRAC_BITS].raw, 32);
    assert_int_equal(vm->vcpus[1].gauges[VCPU_GUEST_MODE].source, SOURCE_STATSFD);
    assert_int_equal(vm->vcpus[1].gauges[VCPU_LAPIC_TIMER_ADVANCE_NS].cause, CAUSE_NOT_IN_KERNEL);
}

static void a_vmm_without_stats_fds_says_so_per_counter(void **state)
{
    struct bench *b = *state;
    qemu(b, 500, "qemu-system-x86_64|-name|guest=old", 1, false);
    debugfs_vm(b, 500, 9, 1);
    const struct snapshot *s = tick(b);
    const struct snapshot_vm *vm = &s->vms[0];

    assert_int_equal(snapshot_vm_value(s, vm, "exits").reading.raw, 1000);
    assert_int_equal(snapshot_vm_value(s, vm, "exits").reading.source, SOURCE_DEBUGFS);
    struct reading r = snapshot_vcpu_value(s, &vm->vcpus[0], "exits").reading;
    assert_int_equal(r.state, READING_ABSENT);
    assert_int_equal(r.cause, CAUSE_NO_STATS_FD);
    /* One bucket is no histogram. */
    r = snapshot_vm_value(s, vm, "halt_wait_hist").reading;
    assert_int_equal(r.state, READING_ABSENT);
    assert_int_equal(r.cause, CAUSE_HIST_ONLY_STATSFD);
}

static void the_directory_may_bear_the_number_of_a_thread(void **state)
{
    struct bench *b = *state;
    qemu(b, 500, "qemu-system-x86_64", 1, false);
    tree_text(&b->tree, "proc/777/status", "Name:\tq\nTgid:\t500\nPid:\t777\n");
    debugfs_vm(b, 777, 9, 1);
    const struct snapshot *s = tick(b);

    assert_int_equal(s->vm_count, 1);
    assert_int_equal(s->vms[0].creator_tid, 777);
    assert_int_equal(snapshot_vm_value(s, &s->vms[0], "exits").reading.raw, 1000);
}

static void a_pid_that_ends_like_another_is_not_that_other(void **state)
{
    struct bench *b = *state;
    qemu(b, 12, "qemu-system-x86_64|-name|short", 1, false);
    qemu(b, 512, "qemu-system-x86_64|-name|long", 1, false);
    debugfs_vm(b, 512, 9, 1);
    const struct snapshot *s = tick(b);

    assert_int_equal(s->vm_count, 2);
    assert_string_equal(s->vms[0].name, "short");
    assert_int_equal(snapshot_vm_value(s, &s->vms[0], "exits").reading.state, READING_ABSENT);
    assert_int_equal(snapshot_vm_value(s, &s->vms[0], "exits").reading.cause, CAUSE_NO_VM_DIR);
    assert_int_equal(snapshot_vm_value(s, &s->vms[1], "exits").reading.raw, 1000);
}

static void vms_come_and_go_within_a_tick(void **state)
{
    struct bench *b = *state;
    assert_int_equal(tick(b)->vm_count, 0);
    qemu(b, 500, "qemu-system-x86_64|-name|a", 1, true);
    assert_int_equal(tick(b)->vm_count, 1);
    qemu(b, 400, "qemu-system-x86_64|-name|b", 1, true);
    assert_int_equal(tick(b)->vm_count, 2);
    assert_string_equal(b->now->vms[0].name, "b");
    tree_remove(&b->tree, "proc/500");
    assert_int_equal(tick(b)->vm_count, 1);
    tree_remove(&b->tree, "proc/400/fd/9");
    assert_int_equal(tick(b)->vm_count, 0);
}

static void vcpus_can_be_plugged_in(void **state)
{
    struct bench *b = *state;
    qemu(b, 500, "qemu-system-x86_64", 1, true);
    assert_int_equal(tick(b)->vms[0].vcpu_count, 1);
    qemu(b, 500, "qemu-system-x86_64", 3, true);
    const struct snapshot *s = tick(b);
    assert_int_equal(s->vms[0].vcpu_count, 3);
    assert_int_equal(snapshot_vm_value(s, &s->vms[0], "exits").reading.raw, 75);
}

static void a_reused_pid_is_a_new_vm(void **state)
{
    struct bench *b = *state;
    qemu(b, 500, "qemu-system-x86_64|-name|first", 1, true);
    tick(b);
    tree_remove(&b->tree, "proc/500");
    qemu(b, 500, "qemu-system-x86_64|-name|second", 1, true);
    tree_process(&b->tree, 500, "qemu-system-x86", "qemu-system-x86_64|-name|second", 9999);
    const struct snapshot *s = tick(b);
    assert_int_equal(s->vm_count, 1);
    assert_string_equal(s->vms[0].name, "second");
    assert_int_equal(snapshot_vm_value(s, &s->vms[0], "exits").rate.state, READING_WARMUP);
}

static void a_vm_made_anew_under_the_same_fd_number_has_no_rate_from_the_old_one(void **state)
{
    struct bench *b = *state;
    char from[128], to[128];

    tree_text(&b->tree, "proc/self/mountinfo",
              "22 27 0:7 / /sys/kernel/debug rw - debugfs none rw\n");
    qemu(b, 500, "qemu-system-x86_64|-name|again", 1, true);
    debugfs_vm(b, 500, 9, 1);
    tick(b);
    const struct snapshot *s = tick(b);
    assert_int_equal(snapshot_vm_value(s, &s->vms[0], "exits").rate.state, READING_OK);
    const struct vm_id old = s->vms[0].id;
    /* Kept elsewhere, so that its inode number is not used again. */
    snprintf(from, sizeof(from), "%s/" KVM "500-9", b->tree.path);
    snprintf(to, sizeof(to), "%s/ended", b->tree.path);
    assert_int_equal(rename(from, to), 0);
    debugfs_vm(b, 500, 9, 1);
    s = tick(b);
    assert_int_equal(s->vm_count, 1);
    assert_int_equal(snapshot_vm_value(s, &s->vms[0], "exits").rate.state, READING_WARMUP);
    assert_null(snapshot_find(s, &old));
}

static void a_process_that_renames_itself_renames_its_vm(void **state)
{
    struct bench *b = *state;
    qemu(b, 500, "my-vmm", 1, true);
    tree_process(&b->tree, 500, "before", "my-vmm", 4000);
    assert_string_equal(tick(b)->vms[0].name, "before");
    tree_process(&b->tree, 500, "after\x1b[2J", "my-vmm", 4000);
    const struct snapshot *s = tick(b);
    assert_string_equal(s->vms[0].name_raw, "after\x1b[2J");
    assert_null(strchr(s->vms[0].name, '\x1b'));
    assert_int_equal(snapshot_vm_value(s, &s->vms[0], "exits").rate.state, READING_OK);
}

/* Two VMs in one process: 5 with vCPUs 6, 7 and 8 with vCPU 9; stats fds behind each vCPU. */
static void two_vms_of_one_process_are_kept_apart(void **state)
{
    struct bench *b = *state;
    tree_process(&b->tree, 600, "myvmm", "/opt/myvmm", 4000);
    tree_fd(&b->tree, 600, 5, "anon_inode:kvm-vm");
    tree_fd(&b->tree, 600, 6, "anon_inode:kvm-vcpu:0");
    stats_file(b, 600, 7, "anon_inode:kvm-vcpu-stats:0", "kvm-600/vcpu-0", vcpu_items, 4);
    tree_fd(&b->tree, 600, 8, "anon_inode:kvm-vm");
    tree_fd(&b->tree, 600, 9, "anon_inode:kvm-vcpu:0");
    stats_file(b, 600, 10, "anon_inode:kvm-vcpu-stats:0", "kvm-600/vcpu-0", vcpu_items, 4);
    const struct snapshot *s = tick(b);

    assert_int_equal(s->vm_count, 2);
    for (int i = 0; i < 2; i++) {
        assert_string_equal(s->vms[i].name, "myvmm");
        assert_string_equal(s->vms[i].vmm, "other");
        assert_int_equal(s->vms[i].vcpu_count, 1);
        assert_int_equal(snapshot_vm_value(s, &s->vms[i], "exits").reading.raw, 25);
        assert_true(s->vms[i].vcpus_by_fd_order);
    }
}

static void vcpus_that_cannot_be_told_apart_are_not_guessed(void **state)
{
    struct bench *b = *state;
    tree_process(&b->tree, 600, "myvmm", "/opt/myvmm", 4000);
    tree_fd(&b->tree, 600, 5, "anon_inode:kvm-vm");
    tree_fd(&b->tree, 600, 6, "anon_inode:kvm-vm");
    tree_fd(&b->tree, 600, 7, "anon_inode:kvm-vcpu:0");
    tree_fd(&b->tree, 600, 8, "anon_inode:kvm-vcpu:0");
    stats_file(b, 600, 9, "anon_inode:kvm-vcpu-stats:0", "kvm-600/vcpu-0", vcpu_items, 4);
    stats_file(b, 600, 10, "anon_inode:kvm-vcpu-stats:0", "kvm-600/vcpu-0", vcpu_items, 4);
    /* With debugfs at least the vCPUs are known, and the VM's sums. */
    debugfs_vm(b, 600, 5, 1);
    const struct snapshot *s = tick(b);

    assert_int_equal(s->vm_count, 2);
    assert_int_equal(s->vms[0].vcpu_count, 1);
    assert_int_equal(snapshot_vm_value(s, &s->vms[0], "exits").reading.source, SOURCE_DEBUGFS);
    assert_int_equal(snapshot_vcpu_value(s, &s->vms[0].vcpus[0], "exits").reading.cause,
                     CAUSE_AMBIGUOUS);
    assert_int_equal(s->vms[1].vcpu_count, 0);
    assert_int_equal(snapshot_vm_value(s, &s->vms[1], "exits").reading.state, READING_ABSENT);
}

static void vm_level_stats_fds_are_read_where_a_vmm_keeps_them(void **state)
{
    struct bench *b = *state;
    qemu(b, 500, "qemu-system-x86_64", 1, true);
    stats_file(b, 500, 30, "anon_inode:kvm-vm-stats", "kvm-500", vm_items, 2);
    const struct snapshot *s = tick(b);
    assert_int_equal(snapshot_vm_value(s, &s->vms[0], "remote_tlb_flush").reading.raw, 3);
    assert_int_equal(s->vms[0].vm_source, SOURCE_STATSFD);
}

static void a_stats_fd_that_is_another_file_gives_no_number(void **state)
{
    struct bench *b = *state;
    static const char *const contents[] = {
        "", "short", "these are not binary statistics at all, but long enough"};
    for (size_t i = 0; i < 3; i++) {
        qemu(b, 500, "qemu-system-x86_64", 1, true);
        tree_text(&b->tree, "proc/500/fd-data/11", contents[i]);
        const struct snapshot *s = tick(b);
        assert_int_equal(s->vm_count, 1);
        assert_int_equal(snapshot_vm_value(s, &s->vms[0], "exits").reading.state, READING_ABSENT);
        teardown(state);
        setup(state);
    }
}

static void a_stats_fd_cut_in_its_data_gives_no_number(void **state)
{
    struct bench *b = *state;
    static char blob[STATS_BLOB_MAX];
    qemu(b, 500, "qemu-system-x86_64", 1, true);
    qemu(b, 501, "qemu-system-x86_64", 1, true);
    size_t size = stats_blob_make("kvm-501/vcpu-0", vcpu_items, 4, blob);
    tree_write(&b->tree, "proc/500/fd-data/11", blob, size - 8);
    const struct snapshot *s = tick(b);
    assert_int_equal(snapshot_vm_value(s, &s->vms[0], "exits").reading.state, READING_ABSENT);
    assert_int_equal(snapshot_vcpu_value(s, &s->vms[0].vcpus[0], "exits").reading.cause,
                     CAUSE_BAD_STATS);
    assert_int_equal(snapshot_vm_value(s, &s->vms[1], "exits").reading.raw, 25);
}

static void a_stats_fd_that_changes_its_shape_is_learnt_anew(void **state)
{
    struct bench *b = *state;
    qemu(b, 500, "qemu-system-x86_64", 1, true);
    const struct snapshot *s = tick(b);
    assert_int_equal(snapshot_vm_value(s, &s->vms[0], "exits").reading.raw, 25);
    stats_file(b, 500, 11, "anon_inode:kvm-vcpu-stats:0", "kvm-501/vcpu-0", vcpu_items, 2);
    s = tick(b);
    assert_int_equal(snapshot_vm_value(s, &s->vms[0], "exits").reading.state, READING_ABSENT);
    s = tick(b);
    assert_int_equal(snapshot_vm_value(s, &s->vms[0], "exits").reading.raw, 25);
}

static void hostile_names_are_cleaned_but_kept_for_machines(void **state)
{
    struct bench *b = *state;
    qemu(b, 500, "qemu-system-x86_64|-name|guest=evil\033[2J\xff,,x", 1, false);
    const struct snapshot *s = tick(b);
    assert_string_equal(s->vms[0].name, "evil?[2J?,x");
    assert_string_equal(s->vms[0].name_raw, "evil\033[2J\xff,x");
}

static void an_excluded_source_is_named_as_the_cause(void **state)
{
    struct bench *b = *state;
    qemu(b, 500, "qemu-system-x86_64", 1, true);
    debugfs_vm(b, 500, 9, 1);
    const struct snapshot *s = tick_with(b, SOURCE_BIT(SOURCE_STATSFD));
    assert_int_equal(s->vms[0].vcpus[0].gauges[VCPU_TSC_OFFSET].cause, CAUSE_SOURCE_OFF);
    assert_int_equal(s->vms[0].gauges[VM_RSS_BYTES].cause, CAUSE_SOURCE_OFF);
    assert_int_equal(snapshot_vm_value(s, &s->vms[0], "exits").reading.raw, 25);
}

static void debugfs_alone_serves_as_well(void **state)
{
    struct bench *b = *state;
    qemu(b, 500, "qemu-system-x86_64", 1, true);
    debugfs_vm(b, 500, 9, 1);
    const struct snapshot *s = tick_with(b, SOURCE_BIT(SOURCE_DEBUGFS));
    assert_int_equal(snapshot_vm_value(s, &s->vms[0], "exits").reading.raw, 1000);
    assert_int_equal(snapshot_vm_value(s, &s->vms[0], "exits").reading.source, SOURCE_DEBUGFS);
}

static void damaged_proc_files_hide_a_vm_but_end_nothing(void **state)
{
    struct bench *b = *state;
    static const char *const stats[] = {"",       "garbage",   "500 (",
                                        "500 (q", "500 (q) S", "500 ) ( S 1 2"};
    qemu(b, 501, "qemu-system-x86_64|-name|whole", 1, true);
    for (size_t i = 0; i < sizeof(stats) / sizeof(stats[0]); i++) {
        qemu(b, 500, "qemu-system-x86_64", 1, true);
        tree_text(&b->tree, "proc/500/stat", stats[i]);
        const struct snapshot *s = tick(b);
        assert_int_equal(s->vm_count, 1);
        assert_string_equal(s->vms[0].name, "whole");
    }
}

static void a_damaged_number_in_debugfs_is_missing_not_zero(void **state)
{
    struct bench *b = *state;
    qemu(b, 500, "qemu-system-x86_64", 1, false);
    debugfs_vm(b, 500, 9, 1);
    tree_text(&b->tree, KVM "500-9/exits", "12x\n");
    tree_text(&b->tree, KVM "500-9/vcpu0/tsc-offset", "99999999999999999999\n");
    const struct snapshot *s = tick(b);
    assert_int_equal(snapshot_vm_value(s, &s->vms[0], "exits").reading.cause, CAUSE_READ_ERROR);
    assert_int_equal(s->vms[0].vcpus[0].gauges[VCPU_TSC_OFFSET].state, READING_ABSENT);
}

/* Each look at the clock is a millisecond after the one before; the first sample's second one, when
 * its VMs have been found, is 43 s after. */
static uint64_t slow_start(void)
{
    static unsigned looks;

    looks++;
    return (looks > 1 ? 43000000000u : 0) + looks * 1000000u;
}

static void the_interval_of_a_late_sample_is_that_of_its_reads(void **state)
{
    struct bench *b = *state;
    struct error err = {0};
    struct sampler_config config = {
        .root = &b->tree.root, .sources = SOURCES_ALL, .now_ns = slow_start};

    qemu(b, 300, "qemu-system-x86_64 -name guest=late", 2, true);
    assert_int_equal(sampler_open(&config, &b->sampler, &err), 0);
    tick(b);
    assert_true(b->now->sample_ns > 43000000000u);
    assert_int_equal(b->now->vm_count, 1);
    assert_true(b->now->vms[0].interval_s == 0);
    const struct snapshot *s = tick(b);
    /* Some looks at the clock per sample, nothing of the 43 s. */
    assert_true(s->interval_s > 0 && s->interval_s < 0.1);
    assert_true(s->vms[0].interval_s > 0 && s->vms[0].interval_s < 0.1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
        return 1;
    const struct CMUnitTest tests[] = {
        TEST(a_host_without_vms_has_none),
        TEST(the_interval_of_a_late_sample_is_that_of_its_reads),
        TEST(stats_fds_give_vcpus_sums_and_histograms),
        TEST(debugfs_fills_in_what_stats_fds_leave_open),
        TEST(a_vmm_without_stats_fds_says_so_per_counter),
        TEST(the_directory_may_bear_the_number_of_a_thread),
        TEST(a_pid_that_ends_like_another_is_not_that_other),
        TEST(vms_come_and_go_within_a_tick),
        TEST(vcpus_can_be_plugged_in),
        TEST(a_reused_pid_is_a_new_vm),
        TEST(a_process_that_renames_itself_renames_its_vm),
        TEST(a_vm_made_anew_under_the_same_fd_number_has_no_rate_from_the_old_one),
        TEST(two_vms_of_one_process_are_kept_apart),
        TEST(vcpus_that_cannot_be_told_apart_are_not_guessed),
        TEST(vm_level_stats_fds_are_read_where_a_vmm_keeps_them),
        TEST(a_stats_fd_that_is_another_file_gives_no_number),
        TEST(a_stats_fd_cut_in_its_data_gives_no_number),
        TEST(a_stats_fd_that_changes_its_shape_is_learnt_anew),
        TEST(hostile_names_are_cleaned_but_kept_for_machines),
        TEST(an_excluded_source_is_named_as_the_cause),
        TEST(debugfs_alone_serves_as_well),
        TEST(damaged_proc_files_hide_a_vm_but_end_nothing),
        TEST(a_damaged_number_in_debugfs_is_missing_not_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
