/* SPDX-License-Identifier: MIT */
/*
 * What looking at a VM's memory several times has told: the way from who looks (a sampler) to the
 * curve of the writable working set (core/forecast).
 *
 * One run draws a random sample of pages once, without replacement, and looks at the same pages
 * at several moments. Two looks make a pair, which says how many pages differ between them. The
 * sample is drawn from the population: pages that had memory at the first look and were not the
 * shared zero page. Every page of it is equally likely to be drawn, and the sample is spread evenly
 * over it: what is written lies together more often than not.
 *
 * What the numbers cannot tell, and the curve therefore does not either:
 *   - a page that was written with the bytes it had already has not changed here, but QEMU sends it
 *     again: changed is a lower bound of dirtied;
 *   - a page that was changed and changed back between two looks likewise;
 *   - pages that get their memory after the first look are in no sample: newly_touched_per_s.
 *
 * Plain data, no pointers: it may be copied and sent. Pure, any thread.
 */
#ifndef KVMLENS_CORE_MODEL_DIRTY_LOOKS_H
#define KVMLENS_CORE_MODEL_DIRTY_LOOKS_H

#include <stddef.h>
#include <stdint.h>

#define DIRTY_LOOKS_MOST 24 /* looks of one run */
#define DIRTY_PAIRS_MOST (DIRTY_LOOKS_MOST * (DIRTY_LOOKS_MOST - 1) / 2)

/*
 * Looks i < j. All pairs of a run are given, not only neighbours: the long ones tell of pages that
 * are written again and again, the short ones of the rate. They are not independent of each other,
 * and the curve knows that.
 */
struct dirty_pair {
    double begin_s;   /* from the first look of the run to look i, 0 or more */
    double seconds;   /* from look i to look j, above 0: mean over the pages, each from its own read
                         in look i to its own in look j */
    uint64_t sampled; /* pages of the sample that could be read in both; 0 tells nothing */
    uint64_t changed; /* of them: their bytes differ */
};

/*
 * Where in memory: an equal part of all RAM, in the order in which QEMU sends it: RAM blocks by
 * size, the largest first, of one size that at the highest address first, within each by address.
 * Counted at the first look and at the last, or where the first ones are at a part of the sample
 * only, at the first one at each page.
 */
#define DIRTY_PLACES 64

struct dirty_place {
    uint32_t sampled; /* pages of the sample that lie there */
    uint32_t changed; /* of them: their bytes differ between the first look and the last */
};

/* Bits of dirty_looks.flags. */
enum dirty_looks_flag {
    DIRTY_LOOKS_LOAD_CHANGED = 1 << 0, /* at some looks the rate clearly differed from the others */
    DIRTY_LOOKS_STOPPED = 1 << 1,      /* no vCPU ran: nothing could change */
    DIRTY_LOOKS_CUT_SHORT = 1 << 2,    /* ended before the duration that was asked for */
};

struct dirty_looks {
    struct dirty_pair pairs[DIRTY_PAIRS_MOST]; /* any order */
    size_t pair_count;
    uint64_t population; /* pages of 4 KiB that the sample stands for */
    uint64_t sampled;    /* pages drawn, 1 to population; 0 with an empty population */
    double duration_s;   /* from the first look to the last */
    /* Pages of 4 KiB that get memory, per second: residency at the last look less that at the
     * first, over duration_s, never below 0. They are not in population. */
    double newly_touched_per_s;
    uint64_t zero_at_begin; /* pages of the sample that held only zero bytes when looked at first */
    uint64_t zero_at_end;   /* likewise at the last look */
    /* What one write makes dirty in the log of the VMM: 4096, or more where it logs huge pages as a
     * whole. KVM on x86 logs 4 KiB of any mapping, and so 4096 is right for QEMU there. */
    unsigned page_bytes_dirty;
    uint32_t flags; /* enum dirty_looks_flag */
    /* All 0: not known. Then pages that are written may lie anywhere, which makes forecasts for
     * guests of several GiB vaguer. */
    struct dirty_place places[DIRTY_PLACES];
};

#endif
