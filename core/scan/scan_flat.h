/* SPDX-License-Identifier: MIT */
/*
 * A scan report in flat form (core/base/flat.h, FLAT_SCAN_REPORT): how the process that scans hands
 * it to the one that draws.
 *
 * Sections, in any order; items are the structures of scan_flat_internal.h, little-endian, without
 * gaps:
 *
 *   id  items
 *    1  text: bytes. Texts of all other sections are (offset, length) in here, with a NUL behind
 *    2  one head: all of struct scan_report that is no array
 *    3  counts: u64 [enum page_class], first those of all RAM, then those of each region
 *    4  regions; when memslots are known as the guest sees them, those that it does not see last
 *    5  slices of the heat map, as many as are in use: u32 [enum page_class]
 *    6  warnings: texts
 *    7  one head of what several looks said, of mode SCAN_DIRTY only
 *    8  its pairs of looks
 *    9  where in memory they saw it: DIRTY_PLACES places, or none
 *
 * Numbers with a fraction travel as the bits of an IEEE 754 double. Order and values of the
 * enumerations are part of the form: new ones are added at their end.
 *
 * Nothing of it is trusted, for who scans may be in the hands of a VMM: a reader gets a report that
 * keeps the rules of core/scan/scan.h, with counts that add up, shares between 0 and 1 and clean
 * texts, or an error.
 *
 * Any thread.
 */
#ifndef KVMLENS_CORE_SCAN_SCAN_FLAT_H
#define KVMLENS_CORE_SCAN_SCAN_FLAT_H

#include <stddef.h>

#include "core/scan/scan.h"

/* No report takes more. */
#define SCAN_FLAT_BYTES_MAX ((size_t)2 << 20)

/*
 * scan_flat_write - @report into @size bytes at @buffer (aligned to 8; NULL with 0).
 * Returns the bytes that it takes; when these are more, what is in @buffer is of no use.
 */
size_t scan_flat_write(const struct scan_report *report, void *buffer, size_t size);

/*
 * scan_flat_read - the report in @size bytes at @buffer (aligned to 8), which nobody else can
 * change meanwhile. Borrowed: nothing of the report lies in it. *@ret ends with scan_report_free.
 * 0; -EBADMSG: not a report, or one that breaks a rule; -EPROTONOSUPPORT; -ENOMEM.
 */
int scan_flat_read(void *buffer, size_t size, struct scan_report **ret);

#endif
