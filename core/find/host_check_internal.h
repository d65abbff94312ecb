/* SPDX-License-Identifier: MIT */
/*
 * Checks of core/find/host_check.h that have a file of their own.
 */
#ifndef KVMLENS_CORE_FIND_HOST_CHECK_INTERNAL_H
#define KVMLENS_CORE_FIND_HOST_CHECK_INTERNAL_H

#include "core/find/host_check.h"
#include "core/model/bpf_status.h"

/* host_check_bpf - as struct host_check has it. */
void host_check_bpf(const struct rootfs *root, const struct host *host, struct check_result *ret);

/* host_check_exits - likewise. */
void host_check_exits(const struct rootfs *root, const struct host *host, struct check_result *ret);

/* host_check_is_in_namespace - of processes, that is not the host's. What is not known is none. */
bool host_check_is_in_namespace(const struct rootfs *root);

/* host_check_bpf_obstacle - what keeps BPF from who runs this. Nothing is loaded to find out. */
enum bpf_obstacle host_check_bpf_obstacle(const struct rootfs *root, const struct host *host);

/* host_check_bpf_found - what is to be said of that obstacle. Pure. */
void host_check_bpf_found(const struct host *host, enum bpf_obstacle obstacle,
                          struct check_result *ret);

#endif
