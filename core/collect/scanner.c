// SPDX-License-Identifier: MIT
/*
 * Scanner: the process that reads the memory of VMs. A worker thread scans; this thread only passes
 * orders on and lays reports on the desk, so that it can always be spoken to.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "accel/cpu.h"
#include "core/collect/child.h"
#include "core/scan/scan_flat.h"
#include "core/scan/scan_worker.h"

struct scanner {
    struct child *child;
    struct scan_worker *worker;
    struct child_bpf bpf;
    int wake_fd;
    uint32_t number;     /* of the scan under way */
    bool is_under_way;   /* its last report was not laid down */
    bool desk_is_full;   /* what lies there was not taken yet */
    struct error broken; /* why there is no worker */
    struct error failed; /* why this scan did not even begin */
};

static int lay_down(struct scanner *s, const struct scan_report *report, bool is_last)
{
    struct message_report m;
    size_t bytes = scan_flat_write(report, NULL, 0);
    void *room = desk_room(&s->child->desk, bytes);

    if (room == NULL && !is_last)
        return 0; /* the next one may fit */
    memset(&m, 0, sizeof(m));
    m.number = s->number;
    m.is_last = is_last;
    if (room == NULL)
        error_set(&m.error, -ENOMEM, "out of memory");
    else
        m.bytes = scan_flat_write(report, room, bytes);
    s->desk_is_full = true;
    s->is_under_way = !is_last;
    return message_send(s->child->sock, &m, sizeof(m));
}

/* Of a scan that the worker does not know. */
static int lay_down_failure(struct scanner *s)
{
    struct message_report m;

    memset(&m, 0, sizeof(m));
    m.number = s->number;
    m.is_last = true;
    m.error = s->failed;
    s->failed.code = 0;
    s->is_under_way = false;
    s->desk_is_full = true;
    return message_send(s->child->sock, &m, sizeof(m));
}

/* The newest there is, when there is room for one. */
static int pass_on(struct scanner *s)
{
    if (s->desk_is_full || !s->is_under_way)
        return 0;
    if (s->failed.code != 0)
        return lay_down_failure(s);
    struct scan_report *report = scan_worker_take(s->worker);
    bool is_last = report != NULL;
    if (report == NULL)
        report = scan_worker_peek(s->worker);
    int result = report != NULL ? lay_down(s, report, is_last) : 0;
    scan_report_free(report);
    return result;
}

static void begin(struct scanner *s, const struct message_scan *order)
{
    struct scan_request request;

    if (s->is_under_way) /* the front end has one at a time */
        return;
    s->number = order->number;
    s->is_under_way = true;
    s->failed = s->broken;
    if (s->failed.code != 0)
        return;
    int result = scan_request_decode(&order->request, cpu_detect(), &request);
    if (result == 0)
        result = scan_worker_submit(s->worker, &request);
    if (result < 0)
        error_set(&s->failed, result, "the scan could not begin: %s", strerror(-result));
}

static int obey(struct scanner *s)
{
    struct message_scan order;
    int result = message_receive(s->child->sock, &order, sizeof(order));

    if (result < 0)
        return result;
    if (order.order == SCAN_ORDER_BEGIN)
        begin(s, &order);
    else if (order.order == SCAN_ORDER_CANCEL && order.number == s->number && s->worker != NULL)
        scan_worker_cancel(s->worker);
    else if (order.order == SCAN_ORDER_NEXT)
        s->desk_is_full = false;
    return 0;
}

static int serve(struct scanner *s)
{
    struct pollfd fds[] = {{.fd = s->child->sock, .events = POLLIN},
                           {.fd = s->wake_fd, .events = POLLIN}};
    uint64_t count;
    int result = 0;

    while (result == 0) {
        if (poll(fds, 2, -1) < 0) {
            if (errno == EINTR)
                continue; /* and what it says of the descriptors is of the time before */
            return -errno;
        }
        if (fds[0].revents != 0)
            result = obey(s);
        if (fds[1].revents != 0 && read(s->wake_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
            result = -errno;
        if (result == 0)
            result = pass_on(s);
    }
    return result;
}

static int start(struct scanner *s)
{
    struct child *child = s->child;
    struct error *err = &s->broken;

    child_load_bpf(child, &s->bpf);
    int result = child_restrict(child->config, ROLE_SCANNER,
                                (struct child_programs){.bpf = s->bpf.bpf != NULL}, err);

    if (result < 0)
        return result;
    s->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->wake_fd < 0)
        return error_set(err, -errno, "eventfd: %s", strerror(errno));
    return scan_worker_start_seen(child->config->root, s->wake_fd, &child->desk.top->scan,
                                  &child->desk.top->beacon, s->bpf.bpf, &s->worker, err);
}

int scanner_main(struct child *child)
{
    struct scanner s = {.child = child, .wake_fd = -1};

    start(&s); /* when it fails, each scan is told why */
    serve(&s);
    /* A thread that the kernel holds ends with the process, and so do the programs. */
    if (!scan_worker_stop(s.worker))
        return 1;
    child_unload_bpf(&s.bpf);
    return 0;
}
