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

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/bpf/kvm_iter.h"
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
    size_t vm_bytes, vcpu_bytes; /* of these structs; KVM_STAT_MAX at most */
    struct kvm_place places[KVM_PLACE_COUNT];
};

/* kvm_member_read - number @i of member @m out of a copy of its struct. */
uint64_t kvm_member_read(const struct kvm_stat_member *m, size_t i, const uint8_t *stat);

/* What follows is there in builds with BPF only. */

struct btf;

/*
 * kvm_layout_read - out of the BTF of vmlinux, or of a module upon it. Pure.
 *
 * BTF that contradicts itself is an error, never a crash. 0; -ENODATA: it tells nothing of KVM;
 * -EBADMSG with a sentence: it lacks what is needed; -ENOMEM. Ends with kvm_layout_done.
 */
int kvm_layout_read(const struct btf *btf, struct kvm_layout *ret, struct error *err);
void kvm_layout_done(struct kvm_layout *layout);

/* kvm_layout_add - places that are not known yet, out of the BTF of another module. */
void kvm_layout_add(const struct btf *btf, struct kvm_layout *layout);

/*
 * kvm_layout_ranges - the pieces of struct kvm or struct kvm_vcpu that have to be copied: what
 * core/bpf/kvm_bpf.h tells of its file, and where @stats is true its counters, where @histograms is
 * true with the histograms. Pure. *@ret_end: how far they reach into the struct; bytes.
 */
void kvm_layout_ranges(const struct kvm_layout *layout, enum kvm_record_kind kind, bool stats,
                       bool histograms, struct kvm_ranges *ret, size_t *ret_end);

#endif
