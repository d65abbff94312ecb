/* SPDX-License-Identifier: MIT */
/*
 * What the kernel tells through /proc/PID/pagemap.
 *
 * PAGEMAP_SCAN is in include/uapi/linux/fs.h of Linux 6.7; written out because headers of older
 * systems lack it. The kernel accepts exactly this size. Never PM_SCAN_WP_MATCHING: it
 * write-protects. An entry: Documentation/admin-guide/mm/pagemap.rst.
 */
#ifndef KVMLENS_CORE_BASE_PAGEMAP_SCAN_H
#define KVMLENS_CORE_BASE_PAGEMAP_SCAN_H

#include <stdint.h>
#include <sys/ioctl.h>

struct pm_scan_arg {
    uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
    uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};
struct pm_region {
    uint64_t start, end, categories;
};
#define PM_SCAN_IOCTL   _IOWR('f', 16, struct pm_scan_arg)
#define PM_SCAN_PRESENT (1u << 3)
#define PM_SCAN_SWAPPED (1u << 4)
#define PM_SCAN_PFNZERO (1u << 5)
#define PM_SCAN_HUGE    (1u << 6)

/* An entry of /proc/PID/pagemap. */
#define PM_PFN_MASK ((1ull << 55) - 1)
#define PM_FILE     (1ull << 61)
#define PM_SWAP     (1ull << 62)
#define PM_PRESENT  (1ull << 63)

#endif
