/* SPDX-License-Identifier: MIT */
/*
 * A scan report as text for people and as one line of JSON ("kvmlens-scan/1"). Pure but for the
 * writing.
 */
#ifndef KVMLENS_UI_REPORT_REPORT_SCAN_H
#define KVMLENS_UI_REPORT_REPORT_SCAN_H

#include <stdbool.h>
#include <stdio.h>

#include "core/scan/scan.h"

/*
 * report_scan_text - @name: of the VM, cleaned. @vmm: "qemu", ...
 * 0, or a negative errno when @out could not be written.
 */
int report_scan_text(const struct scan_report *report, const char *name, const char *vmm,
                     bool unicode, FILE *out);

/* report_scan_json - @name_raw: any bytes; those that are no UTF-8 become U+FFFD. -ENOMEM, or as
 * above. */
int report_scan_json(const struct scan_report *report, const char *name_raw, FILE *out);

#endif
