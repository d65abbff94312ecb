// SPDX-License-Identifier: MIT
#include "core/scan/read_child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <xxhash.h>

#include "core/base/text.h"
#include "core/scan/page_reader.h"

#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1 /* Linux 5.11 */
#endif

#define BATCH_PAGES        512 /* read at once: one huge page */
#define BATCH_BYTES        (BATCH_PAGES * (size_t)PAGE_READER_BYTES)
#define MAP_WORDS          (READ_CHILD_PAGES_MAX / 64)
#define BATCHES_MAX        (READ_CHILD_PAGES_MAX / BATCH_PAGES) /* of one look: each is full */
#define SOCK_FD 3        /* descriptors of the reading process */
#define FILE_FD 4
#define COMPARE_TIMEOUT_MS 10000
#define WIPE_TIMEOUT_MS    1000
#define TICK_MS 10       /* how often cancel is looked at */
#define REAP_FIRST_NS 50000L  /* a killed process is waited for so long, then twice as long, ... */
#define REAP_STEPS 12         /* 0.2 s in all */
#define KILL_STEP          7          /* after 13 ms */

/* Lies in memory that both processes share. */
struct read_request {
    enum { READ_LOOK, READ_HASH, READ_COMPARE, READ_WIPE } what;
    pid_t target;                     /* of a look */
    const struct zeropage_impl *impl; /* static, so it is where it was before the fork */
    size_t count;
    uint64_t offset, bytes; /* of a comparison: part of the file */
    int nice;
    double cpu_s;           /* of this process so far */
    ssize_t result;
    /* of a look: finished, so that what takes long is told from what hangs */
    atomic_size_t batches;
    uint64_t zero[MAP_WORDS], bad[MAP_WORDS];
    struct iovec segments[READ_CHILD_SEGMENTS_MAX];
    /* of a look that hashes */
    uint64_t seed;
    uint64_t begin_ns[BATCHES_MAX], end_ns[BATCHES_MAX]; /* of reading each batch */
    uint64_t hash[READ_CHILD_PAGES_MAX];
};

struct read_child {
    const struct rootfs *root;
    int file_fd; /* of comparisons; -1: looks */
    struct read_request *request;
    pid_t pid;        /* of the reading process; 0 = none */
    pid_t starter;    /* thread with which it ends */
    int sock;         /* one byte each way per read */
    char hung_in[64]; /* function of the kernel; "" = not known */
    /* of the reading process only: */
    void *buf_map; /* twice as large, to align it */
    void *buf;     /* [BATCH_BYTES] */
};

/* --- the reading process ---------------------------------------------------------------------- */

/*
 * A hole that is touched through a mapping would be filled with memory. With userfaultfd and its
 * SIGBUS feature it is not: the touch ends this process instead. -1: the kernel
 * lacks or refuses it.
 */
static int open_hole_guard(void)
{
    struct uffdio_api api = {.api = UFFD_API, .features = UFFD_FEATURE_SIGBUS};
    /* needs no privilege */
    int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);

    if (fd < 0)
        fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC); /* before 5.11 */
    if (fd >= 0 && ioctl(fd, UFFDIO_API, &api) == 0)
        return fd;
    return -1;
}

/* Private, for userfaultfd takes no mapping that could never be written; nothing is written. */
static ssize_t compare_mapped(struct read_request *r, int file, int guard)
{
    void *view = mmap(NULL, r->bytes, PROT_READ, MAP_PRIVATE | MAP_NORESERVE, file,
                      (off_t)r->offset);
    struct uffdio_register reg = {.range = {(uintptr_t)view, r->bytes},
                                  .mode = UFFDIO_REGISTER_MODE_MISSING};

    if (view == MAP_FAILED)
        return -errno;
    ssize_t n = -EOPNOTSUPP;
    if (ioctl(guard, UFFDIO_REGISTER, &reg) == 0)
        n = (ssize_t)r->impl->fn(view, r->bytes / PAGE_READER_BYTES, PAGE_READER_BYTES, r->zero);
    munmap(view, r->bytes);
    return n;
}

/*
 * Guest memory passes through here: not into a core dump, nor to a swap device. In a huge page, for
 * speed, where the host has one.
 */
static bool make_buffer(struct read_child *child)
{
    void *map =
        mmap(NULL, 2 * BATCH_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (map == MAP_FAILED)
        return false;
    child->buf_map = map;
    child->buf = (void *)(((uintptr_t)map + BATCH_BYTES - 1) / BATCH_BYTES * BATCH_BYTES);
    madvise(child->buf, BATCH_BYTES, MADV_HUGEPAGE);
    madvise(child->buf, BATCH_BYTES, MADV_DONTDUMP);
    mlock(child->buf, BATCH_BYTES); /* RLIMIT_MEMLOCK may refuse: then as it is */
    return true;
}

/* Moves the first pages of the ranges, a batch at most, to @batch. Returns how many segments. */
static size_t take_batch(struct iovec **at, const struct iovec *end, struct iovec *batch,
                         size_t *ret_pages)
{
    size_t count = 0, pages = 0;

    while (*at < end && pages < BATCH_PAGES) {
        size_t room = (BATCH_PAGES - pages) * PAGE_READER_BYTES;
        size_t bytes = (*at)->iov_len < room ? (*at)->iov_len : room;
        batch[count++] = (struct iovec){(*at)->iov_base, bytes};
        pages += bytes / PAGE_READER_BYTES;
        (*at)->iov_base = (char *)(*at)->iov_base + bytes;
        (*at)->iov_len -= bytes;
        *at += (*at)->iov_len == 0;
    }
    *ret_pages = pages;
    return count;
}

static uint64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static bool is_set(const uint64_t *map, size_t i)
{
    return (map[i / 64] >> (i % 64) & 1) != 0;
}

/* The pages of some segments, one after the other, of a file. */
static ssize_t read_file(const struct iovec *segments, size_t count, unsigned char *buf,
                         uint64_t *bad)
{
    uint64_t one[MAP_WORDS];
    ssize_t bad_pages = 0;
    size_t page = 0;

    memset(bad, 0, BATCH_PAGES / 8);
    for (size_t i = 0; i < count; i++) {
        size_t pages = segments[i].iov_len / PAGE_READER_BYTES;
        ssize_t n = page_reader_file(FILE_FD, (uintptr_t)segments[i].iov_base, segments[i].iov_len,
                                     buf + page * PAGE_READER_BYTES, one);
        if (n < 0)
            return n;
        for (size_t k = 0; n > 0 && k < pages; k++)
            if (is_set(one, k))
                bad[(page + k) / 64] |= 1ull << ((page + k) % 64);
        bad_pages += n;
        page += pages;
    }
    return bad_pages;
}

static void hash_batch(const struct read_child *child, size_t pages, const uint64_t *bad,
                       uint64_t seed, uint64_t *ret)
{
    const unsigned char *page = child->buf;

    for (size_t i = 0; i < pages; i++, page += PAGE_READER_BYTES)
        ret[i] = is_set(bad, i) ? 0 : XXH3_64bits_withSeed(page, PAGE_READER_BYTES, seed);
}

/* Each batch but the last is a whole number of words of the maps. */
static ssize_t look(struct read_child *child, struct read_request *r)
{
    struct iovec *at = r->segments, *end = at + r->count, batch[BATCH_PAGES];
    uint64_t *zero = r->zero, *bad = r->bad;
    ssize_t bad_pages = 0;

    if (child->buf == NULL && !make_buffer(child))
        return -ENOMEM;
    while (at < end) {
        size_t pages, count = take_batch(&at, end, batch, &pages);
        size_t number = atomic_load_explicit(&r->batches, memory_order_relaxed);
        r->begin_ns[number] = now_ns();
        ssize_t n = child->file_fd >= 0 ? read_file(batch, count, child->buf, bad)
                                        : page_reader_vm(r->target, batch, count, child->buf, bad);
        r->end_ns[number] = now_ns();
        if (n < 0)
            return n;
        if (r->what == READ_HASH)
            hash_batch(child, pages, bad, r->seed, r->hash + number * BATCH_PAGES);
        r->impl->fn(child->buf, pages, PAGE_READER_BYTES, zero);
        for (size_t i = 0; n > 0 && i < (pages + 63) / 64; i++)
            zero[i] &= ~bad[i];
        bad_pages += n;
        zero += BATCH_PAGES / 64;
        bad += BATCH_PAGES / 64;
        atomic_fetch_add_explicit(&r->batches, 1, memory_order_release);
    }
    return bad_pages;
}

static ssize_t wipe(struct read_child *child)
{
    if (child->buf != NULL)
        explicit_bzero(child->buf, BATCH_BYTES);
    return 0;
}

static ssize_t serve_request(struct read_child *child, struct read_request *r, int guard)
{
    struct timespec ts;
    ssize_t n;

    if (r->nice > 0)
        setpriority(PRIO_PROCESS, 0, r->nice);
    if (r->what == READ_WIPE)
        n = wipe(child);
    else if (r->what == READ_LOOK || r->what == READ_HASH)
        n = look(child, r);
    else
        n = guard < 0 ? -EOPNOTSUPP : compare_mapped(r, FILE_FD, guard);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    r->cpu_s = (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
    return n;
}

/* The reading process: only system calls and code that takes no lock, for other threads may have
 * held some when it was forked. */
static void __attribute__((noreturn)) serve(struct read_child *child, int sock, pid_t parent)
{
    int file = child->file_fd;
    char byte;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(0);
    signal(SIGBUS, SIG_DFL);
    /* Its end by SIGBUS is no crash. A limit of 0 does not keep a dump from a core_pattern that is
     * a pipe. */
    prctl(PR_SET_DUMPABLE, 0);
    /* All descriptors but two go; they may be in each other's place. */
    int high_sock = fcntl(sock, F_DUPFD, FILE_FD + 1);
    int high_file = file >= 0 ? fcntl(file, F_DUPFD, FILE_FD + 1) : -1;
    if (dup2(high_sock, SOCK_FD) < 0 || (file >= 0 && dup2(high_file, FILE_FD) < 0))
        _exit(1);
    syscall(SYS_close_range, file >= 0 ? FILE_FD + 1u : FILE_FD + 0u, ~0u, 0u);
    int guard = file >= 0 ? open_hole_guard() : -1;
    while (read(SOCK_FD, &byte, 1) == 1) {
        struct read_request *r = child->request;
        r->result = serve_request(child, r, guard);
        if (write(SOCK_FD, &byte, 1) != 1)
            break;
    }
    wipe(child);
    if (child->buf != NULL)
        munmap(child->buf_map, 2 * BATCH_BYTES);
    _exit(0);
}

/* --- who waits for it ------------------------------------------------------------------------- */

static int start(struct read_child *child)
{
    int pair[2];
    pid_t parent = getpid();

    child->request->cpu_s = 0;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    pid_t pid = fork();
    if (pid == 0)
        serve(child, pair[1], parent);
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
    return now_ns() / 1000000;
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
    for (size_t i = atomic_load(&r->batches) * (BATCH_PAGES / 64); i < (pages + 63) / 64; i++) {
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
    size_t batch = page / BATCH_PAGES, first = batch * BATCH_PAGES;
    size_t count = pages - first < BATCH_PAGES ? pages - first : BATCH_PAGES;
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
            bool is_bad = is_set(r->bad, i);
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
