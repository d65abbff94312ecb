/* SPDX-License-Identifier: MIT */
/* The items of the flat form of a count of exits, see core/model/exits_flat.h. */
#ifndef KVMLENS_CORE_MODEL_EXITS_FLAT_INTERNAL_H
#define KVMLENS_CORE_MODEL_EXITS_FLAT_INTERNAL_H

#include "core/base/flat.h"
#include "core/model/exits.h"

/* The maps of the kernel have no more; a thread that has just come counts. */
#define EXITS_THREADS_MAX ((size_t)1 << 14)
#define EXITS_REASONS_MAX ((size_t)1 << 17)
#define EXITS_KEYS_MAX    ((size_t)1 << 18)
#define EXITS_NAMES_MAX   ((size_t)1 << 14)

enum exits_section {
    EXITS_TEXT = 1,
    EXITS_HEAD,
    EXITS_THREADS,
    EXITS_REASONS,
    EXITS_KEYS,
    EXITS_NAMES,
};

struct flat_exits_head {
    struct flat_text why;
    uint64_t began_ns, taken_ns, missed, lost[EXIT_LOST_COUNT];
    uint32_t state, events;
    int32_t pid;
    uint32_t unused;
};

struct flat_exit_thread {
    int32_t tid, pid;
    uint64_t exits, untimed, guest_ns, open_ns;
    uint32_t open_isa, open_reason;
};

struct flat_exit_reason {
    int32_t tid;
    uint32_t isa, reason, unused;
    uint64_t count, timed, total_ns, min_ns, max_ns, buckets[EXIT_BUCKETS];
};

struct flat_exit_key {
    int32_t tid;
    uint32_t kind;
    uint64_t value, events, count;
};

struct flat_exit_name {
    uint32_t isa, reason;
    struct flat_text name;
};

_Static_assert(sizeof(struct flat_exits_head) == 72 && sizeof(struct flat_exit_thread) == 48 &&
                   sizeof(struct flat_exit_reason) == 56 + 8 * EXIT_BUCKETS &&
                   sizeof(struct flat_exit_key) == 32 && sizeof(struct flat_exit_name) == 16,
               "no item has gaps");

#endif
