// SPDX-License-Identifier: MIT
/* Processes that make discovery work: very many VMs and descriptors, and places that fail. */
#include "core/source/sampler.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/find/proc_fds.h"
#include "tests/lib/tree.h"

#define KVM "sys/kernel/debug/kvm/"
#define PID 600

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
    tree_process(&b.tree, 1, "init", "/sbin/init", 1);
    tree_text(&b.tree, "proc/sys/kernel/osrelease", "6.1.0\n");
    tree_process(&b.tree, PID, "myvmm", "/opt/myvmm", 4000);
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

static const struct snapshot *tick(struct bench *b)
{
    struct error err = {0};
    struct sampler_config config = {.root = &b->tree.root, .sources = SOURCES_ALL};

    if (b->sampler == NULL)
        assert_int_equal(sampler_open(&config, &b->sampler, &err), 0);
    snapshot_free(b->now);
    b->now = NULL;
    assert_int_equal(sampler_tick(b->sampler, &b->now, &err), 0);
    return b->now;
}

static void kvm_fd(struct bench *b, int fd, const char *kind, int vcpu)
{
    char link[64];

    snprintf(link, sizeof(link), vcpu < 0 ? "anon_inode:kvm-%s" : "anon_inode:kvm-%s:%d", kind,
             vcpu);
    tree_fd(&b->tree, PID, fd, link);
}

/* A VM on @fd with one vCPU that has a stats fd. */
static void vm_with_vcpu(struct bench *b, int fd)
{
    kvm_fd(b, fd, "vm", -1);
    kvm_fd(b, fd + 1, "vcpu", 0);
    kvm_fd(b, fd + 2, "vcpu-stats", 0);
}

/* Each look used to go through all descriptors once per VM and VM: hours for so many. */
static void four_thousand_vms_of_one_process_are_told_apart(void **state)
{
    struct bench *b = *state;

    for (int i = 0; i < PROC_FDS_VMS_MAX; i++)
        vm_with_vcpu(b, 10 + 3 * i);
    const struct snapshot *s = tick(b);
    assert_int_equal(s->vm_count, PROC_FDS_VMS_MAX);
    for (size_t i = 0; i < s->vm_count; i++) {
        assert_int_equal(s->vms[i].id.fd, 10 + 3 * (int)i);
        assert_int_equal(s->vms[i].vcpu_count, 1);
        assert_true(s->vms[i].vcpus_by_fd_order);
        assert_false(s->vms[i].process_is_cut);
    }
    assert_int_equal(s->cut_processes, 0);
    /* One more is left out, and that is said. */
    vm_with_vcpu(b, 10 + 3 * PROC_FDS_VMS_MAX);
    s = tick(b);
    assert_int_equal(s->vm_count, PROC_FDS_VMS_MAX);
    assert_int_equal(s->cut_processes, 1);
    assert_true(snapshot_may_lack_vms(s));
    assert_true(s->vms[0].process_is_cut);
}

static void a_vm_behind_more_descriptors_than_are_looked_at_is_said_to_be_missing(void **state)
{
    struct bench *b = *state;

    for (int i = 0; i < PROC_FDS_MAX - 1; i++)
        kvm_fd(b, 10 + i, "vcpu", 0);
    kvm_fd(b, 20000, "vm", -1);
    const struct snapshot *s = tick(b);
    assert_int_equal(s->vm_count, 1);
    assert_int_equal(s->vms[0].vcpu_count, 1);
    assert_int_equal(s->cut_processes, 0);
    kvm_fd(b, 30000, "vm", -1);
    assert_int_equal(tick(b)->cut_processes, 1);
    /* No more of them: all is well again. */
    tree_remove(&b->tree, "proc/600/fd/10");
    s = tick(b);
    assert_int_equal(s->vm_count, 2);
    assert_int_equal(s->cut_processes, 0);
}

static void debugfs_vm(struct bench *b, int fd, const char *exits)
{
    char path[128];

    snprintf(path, sizeof(path), KVM "%d-%d/exits", PID, fd);
    tree_text(&b->tree, path, exits);
    snprintf(path, sizeof(path), KVM "%d-%d/vcpu0/guest_mode", PID, fd);
    tree_text(&b->tree, path, "0\n");
}

static void move(struct bench *b, const char *from, const char *to)
{
    char old[200], new[200];

    snprintf(old, sizeof(old), "%s/%s", b->tree.path, from);
    snprintf(new, sizeof(new), "%s/%s", b->tree.path, to);
    assert_int_equal(rename(old, new), 0);
}

static struct reading exits_of(const struct snapshot *s, size_t vm)
{
    return snapshot_vm_value(s, &s->vms[vm], "exits").reading;
}

static void a_vm_is_the_same_while_debugfs_cannot_be_read(void **state)
{
    struct bench *b = *state;

    kvm_fd(b, 10, "vm", -1);
    kvm_fd(b, 11, "vcpu", 0);
    kvm_fd(b, 20, "vm", -1);
    kvm_fd(b, 21, "vcpu", 0);
    debugfs_vm(b, 10, "1000\n");
    debugfs_vm(b, 20, "2000\n");
    const struct snapshot *s = tick(b);
    assert_int_equal(s->vm_count, 2);
    assert_int_equal(exits_of(s, 1).raw, 2000);
    const struct vm_id first = s->vms[0].id, second = s->vms[1].id;

    /* The directory of KVM, then all of debugfs. */
    static const char *const places[] = {"sys/kernel/debug/kvm", "sys/kernel/debug"};
    static const enum reading_cause causes[] = {CAUSE_NOT_IN_KERNEL, CAUSE_DEBUGFS_UNMOUNTED};
    for (int i = 0; i < 2; i++) {
        move(b, places[i], "elsewhere");
        s = tick(b);
        assert_int_equal(s->vm_count, 2);
        assert_true(vm_id_equal(&s->vms[0].id, &first));
        assert_true(vm_id_equal(&s->vms[1].id, &second));
        assert_int_equal(exits_of(s, 0).state, READING_ABSENT);
        assert_int_equal(exits_of(s, 0).cause, causes[i]);
        assert_int_equal(s->vms[1].vcpu_count, 1);
        move(b, "elsewhere", places[i]);
        s = tick(b);
        assert_int_equal(s->vm_count, 2);
        assert_true(vm_id_equal(&s->vms[0].id, &first));
        assert_true(vm_id_equal(&s->vms[1].id, &second));
        assert_int_equal(exits_of(s, 1).raw, 2000);
    }
}

static void facts_of_the_host_are_followed(void **state)
{
    struct bench *b = *state;

    kvm_fd(b, 10, "vm", -1);
    const struct snapshot *s = tick(b);
    assert_false(s->host.kvm_module);
    assert_false(s->host.debugfs_mounted);
    assert_int_equal(s->host.lockdown, LOCKDOWN_UNKNOWN);
    const struct vm_id id = s->vms[0].id;

    tree_text(&b->tree, "sys/module/kvm/refcnt", "0\n");
    tree_text(&b->tree, "sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
    debugfs_vm(b, 10, "1000\n");
    s = tick(b);
    assert_true(s->host.kvm_module);
    assert_true(s->host.debugfs_mounted);
    assert_int_equal(s->host.lockdown, LOCKDOWN_INTEGRITY);
    assert_true(vm_id_equal(&s->vms[0].id, &id));
    assert_int_equal(exits_of(s, 0).raw, 1000);

    /* Mounted at an unusual place: mountinfo is long, and read now and then only. */
    move(b, "sys/kernel/debug", "dbg");
    assert_false(tick(b)->host.debugfs_mounted);
    tree_text(&b->tree, "proc/self/mountinfo", "22 27 0:7 / /dbg rw - debugfs none rw\n");
    int ticks = 0;
    while (!tick(b)->host.debugfs_mounted && ticks < 100)
        ticks++;
    assert_in_range(ticks, 0, 8);
    assert_int_equal(exits_of(b->now, 0).raw, 1000);
    assert_true(vm_id_equal(&b->now->vms[0].id, &id));
}

/* The kernel writes a maps of 65,000 lines in 85 ms, and ten processes may have that many. */
static void very_long_lists_of_mappings_are_read_one_per_tick(void **state)
{
    enum { LINES = 65000, VMS = 4 };
    static char maps[LINES * 80];
    struct bench *b = *state;
    size_t len = 0;
    char path[64];

    /* One large mapping, and very many that are no RAM beside it. */
    for (size_t i = 0; i < LINES; i++)
        len += (size_t)sprintf(maps + len, "%012zx-%012zx rw-p 00000000 00:00 0              \n",
                               (i + 1) << 31, ((i + 1) << 31) + (i == 0 ? 1u << 30 : 4096u));
    const size_t line = strcspn(maps, "\n") + 1;
    for (int i = 0; i < VMS; i++) {
        tree_process(&b->tree, 700 + i, "myvmm", "/opt/myvmm", 4000);
        tree_fd(&b->tree, 700 + i, 10, "anon_inode:kvm-vm");
        snprintf(path, sizeof(path), "proc/%d/maps", 700 + i);
        tree_write(&b->tree, path, maps, i == 0 ? line : len);
    }
    for (int known = 2; known <= VMS; known++) {
        const struct snapshot *s = tick(b);
        assert_int_equal(s->vm_count, VMS);
        for (int i = 0; i < VMS; i++)
            assert_int_equal(s->vms[i].ram_bytes.state == READING_OK, i < known);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(four_thousand_vms_of_one_process_are_told_apart),
        TEST(a_vm_behind_more_descriptors_than_are_looked_at_is_said_to_be_missing),
        TEST(a_vm_is_the_same_while_debugfs_cannot_be_read),
        TEST(facts_of_the_host_are_followed),
        TEST(very_long_lists_of_mappings_are_read_one_per_tick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
