/* SPDX-License-Identifier: MIT */
/*
 * One VM in a tree of /proc that a test writes, read by the source proc once in a second of a clock
 * that the test turns.
 */
#ifndef KVMLENS_TESTS_LIB_PROC_BED_H
#define KVMLENS_TESTS_LIB_PROC_BED_H

#include "core/model/snapshot.h"
#include "core/source/sampler.h"
#include "tests/lib/tree.h"

#define PROC_BED_PID 500 /* of the VMM; its VM is descriptor 9 */

struct proc_bed {
    struct tree tree;
    struct sampler *sampler;
    struct snapshot *now;
};

/* proc_bed_open - Linux 6.1, init and the VMM, without vCPUs. Ends with proc_bed_close. One at a
 * time. */
void proc_bed_open(struct proc_bed *bed);
void proc_bed_close(struct proc_bed *bed);

/* proc_bed_tick - the snapshot of one second later, which has a VM. @wishes: LOAD_... */
const struct snapshot *proc_bed_tick(struct proc_bed *bed, unsigned wishes);

#endif
