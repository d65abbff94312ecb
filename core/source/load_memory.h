/* SPDX-License-Identifier: MIT */
/*
 * Load: memory of a process as the kernel counts it: what is resident and of what kind, what is
 * swapped out, and what is merged with equal pages.
 *
 * Kernel: task_mem in fs/proc/task_mmu.c, hugetlb_report_usage in mm/hugetlb.c,
 * proc_pid_ksm_stat and proc_pid_ksm_merging_pages in fs/proc/base.c.
 *
 * Main thread.
 */
#ifndef KVMLENS_CORE_SOURCE_LOAD_MEMORY_H
#define KVMLENS_CORE_SOURCE_LOAD_MEMORY_H

#include "core/model/sample.h"
#include "core/source/load_env.h"

/*
 * load_memory - VM_RSS_ANON_BYTES to VM_KSM_ZERO_BYTES. @status: text of /proc/PID/status, or NULL:
 * it could not be read, and VM_RSS_BYTES says why. @ksm: stays open; NULL: nothing is kept.
 */
void load_memory(const struct load_env *env, struct kept_file *ksm, pid_t pid, const char *status,
                 struct reading gauges[VM_GAUGE_COUNT]);

#endif
