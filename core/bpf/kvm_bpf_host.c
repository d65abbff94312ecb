// SPDX-License-Identifier: MIT
#include "core/bpf/kvm_bpf_host.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/whole_write.h"
#include "core/model/bpf_status.h"

/* Which of the two is missing, and to whom. */
static int explain_caps(const struct host *host, struct error *err)
{
    const uint64_t have = host->caps & BPF_CAPS;

    return error_set(err, -EPERM, "%s missing: %s",
                     have == 0                       ? "CAP_BPF and CAP_PERFMON are"
                     : have & HOST_CAP(HOST_CAP_BPF) ? "CAP_PERFMON is"
                                                     : "CAP_BPF is",
                     host->is_root ? "the container or unit of this root has to keep both"
                                   : "run as root, or with CAP_BPF and CAP_PERFMON");
}

int kvm_bpf_check_host(const struct rootfs *root, const struct host *host, bool needs_btf,
                       struct error *err)
{
    static const int codes[BPF_OBSTACLE_COUNT] = {
        [BPF_SAVED_TREE] = -ENOTSUP,
        [BPF_NO_BTF] = -ENODATA,
        [BPF_LOCKED_DOWN] = -EPERM,
    };
    const struct bpf_conditions conditions = {
        .built = true,
        .live = root->live,
        .caps_known = host->caps_known,
        .caps = host->caps,
        /* Distributors port BPF back: whether a kernel is too old it says itself. */
        .ignored =
            BPF_OBSTACLE_BIT(BPF_OLD_KERNEL) | (needs_btf ? 0 : BPF_OBSTACLE_BIT(BPF_NO_BTF)),
    };
    const enum bpf_obstacle obstacle = bpf_obstacle_find(host, &conditions);

    if (obstacle == BPF_POSSIBLE)
        return 0;
    if (obstacle == BPF_NO_CAPS)
        return explain_caps(host, err);
    const char *fix = bpf_obstacle_fix(obstacle);
    return error_set(err, codes[obstacle], "%s%s%s", bpf_obstacle_text(obstacle),
                     fix[0] != '\0' ? ": " : "", fix);
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
