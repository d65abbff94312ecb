/* SPDX-License-Identifier: MIT */
/*
 * Memory: where the memory of a VM lies. Made of the gauges of one sample (core/model/sample.h),
 * and part of a snapshot. Pure.
 *
 * Read where somebody wishes for it: LOAD_MEMORY what the kernel counts, LOAD_PLACEMENT what only a
 * look at page tables tells (enum load_wish, core/model/vm_load.h). What nobody wished for is
 * READING_ABSENT with CAUSE_NOT_ASKED_FOR, and what is missing is never 0.
 *
 * All but the cgroup is of the process: several VMs in one process share it.
 */
#ifndef KVMLENS_CORE_MODEL_VM_MEMORY_H
#define KVMLENS_CORE_MODEL_VM_MEMORY_H

#include <stdint.h>

#include "core/model/figure.h"
#include "core/model/reading.h"

/* What huge pages a VM has. */
enum huge_kind {
    HUGE_UNKNOWN, /* huge_share is missing: its cause says why */
    HUGE_NONE,
    HUGE_THP,     /* transparent: the kernel makes and splits them */
    HUGE_HUGETLB, /* set aside, from the pool of hugetlbfs */
    HUGE_BOTH,
    HUGE_KIND_COUNT
};

/* huge_kind_name - for machines and people: "none", "thp", "hugetlb", "both"; "" of UNKNOWN. */
const char *huge_kind_name(enum huge_kind kind);

struct vm_memory {
    /* LOAD_MEMORY. Bytes; of /proc/PID/status, and the sum: resident is VmRSS and HugetlbPages. */
    struct reading resident;
    struct reading anon;    /* RssAnon: of its own */
    struct reading file;    /* RssFile: pages of files */
    struct reading shmem;   /* RssShmem: memfd, shared anonymous memory */
    struct reading hugetlb; /* HugetlbPages, which are in none of the above */
    struct reading swapped; /* VmSwap: of anonymous memory; shared memory is not in it */
    /* Bytes that are merged with equal pages (KSM), and pages of zero that became the zero page. */
    struct reading ksm_merged, ksm_zero;
    /*
     * Of the nearest cgroup that has processes. Limits: the tightest of it and all above; ABSENT
     * with CAUSE_NO_MEMORY_LIMIT where none has one.
     */
    struct reading cgroup_current, cgroup_swap;
    struct reading cgroup_max;  /* what would exceed it is reclaimed, or somebody is killed */
    struct reading cgroup_high; /* what exceeds it is reclaimed, and slowed down */
    /*
     * How near to a limit: of it and all above, each with all that is in it, the one that is
     * nearest. Other VMs may be in those above.
     */
    struct figure cgroup_limit_share;
    /* Given back by the guest: nobody outside of the VMM is told. Always missing, with its cause.
     */
    struct reading balloon;

    /*
     * LOAD_PLACEMENT: of pages of the guest's RAM that were looked at, up to 10 seconds ago. Of a
     * small VM these are all, of a large one a random choice: looked_pages tells how many.
     */
    struct reading looked_pages;            /* of 4 KiB, resident */
    struct figure huge_share;               /* of them in huge pages: 1.0 is all */
    struct figure thp_share, hugetlb_share; /* its two parts */
    uint8_t huge_kind;                      /* enum huge_kind */
    /*
     * N%L: how likely it is that a page lies on the node where the vCPU ran last that touches it;
     * over all vCPUs. ABSENT with CAUSE_ONE_NODE on a host that has but one. From at most 256
     * pages.
     */
    struct figure numa_local;
    struct reading numa_pages;     /* whose node was told */
    struct reading numa_node;      /* on which most of them are */
    struct figure numa_node_share; /* that share */
};

#endif
