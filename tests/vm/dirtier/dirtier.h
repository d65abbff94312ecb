// SPDX-License-Identifier: MIT
/*
 * What a dirtier and who started it tell each other: two pages of the guest's memory. All words are
 * little-endian and 64 bits wide; tests/forecast/dirtier.py knows the same order.
 */
#ifndef TESTS_VM_DIRTIER_H
#define TESTS_VM_DIRTIER_H

/* Guest-physical addresses. */
#define DIRTIER_PML4   0x1000
#define DIRTIER_PDPT   0x2000
#define DIRTIER_PDS    0x3000 /* DIRTIER_GIB pages */
#define DIRTIER_GIB    16     /* that the guest can reach */
#define DIRTIER_CODE   0x20000
#define DIRTIER_STACK  0x80000 /* grows down from here */
#define DIRTIER_STACK0 0x88000 /* of interrupts */
#define DIRTIER_ORDERS 0x90000
#define DIRTIER_REPORT 0x91000
#define DIRTIER_CLOCK  0x92000 /* kvm-clock, read once */
#define DIRTIER_TSS    0x93000
#define DIRTIER_IDT    0x94000
#define DIRTIER_FIRST  0x100000 /* memory from here on is what the orders are about */

#define DIRTIER_COPY  0x4000 /* bytes of the image that go to DIRTIER_CODE */
#define DIRTIER_BOOT  0xf000 /* where in the image the rest begins */
#define DIRTIER_MAGIC 0x7265697472696454

#define DIRTIER_SLEEP 6    /* invalid opcode: halt until the timer's interrupt */
#define DIRTIER_TICK  0x20 /* interrupt of the timer */

#ifndef __ASSEMBLER__
#include <stdint.h>

enum dirtier_pattern {
    DIRTIER_IDLE,
    DIRTIER_UNIFORM,    /* each page of the set alike */
    DIRTIER_HOT,        /* hot_share of the writes go to the first hot_pages */
    DIRTIER_SEQUENTIAL, /* one after the other, then from the first again */
};

/*
 * Written before the guest starts, or while it runs: then generation last. Pages are counted from
 * guest-physical 0, without the hole below 4 GiB.
 */
struct dirtier_orders {
    uint64_t magic;
    uint64_t generation; /* orders are read again when this changes */
    uint64_t below_4g;   /* bytes of RAM below the hole */
    uint64_t hz;         /* of the TSC; 0: kvm-clock tells */
    uint64_t seed;
    uint64_t fill_first, fill_pages; /* filled once, at the beginning */
    uint64_t fill_nonzero;           /* of 65536: share of them that get content */
    uint64_t fill_zero;              /* of 65536: share that is written with zeros */
    uint64_t pattern;                /* enum dirtier_pattern */
    uint64_t set_first, set_pages;   /* the working set; more than 0 pages unless idle */
    uint64_t set_stride;             /* each so many pages, 1: all */
    uint64_t set_prefill;            /* not 0: each page of the set is written once before */
    uint64_t rate;                   /* writes in a second, while it is on */
    uint64_t on_us, off_us;          /* off 0: always on */
    uint64_t hot_pages, hot_share;   /* share: of 65536 */
    uint64_t work_ns;    /* that the vCPU is busy for after each write, beside what that takes */
    uint64_t forgive_us; /* what is due for longer is left out; 0: for 100 ms */
};

/*
 * A write puts its own number into the first word of its page: so the pages with a number above N
 * are the distinct pages that the writes behind N met. Numbers begin at 1. What pages are filled
 * with has the top bit set.
 */
struct dirtier_report {
    uint64_t magic;      /* set when the guest runs and has read its orders */
    uint64_t generation; /* of the orders that it follows */
    uint64_t hz;         /* of its clock */
    uint64_t tsc;        /* when the report was written last */
    uint64_t writes;     /* so far */
    uint64_t laps;       /* of the working set, where it is sequential */
    uint64_t dropped;    /* writes that were due and left out: the vCPU did not run for long */
    uint64_t sleeps;
    uint64_t filled_nonzero, filled_zero; /* pages */
    uint64_t fill_us;                     /* it took */
    uint64_t ready;                       /* 1: filled, and the pattern runs */
    uint64_t most_late_us;                /* the longest that it was behind since the orders */
};
#endif

#endif
