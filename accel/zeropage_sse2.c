// SPDX-License-Identifier: MIT
/* 16-byte vectors of baseline x86-64: OR, compare with zero, move the byte mask. */
#include "accel/zeropage.h"

#if defined(__x86_64__)
#include <emmintrin.h>

#include "accel/zeropage_loop.h"

static inline __m128i load(const uint8_t *p)
{
    return _mm_loadu_si128((const __m128i *)p);
}

static inline bool is_zero(__m128i v)
{
    return _mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_setzero_si128())) == 0xffff;
}

/* The OR of the 64 bytes at @p. */
static inline __m128i or64(const uint8_t *p)
{
    return _mm_or_si128(_mm_or_si128(load(p), load(p + 16)),
                        _mm_or_si128(load(p + 32), load(p + 48)));
}

static inline bool line_is_zero(const uint8_t *p)
{
    return is_zero(or64(p));
}

static inline bool page_is_zero(const uint8_t *p, size_t size)
{
    size_t i = 0;
    for (; i + 128 <= size; i += 128) {
        if (!is_zero(_mm_or_si128(or64(p + i), or64(p + i + 64))))
            return false;
    }
    return i == size || line_is_zero(p + i);
}

size_t zeropage_sse2(const void *base, size_t npages, size_t page_size, uint64_t *ret_map)
{
    return zeropage_loop(base, npages, page_size, ret_map, line_is_zero, page_is_zero);
}
#endif
