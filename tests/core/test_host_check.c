// SPDX-License-Identifier: MIT
#include "core/find/host_check_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/bpf/kvm_bpf.h"

static const struct host healthy = {
    .name = "web-07", .kernel = "6.18.44", .lockdown = LOCKDOWN_NONE, .cpus = 2, .kvm_module = true,
    .debugfs_mounted = true, .debugfs = "sys/kernel/debug/kvm",
};

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path);
}

static int make_tree(void **state)
{
    char *dir = strdup("/tmp/kvmlens-check-XXXXXX");

    if (dir == NULL || mkdtemp(dir) == NULL)
        return -1;
    *state = dir;
    return 0;
}

static int drop_tree(void **state)
{
    int r = nftw(*state, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(*state);
    return r;
}

/* Makes @path below @dir with all directories on the way; a text that begins with "->" makes a
 * link. */
static void put(const char *dir, const char *path, const char *text)
{
    char full[400];

    snprintf(full, sizeof(full), "%s/%s", dir, path);
    for (char *p = full + strlen(dir) + 1; (p = strchr(p, '/')) != NULL; p++) {
        *p = '\0';
        assert_true(mkdir(full, 0700) == 0 || errno == EEXIST);
        *p = '/';
    }
    if (strncmp(text, "->", 2) == 0) {
        assert_int_equal(symlink(text + 2, full), 0);
        return;
    }
    FILE *f = fopen(full, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void expect(const char *dir, const struct host *host, const char *name,
                   enum check_level level, const char *says)
{
    struct rootfs root;
    struct check_result r;
    const struct host_check *check = host_checks;

    assert_int_equal(rootfs_open(dir, &root, NULL), 0);
    while (check->name != NULL && strcmp(check->name, name) != 0)
        check++;
    assert_non_null(check->name);
    host_check_run(check, &root, host, &r);
    rootfs_close(&root);
    if (r.level != level || strstr(r.finding, says) == NULL)
        fail_msg("%s: %s '%s', expected %s '%s'", name, host_check_level_name(r.level), r.finding,
                 host_check_level_name(level), says);
    if (level == CHECK_PROBLEM)
        assert_true(r.effect[0] != '\0' && r.fix[0] != '\0');
}

static void an_empty_tree_gives_unknowns_and_no_crash(void **state)
{
    struct host nothing = {0};

    expect(*state, &nothing, "kvm", CHECK_PROBLEM, "not loaded");
    expect(*state, &nothing, "pid-namespace", CHECK_UNKNOWN, "No such file");
    expect(*state, &nothing, "capabilities", CHECK_UNKNOWN, "No such file");
    expect(*state, &nothing, "yama", CHECK_OK, "not active");
    expect(*state, &nothing, "hidepid", CHECK_UNKNOWN, "No such file");
    expect(*state, &nothing, "debugfs", CHECK_PROBLEM, "not mounted");
    expect(*state, &nothing, "lockdown", CHECK_UNKNOWN, "cannot be read");
    expect(*state, &nothing, "open-files", CHECK_UNKNOWN, "cannot be read");
    expect(*state, &nothing, "pagemap-scan", CHECK_UNKNOWN, "cannot be tried");
}

static void a_healthy_host_is_ok(void **state)
{
    put(*state, "sys/module/kvm_intel/x", "");
    put(*state, "sys/kernel/debug/kvm/x", "");
    put(*state, "proc/self/ns/pid", "->pid:[4026531836]");
    put(*state, "proc/self/status", "Name:\tx\nCapEff:\t000001ffffffffff\n");
    put(*state, "proc/sys/kernel/yama/ptrace_scope", "0\n");
    put(*state, "proc/self/mountinfo", "22 27 0:21 / /proc rw,relatime - proc proc rw\n");
    put(*state, "proc/self/limits",
        "Limit Soft Hard Units\nMax open files            20000                20000  files\n");
    expect(*state, &healthy, "kvm", CHECK_OK, "kvm_intel");
    expect(*state, &healthy, "pid-namespace", CHECK_OK, "of the host");
    expect(*state, &healthy, "capabilities", CHECK_OK, "are held");
    expect(*state, &healthy, "yama", CHECK_OK, "=0");
    expect(*state, &healthy, "hidepid", CHECK_OK, "all processes");
    expect(*state, &healthy, "debugfs", CHECK_OK, "can be read");
    expect(*state, &healthy, "lockdown", CHECK_OK, "not locked down");
    expect(*state, &healthy, "open-files", CHECK_OK, "20000");
}

/* It said that all is well where no VM can run. */
static void a_module_without_its_device_is_told(void **state)
{
    /* A saved tree that has no devices at all tells nothing about this one. */
    put(*state, "sys/module/kvm_amd/x", "");
    expect(*state, &healthy, "kvm", CHECK_OK, "kvm and kvm_amd are loaded");
    put(*state, "sys/class/misc/fuse/x", "");
    expect(*state, &healthy, "kvm", CHECK_PROBLEM, "loaded, but the kernel offers no /dev/kvm");
    put(*state, "sys/class/misc/kvm/x", "");
    expect(*state, &healthy, "kvm", CHECK_OK, "kvm and kvm_amd are loaded");
    put(*state, "dev/null", "");
    expect(*state, &healthy, "kvm", CHECK_NOTE, "loaded, but /dev/kvm is missing here");
    put(*state, "dev/kvm", "");
    expect(*state, &healthy, "kvm", CHECK_OK, "kvm and kvm_amd are loaded");
}

static void each_obstacle_is_named_with_its_fix(void **state)
{
    struct host locked = healthy, no_kvm = healthy;

    locked.lockdown = LOCKDOWN_INTEGRITY;
    no_kvm.kvm_module = false;
    put(*state, "proc/self/ns/pid", "->pid:[4026532999]");
    put(*state, "proc/self/status", "CapEff:\t0000000000080000\n");
    put(*state, "proc/sys/kernel/yama/ptrace_scope", "3\n");
    put(*state, "proc/self/mountinfo",
        "22 27 0:21 / /proc rw,relatime - proc proc rw,hidepid=invisible\n");
    put(*state, "proc/self/limits", "Max open files            64                64  files\n");
    expect(*state, &no_kvm, "kvm", CHECK_PROBLEM, "not loaded");
    expect(*state, &healthy, "pid-namespace", CHECK_PROBLEM, "container");
    expect(*state, &healthy, "capabilities", CHECK_PROBLEM,
           "missing: CAP_DAC_READ_SEARCH and CAP_CHECKPOINT_RESTORE");
    put(*state, "proc/self/status", "Uid:\t0\t0\t0\t0\nCapEff:\t0000000000080000\n");
    expect(*state, &healthy, "capabilities", CHECK_PROBLEM, "this root lacks capabilities");
    expect(*state, &healthy, "yama", CHECK_PROBLEM, "ptrace_scope=3");
    expect(*state, &healthy, "hidepid", CHECK_NOTE, "hidepid=invisible");
    expect(*state, &healthy, "debugfs", CHECK_PROBLEM, "No such file");
    expect(*state, &locked, "lockdown", CHECK_PROBLEM, "lockdown=integrity");
    expect(*state, &healthy, "open-files", CHECK_NOTE, "64");
}

/* Whichever it is: what stands in the way, what it costs and what helps. */
static void each_obstacle_to_bpf_is_named_with_its_fix(void **state)
{
    const struct host root = {.caps_known = true, .is_root = true, .caps = BPF_CAPS >> 1};
    struct check_result r = {.level = CHECK_OK};

    (void)state;
    host_check_bpf_found(&healthy, BPF_POSSIBLE, &r);
    assert_int_equal(r.level, CHECK_OK);
    assert_non_null(strstr(r.finding, "A in the monitor"));
    assert_string_equal(r.fix, "");
    for (int i = BPF_POSSIBLE + 1; i < BPF_OBSTACLE_COUNT; i++) {
        r = (struct check_result){.level = CHECK_OK};
        host_check_bpf_found(&healthy, (enum bpf_obstacle)i, &r);
        assert_int_equal(r.level, i == BPF_SAVED_TREE ? CHECK_UNKNOWN : CHECK_NOTE);
        assert_non_null(strstr(r.finding, bpf_obstacle_text((enum bpf_obstacle)i)));
        assert_int_equal(r.effect[0] != '\0', i != BPF_SAVED_TREE);
        assert_int_equal(r.fix[0] != '\0', i != BPF_SAVED_TREE);
    }
    host_check_bpf_found(&root, BPF_NO_CAPS, &r);
    assert_string_equal(r.fix, "This root lacks CAP_BPF: let its container or unit keep it.");
}

/* As on a live host, though it is a tree. */
static void expect_exits(const char *dir, const struct host *host, enum check_level level,
                         const char *says, const char *fix)
{
    struct rootfs root;
    struct check_result r = {.level = CHECK_OK};

    assert_int_equal(rootfs_open(dir, &root, NULL), 0);
    root.live = true;
    host_check_exits(&root, host, &r);
    root.live = false;
    rootfs_close(&root);
    if (r.level != level || strstr(r.finding, says) == NULL || strstr(r.fix, fix) == NULL)
        fail_msg("%s '%s' '%s', expected %s '%s' '%s'", host_check_level_name(r.level), r.finding,
                 r.fix, host_check_level_name(level), says, fix);
    assert_int_equal(r.effect[0] != '\0', level == CHECK_NOTE);
    assert_int_equal(r.fix[0] != '\0', level == CHECK_NOTE);
}

static void each_obstacle_to_exits_is_named_with_its_fix(void **state)
{
    struct host able = healthy, held = healthy;

    if (!kvm_bpf_is_built()) {
        print_message("skipped: built without BPF, which is the first obstacle\n");
        skip();
    }
    expect(*state, &healthy, "exits", CHECK_UNKNOWN, "a saved tree");
    able.btf = false; /* it is not needed */
    able.caps_known = true;
    able.caps = BPF_CAPS | HOST_CAP(CAP_DAC_READ_SEARCH);
    held = able;
    held.lockdown = LOCKDOWN_CONFIDENTIALITY;
    expect_exits(*state, &held, CHECK_NOTE, "lockdown=confidentiality", "lockdown=integrity");
    held = able;
    held.caps = HOST_CAP(HOST_CAP_BPF);
    expect_exits(*state, &held, CHECK_NOTE, "CAP_PERFMON", "or with CAP_PERFMON");
    put(*state, "proc/sys/kernel/perf_event_paranoid", "3\n");
    expect_exits(*state, &able, CHECK_NOTE, "keeps trace events for CAP_SYS_ADMIN",
                 "perf_event_paranoid to 2");
    held = able;
    held.caps |= HOST_CAP(CAP_SYS_ADMIN);
    expect_exits(*state, &held, CHECK_NOTE, "has no tracefs", "CONFIG_TRACING");
    put(*state, "proc/sys/kernel/perf_event_paranoid", "2\n");
    put(*state, "sys/kernel/tracing/README", "");
    expect_exits(*state, &able, CHECK_NOTE, "tracefs is not mounted", "mount -t tracefs none /sys");
    put(*state, "sys/kernel/tracing/events/sched/enable", "0\n");
    expect_exits(*state, &able, CHECK_NOTE, "has no trace events", "CONFIG_TRACING");
    put(*state, "sys/kernel/tracing/events/kvm/enable", "0\n");
    expect_exits(*state, &able, CHECK_NOTE, "has no trace event kvm_exit", "another kernel");
    held = able;
    held.kvm_module = false;
    expect_exits(*state, &held, CHECK_NOTE, "KVM is not loaded", "modprobe");
    put(*state, "proc/self/ns/pid", "->pid:[4026532999]");
    expect_exits(*state, &able, CHECK_NOTE, "PID namespace of its own", "--pid=host");
}

static void exits_that_can_be_counted_are_said_to_be(void **state)
{
    struct host able = healthy;

    if (!kvm_bpf_is_built()) {
        print_message("skipped: built without BPF, which is the first obstacle\n");
        skip();
    }
    able.caps_known = true;
    able.caps = BPF_CAPS;
    put(*state, "proc/self/ns/pid", "->pid:[4026531836]");
    put(*state, "sys/kernel/tracing/events/kvm/kvm_exit/format", "name: kvm_exit\nID: 77\n");
    expect_exits(*state, &able, CHECK_OK, "exits can be counted", "");
}

static void an_old_kernel_without_directories_of_vms_is_named(void **state)
{
    struct host old = healthy;

    strcpy(old.kernel, "4.4.0-210-generic");
    put(*state, "sys/kernel/debug/kvm/exits", "1\n");
    expect(*state, &healthy, "debugfs", CHECK_OK, "can be read");
    expect(*state, &old, "debugfs", CHECK_PROBLEM, "before Linux 4.7: here 4.4.0-210-generic");
    put(*state, "sys/kernel/debug/kvm/500-9/exits", "1\n");
    expect(*state, &old, "debugfs", CHECK_OK, "can be read");
}

static void hostile_files_are_cleaned_and_bounded(void **state)
{
    put(*state, "proc/self/mountinfo",
        "22 27 0:21 / /proc rw - proc proc rw,hidepid=\x1b[31m\n - proc  hidepid= /proc \n");
    put(*state, "proc/self/status", "CapEff:\tzzzz\nCapEff");
    put(*state, "proc/sys/kernel/yama/ptrace_scope", "");
    put(*state, "proc/self/limits", "Max open files            unlimited  unlimited  files\n");
    expect(*state, &healthy, "hidepid", CHECK_OK, "all processes");
    expect(*state, &healthy, "capabilities", CHECK_UNKNOWN, "cannot be read");
    expect(*state, &healthy, "yama", CHECK_UNKNOWN, "empty");
    expect(*state, &healthy, "open-files", CHECK_OK, "any number");
}

static void the_live_host_answers_every_check(void **state)
{
    struct rootfs root;
    struct host host;

    (void)state;
    assert_int_equal(rootfs_open(NULL, &root, NULL), 0);
    host_read(&root, &host);
    for (const struct host_check *check = host_checks; check->name != NULL; check++) {
        struct check_result r;
        host_check_run(check, &root, &host, &r);
        assert_true(r.finding[0] != '\0');
        assert_in_range(r.level, CHECK_OK, CHECK_UNKNOWN);
    }
    rootfs_close(&root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_empty_tree_gives_unknowns_and_no_crash, make_tree,
                                        drop_tree),
        cmocka_unit_test_setup_teardown(a_healthy_host_is_ok, make_tree, drop_tree),
        cmocka_unit_test_setup_teardown(a_module_without_its_device_is_told, make_tree, drop_tree),
        cmocka_unit_test_setup_teardown(each_obstacle_is_named_with_its_fix, make_tree, drop_tree),
        cmocka_unit_test(each_obstacle_to_bpf_is_named_with_its_fix),
        cmocka_unit_test_setup_teardown(each_obstacle_to_exits_is_named_with_its_fix, make_tree,
                                        drop_tree),
        cmocka_unit_test_setup_teardown(exits_that_can_be_counted_are_said_to_be, make_tree,
                                        drop_tree),
        cmocka_unit_test_setup_teardown(an_old_kernel_without_directories_of_vms_is_named,
                                        make_tree, drop_tree),
        cmocka_unit_test_setup_teardown(hostile_files_are_cleaned_and_bounded, make_tree,
                                        drop_tree),
        cmocka_unit_test(the_live_host_answers_every_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
