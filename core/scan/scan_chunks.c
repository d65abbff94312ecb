// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/scan/scan_internal.h"

#define CHUNK_MIN (64ull << 20)
#define CHUNKS_AIM 4096 /* so that the table of chunks stays small for any size */

/* What is not looked at at all is one chunk, whatever its size. */
static uint64_t chunk_bytes(const struct scan_job *job, const struct ram_region *region)
{
    bool is_walked = region->skip != RAM_SKIP_DEVICE && region->skip != RAM_SKIP_UNMAPPED;
    return is_walked ? job->chunk_bytes : region->bytes;
}

int scan_chunks_prepare(struct scan_job *job, struct error *err)
{
    struct scan_report *report = job->report;
    size_t count = report->region_count;

    job->page_count = report->pages_total;
    job->chunk_bytes = CHUNK_MIN;
    while (job->chunk_bytes < RESIDENCY_CHUNK_MAX &&
           job->page_count * SCAN_PAGE_BYTES / job->chunk_bytes > CHUNKS_AIM)
        job->chunk_bytes *= 2;
    job->region_first_page = calloc(count, sizeof(*job->region_first_page));
    job->region_first_chunk = calloc(count + 1, sizeof(*job->region_first_chunk));
    job->unopened = calloc(count, sizeof(*job->unopened));
    job->left = calloc(count, sizeof(*job->left));
    if (job->region_first_page == NULL || job->region_first_chunk == NULL ||
        job->unopened == NULL || job->left == NULL)
        return error_set(err, -ENOMEM, "out of memory");
    uint64_t page = 0, total_bytes = 0;
    for (size_t i = 0; i < count; i++) {
        const struct ram_region *region = &report->regions[i].ram;
        job->region_first_page[i] = page;
        job->region_first_chunk[i] = job->chunk_count;
        page += region->bytes / SCAN_PAGE_BYTES;
        uint64_t size = chunk_bytes(job, region);
        job->chunk_count += (size_t)((region->bytes + size - 1) / size);
        total_bytes += region->rss_bytes;
    }
    job->region_first_chunk[count] = job->chunk_count;
    if (total_bytes == 0) /* maps does not tell: at most so much, until the residency is known */
        total_bytes = ram_resident_bytes(job->env->root, job->request->vm.pid);
    atomic_store(&job->env->progress->total_bytes, total_bytes);
    return 0;
}

bool scan_chunks_take(struct scan_job *job, struct scan_chunk *ret, size_t *ret_index)
{
    size_t index = atomic_fetch_add_explicit(&job->next_chunk, 1, memory_order_relaxed);
    size_t low = 0, high = job->report->region_count;

    if (index >= job->chunk_count || scan_job_stops(job))
        return false;
    while (high - low > 1) { /* the last region whose first chunk is not behind index */
        size_t middle = (low + high) / 2;
        if (job->region_first_chunk[middle] <= index)
            low = middle;
        else
            high = middle;
    }
    const struct ram_region *region = &job->report->regions[low].ram;
    uint64_t size = chunk_bytes(job, region);
    uint64_t offset = (index - job->region_first_chunk[low]) * size;
    uint64_t left = region->bytes - offset;
    ret->region = low;
    ret->start = region->start + offset;
    ret->end = ret->start + (left < size ? left : size);
    ret->first_page = job->region_first_page[low] + offset / SCAN_PAGE_BYTES;
    *ret_index = index;
    return true;
}

void scan_chunks_note_seen(struct scan_lane *lane, size_t index, uint64_t begin_ns)
{
    struct scan_seen *seen = &lane->job->seen[index];

    seen->present = lane->present;
    seen->time_ns = begin_ns;
    free(seen->runs); /* of a look that did not hold */
    seen->runs = NULL;
    seen->run_count = 0;
    if (lane->run_count == 0 || lane->run_count > SCAN_SEEN_RUNS)
        return;
    seen->runs = malloc(lane->run_count * sizeof(*seen->runs));
    if (seen->runs == NULL)
        return;
    memcpy(seen->runs, lane->runs, lane->run_count * sizeof(*seen->runs));
    seen->run_count = lane->run_count;
}

void scan_chunks_done(struct scan_job *job)
{
    for (size_t i = 0; job->seen != NULL && i < job->chunk_count; i++)
        free(job->seen[i].runs);
    free(job->region_first_page);
    free(job->region_first_chunk);
    free(job->unopened);
    free(job->left);
    free(job->seen);
}
