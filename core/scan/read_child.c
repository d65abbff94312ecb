// SPDX-License-Identifier: MIT
/* Who waits for the reading process, and kills it. */
#include "core/scan/read_child.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/text.h"
#include "core/scan/read_child_internal.h"

#define COMPARE_TIMEOUT_MS 10000
#define WIPE_TIMEOUT_MS    1000
#define TICK_MS 10       /* how often cancel is looked at */
#define REAP_FIRST_NS 50000L  /* a killed process is waited for so long, then twice as long, ... */
#define REAP_STEPS 12         /* 0.2 s in all */
#define KILL_STEP          7          /* after 13 ms */

static int start(struct read_child *child)
{
    int pair[2];
    pid_t parent = getpid();

    child->request->cpu_s = 0;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    pid_t pid = fork();
    if (pid == 0)
        read_child_serve(child, pair[1], parent);
    int code = -errno;
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        return code;
    }
    child->pid = pid;
    child->starter = gettid();
    child->sock = pair[0];
    return 0;
}

/*
 * One that waits for work is given some milliseconds to wipe its buffer and end by itself. A
 * process in the kernel's killable sleep ends at once. One that does not is left to init.
 */
static void finish(struct read_child *child, bool is_idle)
{
    if (child->pid == 0)
        return;
    close(child->sock);
    if (!is_idle)
        kill(child->pid, SIGKILL);
    for (int i = 0; i < REAP_STEPS && waitpid(child->pid, NULL, WNOHANG) == 0; i++) {
        struct timespec ts = {.tv_nsec = REAP_FIRST_NS << i};
        nanosleep(&ts, NULL);
        if (i == KILL_STEP)
            kill(child->pid, SIGKILL);
    }
    child->pid = 0;
}

static int open_child(const struct rootfs *root, int file_fd, struct read_child **ret)
{
    struct read_child *child = calloc(1, sizeof(*child));

    *ret = NULL;
    if (child == NULL)
        return -ENOMEM;
    void *shared = mmap(NULL, sizeof(struct read_request), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        int code = -errno;
        free(child);
        return code;
    }
    madvise(shared, sizeof(struct read_request), MADV_DONTDUMP); /* hashes are in it */
    *child = (struct read_child){.root = root, .file_fd = file_fd, .request = shared};
    *ret = child;
    return 0;
}

int read_child_open(const struct rootfs *root, struct read_child **ret)
{
    return open_child(root, -1, ret);
}

int read_child_open_file(int fd, const struct zeropage_impl *impl, struct read_child **ret)
{
    int result = open_child(NULL, fd, ret);

    if (result == 0 && *ret != NULL)
        (*ret)->request->impl = impl;
    return result;
}

void read_child_aim(struct read_child *child, pid_t pid, const struct zeropage_impl *impl)
{
    child->request->target = pid;
    child->request->impl = impl;
}

int read_child_start(struct read_child *child)
{
    if (child->pid != 0 && child->starter == gettid())
        return 0;
    finish(child, false);
    return start(child);
}

void read_child_close(struct read_child *child)
{
    if (child == NULL)
        return;
    finish(child, true);
    explicit_bzero(child->request->hash, sizeof(child->request->hash));
    munmap(child->request, sizeof(*child->request));
    free(child);
}

static uint64_t now_ms(void)
{
    return read_child_now_ns() / 1000000;
}

/* What does the kernel say that the reading process sleeps in? */
static void note_hung_in(struct read_child *child)
{
    char path[64], raw[sizeof(child->hung_in)];

    child->hung_in[0] = '\0';
    snprintf(path, sizeof(path), "proc/%d/wchan", (int)child->pid);
    if (child->root == NULL || rootfs_read(child->root, path, raw, sizeof(raw)) <= 0 ||
        strcmp(raw, "0") == 0)
        return;
    text_clean(raw, strlen(raw), child->hung_in, sizeof(child->hung_in));
}

const char *read_child_hung_in(const struct read_child *child)
{
    return child->hung_in;
}

bool read_child_hung_in_uffd(const struct read_child *child)
{
    return strncmp(child->hung_in, "handle_userfault", strlen("handle_userfault")) == 0;
}

/* Is there no use in waiting any longer? @since_ms: of the last progress. */
static bool is_hopeless(struct read_child *child, const struct read_patience *patience,
                        uint64_t since_ms)
{
    uint64_t waited = now_ms() - since_ms;
    bool is_long = waited >= (uint64_t)patience->any_ms;

    if (waited < (uint64_t)patience->uffd_ms && !is_long)
        return false;
    note_hung_in(child);
    return is_long || read_child_hung_in_uffd(child);
}

/* Have the request in shared memory done. */
static ssize_t exchange(struct read_child *child, const struct read_patience *patience)
{
    const atomic_bool *cancel = patience->cancel;
    uint64_t since = now_ms();
    size_t batches = 0;
    char byte = 0;

    atomic_store(&child->request->batches, 0);
    if (send(child->sock, &byte, 1, MSG_NOSIGNAL) != 1)
        goto dead;
    for (;;) {
        struct pollfd poller = {.fd = child->sock, .events = POLLIN};
        int ready = poll(&poller, 1, TICK_MS);
        if (ready > 0)
            break;
        if (ready < 0 && errno != EINTR)
            goto dead;
        size_t now_done = atomic_load_explicit(&child->request->batches, memory_order_acquire);
        if (now_done != batches)
            since = now_ms();
        batches = now_done;
        beacon_at(patience->beacon, child->request->target, BEACON_READ_MEMORY);
        bool cancelled = cancel != NULL && atomic_load_explicit(cancel, memory_order_relaxed);
        if (cancelled || is_hopeless(child, patience, since)) {
            finish(child, false);
            return cancelled ? -ECANCELED : -ETIMEDOUT;
        }
    }
    if (recv(child->sock, &byte, 1, 0) == 1)
        return child->request->result;
dead: /* it touched what was there no more, somebody killed it, or it cannot be waited for */
    finish(child, false);
    return -EIO;
}

/* Results of whole batches hold, all that comes behind them is bad. */
static void keep_finished(struct read_request *r, size_t pages)
{
    for (size_t i = atomic_load(&r->batches) * (READ_BATCH_PAGES / 64); i < (pages + 63) / 64;
         i++) {
        size_t left = pages - i * 64;
        r->zero[i] = 0;
        r->bad[i] = left >= 64 ? ~0ull : (1ull << left) - 1;
    }
}

/* Have the pages of the segments looked at. What is there of it then lies in the request. */
static ssize_t look_from_here(struct read_child *child, const struct iovec *segments, size_t count,
                              int nice_value, double *ret_cpu_s,
                              const struct read_patience *patience, size_t *ret_pages)
{
    struct read_request *r = child->request;
    size_t bytes = 0;

    for (size_t i = 0; i < count; i++)
        bytes += segments[i].iov_len;
    *ret_pages = bytes / PAGE_READER_BYTES;
    *ret_cpu_s = 0;
    if (count > READ_CHILD_SEGMENTS_MAX || *ret_pages > READ_CHILD_PAGES_MAX)
        return -EINVAL;
    int n = child->pid == 0 ? start(child) : 0;
    if (n < 0)
        return n;
    double before = r->cpu_s;
    r->count = count;
    r->nice = nice_value;
    memcpy(r->segments, segments, count * sizeof(*segments));
    ssize_t bad = exchange(child, patience);
    if (bad == -ETIMEDOUT)
        keep_finished(r, *ret_pages);
    if (bad >= 0 || bad == -ETIMEDOUT)
        *ret_cpu_s = r->cpu_s > before ? r->cpu_s - before : 0;
    return bad;
}

ssize_t read_child_look(struct read_child *child, const struct iovec *segments, size_t count,
                        int nice_value, uint64_t *ret_zero, uint64_t *ret_bad, double *ret_cpu_s,
                        const struct read_patience *patience)
{
    struct read_request *r = child->request;
    size_t pages;

    r->what = READ_LOOK;
    ssize_t bad = look_from_here(child, segments, count, nice_value, ret_cpu_s, patience, &pages);
    if (bad >= 0 || bad == -ETIMEDOUT) {
        memcpy(ret_zero, r->zero, (pages + 63) / 64 * sizeof(*ret_zero));
        memcpy(ret_bad, r->bad, (pages + 63) / 64 * sizeof(*ret_bad));
    }
    return bad;
}

/* The pages of a batch are copied one after the other. */
static uint64_t page_time(const struct read_request *r, size_t page, size_t pages)
{
    size_t batch = page / READ_BATCH_PAGES, first = batch * READ_BATCH_PAGES;
    size_t count = pages - first < READ_BATCH_PAGES ? pages - first : READ_BATCH_PAGES;
    uint64_t took = r->end_ns[batch] - r->begin_ns[batch];

    return r->begin_ns[batch] + took * (2 * (page - first) + 1) / (2 * count);
}

ssize_t read_child_hash(struct read_child *child, const struct iovec *segments, size_t count,
                        int nice_value, uint64_t seed, struct read_hashes *ret, double *ret_cpu_s,
                        const struct read_patience *patience)
{
    struct read_request *r = child->request;
    size_t pages;

    r->what = READ_HASH;
    r->seed = seed;
    ssize_t bad = look_from_here(child, segments, count, nice_value, ret_cpu_s, patience, &pages);
    if (bad >= 0 || bad == -ETIMEDOUT) {
        size_t words = (pages + 63) / 64;
        memcpy(ret->zero, r->zero, words * sizeof(*ret->zero));
        memcpy(ret->bad, r->bad, words * sizeof(*ret->bad));
        for (size_t i = 0; i < pages; i++) {
            bool is_bad = read_child_bit(r->bad, i);
            ret->hash[i] = is_bad ? 0 : r->hash[i];
            ret->time_ns[i] = is_bad ? 0 : page_time(r, i, pages);
        }
    }
    explicit_bzero(r->hash, sizeof(r->hash));
    r->seed = 0;
    return bad;
}

void read_child_wipe(struct read_child *child)
{
    const struct read_patience patience = {.uffd_ms = WIPE_TIMEOUT_MS, .any_ms = WIPE_TIMEOUT_MS};

    if (child->pid == 0)
        return;
    child->request->what = READ_WIPE;
    exchange(child, &patience);
}

ssize_t read_child_compare(struct read_child *child, uint64_t offset, size_t bytes, int nice_value,
                           uint64_t *ret_zero, double *ret_cpu_s, const atomic_bool *cancel)
{
    const struct read_patience patience = {
        .uffd_ms = COMPARE_TIMEOUT_MS, .any_ms = COMPARE_TIMEOUT_MS, .cancel = cancel};
    struct read_request *r = child->request;

    if (bytes > READ_CHILD_PAGES_MAX * (size_t)PAGE_READER_BYTES)
        return -EINVAL;
    int n = child->pid == 0 ? start(child) : 0;
    if (n < 0)
        return n;
    double before = r->cpu_s;
    r->what = READ_COMPARE;
    r->offset = offset;
    r->bytes = bytes;
    r->nice = nice_value;
    ssize_t zero = exchange(child, &patience);
    if (zero >= 0) {
        memcpy(ret_zero, r->zero, (bytes / PAGE_READER_BYTES + 63) / 64 * sizeof(*ret_zero));
        *ret_cpu_s = r->cpu_s > before ? r->cpu_s - before : 0;
    }
    return zero;
}
