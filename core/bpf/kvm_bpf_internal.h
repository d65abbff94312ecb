/* SPDX-License-Identifier: MIT */
/* What the files of this module share; builds with BPF only. */
#ifndef KVMLENS_CORE_BPF_KVM_BPF_INTERNAL_H
#define KVMLENS_CORE_BPF_KVM_BPF_INTERNAL_H

#include <sys/stat.h>

#include "core/bpf/kvm_bpf.h"
#include "core/bpf/kvm_layout.h"

struct kvm_iter; /* the skeleton, which bpftool makes of kvm_iter.bpf.c */

/* What is needed to read one process again: a number of a process, and no reference to it. */
struct kvm_bpf_link {
    pid_t pid;
    int fd;
};

struct kvm_bpf {
    const struct rootfs *root;
    struct kvm_iter *programs;
    int files_program, slots_program; /* descriptors of them, which @programs owns */
    int keep_below; /* links with higher numbers are closed at once: others need descriptors too */
    struct kvm_bpf_link *links; /* ascending pid */
    size_t link_count, link_cap;
    uint8_t *buffer; /* for one read: eight pages, more the kernel does not give */
    size_t buffer_bytes;
    bool has_layout;
    struct kvm_layout layout;
    struct error failure; /* why there is none */
    uint64_t module;      /* which KVM that is about, see kvm_bpf.c */
    unsigned wanted;      /* enum kvm_pieces: what the images are of */
    struct kvm_ranges ranges[KVM_PIECES_COUNT][KVM_RECORD_KINDS];
    /* one struct kvm and one struct kvm_vcpu, as far as their pieces reach; 0 between them */
    uint8_t *images[KVM_RECORD_KINDS];
    size_t image_bytes[KVM_RECORD_KINDS];
};

/*
 * kvm_bpf_vm_type - out of what the kernel has of it: never ordinary where something says that it
 * is not. Pure.
 */
enum kvm_vm_type kvm_bpf_vm_type(const struct kvm_vm_marks *marks);

union bpf_iter_link_info;

/* kvm_bpf_link - bpf_link_create of an iterator. @info NULL: over all. fd or a negative errno. */
int kvm_bpf_link(int program, union bpf_iter_link_info *info);

/* kvm_record_fn - @record is borrowed during the call; @record->bytes of it are there. */
typedef void kvm_record_fn(void *user, const struct kvm_record *record);

/*
 * kvm_bpf_run - run the program @program over the files of process @pid, 0: over those of all.
 * Calls @fn for each record. Links are kept where @keep is true. 0 or a negative errno; 1: it is
 * past @limit_ns.
 */
int kvm_bpf_run(struct kvm_bpf *bpf, int program, pid_t pid, bool keep, uint64_t limit_ns,
                kvm_record_fn *fn, void *user);

#endif
