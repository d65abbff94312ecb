/* SPDX-License-Identifier: MIT */
/*
 * Fields: what a counter is called and what kind of number it is.
 *
 * Names, kinds and units differ per architecture and kernel version, so none is tabulated: binary
 * stats descriptors bring their own, and debugfs files get theirs from a descriptor of the same
 * name, else from core/model/field_known.c, else from the file's mode. A field's index never
 * changes once it is given out.
 *
 * Source: Documentation/virt/kvm/api.rst, KVM_GET_STATS_FD; include/uapi/linux/kvm.h.
 */
#ifndef KVMLENS_CORE_MODEL_FIELD_H
#define KVMLENS_CORE_MODEL_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Order and values of kind and unit are those of KVM_STATS_TYPE_* and KVM_STATS_UNIT_*. */
enum field_kind {
    FIELD_CUMULATIVE,  /* only grows: has a rate */
    FIELD_INSTANT,     /* a gauge */
    FIELD_PEAK,        /* the largest value so far */
    FIELD_LINEAR_HIST, /* bucket i counts [bucket_size*i, bucket_size*(i+1)), the last is open */
    FIELD_LOG_HIST,    /* bucket 0 counts [0,1), bucket i [2^(i-1), 2^i), the last is open */
    FIELD_KIND_COUNT
};

enum field_unit {
    FIELD_NONE,
    FIELD_BYTES,
    FIELD_SECONDS,
    FIELD_CYCLES,
    FIELD_BOOLEAN,
    FIELD_UNIT_COUNT
};

enum field_scope { FIELD_VM, FIELD_VCPU };

#define FIELD_NAME_MAX 64  /* bytes with NUL; the kernel's are 48 */
#define FIELD_MAX 512      /* fields of one table: a bound against a hostile schema */
#define FIELD_BUCKETS_MAX 1024 /* of one histogram */

struct field {
    char name[FIELD_NAME_MAX]; /* [a-zA-Z0-9_.-] only */
    enum field_scope scope;
    enum field_kind kind;
    enum field_unit unit;
    uint8_t base;         /* 10 or 2: value = raw * base^exponent */
    int16_t exponent;     /* of a histogram: of its bucket bounds, its values are counts */
    uint16_t size;        /* 1, or the buckets of a histogram */
    uint32_t bucket_size; /* linear histograms: width of a bucket; else 0 */
    size_t bucket_index;  /* histograms: first of its @size places in an entity's buckets */
};

/* Append-only; main thread. Pointers into @fields last until the next field_table_add. */
struct field_table {
    struct field *fields;
    size_t count, cap;
    size_t bucket_count; /* of all histograms together */
};

void field_table_done(struct field_table *table);

/*
 * field_table_add - the index of the field that equals @field (all but bucket_index); added when
 * new. Returns the index, -EINVAL for a name or shape out of bounds, -ENOSPC when FIELD_MAX are
 * there, -ENOMEM.
 */
int field_table_add(struct field_table *table, const struct field *field);

/* field_table_find - index of the first field of that name, or -ENOENT. */
int field_table_find(const struct field_table *table, const char *name);

bool field_is_hist(const struct field *field);

/*
 * field_kind_name, ... - stable lower-case words for JSON and lists: "cumulative", "seconds",
 * "vcpu"
 */
const char *field_kind_name(enum field_kind kind);
const char *field_unit_name(enum field_unit unit);
const char *field_scope_name(enum field_scope scope);

/*
 * field_bucket_range - half-open bounds of bucket @i of a histogram, in raw units (multiply by
 * base^exponent). The last bucket has no upper bound: *@ret_high is UINT64_MAX.
 */
void field_bucket_range(const struct field *field, size_t i, uint64_t *ret_low, uint64_t *ret_high);

/*
 * field_known - what we know of a well-known counter beyond the kernel's schema.
 * NULL for a name that is not in the table, which is no error: names come and go with kernels.
 */
struct field_known {
    const char *name;
    enum field_scope scope;
    enum field_kind kind;
    enum field_unit unit;
    int16_t exponent;
    uint16_t size;    /* 1, or the buckets of a histogram */
    const char *text; /* what it counts and what a high value means, one plain sentence or two */
};
const struct field_known *field_known(const char *name);

/* field_known_at - the whole table, ascending by name; @i below field_known_count(). */
size_t field_known_count(void);
const struct field_known *field_known_at(size_t i);

#endif
