// SPDX-License-Identifier: MIT
/*
 * Owns the reading of CPUID, XCR0 and the auxiliary vector, and their meaning. Knows nothing of
 * the kernels that are chosen with it.
 */
#include "accel/cpu.h"

#include <stdbool.h>
#include <stdio.h>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

#define LEAF1_EDX_SSE2      (1u << 26)
#define LEAF1_ECX_SSE41     (1u << 19)
#define LEAF1_ECX_OSXSAVE   (1u << 27)
#define LEAF1_ECX_AVX       (1u << 28)
#define LEAF7_EBX_AVX2      (1u << 5)
#define LEAF7_EBX_AVX512F   (1u << 16)
#define LEAF7_EBX_AVX512BW  (1u << 30)
#define LEAF7_EBX_AVX512VL  (1u << 31)
#define LEAF7_EBX_AVX512ALL (LEAF7_EBX_AVX512F | LEAF7_EBX_AVX512BW | LEAF7_EBX_AVX512VL)
#define XCR0_YMM            0x06u /* XMM and the upper halves of YMM */
#define XCR0_ZMM            0xe6u /* those, the mask registers, ZMM0-15's upper halves, ZMM16-31 */
#define ARM_HWCAP_ASIMD     (1u << 1)
#define VENDOR_EBX_AMD      0x68747541u /* "Auth" of AuthenticAMD */
#define FAMILY_ZEN3_ZEN4    0x19u
#define EXT1A_EAX_FP256     (1u << 2) /* the vector units are 256 bits wide */
#define EXT1A_EAX_FP512     (1u << 3)

static uint32_t family(uint32_t leaf1_eax)
{
    uint32_t base = leaf1_eax >> 8 & 15;
    return base == 15 ? base + (leaf1_eax >> 20 & 255) : base;
}

/* Zen 4 is the only one of AMD's family 19h with AVX-512 (Zen 3 has none), and moves 64 bytes as
 * two halves: 229 GB/s of plain 32-byte loads from L1 against 219 of 64-byte loads. Zen 5 is made
 * with units of either width, and firmware can halve the full ones: it says which in a leaf that
 * hypervisors may leave empty. */
static bool loads_in_halves(const struct cpu_id *id)
{
    if (id->vendor_ebx != VENDOR_EBX_AMD)
        return false;
    return family(id->leaf1_eax) == FAMILY_ZEN3_ZEN4 ||
           (id->ext1a_eax & (EXT1A_EAX_FP256 | EXT1A_EAX_FP512)) == EXT1A_EAX_FP256;
}

unsigned cpu_decode(const struct cpu_id *id)
{
    unsigned flags = 0;
    if (id->arm_hwcap & ARM_HWCAP_ASIMD)
        flags |= CPU_NEON;
    if (id->max_leaf < 1)
        return flags;
    if (id->leaf1_edx & LEAF1_EDX_SSE2)
        flags |= CPU_SSE2;
    if (id->leaf1_ecx & LEAF1_ECX_SSE41)
        flags |= CPU_SSE41;
    if (id->max_leaf < 7 || !(id->leaf1_ecx & LEAF1_ECX_AVX))
        return flags;

    /* Without OSXSAVE the OS has not turned XSAVE on: XGETBV would trap, and nothing is saved. */
    uint64_t saved = id->leaf1_ecx & LEAF1_ECX_OSXSAVE ? id->xcr0 : 0;
    if (!(id->leaf7_ebx & LEAF7_EBX_AVX2))
        return flags;
    flags |= (saved & XCR0_YMM) == XCR0_YMM ? CPU_AVX2 : CPU_AVX2_UNSAVED;
    if ((id->leaf7_ebx & LEAF7_EBX_AVX512ALL) == LEAF7_EBX_AVX512ALL)
        flags |= (saved & XCR0_ZMM) == XCR0_ZMM ? CPU_AVX512 : CPU_AVX512_UNSAVED;
    if ((flags & CPU_AVX512) && loads_in_halves(id))
        flags |= CPU_AVX512_HALVES;
    return flags;
}

#if defined(__x86_64__)
static uint64_t read_xcr0(void)
{
    uint32_t low, high;
    /* The intrinsic would need target("xsave") and so a caller that may have it inlined. */
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}
#endif

void cpu_read(struct cpu_id *ret_id)
{
    *ret_id = (struct cpu_id){0};
#if defined(__x86_64__)
    unsigned a = 0, b = 0, c = 0, d = 0;
    ret_id->max_leaf = __get_cpuid_max(0, &ret_id->vendor_ebx);
    if (__get_cpuid(1, &a, &b, &c, &d)) {
        ret_id->leaf1_eax = a;
        ret_id->leaf1_ecx = c;
        ret_id->leaf1_edx = d;
    }
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d))
        ret_id->leaf7_ebx = b;
    if (__get_cpuid(0x8000001a, &a, &b, &c, &d) && ret_id->vendor_ebx == VENDOR_EBX_AMD)
        ret_id->ext1a_eax = a;
    if (ret_id->leaf1_ecx & LEAF1_ECX_OSXSAVE)
        ret_id->xcr0 = read_xcr0();
#elif defined(__aarch64__)
    ret_id->arm_hwcap = getauxval(AT_HWCAP);
#endif
}

unsigned cpu_detect(void)
{
    struct cpu_id id;
    cpu_read(&id);
    return cpu_decode(&id);
}

size_t cpu_flag_names(unsigned flags, char *buf, size_t size)
{
    static const struct {
        unsigned flag;
        const char *name;
    } names[] = {
        {CPU_SSE2, "sse2"},
        {CPU_SSE41, "sse41"},
        {CPU_AVX2, "avx2"},
        {CPU_AVX512, "avx512"},
        {CPU_NEON, "neon"},
        {CPU_AVX512_HALVES, "avx512-in-halves"},
        {CPU_AVX2_UNSAVED, "avx2-not-saved-by-os"},
        {CPU_AVX512_UNSAVED, "avx512-not-saved-by-os"},
    };
    size_t len = 0;
    if (size > 0)
        buf[0] = '\0';
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (!(flags & names[i].flag))
            continue;
        int n = snprintf(len < size ? buf + len : NULL, len < size ? size - len : 0, "%s%s",
                         len > 0 ? " " : "", names[i].name);
        len += (size_t)n;
    }
    return len;
}
