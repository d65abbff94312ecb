// SPDX-License-Identifier: MIT
/* 16-byte vectors tested with PTEST, the SSE4.1 step of the classic dispatch ladder. */
#include "accel/zeropage.h"

#if defined(__x86_64__)
#include <smmintrin.h>

#include "accel/zeropage_loop.h"

#define TARGET __attribute__((target("sse4.1")))

TARGET static inline __m128i load(const uint8_t *p)
{
    return _mm_loadu_si128((const __m128i *)p);
}

/* The OR of the 64 bytes at @p. */
TARGET static inline __m128i or64(const uint8_t *p)
{
    return _mm_or_si128(_mm_or_si128(load(p), load(p + 16)),
                        _mm_or_si128(load(p + 32), load(p + 48)));
}

TARGET static inline bool line_is_zero(const uint8_t *p)
{
    __m128i v = or64(p);
    return _mm_testz_si128(v, v);
}

TARGET static inline bool page_is_zero(const uint8_t *p, size_t size)
{
    size_t i = 0;
    for (; i + 128 <= size; i += 128) {
        __m128i v = _mm_or_si128(or64(p + i), or64(p + i + 64));
        if (!_mm_testz_si128(v, v))
            return false;
    }
    return i == size || line_is_zero(p + i);
}

TARGET size_t zeropage_sse41(const void *base, size_t npages, size_t page_size, uint64_t *ret_map)
{
    return zeropage_loop(base, npages, page_size, ret_map, line_is_zero, page_is_zero);
}
#endif
