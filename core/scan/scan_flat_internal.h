/* SPDX-License-Identifier: MIT */
/* The items of the flat form of a scan report, see core/scan/scan_flat.h. */
#ifndef KVMLENS_CORE_SCAN_SCAN_FLAT_INTERNAL_H
#define KVMLENS_CORE_SCAN_SCAN_FLAT_INTERNAL_H

#include "core/base/flat.h"
#include "core/scan/scan.h"

enum scan_section {
    SCAN_TEXT = 1,
    SCAN_HEAD,
    SCAN_COUNTS,
    SCAN_REGIONS,
    SCAN_SLICE_COUNTS,
    SCAN_WARNINGS,
    SCAN_DIRTY_HEAD,
    SCAN_PAIRS,
    SCAN_PLACES,
};

enum {
    SCAN_HEAD_PARTIAL = 1 << 0,
    SCAN_HEAD_REGIONS_CUT = 1 << 1,
    SCAN_HEAD_RESIDENCY_DONE = 1 << 2,
    SCAN_HEAD_ZERO_KNOWN = 1 << 3,
    SCAN_HEAD_ESTIMATE_VALID = 1 << 4,
    SCAN_HEAD_WIRE_VALID = 1 << 5,
    SCAN_HEAD_HAS_SLOTS = 1 << 6,
};

/* Names as in struct scan_report; what is said to be a double are its bits. */
struct flat_scan_head {
    uint64_t start_ticks, born; /* of the VM */
    uint64_t pages_total;
    uint64_t zero_ratio, zero_low, zero_high; /* doubles */
    uint64_t sampled, sampled_zero, population;
    uint64_t estimate_ratio, ci95_low, ci95_high, bytes_per_s; /* doubles */
    uint64_t wire_zero_pages, wire_normal_pages, wire_bytes;
    uint64_t elapsed_s, cpu_s, regions_cpu_s, residency_s; /* doubles */
    uint64_t bytes_read;
    int32_t pid, fd;
    int32_t error_code;
    uint32_t threads;
    struct flat_text error, accel;
    uint8_t state, phase, mode, unused;
    uint32_t flags;
};

enum {
    SCAN_REGION_SHARED = 1 << 0,
    SCAN_REGION_HAS_GFN = 1 << 1,
    SCAN_REGION_ROM = 1 << 2,
};

struct flat_scan_region {
    uint64_t start, bytes, map_start, map_end, file_offset, inode, rss_bytes, page_bytes;
    uint32_t dev_major, dev_minor;
    struct flat_text rule, name;
    uint8_t backing, skip;
    uint16_t flags;
    uint32_t unused;
    uint64_t gfn; /* 0 without SCAN_REGION_HAS_GFN */
};

/* Names as in struct scan_dirty and struct dirty_looks. */
struct flat_scan_dirty {
    uint64_t population, sampled, zero_at_begin, zero_at_end;
    uint64_t duration_s, newly_touched_per_s, vcpu_busy; /* doubles */
    uint64_t lost, grown_pages, huge_pages;
    uint32_t page_bytes_dirty, flags, look_count, voids, changed_looks;
    int32_t vfio_group;
};

struct flat_scan_pair {
    uint64_t begin_s, seconds; /* doubles */
    uint64_t sampled, changed;
};

struct flat_scan_place {
    uint32_t sampled, changed;
};

_Static_assert(sizeof(struct flat_scan_dirty) == 104 && sizeof(struct flat_scan_pair) == 32 &&
                   sizeof(struct flat_scan_place) == 8,
               "no item has gaps");
_Static_assert(sizeof(struct flat_scan_head) == 208 && sizeof(struct flat_scan_region) == 104 &&
                   sizeof(struct page_counts) == 8 * PAGE_CLASS_COUNT &&
                   sizeof(struct scan_slice) == 4 * PAGE_CLASS_COUNT,
               "no item has gaps");
_Static_assert(sizeof(double) == 8, "the bits of a double are those of IEEE 754");

#endif
