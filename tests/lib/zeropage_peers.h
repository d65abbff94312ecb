/* SPDX-License-Identifier: MIT */
/*
 * What the kernels are measured against, in the same run: loops in the style of other programs,
 * written afresh from their descriptions, and plain reads as the limit of the machine.
 */
#ifndef KVMLENS_TESTS_LIB_ZEROPAGE_PEERS_H
#define KVMLENS_TESTS_LIB_ZEROPAGE_PEERS_H

#include <stdbool.h>

#include "accel/zeropage.h"

struct peer {
    const char *name;
    unsigned need; /* flags of accel/cpu.h */
    zeropage_fn *fn;
    bool is_limit; /* reads all bytes and answers nothing: ret_map is left alone, returns 0 */
    const char *what;
};

/* Ends with a NULL name. */
extern const struct peer zeropage_peers[];

#endif
