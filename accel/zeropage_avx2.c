// SPDX-License-Identifier: MIT
/* 32-byte vectors, 256 bytes per test. */
#include "accel/zeropage.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include "accel/zeropage_loop.h"

#define TARGET __attribute__((target("avx2")))

TARGET static inline __m256i load(const uint8_t *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

/* The OR of the 128 bytes at @p. */
TARGET static inline __m256i or128(const uint8_t *p)
{
    return _mm256_or_si256(_mm256_or_si256(load(p), load(p + 32)),
                           _mm256_or_si256(load(p + 64), load(p + 96)));
}

TARGET static inline bool line_is_zero(const uint8_t *p)
{
    __m256i v = _mm256_or_si256(load(p), load(p + 32));
    return _mm256_testz_si256(v, v);
}

TARGET static inline bool page_is_zero(const uint8_t *p, size_t size)
{
    size_t i = 0;
    for (; i + 256 <= size; i += 256) {
        __m256i v = _mm256_or_si256(or128(p + i), or128(p + i + 128));
        if (!_mm256_testz_si256(v, v))
            return false;
    }
    for (; i < size; i += ZEROPAGE_LINE) {
        if (!line_is_zero(p + i))
            return false;
    }
    return true;
}

TARGET size_t zeropage_avx2(const void *base, size_t npages, size_t page_size, uint64_t *ret_map)
{
    return zeropage_loop(base, npages, page_size, ret_map, line_is_zero, page_is_zero);
}
#endif
