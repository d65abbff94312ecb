/* SPDX-License-Identifier: MIT */
/*
 * The page loop that all vector variants share; included by accel/zeropage_ISA.c only.
 *
 * A variant brings two kernels as constants and has the loop inlined around them, so each variant is
 * one function without a call per page.
 */
#ifndef KVMLENS_ACCEL_ZEROPAGE_LOOP_H
#define KVMLENS_ACCEL_ZEROPAGE_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ZEROPAGE_LINE 64 /* bytes that are tested before anything else, and the unit of a page */

typedef bool zeropage_line_fn(const uint8_t *p);                /* ZEROPAGE_LINE bytes at @p */
typedef bool zeropage_page_fn(const uint8_t *p, size_t size);   /* @size bytes, a multiple of it */

__attribute__((always_inline)) static inline size_t
zeropage_loop(const void *base, size_t npages, size_t page_size, uint64_t *ret_map,
              zeropage_line_fn *line_is_zero, zeropage_page_fn *page_is_zero)
{
    const uint8_t *page = base;
    size_t zero_pages = 0;

    for (size_t first = 0; first < npages; first += 64) {
        size_t n = npages - first < 64 ? npages - first : 64;
        uint64_t word = 0;
        for (size_t i = 0; i < n; i++, page += page_size) {
            if (!line_is_zero(page))
                continue;
            word |= (uint64_t)page_is_zero(page, page_size) << i;
        }
        ret_map[first / 64] = word;
        zero_pages += (size_t)__builtin_popcountll(word);
    }
    return zero_pages;
}

#endif
