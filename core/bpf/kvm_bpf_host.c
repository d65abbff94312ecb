// SPDX-License-Identifier: MIT
#include "core/bpf/kvm_bpf_host.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/whole_write.h"

#define VMLINUX        "sys/kernel/btf/vmlinux"
#define CAP_PERFMON_38 38 /* linux/capability.h has both since 5.8 */
#define CAP_BPF_39     39

int kvm_bpf_check_host(const struct rootfs *root, const struct host *host, bool needs_btf,
                       struct error *err)
{
    const uint64_t needed = HOST_CAP(CAP_BPF_39) | HOST_CAP(CAP_PERFMON_38);

    if (!root->live)
        return error_set(err, -ENOTSUP, "a saved tree has no kernel that could run BPF programs");
    if (host->lockdown == LOCKDOWN_CONFIDENTIALITY)
        return error_set(err, -EPERM,
                         "lockdown=confidentiality lets no BPF program read the kernel; only "
                         "booting without it ends that");
    if (host->caps_known && (host->caps & HOST_CAP(CAP_SYS_ADMIN)) == 0 &&
        (host->caps & needed) != needed)
        return error_set(err, -EPERM, "%s missing: %s",
                         (host->caps & needed) == 0            ? "CAP_BPF and CAP_PERFMON are"
                         : (host->caps & HOST_CAP(CAP_BPF_39)) ? "CAP_PERFMON is"
                                                               : "CAP_BPF is",
                         host->is_root ? "the container or unit of this root has to keep both"
                                       : "run as root, or with CAP_BPF and CAP_PERFMON");
    struct stat st;
    if (needs_btf && rootfs_stat(root, VMLINUX, &st) < 0)
        return error_set(err, -ENODATA,
                         "this kernel has no BTF (/" VMLINUX "): it was built without "
                         "CONFIG_DEBUG_INFO_BTF");
    return 0;
}

/* Name of a new file of ours that has @log in it; "" where none could be made. */
static void save_log(const char *log, char *ret, size_t size)
{
    const char *dir = getenv("TMPDIR");

    if (dir == NULL || dir[0] != '/' || strlen(dir) > 150)
        dir = "/tmp";
    snprintf(ret, size, "%s/kvmlens-bpf.XXXXXX", dir);
    int fd = mkstemp(ret);
    if (fd < 0 || whole_write(fd, log, strlen(log)) < 0)
        ret[0] = '\0';
    if (fd >= 0)
        close(fd);
}

/* Distributors port BPF back, so the release is a reason only when something did not work. */
static int explain_age(const struct host *host, struct error *err)
{
    return error_set(err, -ENOSYS, "Linux %s is too old for it: 6.1 or later is needed",
                     host->kernel);
}

int kvm_bpf_explain_load(int result, const char *log, const struct host *host, struct error *err)
{
    char path[200] = "";

    if (host_kernel_is_before(host, 6, 1))
        return explain_age(host, err);
    if (log[0] != '\0')
        save_log(log, path, sizeof(path));
    if (path[0] != '\0')
        return error_set(err, result,
                         "the kernel refuses the BPF programs (%s); what its verifier "
                         "says is in %s",
                         strerror(-result), path);
    /* Who reads VMs may write nowhere: that is given up before BPF is looked at. */
    if (log[0] != '\0')
        return error_set(err, result,
                         "the kernel refuses the BPF programs (%s); kvmlens --doctor --bpf puts "
                         "what its verifier says into a file",
                         strerror(-result));
    if (result == -ENOSYS)
        return error_set(err, result, "this kernel has no BPF");
    if (result == -EPERM)
        return error_set(err, result, "the kernel lets no BPF program be loaded here");
    if (result == -ESRCH)
        return error_set(err, result, "this kernel has no BPF iterators over open files");
    return error_set(err, result, "the BPF programs cannot be loaded: %s", strerror(-result));
}
