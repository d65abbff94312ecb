/* SPDX-License-Identifier: MIT */
/*
 * Reports of looks at guests that write in known ways, as a scan of mode SCAN_DIRTY ends with.
 */
#ifndef KVMLENS_TESTS_LIB_LOOKS_REPORT_H
#define KVMLENS_TESTS_LIB_LOOKS_REPORT_H

#include "core/scan/scan.h"
#include "tests/lib/dirty_truth.h"

#define LOOKS_REPORT_MOST 7 /* looks: 0, 0.1, 0.2, 0.4 ... 3.2 s */

/*
 * looks_report - of @vm, whose RAM of 1 GiB has @truth->population pages with memory, a tenth of
 * which are zero. @count: looks that there were. Ended with scan_report_free.
 */
struct scan_report *looks_report(const struct vm_id *vm, enum scan_state state,
                                 const struct truth *truth, size_t count);

/* The usual one: 100,000 of 200,000 pages are written, 20,000 times a second. */
extern const struct truth looks_report_busy;

#endif
