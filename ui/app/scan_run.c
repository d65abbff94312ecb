// SPDX-License-Identifier: MIT
#include "ui/app/scan_run.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "core/collect/scan_link.h"
#include "ui/app/exit_status.h"
#include "ui/grid/format.h"
#include "ui/report/report_scan.h"

#define PROGRESS_NS 200000000u
#define GRACE_NS    1000000000u /* for a scan that was asked to end */
#define ERASE_LINE "\r\033[K"

/* Descriptors that the waiting loop looks at. */
struct scan_waits {
    int signal_fd;
    sigset_t old_mask;
};

static int waits_open(struct scan_waits *waits, struct error *err)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set, &waits->old_mask);
    waits->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (waits->signal_fd >= 0)
        return 0;
    return error_set(err, -errno, "cannot wait for the scan: %s", strerror(errno));
}

static void waits_close(struct scan_waits *waits)
{
    if (waits->signal_fd >= 0)
        close(waits->signal_fd);
    pthread_sigmask(SIG_SETMASK, &waits->old_mask, NULL);
}

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void put_progress(const struct scan_link *link)
{
    struct scan_worker_progress p = scan_link_progress(link);
    char done[FORMAT_MAX], total[FORMAT_MAX], eta[FORMAT_MAX];

    fprintf(stderr, ERASE_LINE "%s: %s", scan_phase_name(p.phase),
            format_bytes(done, (double)p.done_bytes));
    if (p.total_bytes > 0)
        fprintf(stderr, " of %s", format_bytes(total, (double)p.total_bytes));
    if (p.bytes_per_s > 0)
        fprintf(stderr, ", %.1f GB/s", p.bytes_per_s / 1e9);
    if (p.eta_s >= 0)
        fprintf(stderr, ", %s left", format_seconds(eta, p.eta_s));
    fflush(stderr);
}

/* Until the report is there. A second signal, or a scan that does not end, ends without one. */
static struct scan_report *wait_for_report(struct scan_link *link, const struct scan_waits *waits,
                                           bool progress, struct error *err)
{
    uint64_t asked_ns = 0, shown_ns = 0;
    int failed = 0;
    struct scan_report *report, *newest = NULL;

    while ((report = scan_link_take(link)) == NULL) {
        struct pollfd fds[] = {{.fd = scan_link_fd(link), .events = POLLIN},
                               {.fd = waits->signal_fd, .events = POLLIN}};
        if (poll(fds, 2, SCAN_LINK_LOOK_MS) < 0 && errno != EINTR) {
            failed = error_set(err, -errno, "waiting for the scan: %s", strerror(errno));
            break;
        }
        struct signalfd_siginfo info;
        scan_link_look(link);
        struct scan_report *peek = scan_link_peek(link);
        if (peek != NULL) {
            scan_report_free(newest);
            newest = peek;
        }
        bool signalled = read(waits->signal_fd, &info, sizeof(info)) > 0;
        if (asked_ns != 0 && (signalled || now_ns() - asked_ns > GRACE_NS)) {
            report = newest; /* what there was when it got stuck */
            newest = NULL;
            if (report != NULL)
                report->state = SCAN_CANCELLED;
            break;
        }
        if (signalled) {
            scan_link_cancel(link);
            asked_ns = now_ns();
        }
        if (progress && now_ns() - shown_ns > PROGRESS_NS) {
            put_progress(link);
            shown_ns = now_ns();
        }
    }
    if (shown_ns != 0)
        fputs(ERASE_LINE, stderr);
    scan_report_free(newest);
    if (report == NULL && failed == 0)
        error_set(err, -EINTR, "interrupted before anything was found");
    return report;
}

static int finish(const struct scan_report *report, const char *vmm,
                  const struct scan_output *output, FILE *out, struct error *err)
{
    int n = output->json ? report_scan_json(report, output->name_raw, out)
                         : report_scan_text(report, output->name, vmm, output->unicode, out);
    if (n < 0)
        return n == -ENOMEM ? error_set(err, n, "out of memory") : n; /* @out has the error */
    if (report->state == SCAN_REFUSED || report->state == SCAN_FAILED) {
        if (err != NULL)
            *err = report->error;
        return report->error.code;
    }
    bool is_whole = report->counts.pages[PAGE_UNREADABLE] == 0 && !report->regions_cut;
    return is_whole ? STATUS_DONE : STATUS_PARTIAL;
}

int scan_run(struct supervisor *supervisor, const struct scan_request *request,
             const struct scan_output *output, FILE *out, struct error *err)
{
    struct scan_waits waits;
    struct scan_report *report = NULL;
    struct scan_link *link = scan_link_open(supervisor);

    if (link == NULL)
        return error_set(err, -ENOMEM, "out of memory");
    int n = waits_open(&waits, err);
    if (n == 0)
        n = scan_link_submit(link, request, err);
    if (n == 0) {
        report = wait_for_report(link, &waits, output->progress, err);
        n = report != NULL ? finish(report, request->vmm, output, out, err)
            : err != NULL  ? err->code
                           : -EINTR;
    }
    scan_link_close(link);
    waits_close(&waits);
    scan_report_free(report);
    return n;
}
