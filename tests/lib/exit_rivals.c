// SPDX-License-Identifier: MIT
#include "tests/lib/exit_rivals.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CPUS_MAX   256
#define EVENTS_MAX 8
#define LOST_COUNT 16         /* in a PERF_RECORD_LOST: behind its header and an id */
#define RING_BYTES (4u << 20) /* perf kvm stat record -m 1024 */

static int event_open(struct perf_event_attr *attr, int cpu, int group)
{
    attr->size = sizeof(*attr);
    attr->type = PERF_TYPE_TRACEPOINT;
    int fd = (int)syscall(SYS_perf_event_open, attr, -1, cpu, group, PERF_FLAG_FD_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int fail(struct error *err, int result)
{
    return error_set(err, result, "cannot open a trace event: %s", strerror(-result));
}

static int cpus(void)
{
    const long count = sysconf(_SC_NPROCESSORS_ONLN);

    return count > CPUS_MAX ? CPUS_MAX : (int)count;
}

/* --- perf's ring ------------------------------------------------------------------------------ */

struct exit_ring {
    int fds[CPUS_MAX][EVENTS_MAX];
    size_t event_count;
    struct perf_event_mmap_page *pages[CPUS_MAX];
    int cpu_count;
    pthread_t reader;
    bool is_reading;
    atomic_bool stop;
    uint64_t samples; /* the reader's; and those that found no room */
};

/* The number at a place of the ring. */
static uint64_t read64(const struct perf_event_mmap_page *page, uint64_t at)
{
    uint64_t value;

    memcpy(&value, (const char *)page + page->data_offset + at % page->data_size, sizeof(value));
    return value;
}

/* A record may go around the end of the ring; its head does not: all are multiples of 8 bytes. */
static void drain(struct exit_ring *ring, int cpu)
{
    struct perf_event_mmap_page *page = ring->pages[cpu];
    const char *data = (const char *)page + page->data_offset;
    const uint64_t head = __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE);
    uint64_t tail = page->data_tail;

    while (tail != head) {
        struct perf_event_header record;
        memcpy(&record, data + tail % page->data_size, sizeof(record));
        if (record.type == PERF_RECORD_LOST)
            ring->samples += read64(page, tail + LOST_COUNT);
        else
            ring->samples += record.type == PERF_RECORD_SAMPLE;
        tail += record.size;
    }
    __atomic_store_n(&page->data_tail, tail, __ATOMIC_RELEASE);
}

static void *reader_main(void *arg)
{
    struct exit_ring *ring = arg;
    struct pollfd fds[CPUS_MAX];
    bool is_last;

    for (int cpu = 0; cpu < ring->cpu_count; cpu++)
        fds[cpu] = (struct pollfd){.fd = ring->fds[cpu][0], .events = POLLIN};
    do {
        poll(fds, (nfds_t)ring->cpu_count, 10);
        is_last = atomic_load(&ring->stop);
        for (int cpu = 0; cpu < ring->cpu_count; cpu++)
            drain(ring, cpu);
    } while (!is_last);
    return NULL;
}

static int ring_open_cpu(struct exit_ring *ring, const uint32_t *events, int cpu, struct error *err)
{
    for (size_t i = 0; i < ring->event_count; i++) {
        struct perf_event_attr attr = {
            .config = events[i],
            .sample_period = 1,
            .sample_type = PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_IP | PERF_SAMPLE_TID |
                           PERF_SAMPLE_TIME | PERF_SAMPLE_CPU | PERF_SAMPLE_PERIOD |
                           PERF_SAMPLE_RAW,
            .read_format = PERF_FORMAT_ID,
            .inherit = 1,
            .sample_id_all = 1,
        };
        int fd = event_open(&attr, cpu, -1);
        if (fd < 0)
            return fail(err, fd);
        ring->fds[cpu][i] = fd;
        if (i > 0 && ioctl(fd, PERF_EVENT_IOC_SET_OUTPUT, ring->fds[cpu][0]) < 0)
            return fail(err, -errno);
        if (i > 0)
            continue;
        void *page = mmap(NULL, RING_BYTES + (size_t)sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE,
                          MAP_SHARED, fd, 0);
        if (page == MAP_FAILED)
            return fail(err, -errno);
        ring->pages[cpu] = page;
    }
    return 0;
}

int exit_ring_open(const uint32_t *events, size_t count, struct exit_ring **ret, struct error *err)
{
    struct exit_ring *ring = calloc(1, sizeof(*ring));
    int result = 0;

    *ret = NULL;
    if (ring == NULL || count == 0 || count > EVENTS_MAX) {
        free(ring);
        return error_set(err, -EINVAL, "no memory, or the number of events is out of bounds");
    }
    memset(ring->fds, -1, sizeof(ring->fds));
    ring->event_count = count;
    ring->cpu_count = cpus();
    for (int cpu = 0; cpu < ring->cpu_count && result == 0; cpu++)
        result = ring_open_cpu(ring, events, cpu, err);
    if (result == 0) {
        result = -pthread_create(&ring->reader, NULL, reader_main, ring);
        ring->is_reading = result == 0;
        if (result < 0)
            error_set(err, result, "cannot start a thread: %s", strerror(-result));
    }
    if (result < 0)
        exit_ring_close(ring);
    else
        *ret = ring;
    return result;
}

uint64_t exit_ring_close(struct exit_ring *ring)
{
    if (ring == NULL)
        return 0;
    atomic_store(&ring->stop, true);
    if (ring->is_reading)
        pthread_join(ring->reader, NULL);
    for (int cpu = 0; cpu < ring->cpu_count; cpu++) {
        if (ring->pages[cpu] != NULL)
            munmap(ring->pages[cpu], RING_BYTES + (size_t)sysconf(_SC_PAGESIZE));
        for (size_t i = 0; i < ring->event_count; i++)
            if (ring->fds[cpu][i] >= 0)
                close(ring->fds[cpu][i]);
    }
    const uint64_t samples = ring->samples;
    free(ring);
    return samples;
}

/* --- kvm_stat's filters ----------------------------------------------------------------------- */

#define GROUP_MAX (EVENTS_MAX * (1 + EXIT_FILTERS_MAX))

struct exit_filters {
    int fds[CPUS_MAX][GROUP_MAX];
    size_t group_count; /* events of a group */
    size_t last;        /* which of them counts what is asked for */
    int cpu_count;
};

/* @filter NULL: none. */
static int group_add(struct exit_filters *filters, int cpu, size_t index, uint32_t event,
                     const char *filter, struct error *err)
{
    struct perf_event_attr attr = {.config = event, .read_format = PERF_FORMAT_GROUP};
    int fd = event_open(&attr, cpu, index > 0 ? filters->fds[cpu][0] : -1);

    if (fd < 0)
        return fail(err, fd);
    filters->fds[cpu][index] = fd;
    if (filter != NULL && ioctl(fd, PERF_EVENT_IOC_SET_FILTER, filter) < 0)
        return error_set(err, -errno, "the filter '%s' was refused: %s", filter, strerror(errno));
    return 0;
}

static int group_open(struct exit_filters *filters, int cpu, const struct exit_filter *events,
                      size_t count, struct error *err)
{
    size_t index = 0;
    int result = 0;

    for (size_t i = 0; i < count && result == 0; i++) {
        const struct exit_filter *e = &events[i];
        result = group_add(filters, cpu, index++, e->event, NULL, err);
        for (size_t k = 0; k < e->count && result == 0; k++) {
            char text[64];
            snprintf(text, sizeof(text), "%s==%u", e->field,
                     k + 1 < e->count ? (unsigned)k : e->last);
            result = group_add(filters, cpu, index++, e->event, text, err);
        }
        filters->last = i == 0 ? index - 1 : filters->last;
    }
    filters->group_count = index;
    return result;
}

int exit_filters_open(const struct exit_filter *events, size_t count, struct exit_filters **ret,
                      struct error *err)
{
    struct exit_filters *filters = calloc(1, sizeof(*filters));
    bool is_valid = filters != NULL && count > 0 && count <= EVENTS_MAX;
    int result = 0;

    *ret = NULL;
    for (size_t i = 0; i < count && is_valid; i++)
        is_valid = events[i].count <= EXIT_FILTERS_MAX;
    if (!is_valid) {
        free(filters);
        return error_set(err, -EINVAL, "no memory, or the number of events is out of bounds");
    }
    memset(filters->fds, -1, sizeof(filters->fds));
    filters->cpu_count = cpus();
    for (int cpu = 0; cpu < filters->cpu_count && result == 0; cpu++)
        result = group_open(filters, cpu, events, count, err);
    if (result < 0)
        exit_filters_close(filters);
    else
        *ret = filters;
    return result;
}

static uint64_t last_of(const struct exit_filters *filters, int cpu)
{
    uint64_t values[1 + GROUP_MAX]; /* how many there are, then each */
    const size_t bytes = (1 + filters->group_count) * sizeof(values[0]);

    if (read(filters->fds[cpu][0], values, bytes) != (ssize_t)bytes)
        return 0;
    return values[1 + filters->last];
}

uint64_t exit_filters_close(struct exit_filters *filters)
{
    uint64_t seen = 0;

    if (filters == NULL)
        return 0;
    for (int cpu = 0; cpu < filters->cpu_count; cpu++) {
        if (filters->fds[cpu][0] >= 0)
            seen += last_of(filters, cpu);
        for (size_t i = GROUP_MAX; i-- > 0;)
            if (filters->fds[cpu][i] >= 0)
                close(filters->fds[cpu][i]);
    }
    free(filters);
    return seen;
}
