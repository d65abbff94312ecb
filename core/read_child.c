// SPDX-License-Identifier: MIT
#include "core/read_child.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/page_reader.h"

#define SEGMENTS_MAX 1024
#define TICK_MS 10       /* how often cancel is looked at */
#define REAP_TICKS 20    /* of TICK_MS: how long a killed process is waited for */

/* Lies in memory that both processes share. */
struct read_request {
    size_t count;
    ssize_t result;
    struct iovec segments[SEGMENTS_MAX];
    uint64_t bad[];      /* then, at data_offset, the pages */
};

struct read_child {
    pid_t target;
    size_t bytes, data_offset, size;
    struct read_request *request;
    pid_t pid;           /* of the reading process; 0 = none */
    int sock;            /* one byte each way per read */
};

static void nap(void)
{
    struct timespec ts = {.tv_nsec = TICK_MS * 1000000L};
    nanosleep(&ts, NULL);
}

/* The reading process: only system calls and code that takes no lock, for other threads may have
 * held some when it was forked. */
static void __attribute__((noreturn)) serve(struct read_child *child, int sock, pid_t parent)
{
    char byte;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(0);
    if (sock != 3 && dup2(sock, 3) < 0)
        _exit(1);
    syscall(SYS_close_range, 4u, ~0u, 0u);
    while (read(3, &byte, 1) == 1) {
        struct read_request *r = child->request;
        r->result = page_reader_vm(child->target, r->segments, r->count,
                                   (char *)r + child->data_offset, r->bad);
        if (write(3, &byte, 1) != 1)
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
    for (int i = 0; i < REAP_TICKS && waitpid(child->pid, NULL, WNOHANG) == 0; i++)
        nap();
    child->pid = 0;
}

int read_child_open(pid_t pid, size_t bytes, struct read_child **ret)
{
    struct read_child *child = calloc(1, sizeof(*child));

    *ret = NULL;
    if (child == NULL)
        return -ENOMEM;
    size_t words = (bytes / PAGE_READER_BYTES + 63) / 64;
    child->target = pid;
    child->bytes = bytes;
    child->data_offset = (sizeof(struct read_request) + words * sizeof(uint64_t) + 4095) & ~4095ul;
    child->size = child->data_offset + bytes;
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

ssize_t read_child_read(struct read_child *child, const struct iovec *segments, size_t count,
                        void *buf, uint64_t *ret_bad, int timeout_ms, const atomic_bool *cancel)
{
    struct read_request *r = child->request;
    size_t bytes = total_bytes(segments, count);
    char byte = 0;

    if (count > SEGMENTS_MAX || bytes > child->bytes)
        return -EINVAL;
    int n = child->pid == 0 ? start(child) : 0;
    if (n < 0)
        return n;
    r->count = count;
    memcpy(r->segments, segments, count * sizeof(*segments));
    if (send(child->sock, &byte, 1, MSG_NOSIGNAL) != 1)
        goto dead;
    for (int waited = 0;; waited += TICK_MS) {
        struct pollfd poller = {.fd = child->sock, .events = POLLIN};
        int ready = poll(&poller, 1, TICK_MS);
        if (ready > 0)
            break;
        bool cancelled = cancel != NULL && atomic_load_explicit(cancel, memory_order_relaxed);
        if (cancelled || waited >= timeout_ms) {
            finish(child);
            return cancelled ? -ECANCELED : -ETIMEDOUT;
        }
    }
    if (recv(child->sock, &byte, 1, 0) != 1)
        goto dead;
    if (r->result >= 0) {
        memcpy(buf, (char *)r + child->data_offset, bytes);
        memcpy(ret_bad, r->bad, (bytes / PAGE_READER_BYTES + 63) / 64 * sizeof(*ret_bad));
    }
    return r->result;
dead: /* somebody killed it */
    finish(child);
    return -EIO;
}
