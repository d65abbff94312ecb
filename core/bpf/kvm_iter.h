/* SPDX-License-Identifier: MIT */
/*
 * What the BPF programs and the program that loads them tell each other: included by both.
 *
 * The programs know no structure of KVM. Where its members lie stands in constants of theirs, which
 * the loader writes and the kernel then freezes: who gets hold of the loader later can make them
 * read other VMs, but nothing else of the kernel. What they find they write into the file that the
 * iterator reads: one record for each open file of KVM, in the order of descriptors.
 */
#ifndef KVMLENS_CORE_BPF_KVM_ITER_H
#define KVMLENS_CORE_BPF_KVM_ITER_H

#include <stdint.h>

/* Where a member lies in the structure that a pointer leads to. */
struct kvm_place {
    uint32_t offset;
    uint16_t bytes; /* 0: this kernel has no such member. Numbers: 1, 2, 4 or 8 */
    uint16_t count; /* elements of an array, each of @bytes; else 1 */
};

/*
 * X(id, structure, member, need) - need 1: without it there is nothing to be read.
 * Source: include/linux/kvm_host.h, arch/x86/include/asm/kvm_host.h, include/linux/pid.h.
 */
/* clang-format off */
#define KVM_PLACES(X)                                                                              \
    X(VM_STAT,            "kvm",             "stat",                     1)                        \
    X(VM_MM,              "kvm",             "mm",                       1)                        \
    X(VM_MEMSLOTS,        "kvm",             "memslots",                 0)                        \
    X(VM_VCPUS,           "kvm",             "online_vcpus",             0)                        \
    X(VM_DEBUGFS,         "kvm",             "debugfs_dentry",           0)                        \
    X(VM_LOGGED_SLOTS,    "kvm",             "nr_memslots_dirty_logging", 0)                       \
    X(VM_TYPE,            "kvm",             "arch.vm_type",             0)                        \
    X(VM_PRIVATE_MEM,     "kvm",             "arch.has_private_mem",     0)                        \
    X(VM_PROTECTED_STATE, "kvm",             "arch.has_protected_state", 0)                        \
    X(VM_SEV_ACTIVE,      "kvm_svm",         "sev_info.active",          0)                        \
    X(VM_SEV_ES,          "kvm_svm",         "sev_info.es_active",       0)                        \
    X(VM_SEV_FEATURES,    "kvm_svm",         "sev_info.vmsa_features",   0)                        \
    X(VCPU_STAT,          "kvm_vcpu",        "stat",                     1)                        \
    X(VCPU_VM,            "kvm_vcpu",        "kvm",                      1)                        \
    X(VCPU_ID,            "kvm_vcpu",        "vcpu_id",                  1)                        \
    X(VCPU_CPU,           "kvm_vcpu",        "cpu",                      0)                        \
    X(VCPU_PID,           "kvm_vcpu",        "pid",                      0)                        \
    X(VCPU_PREEMPTED,     "kvm_vcpu",        "preempted",                0)                        \
    X(VCPU_HALT_POLL_NS,  "kvm_vcpu",        "halt_poll_ns",             0)                        \
    X(VCPU_TSC_OFFSET,    "kvm_vcpu",        "arch.tsc_offset",          0)                        \
    X(VCPU_L1_TSC_OFFSET, "kvm_vcpu",        "arch.l1_tsc_offset",       0)                        \
    X(VCPU_TSC_RATIO,     "kvm_vcpu",        "arch.tsc_scaling_ratio",   0)                        \
    X(PID_LEVEL,          "pid",             "level",                    0)                        \
    X(PID_NUMBERS,        "pid",             "numbers",                  0)                        \
    X(UPID_NR,            "upid",            "nr",                       0)                        \
    X(UPID_NS,            "upid",            "ns",                       0)                        \
    X(SLOTS_GENERATION,   "kvm_memslots",    "generation",               0)                        \
    X(SLOTS_HASH,         "kvm_memslots",    "id_hash",                  0)                        \
    X(SLOTS_NODE_INDEX,   "kvm_memslots",    "node_idx",                 0)                        \
    X(SLOT_NODE,          "kvm_memory_slot", "id_node",                  0)                        \
    X(SLOT_GFN,           "kvm_memory_slot", "base_gfn",                 0)                        \
    X(SLOT_PAGES,         "kvm_memory_slot", "npages",                   0)                        \
    X(SLOT_USER,          "kvm_memory_slot", "userspace_addr",           0)                        \
    X(SLOT_FLAGS,         "kvm_memory_slot", "flags",                    0)                        \
    X(SLOT_ID,            "kvm_memory_slot", "id",                       0)                        \
    X(SLOT_BITMAP,        "kvm_memory_slot", "dirty_bitmap",             0)
/* clang-format on */

#define KVM_PLACE_ID(id, structure, member, need) KVM_PLACE_##id,
enum kvm_place_id { KVM_PLACES(KVM_PLACE_ID) KVM_PLACE_COUNT };
#undef KVM_PLACE_ID

#define KVM_STAT_MAX      4096 /* bytes of kvm_vm_stat or kvm_vcpu_stat that are looked at */
#define KVM_PIECE_MAX     4096 /* bytes that are copied at once */
#define KVM_COPY_MAX      8192 /* of one struct, all pieces together */
#define KVM_RANGES_MAX    8    /* in how many pieces one is copied */
#define KVM_SLOTS_AT_ONCE 512  /* a record has to fit into eight pages */

/* A piece of struct kvm or struct kvm_vcpu. */
struct kvm_range {
    uint32_t offset, bytes;
};

/* What is wanted of such a struct: pieces in ascending order; one of no bytes ends it. */
struct kvm_ranges {
    struct kvm_range ranges[KVM_RANGES_MAX];
};

/* What can be wanted of them. */
enum kvm_pieces { KVM_PIECES_NUMBERS, KVM_PIECES_STATS, KVM_PIECES_ALL, KVM_PIECES_COUNT };

enum kvm_record_kind { KVM_RECORD_VM, KVM_RECORD_VCPU, KVM_RECORD_KINDS };

/* One open file of KVM: what goes before the pieces of its struct. */
struct kvm_record {
    uint32_t bytes; /* of the record, with the pieces behind it; a multiple of 8 */
    uint32_t kind;  /* enum kvm_record_kind */
    uint64_t object; /* address of its struct kvm or struct kvm_vcpu */
    uint64_t mm;     /* of its process */
    int32_t pid;     /* of the process, in the pid namespace of who reads; 0: not looked up */
    int32_t fd;
    int32_t tid; /* of a vCPU: of its thread; 0: none, or none in that namespace */
    uint32_t birth; /* of a VM: inode of its directory of debugfs; 0: it has none */
};

/* What says whether a guest is confidential; 0 where the kernel has no such member. */
struct kvm_vm_marks {
    uint8_t vm_type; /* as the kernel counts them: KVM_X86_*_VM of asm/kvm.h */
    uint8_t has_private_mem, has_protected_state;
    uint8_t sev_active, sev_es, sev_features;
    uint8_t unused[2];
};

/* A memslot as the kernel has it. */
struct kvm_slot_record {
    uint64_t gfn, pages, user_start, bitmap;
    uint32_t flags;
    uint16_t id, space;
};

/* One VM and some of its slots. */
struct kvm_slots_record {
    struct kvm_record head;
    struct kvm_vm_marks marks;
    uint64_t vm_mm;          /* whose memory it is */
    uint64_t generations[2]; /* of each address space, before */
    uint32_t is_torn;        /* they changed meanwhile */
    uint32_t total;          /* slots that there are, those left out too */
    uint32_t count;          /* of those that follow */
    uint32_t unused;
    struct kvm_slot_record slots[KVM_SLOTS_AT_ONCE];
};

#endif
