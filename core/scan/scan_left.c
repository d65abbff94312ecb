// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <string.h>

#include "core/scan/scan_internal.h"

#define TOLD_MAX 4 /* of which there is a sentence each */

/* A shared file is read past the VMM, where its userfaultfd does not reach. */
static bool is_read_through_vmm(const struct ram_region *region)
{
    return region->skip == RAM_SKIP_NONE && !(region->shared && region->inode != 0);
}

bool scan_left_any_read(const struct scan_job *job)
{
    for (size_t i = 0; i < job->report->region_count; i++)
        if (is_read_through_vmm(&job->report->regions[i].ram))
            return true;
    return false;
}

bool scan_left_is(const struct scan_job *job, size_t region)
{
    return atomic_load_explicit(&job->left[region].is_left, memory_order_acquire) ||
           (atomic_load_explicit(&job->left_count, memory_order_relaxed) >= SCAN_LEFT_MAX &&
            is_read_through_vmm(&job->report->regions[region].ram));
}

void scan_left_add(struct scan_job *job, size_t region, const struct read_child *child)
{
    struct scan_left *left = &job->left[region];

    pthread_mutex_lock(&job->mutex);
    if (!atomic_load(&left->is_left)) { /* two lanes may have been in it */
        left->is_uffd = read_child_hung_in_uffd(child);
        snprintf(left->hung_in, sizeof(left->hung_in), "%s", read_child_hung_in(child));
        atomic_store_explicit(&left->is_left, true, memory_order_release);
        atomic_fetch_add(&job->left_count, 1);
    }
    pthread_mutex_unlock(&job->mutex);
}

/* Was it, or a part of it, registered when @now was read? */
static bool is_registered(const struct ram_map *now, const struct ram_region *region)
{
    for (size_t i = 0; i < now->count; i++) {
        const struct ram_region *r = &now->regions[i];
        if (r->skip == RAM_SKIP_UFFD && r->start < region->start + region->bytes &&
            region->start < r->start + r->bytes)
            return true;
    }
    return false;
}

static void move_untouched(uint64_t *to_unreadable, uint64_t *from_untouched, uint64_t pages)
{
    *to_unreadable += pages;
    *from_untouched -= pages;
}

/* A slice that two regions share stays as it is. */
static void forget_untouched(struct scan_job *job, size_t index)
{
    struct scan_report *report = job->report;
    uint64_t total = report->pages_total, slices = report->slice_count;
    uint64_t *pages = report->regions[index].counts.pages, *all = report->counts.pages;
    uint64_t first = job->region_first_page[index];
    uint64_t end = first + report->regions[index].ram.bytes / SCAN_PAGE_BYTES;

    move_untouched(&all[PAGE_UNREADABLE], &all[PAGE_UNTOUCHED], pages[PAGE_UNTOUCHED]);
    move_untouched(&pages[PAGE_UNREADABLE], &pages[PAGE_UNTOUCHED], pages[PAGE_UNTOUCHED]);
    for (uint64_t i = (first * slices + total - 1) / total;
         i < slices && ((i + 1) * total + slices - 1) / slices <= end; i++) {
        report->slices[i].pages[PAGE_UNREADABLE] += report->slices[i].pages[PAGE_UNTOUCHED];
        report->slices[i].pages[PAGE_UNTOUCHED] = 0;
    }
}

void scan_left_look_again(struct scan_job *job)
{
    const struct scan_request *request = job->request;
    const struct rootfs *root = job->env->root;
    const atomic_bool *cancel = &job->env->progress->cancel;
    struct scan_inspection seen;
    struct ram_map now = {.count = 0};

    if (scan_inspect(root, request->vm.pid, cancel, &seen) < 0 || !seen.uffd)
        return;
    if (ram_find(root, request->vm.pid, request->vmm, request->ram, request->ram_count, NULL,
                 RAM_FROM_SMAPS, cancel, &now, NULL) == 0)
        for (size_t i = 0; i < job->report->region_count; i++) {
            const struct ram_region *region = &job->report->regions[i].ram;
            if (region->skip != RAM_SKIP_NONE || !is_registered(&now, region))
                continue;
            forget_untouched(job, i);
            atomic_store(&job->left[i].is_left, true);
            job->left[i].is_uffd = true;
        }
    ram_map_done(&now);
    if (job->report->estimate.valid)
        scan_report_estimate(job->report);
}

static void tell_one(struct scan_report *report, const struct scan_region *region,
                     const struct scan_left *left)
{
    unsigned long long start = region->ram.start, bad = region->counts.pages[PAGE_UNREADABLE];

    if (left->is_uffd)
        scan_report_warn(report,
                         "the RAM mapping at %llx became a userfaultfd range while it was "
                         "read: it was left, with %llu pages unread",
                         start, bad);
    else
        scan_report_warn(
            report,
            "a read of the RAM mapping at %llx did not return (%s): it was "
            "left, with %llu pages unread",
            start, left->hung_in[0] != '\0' ? left->hung_in : "the kernel does not say why", bad);
}

void scan_left_tell(struct scan_job *job)
{
    struct scan_report *report = job->report;
    size_t count = atomic_load(&job->left_count), told = 0;

    for (size_t i = 0; i < report->region_count; i++) {
        struct scan_left *left = &job->left[i];
        if (!atomic_load(&left->is_left))
            continue;
        if (told++ < TOLD_MAX)
            tell_one(report, &report->regions[i], left);
        if (left->is_uffd)
            report->regions[i].ram.skip = RAM_SKIP_UFFD;
    }
    if (told > TOLD_MAX)
        scan_report_warn(report, "%zu more RAM mappings were left for that", told - TOLD_MAX);
    if (count >= SCAN_LEFT_MAX)
        scan_report_warn(report, "so many RAM mappings could not be read to their end that all "
                                 "that is read through the VMM was left");
}
