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

#define WIPE(n) "movi v" #n ".2d, #0\n\t"

static inline void wipe(void)
{
    __asm__ volatile(WIPE(0) WIPE(1) WIPE(2) WIPE(3) WIPE(4) WIPE(5) WIPE(6) WIPE(7)
                     WIPE(8) WIPE(9) WIPE(10) WIPE(11) WIPE(12) WIPE(13) WIPE(14) WIPE(15)
                     WIPE(16) WIPE(17) WIPE(18) WIPE(19) WIPE(20) WIPE(21) WIPE(22) WIPE(23)
                     WIPE(24) WIPE(25) WIPE(26) WIPE(27) WIPE(28) WIPE(29) WIPE(30) WIPE(31)
                     : : : "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10",
                       "v11", "v12", "v13", "v14", "v15", "v16", "v17", "v18", "v19", "v20", "v21",
                       "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31");
}

size_t zeropage_neon(const void *base, size_t npages, size_t page_size, uint64_t *ret_map)
{
    static const struct zeropage_kernels kernels = {line_is_zero, rest_is_zero, block_is_zero,
                                                    wipe};
    return zeropage_loop(base, npages, page_size, ret_map, &kernels);
}
#endif
