/* SPDX-License-Identifier: MIT */
/*
 * A guest that has a guest: a VM of one vCPU (L1) that starts another (L2) with the instructions of
 * AMD's SVM. L2 executes CPUID a known number of times, which L1 does not ask to see, so KVM alone
 * answers; then it calls L1 (VMMCALL), which ends both. All of it runs in the calling thread.
 *
 * Source: AMD64 Architecture Programmer's Manual, volume 2, appendix B (the VMCB).
 */
#ifndef KVMLENS_TESTS_LIB_NESTED_GUEST_H
#define KVMLENS_TESTS_LIB_NESTED_GUEST_H

#include <stdint.h>

#include "core/base/error.h"

/*
 * nested_guest_run - returns when L1 is done. 0, or with a sentence: -ENOTSUP (no KVM, no SVM in
 * guests), -EIO (it ended otherwise).
 */
int nested_guest_run(uint32_t cpuids, struct error *err);

#endif
