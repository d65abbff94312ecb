// SPDX-License-Identifier: MIT
/* What core/model/vm_memory.h holds, made of the gauges of a sample. */
#include "core/model/snapshot_internal.h"

static struct figure missing_of(const struct reading *reading)
{
    return no_figure((enum reading_state)reading->state, (enum reading_cause)reading->cause);
}

/* Of what was looked at. Where nothing was found there is no share of it. */
static struct figure share_of(const struct reading *part, const struct reading *all)
{
    if (all->state != READING_OK || part->state != READING_OK)
        return missing_of(all->state != READING_OK ? all : part);
    if (all->raw == 0 || part->raw > all->raw)
        return no_figure(READING_ABSENT, CAUSE_NO_RESIDENT_RAM);
    return (struct figure){.value = (double)part->raw / (double)all->raw, .state = READING_OK};
}

/* A limit of 0 is one that is reached, and one that was lowered may be exceeded. */
static struct figure limit_share(const struct reading *used, const struct reading *limit)
{
    if (used->state != READING_OK || limit->state != READING_OK)
        return missing_of(limit->state != READING_OK ? limit : used);
    return (struct figure){.value = limit->raw > 0 ? (double)used->raw / (double)limit->raw : 1,
                           .state = READING_OK};
}

/* VmRSS leaves out what hugetlbfs has. A kernel without huge pages has no line of them. */
static struct reading resident_of(const struct reading *gauges)
{
    const struct reading *rss = &gauges[VM_RSS_BYTES], *huge = &gauges[VM_HUGETLB_BYTES];
    struct reading sum = *rss;

    if (huge->state != READING_OK && huge->cause != CAUSE_NOT_IN_KERNEL)
        return *huge;
    if (rss->state == READING_OK && huge->state == READING_OK)
        sum.raw += huge->raw;
    return sum;
}

/* Who did not ask for memory did not ask for the balloon. */
static struct reading balloon_of(const struct reading *gauges)
{
    const struct reading *r = &gauges[VM_RSS_ANON_BYTES];
    bool is_asked =
        r->state != READING_ABSENT || (r->cause != CAUSE_NONE && r->cause != CAUSE_NOT_ASKED_FOR);

    return is_asked ? reading_of_cause(CAUSE_BALLOON_UNSEEN) : *r;
}

static enum huge_kind kind_of(const struct vm_memory *m)
{
    if (m->thp_share.state != READING_OK || m->hugetlb_share.state != READING_OK)
        return HUGE_UNKNOWN;
    if (m->thp_share.value > 0)
        return m->hugetlb_share.value > 0 ? HUGE_BOTH : HUGE_THP;
    return m->hugetlb_share.value > 0 ? HUGE_HUGETLB : HUGE_NONE;
}

void snapshot_memory_vm(const struct sample_vm *now, struct vm_memory *ret)
{
    const struct reading *g = now->gauges;

    *ret = (struct vm_memory){
        .resident = resident_of(g),
        .anon = g[VM_RSS_ANON_BYTES],
        .file = g[VM_RSS_FILE_BYTES],
        .shmem = g[VM_RSS_SHMEM_BYTES],
        .hugetlb = g[VM_HUGETLB_BYTES],
        .swapped = g[VM_SWAP_BYTES],
        .ksm_merged = g[VM_KSM_MERGED_BYTES],
        .ksm_zero = g[VM_KSM_ZERO_BYTES],
        .cgroup_current = g[VM_CGROUP_BYTES],
        .cgroup_swap = g[VM_CGROUP_SWAP_BYTES],
        .cgroup_max = g[VM_CGROUP_MAX_BYTES],
        .cgroup_high = g[VM_CGROUP_HIGH_BYTES],
        .cgroup_limit_share =
            limit_share(&g[VM_CGROUP_FULLEST_BYTES], &g[VM_CGROUP_FULLEST_LIMIT_BYTES]),
        .balloon = balloon_of(g),
        .looked_pages = g[VM_LOOKED_PAGES],
        .thp_share = share_of(&g[VM_LOOKED_THP_PAGES], &g[VM_LOOKED_PAGES]),
        .hugetlb_share = share_of(&g[VM_LOOKED_HUGETLB_PAGES], &g[VM_LOOKED_PAGES]),
        .numa_local = share_of(&g[VM_NUMA_LOCAL], &g[VM_NUMA_PAIRS]),
        .numa_pages = g[VM_NUMA_PAGES],
        .numa_node = g[VM_NUMA_NODE],
        .numa_node_share = share_of(&g[VM_NUMA_NODE_PAGES], &g[VM_NUMA_PAGES]),
    };
    ret->huge_share = ret->thp_share.state != READING_OK ? ret->thp_share : ret->hugetlb_share;
    if (ret->huge_share.state == READING_OK)
        ret->huge_share.value += ret->thp_share.value;
    ret->huge_kind = (uint8_t)kind_of(ret);
}

void snapshot_age_memory(struct vm_memory *m, enum reading_cause cause)
{
    struct reading *const readings[] = {
        &m->resident,   &m->anon,        &m->file,         &m->shmem,          &m->hugetlb,
        &m->swapped,    &m->ksm_merged,  &m->ksm_zero,     &m->cgroup_current, &m->cgroup_swap,
        &m->cgroup_max, &m->cgroup_high, &m->looked_pages, &m->numa_pages,     &m->numa_node,
    };
    struct figure *const figures[] = {&m->cgroup_limit_share, &m->huge_share, &m->thp_share,
                                      &m->hugetlb_share,      &m->numa_local, &m->numa_node_share};

    for (size_t i = 0; i < sizeof(readings) / sizeof(readings[0]); i++)
        snapshot_age_reading(readings[i], cause);
    for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
        snapshot_age_figure(figures[i], cause);
    m->huge_kind = HUGE_UNKNOWN;
}
