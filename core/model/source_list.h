/* SPDX-License-Identifier: MIT */
/*
 * The sources of counters there are, best first: one row each, from which everything else that
 * lists them is made.
 *
 * A row adds a source; what it does is struct source_ops source_NAME in core/source/source_NAME.c.
 */
#ifndef KVMLENS_CORE_MODEL_SOURCE_LIST_H
#define KVMLENS_CORE_MODEL_SOURCE_LIST_H

#include <stdbool.h>
#include <stddef.h>

/* What a source gives. */
enum source_gives {
    GIVES_GAUGES = 1 << 0,        /* numbers that are no KVM counters */
    GIVES_COUNTERS = 1 << 1,      /* KVM's counters */
    GIVES_VCPU_COUNTERS = 1 << 2, /* each vCPU's own: the sums of a VM follow from them */
    GIVES_VCPU_SUMS = 1 << 3,     /* those of the vCPUs as sums of the VM only */
};

/*
 * X(id, name, brief, gives) - @id: SOURCE_id. @name: the word of --source and of the outputs, and
 * source_NAME. @brief: in a narrow column. @gives: enum source_gives.
 */
/* clang-format off */
#define SOURCES(X)                                                                                 \
    X(BPF,     bpf,     "bpf",  GIVES_COUNTERS | GIVES_VCPU_COUNTERS | GIVES_GAUGES)               \
    X(STATSFD, statsfd, "fd",   GIVES_COUNTERS | GIVES_VCPU_COUNTERS)                              \
    X(DEBUGFS, debugfs, "dbg",  GIVES_COUNTERS | GIVES_VCPU_SUMS | GIVES_GAUGES)                   \
    X(PROC,    proc,    "proc", GIVES_GAUGES)
/* clang-format on */

#define SOURCE_LIST_ID(id, name, brief, gives) SOURCE_##id,
enum reading_source { SOURCE_NONE, SOURCES(SOURCE_LIST_ID) SOURCE_COUNT };
#undef SOURCE_LIST_ID

/* Sets of sources. */
#define SOURCE_BIT(source) (1u << (source))
#define SOURCES_ALL        (SOURCE_BIT(SOURCE_COUNT) - SOURCE_BIT(SOURCE_NONE + 1))

#define SOURCE_BRIEF_MAX     8  /* bytes of a brief name, the NUL included */
#define SOURCE_PAIR_TEXT_MAX 16 /* of two of them */

/* reading_source_name - "statsfd", "debugfs", ..., the word of --source; "none". Static text. */
const char *reading_source_name(enum reading_source source);

/* source_gives - enum source_gives of a source; 0 of SOURCE_NONE. */
unsigned source_gives(enum reading_source source);

/*
 * sources_count_alike - may a number of one be subtracted from a number of the other? That is so
 * where both give each vCPU's own counters, for they read the same words of the kernel.
 */
bool sources_count_alike(enum reading_source a, enum reading_source b);

/* source_find - the source whose name are the @len bytes at @name; SOURCE_NONE: there is none. */
enum reading_source source_find(const char *name, size_t len);

/* sources_that_give - SOURCE_BIT set of those that give one of @gives. */
unsigned sources_that_give(unsigned gives);

/*
 * source_pair_text - in brief where the counters of a VM and those of its vCPUs come from: "fd",
 * "fd+dbg". A source without counters is left out beside one that has some.
 */
void source_pair_text(enum reading_source vm, enum reading_source vcpu,
                      char ret[SOURCE_PAIR_TEXT_MAX]);

#endif
