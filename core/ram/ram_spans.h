/* SPDX-License-Identifier: MIT */
/*
 * Spans of numbers that may overlap become spans that do not: each number belongs to the best of
 * those that have it. A VM may map one page of memory as often as it has memslots, so n log n.
 * Pure.
 */
#ifndef KVMLENS_CORE_RAM_RAM_SPANS_H
#define KVMLENS_CORE_RAM_RAM_SPANS_H

#include <stddef.h>
#include <stdint.h>

struct ram_span {
    uint64_t start, end; /* start < end */
    uint64_t rank;       /* the lowest wins; of equal ones the lower @of */
    size_t of;           /* whatever the caller calls it by */
};

/*
 * ram_spans_settle - @spans, in any order, which is changed. *@ret: disjoint, ascending, at most
 * twice as many; a span that others are above of may be in several pieces. To be freed.
 * 0 or -ENOMEM.
 */
int ram_spans_settle(struct ram_span *spans, size_t count, struct ram_span **ret,
                     size_t *ret_count);

#endif
