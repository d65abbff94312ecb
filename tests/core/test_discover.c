// SPDX-License-Identifier: MIT
/* Processes that make discovery work: very many VMs and descriptors, and places that fail. */
#include "core/source/sampler.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/find/proc_fds.h"
#include "tests/lib/tree.h"

#define KVM "sys/kernel/debug/kvm/"
#define PID 600

/* One call of readdir for a directory whose path ends so fails, the one after @skip entries. */
static struct {
    const char *dir;
    int skip, code;
} broken;

struct dirent *__real_readdir(DIR *dir);
struct dirent *__wrap_readdir(DIR *dir);

struct dirent *__wrap_readdir(DIR *dir)
{
    char link[64], path[256];
    ssize_t n = 0;

    if (broken.dir != NULL) {
        snprintf(link, sizeof(link), "/proc/self/fd/%d", dirfd(dir));
        n = readlink(link, path, sizeof(path));
    }
    size_t len = broken.dir != NULL ? strlen(broken.dir) : 0;
    if (len == 0 || n < (ssize_t)len || memcmp(path + n - len, broken.dir, len) != 0 ||
        broken.skip-- > 0)
        return __real_readdir(dir);
    broken.dir = NULL;
    errno = broken.code;
    return NULL;
}

struct bench {
    struct tree tree;
    struct sampler *sampler;
    struct snapshot *now;
};

static int setup(void **state)
{
    static struct bench b;
    memset(&b, 0, sizeof(b));
    memset(&broken, 0, sizeof(broken));
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

/* Nothing takes long by it: what is found shall not depend on how slow this machine is. */
static uint64_t patient_clock(void)
{
    static uint64_t now = 1000000000;

    return now += 10;
}

static const struct snapshot *tick(struct bench *b)
{
    struct error err = {0};
    struct sampler_config config = {
        .root = &b->tree.root, .sources = SOURCES_ALL, .now_ns = patient_clock};

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
    kvm_fd(b, 20000 + PROC_FDS_MAX, "vm", -1);
    const struct snapshot *s = tick(b);
    assert_int_equal(s->vm_count, 1);
    assert_int_equal(s->vms[0].vcpu_count, 1);
    assert_int_equal(s->cut_processes, 0);
    kvm_fd(b, 30000 + PROC_FDS_MAX, "vm", -1);
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

static void vm_with_debugfs(struct bench *b)
{
    kvm_fd(b, 10, "vm", -1);
    kvm_fd(b, 11, "vcpu", 0);
    debugfs_vm(b, 10, "1000\n");
}

/* The same VM as before, all of it, and nothing is said to be missing. */
static void assert_stays(const struct snapshot *s, const struct vm_id *id)
{
    assert_int_equal(s->vm_count, 1);
    assert_true(vm_id_equal(&s->vms[0].id, id));
    assert_string_equal(s->vms[0].name, "myvmm");
    assert_int_equal(s->vms[0].vcpu_count, 1);
    assert_int_equal(s->vms[0].creator_tid, PID);
    assert_int_equal(s->hidden_processes, 0);
}

/* What cannot be read of a process: a file in its place, and why that cannot be read. */
static const struct {
    const char *path, *text;
} odd[] = {
    {"proc/600/fd", "no directory"}, /* ENOTDIR */
    {"proc/600/fd/9", "no link"},    /* EINVAL */
    {"proc/600/stat", "600 (myv"},   /* cut */
};
#define ODD (sizeof(odd) / sizeof(odd[0]))

static void hide(struct bench *b, size_t i)
{
    char path[300];

    snprintf(path, sizeof(path), "%s/%s", b->tree.path, odd[i].path);
    if (access(path, F_OK) == 0)
        move(b, odd[i].path, "elsewhere");
    tree_text(&b->tree, odd[i].path, odd[i].text);
}

static void bring_back(struct bench *b, size_t i)
{
    char path[300];

    tree_remove(&b->tree, odd[i].path);
    snprintf(path, sizeof(path), "%s/elsewhere", b->tree.path);
    if (access(path, F_OK) == 0)
        move(b, "elsewhere", odd[i].path);
}

static void process_that_cannot_be_looked_into_keeps_its_vm(void **state)
{
    struct bench *b = *state;

    vm_with_debugfs(b);
    const struct vm_id id = tick(b)->vms[0].id;
    for (size_t i = 0; i < ODD; i++) {
        hide(b, i);
        assert_stays(tick(b), &id);
        assert_stays(tick(b), &id);
        bring_back(b, i);
        assert_stays(tick(b), &id);
    }
    broken.dir = "/proc/600/fd";
    broken.code = EIO;
    assert_stays(tick(b), &id);
    assert_null(broken.dir);
    assert_stays(tick(b), &id);
    /* But one that is gone is gone. */
    broken.dir = "/proc/600/fd";
    broken.code = ENOENT;
    assert_int_equal(tick(b)->vm_count, 0);
}

static void vm_that_was_never_seen_for_an_error_is_said_to_be_missing(void **state)
{
    struct bench *b = *state;

    for (size_t i = 0; i < 2 * ODD; i++) {
        sampler_close(b->sampler);
        b->sampler = NULL;
        if (i == ODD)
            vm_with_debugfs(b);
        else if (i == 0)
            kvm_fd(b, 10, "vm", -1);
        hide(b, i % ODD);
        const struct snapshot *s = tick(b);
        assert_int_equal(s->vm_count, 0);
        assert_int_equal(s->hidden_processes, 1);
        assert_int_equal(s->hidden_pid, PID);
        assert_int_equal(s->hidden_cause, CAUSE_READ_ERROR);
        assert_true(snapshot_may_lack_vms(s));
        bring_back(b, i % ODD);
        s = tick(b);
        assert_int_equal(s->vm_count, 1);
        assert_int_equal(s->hidden_processes, 0);
    }
}

/* debugfs says that it has no VM, so that nothing can be missing. */
static void process_without_a_vm_may_be_unreadable(void **state)
{
    struct bench *b = *state;

    vm_with_debugfs(b);
    tree_process(&b->tree, 800, "other", "/bin/other", 4000);
    tree_remove(&b->tree, "proc/800/fd");
    tree_text(&b->tree, "proc/800/fd", "no directory");
    const struct snapshot *s = tick(b);
    assert_int_equal(s->vm_count, 1);
    assert_int_equal(s->hidden_processes, 0);
}

static void name_stays_while_the_arguments_cannot_be_read(void **state)
{
    struct bench *b = *state;

    tree_remove(&b->tree, "proc/600/cmdline");
    tree_write(&b->tree, "proc/600/cmdline", "qemu-system-x86_64\0-name\0first", 31);
    vm_with_debugfs(b);
    assert_string_equal(tick(b)->vms[0].name, "first");
    move(b, "proc/600/cmdline", "elsewhere");
    assert_string_equal(tick(b)->vms[0].name, "first");
    move(b, "elsewhere", "proc/600/cmdline");
    assert_string_equal(tick(b)->vms[0].name, "first");
}

static void list_of_processes_that_breaks_off_is_no_list(void **state)
{
    struct bench *b = *state;
    struct error err = {0};
    struct snapshot *s = NULL;

    vm_with_debugfs(b);
    const struct vm_id id = tick(b)->vms[0].id;
    broken.dir = "/proc";
    broken.code = ENOMEM;
    assert_int_equal(sampler_tick(b->sampler, &s, &err), -ENOMEM);
    assert_non_null(strstr(err.msg, "cannot list processes in /proc"));
    assert_stays(tick(b), &id);
}

static void vm_stays_when_the_list_of_debugfs_breaks_off(void **state)
{
    static const int codes[] = {EIO, ENOMEM, EACCES};
    static const enum reading_cause causes[] = {CAUSE_READ_ERROR, CAUSE_READ_ERROR,
                                                CAUSE_DEBUGFS_DENIED};
    struct bench *b = *state;

    vm_with_debugfs(b);
    const struct vm_id id = tick(b)->vms[0].id;
    for (int i = 0; i < 3; i++) {
        broken.dir = "/debug/kvm";
        broken.code = codes[i];
        const struct snapshot *s = tick(b);
        assert_stays(s, &id);
        assert_int_equal(exits_of(s, 0).cause, causes[i]);
        assert_int_equal(exits_of(tick(b), 0).raw, 1000);
    }
    /* Nor are vCPUs lost, for which there are descriptors. */
    broken.dir = "/debug/kvm/600-10";
    broken.code = EIO;
    tree_link(&b->tree, "proc/600/fd/30", "anon_inode:kvm-vm-stats"); /* so that it is looked at */
    broken.skip = 0;
    assert_stays(tick(b), &id);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(four_thousand_vms_of_one_process_are_told_apart),
        TEST(a_vm_behind_more_descriptors_than_are_looked_at_is_said_to_be_missing),
        TEST(a_vm_is_the_same_while_debugfs_cannot_be_read),
        TEST(facts_of_the_host_are_followed),
        TEST(process_that_cannot_be_looked_into_keeps_its_vm),
        TEST(vm_that_was_never_seen_for_an_error_is_said_to_be_missing),
        TEST(process_without_a_vm_may_be_unreadable),
        TEST(name_stays_while_the_arguments_cannot_be_read),
        TEST(list_of_processes_that_breaks_off_is_no_list),
        TEST(vm_stays_when_the_list_of_debugfs_breaks_off),
        TEST(very_long_lists_of_mappings_are_read_one_per_tick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
