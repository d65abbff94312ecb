/* SPDX-License-Identifier: MIT */
/*
 * The page loop that all vector variants share; included by accel/zeropage_ISA.c only.
 *
 * A variant brings three kernels as constants and has the loop inlined around them, so that each
 * variant is one function without a call per page.
 *
 * What was measured (tests/bench/bench_zeropage.c and variations of it; Zen 4, 256 MiB, ns per
 * page, median of 9 to 15 turns each), and so how the loop is:
 * - First line, then the rest. In a real guest 98.6 % of the data pages show themselves in their
 *   first 64 bytes, 92.9 % in their first 8. Testing 256 bytes first costs 54 instead of 33 on the
 *   mix of a real VM, and 31 instead of 14 when the first byte is set.
 * - Loads in the order of addresses. The compiler turns a tree of ORs into loads that jump about
 *   within the block, and the hardware's stream detection suffers: 512-byte blocks of 64-byte
 *   vectors took 224 all zero, 144 with the loads in order. Hence ZEROPAGE_IN_ORDER.
 * - 512-byte blocks: 256 are as good in memory; in L1 the larger block hides the end of its chain
 * of
 *   ORs and the test. 128 loses 10 % there.
 * - No software prefetch. 512, 1024, 2048, 4096 bytes ahead into L1 in a stream of zero pages: 186,
 *   202, 185, 179 against 154 without; into L2 it is even, and costs 10 % when the data is in L1.
 *   One line per block, 4 KiB ahead, into L2, is the least harmful (1 % in L1, 3 % in L2) and gains
 *   nothing that two runs agree on: 28.6 to 34.6 against 28.5 to 36.5 (best of three runs each, mix
 *   of a real VM) once the caches are emptied before each turn. Without that it had seemed to gain
 *   20 %.
 * - No look-ahead. Testing the first lines of 8 or 64 pages before scanning any lets misses overlap
 *   but breaks the streams: 281 and 204 against 154 all zero. Keeping the next candidate one ahead
 *   and fetching its first lines gains 10 % on pages that are zero by the toss of a coin, 2 % on
 *     the
 *   mix of a real VM (whose runs are long), and loses 10 to 25 % all zero.
 * - Four streams within a page (a quarter each): 397. One stream it is.
 * - No non-temporal hint: PREFETCHNTA 1, 2 and 8 KiB ahead took 145, 139 and 134 against 130 all
 *   zero, and 28 against 24 in L1. Non-temporal loads differ from others only on write-combining
 *   memory.
 * - Huge or small pages are the business of who maps the buffer: memory mapped by 4 KiB takes 163
 *   where 2 MiB mappings take 127, and plain reads lose as much.
 */
#ifndef KVMLENS_ACCEL_ZEROPAGE_LOOP_H
#define KVMLENS_ACCEL_ZEROPAGE_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ZEROPAGE_LINE  64
#define ZEROPAGE_BLOCK 512

/* Ties vector @v to this place in the code, so that the ORs before it (and the loads that feed
 * them) are not rearranged. @constraint: the register class of the vector, "x", "v" or "w". */
#define ZEROPAGE_IN_ORDER(constraint, v) __asm__("" : "+" constraint(v))

/* Are the bytes at @p all zero? Any alignment. */
typedef bool zeropage_kernel(const uint8_t *p);

/* Sets the vector registers to 0: what they hold of a guest would be in a core dump. Once per
 * batch, so it costs nothing. */
typedef void zeropage_wipe(void);

struct zeropage_kernels {
    zeropage_kernel *line;  /* ZEROPAGE_LINE bytes */
    zeropage_kernel *rest;  /* ZEROPAGE_BLOCK - ZEROPAGE_LINE bytes: a block whose line is known */
    zeropage_kernel *block; /* ZEROPAGE_BLOCK bytes */
    zeropage_wipe *wipe;
};

/* The page of @size bytes at @p behind its first line, which is known to be zero. */
__attribute__((always_inline)) static inline bool zeropage_rest_of_page(
    const uint8_t *p, size_t size, const struct zeropage_kernels *k)
{
    const uint8_t *end = p + size, *blocks_end = p + size / ZEROPAGE_BLOCK * ZEROPAGE_BLOCK;

    if (size >= ZEROPAGE_BLOCK) {
        if (!k->rest(p + ZEROPAGE_LINE))
            return false;
        for (p += ZEROPAGE_BLOCK; p != blocks_end; p += ZEROPAGE_BLOCK) {
            if (!k->block(p))
                return false;
        }
    } else {
        p += ZEROPAGE_LINE;
    }
    for (; p != end; p += ZEROPAGE_LINE) {
        if (!k->line(p))
            return false;
    }
    return true;
}

/* A zeropage_fn (accel/zeropage.h) but for its last argument, which must be a constant. */
__attribute__((always_inline)) static inline size_t zeropage_loop(const void *base, size_t npages,
                                                                  size_t page_size,
                                                                  uint64_t *ret_map,
                                                                  const struct zeropage_kernels *k)
{
    const uint8_t *page = base;
    size_t zero_pages = 0;

    for (size_t first = 0; first < npages; first += 64) {
        size_t n = npages - first < 64 ? npages - first : 64;
        uint64_t word = 0;
        for (size_t i = 0; i < n; i++, page += page_size) {
            if (!k->line(page) || !zeropage_rest_of_page(page, page_size, k))
                continue;
            word |= UINT64_C(1) << i;
            zero_pages++;
        }
        ret_map[first / 64] = word;
    }
    k->wipe();
    return zero_pages;
}

#endif
