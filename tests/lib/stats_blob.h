/* SPDX-License-Identifier: MIT */
/*
 * Bytes as KVM's binary stats files have them, for tests.
 */
#ifndef KVMLENS_TESTS_LIB_STATS_BLOB_H
#define KVMLENS_TESTS_LIB_STATS_BLOB_H

#include <stddef.h>
#include <stdint.h>

#define STATS_BLOB_MAX 65536

struct stats_blob_item {
    const char *name;
    uint32_t flags; /* type | unit << 4 | base << 8 */
    int16_t exponent;
    uint16_t size;
    uint32_t bucket_size;
    uint64_t value; /* of the first u64; the i-th of a histogram holds value + i */
};

/* stats_blob_make - whole file into @out[STATS_BLOB_MAX]; its length. */
size_t stats_blob_make(const char *id, const struct stats_blob_item *items, size_t count,
                       char *out);

#endif
