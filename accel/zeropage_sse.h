/* SPDX-License-Identifier: MIT */
/*
 * What the two variants with 16-byte vectors of x86-64 share: all but the test for zero. Included
 * by accel/zeropage_sse2.c and accel/zeropage_sse41.c only.
 */
#ifndef KVMLENS_ACCEL_ZEROPAGE_SSE_H
#define KVMLENS_ACCEL_ZEROPAGE_SSE_H

#if defined(__x86_64__)
#include <emmintrin.h>

#include "accel/zeropage_loop.h"

/* Always: clang shies away from it where the caller has a target of its own. */
#define SSE_INLINE __attribute__((always_inline)) static inline

/* Two running ORs, so that neither waits for the other. */
struct ors {
    __m128i a, b;
};

SSE_INLINE __m128i load(const uint8_t *p)
{
    return _mm_loadu_si128((const __m128i *)p);
}

/* ORs the 64 bytes at @p into @s, in the order of their addresses. */
SSE_INLINE struct ors or_64(struct ors s, const uint8_t *p)
{
    s.a = _mm_or_si128(s.a, load(p));
    ZEROPAGE_IN_ORDER("x", s.a);
    s.b = _mm_or_si128(s.b, load(p + 16));
    ZEROPAGE_IN_ORDER("x", s.b);
    s.a = _mm_or_si128(s.a, load(p + 32));
    ZEROPAGE_IN_ORDER("x", s.a);
    s.b = _mm_or_si128(s.b, load(p + 48));
    ZEROPAGE_IN_ORDER("x", s.b);
    return s;
}

/* The same of the first line: nothing to OR it into yet. */
SSE_INLINE struct ors first_64(const uint8_t *p)
{
    struct ors s = {load(p), load(p + 16)};
    s.a = _mm_or_si128(s.a, load(p + 32));
    ZEROPAGE_IN_ORDER("x", s.a);
    s.b = _mm_or_si128(s.b, load(p + 48));
    ZEROPAGE_IN_ORDER("x", s.b);
    return s;
}

SSE_INLINE struct ors or_256(struct ors s, const uint8_t *p)
{
    return or_64(or_64(or_64(or_64(s, p), p + 64), p + 128), p + 192);
}

#define SSE_WIPE(n) "pxor %%xmm" #n ", %%xmm" #n "\n\t"

SSE_INLINE void wipe(void)
{
    __asm__ volatile(SSE_WIPE(0) SSE_WIPE(1) SSE_WIPE(2) SSE_WIPE(3) SSE_WIPE(4) SSE_WIPE(5)
                     SSE_WIPE(6) SSE_WIPE(7) SSE_WIPE(8) SSE_WIPE(9) SSE_WIPE(10) SSE_WIPE(11)
                     SSE_WIPE(12) SSE_WIPE(13) SSE_WIPE(14) SSE_WIPE(15)
                     : : : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
                       "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
}

SSE_INLINE __m128i both(struct ors s)
{
    return _mm_or_si128(s.a, s.b);
}

/* The ORs of the three pieces that struct zeropage_kernels asks about, in one vector. */
SSE_INLINE __m128i or_line(const uint8_t *p)
{
    return both(first_64(p));
}

SSE_INLINE __m128i or_rest(const uint8_t *p)
{
    return both(or_256(or_64(or_64(first_64(p), p + 64), p + 128), p + 192));
}

SSE_INLINE __m128i or_block(const uint8_t *p)
{
    struct ors s = or_64(or_64(or_64(first_64(p), p + 64), p + 128), p + 192);
    return both(or_256(s, p + 256));
}
#endif

#endif
