// SPDX-License-Identifier: MIT
/*
 * 64-byte vectors: a line is one load.
 */
#include "accel/zeropage.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include "accel/zeropage_loop.h"

#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl")))

/* Two running ORs, so that neither waits for the other. */
struct ors {
    __m512i a, b;
};

TARGET static inline __m512i load(const uint8_t *p)
{
    return _mm512_loadu_si512(p);
}

TARGET static inline bool is_zero(struct ors s)
{
    __m512i v = _mm512_or_si512(s.a, s.b);
    return _mm512_test_epi64_mask(v, v) == 0;
}

/* ORs the 128 bytes at @p into @s, in the order of their addresses. */
TARGET static inline struct ors or_128(struct ors s, const uint8_t *p)
{
    s.a = _mm512_or_si512(s.a, load(p));
    ZEROPAGE_IN_ORDER("v", s.a);
    s.b = _mm512_or_si512(s.b, load(p + 64));
    ZEROPAGE_IN_ORDER("v", s.b);
    return s;
}

TARGET static inline bool line_is_zero(const uint8_t *p)
{
    return is_zero((struct ors){load(p), _mm512_setzero_si512()});
}

TARGET static inline bool rest_is_zero(const uint8_t *p)
{
    struct ors s = {load(p), load(p + 64)};
    s = or_128(or_128(s, p + 128), p + 256);
    s.a = _mm512_or_si512(s.a, load(p + 384));
    return is_zero(s);
}

TARGET static inline bool block_is_zero(const uint8_t *p)
{
    struct ors s = {load(p), load(p + 64)};
    return is_zero(or_128(or_128(or_128(s, p + 128), p + 256), p + 384));
}

/* VZEROALL leaves the upper sixteen alone. */
#define WIPE(n) "vpxord %%zmm" #n ", %%zmm" #n ", %%zmm" #n "\n\t"

TARGET static inline void wipe(void)
{
    _mm256_zeroall();
    __asm__ volatile(WIPE(16) WIPE(17) WIPE(18) WIPE(19) WIPE(20) WIPE(21) WIPE(22) WIPE(23)
                     WIPE(24) WIPE(25) WIPE(26) WIPE(27) WIPE(28) WIPE(29) WIPE(30) WIPE(31)
                     : : : "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23",
                       "xmm24", "xmm25", "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31");
}

TARGET size_t zeropage_avx512(const void *base, size_t npages, size_t page_size, uint64_t *ret_map)
{
    static const struct zeropage_kernels kernels = {line_is_zero, rest_is_zero, block_is_zero,
                                                    wipe};
    return zeropage_loop(base, npages, page_size, ret_map, &kernels);
}
#endif
