/* SPDX-License-Identifier: MIT */
/*
 * Less of what does not depend on the CPU, where an emulated one runs the tests: `make check-sse2`
 * and `make check-arm64` set KVMLENS_SHORT_RUN.
 */
#ifndef KVMLENS_TESTS_SHORT_RUN_H
#define KVMLENS_TESTS_SHORT_RUN_H

#include <stdbool.h>

/*
 * short_run - is the run to be short? Says what is left out then.
 *
 * @left_out: what of it, as in "other sizes than the golden ones"
 */
bool short_run(const char *left_out);

#endif
