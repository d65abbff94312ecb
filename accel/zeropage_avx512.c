// SPDX-License-Identifier: MIT
/* 64-byte vectors, 512 bytes per test. */
#include "accel/zeropage.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include "accel/zeropage_loop.h"

#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl")))

TARGET static inline __m512i load(const uint8_t *p)
{
    return _mm512_loadu_si512(p);
}

/* The OR of the 256 bytes at @p. */
TARGET static inline __m512i or256(const uint8_t *p)
{
    return _mm512_or_si512(_mm512_or_si512(load(p), load(p + 64)),
                           _mm512_or_si512(load(p + 128), load(p + 192)));
}

TARGET static inline bool is_zero(__m512i v)
{
    return _mm512_test_epi64_mask(v, v) == 0;
}

TARGET static inline bool line_is_zero(const uint8_t *p)
{
    return is_zero(load(p));
}

TARGET static inline bool page_is_zero(const uint8_t *p, size_t size)
{
    size_t i = 0;
    for (; i + 512 <= size; i += 512) {
        if (!is_zero(_mm512_or_si512(or256(p + i), or256(p + i + 256))))
            return false;
    }
    for (; i < size; i += ZEROPAGE_LINE) {
        if (!line_is_zero(p + i))
            return false;
    }
    return true;
}

TARGET size_t zeropage_avx512(const void *base, size_t npages, size_t page_size, uint64_t *ret_map)
{
    return zeropage_loop(base, npages, page_size, ret_map, line_is_zero, page_is_zero);
}
#endif
