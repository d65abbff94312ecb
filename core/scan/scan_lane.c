// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "core/scan/page_reader.h"
#include "core/scan/scan_internal.h"

#define MERGE_NS 100000000ull /* how often a lane adds its counts to the report, at least */
/*
 * A scan that takes long makes way for others, but not as SCHED_IDLE: pagemap and
 * process_vm_readv hold the VMM's mmap lock, and an idle thread that is not scheduled while it
 * holds it stops the VM. Seen on a busy host: 2 s for what takes 10 ms. With nice 10 a thread
 * still gets a tenth of a busy CPU.
 */
#define POLITE_AFTER_NS 50000000ull
#define POLITE_NICE 10
#define NAP_NS 5000000        /* while waiting for --max-rate */
#define STEPS_PER_S 20
#define STUCK_MS 1000         /* a forced read of userfaultfd memory is given up after this */

int scan_lane_open(struct scan_lane *lane, struct scan_job *job)
{
    *lane = (struct scan_lane){.job = job, .file_fd = -1};
    lane->slices = calloc(SCAN_SLICES, sizeof(*lane->slices));
    lane->slice_low = SCAN_SLICES;
    /*
     * Guest memory passes through here: not into a core dump, nor to a swap device.
     * PR_SET_DUMPABLE is left alone: it would take /proc/self from an unprivileged user, and who
     * may trace us may trace the VMM.
     */
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
    if (lane->slices == NULL)
        return -ENOMEM;
    return residency_open(job->env->root, job->request->vm.pid, true, &lane->residency, NULL);
}

static void leave_region(struct scan_lane *lane)
{
    read_child_close(lane->mapper);
    lane->mapper = NULL;
    if (lane->file_fd >= 0)
        close(lane->file_fd);
    lane->file_fd = -1;
}

void scan_lane_close(struct scan_lane *lane)
{
    leave_region(lane);
    residency_close(lane->residency);
    read_child_close(lane->child);
    free(lane->slices);
    if (lane->buf_map != NULL) {
        explicit_bzero(lane->buf, SCAN_BATCH_BYTES);
        munmap(lane->buf_map, 2 * SCAN_BATCH_BYTES);
    }
}

static const struct ram_region *lane_region(const struct scan_lane *lane)
{
    return &lane->job->report->regions[lane->chunk.region].ram;
}

static void maybe_merge(struct scan_lane *lane)
{
    uint64_t now = scan_now_ns();

    if (lane->job->request->idle_priority && !lane->polite &&
        now - lane->job->begin_ns > POLITE_AFTER_NS) {
        lane->polite = true;
        setpriority(PRIO_PROCESS, 0, POLITE_NICE); /* on Linux: of this thread, a lane's own */
    }
    if (now - lane->last_merge_ns < MERGE_NS)
        return;
    lane->last_merge_ns = now;
    scan_job_merge(lane->job, lane);
}

/*
 * One byte budget for all lanes: each books what it has read since @begin_ns at the end of the
 * queue and waits until that is paid for. Only here and now, while no page is known that is still
 * to be read: it might be gone after the wait, and the read would make it anew.
 */
static int pay_for_rate(struct scan_lane *lane, uint64_t begin_ns)
{
    struct scan_job *job = lane->job;
    uint64_t rate = job->request->max_rate_bytes;

    if (rate == 0 || lane->unpaid_bytes == 0)
        return 0;
    uint64_t cost = (uint64_t)((double)lane->unpaid_bytes * 1e9 / (double)rate);
    uint64_t turn = atomic_load_explicit(&job->rate_next_ns, memory_order_relaxed), end;
    lane->unpaid_bytes = 0;
    do {
        end = (turn > begin_ns ? turn : begin_ns) + cost;
    } while (!atomic_compare_exchange_weak(&job->rate_next_ns, &turn, end));
    for (;;) {
        uint64_t now = scan_now_ns();
        if (now >= end)
            return 0;
        if (scan_job_stops(job))
            return -ECANCELED;
        uint64_t left = end - now < NAP_NS ? end - now : NAP_NS;
        struct timespec ts = {.tv_nsec = (long)left};
        nanosleep(&ts, NULL);
        maybe_merge(lane);
    }
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

static ssize_t read_through_child(struct scan_lane *lane, const void **ret_data)
{
    if (lane->child == NULL) {
        int n = read_child_open(lane->job->request->vm.pid, SCAN_BATCH_BYTES, &lane->child);
        if (n < 0)
            return n;
    }
    ssize_t n = read_child_read(lane->child, lane->segments, lane->segment_count,
                                ret_data, lane->bad_map, STUCK_MS,
                                &lane->job->env->progress->cancel);
    if (n == -ETIMEDOUT) {
        memset(lane->bad_map, 0xff, sizeof(lane->bad_map));
        lane->stuck_pages += lane->pages;
        n = (ssize_t)lane->pages;
    }
    return n;
}

/* Read the pages that were gathered, through the VMM. */
static int flush(struct scan_lane *lane)
{
    size_t pages = lane->pages, first = 0;
    const void *data = lane->buf;

    if (pages == 0)
        return 0;
    ssize_t bad = lane_region(lane)->skip == RAM_SKIP_UFFD
                      ? read_through_child(lane, &data)
                      : page_reader_vm(lane->job->request->vm.pid, lane->segments,
                                       lane->segment_count, lane->buf, lane->bad_map);
    if (bad < 0)
        return (int)bad;
    compare(lane, data, pages, (size_t)bad);
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
    maybe_merge(lane);
    return 0;
}

/* Gather pages that are in the VMM's page table; full batches are read. */
static int gather(struct scan_lane *lane, uint64_t start, uint64_t bytes)
{
    while (bytes > 0) {
        uint64_t room = (SCAN_BATCH_PAGES - lane->pages) * (uint64_t)SCAN_PAGE_BYTES;
        uint64_t n = bytes < room ? bytes : room;
        lane->segments[lane->segment_count++] =
            (struct iovec){.iov_base = (void *)(uintptr_t)start, .iov_len = n};
        lane->pages += n / SCAN_PAGE_BYTES;
        start += n;
        bytes -= n;
        if (lane->pages == SCAN_BATCH_PAGES || lane->segment_count == SCAN_BATCH_SEGMENTS) {
            int code = flush(lane);
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

    if (lane_region(lane)->backing != RAM_SHMEM || job->sample != NULL ||
        job->request->max_rate_bytes != 0 || /* 16 MiB at a time are no steady rate */
        lane->mapper_failures >= SCAN_MAPPER_FAILURES_MAX)
        return NULL;
    if (lane->mapper == NULL &&
        read_child_open_file(lane->file_fd, job->accel,
                             SCAN_MAPPED_PAGES * (size_t)SCAN_PAGE_BYTES, &lane->mapper) < 0)
        lane->mapper_failures = SCAN_MAPPER_FAILURES_MAX;
    return lane->mapper;
}

/* Bytes that were compared in place; 0: to be read instead; -ECANCELED. */
static ssize_t compare_in_place(struct scan_lane *lane, uint64_t offset, uint64_t bytes)
{
    const uint64_t most = SCAN_MAPPED_PAGES * (uint64_t)SCAN_PAGE_BYTES;
    struct read_child *child = bytes >= SCAN_MAPPED_MIN_PAGES * (uint64_t)SCAN_PAGE_BYTES
                                   ? mapper(lane) : NULL;
    double cpu_s = 0;

    if (child == NULL)
        return 0;
    size_t n = (size_t)(bytes < most ? bytes : most);
    ssize_t zero = read_child_compare(child, offset, n, lane->polite ? POLITE_NICE : 0,
                                      lane->zero_map, &cpu_s, &lane->job->env->progress->cancel);
    lane->mapper_cpu_s += cpu_s;
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
    ssize_t bad = page_reader_file(lane->file_fd, offset, n, lane->buf, lane->bad_map);
    if (bad < 0)
        return bad;
    compare(lane, lane->buf, n / SCAN_PAGE_BYTES, (size_t)bad);
    return (ssize_t)n;
}

/* Look at pages of the file behind the region. @zero_class: what pages of zeros are. */
static int read_file(struct scan_lane *lane, uint64_t start, uint64_t bytes,
                     enum page_class zero_class)
{
    const struct ram_region *region = lane_region(lane);

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
        maybe_merge(lane);
    }
    return 0;
}

/* Of a run of present pages, read those that were drawn. */
static int read_sample(struct scan_lane *lane, const struct residency_run *run, bool from_file)
{
    const struct scan_job *job = lane->job;
    uint64_t pages = run->bytes / SCAN_PAGE_BYTES, end = lane->ordinal + pages;
    int n = 0;

    for (; n == 0 && lane->sample_at < job->sample_count; lane->sample_at++) {
        uint64_t drawn = job->sample[lane->sample_at];
        if (drawn >= end || drawn >= lane->sample_end)
            break;
        uint64_t start = run->start + (drawn - lane->ordinal) * SCAN_PAGE_BYTES;
        n = from_file ? read_file(lane, start, SCAN_PAGE_BYTES, PAGE_ZERO_CONTENT)
                      : gather(lane, start, SCAN_PAGE_BYTES);
    }
    lane->ordinal = end;
    return n;
}

/* What each kind of run is, and whether its content can be read, and from where. */
struct run_action {
    enum page_class page_class; /* when it is not read; for readable kinds: PAGE_UNREAD */
    bool from_vm, from_file;
    enum page_class zero_class;
};
static const struct run_action run_actions[] = {
    [RESIDENCY_ABSENT] = {.page_class = PAGE_UNTOUCHED},
    [RESIDENCY_ZERO] = {.page_class = PAGE_ZERO_MAPPED},
    [RESIDENCY_SWAPPED] = {.page_class = PAGE_SWAPPED},
    [RESIDENCY_MAPPED] = {PAGE_UNREAD, true, false, PAGE_ZERO_CONTENT},
    [RESIDENCY_FILE] = {PAGE_UNREAD, false, true, PAGE_ZERO_CONTENT},
    /* a hole reads as zeros; a page that is all zero and mapped by nobody cannot be told from it */
    [RESIDENCY_MAYBE] = {PAGE_UNREAD, false, true, PAGE_UNTOUCHED},
};

static bool is_readable(const struct scan_lane *lane)
{
    enum ram_skip skip = lane_region(lane)->skip;
    return skip == RAM_SKIP_NONE || (skip == RAM_SKIP_UFFD && lane->job->request->force);
}

/* What a run is whose content is not read. */
static enum page_class class_unread(const struct scan_lane *lane, enum residency_kind kind)
{
    const struct ram_region *region = lane_region(lane);
    bool is_in_file = region->inode != 0 && lane->file_fd < 0;

    /* Under userfaultfd an absent page may be still on its way from elsewhere, and what the VMM has
     * not mapped itself may be in the file: of one that was not looked at nobody knows. */
    if (kind == RESIDENCY_ABSENT && (region->skip == RAM_SKIP_UFFD || is_in_file))
        return PAGE_UNREADABLE;
    enum page_class page_class = run_actions[kind].page_class;
    return page_class == PAGE_UNREAD ? PAGE_UNREADABLE : page_class;
}

static void note_run(struct scan_lane *lane, const struct residency_run *run)
{
    lane->present += run->bytes / SCAN_PAGE_BYTES;
    if (lane->run_count < SCAN_SEEN_RUNS)
        lane->runs[lane->run_count++] = *run;
    else
        lane->run_count = SIZE_MAX;
}

static int on_run(void *arg, const struct residency_run *run)
{
    struct scan_lane *lane = arg;
    const struct run_action *action = &run_actions[run->kind];
    uint64_t pages = run->bytes / SCAN_PAGE_BYTES;
    bool sampling = lane->job->sample != NULL;

    if (scan_job_stops(lane->job))
        return -ECANCELED;
    if (!is_readable(lane) || (!action->from_vm && !action->from_file)) {
        if (!sampling)
            scan_count_run(lane, class_unread(lane, run->kind), run->start, pages);
        return 0;
    }
    if (sampling)
        return read_sample(lane, run, action->from_file);
    if (!lane->job->reading) {
        note_run(lane, run);
        scan_count_run(lane, PAGE_UNREAD, run->start, pages);
        return 0;
    }
    return action->from_file ? read_file(lane, run->start, run->bytes, action->zero_class)
                             : gather(lane, run->start, run->bytes);
}

/* The first sample of a chunk, by bisection; false when there is none. */
static bool seek_sample(struct scan_lane *lane, size_t index)
{
    const struct scan_job *job = lane->job;
    uint64_t first = job->seen[index].first, low = 0, high = job->sample_count;

    while (low < high) {
        uint64_t middle = (low + high) / 2;
        if (job->sample[middle] < first)
            low = middle + 1;
        else
            high = middle;
    }
    lane->sample_at = low;
    lane->ordinal = first;
    lane->sample_end = first + job->seen[index].present; /* pages that came since are not in it */
    return low < job->sample_count && job->sample[low] < lane->sample_end;
}

/* How much is looked at before it is read: what --max-rate allows to read without a long wait. */
static uint64_t step_bytes(const struct scan_job *job)
{
    uint64_t rate = job->request->max_rate_bytes;
    uint64_t step = rate / STEPS_PER_S / SCAN_BATCH_BYTES * SCAN_BATCH_BYTES;
    bool reads = job->reading || job->sample != NULL;

    if (rate == 0 || !reads || step > RESIDENCY_CHUNK_MAX)
        return RESIDENCY_CHUNK_MAX;
    return step < SCAN_BATCH_BYTES ? SCAN_BATCH_BYTES : step;
}

static int walk_chunk(struct scan_lane *lane)
{
    uint64_t step = step_bytes(lane->job);
    int n = 0;

    for (uint64_t at = lane->chunk.start; at < lane->chunk.end && n == 0;) {
        uint64_t left = lane->chunk.end - at;
        uint64_t len = left < step ? left : step;
        uint64_t begin_ns = scan_now_ns();
        n = scan_job_stops(lane->job)
                ? -ECANCELED : residency_walk(lane->residency, at, at + len, on_run, lane);
        if (n == 0)
            n = flush(lane);
        if (n == 0)
            n = pay_for_rate(lane, begin_ns);
        at += len;
    }
    return n;
}

/* Many pages take long to read, and so do a few under --max-rate. */
static bool is_fresh(const struct scan_job *job, const struct scan_seen *seen)
{
    return seen->runs != NULL && scan_now_ns() - seen->time_ns <= SCAN_SEEN_FRESH_NS &&
           job->sample_count <= SCAN_SAMPLE_DEFAULT && job->request->max_rate_bytes == 0;
}

/* Walk a chunk again, or rather what was seen in it, when that is fresh. */
static int sample_chunk(struct scan_lane *lane, size_t index)
{
    const struct scan_seen *seen = &lane->job->seen[index];
    int n = 0;

    if (!seek_sample(lane, index))
        return 0;
    if (!is_fresh(lane->job, seen))
        return walk_chunk(lane);
    for (size_t i = 0; i < seen->run_count && n == 0; i++)
        n = on_run(lane, &seen->runs[i]);
    return n < 0 ? n : flush(lane);
}

static int run_chunk(struct scan_lane *lane, size_t index)
{
    const struct ram_region *region = lane_region(lane);

    if (region->skip == RAM_SKIP_DEVICE || region->skip == RAM_SKIP_UNMAPPED) {
        if (lane->job->sample == NULL)
            scan_count_run(lane, PAGE_UNREADABLE, lane->chunk.start,
                    (lane->chunk.end - lane->chunk.start) / SCAN_PAGE_BYTES);
        return 0;
    }
    if (lane->job->sample != NULL)
        return sample_chunk(lane, index);
    lane->present = 0;
    lane->run_count = 0;
    uint64_t begin_ns = scan_now_ns();
    int n = walk_chunk(lane);
    if (n == 0 && !lane->job->reading)
        scan_chunks_note_seen(lane, index, begin_ns);
    return n;
}

/*
 * The file is open for as long as the lane is in its region: a VMM may have thousands of them, and
 * other parts of this program need descriptors too.
 */
static int enter_region(struct scan_lane *lane)
{
    struct scan_job *job = lane->job;
    const struct ram_region *region = lane_region(lane);

    leave_region(lane);
    lane->file_fd = page_reader_open_file(job->env->root, job->request->vm.pid, region);
    if (lane->file_fd < 0 && region->inode != 0 && region->skip != RAM_SKIP_DEVICE)
        atomic_store_explicit(&job->unopened[lane->chunk.region], true, memory_order_relaxed);
    return residency_set_region(lane->residency, region, lane->file_fd);
}

int scan_lane_run(struct scan_lane *lane)
{
    struct timespec cpu;
    size_t index, region = SIZE_MAX;
    int n = 0;

    while (n == 0 && scan_chunks_take(lane->job, &lane->chunk, &index)) {
        if (lane->chunk.region != region) {
            region = lane->chunk.region;
            n = enter_region(lane);
            if (n < 0)
                break;
        }
        n = run_chunk(lane, index);
        scan_job_merge(lane->job, lane);
    }
    lane->segment_count = lane->pages = 0;
    if (n == 0 && scan_job_stops(lane->job))
        n = -ECANCELED;
    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu) == 0)
        lane->cpu_s = (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9 + lane->mapper_cpu_s;
    return n;
}
