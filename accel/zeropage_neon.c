// SPDX-License-Identifier: MIT
/*
 * 16-byte vectors of arm64.
 */
#include "accel/zeropage.h"

#if defined(__aarch64__)
#include <arm_neon.h>

#include "accel/zeropage_loop.h"

/* Two running ORs, so that neither waits for the other. */
struct ors {
    uint8x16_t a, b;
};

static inline uint8x16_t load(const uint8_t *p)
{
    return vld1q_u8(p);
}

static inline bool is_zero(struct ors s)
{
    /* UMAXV over four lanes is quicker than over sixteen, and answers the same. */
    return vmaxvq_u32(vreinterpretq_u32_u8(vorrq_u8(s.a, s.b))) == 0;
}

/* ORs the 64 bytes at @p into @s, in the order of their addresses. */
static inline struct ors or_64(struct ors s, const uint8_t *p)
{
    s.a = vorrq_u8(s.a, load(p));
    ZEROPAGE_IN_ORDER("w", s.a);
    s.b = vorrq_u8(s.b, load(p + 16));
    ZEROPAGE_IN_ORDER("w", s.b);
    s.a = vorrq_u8(s.a, load(p + 32));
    ZEROPAGE_IN_ORDER("w", s.a);
    s.b = vorrq_u8(s.b, load(p + 48));
    ZEROPAGE_IN_ORDER("w", s.b);
    return s;
}

/* The same of the first line: nothing to OR it into yet. */
static inline struct ors first_64(const uint8_t *p)
{
    struct ors s = {load(p), load(p + 16)};
    s.a = vorrq_u8(s.a, load(p + 32));
    ZEROPAGE_IN_ORDER("w", s.a);
    s.b = vorrq_u8(s.b, load(p + 48));
    ZEROPAGE_IN_ORDER("w", s.b);
    return s;
}

static inline struct ors or_256(struct ors s, const uint8_t *p)
{
    return or_64(or_64(or_64(or_64(s, p), p + 64), p + 128), p + 192);
}

static inline bool line_is_zero(const uint8_t *p)
{
    return is_zero(first_64(p));
}

static inline bool rest_is_zero(const uint8_t *p)
{
    return is_zero(or_256(or_64(or_64(first_64(p), p + 64), p + 128), p + 192));
}

static inline bool block_is_zero(const uint8_t *p)
{
    struct ors s = or_64(or_64(or_64(first_64(p), p + 64), p + 128), p + 192);
    return is_zero(or_256(s, p + 256));
}

size_t zeropage_neon(const void *base, size_t npages, size_t page_size, uint64_t *ret_map)
{
    static const struct zeropage_kernels kernels = {line_is_zero, rest_is_zero, block_is_zero};
    return zeropage_loop(base, npages, page_size, ret_map, &kernels);
}
#endif
