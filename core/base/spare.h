/* SPDX-License-Identifier: MIT */
/*
 * Spare: large blocks of memory that are given back and soon wanted again.
 *
 * What the kernel takes back it clears, page by page, before it gives it out again. With the
 * numbers of 16,000 vCPUs in each tick that takes several times as long as all else that is done
 * with them. So blocks are kept for the next tick, and freed when some ticks have no use for them.
 *
 * A block is memory of malloc(3), with whatever was in it before. One thread.
 */
#ifndef KVMLENS_CORE_BASE_SPARE_H
#define KVMLENS_CORE_BASE_SPARE_H

#include <stddef.h>

#define SPARE_BLOCKS    4
#define SPARE_BYTES_MIN ((size_t)256 << 10) /* smaller blocks are left to malloc */
#define SPARE_IDLE_MAX  16 /* other blocks taken, after which one that nobody wants is freed */

/* {0} is empty. */
struct spare {
    struct spare_block {
        void *memory; /* NULL: none */
        size_t bytes;
        unsigned idle; /* blocks taken since it was given back */
    } blocks[SPARE_BLOCKS];
};

/* spare_take - at least @bytes. NULL: no memory. Ends with spare_give or free(3). */
void *spare_take(struct spare *spare, size_t bytes);

/* spare_give - back to @spare; NULL: free(3). @memory may be NULL, or come from elsewhere. */
void spare_give(struct spare *spare, void *memory);

/* spare_done - free what is kept; it is empty then. */
void spare_done(struct spare *spare);

#endif
