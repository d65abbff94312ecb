/* SPDX-License-Identifier: MIT */
/* What is in flat form in memory of its own, for tests that change bytes of it. */
#ifndef KVMLENS_TESTS_LIB_FLAT_BLOCK_H
#define KVMLENS_TESTS_LIB_FLAT_BLOCK_H

#include <stddef.h>

#include "core/scan/scan_flat.h"

struct flat_block {
    void *bytes; /* of malloc(3) */
    size_t size;
};

/* flat_block_of_scan - running out of memory fails the test. */
struct flat_block flat_block_of_scan(const struct scan_report *report);

#endif
