// SPDX-License-Identifier: MIT
#include "ui/app/scan_run.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "core/scan/scan_worker.h"
#include "ui/app/exit_status.h"
#include "ui/grid/format.h"
#include "ui/report/report_scan.h"

#define PROGRESS_MS 200
#define ERASE_LINE "\r\033[K"

/* Descriptors that the waiting loop looks at. */
struct scan_waits {
    int wake_fd, signal_fd;
    sigset_t old_mask;
};

static int waits_open(struct scan_waits *waits, struct error *err)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set, &waits->old_mask);
    waits->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    waits->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (waits->wake_fd >= 0 && waits->signal_fd >= 0)
        return 0;
    return error_set(err, -errno, "cannot wait for the scan: %s", strerror(errno));
}

static void waits_close(struct scan_waits *waits)
{
    if (waits->wake_fd >= 0)
        close(waits->wake_fd);
    if (waits->signal_fd >= 0)
        close(waits->signal_fd);
    pthread_sigmask(SIG_SETMASK, &waits->old_mask, NULL);
}

static void put_progress(struct scan_worker *worker)
{
    struct scan_worker_progress p = scan_worker_progress(worker);
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

/* Until the report is there. A second signal, or a scan that the kernel holds, ends without one. */
static struct scan_report *wait_for_report(struct scan_worker *worker,
                                           const struct scan_waits *waits, bool progress,
                                           struct error *err)
{
    bool shown = false, asked = false;
    int failed = 0;
    struct scan_report *report, *newest = NULL;

    while ((report = scan_worker_take(worker)) == NULL) {
        struct pollfd fds[] = {{.fd = waits->wake_fd, .events = POLLIN},
                               {.fd = waits->signal_fd, .events = POLLIN}};
        int ready = poll(fds, 2, asked ? 1000 : progress ? PROGRESS_MS : -1);
        if (ready < 0 && errno != EINTR) {
            failed = error_set(err, -errno, "waiting for the scan: %s", strerror(errno));
            break;
        }
        uint64_t count;
        struct signalfd_siginfo info;
        if (read(waits->wake_fd, &count, sizeof(count)) > 0) {
            struct scan_report *peek = scan_worker_peek(worker);
            if (peek != NULL) {
                scan_report_free(newest);
                newest = peek;
            }
        }
        bool signalled = read(waits->signal_fd, &info, sizeof(info)) > 0;
        if (asked && (signalled || ready == 0)) {
            report = newest; /* what there was when it got stuck */
            newest = NULL;
            if (report != NULL)
                report->state = SCAN_CANCELLED;
            break;
        }
        if (signalled) {
            scan_worker_cancel(worker);
            asked = true;
        }
        if (progress) {
            put_progress(worker);
            shown = true;
        }
    }
    if (shown)
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

int scan_run(const struct rootfs *root, const struct scan_request *request,
             const struct scan_output *output, FILE *out, struct error *err)
{
    struct scan_waits waits;
    struct scan_worker *worker = NULL;
    struct scan_report *report = NULL;
    int n = waits_open(&waits, err);

    if (n == 0)
        n = scan_worker_start(root, waits.wake_fd, &worker, err);
    if (n == 0 && scan_worker_submit(worker, request) < 0)
        n = error_set(err, -ENOMEM, "out of memory"); /* nothing else keeps a new worker from it */
    if (n == 0) {
        report = wait_for_report(worker, &waits, output->progress, err);
        n = report != NULL ? finish(report, request->vmm, output, out, err)
            : err != NULL  ? err->code
                           : -EINTR;
    }
    /* The eventfd must outlive the thread: one that is stuck in the kernel keeps it. */
    if (scan_worker_stop(worker))
        waits_close(&waits);
    scan_report_free(report);
    return n;
}
