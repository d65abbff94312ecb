// SPDX-License-Identifier: MIT
/*
 * The reference: what every other variant is compared with. It shares no line with them, not even
 * the page loop, so that a fault in what they share is seen. Written to be read, not to be fast.
 */
#include "accel/zeropage.h"

#include <string.h>

static bool page_is_zero(const unsigned char *page, size_t page_size)
{
    for (size_t i = 0; i < page_size; i += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, page + i, sizeof(word)); /* any alignment */
        if (word != 0)
            return false;
    }
    return true;
}

size_t zeropage_c(const void *base, size_t npages, size_t page_size, uint64_t *ret_map)
{
    const unsigned char *page = base;
    size_t zero_pages = 0;

    for (size_t i = 0; i < npages; i++, page += page_size) {
        if (i % 64 == 0)
            ret_map[i / 64] = 0;
        if (page_is_zero(page, page_size)) {
            ret_map[i / 64] |= UINT64_C(1) << (i % 64);
            zero_pages++;
        }
    }
    return zero_pages;
}
