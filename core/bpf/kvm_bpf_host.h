/* SPDX-License-Identifier: MIT */
/* Why BPF programs cannot be loaded: what this room says of it; builds with BPF only. */
#ifndef KVMLENS_CORE_BPF_KVM_BPF_HOST_H
#define KVMLENS_CORE_BPF_KVM_BPF_HOST_H

#include <stdbool.h>

#include "core/base/error.h"
#include "core/base/host.h"
#include "core/base/rootfs.h"

/*
 * kvm_bpf_check_host - what stands in the way, as far as it can be seen before anything is tried:
 * what bpf_obstacle_find() says, but for the age of the kernel, which has the last word.
 * @needs_btf: of the kernel. 0, or -ENOTSUP (a saved tree), -EPERM (lockdown=confidentiality, a
 * capability), -ENODATA (no BTF), with a sentence.
 */
int kvm_bpf_check_host(const struct rootfs *root, const struct host *host, bool needs_btf,
                       struct error *err);

/*
 * kvm_bpf_explain_load - a sentence for what loading said, @result; what the verifier said, @log,
 * goes to a file that is named in it. Returns @result, or -ENOSYS on a kernel that is too old.
 */
int kvm_bpf_explain_load(int result, const char *log, const struct host *host, struct error *err);

#endif
