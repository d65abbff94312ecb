// SPDX-License-Identifier: MIT
#include "core/find/host_check_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/base/parse_number.h"
#include "core/base/text.h"
#include "core/find/host_fix.h"
#include "core/find/kvm_dirs.h"

#define FDS_COMFORTABLE 1024
#define STATUS_MAX (1 << 20) /* a process may be in 65536 groups */
#define INITIAL_PID_NAMESPACE "pid:[4026531836]" /* include/linux/proc_ns.h PROC_PID_INIT_INO */

static void say(char out[200], const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void say(char out[200], const char *fmt, ...)
{
    char buf[200];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(buf, sizeof(buf), fmt, ap);
    va_end(ap);
    text_clean(buf, strlen(buf), out, 200);
}

static const char *why(ssize_t code)
{
    return strerror((int)-code);
}

/* The value behind "KEY:" in proc/self/status; 0 and the value in base @base, or a negative errno.
 */
static int self_status(const struct rootfs *root, const char *key, int base, uint64_t *ret)
{
    char *text;
    size_t len;
    int n = rootfs_read_all(root, "proc/self/status", STATUS_MAX, &text, &len);

    if (n < 0)
        return n;
    bool found = parse_proc_status(text, key, base, ret);
    free(text);
    return found ? 0 : -EBADMSG;
}

static bool exists(const struct rootfs *root, const char *path)
{
    struct stat st;

    return rootfs_stat(root, path, &st) == 0;
}

/*
 * The module alone runs no VM: without VT-x or AMD-V the kernel offers no device, and a container
 * may have no node of it. A saved tree that has neither directory tells nothing.
 */
static void check_kvm_device(const struct rootfs *root, struct check_result *r)
{
    size_t len = strlen(r->finding);

    if (exists(root, "dev/kvm") || !(exists(root, "dev/null") || exists(root, "sys/class/misc")))
        return;
    if (!exists(root, "sys/class/misc/kvm")) {
        r->level = CHECK_PROBLEM;
        snprintf(r->finding + len, sizeof(r->finding) - len, ", but the kernel offers no /dev/kvm");
        say(r->effect, "this host can run no KVM VM");
        say(r->fix, "modprobe kvm_intel (or kvm_amd); if that fails, enable VT-x or AMD-V in the "
                    "firmware, or nested virtualisation where this host is a guest");
    } else if (exists(root, "dev/null")) {
        r->level = CHECK_NOTE;
        snprintf(r->finding + len, sizeof(r->finding) - len, ", but /dev/kvm is missing here");
        say(r->effect,
            "VMs of others are seen, but none can be started from here, not even --demo");
        say(r->fix, "let the container have the device (docker: --device=/dev/kvm); on a host, "
                    "udevadm trigger /sys/class/misc/kvm");
    }
}

static void check_kvm(const struct rootfs *root, const struct host *host, struct check_result *r)
{
    static const char *const vendors[] = {"kvm_intel", "kvm_amd", "kvm_hv", "kvm_pr"};

    if (!host->kvm_module) {
        r->level = CHECK_PROBLEM;
        say(r->finding, "the kvm module is not loaded");
        say(r->effect, "this host cannot run VMs with KVM");
        say(r->fix, "modprobe kvm_intel (or kvm_amd); if that fails, enable VT-x or AMD-V in the "
                    "firmware");
        return;
    }
    say(r->finding, "kvm is loaded");
    for (size_t i = 0; i < sizeof(vendors) / sizeof(vendors[0]); i++) {
        char path[64];
        snprintf(path, sizeof(path), "sys/module/%s", vendors[i]);
        if (exists(root, path)) {
            say(r->finding, "kvm and %s are loaded", vendors[i]);
            break;
        }
    }
    check_kvm_device(root, r);
}

bool host_check_is_in_namespace(const struct rootfs *root)
{
    char link[64];

    return rootfs_readlink(root, "proc/self/ns/pid", link, sizeof(link)) >= 0 &&
           strcmp(link, INITIAL_PID_NAMESPACE) != 0;
}

static void check_pid_namespace(const struct rootfs *root, const struct host *host,
                                struct check_result *r)
{
    char link[64];
    ssize_t n = rootfs_readlink(root, "proc/self/ns/pid", link, sizeof(link));

    (void)host;
    if (n < 0) {
        r->level = CHECK_UNKNOWN;
        say(r->finding, "the PID namespace cannot be read: %s", why(n));
    } else if (strcmp(link, INITIAL_PID_NAMESPACE) == 0) {
        say(r->finding, "this is the PID namespace of the host");
    } else {
        r->level = CHECK_PROBLEM;
        say(r->finding, "this is a PID namespace of its own, as in a container");
        say(r->effect, "kvmlens does not see VMs outside, and debugfs names them by numbers that "
                       "are unknown here");
        say(r->fix, "run in the namespace of the host (docker: --pid=host; kubernetes: "
                    "hostPID: true)");
    }
}

static void check_capabilities(const struct rootfs *root, const struct host *host,
                               struct check_result *r)
{
    static const struct {
        int bit;
        const char *gives;
    } wanted[] = {
        {CAP_SYS_PTRACE, "descriptors, stats and memory of VMs of other users"},
        {CAP_DAC_READ_SEARCH, "debugfs"},
        {HOST_CAP_CHECKPOINT_RESTORE, "shared guest memory"},
    };
    uint64_t effective, uid, missing = 0;
    char lost[160] = "", names[HOST_FIX_NAMES_MAX];
    int n = self_status(root, "CapEff", 16, &effective);

    (void)host;
    if (n < 0) {
        r->level = CHECK_UNKNOWN;
        say(r->finding, "own capabilities cannot be read: %s", why(n));
        return;
    }
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        size_t len = strlen(lost);
        if (effective >> wanted[i].bit & 1)
            continue;
        missing |= HOST_CAP(wanted[i].bit);
        snprintf(lost + len, sizeof(lost) - len, "%s%s", len > 0 ? ", " : "", wanted[i].gives);
    }
    if (missing == 0) {
        say(r->finding, "all capabilities that kvmlens uses are held");
        return;
    }
    bool is_root = self_status(root, "Uid", 10, &uid) == 0 && uid == 0;
    r->level = CHECK_PROBLEM;
    say(r->finding, "%s: %s", is_root ? "this root lacks capabilities" : "capabilities are missing",
        host_fix_cap_names(missing, names));
    say(r->effect, "out of reach: %s", lost);
    say(r->fix, "%s", is_root ? "let the container, unit or wrapper that took them keep them"
                              : "run as root, or give these capabilities (the systemd unit in "
                                "contrib does)");
}

static void check_yama(const struct rootfs *root, const struct host *host, struct check_result *r)
{
    char buf[32];
    ssize_t n = rootfs_read(root, "proc/sys/kernel/yama/ptrace_scope", buf, sizeof(buf));
    int64_t scope = 0;

    (void)host;
    if (n > 0)
        parse_i64(buf, &scope); /* what is no number forbids nothing */
    if (n == -ENOENT) {
        say(r->finding, "Yama is not active");
    } else if (n <= 0) {
        r->level = CHECK_UNKNOWN;
        say(r->finding, "kernel.yama.ptrace_scope cannot be read: %s", n < 0 ? why(n) : "empty");
    } else if (scope >= 3) {
        r->level = CHECK_PROBLEM;
        say(r->finding, "kernel.yama.ptrace_scope=%lld forbids attaching, even to root",
            (long long)scope);
        say(r->effect, "no binary stats (pidfd_getfd) and no memory scan");
        say(r->fix, "boot with a lower kernel.yama.ptrace_scope: 3 cannot be lowered at run time");
    } else if (scope > 0) {
        r->level = CHECK_NOTE;
        say(r->finding, "kernel.yama.ptrace_scope=%lld", (long long)scope);
        say(r->effect, "binary stats and memory scan need CAP_SYS_PTRACE");
    } else {
        say(r->finding, "kernel.yama.ptrace_scope=0");
    }
}

static void check_lockdown(const struct rootfs *root, const struct host *host,
                           struct check_result *r)
{
    if (host->lockdown == LOCKDOWN_NONE) {
        say(r->finding, "the kernel is not locked down");
    } else if (host->lockdown == LOCKDOWN_UNKNOWN) {
        r->level = CHECK_UNKNOWN;
        say(r->finding, "/sys/kernel/security/lockdown cannot be read");
        say(r->effect, "if the kernel is locked down, the cause cannot be named");
        say(r->fix, "mount -t securityfs none /sys/kernel/security");
    } else {
        r->level = CHECK_PROBLEM;
        say(r->finding, "lockdown=%s: debugfs gives gauges only, no counters",
            host_lockdown_name(host->lockdown));
        say(r->effect, "VM-level counters are missing; vCPU counters need binary stats");
        say(r->fix,
            "%suse QEMU 8.1 or later, whose stats fds stay readable, or boot without lockdown",
            host_check_bpf_obstacle(root, host) == BPF_POSSIBLE
                ? "let BPF read them (--bpf, A in the monitor), or "
                : "");
    }
}

static void check_debugfs(const struct rootfs *root, const struct host *host,
                          struct check_result *r)
{
    int error = 0;
    struct kvm_dirs dirs = {0};
    char fix[HOST_FIX_MAX];

    if (!host->debugfs_mounted) {
        r->level = CHECK_PROBLEM;
        say(r->finding, "debugfs is not mounted");
        say(r->effect, "no VM-level counters and no tsc-offset");
        say(r->fix, "mount -t debugfs none /sys/kernel/debug");
        return;
    }
    DIR *dir = rootfs_opendir(root, host->debugfs, &error);
    if (dir != NULL) {
        closedir(dir);
        say(r->finding, "/%s can be read", host->debugfs);
        if (host_kernel_may_lack_vm_dirs(host) &&
            kvm_dirs_read(root, host->debugfs, NULL, NULL, &dirs) == 0 && dirs.count == 0) {
            r->level = CHECK_PROBLEM;
            say(r->finding, "/%s has no directory of a VM, as is usual before Linux 4.7: here %s",
                host->debugfs, host->kernel);
            say(r->effect, "counters are totals of all VMs together; no tsc-offset");
            say(r->fix, "boot Linux 4.7 or later; if no VM runs, look again when one does: some "
                        "distributors' older kernels have them");
        }
        kvm_dirs_done(&dirs);
        return;
    }
    r->level = CHECK_PROBLEM;
    say(r->finding, "/%s cannot be read: %s", host->debugfs, why(error));
    say(r->effect, "no VM-level counters and no tsc-offset");
    if (error == -ENOENT)
        say(r->fix, "%s", host->kvm_module ? "the kernel may run with debugfs=off or no-mount"
                                           : "load the kvm module");
    else
        say(r->fix, "%s", host_fix_caps(host, HOST_CAP(CAP_DAC_READ_SEARCH), fix));
}

static void check_hidepid(const struct rootfs *root, const struct host *host,
                          struct check_result *r)
{
    char *mounts = NULL, hide[32] = "";
    size_t len;
    struct proc_mount mount;
    int n = rootfs_read_all(root, "proc/self/mountinfo", 4 << 20, &mounts, &len);

    (void)host;
    if (n < 0) {
        r->level = CHECK_UNKNOWN;
        say(r->finding, "the mounts cannot be read: %s", why(n));
        return;
    }
    /* Of several mounted over each other the last one shows. */
    for (const char *at = mounts; parse_proc_mount(&at, &mount);)
        if (strcmp(mount.type, "proc") == 0 && strcmp(mount.point, "/proc") == 0 &&
            !parse_proc_mount_option(&mount, "hidepid", hide, sizeof(hide)))
            hide[0] = '\0';
    free(mounts);
    if (hide[0] == '\0' || strcmp(hide, "0") == 0 || strcmp(hide, "off") == 0) {
        say(r->finding, "/proc shows all processes");
        return;
    }
    r->level = CHECK_NOTE;
    say(r->finding, "/proc is mounted with hidepid=%s", hide);
    say(r->effect, "only root and CAP_SYS_PTRACE see VMs of other users");
}

static void check_fd_limit(const struct rootfs *root, const struct host *host,
                           struct check_result *r)
{
    char buf[4096];
    uint64_t soft;
    ssize_t n = rootfs_read(root, "proc/self/limits", buf, sizeof(buf));

    (void)host;
    if (n <= 0 || !parse_proc_limit(buf, "Max open files", &soft)) {
        r->level = CHECK_UNKNOWN;
        say(r->finding, "the limit of open files cannot be read");
    } else if (soft < FDS_COMFORTABLE) {
        r->level = CHECK_NOTE;
        say(r->finding, "at most %llu files may be open", (unsigned long long)soft);
        say(r->effect, "with many VMs some may not be readable");
        say(r->fix, "ulimit -n %d", FDS_COMFORTABLE);
    } else if (soft != UINT64_MAX) {
        say(r->finding, "%llu files may be open", (unsigned long long)soft);
    } else {
        say(r->finding, "any number of files may be open");
    }
}

/*
 * PAGEMAP_SCAN came with Linux 6.7. An empty request is refused with EINVAL; before, pagemap had no
 * ioctl at all and says ENOTTY. Neither scans anything.
 */
static void check_pagemap_scan(const struct rootfs *root, const struct host *host,
                               struct check_result *r)
{
    unsigned long long request[12] = {0};
    int fd = rootfs_openat(root, "proc/self/pagemap", 0);

    if (!root->live || fd < 0) {
        r->level = CHECK_UNKNOWN;
        say(r->finding, "whether kernel %s has PAGEMAP_SCAN cannot be tried here", host->kernel);
    } else if (ioctl(fd, _IOC(_IOC_READ | _IOC_WRITE, 'f', 16, sizeof(request)), request) < 0 &&
               errno == ENOTTY) {
        r->level = CHECK_NOTE;
        say(r->finding, "kernel %s has no PAGEMAP_SCAN (Linux 6.7)", host->kernel);
        say(r->effect, "memory scans read /proc/PID/pagemap instead, which is slower");
    } else {
        say(r->finding, "kernel %s has PAGEMAP_SCAN", host->kernel);
    }
    if (fd >= 0)
        close(fd);
}

const struct host_check host_checks[] = {
    {"kvm", check_kvm},
    {"pid-namespace", check_pid_namespace},
    {"capabilities", check_capabilities},
    {"yama", check_yama},
    {"hidepid", check_hidepid},
    {"debugfs", check_debugfs},
    {"lockdown", check_lockdown},
    {"open-files", check_fd_limit},
    {"pagemap-scan", check_pagemap_scan},
    {"bpf", host_check_bpf},
    {"exits", host_check_exits},
    {NULL, NULL},
};

void host_check_run(const struct host_check *check, const struct rootfs *root,
                    const struct host *host, struct check_result *ret)
{
    *ret = (struct check_result){.level = CHECK_OK};
    check->run(root, host, ret);
}

const char *host_check_level_name(enum check_level level)
{
    static const char *const names[CHECK_LEVEL_COUNT] = {
        [CHECK_OK] = "ok",
        [CHECK_NOTE] = "note",
        [CHECK_PROBLEM] = "problem",
        [CHECK_UNKNOWN] = "unknown",
    };
    return names[level];
}
