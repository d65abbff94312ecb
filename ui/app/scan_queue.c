// SPDX-License-Identifier: MIT
#include "ui/app/scan_queue.h"

#include <errno.h>
#include <string.h>

#define RETRY_MS 250 /* each try may take SUPERVISOR_PATIENCE_MS in which no key is looked at */

void scan_queue_init(struct scan_queue *s, struct supervisor *supervisor)
{
    s->supervisor = supervisor;
}

void scan_queue_done(struct scan_queue *s)
{
    scan_link_close(s->link);
    s->link = NULL;
    s->waiting_count = 0;
    scan_reports_done(&s->scans);
}

static struct scan_request make_request(const struct snapshot *snapshot,
                                        const struct snapshot_vm *vm, enum scan_queue_depth depth)
{
    struct scan_request request = {
        .mode = SCAN_EXACT,
        .estimate_first = true,
        .exact_limit_s = depth == SCAN_QUEUE_LOOK ? UI_SCAN_AT_ONCE_S : 0,
        .idle_priority = true,
    };

    scan_request_aim(&request, snapshot, vm);
    return request;
}

/* Its place among those that wait; @waiting_count: it does not. */
static size_t find_waiting(const struct scan_queue *s, const struct vm_id *vm)
{
    size_t i = 0;

    while (i < s->waiting_count && !vm_id_equal(&s->waiting[i].vm, vm))
        i++;
    return i;
}

bool scan_queue_is_waiting(const struct scan_queue *s, const struct vm_id *vm)
{
    return find_waiting(s, vm) < s->waiting_count;
}

static void drop_waiting(struct scan_queue *s, size_t i)
{
    s->waiting_count--;
    memmove(&s->waiting[i], &s->waiting[i + 1], (s->waiting_count - i) * sizeof(s->waiting[0]));
}

static int submit(struct scan_queue *s, const struct scan_request *request, struct error *err)
{
    int result = scan_link_submit(s->link, request, err);

    if (result == 0)
        s->depth = request->exact_limit_s > 0 ? SCAN_QUEUE_LOOK : SCAN_QUEUE_EXACT;
    return result;
}

static int add_waiting(struct scan_queue *s, const struct scan_request *request, struct error *err)
{
    size_t i = find_waiting(s, &request->vm);

    if (i < s->waiting_count) {
        if (request->exact_limit_s <= 0) /* a look waits, and all of it is asked for */
            s->waiting[i].exact_limit_s = 0;
        return 1;
    }
    if (s->waiting_count == SCAN_QUEUE_WAITING_MAX)
        return error_set(err, -EBUSY, "%d scans are waiting already", SCAN_QUEUE_WAITING_MAX);
    s->waiting[s->waiting_count++] = *request;
    return 1;
}

int scan_queue_request(struct scan_queue *queue, const struct snapshot *snapshot,
                       const struct vm_id *vm, enum scan_queue_depth depth, struct error *err)
{
    const struct snapshot_vm *found = snapshot != NULL ? snapshot_find(snapshot, vm) : NULL;

    if (found == NULL)
        return error_set(err, -ESRCH, "the VM has ended");
    if (queue->supervisor == NULL)
        return error_set(err, -EOPNOTSUPP, "memory cannot be scanned here");
    if (queue->link == NULL)
        queue->link = scan_link_open(queue->supervisor);
    if (queue->link == NULL)
        return error_set(err, -ENOMEM, "out of memory");
    struct scan_request request = make_request(snapshot, found, depth);
    struct scan_worker_progress p = scan_link_progress(queue->link);
    if (p.busy && vm_id_equal(&p.vm, vm)) {
        if (depth == SCAN_QUEUE_LOOK || queue->depth == SCAN_QUEUE_EXACT)
            return 0; /* under way already */
        int waits = add_waiting(queue, &request, err);
        return waits < 0 ? waits : 0;
    }
    int result = submit(queue, &request, err);
    if (result != -ETIMEDOUT)
        return result == -EBUSY ? add_waiting(queue, &request, err) : result;
    /* The machine is busy. Nobody asks twice for what began by itself. */
    queue->is_late = true;
    queue->retry_ns = 0;
    int waits = add_waiting(queue, &request, err);
    return waits < 0 ? waits : 0;
}

void scan_queue_cancel(struct scan_queue *s, const struct vm_id *vm)
{
    if (scan_queue_is_waiting(s, vm))
        drop_waiting(s, find_waiting(s, vm));
    if (s->link == NULL)
        return;
    struct scan_worker_progress p = scan_link_progress(s->link);
    if (p.busy && vm_id_equal(&p.vm, vm))
        scan_link_cancel(s->link);
}

void scan_queue_renew(struct scan_queue *s)
{
    scan_link_renew(s->link);
}

int scan_queue_fd(const struct scan_queue *s)
{
    return s->link != NULL ? scan_link_fd(s->link) : -1;
}

int scan_queue_wait_ms(const struct scan_queue *s)
{
    if (s->is_late)
        return RETRY_MS;
    return s->link != NULL && scan_link_progress(s->link).busy ? SCAN_LINK_LOOK_MS : -1;
}

/* What cannot be started is given up, but for a scanner that is late: that is asked for again. */
static void submit_waiting(struct scan_queue *s, uint64_t now_ns)
{
    int result = 0;

    if (s->is_late && now_ns < s->retry_ns)
        return;
    if (s->waiting_count > 0)
        result = submit(s, &s->waiting[0], NULL);
    s->is_late = result == -ETIMEDOUT;
    s->retry_ns = now_ns + RETRY_MS * UINT64_C(1000000);
    if (s->waiting_count > 0 && result != -EBUSY && result != -ETIMEDOUT)
        drop_waiting(s, 0);
}

bool scan_queue_wake(struct scan_queue *s, uint64_t now_ns)
{
    struct scan_report *report;
    bool news = false;

    if (s->link == NULL)
        return false;
    scan_link_look(s->link);
    while ((report = scan_link_peek(s->link)) != NULL) {
        scan_reports_put(&s->scans, report, now_ns);
        news = true;
    }
    if ((report = scan_link_take(s->link)) != NULL) {
        scan_reports_put(&s->scans, report, now_ns);
        news = true;
    }
    submit_waiting(s, now_ns);
    return news;
}

struct scan_worker_progress scan_queue_progress(const struct scan_queue *s)
{
    return s->link != NULL ? scan_link_progress(s->link)
                           : (struct scan_worker_progress){.eta_s = -1};
}
