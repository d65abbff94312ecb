/* SPDX-License-Identifier: MIT */
/*
 * What the BPF programs that count exits and the program that loads them tell each other: included
 * by both.
 *
 * The fields of a trace event lie elsewhere on each kernel, and a program may read its event only
 * at places that stand in its instructions. So it is compiled with places that no event has, one
 * for each field, and the loader puts in the real ones (kvm_exits_patch.c).
 */
#ifndef KVMLENS_CORE_BPF_KVM_EXITS_MAP_H
#define KVMLENS_CORE_BPF_KVM_EXITS_MAP_H

#include <stdint.h>

#include "core/model/exit_kind.h"

/*
 * X(program, event, need) - need 1: without this event nothing is known of exits. In the order of
 * enum exits_event. kvm_entry has no field that is looked at, and is read in the cheaper way (a raw
 * tracepoint).
 * Source: include/trace/events/kvm.h, arch/x86/kvm/trace.h.
 */
#define KVM_EXITS_EVENTS(X)                                                                        \
    X(EXIT, "kvm_exit", 1)                                                                         \
    X(PIO, "kvm_pio", 0)                                                                           \
    X(MMIO, "kvm_mmio", 0)                                                                         \
    X(MSR, "kvm_msr", 0)                                                                           \
    X(CPUID, "kvm_cpuid", 0)                                                                       \
    X(HYPERCALL, "kvm_hypercall", 0)                                                               \
    X(USER, "kvm_userspace_exit", 0)                                                               \
    X(NESTED, "kvm_nested_vmexit", 0)

#define KVM_EXITS_EVENT_ID(id, event, need) KVM_EXITS_EVENT_##id,
enum kvm_exits_event { KVM_EXITS_EVENTS(KVM_EXITS_EVENT_ID) KVM_EXITS_EVENT_COUNT };
#undef KVM_EXITS_EVENT_ID

/* X(id, event, field, need) - need 0: read as 0 where the event has no such field. */
#define KVM_EXITS_FIELDS(X)                                                                        \
    X(EXIT_REASON, EXIT, "exit_reason", 0)                                                         \
    X(EXIT_ISA, EXIT, "isa", 0)                                                                    \
    X(EXIT_CODE, EXIT, "ret", 0)     /* arm64 */                                                   \
    X(EXIT_CLASS, EXIT, "esr_ec", 0) /* arm64 */                                                   \
    X(PIO_WRITE, PIO, "rw", 1)                                                                     \
    X(PIO_PORT, PIO, "port", 1)                                                                    \
    X(PIO_COUNT, PIO, "count", 1)                                                                  \
    X(MMIO_TYPE, MMIO, "type", 1)                                                                  \
    X(MMIO_GPA, MMIO, "gpa", 1)                                                                    \
    X(MSR_WRITE, MSR, "write", 1)                                                                  \
    X(MSR_NUMBER, MSR, "ecx", 1)                                                                   \
    X(CPUID_LEAF, CPUID, "function", 1)                                                            \
    X(CPUID_INDEX, CPUID, "index", 0)                                                              \
    X(HYPERCALL_NUMBER, HYPERCALL, "nr", 1)                                                        \
    X(USER_REASON, USER, "reason", 1)                                                              \
    X(USER_ERRNO, USER, "errno", 1)                                                                \
    X(NESTED_REASON, NESTED, "exit_reason", 1)

#define KVM_EXITS_FIELD_ID(id, event, field, need) KVM_EXITS_FIELD_##id,
enum kvm_exits_field { KVM_EXITS_FIELDS(KVM_EXITS_FIELD_ID) KVM_EXITS_FIELD_COUNT };
#undef KVM_EXITS_FIELD_ID

#define KVM_EXITS_PLACE           0x4000 /* of field 0; no event is so long */
#define KVM_EXITS_PLACE_OF(field) (KVM_EXITS_PLACE + 8 * (field))

/* All preallocated: some 50 MiB in all, as bpftool map show has it (bytes_memlock). */
#define KVM_EXITS_THREADS_MAX    8192
#define KVM_EXITS_REASONS_MAX    32768 /* of those that are not beside their thread */
#define KVM_EXITS_KEYS_MAX       131072
#define KVM_EXITS_THREAD_KEYS    1024 /* of one thread: no guest takes the room of the others */
#define KVM_EXITS_THREAD_REASONS 256
#define KVM_EXITS_NEAR_REASONS   8 /* its first ones, which stand beside it: one look-up less */
#define KVM_EXITS_WATCHED_MAX    4096

#define KVM_EXITS_ARM64_CODE 0x10000u /* marks a reason that is no class of a trap */

/* A thread that runs a vCPU. */
struct kvm_exits_thread {
    uint32_t tgid;
    uint32_t keys, reasons; /* how many it has */
    uint32_t isa;           /* of its last exit, as the event has it */
    uint64_t exits;
    uint64_t untimed;  /* exits that were followed by another one, with no entry between them */
    uint64_t guest_ns; /* in guest mode: from entries to the next exit */
    uint64_t exit_ns;  /* when it left the guest; 0: it is in it, or was never seen */
    uint64_t entry_ns; /* when it entered it; 0: it is not in it */
    uint32_t reason;   /* of that exit */
    uint32_t near;     /* where that reason stands beside it; KVM_EXITS_NEAR_REASONS: it does not */
};

struct kvm_exits_reason_key {
    uint32_t tid, reason;
};

struct kvm_exits_reason {
    uint64_t count; /* exits */
    uint64_t timed; /* of them: followed by an entry. The others are still going on, or untimed */
    uint64_t total_ns, min_ns, max_ns; /* from the exit to the entry, of the timed ones */
    uint64_t buckets[EXIT_BUCKETS];
};

/* What the map of threads has. */
struct kvm_exits_thread_value {
    struct kvm_exits_thread is;
    uint32_t near_reasons[KVM_EXITS_NEAR_REASONS]; /* as many as is.reasons, if there are as many */
    struct kvm_exits_reason near[KVM_EXITS_NEAR_REASONS];
};

struct kvm_exits_key {
    uint32_t tid;
    uint32_t kind; /* enum exit_key_kind */
    uint64_t value;
};

struct kvm_exits_key_value {
    uint64_t events;
    uint64_t count; /* as events; of ports: each access of a string instruction */
};

#endif
