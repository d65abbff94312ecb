// SPDX-License-Identifier: MIT
#include "core/collect/scan_link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/text.h"
#include "core/scan/scan_flat.h"

#define MS 1000000ull
/* A call that takes so long is given up, as long as the scanner uses no CPU time meanwhile. */
#define PATIENCE_NS (1000 * MS)
/* Without a process to blame it must be the host itself. */
#define PATIENCE_NOBODY_NS (10000 * MS)

/* A scanner that talks on and on is not listened to without end, nor one that nobody asked. */
#define LISTEN_MAX   8  /* messages in one look: the rest waits for the next one */
#define UNWANTED_MAX 16 /* of no scan, since the last one began */

enum scan_link_state { SCAN_LINK_IDLE, SCAN_LINK_UNDER_WAY, SCAN_LINK_DONE };

struct scan_link {
    struct supervisor *supervisor;
    struct child_link child;
    enum scan_link_state state;
    uint32_t number;   /* of the scan */
    unsigned unwanted; /* messages of no scan, since it began */
    struct scan_request request;
    struct scan_report *peek; /* newest intermediate report, not fetched yet */
    struct scan_report *done;
    struct scan_report *spare; /* for when there is no memory for one. NULL: in use */
    /* of the newest intermediate report, for when there is no other any more; or NULL */
    void *form;
    size_t form_bytes;
    struct watch watch; /* of the scanner */
};

struct scan_link *scan_link_open(struct supervisor *supervisor)
{
    struct scan_link *l = calloc(1, sizeof(*l));

    if (l == NULL)
        return NULL;
    l->supervisor = supervisor;
    l->child = (struct child_link){.sock = -1, .desk = {.fd = -1}};
    return l;
}

static void forget_form(struct scan_link *l)
{
    free(l->form);
    l->form = NULL;
    l->form_bytes = 0;
}

void scan_link_close(struct scan_link *l)
{
    if (l == NULL)
        return;
    child_link_close(&l->child);
    scan_report_free(l->peek);
    scan_report_free(l->done);
    scan_report_free(l->spare);
    forget_form(l);
    free(l);
}

int scan_link_fd(const struct scan_link *l)
{
    return l->child.sock;
}

/* --- orders ----------------------------------------------------------------------------------- */

static int send_order(const struct scan_link *l, enum scan_order order)
{
    struct message_scan m;

    memset(&m, 0, sizeof(m));
    m.order = order;
    m.number = l->number;
    if (order == SCAN_ORDER_BEGIN)
        scan_request_encode(&l->request, &m.request);
    return message_send(l->child.sock, &m, sizeof(m));
}

static int start(struct scan_link *l, pid_t kill_pid, struct error *err)
{
    const struct message_spawn order = {.role = CHILD_SCANNER, .kill_pid = (uint32_t)kill_pid};

    return supervisor_spawn(l->supervisor, &order, &l->child, err);
}

void scan_link_renew(struct scan_link *l)
{
    if (l != NULL && l->state == SCAN_LINK_IDLE && l->child.bpf != l->supervisor->bpf)
        child_link_close(&l->child);
}

int scan_link_submit(struct scan_link *l, const struct scan_request *request, struct error *err)
{
    if (l->state != SCAN_LINK_IDLE)
        return error_set(err, -EBUSY, "a scan is under way");
    if (l->spare == NULL)
        l->spare = scan_report_spare();
    if (l->spare == NULL)
        return error_set(err, -ENOMEM, "out of memory");
    scan_link_renew(l);
    l->request = *request;
    l->number++;
    /* A scanner that has ended since the last scan, whoever killed it, is no reason to fail. */
    int result = l->child.pid != 0 ? send_order(l, SCAN_ORDER_BEGIN) : -EPIPE;
    if (result < 0) {
        child_link_close(&l->child);
        result = start(l, 0, err);
        if (result < 0)
            return result;
        result = send_order(l, SCAN_ORDER_BEGIN);
    }
    if (result < 0)
        return error_set(err, result, "the process that scans does not answer: %s",
                         strerror(-result));
    l->state = SCAN_LINK_UNDER_WAY;
    l->unwanted = 0;
    watch_begin(&l->watch, l->child.pid);
    return 0;
}

void scan_link_cancel(struct scan_link *l)
{
    if (l->state == SCAN_LINK_UNDER_WAY)
        send_order(l, SCAN_ORDER_CANCEL);
}

/* --- the end of a scan ------------------------------------------------------------------------ */

static void finish(struct scan_link *l, struct scan_report *report)
{
    l->done = report;
    l->state = SCAN_LINK_DONE;
    scan_report_free(l->peek);
    l->peek = NULL;
    forget_form(l);
}

/* What was known last is what there will ever be. */
static void break_off(struct scan_link *l, const struct error *why)
{
    struct scan_report *report = NULL;

    if (l->form == NULL || scan_flat_read(l->form, l->form_bytes, &report) < 0) {
        report = l->spare;
        l->spare = NULL;
    }
    scan_report_break_off(report, &l->request, why);
    finish(l, report);
}

/* The scanner goes, and another one is there for the next scan; if not, that tries again. */
static void replace(struct scan_link *l)
{
    struct child_link old = l->child;

    l->child = (struct child_link){.sock = -1, .desk = {.fd = -1}};
    start(l, old.pid, NULL);
    child_link_close(&old);
}

void scan_link_give_up(struct scan_link *l, const struct error *why)
{
    if (l->state != SCAN_LINK_UNDER_WAY)
        return;
    break_off(l, why);
    replace(l);
}

/* --- reports ---------------------------------------------------------------------------------- */

static void keep_newest(struct scan_link *l, void *form, size_t bytes, struct scan_report *report)
{
    forget_form(l);
    l->form = form;
    l->form_bytes = bytes;
    scan_report_free(l->peek);
    l->peek = report;
}

/* A report that is nothing but what another VM's was, is a lie too. */
static bool is_of_scan(const struct scan_link *l, const struct scan_report *report, bool is_last)
{
    return vm_id_equal(&report->vm, &l->request.vm) && (report->state == SCAN_RUNNING) == !is_last;
}

static void take_report(struct scan_link *l, const struct message_report *m)
{
    struct scan_report *report = NULL;
    struct error why = {0};
    void *form = NULL;
    int result =
        m->bytes > SCAN_FLAT_BYTES_MAX ? -EBADMSG : desk_copy(&l->child.desk, m->bytes, &form);

    if (result == 0)
        result = scan_flat_read(form, (size_t)m->bytes, &report);
    if (result == 0 && !is_of_scan(l, report, m->is_last != 0)) {
        scan_report_free(report);
        result = -EBADMSG;
    }
    if (result == 0 && m->is_last == 0) {
        keep_newest(l, form, (size_t)m->bytes, report);
        return;
    }
    free(form);
    if (result == 0) {
        finish(l, report);
    } else if (result != -ENOMEM) {
        error_set(&why, result, "the process that scans gave no valid report");
        scan_link_give_up(l, &why);
    } else if (m->is_last != 0) {
        error_set(&why, result, "out of memory");
        break_off(l, &why);
    }
}

static void note(struct scan_link *l, const struct message_report *m)
{
    struct error why = {.code = m->error.code > -4096 ? m->error.code : -EIO};
    size_t length = strnlen(m->error.msg, sizeof(m->error.msg));

    if (m->error.code >= 0 || m->is_last == 0) {
        take_report(l, m);
        return;
    }
    text_clean(m->error.msg, length, why.msg, sizeof(why.msg));
    break_off(l, &why);
}

/* It ended by itself, or somebody killed it. */
static void outlive(struct scan_link *l)
{
    struct error why = {0};

    error_set(&why, -ECHILD, "the process that scans has ended");
    if (l->state == SCAN_LINK_UNDER_WAY)
        break_off(l, &why);
    child_link_close(&l->child);
}

static void note_unwanted(struct scan_link *l)
{
    struct error why = {0};

    if (++l->unwanted <= UNWANTED_MAX)
        return;
    l->unwanted = 0;
    error_set(&why, -EBADMSG, "the process that scans gave no valid report");
    if (l->state == SCAN_LINK_UNDER_WAY)
        break_off(l, &why);
    replace(l);
}

static void receive(struct scan_link *l)
{
    struct message_report m;
    int result;

    for (int i = 0; i < LISTEN_MAX && l->child.pid != 0 &&
                    (result = message_receive(l->child.sock, &m, sizeof(m))) != -EAGAIN;
         i++) {
        if (result < 0) {
            outlive(l);
            return;
        }
        pid_t pid = l->child.pid;
        if (l->state == SCAN_LINK_UNDER_WAY && m.number == l->number)
            note(l, &m);
        else
            note_unwanted(l);
        if (l->child.pid == pid)
            send_order(l, SCAN_ORDER_NEXT);
    }
}

/* --- one that stands still -------------------------------------------------------------------- */

static void give_up_when_stuck(struct scan_link *l)
{
    const struct beacon *beacon = &l->child.desk.top->beacon;
    int pid = atomic_load_explicit(&beacon->pid, memory_order_relaxed);
    const char *step = beacon_text(atomic_load_explicit(&beacon->step, memory_order_relaxed));
    struct error why = {0};

    if (l->watch.still_ns < (pid > 0 ? PATIENCE_NS : PATIENCE_NOBODY_NS))
        return;
    if (pid > 0)
        error_set(&why, -ETIMEDOUT, "the kernel does not answer: pid %d, %s", pid, step);
    else
        error_set(&why, -ETIMEDOUT, "the process that scans does not answer");
    scan_link_give_up(l, &why);
}

void scan_link_look(struct scan_link *l)
{
    receive(l);
    if (l->state != SCAN_LINK_UNDER_WAY)
        return;
    watch_look(&l->watch, &l->child.desk.top->beacon);
    give_up_when_stuck(l);
}

/* --- what was found --------------------------------------------------------------------------- */

struct scan_worker_progress scan_link_progress(const struct scan_link *l)
{
    struct scan_worker_progress ret = {.eta_s = -1};

    if (l->state == SCAN_LINK_UNDER_WAY)
        scan_worker_progress_of(&l->child.desk.top->scan, watch_now_ns(), &ret);
    ret.busy = l->state != SCAN_LINK_IDLE;
    ret.vm = l->request.vm;
    return ret;
}

struct scan_report *scan_link_peek(struct scan_link *l)
{
    struct scan_report *report = l->peek;

    l->peek = NULL;
    return report;
}

struct scan_report *scan_link_take(struct scan_link *l)
{
    struct scan_report *report = l->done;

    if (l->state != SCAN_LINK_DONE)
        return NULL;
    l->done = NULL;
    l->state = SCAN_LINK_IDLE;
    scan_link_renew(l);
    return report;
}
