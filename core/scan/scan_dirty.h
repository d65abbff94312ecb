/* SPDX-License-Identifier: MIT */
/*
 * Dirty looks: how fast a VM changes its memory, found out from outside and changing nothing: no
 * soft-dirty bits, no write protection, no page mapped or allocated.
 *
 * A scan of mode SCAN_DIRTY draws a random sample of the pages that are there and are not the
 * kernel's zero page, and looks at them again and again, at moments that lie twice as far from the
 * first one each time. Two looks at a page differ when its hashes do (XXH3, 64 bits, a seed of this
 * run), and the hashes never leave the process that scans. What each pair of looks says is in
 * struct dirty_looks; what of it is not to be relied on, and why, is in the voids.
 */
#ifndef KVMLENS_CORE_SCAN_SCAN_DIRTY_H
#define KVMLENS_CORE_SCAN_SCAN_DIRTY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/model/dirty_looks.h"

#define SCAN_DIRTY_DURATION_S     3.2 /* of who names none */
#define SCAN_DIRTY_DURATION_MIN_S 0.1
#define SCAN_DIRTY_DURATION_MAX_S 3600.0
#define SCAN_DIRTY_FIRST_S        0.1   /* the second look comes no later than this */
#define SCAN_DIRTY_CPU            0.25  /* of one CPU, over the run, all in; of who names none */
#define SCAN_DIRTY_SAMPLE_MIN     256   /* no limit makes the sample smaller */
#define SCAN_DIRTY_SAMPLE_LARGE   65536 /* where 2 GiB or more are there, and limits let it */
#define SCAN_DIRTY_BYTES_MAX      (2ull << 30) /* read in one run; of who names no rate */

/*
 * X(id, name, spoils, sentence) - why what was seen tells too little of a migration. @name: for
 * machines. @spoils: nothing is to be made of the rates at all; else they hold, with this in mind.
 *
 * NUMA harms the guest, not the numbers, and who is told by --force wants them. A range under
 * userfaultfd may be all of the RAM or a display's: UNREADABLE says when it is too much.
 */
#define SCAN_VOIDS(X)                                                                              \
    X(CONFIDENTIAL, "confidential", true,                                                          \
      "the memory of this guest is confidential: what can be read from outside does not tell "     \
      "what it writes")                                                                            \
    X(NUMA, "numa-balancing", false,                                                               \
      "before Linux 6.5 each look may move pages of the guest to another node while NUMA "         \
      "balancing is on")                                                                           \
    X(VFIO, "vfio", true,                                                                          \
      "a device is passed through: such a VM migrates otherwise, or not at all")                   \
    X(UFFD, "userfaultfd", false,                                                                  \
      "a part of the RAM is registered with userfaultfd: it is not looked at, and its pages may "  \
      "still be on their way here")                                                                \
    X(MIGRATING, "migrating", true, "the VM is being migrated: it may be throttled")               \
    X(LOGGED, "dirty-log", false,                                                                  \
      "KVM logs what this VM writes: a migration or a measurement may be under way")               \
    X(STOPPED, "stopped", false, "the VM is stopped or paused: it changes nothing now")            \
    X(LOAD_CHANGED, "load-changed", false,                                                         \
      "the load changed while it was looked at: one half of the time is not like the other")       \
    X(ENDED, "ended", true, "the VM ended while it was looked at")                                 \
    X(REPLACED, "replaced", true,                                                                  \
      "while it was looked at the VM ended, and its process made another one in its place")        \
    X(SWAPPED, "swapped", false,                                                                   \
      "a part of the RAM is swapped out: it is not looked at, and a migration reads it back")      \
    X(HUGE_PAGES, "huge-pages", false,                                                             \
      "much of the RAM lies in huge pages, which KVM splits while it logs writes: the guest may "  \
      "write more slowly then than it does now")                                                   \
    X(UNREADABLE, "unreadable", true, "too much of the RAM could not be read")                     \
    X(COARSE, "coarse-log", true,                                                                  \
      "the VMM logs writes in units of more than 4 KiB: more is sent again than was seen to "      \
      "change")                                                                                    \
    X(OTHER_VMM, "other-vmm", false,                                                               \
      "its VMM is not known to be QEMU, whose way of migrating this is: others have their own, "   \
      "or none")                                                                                   \
    X(SHARED, "several-vms", false,                                                                \
      "its process has other VMs, and only BPF tells whose memory is whose: this is of all of "    \
      "them together")                                                                             \
    X(CUT_SHORT, "cut-short", false,                                                               \
      "the looks were broken off: memory that was touched for the first time is not counted in")

#define SCAN_VOID_ID(id, name, spoils, sentence) SCAN_VOID_##id,
enum scan_void { SCAN_VOIDS(SCAN_VOID_ID) SCAN_VOID_COUNT };
#undef SCAN_VOID_ID

/* scan_void_name, scan_void_text - for machines, for people. Static text. */
const char *scan_void_name(enum scan_void which);
const char *scan_void_text(enum scan_void which);

/* scan_void_spoils - is nothing to be made of the rates? Pure. */
bool scan_void_spoils(enum scan_void which);

/* What a scan of mode SCAN_DIRTY adds to its report. */
struct scan_dirty {
    struct dirty_looks looks; /* of the looks so far; no pairs before the second one */
    unsigned look_count;
    uint32_t voids; /* bit 1 << enum scan_void */
    /* bit i: between look i and the one half as far from the first one, the rate was clearly
     * another than before; only with SCAN_VOID_LOAD_CHANGED */
    uint32_t changed_looks;
    /* Which part of the time a vCPU ran that ran at all: the mean over the time in which one did,
     * 0..1, from the first look to the last; 0: not known. As the scheduler counts it: with what
     * KVM polls for before it lets a vCPU sleep, and without what it waits for a CPU. */
    double vcpu_busy;
    int vfio_group;       /* of a device that is passed through; -1: none, or not known */
    uint64_t lost;        /* pages of the sample that could not be read at the last look any more */
    uint64_t grown_pages; /* that got memory between the first count and the last */
    uint64_t
        huge_pages; /* units of 4 KiB that huge pages map; before Linux 6.7 of hugetlbfs only */
};

#endif
