/* SPDX-License-Identifier: MIT */
/*
 * Why a number can be missing: the one list of causes. A new cause is a new row, and nothing else.
 *
 * CAUSES(X) expands X once per row. A row is
 *
 *   name    CAUSE_<name> in enum reading_cause.
 *   id      what machines get, in JSON, CSV and metrics. It never changes once it was released:
 *           dashboards and alerts compare it. Lower case, words joined by '-', and not the word
 *           of a state (core/model/reading.h). The lockdown causes share theirs, because the mode
 *           of the lockdown stands beside it, as a property of the host.
 *   text    what people read: "lockdown=integrity". May be reworded at any time.
 *   fix     what helps, whole sentences; "" where nothing does.
 *   nature  PROBLEM, SETTING or FACT: enum cause_nature.
 *   state   DENIED where the number is there but is refused to us, else ABSENT: enum reading_state
 *           of a reading that is missing for this cause, unless it is STALE.
 *   needs   the capabilities without which the number is missing for this cause, or 0. Together
 *           with what this process holds they decide what helps: core/find/host_fix.h.
 *   source  the source that would have had the number, or SOURCE_NONE where it may be any.
 */
#ifndef KVMLENS_CORE_MODEL_CAUSES_H
#define KVMLENS_CORE_MODEL_CAUSES_H

enum cause_nature {
    CAUSE_IS_PROBLEM, /* something could be mended, so the number counts as not read */
    /* how this host or this command was set up keeps it away: nothing is broken */
    CAUSE_IS_SETTING,
    CAUSE_IS_FACT, /* there is no such number, and nobody can change that */
};

#define CAUSES_LOCKDOWN_FIX                                                                        \
    "Binary stats fds (QEMU 8.1 and later keeps one per vCPU) stay readable. Only booting without "\
    "lockdown ends it."

/* clang-format off */
#define CAUSES(X)                                                                                  \
    /* kernel lockdown (mode not known) refuses debugfs files that are not read-only */            \
    X(LOCKDOWN, "lockdown", "lockdown", CAUSES_LOCKDOWN_FIX,                                       \
      PROBLEM, DENIED, 0, SOURCE_DEBUGFS)                                                          \
    X(LOCKDOWN_INTEGRITY, "lockdown", "lockdown=integrity", CAUSES_LOCKDOWN_FIX,                   \
      PROBLEM, DENIED, 0, SOURCE_DEBUGFS)                                                          \
    X(LOCKDOWN_CONFIDENTIALITY, "lockdown", "lockdown=confidentiality", CAUSES_LOCKDOWN_FIX,       \
      PROBLEM, DENIED, 0, SOURCE_DEBUGFS)                                                          \
    /* not root, no capability */                                                                  \
    X(NO_PERMISSION, "no-permission", "no permission",                                             \
      "Run as root, or with CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH.",                              \
      PROBLEM, DENIED, HOST_CAP(CAP_SYS_PTRACE) | HOST_CAP(CAP_DAC_READ_SEARCH), SOURCE_NONE)      \
    /* pidfd_getfd refused: CAP_SYS_PTRACE or Yama */                                              \
    X(NO_PTRACE, "no-ptrace", "no ptrace access to the VMM",                                       \
      "Run as root or with CAP_SYS_PTRACE; kernel.yama.ptrace_scope=3 refuses even that.",         \
      PROBLEM, DENIED, HOST_CAP(CAP_SYS_PTRACE), SOURCE_STATSFD)                                   \
    /* no debugfs in the mount table */                                                            \
    X(DEBUGFS_UNMOUNTED, "debugfs-not-mounted", "debugfs is not mounted",                          \
      "Mount it: mount -t debugfs none /sys/kernel/debug",                                         \
      PROBLEM, ABSENT, 0, SOURCE_DEBUGFS)                                                          \
    /* mounted, but its directory may not be opened */                                             \
    X(DEBUGFS_DENIED, "debugfs-denied", "debugfs may not be read",                                 \
      "Run as root, or with CAP_DAC_READ_SEARCH.",                                                 \
      PROBLEM, DENIED, HOST_CAP(CAP_DAC_READ_SEARCH), SOURCE_DEBUGFS)                              \
    /* debugfs has no directory for this VM */                                                     \
    X(NO_VM_DIR, "no-debugfs-directory", "the VM has no debugfs directory",                        \
      "Kernels before 4.7 have none. The kernel log tells when a directory of that name was "      \
      "still in use as the VM started (\"duplicate directory\").",                                 \
      PROBLEM, ABSENT, 0, SOURCE_DEBUGFS)                                                          \
    /* the kernel counts all VMs together, none apart */                                           \
    X(HOST_TOTALS, "host-totals-only", "this kernel has only totals of all VMs",                   \
      "Linux 4.7 and later count each VM.",                                                        \
      PROBLEM, ABSENT, 0, SOURCE_DEBUGFS)                                                          \
    /* the VMM keeps no binary stats fd for it */                                                  \
    X(NO_STATS_FD, "no-stats-fd", "the VMM keeps no binary stats fd",                              \
      "QEMU keeps one per vCPU since 8.1; debugfs has the rest.",                                  \
      PROBLEM, ABSENT, 0, SOURCE_STATSFD)                                                          \
    /* debugfs shows only the first bucket of a histogram */                                       \
    X(HIST_ONLY_STATSFD, "histogram-needs-stats-fd", "debugfs has no whole histograms",            \
      "A binary stats fd has them: QEMU keeps one per vCPU since 8.1.",                            \
      SETTING, ABSENT, 0, SOURCE_STATSFD)                                                          \
    /* our own table of open files is full */                                                      \
    X(FD_LIMIT, "open-files-limit", "too many open files", "Raise the limit: ulimit -n 4096",      \
      PROBLEM, DENIED, 0, SOURCE_NONE)                                                             \
    /* the stats fd holds no valid binary stats */                                                 \
    X(BAD_STATS, "bad-stats", "invalid binary stats",                                              \
      "The VMM's stats fd does not hold what the kernel documents; none of it was used.",          \
      PROBLEM, ABSENT, 0, SOURCE_STATSFD)                                                          \
    /* this kernel does not have the counter */                                                    \
    X(NOT_IN_KERNEL, "not-in-kernel", "not in this kernel", "",                                    \
      FACT, ABSENT, 0, SOURCE_NONE)                                                                \
    /* the kernel has the number, but on this host it stays 0 whatever happens */                  \
    X(NOT_COUNTED, "not-counted", "not counted on this host",                                      \
      "A host that is itself a guest may not see it.",                                             \
      FACT, ABSENT, 0, SOURCE_NONE)                                                                \
    /* the kernel counts it by clock ticks, and there were not enough since it was first read */   \
    X(FEW_TICKS, "few-ticks", "counted in clock ticks, too few of them so far",                    \
      "A second has enough of them, unless the vCPU used little CPU time so far.",                 \
      SETTING, ABSENT, 0, SOURCE_PROC)                                                             \
    /* the source that has it was excluded with --source */                                        \
    X(SOURCE_OFF, "source-off", "excluded by --source",                                            \
      "Leave out --source to use all sources.",                                                    \
      SETTING, ABSENT, 0, SOURCE_NONE)                                                             \
    /* BPF was asked for, and nothing else may be used, but it cannot be used here */              \
    X(BPF_UNUSABLE, "bpf-unusable", "BPF tells nothing of it",                                     \
      "kvmlens --doctor says why.",                                                                \
      PROBLEM, ABSENT, 0, SOURCE_BPF)                                                              \
    /* BPF looks at the descriptors of the VM's process */                                         \
    X(VCPU_ELSEWHERE, "vcpu-elsewhere", "its process does not hold the vCPU",                      \
      "Another process holds its descriptor, or a thread with a table of its own.",                \
      PROBLEM, ABSENT, 0, SOURCE_BPF)                                                              \
    /* no cgroup of the VM has a limit on CPU time: nothing holds it back */                       \
    X(NO_CPU_LIMIT, "no-cpu-limit", "no CPU limit", "",                                            \
      FACT, ABSENT, 0, SOURCE_NONE)                                                                \
    /* no hierarchy of cgroups is mounted that would tell it */                                    \
    X(NO_CGROUP, "no-cgroup", "no cgroups that tell it are mounted",                               \
      "Limits need cgroups with the CPU controller, pressure needs cgroup v2.",                    \
      SETTING, ABSENT, 0, SOURCE_NONE)                                                             \
    /* the VM's process is in the root cgroup, which says nothing of it alone */                   \
    X(ROOT_CGROUP, "root-cgroup", "the VM is in the root cgroup",                                  \
      "Start it in one of its own: libvirt and systemd-run do.",                                   \
      SETTING, ABSENT, 0, SOURCE_NONE)                                                             \
    /* the VM's process is in a cgroup of version 1, and in the root of version 2 */               \
    X(CGROUP_V1, "cgroup-v1", "its cgroup is of version 1",                                        \
      "Pressure needs cgroup v2.",                                                                 \
      SETTING, ABSENT, 0, SOURCE_NONE)                                                             \
    /* CONFIG_PSI, or psi=1 where it is off by default */                                          \
    X(NO_PRESSURE, "no-pressure", "this kernel does not measure pressure",                         \
      "Boot with psi=1.",                                                                          \
      SETTING, ABSENT, 0, SOURCE_NONE)                                                             \
    /* memory.current is not there: the controller is not on for it, or not for swap space */      \
    X(NO_MEMORY_CGROUP, "no-memory-controller", "its cgroup does not count it",                    \
      "Memory accounting of the unit or its slice turns it on: MemoryAccounting=yes.",             \
      SETTING, ABSENT, 0, SOURCE_NONE)                                                             \
    /* no cgroup of the VM has a limit on memory */                                                \
    X(NO_MEMORY_LIMIT, "no-memory-limit", "no memory limit", "",                                   \
      FACT, ABSENT, 0, SOURCE_NONE)                                                                \
    /* what a balloon took is known to the VMM; residency alone does not tell it */                \
    X(BALLOON_UNSEEN, "balloon-not-visible", "only the VMM knows it",                              \
      "Ask the VMM: query-balloon of QEMU, virsh dommemstat.",                                     \
      FACT, ABSENT, 0, SOURCE_NONE)                                                                \
    /* every page is on the node where every vCPU runs */                                          \
    X(ONE_NODE, "one-numa-node", "the host has one NUMA node", "",                                 \
      FACT, ABSENT, 0, SOURCE_NONE)                                                                \
    /* no memory was found that is the guest's, or none of it was resident where it was looked */  \
    X(NO_RESIDENT_RAM, "no-resident-ram", "no resident RAM of the guest was found", "",            \
      FACT, ABSENT, 0, SOURCE_NONE)                                                                \
    /* a user-mode network, vhost-user, a device that is passed through, or none */                \
    X(NO_NET_DEVICE, "no-network-device", "no tap or macvtap device", "",                          \
      FACT, ABSENT, 0, SOURCE_NONE)                                                                \
    /* images in files are in what the VMM reads and writes */                                     \
    X(NO_BLOCK_DEVICE, "no-block-device", "no block device", "",                                   \
      FACT, ABSENT, 0, SOURCE_NONE)                                                                \
    /* an image, which the kernel does not count apart */                                          \
    X(FILE_NOT_COUNTED, "file-not-counted", "the kernel does not count files apart", "",           \
      FACT, ABSENT, 0, SOURCE_NONE)                                                                \
    /* the device is not in the network name space of the VMM: a descriptor came from elsewhere */ \
    X(OTHER_NETNS, "other-network-namespace", "in another network name space", "",                 \
      FACT, ABSENT, 0, SOURCE_NONE)                                                                \
    /* of a process, and not told again for each of its VMs */                                     \
    X(SHARED_PROCESS, "first-vm-of-process", "told of the first VM of its process", "",            \
      FACT, ABSENT, 0, SOURCE_NONE)                                                                \
    /* nobody looks at it, so it is not read */                                                    \
    X(NOT_ASKED_FOR, "not-asked-for", "nobody asked for it", "",                                   \
      SETTING, ABSENT, 0, SOURCE_NONE)                                                             \
    /* the vCPU's thread is not known */                                                           \
    X(NO_THREAD_ID, "no-thread-id", "vCPU thread not known",                                       \
      "It is known from debugfs and with --bpf, or where the VMM names its vCPU threads "          \
      "(QEMU: -name debug-threads=on).",                                                           \
      PROBLEM, ABSENT, 0, SOURCE_PROC)                                                             \
    /* several VMs in one process: not known which vCPU belongs to which */                        \
    X(AMBIGUOUS, "ambiguous-vcpus",                                                                \
      "several VMs share a process, and their vCPUs cannot be told apart",                         \
      "Mount debugfs, or use --bpf: both tell them apart.",                                        \
      PROBLEM, ABSENT, 0, SOURCE_NONE)                                                             \
    /* the VM, vCPU or process ended during the tick */                                            \
    X(GONE, "ended", "ended meanwhile", "",                                                        \
      FACT, ABSENT, 0, SOURCE_NONE)                                                                \
    /* its process had no time left in this tick */                                                \
    X(SLOW, "slow-process", "looking at its process takes too long",                               \
      "The VMs of a process that takes long take turns, so that the others are not late: a "       \
      "longer delay leaves more time.",                                                            \
      PROBLEM, ABSENT, 0, SOURCE_NONE)                                                             \
    /* whoever looked at the process did not come back, and it is left alone since */              \
    X(STUCK, "stuck", "a call on it does not return",                                              \
      "A file that the process holds does not answer; it is left alone, and tried again later.",   \
      PROBLEM, DENIED, 0, SOURCE_NONE)                                                             \
    /* any other error of open or read */                                                          \
    X(READ_ERROR, "read-error", "read error", "",                                                  \
      PROBLEM, ABSENT, 0, SOURCE_NONE)
/* clang-format on */

#endif
