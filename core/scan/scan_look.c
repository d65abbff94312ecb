// SPDX-License-Identifier: MIT
/* One look at the pages of a sample: which are still there, and what they hash to. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/scan/scan_looks.h"

/*
 * Pages that are gathered before they are read: that they were there is 2 ms old then, at most. One
 * that has gone since would be mapped anew by the read.
 */
#define GATHER_PAGES 1024
/* Pages of a sample that lie closer are looked up in one go: a system call takes as long as the
 * kernel needs for so many pages. */
#define GAP_BYTES    (64 * (uint64_t)SCAN_PAGE_BYTES)
#define WINDOW_BYTES (64ull << 20)
#define TOGETHER     16 /* neighbours in the sample that are looked at one after the other */

/* A look under way. */
struct looking {
    struct scan_lane *lane;
    struct scan_looks *looks;
    bool only_early;            /* places */
    size_t next, end;           /* places of the window that were not met yet */
    bool from_file;             /* what was gathered */
    size_t index[GATHER_PAGES]; /* its places */
    struct read_hashes hashes;
};

/* Zeroed memory for what hashes tell: in no core dump, and wiped before it goes. */
static void *map_secret(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        return NULL;
    madvise(memory, bytes, MADV_DONTDUMP);
    return memory;
}

static void unmap_secret(void *memory, size_t bytes)
{
    if (memory == NULL)
        return;
    explicit_bzero(memory, bytes);
    munmap(memory, bytes);
}

/* --- the sample ------------------------------------------------------------------------------- */

int scan_looks_open(struct scan_looks *looks, struct scan_place *places, size_t count,
                    unsigned look_count)
{
    size_t room = (count + 7) / 8 * 8 + 8;
    size_t bytes = room * (look_count * (sizeof(uint64_t) + sizeof(uint32_t)) + 1);
    void *memory = map_secret(bytes);

    if (memory == NULL)
        return -ENOMEM;
    *looks = (struct scan_looks){
        .places = places,
        .count = count,
        .room = room,
        .hash = memory,
        .time_us = (uint32_t *)((uint64_t *)memory + room * look_count),
        .memory = memory,
        .memory_bytes = bytes,
    };
    looks->zero = (uint8_t *)(looks->time_us + room * look_count);
    return 0;
}

static void swap_places(struct scan_place *a, struct scan_place *b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct scan_place place = a[i];
        a[i] = b[i];
        b[i] = place;
    }
}

int scan_looks_choose_early(struct scan_place *places, size_t count, size_t early,
                            struct scan_random *random, const atomic_bool *cancel)
{
    struct scan_place *others = malloc((count + 1) * sizeof(*others));
    uint64_t *chosen = malloc((early + 1) * sizeof(*chosen));
    int n = others == NULL || chosen == NULL
                ? -ENOMEM
                : scan_sample_spread(chosen, early, count, random, cancel);

    for (size_t i = 0; n == 0 && i < early; i++)
        places[chosen[i]].is_early = true;
    for (size_t first = 0, end; n == 0 && first < count; first = end) {
        size_t kept = first, put = 0;
        for (end = first; end < count && places[end].region == places[first].region; end++) {
            if (places[end].is_early)
                places[kept++] = places[end];
            else
                others[put++] = places[end];
        }
        memcpy(places + kept, others, put * sizeof(*others));
    }
    free(others);
    free(chosen);
    return n;
}

static bool is_same_part(const struct scan_place *a, const struct scan_place *b)
{
    return a->region == b->region && a->is_early == b->is_early;
}

void scan_looks_shuffle(struct scan_place *places, size_t count, struct scan_random *random)
{
    for (size_t first = 0, end; first < count; first = end) {
        for (end = first + 1; end < count && is_same_part(&places[end], &places[first]);)
            end++;
        /* Fisher and Yates, of whole groups; the rest stays where it is. */
        for (size_t i = (end - first) / TOGETHER; i > 1; i--) {
            size_t k = (size_t)(scan_random_next(random) % i);
            swap_places(places + first + (i - 1) * TOGETHER, places + first + k * TOGETHER,
                        k == i - 1 ? 0 : TOGETHER);
        }
    }
}

void scan_looks_done(struct scan_looks *looks)
{
    unmap_secret(looks->memory, looks->memory_bytes);
    free(looks->places);
    explicit_bzero(looks, sizeof(*looks));
}

void scan_looks_keep(struct scan_looks *looks, const uint64_t *indices, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t from = (size_t)indices[i];
        looks->places[i] = looks->places[from];
        looks->zero[i] = looks->zero[from];
        for (unsigned k = 0; k < looks->looks; k++) {
            looks->hash[k * looks->room + i] = looks->hash[k * looks->room + from];
            looks->time_us[k * looks->room + i] = looks->time_us[k * looks->room + from];
        }
    }
    looks->count = count;
}

/* --- a look ----------------------------------------------------------------------------------- */

/* Who reads what was gathered; NULL: nobody does any more. */
static int reader(struct looking *l, struct read_child **ret)
{
    struct scan_lane *lane = l->lane;
    const struct scan_job *job = lane->job;
    struct read_child **child = l->from_file ? &lane->mapper : &lane->child;
    int n = 0;

    *ret = NULL;
    if (scan_left_is(job, lane->chunk.region))
        return 0;
    if (*child == NULL && l->from_file) {
        n = read_child_open_file(lane->file_fd, job->accel, child);
    } else if (*child == NULL) {
        n = read_child_open(job->env->root, &lane->own_child);
        *child = lane->own_child;
    }
    if (n < 0)
        return n;
    read_child_aim(*child, job->request->vm.pid, job->accel);
    *ret = *child;
    return 0;
}

static ssize_t read_once(struct looking *l, struct read_child *child)
{
    struct scan_lane *lane = l->lane;
    const struct read_patience patience = {.uffd_ms = SCAN_STUCK_UFFD_MS,
                                           .any_ms = SCAN_STUCK_MS,
                                           .cancel = &lane->job->env->progress->cancel,
                                           .beacon = lane->job->env->beacon};
    double cpu_s;
    ssize_t bad = read_child_hash(child, lane->segments, lane->segment_count, SCAN_POLITE_NICE,
                                  l->looks->seed, &l->hashes, &cpu_s, &patience);

    lane->children_cpu_s += cpu_s;
    return bad;
}

/* What was seen of page @i of those that were gathered. */
static void note_page(struct looking *l, size_t i)
{
    struct scan_lane *lane = l->lane;
    struct scan_looks *looks = l->looks;
    size_t at = looks->looks * looks->room + l->index[i];
    uint64_t bit = 1ull << (i % 64);

    if (l->hashes.bad[i / 64] & bit)
        return;
    uint64_t time_ns =
        l->hashes.time_ns[i] > looks->begin_ns ? l->hashes.time_ns[i] : looks->begin_ns;
    looks->hash[at] = l->hashes.hash[i];
    looks->time_us[at] = (uint32_t)((time_ns - looks->begin_ns) / 1000) + 1;
    lane->bytes_read += SCAN_PAGE_BYTES;
    uint8_t *flags = &looks->zero[l->index[i]];
    bool is_zero = (l->hashes.zero[i / 64] & bit) != 0;
    if ((*flags & SCAN_WAS_READ) == 0) { /* what an estimate is made of, too */
        *flags |= (uint8_t)(SCAN_WAS_READ | (is_zero ? SCAN_ZERO_FIRST : 0));
        lane->sampled++;
        lane->sampled_zero += is_zero;
    }
    *flags |= is_zero ? SCAN_ZERO_LAST : 0;
}

static void note(struct looking *l)
{
    for (size_t i = 0; i < l->lane->pages; i++)
        note_page(l, i);
}

static int flush(struct looking *l)
{
    struct scan_lane *lane = l->lane;
    struct read_child *child;
    ssize_t bad = 0;

    if (lane->pages == 0)
        return 0;
    int n = reader(l, &child);
    if (n < 0)
        return n;
    if (child != NULL) {
        bad = read_once(l, child);
        if (bad == -EIO) /* killed, by one that looks for memory as a rule: once more */
            bad = read_once(l, child);
        if (bad == -ETIMEDOUT && scan_lane_region(lane)->skip != RAM_SKIP_UFFD)
            scan_left_add(lane->job, lane->chunk.region, child);
        if (bad >= 0 || bad == -ETIMEDOUT)
            note(l);
    }
    atomic_fetch_add_explicit(&lane->job->env->progress->done_bytes, lane->pages * SCAN_PAGE_BYTES,
                              memory_order_relaxed);
    lane->pages = lane->segment_count = 0;
    scan_lane_maybe_merge(lane);
    return bad < 0 && bad != -ETIMEDOUT ? (int)bad : 0;
}

static int gather(struct looking *l, bool from_file)
{
    struct scan_lane *lane = l->lane;
    const struct ram_region *region = scan_lane_region(lane);
    int n = lane->pages == GATHER_PAGES || (lane->pages > 0 && l->from_file != from_file) ? flush(l)
                                                                                          : 0;
    if (n < 0)
        return n;
    uint64_t at = l->looks->places[l->next].address;
    if (from_file)
        at = region->file_offset + (at - region->start);
    l->from_file = from_file;
    l->index[lane->pages++] = l->next;
    lane->segments[lane->segment_count++] =
        (struct iovec){.iov_base = (void *)(uintptr_t)at, .iov_len = SCAN_PAGE_BYTES};
    return 0;
}

/* Of a run of pages, those of the sample that can be read. */
static int on_run(void *arg, const struct residency_run *run)
{
    struct looking *l = arg;
    bool from_file = run->kind == RESIDENCY_FILE || run->kind == RESIDENCY_MAYBE;
    bool is_there = from_file || run->kind == RESIDENCY_MAPPED;
    int n = scan_job_stops(l->lane->job) ? -ECANCELED : 0;

    for (;
         n == 0 && l->next < l->end && l->looks->places[l->next].address - run->start < run->bytes;
         l->next++)
        if (is_there)
            n = gather(l, from_file);
    return n;
}

/* The places from @first on that are looked up in one go. */
static size_t window_end(const struct scan_looks *looks, size_t first)
{
    const struct scan_place *p = looks->places;
    size_t end = first + 1;

    while (end < looks->count && is_same_part(&p[end], &p[first]) &&
           p[end].address > p[end - 1].address &&
           p[end].address - p[end - 1].address <= GAP_BYTES &&
           p[end].address - p[first].address < WINDOW_BYTES)
        end++;
    return end;
}

static int look_at_window(struct looking *l, size_t first, size_t end)
{
    struct scan_lane *lane = l->lane;
    const struct scan_place *places = l->looks->places;

    if (scan_job_stops(lane->job))
        return -ECANCELED;
    if (!scan_lane_is_readable(lane))
        return 0;
    l->next = first;
    l->end = end;
    beacon_at(lane->job->env->beacon, lane->job->request->vm.pid, BEACON_READ_MAPS);
    return residency_walk(lane->residency, places[first].address,
                          places[end - 1].address + SCAN_PAGE_BYTES, on_run, l);
}

/* What is gathered is of one region. */
static int enter(struct looking *l, size_t region)
{
    struct scan_lane *lane = l->lane;
    int n = flush(l);

    if (n < 0)
        return n;
    lane->chunk = (struct scan_chunk){.region = region};
    return scan_lane_enter(lane);
}

static int look_at_all(struct looking *l)
{
    const struct scan_place *places = l->looks->places;
    size_t count = l->looks->count, end;
    int n = 0;

    for (size_t first = 0; n == 0 && first < count; first = end) {
        end = window_end(l->looks, first);
        if (first == 0 || places[first].region != places[first - 1].region)
            n = enter(l, places[first].region);
        if (n == 0 && (places[first].is_early || !l->only_early))
            n = look_at_window(l, first, end);
    }
    return n == 0 ? flush(l) : n;
}

int scan_look(struct scan_lane *lane, struct scan_looks *looks, bool only_early)
{
    struct looking *l = map_secret(sizeof(*l));

    if (l == NULL)
        return -ENOMEM;
    l->lane = lane;
    l->looks = looks;
    l->only_early = only_early;
    memset(looks->time_us + looks->looks * looks->room, 0, looks->room * sizeof(*looks->time_us));
    for (size_t i = 0; i < looks->count; i++)
        looks->zero[i] &= (uint8_t)~SCAN_ZERO_LAST;
    int n = look_at_all(l);
    lane->pages = lane->segment_count = 0;
    looks->looks += n == 0;
    unmap_secret(l, sizeof(*l));
    return n;
}
