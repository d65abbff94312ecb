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

static bool is_looks(enum scan_queue_depth depth)
{
    return depth >= SCAN_QUEUE_DIRTY;
}

static struct scan_queue_item make_item(const struct snapshot *snapshot,
                                        const struct snapshot_vm *vm, enum scan_queue_depth depth)
{
    struct scan_queue_item item = {.depth = depth, .request = {.idle_priority = true}};
    struct scan_request *request = &item.request;

    request->mode = is_looks(depth) ? SCAN_DIRTY : SCAN_EXACT;
    request->estimate_first = !is_looks(depth);
    request->exact_limit_s = depth == SCAN_QUEUE_LOOK ? UI_SCAN_AT_ONCE_S : 0;
    scan_request_aim(request, snapshot, vm);
    return item;
}

/* Its place among those that wait; @waiting_count: it does not. */
static size_t find_waiting(const struct scan_queue *s, const struct vm_id *vm, bool looks)
{
    size_t i = 0;

    while (i < s->waiting_count &&
           !(vm_id_equal(&s->waiting[i].request.vm, vm) && is_looks(s->waiting[i].depth) == looks))
        i++;
    return i;
}

bool scan_queue_is_waiting(const struct scan_queue *s, const struct vm_id *vm)
{
    return find_waiting(s, vm, false) < s->waiting_count;
}

bool scan_queue_looks_wait(const struct scan_queue *s, const struct vm_id *vm)
{
    return find_waiting(s, vm, true) < s->waiting_count;
}

bool scan_queue_is_looking(const struct scan_queue *s)
{
    return s->link != NULL && scan_link_progress(s->link).busy && is_looks(s->depth);
}

static void drop_waiting(struct scan_queue *s, size_t i)
{
    s->waiting_count--;
    memmove(&s->waiting[i], &s->waiting[i + 1], (s->waiting_count - i) * sizeof(s->waiting[0]));
}

static int submit(struct scan_queue *s, const struct scan_queue_item *item, struct error *err)
{
    int result = scan_link_submit(s->link, &item->request, err);

    if (result == 0)
        s->depth = item->depth;
    return result;
}

/* Before those of many VMs, unless it is one of them. */
static void insert_waiting(struct scan_queue *s, const struct scan_queue_item *item)
{
    size_t i = s->waiting_count;

    while (!item->is_of_many && i > 0 && s->waiting[i - 1].is_of_many)
        i--;
    memmove(&s->waiting[i + 1], &s->waiting[i], (s->waiting_count - i) * sizeof(s->waiting[0]));
    s->waiting[i] = *item;
    s->waiting_count++;
}

static int add_waiting(struct scan_queue *s, const struct scan_queue_item *item, struct error *err)
{
    size_t i = find_waiting(s, &item->request.vm, is_looks(item->depth));

    if (i == s->waiting_count) {
        if (s->waiting_count == SCAN_QUEUE_WAITING_MAX)
            return error_set(err, -EBUSY, "%d scans are waiting already", SCAN_QUEUE_WAITING_MAX);
        insert_waiting(s, item);
        return 1;
    }
    struct scan_queue_item known = s->waiting[i];
    bool goes_ahead = known.is_of_many && !item->is_of_many;
    if (item->depth == SCAN_QUEUE_EXACT) { /* a look waits, and all of it is asked for */
        known = *item;
        known.is_of_many &= s->waiting[i].is_of_many;
    }
    s->waiting[i] = known;
    if (goes_ahead) {
        drop_waiting(s, i);
        known.is_of_many = false;
        insert_waiting(s, &known);
    }
    return 1;
}

/* Does the scan under way tell what @depth asks for? */
static bool tells(const struct scan_queue *s, enum scan_queue_depth depth)
{
    if (is_looks(depth) || is_looks(s->depth))
        return is_looks(depth) && is_looks(s->depth);
    return depth == SCAN_QUEUE_LOOK || s->depth == SCAN_QUEUE_EXACT;
}

/* What began by itself ends for what somebody asks for. Looks at a VM may then begin again. */
static bool give_way(struct scan_queue *s, const struct scan_worker_progress *p)
{
    if (!p->busy || s->depth != SCAN_QUEUE_DIRTY_UNASKED)
        return false;
    scan_link_cancel(s->link);
    scan_reports_looks_begin(&s->scans, &p->vm, false);
    return true;
}

/* The scan of a VM that is there, by a link that is there. */
static int request_item(struct scan_queue *s, const struct scan_queue_item *item, struct error *err)
{
    struct scan_worker_progress p = scan_link_progress(s->link);
    bool is_same = p.busy && vm_id_equal(&p.vm, &item->request.vm);
    bool is_silent = is_same;

    if (is_same && tells(s, item->depth)) {
        if (item->depth == SCAN_QUEUE_DIRTY)
            s->depth = item->depth; /* now somebody asks for them */
        return 0;
    }
    if (item->depth == SCAN_QUEUE_DIRTY_UNASKED && (p.busy || s->waiting_count > 0))
        return error_set(err, -EBUSY, "another scan is under way");
    is_silent |= give_way(s, &p);
    /* Where others wait for a scanner that is late, it is not waited for here once more. */
    int result = is_same || s->waiting_count > 0 ? -EBUSY : submit(s, item, err);
    if (result == -ETIMEDOUT) {
        /* The machine is busy. Nobody asks twice for what began by itself. */
        s->is_late = is_silent = true;
        s->retry_ns = 0;
        result = -EBUSY;
    }
    if (result == -EBUSY)
        result = add_waiting(s, item, err);
    return result > 0 && is_silent ? 0 : result;
}

static int request_vm(struct scan_queue *queue, const struct snapshot *snapshot,
                      const struct vm_id *vm, enum scan_queue_depth depth, bool is_of_many,
                      struct error *err)
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
    struct scan_queue_item item = make_item(snapshot, found, depth);
    item.is_of_many = is_of_many;
    int result = request_item(queue, &item, err);
    /* Those that failed do not begin by themselves again and again. */
    if (result != -EBUSY && is_looks(depth))
        scan_reports_looks_begin(&queue->scans, vm, true);
    return result;
}

int scan_queue_request(struct scan_queue *queue, const struct snapshot *snapshot,
                       const struct vm_id *vm, enum scan_queue_depth depth, struct error *err)
{
    return request_vm(queue, snapshot, vm, depth, false, err);
}

int scan_queue_request_of_many(struct scan_queue *queue, const struct snapshot *snapshot,
                               const struct vm_id *vm, enum scan_queue_depth depth,
                               struct error *err)
{
    return request_vm(queue, snapshot, vm, depth, true, err);
}

void scan_queue_cancel(struct scan_queue *s, const struct vm_id *vm)
{
    for (size_t i = s->waiting_count; i-- > 0;)
        if (vm_id_equal(&s->waiting[i].request.vm, vm))
            drop_waiting(s, i);
    if (s->link == NULL)
        return;
    struct scan_worker_progress p = scan_link_progress(s->link);
    if (p.busy && vm_id_equal(&p.vm, vm))
        scan_link_cancel(s->link);
}

void scan_queue_cancel_all(struct scan_queue *s)
{
    /* Looks that never began may do so by themselves, where somebody opens their VM. */
    for (size_t i = 0; i < s->waiting_count; i++)
        if (is_looks(s->waiting[i].depth))
            scan_reports_looks_begin(&s->scans, &s->waiting[i].request.vm, false);
    s->waiting_count = 0;
    if (s->link != NULL)
        scan_link_cancel(s->link);
}

void scan_queue_forget_ended(struct scan_queue *s, const struct snapshot *snapshot)
{
    for (size_t i = s->waiting_count; i-- > 0;)
        if (snapshot_find(snapshot, &s->waiting[i].request.vm) == NULL)
            drop_waiting(s, i);
}

struct ui_scans scan_queue_list(const struct scan_queue *s, const struct vm_id *selected)
{
    struct scan_worker_progress p = scan_queue_progress(s);
    struct ui_scans list = {.count = s->waiting_count + p.busy, .waiting = s->waiting_count};

    list.of_selected = p.busy && vm_id_equal(&p.vm, selected);
    for (size_t i = 0; i < s->waiting_count; i++) {
        const struct vm_id *vm = &s->waiting[i].request.vm;
        list.of_selected += vm_id_equal(vm, selected);
        if (i < UI_SCANS_NAMED)
            list.next[i] = *vm;
    }
    return list;
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
