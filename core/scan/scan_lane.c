// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdlib.h>
#include <string.h>
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
#define NAP_NS 5000000        /* while waiting for --max-rate */
#define STEPS_PER_S     20

int scan_lane_open(struct scan_lane *lane, struct scan_job *job)
{
    *lane = (struct scan_lane){.job = job, .file_fd = -1};
    lane->slices = calloc(SCAN_SLICES, sizeof(*lane->slices));
    lane->slice_low = SCAN_SLICES;
    if (lane->slices == NULL)
        return -ENOMEM;
    return residency_open(job->env->root, job->request->vm.pid, true, &lane->residency, NULL);
}

static void leave_region(struct scan_lane *lane)
{
    scan_read_leave(lane);
    if (lane->file_fd >= 0) {
        beacon_at(lane->job->env->beacon, lane->job->request->vm.pid, BEACON_CLOSE_MEMORY);
        close(lane->file_fd);
    }
    lane->file_fd = -1;
}

void scan_lane_close(struct scan_lane *lane)
{
    leave_region(lane);
    residency_close(lane->residency);
    scan_read_close(lane);
    free(lane->slices);
}

const struct ram_region *scan_lane_region(const struct scan_lane *lane)
{
    return &lane->job->report->regions[lane->chunk.region].ram;
}

void scan_lane_maybe_merge(struct scan_lane *lane)
{
    uint64_t now = scan_now_ns();

    if (lane->job->request->idle_priority && !lane->polite &&
        now - lane->job->begin_ns > POLITE_AFTER_NS) {
        lane->polite = true;
        setpriority(PRIO_PROCESS, 0, SCAN_POLITE_NICE); /* on Linux: of this thread, a lane's own */
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
        beacon_at(job->env->beacon, job->request->vm.pid, BEACON_READ_MEMORY);
        uint64_t left = end - now < NAP_NS ? end - now : NAP_NS;
        struct timespec ts = {.tv_nsec = (long)left};
        nanosleep(&ts, NULL);
        scan_lane_maybe_merge(lane);
    }
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

bool scan_lane_is_readable(const struct scan_lane *lane)
{
    enum ram_skip skip = scan_lane_region(lane)->skip;
    bool is_forced =
        lane->job->request->force && (skip == RAM_SKIP_UFFD || skip == RAM_SKIP_PRIVATE);
    bool may_be_read = skip == RAM_SKIP_NONE || is_forced;
    return may_be_read && !scan_left_is(lane->job, lane->chunk.region);
}

/* What a run is whose content is not read. */
static enum page_class class_unread(const struct scan_lane *lane, enum residency_kind kind)
{
    const struct ram_region *region = scan_lane_region(lane);
    bool is_in_file = region->inode != 0 && lane->file_fd < 0;
    bool is_uffd = region->skip == RAM_SKIP_UFFD || scan_left_is(lane->job, lane->chunk.region);

    /* Under userfaultfd an absent page may be still on its way from elsewhere, and what the VMM has
     * not mapped itself may be in the file, or in that of guest_memfd: of one that was not looked
     * at nobody knows. */
    bool is_private = region->skip == RAM_SKIP_PRIVATE;
    if (kind == RESIDENCY_ABSENT && (is_uffd || is_in_file || is_private))
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
    if (!scan_lane_is_readable(lane) || (!action->from_vm && !action->from_file)) {
        if (!sampling && !lane->job->recount)
            scan_count_run(lane, class_unread(lane, run->kind), run->start, pages);
        return 0;
    }
    if (sampling)
        return scan_read_sample(lane, run, action->from_file);
    if (!lane->job->reading) {
        note_run(lane, run);
        if (!lane->job->recount)
            scan_count_run(lane, PAGE_UNREAD, run->start, pages);
        return 0;
    }
    return action->from_file ? scan_read_file(lane, run->start, run->bytes, action->zero_class)
                             : scan_read_vm(lane, run->start, run->bytes);
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
        beacon_at(lane->job->env->beacon, lane->job->request->vm.pid, BEACON_READ_MAPS);
        n = scan_job_stops(lane->job)
                ? -ECANCELED : residency_walk(lane->residency, at, at + len, on_run, lane);
        if (n == 0)
            n = scan_read_flush(lane);
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
    bool is_known = lane->job->places != NULL && seen->runs != NULL; /* nothing is read now */
    if (!is_known && !is_fresh(lane->job, seen))
        return walk_chunk(lane);
    for (size_t i = 0; i < seen->run_count && n == 0; i++)
        n = on_run(lane, &seen->runs[i]);
    return n < 0 ? n : scan_read_flush(lane);
}

static int run_chunk(struct scan_lane *lane, size_t index)
{
    const struct ram_region *region = scan_lane_region(lane);

    if (region->skip == RAM_SKIP_DEVICE || region->skip == RAM_SKIP_UNMAPPED) {
        if (lane->job->sample == NULL && !lane->job->recount)
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
int scan_lane_enter(struct scan_lane *lane)
{
    struct scan_job *job = lane->job;
    const struct ram_region *region = scan_lane_region(lane);

    leave_region(lane);
    beacon_at(job->env->beacon, job->request->vm.pid, BEACON_OPEN_MEMORY);
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
            n = scan_lane_enter(lane);
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
        lane->cpu_s = (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9 + lane->children_cpu_s;
    return n;
}
