/* SPDX-License-Identifier: MIT */
/*
 * Load: where pages of the guest's RAM lie: in huge pages or small ones, and on which NUMA node
 * beside that of the vCPUs.
 *
 * Only page tables tell that, so it is looked at in a sample, and rarely: at most 256 windows of
 * 2 MiB, of which one each 10 seconds is asked for what is resident (PAGEMAP_SCAN, before Linux 6.7
 * pagemap, which does not tell huge pages), and of at most 256 resident pages their node. Nothing
 * is faulted in, marked, or moved: neither smaps nor a fault is in it.
 *
 * Kernel: pagemap_scan_pmd_entry and pagemap_scan_hugetlb_entry in fs/proc/task_mmu.c,
 * do_pages_stat in mm/migrate.c.
 *
 * Main thread.
 */
#ifndef KVMLENS_CORE_SOURCE_LOAD_PLACEMENT_H
#define KVMLENS_CORE_SOURCE_LOAD_PLACEMENT_H

#include "core/model/sample.h"
#include "core/source/load_env.h"

#define PLACEMENT_PAGES    256 /* whose node is asked for in a look */
#define PLACEMENT_WINDOWS  256
#define PLACEMENT_EVERY_NS 10000000000ull
#define PLACEMENT_TICK_NS  50000000ull /* all looks of a tick; VMs that it has no time for wait */

/* The host's nodes, and what looks have taken in this tick. */
struct placement_host {
    unsigned node_count; /* 0: not known */
    uint64_t spent_ns;
    uint64_t random;   /* state of the choice of pages; never 0 */
    bool without_scan; /* this kernel has no PAGEMAP_SCAN; a test may say so */
};

/* What the last look at a VM saw. */
struct vm_placement {
    uint64_t due_ns; /* 0: there was none */
    struct reading gauges[VM_NUMA_NODE_PAGES - VM_LOOKED_PAGES + 1];
};

/*
 * placement_count - VM_NUMA_PAGES to VM_NUMA_NODE_PAGES of the nodes of pages and of vCPUs; those
 * below 0 are not known. Pure.
 */
void placement_count(const int *nodes, size_t pages, const int *vcpu_nodes, size_t vcpus,
                     struct reading gauges[VM_GAUGE_COUNT]);

/* placement_begin - before the VMs of a tick. */
void placement_begin(struct placement_host *host, const struct load_env *env);

/*
 * load_placement - VM_LOOKED_PAGES to VM_NUMA_NODE_PAGES of @sv, from a look now or the last one.
 * READING_WARMUP: the tick had no time for the first. @vmm: as struct vm has it. @now_ns:
 * monotonic clock.
 */
void load_placement(struct placement_host *host, const struct load_env *env,
                    struct vm_placement *kept, const char *vmm, uint64_t (*now_ns)(void),
                    struct sample_vm *sv);

#endif
