/* SPDX-License-Identifier: MIT */
/*
 * Why vCPUs leave their guests, how often, how long each time, and what is behind it.
 *
 * BPF programs of ours at KVM's trace events count in the kernel, for each thread that runs a vCPU.
 * They cost the guest some hundred nanoseconds at each exit from kvm_exits_open to kvm_exits_close,
 * so they are there only while somebody looks. Nothing stays behind: programs, their attachment
 * and their maps are gone with the last descriptor, that is with the process, however it ends.
 * Meanwhile the module kvm cannot be unloaded. This is apart from kvm_bpf.h: either can be open
 * without the other.
 *
 * All numbers grow from the open on; differences are the caller's. Numbers of threads are those of
 * the initial pid namespace, which has to be ours.
 *
 * Rights. kvm_exits_open needs CAP_BPF and CAP_PERFMON (CAP_SYS_ADMIN too where a kernel like
 * Debian's has kernel.perf_event_paranoid 3), and has to read tracefs, whose directory is
 * root's (else CAP_DAC_READ_SEARCH); it calls bpf(2) with BPF_PROG_LOAD, BPF_MAP_CREATE,
 * BPF_BTF_LOAD, BPF_RAW_TRACEPOINT_OPEN and others, perf_event_open(2), and ioctl(2) with
 * PERF_EVENT_IOC_SET_BPF. Whatever comes later needs no capability, and of system calls only bpf(2)
 * with BPF_MAP_LOOKUP_ELEM, BPF_MAP_LOOKUP_BATCH and BPF_OBJ_GET_INFO_BY_FD (kvm_exits_read), and
 * with BPF_MAP_UPDATE_ELEM and BPF_MAP_DELETE_ELEM (kvm_exits_watch, kvm_exits_forget).
 *
 * One thread at a time. Source: include/trace/events/kvm.h, kernel/trace/bpf_trace.c.
 */
#ifndef KVMLENS_CORE_BPF_KVM_EXITS_H
#define KVMLENS_CORE_BPF_KVM_EXITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/base/error.h"
#include "core/base/rootfs.h"
#include "core/bpf/exit_names.h"
#include "core/bpf/kvm_exits_map.h"

struct kvm_exits;

struct kvm_exits_config {
    /* processes to be watched, at most KVM_EXITS_WATCHED_MAX; NULL: all that there are */
    const pid_t *pids;
    size_t pid_count;
    bool no_keys; /* reasons and times alone: less cost where many exits have something behind them
                   */
};

/*
 * kvm_exits_open - load and attach. From now on exits are counted.
 *
 * Returns 0, or with a sentence that names cause and fix: -ENOSYS (built without BPF), -ENOTSUP (a
 * saved tree, a pid namespace of our own, an event without the fields), -ENOENT (no tracefs, or KVM
 * is not loaded), -EACCES (tracefs, kernel.perf_event_paranoid), -EPERM (a capability, or
 * lockdown=confidentiality), -E2BIG (too many processes), -ENOMEM, or what the verifier or the
 * attachment said.
 */
int kvm_exits_open(const struct rootfs *root, const struct kvm_exits_config *config,
                   struct kvm_exits **ret, struct error *err);
void kvm_exits_close(struct kvm_exits *exits); /* NULL ok */

/*
 * kvm_exits_needs_admin - does this kernel, as it is set now, keep trace events for CAP_SYS_ADMIN?
 * Debian's do where kernel.perf_event_paranoid is 3; others know no 3, and ask for no more than at
 * 2. Also in a build without BPF.
 */
bool kvm_exits_needs_admin(const struct rootfs *root);

/* kvm_exits_has - is that event counted? False: this kernel has none, or it was not wanted. */
bool kvm_exits_has(const struct kvm_exits *exits, enum kvm_exits_event event);

/* kvm_exits_names - of this kernel's reasons; owned by @exits. */
const struct exit_names *kvm_exits_names(const struct kvm_exits *exits);

/*
 * kvm_exits_watch - from now on only vCPUs of these processes; NULL: all. What was counted of
 * others stays. 0, -E2BIG, or what bpf(2) said.
 */
int kvm_exits_watch(struct kvm_exits *exits, const pid_t *pids, size_t count);

struct kvm_exits_thread_row {
    uint32_t tid;
    struct kvm_exits_thread is;
};

struct kvm_exits_reason_row {
    uint32_t tid;
    enum exit_isa isa;
    uint32_t reason; /* as exit_name takes it */
    struct kvm_exits_reason is;
};

/* kvm_exits_raw_reason - as the programs have it, and struct kvm_exits_thread. */
static inline uint32_t kvm_exits_raw_reason(const struct kvm_exits_reason_row *row)
{
    return row->reason | (row->isa == EXIT_ISA_ARM64_CODE ? KVM_EXITS_ARM64_CODE : 0);
}

struct kvm_exits_key_row {
    struct kvm_exits_key key;
    struct kvm_exits_key_value is;
};

/* Each in ascending order of thread, then of reason, then of kind and value. */
struct kvm_exits_reading {
    struct kvm_exits_thread_row *threads;
    struct kvm_exits_reason_row *reasons;
    struct kvm_exits_key_row *keys;
    size_t thread_count, reason_count, key_count;
    uint64_t lost[EXIT_LOST_COUNT];
    /* events that the kernel did not show the programs, because one ran on that CPU already */
    uint64_t missed;
    uint64_t taken_ns; /* monotonic, when it was read; the clock of kvm_exits_thread too */
};

/*
 * kvm_exits_read - all numbers. Rows are each of one moment, but not of the same one: an exit that
 * comes meanwhile can be in one and not in the other.
 * 0, -ENOMEM, or what bpf(2) said; @ret is empty then. @ret ends with kvm_exits_reading_done.
 */
int kvm_exits_read(struct kvm_exits *exits, struct kvm_exits_reading *ret);
void kvm_exits_reading_done(struct kvm_exits_reading *reading);

/*
 * kvm_exits_forget - of a thread that has ended, so that its room is free for others, and another
 * thread of that number begins anew. @reading: the newest, which says what there is of it.
 * Returns how many rows that were: each is a system call.
 */
size_t kvm_exits_forget(struct kvm_exits *exits, const struct kvm_exits_reading *reading,
                        uint32_t tid);

#endif
