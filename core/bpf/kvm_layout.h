/* SPDX-License-Identifier: MIT */
/*
 * Where the kernel that runs keeps what: offsets from its BTF, and the counters by their names.
 *
 * Members of kvm_vm_stat and kvm_vcpu_stat come and go with kernels, so none is tabulated: names,
 * places and sizes are those of BTF, of vmlinux or of the module kvm.
 *
 * Source: include/linux/kvm_types.h (the generic ones), arch/ARCH/include/asm/kvm_host.h.
 */
#ifndef KVMLENS_CORE_BPF_KVM_LAYOUT_H
#define KVMLENS_CORE_BPF_KVM_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

#include "core/model/field.h"

/* One counter. */
struct kvm_stat_member {
    char name[FIELD_NAME_MAX]; /* as debugfs and stats descriptors call it: "exits" */
    uint32_t offset;           /* within its struct; bytes */
    uint16_t size;             /* 1, or the buckets of a histogram; each is a number of @bytes */
    uint8_t bytes;             /* 4 or 8; unsigned */
};

struct kvm_layout {
    struct kvm_stat_member *vm, *vcpu; /* of kvm_vm_stat, kvm_vcpu_stat; ascending offset */
    size_t vm_count, vcpu_count;
    size_t vm_bytes, vcpu_bytes; /* of these structs */
};

/* kvm_member_read - number @i of member @m out of a copy of its struct. */
uint64_t kvm_member_read(const struct kvm_stat_member *m, size_t i, const uint8_t *stat);

#endif
