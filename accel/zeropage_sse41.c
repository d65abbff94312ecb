// SPDX-License-Identifier: MIT
/*
 * 16-byte vectors tested with PTEST: the SSE4.1 step of the classic ladder of dispatch. The test is
 * all that differs from sse2, once in 512 bytes.
 */
#include "accel/zeropage.h"

#if defined(__x86_64__)
#include <smmintrin.h>

#include "accel/zeropage_sse.h"

#define TARGET __attribute__((target("sse4.1")))

TARGET static inline bool is_zero(__m128i v)
{
    return _mm_testz_si128(v, v);
}

TARGET static inline bool line_is_zero(const uint8_t *p)
{
    return is_zero(or_line(p));
}

TARGET static inline bool rest_is_zero(const uint8_t *p)
{
    return is_zero(or_rest(p));
}

TARGET static inline bool block_is_zero(const uint8_t *p)
{
    return is_zero(or_block(p));
}

TARGET size_t zeropage_sse41(const void *base, size_t npages, size_t page_size, uint64_t *ret_map)
{
    static const struct zeropage_kernels kernels = {line_is_zero, rest_is_zero, block_is_zero,
                                                    wipe};
    return zeropage_loop(base, npages, page_size, ret_map, &kernels);
}
#endif
