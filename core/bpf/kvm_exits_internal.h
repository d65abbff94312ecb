/* SPDX-License-Identifier: MIT */
/* What the files of this module share; builds with BPF only. */
#ifndef KVMLENS_CORE_BPF_KVM_EXITS_INTERNAL_H
#define KVMLENS_CORE_BPF_KVM_EXITS_INTERNAL_H

#include "core/bpf/kvm_exits.h"

struct bpf_program;
struct trace_format;
struct kvm_exits_count; /* the skeleton, which bpftool makes of kvm_exits_count.bpf.c */

#define KVM_EXITS_PROGRAMS (KVM_EXITS_EVENT_COUNT + 1) /* and that at kvm_entry */

struct kvm_exits {
    struct kvm_exits_count *programs;
    struct exit_names names;
    /* descriptors: program (which @programs owns), and what it hangs on; -1: not used */
    int program_fds[KVM_EXITS_PROGRAMS], attached_fds[KVM_EXITS_PROGRAMS];
    int threads_map, reasons_map, keys_map, watched_map; /* which @programs owns */
    pid_t *watched;
    size_t watched_count;
};

/*
 * kvm_exits_patch - put the places of @format into the instructions of @program, which was compiled
 * with those of KVM_EXITS_PLACE_OF. 0, or with a sentence: -ENOTSUP, a field that is needed is not
 * there or has an odd size.
 */
int kvm_exits_patch(struct bpf_program *program, enum kvm_exits_event event,
                    const struct trace_format *format, struct error *err);

#endif
