// SPDX-License-Identifier: MIT
#include "core/source/load_memory.h"

#include <errno.h>
#include <stdio.h>

#include "core/base/parse_load.h"
#include "core/base/parse_number.h"
#include "core/base/parse_proc.h"

#define PAGE_BYTES 4096

static const struct {
    enum vm_gauge gauge;
    const char *key;
} status_keys[] = {
    {VM_RSS_ANON_BYTES, "RssAnon"},   {VM_RSS_FILE_BYTES, "RssFile"},
    {VM_RSS_SHMEM_BYTES, "RssShmem"}, {VM_HUGETLB_BYTES, "HugetlbPages"},
    {VM_SWAP_BYTES, "VmSwap"},
};

static struct reading pages_of(const char *text, const char *key)
{
    uint64_t pages;

    if (!parse_key_number(text, key, &pages) || pages > UINT64_MAX / PAGE_BYTES)
        return reading_of_cause(CAUSE_NOT_IN_KERNEL);
    return reading_ok(pages * PAGE_BYTES, SOURCE_PROC);
}

/* Linux 5.17 has a file with one number, and 6.1 another with all of them. */
static struct reading merged_before_61(const struct load_env *env, pid_t pid)
{
    char path[64], text[64];
    uint64_t pages;

    snprintf(path, sizeof(path), "proc/%d/ksm_merging_pages", (int)pid);
    ssize_t n = rootfs_read(env->root, path, text, sizeof(text));
    if (n == -ENOENT)
        return reading_of_cause(CAUSE_NOT_IN_KERNEL);
    if (n < 0)
        return load_failed((int)n);
    if (parse_u64(text, &pages) < 0 || pages > UINT64_MAX / PAGE_BYTES)
        return reading_of_cause(CAUSE_READ_ERROR);
    return reading_ok(pages * PAGE_BYTES, SOURCE_PROC);
}

static void read_ksm(const struct load_env *env, struct kept_file *ksm, pid_t pid,
                     struct reading gauges[VM_GAUGE_COUNT])
{
    char path[64], text[1024];

    snprintf(path, sizeof(path), "proc/%d/ksm_stat", (int)pid);
    ssize_t n = kept_read(env, ksm, 0, path, text, sizeof(text));
    if (n == -ENOENT) {
        gauges[VM_KSM_MERGED_BYTES] = merged_before_61(env, pid);
        gauges[VM_KSM_ZERO_BYTES] = reading_of_cause(CAUSE_NOT_IN_KERNEL);
    } else if (n < 0) {
        gauges[VM_KSM_MERGED_BYTES] = gauges[VM_KSM_ZERO_BYTES] = load_failed((int)n);
    } else {
        gauges[VM_KSM_MERGED_BYTES] = pages_of(text, "ksm_merging_pages");
        gauges[VM_KSM_ZERO_BYTES] = pages_of(text, "ksm_zero_pages");
    }
}

void load_memory(const struct load_env *env, struct kept_file *ksm, pid_t pid, const char *status,
                 struct reading gauges[VM_GAUGE_COUNT])
{
    uint64_t bytes;

    for (size_t i = 0; i < sizeof(status_keys) / sizeof(status_keys[0]); i++) {
        struct reading *r = &gauges[status_keys[i].gauge];
        if (status == NULL)
            *r = gauges[VM_RSS_BYTES];
        else if (parse_proc_status_bytes(status, status_keys[i].key, &bytes))
            *r = reading_ok(bytes, SOURCE_PROC);
        else
            *r = reading_of_cause(CAUSE_NOT_IN_KERNEL);
    }
    read_ksm(env, ksm, pid, gauges);
}
