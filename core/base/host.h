/* SPDX-License-Identifier: MIT */
/*
 * What the host is and what it lets us see. Read at start; what may change under a monitor is
 * followed.
 */
#ifndef KVMLENS_CORE_BASE_HOST_H
#define KVMLENS_CORE_BASE_HOST_H

#include <linux/capability.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/rootfs.h"

#define HOST_CAP(bit)               (1ull << (bit)) /* as in host.caps */
#define HOST_CAP_CHECKPOINT_RESTORE 40              /* linux/capability.h has it since 5.9 */
#define HOST_CAP_PERFMON            38              /* since 5.8 */
#define HOST_CAP_BPF                39              /* since 5.8 */

enum host_lockdown {
    LOCKDOWN_UNKNOWN,
    LOCKDOWN_NONE,
    LOCKDOWN_INTEGRITY,
    LOCKDOWN_CONFIDENTIALITY
};

struct host {
    char name[65];       /* node name, cleaned */
    char kernel[65];     /* release, cleaned */
    /* /sys/kernel/security/lockdown; UNKNOWN when securityfs is not mounted */
    enum host_lockdown lockdown;
    int cpus;            /* online; 0 = not known */
    uint64_t mem_bytes;  /* 0 = not known */
    bool kvm_module;     /* /sys/module/kvm exists */
    bool debugfs_mounted;
    bool btf; /* the kernel describes its types: /sys/kernel/btf/vmlinux exists */
    bool caps_known;
    bool is_root;        /* this process has user id 0 */
    uint64_t caps;       /* its effective capabilities, bit 1 << CAP_... */
    char debugfs[256];   /* path of the kvm directory, relative to the root; "" = no debugfs */
};

/* host_read - never fails: what cannot be read stays unknown. */
void host_read(const struct rootfs *root, struct host *ret);

/*
 * host_refresh - what people change because a screen told them to: whether kvm is loaded and
 * debugfs mounted, and lockdown. Three system calls or so when all is as before.
 *
 * @thorough: look through all mounts for a debugfs that is not where it was nor at its usual place.
 * A host may have thousands of mounts.
 */
void host_refresh(const struct rootfs *root, bool thorough, struct host *host);

/* host_kernel_is_before - is the release older than @major.@minor? False where it is not known. */
bool host_kernel_is_before(const struct host *host, unsigned major, unsigned minor);

/*
 * host_kernel_may_lack_vm_dirs - of before Linux 4.7 (kvm_create_vm_debugfs): debugfs then has the
 * totals of all VMs together, unless the distributor ported the directories of single VMs back.
 */
bool host_kernel_may_lack_vm_dirs(const struct host *host);

/* "none", "integrity", ...; "unknown" */
const char *host_lockdown_name(enum host_lockdown lockdown);

/* host_is_locked_down - is it known that the kernel is? Then that is said of the host, once. */
static inline bool host_is_locked_down(const struct host *host)
{
    return host->lockdown == LOCKDOWN_INTEGRITY || host->lockdown == LOCKDOWN_CONFIDENTIALITY;
}

#endif
