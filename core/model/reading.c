// SPDX-License-Identifier: MIT
#include "core/model/reading.h"

#include <stddef.h>

static const struct {
    const char *name, *text;
} states[READING_STATE_COUNT] = {
    [READING_ABSENT] = {"absent", "n/a"},       [READING_OK] = {"ok", ""},
    [READING_WARMUP] = {"warmup", "..."},       [READING_RESET] = {"reset", "reset"},
    [READING_DENIED] = {"denied", "denied"},    [READING_STALE] = {"stale", "stale"},
};

#define LOCKDOWN_FIX                                                                               \
    "Binary stats fds (QEMU 8.1 and later keeps one per vCPU) stay readable; lockdown itself "     \
    "ends "                                                                                        \
    "only by booting without it."

static const struct {
    const char *text, *fix;
} causes[CAUSE_COUNT] = {
    [CAUSE_NONE] = {"", ""},
    [CAUSE_LOCKDOWN] = {"lockdown", LOCKDOWN_FIX},
    [CAUSE_LOCKDOWN_INTEGRITY] = {"lockdown=integrity", LOCKDOWN_FIX},
    [CAUSE_LOCKDOWN_CONFIDENTIALITY] = {"lockdown=confidentiality", LOCKDOWN_FIX},
    [CAUSE_NO_PERMISSION] = {"no permission", "Run as root, or with CAP_SYS_PTRACE and "
                                              "CAP_DAC_READ_SEARCH."},
    [CAUSE_NO_PTRACE] = {"no ptrace access to the VMM",
                         "Run as root or with CAP_SYS_PTRACE; kernel.yama.ptrace_scope=3 "
                         "refuses even that."},
    [CAUSE_DEBUGFS_UNMOUNTED] = {"debugfs is not mounted",
                                 "mount -t debugfs none /sys/kernel/debug"},
    [CAUSE_DEBUGFS_DENIED] = {"debugfs may not be read",
                              "Run as root, or with CAP_DAC_READ_SEARCH."},
    [CAUSE_NO_VM_DIR] = {"the VM has no debugfs directory",
                         "Kernels before 4.7 have none. The kernel log tells when a directory of "
                         "that name was still in use as "
                         "the VM started (\"duplicate directory\")."},
    [CAUSE_HOST_TOTALS] = {"this kernel has only totals of all VMs",
                           "Linux 4.7 and later count each VM."},
    [CAUSE_NO_STATS_FD] = {"the VMM keeps no binary stats fd",
                           "QEMU keeps one per vCPU since 8.1; debugfs has the rest."},
    [CAUSE_HIST_ONLY_STATSFD] = {"debugfs has no whole histograms",
                                 "Only a binary stats fd has them: QEMU keeps one per vCPU since "
                                 "8.1."},
    [CAUSE_FD_LIMIT] = {"too many open files", "Raise the limit: ulimit -n 4096"},
    [CAUSE_BAD_STATS] = {"invalid binary stats", "The VMM's stats fd does not hold what the kernel "
                                                 "documents; nothing of it was used."},
    [CAUSE_NOT_IN_KERNEL] = {"not in this kernel", ""},
    [CAUSE_NOT_COUNTED] = {"not counted on this host",
                           "A host that is itself a guest may not see it."},
    [CAUSE_SOURCE_OFF] = {"excluded by --source", "Leave --source away to use all sources."},
    [CAUSE_NO_THREAD_ID] = {"vCPU thread not known",
                            "It is known from debugfs, or where the VMM names its vCPU threads "
                            "(QEMU: -name debug-threads=on)."},
    [CAUSE_AMBIGUOUS] = {"several VMs in one process, vCPUs not told apart",
                         "debugfs tells them apart."},
    [CAUSE_GONE] = {"ended meanwhile", ""},
    [CAUSE_READ_ERROR] = {"read error", ""},
};

const char *reading_state_text(enum reading_state state)
{
    return states[state].text;
}

const char *reading_state_name(enum reading_state state)
{
    return states[state].name;
}

const char *reading_cause_text(enum reading_cause cause)
{
    return causes[cause].text;
}

const char *reading_cause_fix(enum reading_cause cause)
{
    return causes[cause].fix;
}
