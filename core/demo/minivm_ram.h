/* SPDX-License-Identifier: MIT */
/*
 * RAM of a minivm: the mapping and what is written into it, page by page, with the counts that a
 * scan of it must find. Knows nothing of KVM.
 */
#ifndef KVMLENS_CORE_DEMO_MINIVM_RAM_H
#define KVMLENS_CORE_DEMO_MINIVM_RAM_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"

#define MINIVM_PAGE_BYTES 4096u

enum minivm_backing {
    MINIVM_ANON,     /* private anonymous, MADV_NOHUGEPAGE: page counts hold on every host */
    MINIVM_ANON_THP, /* private anonymous, MADV_HUGEPAGE, aligned to 2 MiB */
    MINIVM_MEMFD,    /* shared mapping of a memfd named "memory-backend-memfd" */
    MINIVM_HUGETLB,  /* shared mapping of a memfd of 2 MiB pages; needs a pool of huge pages */
    MINIVM_BACKING_COUNT
};

enum minivm_fill {
    MINIVM_FILL_NONE,     /* left as it is */
    MINIVM_FILL_NONZERO,  /* every byte pseudo-random, the first byte not zero */
    MINIVM_FILL_ONE_BYTE, /* written with zeros, then one non-zero byte at @offset */
    MINIVM_FILL_ZERO,     /* written with zeros: resident, all zero */
    MINIVM_FILL_READ,     /* only read: private memory gets the shared zero page */
    MINIVM_FILL_MIX,      /* each page at random: ZERO, NONZERO or ONE_BYTE at a random offset */
    MINIVM_FILL_COUNT
};

/* Part of the RAM, in bytes from its start; both multiples of 4096. Later ranges win. */
struct minivm_range {
    uint64_t start, bytes;
    enum minivm_fill fill;
    uint32_t offset; /* ONE_BYTE: 0..4095 */
    uint32_t stride; /* every how many pages the fill applies; 0 and 1: each */
};

/*
 * Pages of 4096 bytes by what was done to them; they sum to @total. Huge pages make more of the
 * untouched ones resident: there only @nonzero, and the sum of the others, say what a scan finds.
 */
struct minivm_pages {
    uint64_t total, untouched, zero_mapped, zero_content, nonzero;
};

struct minivm_ram {
    uint8_t *base;
    uint64_t bytes;
    int fd; /* memfd; -1 for private memory */
    struct minivm_pages pages;
};

/*
 * minivm_ram_map - map @bytes (a multiple of 4096; of 2 MiB for HUGETLB), without reserving memory,
 * kept out of children by MADV_DONTFORK as QEMU does (flag "dc" of smaps). Returns 0, -EINVAL, or
 * what the kernel said with a sentence in @err. Ends with minivm_ram_unmap.
 */
int minivm_ram_map(uint64_t bytes, enum minivm_backing backing, struct minivm_ram *ret,
                   struct error *err);
void minivm_ram_unmap(struct minivm_ram *ram); /* NULL and unmapped ok */

/*
 * minivm_ram_fill - write the ranges and count the pages into @ram->pages.
 *
 * @seed: of all pseudo-random content, so that a run can be repeated; 0 stands for 1.
 * Shared memory has no zero_mapped pages: there a read allocates a page (zero_content).
 * Returns 0, -EINVAL for a range outside the RAM or not on page bounds, -ENOMEM.
 */
int minivm_ram_fill(struct minivm_ram *ram, const struct minivm_range *ranges, size_t count,
                    uint64_t seed, struct error *err);

#endif
