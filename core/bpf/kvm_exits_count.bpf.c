// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * The BPF programs that count exits: the kernel calls them at its trace events.
 *
 * Everything is kept for the thread that runs the vCPU. It alone writes there, and a thread is in
 * one place at a time, so nothing has to be locked or atomic but what is lost. Nothing is sent
 * anywhere: the maps are read when somebody wants to know.
 *
 * Source: virt/kvm/kvm_main.c, arch/x86/kvm/x86.c (vcpu_enter_guest).
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/bpf/kernel_types.h"
#include "core/bpf/kvm_exits_map.h"

#include <bpf/bpf_helpers.h>

#define BPF_MAP_TYPE_HASH 1
#define BPF_ANY           0
#define BPF_NOEXIST       1

#define ARM_EXCEPTION_TRAP 2

/*
 * What a program at a classic trace event returns: also show the event to perf's users. It is one
 * answer for all of them, and with 0 perf and kvm_stat would see nothing while we look.
 */
#define PASS_ON 1

#define MMIO_UNSATISFIED 0
#define MMIO_READ        1

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, KVM_EXITS_THREADS_MAX);
    __type(key, uint32_t);
    __type(value, struct kvm_exits_thread_value);
} threads SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, KVM_EXITS_REASONS_MAX);
    __type(key, struct kvm_exits_reason_key);
    __type(value, struct kvm_exits_reason);
} reasons SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, KVM_EXITS_KEYS_MAX);
    __type(key, struct kvm_exits_key);
    __type(value, struct kvm_exits_key_value);
} keys SEC(".maps");

/* Processes whose vCPUs are watched, where not all are. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, KVM_EXITS_WATCHED_MAX);
    __type(key, uint32_t);
    __type(value, uint8_t);
} watched SEC(".maps");

volatile const bool is_arm64;
bool is_watching_all;
uint64_t lost[EXIT_LOST_COUNT];

/* What values begin with: too large for the stack. */
const struct kvm_exits_reason no_reason;
const struct kvm_exits_thread_value no_thread;

#define FIELD32(ctx, id)                                                                           \
    (*(volatile const uint32_t *)((const char *)(ctx) + KVM_EXITS_PLACE_OF(KVM_EXITS_FIELD_##id)))
#define FIELD64(ctx, id)                                                                           \
    (*(volatile const uint64_t *)((const char *)(ctx) + KVM_EXITS_PLACE_OF(KVM_EXITS_FIELD_##id)))

static __always_inline void lose(enum exit_lost what)
{
    __sync_fetch_and_add(&lost[what], 1);
}

static __always_inline bool is_watched(uint32_t tgid)
{
    return is_watching_all || bpf_map_lookup_elem(&watched, &tgid) != NULL;
}

static __always_inline struct kvm_exits_thread_value *thread_of(uint32_t tid, uint32_t tgid)
{
    struct kvm_exits_thread_value *thread = bpf_map_lookup_elem(&threads, &tid);

    if (thread != NULL)
        return thread;
    bpf_map_update_elem(&threads, &tid, &no_thread, BPF_NOEXIST);
    thread = bpf_map_lookup_elem(&threads, &tid);
    if (thread == NULL)
        lose(EXIT_LOST_THREADS);
    else
        thread->is.tgid = tgid;
    return thread;
}

/*
 * A thread's reasons stand beside it while there is room, then in a map of their own: a look-up is
 * the dearest thing here, and most threads have but a few reasons.
 */
static __always_inline struct kvm_exits_reason *far_reason(uint32_t tid, uint32_t reason)
{
    const struct kvm_exits_reason_key key = {.tid = tid, .reason = reason};

    return bpf_map_lookup_elem(&reasons, &key);
}

/* Of a reason that is not beside it. */
static __noinline int new_reason(uint32_t tid, uint32_t reason)
{
    struct kvm_exits_reason_key key = {.tid = tid, .reason = reason};
    struct kvm_exits_thread_value *thread = bpf_map_lookup_elem(&threads, &tid);

    if (thread == NULL)
        return 0;
    const uint32_t count = thread->is.reasons;
    if (count < KVM_EXITS_NEAR_REASONS) {
        thread->near_reasons[count] = reason;
        thread->is.reasons = count + 1;
        return 1;
    }
    if (count >= KVM_EXITS_THREAD_REASONS ||
        bpf_map_update_elem(&reasons, &key, &no_reason, BPF_NOEXIST) != 0) {
        lose(EXIT_LOST_REASONS);
        return 0;
    }
    thread->is.reasons = count + 1;
    return 1;
}

/* KVM_EXITS_NEAR_REASONS: it is not beside it. */
static __always_inline uint32_t find_near(const struct kvm_exits_thread_value *thread,
                                          uint32_t reason)
{
    uint32_t i;

    for (i = 0; i < KVM_EXITS_NEAR_REASONS; i++)
        if (i < thread->is.reasons && thread->near_reasons[i] == reason)
            break;
    return i;
}

/* That of the thread's last exit. NULL: it found no room. */
static __always_inline struct kvm_exits_reason *last_reason(struct kvm_exits_thread_value *thread,
                                                            uint32_t tid)
{
    const uint32_t near = thread->is.near;

    return near < KVM_EXITS_NEAR_REASONS ? &thread->near[near] : far_reason(tid, thread->is.reason);
}

static __always_inline uint32_t reason_of(const void *ctx)
{
    uint32_t code;

    if (!is_arm64)
        return FIELD32(ctx, EXIT_REASON);
    code = FIELD32(ctx, EXIT_CODE);
    return code == ARM_EXCEPTION_TRAP ? FIELD32(ctx, EXIT_CLASS) : code | KVM_EXITS_ARM64_CODE;
}

SEC("tp/kvm/kvm_exit")
int on_exit(void *ctx)
{
    uint64_t id = bpf_get_current_pid_tgid(), now;
    uint32_t tid = (uint32_t)id, tgid = (uint32_t)(id >> 32), number;
    struct kvm_exits_thread_value *thread;
    struct kvm_exits_reason *reason;

    if (!is_watched(tgid))
        return PASS_ON;
    thread = thread_of(tid, tgid);
    if (thread == NULL)
        return PASS_ON;
    now = bpf_ktime_get_ns();
    number = reason_of(ctx);
    if (thread->is.entry_ns != 0)
        thread->is.guest_ns += now - thread->is.entry_ns;
    if (thread->is.exit_ns != 0)
        thread->is.untimed++;
    thread->is.entry_ns = 0;
    thread->is.exit_ns = now;
    thread->is.reason = number;
    thread->is.isa = FIELD32(ctx, EXIT_ISA);
    thread->is.exits++;
    thread->is.near = find_near(thread, number);
    reason = last_reason(thread, tid);
    if (reason == NULL) {
        if (!new_reason(tid, number))
            return PASS_ON;
        thread->is.near = find_near(thread, number);
        reason = last_reason(thread, tid);
        if (reason == NULL)
            return PASS_ON;
    }
    reason->count++;
    return PASS_ON;
}

/* Position of the highest bit that is set; 0 of 0. */
static __always_inline uint32_t log2_of(uint64_t n)
{
    uint32_t bit = 0;

    if (n >> 32 != 0)
        bit += 32, n >>= 32;
    if (n >> 16 != 0)
        bit += 16, n >>= 16;
    if (n >> 8 != 0)
        bit += 8, n >>= 8;
    if (n >> 4 != 0)
        bit += 4, n >>= 4;
    if (n >> 2 != 0)
        bit += 2, n >>= 2;
    return n >> 1 != 0 ? bit + 1 : bit;
}

static __always_inline void add_time(struct kvm_exits_reason *reason, uint64_t ns)
{
    uint32_t bucket = log2_of(ns);

    if (reason->timed == 0 || ns < reason->min_ns)
        reason->min_ns = ns;
    if (ns > reason->max_ns)
        reason->max_ns = ns;
    reason->total_ns += ns;
    if (bucket >= EXIT_BUCKETS)
        bucket = EXIT_BUCKETS - 1;
    reason->buckets[bucket]++;
    reason->timed++;
}

SEC("raw_tp/kvm_entry")
int on_entry(void *ctx)
{
    uint64_t id = bpf_get_current_pid_tgid(), now;
    uint32_t tid = (uint32_t)id, tgid = (uint32_t)(id >> 32);
    struct kvm_exits_thread_value *thread;
    struct kvm_exits_reason *reason;

    (void)ctx;
    if (!is_watched(tgid))
        return 0;
    thread = thread_of(tid, tgid);
    if (thread == NULL)
        return 0;
    now = bpf_ktime_get_ns();
    if (thread->is.exit_ns != 0) {
        reason = last_reason(thread, tid);
        if (reason != NULL)
            add_time(reason, now - thread->is.exit_ns);
        thread->is.exit_ns = 0;
    }
    thread->is.entry_ns = now;
    return 0;
}

/* --- what is behind them ---------------------------------------------------------------------- */

static __noinline int new_key(const struct kvm_exits_key *from, uint32_t tgid, uint64_t count)
{
    struct kvm_exits_key_value first = {.events = 1, .count = count};
    struct kvm_exits_key key;
    struct kvm_exits_thread_value *thread;

    if (from == NULL)
        return 0;
    key = *from;
    thread = thread_of(key.tid, tgid);
    if (thread == NULL || thread->is.keys >= KVM_EXITS_THREAD_KEYS ||
        bpf_map_update_elem(&keys, &key, &first, BPF_NOEXIST) != 0) {
        lose(EXIT_LOST_KEYS);
        return 0;
    }
    thread->is.keys++;
    return 0;
}

static __always_inline int count_key(uint32_t kind, uint64_t value, uint64_t count)
{
    uint64_t id = bpf_get_current_pid_tgid();
    struct kvm_exits_key key = {.tid = (uint32_t)id, .kind = kind, .value = value};
    struct kvm_exits_key_value *found;

    if (!is_watched((uint32_t)(id >> 32)))
        return PASS_ON;
    found = bpf_map_lookup_elem(&keys, &key);
    if (found == NULL) {
        new_key(&key, (uint32_t)(id >> 32), count);
        return PASS_ON;
    }
    found->events++;
    found->count += count;
    return PASS_ON;
}

SEC("tp/kvm/kvm_pio")
int on_pio(void *ctx)
{
    uint32_t is_write = FIELD32(ctx, PIO_WRITE), count = FIELD32(ctx, PIO_COUNT);

    return count_key(is_write ? EXIT_KEY_PORT_WRITE : EXIT_KEY_PORT_READ, FIELD32(ctx, PIO_PORT),
                     count);
}

/* A read that the kernel cannot answer comes a second time, when user space has. */
SEC("tp/kvm/kvm_mmio")
int on_mmio(void *ctx)
{
    uint32_t type = FIELD32(ctx, MMIO_TYPE);

    if (type == MMIO_UNSATISFIED)
        return PASS_ON;
    return count_key(type == MMIO_READ ? EXIT_KEY_MMIO_READ : EXIT_KEY_MMIO_WRITE,
                     FIELD64(ctx, MMIO_GPA) >> 12, 1);
}

SEC("tp/kvm/kvm_msr")
int on_msr(void *ctx)
{
    return count_key(FIELD32(ctx, MSR_WRITE) ? EXIT_KEY_MSR_WRITE : EXIT_KEY_MSR_READ,
                     FIELD32(ctx, MSR_NUMBER), 1);
}

SEC("tp/kvm/kvm_cpuid")
int on_cpuid(void *ctx)
{
    uint64_t index = FIELD32(ctx, CPUID_INDEX);

    return count_key(EXIT_KEY_CPUID, FIELD32(ctx, CPUID_LEAF) | index << 32, 1);
}

SEC("tp/kvm/kvm_hypercall")
int on_hypercall(void *ctx)
{
    return count_key(EXIT_KEY_HYPERCALL, FIELD64(ctx, HYPERCALL_NUMBER), 1);
}

SEC("tp/kvm/kvm_userspace_exit")
int on_user(void *ctx)
{
    int32_t error = (int32_t)FIELD32(ctx, USER_ERRNO);
    uint64_t value = FIELD32(ctx, USER_REASON);

    return count_key(EXIT_KEY_USER, error < 0 ? EXIT_KEY_USER_ERRNO | (uint32_t)-error : value, 1);
}

/* At each exit of an L2 guest, whoever looks at it: its hypervisor, or KVM alone. */
SEC("tp/kvm/kvm_nested_vmexit")
int on_nested(void *ctx)
{
    return count_key(EXIT_KEY_NESTED, FIELD32(ctx, NESTED_REASON), 1);
}

char _license[] SEC("license") = "Dual MIT/GPL";
