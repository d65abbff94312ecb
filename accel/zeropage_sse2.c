// SPDX-License-Identifier: MIT
/*
 * 16-byte vectors of baseline x86-64; compare with zero and move the mask of bytes.
 */
#include "accel/zeropage.h"

#if defined(__x86_64__)
#include <emmintrin.h>

#include "accel/zeropage_sse.h"

static inline bool is_zero(__m128i v)
{
    return _mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_setzero_si128())) == 0xffff;
}

static inline bool line_is_zero(const uint8_t *p)
{
    return is_zero(or_line(p));
}

static inline bool rest_is_zero(const uint8_t *p)
{
    return is_zero(or_rest(p));
}

static inline bool block_is_zero(const uint8_t *p)
{
    return is_zero(or_block(p));
}

size_t zeropage_sse2(const void *base, size_t npages, size_t page_size, uint64_t *ret_map)
{
    static const struct zeropage_kernels kernels = {line_is_zero, rest_is_zero, block_is_zero,
                                                    wipe};
    return zeropage_loop(base, npages, page_size, ret_map, &kernels);
}
#endif
