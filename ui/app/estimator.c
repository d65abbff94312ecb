// SPDX-License-Identifier: MIT
#include "ui/app/estimator.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define GRACE_NS 1000000000ull /* for a scan that was cancelled: it looks at that every 20 ms */

static uint64_t now_ns(void *ctx)
{
    struct timespec t;

    (void)ctx;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Until the worker or a signal says something, or until then. True: a signal waits. */
static bool wait_until(const struct estimator *e, uint64_t until_ns, bool is_stopping)
{
    struct pollfd fds[] = {{.fd = e->wake_fd, .events = POLLIN},
                           {.fd = is_stopping ? -1 : e->stop_fd, .events = POLLIN}};
    uint64_t now = now_ns(NULL), left = until_ns > now ? until_ns - now : 0, count;
    struct timespec timeout = {.tv_sec = (time_t)(left / 1000000000u),
                               .tv_nsec = (long)(left % 1000000000u)};

    if (ppoll(fds, 2, &timeout, NULL) < 0)
        return false; /* EINTR: a stopped and continued process */
    if (fds[0].revents != 0 && read(e->wake_fd, &count, sizeof(count)) < 0)
        return false;
    return fds[1].revents != 0;
}

/* Why it was ended, 0 when it was not, and its report in any case but the last. */
static int wait_for_report(struct estimator *e, uint64_t deadline_ns, struct scan_report **ret)
{
    int why = 0;

    while ((*ret = scan_worker_take(e->worker)) == NULL) {
        bool stops = wait_until(e, deadline_ns, why != 0);
        scan_report_free(scan_worker_peek(e->worker));
        bool is_late = now_ns(NULL) >= deadline_ns;
        if (why != 0 && is_late) {
            e->is_stuck = true;
            return why;
        }
        if (why == 0 && (stops || is_late)) {
            why = stops ? -EINTR : -ETIME;
            scan_worker_cancel(e->worker);
            deadline_ns = now_ns(NULL) + GRACE_NS;
        }
    }
    return why;
}

static int take(void *ctx, const struct scan_request *request, uint64_t deadline_ns,
                struct scan_report **ret)
{
    struct estimator *e = ctx;

    *ret = NULL;
    if (e->is_stuck)
        return -EBUSY;
    if (e->wake_fd < 0)
        e->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (e->wake_fd < 0)
        return -errno;
    int n = e->worker == NULL ? scan_worker_start(e->root, e->wake_fd, &e->worker, NULL) : 0;
    if (n == 0)
        n = scan_worker_submit(e->worker, request);
    if (n < 0)
        return n;
    n = wait_for_report(e, deadline_ns, ret);
    if (*ret != NULL && (*ret)->state != SCAN_CANCELLED)
        return 0; /* it was at its end anyway */
    scan_report_free(*ret);
    *ret = NULL;
    return n != 0 ? n : -ECANCELED;
}

void estimator_init(struct estimator *e, const struct rootfs *root, int stop_fd)
{
    *e = (struct estimator){.root = root, .stop_fd = stop_fd, .wake_fd = -1};
}

void estimator_done(struct estimator *e)
{
    /* A thread that is left behind still writes to it. */
    if (scan_worker_stop(e->worker) && e->wake_fd >= 0)
        close(e->wake_fd);
    e->worker = NULL;
    e->wake_fd = -1;
}

struct estimates_taker estimator_taker(struct estimator *e)
{
    return (struct estimates_taker){.ctx = e, .now_ns = now_ns, .take = take};
}
