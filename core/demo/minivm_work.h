/* SPDX-License-Identifier: MIT */
/*
 * Guest code that does things a known number of times, for tests that count exits.
 *
 * Each is done in a loop by one instruction that a guest cannot do alone, and nothing else in the
 * loop needs KVM. The interpreter of such code is a CPU in real mode, which can be emulated too.
 */
#ifndef KVMLENS_CORE_DEMO_MINIVM_WORK_H
#define KVMLENS_CORE_DEMO_MINIVM_WORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * X(id, name, argument, default, largest)
 * Ports of MINIVM_PORT_* are taken. String reads read MINIVM_STRING_BYTES with one instruction.
 */
#define MINIVM_WORKS(X)                                                                            \
    X(PORT_WRITE, "out", "port", 0x84, 0xffff)                                                     \
    X(PORT_READ, "in", "port", 0x71, 0xffff)                                                       \
    X(PORT_STRING, "ins", "port", 0x72, 0xffff)                                                    \
    X(PORT_SWEEP, "sweep", "first port: each write goes to the next one", 0x1000, 0xffff)          \
    X(CPUID, "cpuid", "leaf", 0, UINT32_MAX)                                                       \
    X(MSR_READ, "rdmsr", "MSR", 0x1b, UINT32_MAX)                                                  \
    X(MSR_WRITE, "wrmsr", "MSR that takes 0", 0x277, UINT32_MAX)                                   \
    X(HALT, "hlt", "unused", 0, 0)                                                                 \
    X(MMIO_WRITE, "mmio-write", "address", 0xb8000, 0xbffff)                                       \
    X(MMIO_READ, "mmio-read", "address", 0xb9000, 0xbffff)                                         \
    X(HYPERCALL, "hypercall", "number", 1, UINT32_MAX)

#define MINIVM_WORK_ID(id, name, argument, fallback, largest) MINIVM_WORK_##id,
enum minivm_work_kind { MINIVM_WORKS(MINIVM_WORK_ID) MINIVM_WORK_KINDS };
#undef MINIVM_WORK_ID

#define MINIVM_PORT_ALIVE 0x80 /* guest code runs, and: a non-maskable interrupt came */
#define MINIVM_PORT_HALTS 0xe0 /* the next instruction halts, and wants to be woken */
#define MINIVM_PORT_DONE  0xe1 /* all is done */

#define MINIVM_STRING_BYTES   16      /* as the code has it, like the ports above */
#define MINIVM_STRING_ADDRESS 0x3800  /* where they are read to */
#define MINIVM_WORK_MMIO      0xa0000 /* from here to 1 MiB there is no RAM */
#define MINIVM_WORKS_MAX      16
#define MINIVM_WORK_BYTES     1024 /* of code, enough for as many */

struct minivm_work {
    enum minivm_work_kind kind;
    uint32_t count;    /* 0: not at all */
    uint32_t argument; /* what MINIVM_WORKS says */
};

/* minivm_work_name - one word; "" of no kind. */
const char *minivm_work_name(enum minivm_work_kind kind);

/* minivm_work_default - the argument of who names none. */
uint32_t minivm_work_default(enum minivm_work_kind kind);

/* minivm_work_is_valid - can there be code for it? */
bool minivm_work_is_valid(const struct minivm_work *work);

/*
 * minivm_work_code - the code of a vCPU: all of @works (valid, at most MINIVM_WORKS_MAX), each
 * @times times as often as it says; before it tells by port that it is alive, behind it twice that
 * it is done, and halts for good. It may lie anywhere. @is_amd: which instruction a hypercall is.
 * Returns how many bytes of @ret are used. Pure.
 */
size_t minivm_work_code(const struct minivm_work *works, size_t count, uint32_t times, bool is_amd,
                        uint8_t ret[static MINIVM_WORK_BYTES]);

#endif
