/* SPDX-License-Identifier: MIT */
/* The items of the flat form of a sample, see core/model/sample_flat.h. */
#ifndef KVMLENS_CORE_MODEL_SAMPLE_FLAT_INTERNAL_H
#define KVMLENS_CORE_MODEL_SAMPLE_FLAT_INTERNAL_H

#include "core/base/flat.h"
#include "core/model/sample.h"

enum section {
    TEXT = 1,
    HEAD,
    HOST,
    SOURCE_NAMES,
    CAUSE_NAMES,
    COSTS,
    FIELDS,
    VMS,
    VCPUS,
    VM_GAUGES,
    VCPU_GAUGES,
    TIMES,
    READINGS,
    BUCKETS,
    BPF,
    HOST_GAUGES,
    DEVICES,
    DEVICE_COUNTS,
};

enum { HEAD_HAS_HOST = 1 << 0, HEAD_PROC_HIDES = 1 << 1 };

struct flat_head {
    int64_t wall_s;
    uint64_t wall_ns, read_ns, self_cpu_ns, duration_ns;
    uint64_t hidden_processes, hidden_vms, cut_processes;
    int32_t hidden_pid;
    uint32_t hidden_cause;
    uint32_t vm_gauges, vcpu_gauges; /* columns of their matrices */
    uint32_t buckets;                /* columns of the buckets */
    uint32_t flags;
};

enum {
    HOST_KVM = 1 << 0,
    HOST_DEBUGFS = 1 << 1,
    HOST_CAPS_KNOWN = 1 << 2,
    HOST_IS_ROOT = 1 << 3,
    HOST_BTF = 1 << 4
};

struct flat_host {
    struct flat_text name, kernel, debugfs;
    uint64_t mem_bytes, caps;
    uint32_t cpus, lockdown, flags, unused;
};

/* A section that may be missing: then nothing was asked, and nobody looked. */
struct flat_bpf {
    struct flat_text why;
    uint32_t state, obstacle;
};

struct flat_field {
    struct flat_text name;
    uint32_t bucket_size, bucket_index;
    int16_t exponent;
    uint16_t size;
    uint8_t scope, kind, unit, base;
};

enum {
    VM_GONE = 1 << 0,
    VM_BY_FD_ORDER = 1 << 1,
    VM_PROCESS_IS_CUT = 1 << 2,
    VM_SKIPPED = 1 << 3,
};

struct flat_vm {
    uint64_t start_ticks, born, object, ram_bytes;
    int32_t pid, fd, creator_tid;
    uint32_t vcpus;
    struct flat_text vmm, name_raw;
    uint8_t cause, fds_cause;
    uint16_t flags;
    uint8_t skip_cause, migration, unused[2];
};

struct flat_vcpu {
    int32_t id, tid;
    uint32_t cause, unused;
    struct flat_text cpus_allowed;
};

enum { DEVICE_READ_ONLY = 1 << 0 };

struct flat_device {
    uint64_t time_ns;
    struct flat_text name;
    uint32_t vm; /* of the list of VMs; ascending */
    uint8_t kind, flags, unused[2];
};

_Static_assert(sizeof(struct flat_head) == 88 && sizeof(struct flat_host) == 56 &&
                   sizeof(struct flat_field) == 24 && sizeof(struct flat_vm) == 72 &&
                   sizeof(struct flat_vcpu) == 24 && sizeof(struct flat_bpf) == 16 &&
                   sizeof(struct flat_device) == 24,
               "no item has gaps");
_Static_assert(sizeof(struct reading) == 16 && offsetof(struct reading, state) == 8 &&
                   offsetof(struct reading, source) == 9 && offsetof(struct reading, cause) == 10 &&
                   offsetof(struct reading, unused) == 11 && offsetof(struct reading, falls) == 12,
               "a reading in memory is a reading in the form");

/* sample_flat_source, ..._cause - the words that stand for SOURCE_... and CAUSE_... number @i. */
const char *sample_flat_source(size_t i);
const char *sample_flat_cause(size_t i);

/* sample_flat_swap - host to little-endian or back, in place; nothing to do on most machines. */
void sample_flat_swap(struct reading *readings, size_t count);

#endif
