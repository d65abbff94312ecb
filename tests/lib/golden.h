/* SPDX-License-Identifier: MIT */
/*
 * Golden files: what a screen or a report shall look like, kept in tests/data/golden/.
 */
#ifndef KVMLENS_TESTS_GOLDEN_H
#define KVMLENS_TESTS_GOLDEN_H

/*
 * golden_check - compare @text with tests/data/golden/@name, from the project root.
 *
 * Returns 1 when equal; else 0, after printing the first line that differs. With GOLDEN_UPDATE set
 * in the environment the file is rewritten and 1 returned: read the diff before you commit it.
 */
int golden_check(const char *name, const char *text);

#endif
