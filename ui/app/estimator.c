// SPDX-License-Identifier: MIT
#include "ui/app/estimator.h"

#include <errno.h>
#include <poll.h>
#include <time.h>

#define GRACE_NS 1000000000ull /* for a scan that was cancelled: it looks at that every 20 ms */

static uint64_t now_ns(void *ctx)
{
    struct timespec t;

    (void)ctx;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Until the scanner or a signal says something, or it is time to look. True: a signal waits. */
static bool wait_a_little(const struct estimator *e, bool is_stopping)
{
    struct pollfd fds[] = {{.fd = scan_link_fd(e->link), .events = POLLIN},
                           {.fd = is_stopping ? -1 : e->stop_fd, .events = POLLIN}};

    if (poll(fds, 2, SCAN_LINK_LOOK_MS) < 0)
        return false; /* EINTR: a stopped and continued process */
    scan_link_look(e->link);
    return fds[1].revents != 0;
}

/* Why it was ended, 0 when it was not, and its report in any case. */
static int wait_for_report(struct estimator *e, uint64_t deadline_ns, struct scan_report **ret)
{
    struct error late = {.code = -ETIME, .msg = "the scan did not end in time"};
    int why = 0;

    while ((*ret = scan_link_take(e->link)) == NULL) {
        bool stops = wait_a_little(e, why != 0);
        scan_report_free(scan_link_peek(e->link));
        bool is_late = now_ns(NULL) >= deadline_ns;
        if (why != 0 && is_late)
            scan_link_give_up(e->link, &late);
        if (why == 0 && (stops || is_late)) {
            why = stops ? -EINTR : -ETIME;
            scan_link_cancel(e->link);
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
    if (e->link == NULL)
        e->link = scan_link_open(e->supervisor);
    if (e->link == NULL)
        return -ENOMEM;
    int n = scan_link_submit(e->link, request, NULL);
    if (n < 0)
        return n;
    n = wait_for_report(e, deadline_ns, ret);
    bool was_ended = (*ret)->state == SCAN_CANCELLED || (n != 0 && (*ret)->state == SCAN_FAILED);
    if (!was_ended)
        return 0; /* it was at its end anyway */
    scan_report_free(*ret);
    *ret = NULL;
    return n != 0 ? n : -ECANCELED;
}

void estimator_init(struct estimator *e, struct supervisor *supervisor, int stop_fd)
{
    *e = (struct estimator){.supervisor = supervisor, .stop_fd = stop_fd};
}

void estimator_done(struct estimator *e)
{
    scan_link_close(e->link);
    e->link = NULL;
}

struct estimates_taker estimator_taker(struct estimator *e)
{
    return (struct estimates_taker){.ctx = e, .now_ns = now_ns, .take = take};
}
