/* SPDX-License-Identifier: MIT */
/*
 * What is behind an exit, in words: what it is called, and what stands there.
 *
 * Labels, ways and names of kinds are the same for people and for machines, and stay as they are.
 * What stands there is for people: of fixed numbers it is certain, of places that firmware or a VMM
 * chooses it says "probably", and where machines differ it says nothing.
 *
 * Pure, any thread. All texts are ASCII. Sources: Intel's SDM vol. 4, AMD's APM vol. 2 and PPRs,
 * linux/kvm_para.h, asm/hyperv-tlfs.h, QEMU's docs/specs and hw/i386, SeaBIOS's dev-q35.h.
 */
#ifndef KVMLENS_CORE_MODEL_EXIT_KEY_TEXT_H
#define KVMLENS_CORE_MODEL_EXIT_KEY_TEXT_H

#include <stdint.h>

#include "core/model/exit_kind.h"
#include "core/model/exit_reason.h"

#define EXIT_KEY_LABEL_BYTES  EXIT_NAME_BYTES /* with the NUL */
#define EXIT_KEY_DEVICE_BYTES 25              /* likewise: at most 24 characters */

/* exit_key_kind_name - "port", "mmio", "msr", "cpuid", "hypercall", "user", "nested"; "" of none.
 */
const char *exit_key_kind_name(enum exit_key_kind kind);

/* exit_key_way - "in", "out" of ports, "read", "write" of MMIO and MSRs, "" of all others. */
const char *exit_key_way(enum exit_key_kind kind);

/*
 * exit_key_plain - @value without what tells nothing: the index of CPUID leaves that have none,
 * where a guest leaves whatever was in ECX. Two of one kind whose plain values are equal are the
 * same, and have the same label.
 */
uint64_t exit_key_plain(enum exit_key_kind kind, uint64_t value);

/*
 * exit_key_label - what identifies it among those of its kind, into @buf. Returns @buf.
 *
 * "0x3f8" of ports and MSRs, "0xfee00000" of MMIO (the address of the page), "0x1" of CPUID, and
 * "0x7.0", "0x7.1" of leaves with an index, which is decimal. Hypercalls are decimal below 256
 * ("5"). Reasons, of the VMM or of a nested guest, are @name, or a number ("0x27") where it is NULL
 * or empty. A KVM_RUN that failed is "EINTR", or "errno 4" where the C library has no names.
 */
const char *exit_key_label(enum exit_key_kind kind, uint64_t value, const char *name,
                           char buf[static EXIT_KEY_LABEL_BYTES]);

/*
 * exit_key_device - what it is, into @buf: "COM1 serial", "IA32_TSC_DEADLINE", "topology",
 * "SEND_IPI"; "" where nothing is known. Returns @buf.
 */
const char *exit_key_device(enum exit_key_kind kind, uint64_t value,
                            char buf[static EXIT_KEY_DEVICE_BYTES]);

#endif
