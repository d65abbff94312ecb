/* SPDX-License-Identifier: MIT */
/*
 * Can BPF programs really be loaded here? A check of --doctor for who asks with --bpf: the only way
 * to know what the verifier says.
 */
#ifndef KVMLENS_UI_APP_BPF_TRY_H
#define KVMLENS_UI_APP_BPF_TRY_H

#include "core/find/host_check.h"

/* bpf_try - loads them in a process of its own, with which they are gone again. As struct
 * host_check has it. */
void bpf_try(const struct rootfs *root, const struct host *host, struct check_result *ret);

/* bpf_try_exits - the same of the programs that count exits: they hang on KVM's trace events for a
 * moment, and watch nobody. */
void bpf_try_exits(const struct rootfs *root, const struct host *host, struct check_result *ret);

#endif
