// SPDX-License-Identifier: MIT
#include "core/base/host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/parse_number.h"
#include "core/base/parse_proc.h"
#include "core/base/text.h"

#define MOUNT_POINT_MAX 200
#define STATUS_MAX (1 << 20) /* a process may be in 65536 groups */
#define DEBUGFS_MAGIC_NUMBER 0x64626720L /* linux/magic.h */

static const char *const lockdown_names[] = {
    [LOCKDOWN_UNKNOWN] = "unknown",
    [LOCKDOWN_NONE] = "none",
    [LOCKDOWN_INTEGRITY] = "integrity",
    [LOCKDOWN_CONFIDENTIALITY] = "confidentiality",
};

const char *host_lockdown_name(enum host_lockdown lockdown)
{
    return lockdown_names[lockdown];
}

bool host_kernel_is_before(const struct host *host, unsigned major, unsigned minor)
{
    uint64_t first, second;
    const char *at = parse_digits(host->kernel, NULL, 10, &first);

    if (at == NULL || *at != '.' || parse_digits(at + 1, NULL, 10, &second) == NULL)
        return false;
    return first != major ? first < major : second < minor;
}

bool host_kernel_may_lack_vm_dirs(const struct host *host)
{
    return host_kernel_is_before(host, 4, 7);
}

static void read_word(const struct rootfs *root, const char *path, char *out, size_t size)
{
    char buf[256];
    ssize_t n = rootfs_read(root, path, buf, sizeof(buf));

    out[0] = '\0';
    if (n > 0)
        text_clean(buf, strcspn(buf, "\n"), out, size);
}

/* "none [integrity] confidentiality": the active mode stands in brackets. */
static enum host_lockdown read_lockdown(const struct rootfs *root)
{
    char buf[128], active[40];

    if (rootfs_read(root, "sys/kernel/security/lockdown", buf, sizeof(buf)) <= 0)
        return LOCKDOWN_UNKNOWN;
    for (int i = LOCKDOWN_NONE; i <= LOCKDOWN_CONFIDENTIALITY; i++) {
        snprintf(active, sizeof(active), "[%s]", lockdown_names[i]);
        if (strstr(buf, active) != NULL)
            return (enum host_lockdown)i;
    }
    return LOCKDOWN_UNKNOWN;
}

/* "0-3,8,10-11" -> 7 */
static int count_cpus(const char *list)
{
    int count = 0;
    uint64_t first, last;

    for (const char *end; (end = parse_digits(list, NULL, 10, &first)) != NULL;) {
        last = first;
        if (*end == '-')
            end = parse_digits(end + 1, NULL, 10, &last);
        if (end == NULL || last < first || last > 1 << 20)
            return 0;
        count += (int)(last - first) + 1;
        list = *end == ',' ? end + 1 : end;
    }
    return count;
}

static void set_debugfs(struct host *host, const char *point)
{
    host->debugfs_mounted = true;
    snprintf(host->debugfs, sizeof(host->debugfs), "%.*s/kvm", MOUNT_POINT_MAX, point);
}

/*
 * Where debugfs is: by the type field of mountinfo, since the first field of a mount line is free
 * text that an unprivileged FUSE mount can set, and confirmed with statfs.
 */
static void search_mounts(const struct rootfs *root, struct host *host)
{
    char *mounts = NULL;
    size_t len;
    struct proc_mount mount;

    if (rootfs_read_all(root, "proc/self/mountinfo", 4 << 20, &mounts, &len) < 0)
        return;
    for (const char *at = mounts; !host->debugfs_mounted && parse_proc_mount(&at, &mount);) {
        const char *point = mount.point + 1;
        if (strcmp(mount.type, "debugfs") == 0 && strlen(point) < MOUNT_POINT_MAX &&
            rootfs_is_fstype(root, point, DEBUGFS_MAGIC_NUMBER) > 0)
            set_debugfs(host, point);
    }
    free(mounts);
}

/* /proc/self of another mount namespace or a saved tree without mountinfo: this place counts. */
static void try_usual_place(const struct rootfs *root, struct host *host)
{
    static const char usual[] = "sys/kernel/debug";
    struct stat st;

    if (rootfs_is_fstype(root, usual, DEBUGFS_MAGIC_NUMBER) > 0 &&
        (root->live || rootfs_stat(root, "sys/kernel/debug/kvm", &st) == 0))
        set_debugfs(host, usual);
}

/* Only an answer tells that it is no longer there; that our table of files is full does not. */
static void forget_unmounted(const struct rootfs *root, struct host *host)
{
    char point[sizeof(host->debugfs)];

    memcpy(point, host->debugfs, sizeof(point));
    char *slash = strrchr(point, '/');
    if (slash == NULL)
        return;
    *slash = '\0';
    int is = rootfs_is_fstype(root, point, DEBUGFS_MAGIC_NUMBER);
    if (is != 0 && is != -ENOENT && is != -ENOTDIR)
        return;
    host->debugfs_mounted = false;
    host->debugfs[0] = '\0';
}

void host_refresh(const struct rootfs *root, bool thorough, struct host *host)
{
    struct stat st;

    host->lockdown = read_lockdown(root);
    host->kvm_module = rootfs_stat(root, "sys/module/kvm", &st) == 0;
    forget_unmounted(root, host);
    if (!host->debugfs_mounted && thorough)
        search_mounts(root, host);
    if (!host->debugfs_mounted)
        try_usual_place(root, host);
}

/* What this process may do, or in a saved tree the one that saved it. */
static void read_caps(const struct rootfs *root, struct host *ret)
{
    char *text;
    size_t len;
    uint64_t uid;

    if (rootfs_read_all(root, "proc/self/status", STATUS_MAX, &text, &len) < 0)
        return;
    ret->caps_known = parse_proc_status(text, "CapEff", 16, &ret->caps);
    ret->is_root = parse_proc_status(text, "Uid", 10, &uid) && uid == 0;
    free(text);
}

void host_read(const struct rootfs *root, struct host *ret)
{
    char buf[4096];
    struct stat st;

    memset(ret, 0, sizeof(*ret));
    read_word(root, "proc/sys/kernel/hostname", ret->name, sizeof(ret->name));
    read_word(root, "proc/sys/kernel/osrelease", ret->kernel, sizeof(ret->kernel));
    if (rootfs_read(root, "sys/devices/system/cpu/online", buf, sizeof(buf)) > 0)
        ret->cpus = count_cpus(buf);
    if (rootfs_read(root, "proc/meminfo", buf, sizeof(buf)) > 0)
        parse_proc_status_bytes(buf, "MemTotal", &ret->mem_bytes);
    read_caps(root, ret);
    ret->btf = rootfs_stat(root, "sys/kernel/btf/vmlinux", &st) == 0;
    host_refresh(root, true, ret);
}
