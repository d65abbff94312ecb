// SPDX-License-Identifier: MIT
/*
 * 16-byte vectors tested with PTEST: the SSE4.1 step of the classic ladder of dispatch. The test is
 * all that differs from sse2, once in 512 bytes.
 */
#include "accel/zeropage.h"

#if defined(__x86_64__)
#include <smmintrin.h>

#include "accel/zeropage_loop.h"

#define TARGET __attribute__((target("sse4.1")))

/* Two running ORs, so that neither waits for the other. */
struct ors {
    __m128i a, b;
};

TARGET static inline __m128i load(const uint8_t *p)
{
    return _mm_loadu_si128((const __m128i *)p);
}

TARGET static inline bool is_zero(struct ors s)
{
    __m128i v = _mm_or_si128(s.a, s.b);
    return _mm_testz_si128(v, v);
}

/* ORs the 64 bytes at @p into @s, in the order of their addresses. */
TARGET static inline struct ors or_64(struct ors s, const uint8_t *p)
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
TARGET static inline struct ors first_64(const uint8_t *p)
{
    struct ors s = {load(p), load(p + 16)};
    s.a = _mm_or_si128(s.a, load(p + 32));
    ZEROPAGE_IN_ORDER("x", s.a);
    s.b = _mm_or_si128(s.b, load(p + 48));
    ZEROPAGE_IN_ORDER("x", s.b);
    return s;
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

TARGET size_t zeropage_sse41(const void *base, size_t npages, size_t page_size, uint64_t *ret_map)
{
    static const struct zeropage_kernels kernels = {line_is_zero, rest_is_zero, block_is_zero};
    return zeropage_loop(base, npages, page_size, ret_map, &kernels);
}
#endif
