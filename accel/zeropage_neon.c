// SPDX-License-Identifier: MIT
/* 16-byte vectors of arm64, 128 bytes per test. */
#include "accel/zeropage.h"

#if defined(__aarch64__)
#include <arm_neon.h>

#include "accel/zeropage_loop.h"

/* The OR of the 64 bytes at @p. */
static inline uint8x16_t or64(const uint8_t *p)
{
    return vorrq_u8(vorrq_u8(vld1q_u8(p), vld1q_u8(p + 16)),
                    vorrq_u8(vld1q_u8(p + 32), vld1q_u8(p + 48)));
}

/* UMAXV over four lanes: one reduction per test, and cheaper than over sixteen. */
static inline bool is_zero(uint8x16_t v)
{
    return vmaxvq_u32(vreinterpretq_u32_u8(v)) == 0;
}

static inline bool line_is_zero(const uint8_t *p)
{
    return is_zero(or64(p));
}

static inline bool page_is_zero(const uint8_t *p, size_t size)
{
    size_t i = 0;
    for (; i + 128 <= size; i += 128) {
        if (!is_zero(vorrq_u8(or64(p + i), or64(p + i + 64))))
            return false;
    }
    return i == size || line_is_zero(p + i);
}

size_t zeropage_neon(const void *base, size_t npages, size_t page_size, uint64_t *ret_map)
{
    return zeropage_loop(base, npages, page_size, ret_map, line_is_zero, page_is_zero);
}
#endif
