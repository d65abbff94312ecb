// SPDX-License-Identifier: MIT
/*
 * 32-byte vectors; compare with zero and move the mask of bytes. VPTEST in its place measured the
 * same: 18.6 ns per page from L1, 128 to 130 from memory.
 */
#include "accel/zeropage.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include "accel/zeropage_loop.h"

#define TARGET __attribute__((target("avx2")))

/* Two running ORs, so that neither waits for the other. */
struct ors {
    __m256i a, b;
};

TARGET static inline __m256i load(const uint8_t *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

TARGET static inline bool is_zero(struct ors s)
{
    __m256i v = _mm256_or_si256(s.a, s.b);
    return _mm256_movemask_epi8(_mm256_cmpeq_epi8(v, _mm256_setzero_si256())) == -1;
}

/* ORs the 64 bytes at @p into @s, in the order of their addresses. */
TARGET static inline struct ors or_64(struct ors s, const uint8_t *p)
{
    s.a = _mm256_or_si256(s.a, load(p));
    ZEROPAGE_IN_ORDER("x", s.a);
    s.b = _mm256_or_si256(s.b, load(p + 32));
    ZEROPAGE_IN_ORDER("x", s.b);
    return s;
}

/* The same of the first line: nothing to OR it into yet. */
TARGET static inline struct ors first_64(const uint8_t *p)
{
    return (struct ors){load(p), load(p + 32)};
}

TARGET static inline struct ors or_256(struct ors s, const uint8_t *p)
{
    return or_64(or_64(or_64(or_64(s, p), p + 64), p + 128), p + 192);
}

TARGET static inline bool line_is_zero(const uint8_t *p)
{
    return is_zero(first_64(p));
}

TARGET static inline bool rest_is_zero(const uint8_t *p)
{
    return is_zero(or_256(or_64(or_64(first_64(p), p + 64), p + 128), p + 192));
}

TARGET static inline bool block_is_zero(const uint8_t *p)
{
    struct ors s = or_64(or_64(or_64(first_64(p), p + 64), p + 128), p + 192);
    return is_zero(or_256(s, p + 256));
}

TARGET static inline void wipe(void)
{
    _mm256_zeroall();
}

TARGET size_t zeropage_avx2(const void *base, size_t npages, size_t page_size, uint64_t *ret_map)
{
    static const struct zeropage_kernels kernels = {line_is_zero, rest_is_zero, block_is_zero,
                                                    wipe};
    return zeropage_loop(base, npages, page_size, ret_map, &kernels);
}
#endif
