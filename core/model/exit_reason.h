/* SPDX-License-Identifier: MIT */
/*
 * Reasons of exits: a number, which means one thing on Intel's processors and another on AMD's.
 *
 * Pure, any thread. Source: arch/x86/include/uapi/asm/{vmx,svm}.h, arch/arm64/include/asm/esr.h,
 * linux/kvm.h.
 */
#ifndef KVMLENS_CORE_MODEL_EXIT_REASON_H
#define KVMLENS_CORE_MODEL_EXIT_REASON_H

#include <stdbool.h>
#include <stdint.h>

#include "core/model/exit_kind.h"

/* 1 and 2 as the kernel has them in its events (KVM_ISA_VMX, KVM_ISA_SVM); others are ours. Part
 * of the flat form of a count. */
enum exit_isa {
    EXIT_ISA_UNKNOWN,
    EXIT_ISA_VMX,
    EXIT_ISA_SVM,
    EXIT_ISA_ARM64,      /* exception class of a trap (ESR_ELx.EC) */
    EXIT_ISA_ARM64_CODE, /* why else the guest was left: an interrupt, an error */
    EXIT_ISA_USER,       /* no instruction set: why KVM_RUN returned (KVM_EXIT_*) */
    EXIT_ISA_COUNT
};

#define EXIT_NAME_BYTES 64 /* of a reason, with the NUL */

/* exit_isa_name - "vmx", "svm", "arm64", "user"; "" of none that is known. */
const char *exit_isa_name(enum exit_isa isa);

/* exit_is_halt - the guest waits for something to do. */
bool exit_is_halt(enum exit_isa isa, uint32_t reason);

#define EXIT_KEY_BIT(kind) (1u << (kind))

/*
 * exit_reason_kinds - what can be behind it: EXIT_KEY_BIT mask. EXIT_KEY_USER and EXIT_KEY_NESTED
 * can be behind any, and are in none.
 */
uint32_t exit_reason_kinds(enum exit_isa isa, uint32_t reason);

#endif
