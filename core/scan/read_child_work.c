// SPDX-License-Identifier: MIT
/* The process that reads, and that may be killed. */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <xxhash.h>

#include "core/scan/read_child_internal.h"

#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1 /* Linux 5.11 */
#endif

#define BATCH_BYTES (READ_BATCH_PAGES * (size_t)PAGE_READER_BYTES)
#define SOCK_FD     3 /* descriptors of this process */
#define FILE_FD     4

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
    void *view =
        mmap(NULL, r->bytes, PROT_READ, MAP_PRIVATE | MAP_NORESERVE, file, (off_t)r->offset);
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

    while (*at < end && pages < READ_BATCH_PAGES) {
        size_t room = (READ_BATCH_PAGES - pages) * PAGE_READER_BYTES;
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

/* The pages of some segments, one after the other, of a file. */
static ssize_t read_file(const struct iovec *segments, size_t count, unsigned char *buf,
                         uint64_t *bad)
{
    uint64_t one[READ_MAP_WORDS];
    ssize_t bad_pages = 0;
    size_t page = 0;

    memset(bad, 0, READ_BATCH_PAGES / 8);
    for (size_t i = 0; i < count; i++) {
        size_t pages = segments[i].iov_len / PAGE_READER_BYTES;
        ssize_t n = page_reader_file(FILE_FD, (uintptr_t)segments[i].iov_base, segments[i].iov_len,
                                     buf + page * PAGE_READER_BYTES, one);
        if (n < 0)
            return n;
        for (size_t k = 0; n > 0 && k < pages; k++)
            if (read_child_bit(one, k))
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
        ret[i] = read_child_bit(bad, i) ? 0 : XXH3_64bits_withSeed(page, PAGE_READER_BYTES, seed);
}

/* Each batch but the last is a whole number of words of the maps. */
static ssize_t look(struct read_child *child, struct read_request *r)
{
    struct iovec *at = r->segments, *end = at + r->count, batch[READ_BATCH_PAGES];
    uint64_t *zero = r->zero, *bad = r->bad;
    ssize_t bad_pages = 0;

    if (child->buf == NULL && !make_buffer(child))
        return -ENOMEM;
    while (at < end) {
        size_t pages, count = take_batch(&at, end, batch, &pages);
        size_t number = atomic_load_explicit(&r->batches, memory_order_relaxed);
        r->begin_ns[number] = read_child_now_ns();
        ssize_t n = child->file_fd >= 0 ? read_file(batch, count, child->buf, bad)
                                        : page_reader_vm(r->target, batch, count, child->buf, bad);
        r->end_ns[number] = read_child_now_ns();
        if (n < 0)
            return n;
        if (r->what == READ_HASH)
            hash_batch(child, pages, bad, r->seed, r->hash + number * READ_BATCH_PAGES);
        r->impl->fn(child->buf, pages, PAGE_READER_BYTES, zero);
        for (size_t i = 0; n > 0 && i < (pages + 63) / 64; i++)
            zero[i] &= ~bad[i];
        bad_pages += n;
        zero += READ_BATCH_PAGES / 64;
        bad += READ_BATCH_PAGES / 64;
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

/* Only system calls and code that takes no lock, for other threads may have
 * held some when it was forked. */
void read_child_serve(struct read_child *child, int sock, pid_t parent)
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
