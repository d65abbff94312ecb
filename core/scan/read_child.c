// SPDX-License-Identifier: MIT
#include "core/scan/read_child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <signal.h>
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

#include "core/scan/page_reader.h"

#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1 /* Linux 5.11 */
#endif

#define SEGMENTS_MAX 1024
#define SOCK_FD 3        /* descriptors of the reading process */
#define FILE_FD 4
#define COMPARE_TIMEOUT_MS 10000
#define TICK_MS 10       /* how often cancel is looked at */
#define REAP_FIRST_NS 50000L  /* a killed process is waited for so long, then twice as long, ... */
#define REAP_STEPS 12         /* 0.2 s in all */

/* Lies in memory that both processes share. */
struct read_request {
    size_t count;
    uint64_t offset, bytes; /* of a comparison: part of the file */
    int nice;
    double cpu_s;           /* of this process so far */
    ssize_t result;
    struct iovec segments[SEGMENTS_MAX];
    uint64_t bad[];      /* then, at data_offset, the pages */
};

struct read_child {
    pid_t target;
    int file_fd;         /* of comparisons; -1: reads of @target */
    const struct zeropage_impl *impl;
    size_t bytes, data_offset, size;
    struct read_request *request;
    pid_t pid;           /* of the reading process; 0 = none */
    int sock;            /* one byte each way per read */
};

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
static ssize_t compare_mapped(const struct read_child *child, struct read_request *r, int file,
                              int guard)
{
    void *view = mmap(NULL, r->bytes, PROT_READ, MAP_PRIVATE | MAP_NORESERVE, file,
                      (off_t)r->offset);
    struct uffdio_register reg = {.range = {(uintptr_t)view, r->bytes},
                                  .mode = UFFDIO_REGISTER_MODE_MISSING};

    if (view == MAP_FAILED)
        return -errno;
    ssize_t n = -EOPNOTSUPP;
    if (ioctl(guard, UFFDIO_REGISTER, &reg) == 0)
        n = (ssize_t)child->impl->fn(view, r->bytes / PAGE_READER_BYTES, PAGE_READER_BYTES, r->bad);
    munmap(view, r->bytes);
    return n;
}

static ssize_t serve_request(const struct read_child *child, struct read_request *r, int guard)
{
    struct timespec ts;

    if (r->nice > 0)
        setpriority(PRIO_PROCESS, 0, r->nice);
    ssize_t n = child->file_fd < 0
                    ? page_reader_vm(child->target, r->segments, r->count,
                                     (char *)r + child->data_offset, r->bad)
                    : guard < 0 ? -EOPNOTSUPP : compare_mapped(child, r, FILE_FD, guard);
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
    _exit(0);
}

static int start(struct read_child *child)
{
    int pair[2];
    pid_t parent = getpid();

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
    child->sock = pair[0];
    return 0;
}

/* A process in the kernel's killable sleep ends at once. One that does not is left to init. */
static void finish(struct read_child *child)
{
    if (child->pid == 0)
        return;
    close(child->sock);
    kill(child->pid, SIGKILL);
    for (int i = 0; i < REAP_STEPS && waitpid(child->pid, NULL, WNOHANG) == 0; i++) {
        struct timespec ts = {.tv_nsec = REAP_FIRST_NS << i};
        nanosleep(&ts, NULL);
    }
    child->pid = 0;
}

static int open_child(pid_t pid, int file_fd, const struct zeropage_impl *impl, size_t bytes,
                      struct read_child **ret)
{
    struct read_child *child = calloc(1, sizeof(*child));

    *ret = NULL;
    if (child == NULL)
        return -ENOMEM;
    size_t words = (bytes / PAGE_READER_BYTES + 63) / 64;
    child->target = pid;
    child->file_fd = file_fd;
    child->impl = impl;
    child->bytes = bytes;
    child->data_offset = (sizeof(struct read_request) + words * sizeof(uint64_t) + 4095) & ~4095ul;
    child->size = child->data_offset + (file_fd < 0 ? bytes : 0);
    void *shared = mmap(NULL, child->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                        0);
    if (shared == MAP_FAILED) {
        int code = -errno;
        free(child);
        return code;
    }
    madvise(shared, child->size, MADV_DONTDUMP);
    child->request = shared;
    *ret = child;
    return 0;
}

int read_child_open(pid_t pid, size_t bytes, struct read_child **ret)
{
    return open_child(pid, -1, NULL, bytes, ret);
}

int read_child_open_file(int fd, const struct zeropage_impl *impl, size_t bytes,
                         struct read_child **ret)
{
    return open_child(0, fd, impl, bytes, ret);
}

void read_child_close(struct read_child *child)
{
    if (child == NULL)
        return;
    finish(child);
    explicit_bzero(child->request, child->size);
    munmap(child->request, child->size);
    free(child);
}

static size_t total_bytes(const struct iovec *segments, size_t count)
{
    size_t total = 0;

    for (size_t i = 0; i < count; i++)
        total += segments[i].iov_len;
    return total;
}

static uint64_t now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* Have the request in shared memory done. */
static ssize_t exchange(struct read_child *child, int timeout_ms, const atomic_bool *cancel)
{
    const uint64_t deadline = now_ms() + (uint64_t)timeout_ms;
    char byte = 0;

    if (send(child->sock, &byte, 1, MSG_NOSIGNAL) != 1)
        goto dead;
    for (;;) {
        struct pollfd poller = {.fd = child->sock, .events = POLLIN};
        int ready = poll(&poller, 1, TICK_MS);
        if (ready > 0)
            break;
        if (ready < 0 && errno != EINTR)
            goto dead;
        bool cancelled = cancel != NULL && atomic_load_explicit(cancel, memory_order_relaxed);
        if (cancelled || now_ms() >= deadline) {
            finish(child);
            return cancelled ? -ECANCELED : -ETIMEDOUT;
        }
    }
    if (recv(child->sock, &byte, 1, 0) == 1)
        return child->request->result;
dead: /* it touched what was there no more, somebody killed it, or it cannot be waited for */
    finish(child);
    return -EIO;
}

ssize_t read_child_read(struct read_child *child, const struct iovec *segments, size_t count,
                        const void **ret_data, uint64_t *ret_bad, int timeout_ms,
                        const atomic_bool *cancel)
{
    struct read_request *r = child->request;
    size_t bytes = total_bytes(segments, count);

    if (count > SEGMENTS_MAX || bytes > child->bytes)
        return -EINVAL;
    int n = child->pid == 0 ? start(child) : 0;
    if (n < 0)
        return n;
    r->count = count;
    memcpy(r->segments, segments, count * sizeof(*segments));
    ssize_t bad = exchange(child, timeout_ms, cancel);
    if (bad >= 0) {
        *ret_data = (char *)r + child->data_offset;
        memcpy(ret_bad, r->bad, (bytes / PAGE_READER_BYTES + 63) / 64 * sizeof(*ret_bad));
    }
    return bad;
}

ssize_t read_child_compare(struct read_child *child, uint64_t offset, size_t bytes, int nice_value,
                           uint64_t *ret_zero, double *ret_cpu_s, const atomic_bool *cancel)
{
    struct read_request *r = child->request;

    if (bytes > child->bytes)
        return -EINVAL;
    int n = child->pid == 0 ? start(child) : 0;
    if (n < 0)
        return n;
    double before = r->cpu_s;
    r->offset = offset;
    r->bytes = bytes;
    r->nice = nice_value;
    ssize_t zero = exchange(child, COMPARE_TIMEOUT_MS, cancel);
    if (zero >= 0) {
        memcpy(ret_zero, r->bad, (bytes / PAGE_READER_BYTES + 63) / 64 * sizeof(*ret_zero));
        *ret_cpu_s = r->cpu_s > before ? r->cpu_s - before : 0;
    }
    return zero;
}
