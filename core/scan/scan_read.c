// SPDX-License-Identifier: MIT
/* The content of pages: through the VMM in a child, or from the file behind them. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "core/scan/page_reader.h"
#include "core/scan/scan_internal.h"

/*
 * Guest memory passes through here: not into a core dump, nor to a swap device. With
 * --privileges=off the process is dumpable: who may trace it may trace the VMM.
 */
static int make_buffer(struct scan_lane *lane)
{
    if (lane->buf != NULL)
        return 0;
    void *map = mmap(NULL, 2 * SCAN_BATCH_BYTES, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED)
        return -ENOMEM;
    lane->buf_map = map;
    lane->buf = (unsigned char *)(((uintptr_t)map + SCAN_BATCH_BYTES - 1) / SCAN_BATCH_BYTES *
                                  SCAN_BATCH_BYTES);
    madvise(lane->buf, SCAN_BATCH_BYTES, MADV_HUGEPAGE); /* where the host has none: small pages */
    madvise(lane->buf, SCAN_BATCH_BYTES, MADV_DONTDUMP);
    mlock(lane->buf, SCAN_BATCH_BYTES); /* RLIMIT_MEMLOCK may refuse: then as it is */
    return 0;
}

/* Of @pages that were looked at, @bad could not be read. */
static void note_pages(struct scan_lane *lane, size_t pages, size_t bad)
{
    size_t bytes = (pages - bad) * SCAN_PAGE_BYTES;

    lane->bytes_read += bytes;
    lane->unpaid_bytes += bytes;
    atomic_fetch_add_explicit(&lane->job->env->progress->done_bytes, pages * SCAN_PAGE_BYTES,
                              memory_order_relaxed);
}

/* Which of the pages at @data are zero; those that could not be read are not. */
static void compare(struct scan_lane *lane, const void *data, size_t pages, size_t bad)
{
    lane->job->accel->fn(data, pages, SCAN_PAGE_BYTES, lane->zero_map);
    for (size_t i = 0; bad > 0 && i < (pages + 63) / 64; i++)
        lane->zero_map[i] &= ~lane->bad_map[i];
    note_pages(lane, pages, bad);
}

static size_t count_bad(const struct scan_lane *lane)
{
    size_t bad = 0;

    for (size_t i = 0; i < (lane->pages + 63) / 64; i++)
        bad += (size_t)__builtin_popcountll(lane->bad_map[i]);
    return bad;
}

static ssize_t look(struct scan_lane *lane)
{
    const struct read_patience patience = {.uffd_ms = SCAN_STUCK_UFFD_MS,
                                           .any_ms = SCAN_STUCK_MS,
                                           .cancel = &lane->job->env->progress->cancel,
                                           .beacon = lane->job->env->beacon};
    double cpu_s;
    ssize_t bad = read_child_look(lane->child, lane->segments, lane->segment_count,
                                  lane->polite ? SCAN_POLITE_NICE : 0, lane->zero_map,
                                  lane->bad_map, &cpu_s, &patience);

    lane->children_cpu_s += cpu_s;
    return bad;
}

/*
 * A page that was there may have gone since, and its place may be a userfaultfd range by now, so
 * that nobody ever brings it back: only in a process of its own such a read can be given up.
 */
static ssize_t look_through_child(struct scan_lane *lane)
{
    const struct scan_job *job = lane->job;

    if (scan_left_is(job, lane->chunk.region)) { /* since these were gathered */
        memset(lane->zero_map, 0, sizeof(lane->zero_map));
        memset(lane->bad_map, 0xff, sizeof(lane->bad_map));
        return (ssize_t)lane->pages;
    }
    if (lane->child == NULL) {
        int n = read_child_open(job->env->root, &lane->own_child);
        if (n < 0)
            return n;
        lane->child = lane->own_child;
        read_child_aim(lane->child, job->request->vm.pid, job->accel);
    }
    ssize_t bad = look(lane);
    if (bad == -EIO) /* killed, by one that looks for memory as a rule: once more */
        bad = look(lane);
    if (bad != -ETIMEDOUT)
        return bad;
    bad = (ssize_t)count_bad(lane);
    if (scan_lane_region(lane)->skip ==
        RAM_SKIP_UFFD) /* as asked for with --force: the next may go */
        lane->stuck_pages += (uint64_t)bad;
    else
        scan_left_add(lane->job, lane->chunk.region, lane->child);
    return bad;
}

/* Read the pages that were gathered, through the VMM. */
int scan_read_flush(struct scan_lane *lane)
{
    size_t pages = lane->pages, first = 0;

    if (pages == 0)
        return 0;
    ssize_t bad = look_through_child(lane);
    if (bad < 0)
        return (int)bad;
    note_pages(lane, pages, (size_t)bad);
    if (lane->job->sample != NULL) {
        scan_count_sample(lane, pages);
    } else {
        for (size_t i = 0; i < lane->segment_count; i++) {
            const struct iovec *s = &lane->segments[i];
            scan_count_content(lane, (uintptr_t)s->iov_base, first, s->iov_len / SCAN_PAGE_BYTES,
                               PAGE_ZERO_CONTENT);
            first += s->iov_len / SCAN_PAGE_BYTES;
        }
    }
    lane->segment_count = 0;
    lane->pages = 0;
    scan_lane_maybe_merge(lane);
    return 0;
}

/* Gather pages that are in the VMM's page table; full batches are read. */
int scan_read_vm(struct scan_lane *lane, uint64_t start, uint64_t bytes)
{
    while (bytes > 0) {
        uint64_t room = (SCAN_CHILD_PAGES - lane->pages) * (uint64_t)SCAN_PAGE_BYTES;
        uint64_t n = bytes < room ? bytes : room;
        lane->segments[lane->segment_count++] =
            (struct iovec){.iov_base = (void *)(uintptr_t)start, .iov_len = n};
        lane->pages += n / SCAN_PAGE_BYTES;
        start += n;
        bytes -= n;
        if (lane->pages == SCAN_CHILD_PAGES || lane->segment_count == READ_CHILD_SEGMENTS_MAX) {
            int code = scan_read_flush(lane);
            if (code < 0)
                return code;
        }
    }
    return 0;
}

/* The child that compares the file of this region in place; NULL: not here, not any more. */
static struct read_child *mapper(struct scan_lane *lane)
{
    const struct scan_job *job = lane->job;

    if (scan_lane_region(lane)->backing != RAM_SHMEM || job->sample != NULL ||
        job->request->max_rate_bytes != 0 || /* 16 MiB at a time are no steady rate */
        lane->mapper_failures >= SCAN_MAPPER_FAILURES_MAX)
        return NULL;
    if (lane->mapper == NULL && read_child_open_file(lane->file_fd, job->accel, &lane->mapper) < 0)
        lane->mapper_failures = SCAN_MAPPER_FAILURES_MAX;
    return lane->mapper;
}

/* Bytes that were compared in place; 0: to be read instead; -ECANCELED. */
static ssize_t compare_in_place(struct scan_lane *lane, uint64_t offset, uint64_t bytes)
{
    const uint64_t most = SCAN_CHILD_PAGES * (uint64_t)SCAN_PAGE_BYTES;
    struct read_child *child =
        bytes >= SCAN_MAPPED_MIN_PAGES * (uint64_t)SCAN_PAGE_BYTES ? mapper(lane) : NULL;
    double cpu_s = 0;

    if (child == NULL)
        return 0;
    size_t n = (size_t)(bytes < most ? bytes : most);
    ssize_t zero = read_child_compare(child, offset, n, lane->polite ? SCAN_POLITE_NICE : 0,
                                      lane->zero_map, &cpu_s, &lane->job->env->progress->cancel);
    lane->children_cpu_s += cpu_s;
    if (zero == -ECANCELED)
        return zero;
    if (zero < 0) {
        lane->mapper_failures += zero == -EIO ? 1 : SCAN_MAPPER_FAILURES_MAX;
        return 0;
    }
    memset(lane->bad_map, 0, sizeof(lane->bad_map));
    note_pages(lane, n / SCAN_PAGE_BYTES, 0);
    return (ssize_t)n;
}

/* The bytes that are in the buffer now, from the file behind the region. */
static ssize_t read_batch(struct scan_lane *lane, uint64_t offset, uint64_t bytes)
{
    size_t n = bytes < SCAN_BATCH_BYTES ? (size_t)bytes : SCAN_BATCH_BYTES;
    int result = make_buffer(lane);
    if (result < 0)
        return result;
    beacon_at(lane->job->env->beacon, lane->job->request->vm.pid, BEACON_READ_MEMORY);
    ssize_t bad = page_reader_file(lane->file_fd, offset, n, lane->buf, lane->bad_map);
    if (bad < 0)
        return bad;
    compare(lane, lane->buf, n / SCAN_PAGE_BYTES, (size_t)bad);
    return (ssize_t)n;
}

/* Look at pages of the file behind the region. @zero_class: what pages of zeros are. */
int scan_read_file(struct scan_lane *lane, uint64_t start, uint64_t bytes,
                   enum page_class zero_class)
{
    const struct ram_region *region = scan_lane_region(lane);

    while (bytes > 0) {
        uint64_t offset = region->file_offset + (start - region->start);
        ssize_t n = scan_job_stops(lane->job) ? -ECANCELED : compare_in_place(lane, offset, bytes);
        if (n == 0)
            n = read_batch(lane, offset, bytes);
        if (n < 0)
            return (int)n;
        size_t pages = (size_t)n / SCAN_PAGE_BYTES;
        if (lane->job->sample != NULL)
            scan_count_sample(lane, pages);
        else
            scan_count_content(lane, start, 0, pages, zero_class);
        start += (uint64_t)n;
        bytes -= (uint64_t)n;
        scan_lane_maybe_merge(lane);
    }
    return 0;
}

/* Of a run of present pages, read those that were drawn, or note where they are. */
int scan_read_sample(struct scan_lane *lane, const struct residency_run *run, bool from_file)
{
    const struct scan_job *job = lane->job;
    uint64_t pages = run->bytes / SCAN_PAGE_BYTES, end = lane->ordinal + pages;
    int n = 0;

    for (; n == 0 && lane->sample_at < job->sample_count; lane->sample_at++) {
        uint64_t drawn = job->sample[lane->sample_at];
        if (drawn >= end || drawn >= lane->sample_end)
            break;
        uint64_t start = run->start + (drawn - lane->ordinal) * SCAN_PAGE_BYTES;
        if (job->places != NULL)
            job->places[lane->sample_at] =
                (struct scan_place){.address = start, .region = lane->chunk.region};
        else
            n = from_file ? scan_read_file(lane, start, SCAN_PAGE_BYTES, PAGE_ZERO_CONTENT)
                          : scan_read_vm(lane, start, SCAN_PAGE_BYTES);
    }
    lane->ordinal = end;
    return n;
}

void scan_read_leave(struct scan_lane *lane)
{
    read_child_close(lane->mapper);
    lane->mapper = NULL;
}

void scan_read_close(struct scan_lane *lane)
{
    scan_read_leave(lane);
    read_child_close(lane->own_child);
    if (lane->buf_map == NULL)
        return;
    explicit_bzero(lane->buf, SCAN_BATCH_BYTES);
    munmap(lane->buf_map, 2 * SCAN_BATCH_BYTES);
}
