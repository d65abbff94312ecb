/* SPDX-License-Identifier: MIT */
/*
 * Compares a zero-page kernel with the reference over inputs on which kernels go wrong. Used by the
 * unit tests, by the mutation test (which hands it broken kernels) and by the benchmark (which
 * refuses to time a kernel that fails). Needs nothing above accel/.
 */
#ifndef KVMLENS_TESTS_LIB_CHECK_ZEROPAGE_H
#define KVMLENS_TESTS_LIB_CHECK_ZEROPAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "accel/zeropage.h"

enum check_depth {
    CHECK_QUICK, /* some of each kind: a few milliseconds, for the benchmark */
    CHECK_FULL,  /* each bit of a page, all misalignments, 0..129 pages */
};

/*
 * check_zeropage - run @fn against zeropage_c and against what is known of the input.
 *
 * @seed:    the whole input follows from it
 * @ret_why: on failure what went wrong first, one line; @size bytes
 *
 * A read outside the buffer (a guard page lies at either end of it) or an illegal instruction is
 * caught and reported like a wrong answer. Uses signal handlers while it runs: one call at a time.
 * Returns true when nothing differed.
 */
bool check_zeropage(zeropage_fn *fn, enum check_depth depth, uint64_t seed, char *ret_why,
                    size_t size);

/* check_seed - the number in @arg (argv or environment) when it is one, otherwise a fresh one. */
uint64_t check_seed(const char *arg);

/* check_random - next number of a small generator (splitmix64) whose whole state is @state. */
uint64_t check_random(uint64_t *state);

#endif
