/* SPDX-License-Identifier: MIT */
/* What the files of core/model/exits.h share: the order of their rows. */
#ifndef KVMLENS_CORE_MODEL_EXITS_INTERNAL_H
#define KVMLENS_CORE_MODEL_EXITS_INTERNAL_H

#include "core/model/exits.h"

static inline int exits_order(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static inline int exits_order_reasons(unsigned isa_a, uint32_t a, unsigned isa_b, uint32_t b)
{
    return isa_a != isa_b ? exits_order(isa_a, isa_b) : exits_order(a, b);
}

static inline int exits_order_keys(uint32_t kind_a, uint64_t a, uint32_t kind_b, uint64_t b)
{
    return kind_a != kind_b ? exits_order(kind_a, kind_b) : exits_order(a, b);
}

static inline int exits_compare_reasons(const struct exits_reason *a, const struct exits_reason *b)
{
    return a->tid != b->tid ? exits_order((uint64_t)a->tid, (uint64_t)b->tid)
                            : exits_order_reasons(a->isa, a->reason, b->isa, b->reason);
}

static inline int exits_compare_keys(const struct exits_key *a, const struct exits_key *b)
{
    return a->tid != b->tid ? exits_order((uint64_t)a->tid, (uint64_t)b->tid)
                            : exits_order_keys(a->kind, a->value, b->kind, b->value);
}

/* exits_find_name - in @count names that ascend; NULL: it is not among them. */
const char *exits_find_name(const struct exits_name *names, size_t count, unsigned isa,
                            uint32_t reason);

#endif
