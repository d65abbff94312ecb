/* SPDX-License-Identifier: MIT */
/*
 * The bed of tests of collectors: a supervisor and a link to it, as the program has them. They look
 * at this process alone, as others may test on this host what hangs.
 *
 * What takes longer than 20 s ends the test program (alarm).
 */
#ifndef KVMLENS_TESTS_LIB_LINK_BED_H
#define KVMLENS_TESTS_LIB_LINK_BED_H

#include "core/base/rootfs.h"
#include "core/collect/sample_link.h"
#include "core/collect/scan_link.h"

struct link_bed {
    struct rootfs root;
    struct child_config config;
    struct supervisor supervisor;
    struct sample_link *link;
};

/* link_bed_open - where it lies it stays: its parts know each other. 0 or -1. */
int link_bed_open(struct link_bed *ret);
void link_bed_close(struct link_bed *bed);

/* link_bed_take - the next snapshot, else the test has failed. Ends with snapshot_free. */
struct snapshot *link_bed_take(struct link_bed *bed);

/* link_bed_wait_end - of a process that is killed: until the supervisor has reaped it, its number
 * is still there. */
void link_bed_wait_end(pid_t pid);

/* link_bed_scan - one scan of a VM that is not there, from its start to its report. */
void link_bed_scan(struct scan_link *link);

#endif
