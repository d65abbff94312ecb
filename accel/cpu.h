/* SPDX-License-Identifier: MIT */
/*
 * What the vector units of this CPU can be used for, as one word of flags.
 *
 * An instruction set counts as usable only when the CPU has it *and* the operating system saves its
 * registers: an AVX2 CPU under a kernel or hypervisor that leaves YMM out of XCR0 traps on the
 * first VEX instruction. Reading the registers and judging them are two functions, so that the
 * judgement is pure and is tested with tables of registers.
 */
#ifndef KVMLENS_ACCEL_CPU_H
#define KVMLENS_ACCEL_CPU_H

#include <stddef.h>
#include <stdint.h>

enum cpu_flag {
    CPU_SSE2 = 1u << 0,
    CPU_SSE41 = 1u << 1,
    CPU_AVX2 = 1u << 2,
    CPU_AVX512 = 1u << 3, /* F, BW and VL: what Skylake-SP brought, and no less */
    CPU_NEON = 1u << 4,
    CPU_AVX512_HALVES = 1u << 5, /* it has CPU_AVX512, but loads 64 bytes as two halves */
    /* The CPU has it, but it cannot be used: never set together with the flag it explains. */
    CPU_AVX2_UNSAVED = 1u << 8,   /* the OS does not save YMM registers */
    CPU_AVX512_UNSAVED = 1u << 9, /* the OS does not save ZMM and mask registers */
};

/* The raw registers that cpu_decode() judges. All zero is a CPU without any vector unit. */
struct cpu_id {
    uint32_t max_leaf;   /* CPUID.0:EAX; leaves above it are taken as absent, whatever they hold */
    uint32_t vendor_ebx; /* CPUID.0:EBX, the first four letters of the vendor */
    uint32_t leaf1_eax;  /* CPUID.1 */
    uint32_t leaf1_ecx;
    uint32_t leaf1_edx;
    uint32_t leaf7_ebx; /* CPUID.(7,0) */
    uint32_t ext1a_eax; /* CPUID.8000001A, AMD's hints for optimization; 0 when absent */
    uint64_t xcr0;      /* XGETBV(0); looked at only when leaf1_ecx has OSXSAVE */
    uint64_t arm_hwcap; /* arm64: AT_HWCAP of the auxiliary vector */
};

/*
 * cpu_decode - flags for a set of registers. Pure.
 *
 * @id: not NULL. Returns a set of `enum cpu_flag`.
 */
unsigned cpu_decode(const struct cpu_id *id);

/* cpu_detect - flags of the CPU this program runs on. Executes CPUID each time (microseconds under
 * a hypervisor): call it once and carry the result. Cannot fail, any thread. */
unsigned cpu_detect(void);

/*
 * cpu_read - the registers themselves, for a report or a test.
 *
 * @ret_id: filled whole; fields of other architectures are 0.
 */
void cpu_read(struct cpu_id *ret_id);

/*
 * cpu_flag_names - space-separated names of @flags, such as "sse2 sse41 avx2", in @buf.
 *
 * @size: bytes at @buf; the text is cut to fit and always terminated unless @size is 0; 128 is
 * enough for all. Returns the bytes a large enough buffer would hold, without the terminator.
 */
size_t cpu_flag_names(unsigned flags, char *buf, size_t size);

#endif
