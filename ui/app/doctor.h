/* SPDX-License-Identifier: MIT */
/*
 * --doctor: the checks of core/find/host_check.h, for people or machines.
 */
#ifndef KVMLENS_UI_APP_DOCTOR_H
#define KVMLENS_UI_APP_DOCTOR_H

#include <stdbool.h>
#include <stdio.h>

#include "core/base/host.h"
#include "core/base/rootfs.h"

/*
 * doctor_run - runs all checks and prints each: finding, and for a problem its effect and its fix.
 * @json: one object of schema "kvmlens-doctor/1". @bpf: BPF was asked for, so it is tried.
 * Returns STATUS_DONE when no check is a problem, STATUS_PARTIAL when one is; -ENOMEM or -EIO when
 * @out is in error.
 */
int doctor_run(const struct rootfs *root, const struct host *host, bool json, bool bpf, FILE *out);

#endif
