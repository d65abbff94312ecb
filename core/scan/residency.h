/* SPDX-License-Identifier: MIT */
/*
 * Residency: which pages of a region have memory behind them, found out without touching any.
 *
 * The VMM's page table is asked with the PAGEMAP_SCAN ioctl (Linux 6.7), else through
 * /proc/PID/pagemap. What a file backs (memfd, hugetlbfs) may have pages that are in no page
 * table, so there the file itself is asked: lseek(SEEK_DATA) and mincore(2) through
 * /proc/PID/map_files.
 *
 * Sources: Documentation/admin-guide/mm/pagemap.rst; lseek(2); mincore(2).
 */
#ifndef KVMLENS_CORE_SCAN_RESIDENCY_H
#define KVMLENS_CORE_SCAN_RESIDENCY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/base/error.h"
#include "core/base/rootfs.h"
#include "core/ram/ram.h"

#define RESIDENCY_CHUNK_MAX (1ull << 30) /* bytes of address space that one system call looks at */

enum residency_kind {
    RESIDENCY_ABSENT,  /* nothing behind it */
    RESIDENCY_ZERO,    /* the kernel's shared zero page */
    RESIDENCY_MAPPED,  /* in the VMM's page table: may be read with process_vm_readv */
    /* memory of a file, maybe in no page table: may be read with pread, never through the VMM */
    RESIDENCY_FILE,
    /* hugetlbfs page that is in no page table: only pread tells whether it is there */
    RESIDENCY_MAYBE,
    RESIDENCY_SWAPPED, /* swapped out, under migration, or on disk only */
};

struct residency_run {
    uint64_t start, bytes; /* addresses in the VMM; multiples of 4096 */
    enum residency_kind kind;
};

/* One handle per thread. */
struct residency;

/*
 * residency_open - prepare for the regions of one process.
 * @use_scan: false never uses PAGEMAP_SCAN (for tests and comparison).
 * 0 or -EACCES/-EPERM/-ENOENT/-ESRCH/-ENOMEM with a sentence. Ends with residency_close (NULL ok).
 */
int residency_open(const struct rootfs *root, pid_t pid, bool use_scan, struct residency **ret,
                   struct error *err);
void residency_close(struct residency *residency);

/*
 * residency_set_region - the region that the next walks are about.
 * @file_fd: the file behind it, or -1 (then only the page table is asked). Borrowed until the
 * next call.
 * Returns 0 or a negative errno.
 */
int residency_set_region(struct residency *residency, const struct ram_region *region, int file_fd);

/* What to do with a run; returns 0 to go on, else the walk ends with that value. */
typedef int residency_fn(void *arg, const struct residency_run *run);

/*
 * residency_walk - hand [@start, @end) of the region to @fn, in ascending order and without gaps.
 * At most RESIDENCY_CHUNK_MAX bytes, memory use does not depend on the size.
 * Returns 0, what @fn returned, -ESRCH when the process is gone, or a negative errno.
 */
int residency_walk(struct residency *residency, uint64_t start, uint64_t end, residency_fn *fn,
                   void *arg);

/*
 * residency_hides_zero_page - was a page table looked at in which the kernel's zero page looks like
 * any other page that is mapped, RESIDENCY_MAPPED? Before Linux 6.7, without CAP_SYS_ADMIN.
 */
bool residency_hides_zero_page(const struct residency *residency);

/*
 * residency_huge_bytes - of all that was walked, what lay in huge pages. Without PAGEMAP_SCAN only
 * those of hugetlbfs are known.
 */
uint64_t residency_huge_bytes(const struct residency *residency);

#endif
