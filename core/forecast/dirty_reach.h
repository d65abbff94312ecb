/* SPDX-License-Identifier: MIT */
/*
 * How many pages there are where something was seen to be written.
 *
 * What is written slowly makes a curve that is straight for as long as it was looked at, and
 * nothing in it says where that ends: at all of memory, or at a set of pages a tenth as large. But
 * the looks also see in which places of memory pages changed, and the end is no later than at all
 * that these places have.
 *
 * That holds for what is written in any order. What is written one page after the other leaves
 * places behind it of which all pages changed, and has others before it. The two are told apart by
 * how the curve bends: where pages are written at random, x of all that there are, half of the time
 * is enough for 1 / (1 + sqrt(1 - x)) of those that changed in the whole of it.
 *
 * Pure, any thread.
 */
#ifndef KVMLENS_CORE_FORECAST_DIRTY_REACH_H
#define KVMLENS_CORE_FORECAST_DIRTY_REACH_H

#include "core/model/dirty_looks.h"

struct dirty_reach {
    double pages;   /* 0: not known */
    double changed; /* pages of the sample that say so */
    double half;    /* what random writing would have met in half of the time, of the whole, 0..1 */
};

/* dirty_reach_find - by the places in @looks. */
struct dirty_reach dirty_reach_find(const struct dirty_looks *looks);

#endif
