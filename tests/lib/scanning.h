/* SPDX-License-Identifier: MIT */
/*
 * Scans of a guest, for tests that look at the report.
 */
#ifndef KVMLENS_TESTS_LIB_SCANNING_H
#define KVMLENS_TESTS_LIB_SCANNING_H

#include <stdbool.h>

#include "core/scan/scan.h"
#include "tests/lib/guest.h"

/* scanning_request - an exact scan of the guest as if QEMU held it, repeatable. */
struct scan_request scanning_request(const struct guest *guest);

/*
 * scanning_run - what scan_execute returned. There is always a report: without one the test run
 * ends with a message. The caller frees it.
 */
int scanning_run(const struct scan_request *request, struct scan_report **ret);

/* scanning_warns - does a warning of the report have @text in it? */
bool scanning_warns(const struct scan_report *report, const char *text);

#endif
