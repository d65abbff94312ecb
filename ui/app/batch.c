// SPDX-License-Identifier: MIT
#include "ui/app/batch.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "ui/app/estimates_file.h"
#include "ui/app/estimator.h"
#include "ui/app/exit_status.h"
#include "ui/app/forecaster.h"
#include "ui/choose/filter.h"
#include "ui/report/estimates.h"
#include "ui/report/partial.h"
#include "ui/report/report.h"
#include "ui/report/report_load.h"

enum { WAKE_TIMER, WAKE_SIGNAL, WAKE_OUTPUT, WAKE_COUNT };

struct batch {
    const struct batch_env *env;
    const struct options *opts;
    struct filter filter;
    struct report report;
    struct partial partial;
    struct estimates estimates;
    struct estimator estimator;
    struct kept_forecasts forecasts;
    struct forecaster forecaster;
    char *estimates_path; /* where both are kept for the next run; NULL: nowhere */
    bool failed_reads, told_no_field;
    struct pollfd wake[WAKE_COUNT];
    struct snapshot *first; /* totals count from here */
};

/* Why a run goes on or ends. */
enum wait_result { WAIT_TICK, WAIT_STOP, WAIT_REOPEN, WAIT_READER_GONE, WAIT_FAILED };

/* The first in a delay from now. What has expired before is forgotten. 0 or a negative errno. */
static int arm_timer(int fd, double delay_s)
{
    struct itimerspec when = {0};

    when.it_interval.tv_sec = (time_t)delay_s;
    when.it_interval.tv_nsec = (long)((delay_s - (double)when.it_interval.tv_sec) * 1e9);
    when.it_value = when.it_interval;
    return timerfd_settime(fd, 0, &when, NULL) < 0 ? -errno : 0;
}

static int open_timer(double delay_s, struct error *err)
{
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    int code = fd < 0 ? -errno : arm_timer(fd, delay_s);

    if (code == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return error_set(err, code, "cannot set a timer: %s", strerror(-code));
}

/*
 * After the first sample, and after one that took longer than the delay: else the next would follow
 * at once, and its rates be over nearly nothing.
 */
static void rest_when_late(struct batch *b, bool first)
{
    uint64_t expired;

    if (first || read(b->wake[WAKE_TIMER].fd, &expired, sizeof(expired)) == sizeof(expired))
        arm_timer(b->wake[WAKE_TIMER].fd, b->opts->delay_s);
}

/* SIGHUP ends a program that has no file to open again, as ever. */
static void our_signals(const struct output *out, sigset_t *ret)
{
    sigemptyset(ret);
    sigaddset(ret, SIGINT);
    sigaddset(ret, SIGTERM);
    if (out->kind == OUTPUT_APPEND)
        sigaddset(ret, SIGHUP);
}

static int open_signals(const struct output *out, struct error *err)
{
    sigset_t set;

    our_signals(out, &set);
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return error_set(err, -errno, "cannot wait for signals: %s", strerror(errno));
    return fd;
}

static enum wait_result read_signal(int fd)
{
    struct signalfd_siginfo info;

    if (read(fd, &info, sizeof(info)) != sizeof(info))
        return WAIT_STOP;
    return info.ssi_signo == SIGHUP ? WAIT_REOPEN : WAIT_STOP;
}

/*
 * Waits for the next interval. A pipe whose reader has gone is seen here and not at the next write,
 * which may be an hour away.
 */
static enum wait_result wait_tick(struct batch *b, struct error *err)
{
    for (;;) {
        if (poll(b->wake, WAKE_COUNT, -1) < 0) {
            if (errno == EINTR)
                continue; /* a stopped and continued process */
            error_set(err, -EIO, "poll: %s", strerror(errno));
            return WAIT_FAILED;
        }
        if (b->wake[WAKE_SIGNAL].revents != 0)
            return read_signal(b->wake[WAKE_SIGNAL].fd);
        if (b->wake[WAKE_OUTPUT].revents & POLLERR)
            return WAIT_READER_GONE;
        /* A terminal that hung up and a closed fd would wake us forever; writing tells which it is.
         */
        if (b->wake[WAKE_OUTPUT].revents != 0)
            b->wake[WAKE_OUTPUT].fd = -1;
        uint64_t expired;
        if (b->wake[WAKE_TIMER].revents != 0 &&
            read(b->wake[WAKE_TIMER].fd, &expired, sizeof(expired)) == sizeof(expired))
            return WAIT_TICK;
    }
}

static uint64_t estimates_budget_ns(const struct batch *b)
{
    double s = b->opts->mode == MODE_LOG ? b->opts->delay_s / 2 : ESTIMATES_BUDGET_S;

    s = s > ESTIMATES_BUDGET_S ? ESTIMATES_BUDGET_S : s;
    return (uint64_t)((s < ESTIMATES_BUDGET_MIN_S ? ESTIMATES_BUDGET_MIN_S : s) * 1e9);
}

static void give_up_keeping(struct batch *b, const struct error *why)
{
    fprintf(b->env->diag, "kvmlens: %s\n", why->msg);
    free(b->estimates_path);
    b->estimates_path = NULL;
}

/* Which of both there are; NULL: they were not asked for. */
static struct estimates *estimates_of(struct batch *b)
{
    return b->opts->estimate ? &b->estimates : NULL;
}

static struct kept_forecasts *forecasts_of(struct batch *b)
{
    return b->opts->forecast_all ? &b->forecasts : NULL;
}

static bool is_estimating(const struct batch *b)
{
    return b->opts->estimate || b->opts->forecast_all;
}

/* What another run has found; once, when the first VMs are known. */
static void begin_estimates(struct batch *b, const struct snapshot *s)
{
    struct error why;

    if (!is_estimating(b) || b->opts->output == NULL)
        return;
    if (asprintf(&b->estimates_path, "%s.estimates", b->opts->output) < 0)
        b->estimates_path = NULL;
    else if (estimates_file_load(estimates_of(b), forecasts_of(b), b->estimates_path, b->env->root,
                                 s, &why) < 0)
        give_up_keeping(b, &why);
}

static void refresh_estimates(struct batch *b, const struct snapshot *s, uint64_t budget_ns)
{
    struct estimates_taker taker = estimator_taker(&b->estimator);

    estimates_refresh(&b->estimates, &taker, s, &b->filter, budget_ns);
    b->partial.unestimated_vms = estimates_pending(&b->estimates, s, &b->filter);
    b->partial.failed_estimates =
        estimates_failed(&b->estimates, s, &b->filter, &b->partial.failed_estimate_pid);
}

static void refresh_forecasts(struct batch *b, const struct snapshot *s, uint64_t budget_ns)
{
    struct kept_forecasts_taker taker = forecaster_taker(&b->forecaster);

    kept_forecasts_refresh(&b->forecasts, &taker, s, &b->filter, budget_ns);
    b->partial.unforecast_vms = kept_forecasts_pending(&b->forecasts, s, &b->filter);
    b->partial.failed_forecasts =
        kept_forecasts_failed(&b->forecasts, s, &b->filter, &b->partial.failed_forecast_pid);
}

/* Both within one budget: forecasts have what estimates leave. */
static void refresh_both(struct batch *b, const struct snapshot *s)
{
    struct estimates_taker clock = estimator_taker(&b->estimator);
    uint64_t budget = estimates_budget_ns(b), begin = clock.now_ns(clock.ctx);
    struct error why;

    if (b->opts->estimate)
        refresh_estimates(b, s, budget);
    uint64_t spent = clock.now_ns(clock.ctx) - begin;
    if (b->opts->forecast_all)
        refresh_forecasts(b, s, budget > spent ? budget - spent : 0);
    if (b->estimates_path != NULL && estimates_file_save(estimates_of(b), forecasts_of(b),
                                                         b->estimates_path, b->env->root, &why) < 0)
        give_up_keeping(b, &why);
}

/*
 * Made in memory first, so that it reaches its file in one piece or not at all. That takes a while
 * of many VMs: a log that was truncated meanwhile is to begin with its header, so it is made again.
 */
static int make_record(struct batch *b, const struct snapshot *s, char **ret, size_t *ret_len)
{
    const struct snapshot *base = b->opts->include_past ? NULL : b->first;
    const struct report before = b->report;
    bool is_fresh = output_is_fresh(b->env->out);

    for (;;) {
        if (is_fresh)
            report_fresh(&b->report);
        b->report.header = b->env->out->first_line;
        int result = report_make(&b->report, base, s, ret, ret_len);
        if (result < 0 || is_fresh || !output_is_fresh(b->env->out))
            return result;
        free(*ret);
        *ret = NULL;
        b->report = before;
        is_fresh = true;
    }
}

static int print_record(struct batch *b, const struct snapshot *s, struct error *err)
{
    char *text = NULL;
    size_t len = 0;

    if (is_estimating(b))
        refresh_both(b, s);
    int result = make_record(b, s, &text, &len);
    if (result == -EBADMSG)
        return error_set(err, result,
                         "the log file has other columns: give a new file, or the same --fields");
    if (result < 0)
        return error_set(err, result, "a record is missing: out of memory");
    result = output_write(b->env->out, text, len, err);
    free(text);
    return result;
}

static void note_missing(struct batch *b, const struct snapshot *s)
{
    if (!partial_count(&b->filter, s, &b->partial) && b->partial.unestimated_vms == 0 &&
        b->partial.failed_estimates == 0 && b->partial.unforecast_vms == 0 &&
        b->partial.failed_forecasts == 0)
        return;
    b->failed_reads = true;
    if (b->report.format == &report_text && b->opts->mode == MODE_ONCE &&
        host_is_locked_down(&s->host))
        partial_leave_lockdown(&b->partial); /* it stands in the first line */
    partial_tell(&b->partial, b->env->diag);
}

/* At the start of a log there may have been no VM, and so no field that could match. */
static void note_no_field(struct batch *b, const struct snapshot *s)
{
    if (b->told_no_field || !filter_no_field(&b->filter, s))
        return;
    b->told_no_field = true;
    fputs("kvmlens: --fields matches no field of this host; --fields help lists them\n",
          b->env->diag);
}

static int print_and_note(struct batch *b, const struct snapshot *s, struct error *err)
{
    int result = print_record(b, s, err);

    if (result == 0) {
        note_no_field(b, s);
        note_missing(b, s);
    }
    return result;
}

static int tick(const struct batch *b, struct snapshot **ret, struct error *err)
{
    return b->env->tick(b->env->ctx, b->wake[WAKE_SIGNAL].fd, ret, err);
}

static int tick_and_print(struct batch *b, struct error *err)
{
    struct snapshot *s;
    int result = tick(b, &s, err);

    if (result < 0)
        return result;
    rest_when_late(b, false);
    result = print_and_note(b, s, err);
    snapshot_free(s);
    return result;
}

/* Raw totals need no second sample. What exits there are is known between two only. */
static bool is_done_at_once(const struct batch *b)
{
    return b->report.format->document && !b->opts->tracepoints;
}

static int run_once(struct batch *b, struct error *err)
{
    if (is_done_at_once(b))
        return print_and_note(b, b->first, err);
    enum wait_result w = wait_tick(b, err);
    if (w == WAIT_READER_GONE)
        return -EPIPE;
    if (w == WAIT_FAILED)
        return -EIO;
    struct snapshot *second = NULL;
    int result = tick(b, &second, err);
    /* A signal while the second sample is late: what there is, is the first. */
    if (result == 0 || result == -EINTR)
        result = print_and_note(b, second != NULL ? second : b->first, err);
    snapshot_free(second);
    return result;
}

/* A log that cannot be opened again goes on in the old file: better there than nowhere. */
static void reopen(struct batch *b)
{
    struct error why;

    if (output_reopen(b->env->out, &why) < 0)
        fprintf(b->env->diag, "kvmlens: %s; going on with the old file\n", why.msg);
    else
        b->report.joins = true;
}

static int run_log(struct batch *b, struct error *err)
{
    unsigned long printed = 0;
    bool at_once = is_done_at_once(b);

    while (b->opts->iterations == 0 || printed < b->opts->iterations) {
        enum wait_result w = at_once ? WAIT_TICK : wait_tick(b, err);
        if (w == WAIT_READER_GONE)
            return -EPIPE;
        if (w == WAIT_FAILED)
            return -EIO;
        if (w == WAIT_STOP)
            return 0;
        if (w == WAIT_REOPEN) {
            reopen(b);
            continue;
        }
        int result = at_once ? print_and_note(b, b->first, err) : tick_and_print(b, err);
        if (result < 0 && result != -EINTR)
            return result; /* a signal that ended a write is for wait_tick to read */
        at_once = false;
        printed += result == 0;
    }
    return 0;
}

static int run(struct batch *b, struct error *err)
{
    int result;

    while ((result = tick(b, &b->first, err)) == -EINTR) {
        if (read_signal(b->wake[WAKE_SIGNAL].fd) != WAIT_REOPEN)
            return b->opts->mode == MODE_LOG ? 0 : result;
        reopen(b);
    }
    if (result < 0)
        return result;
    rest_when_late(b, true);
    result = filter_check(&b->filter, b->first, err);
    if (result < 0)
        return result;
    begin_estimates(b, b->first);
    return b->opts->mode == MODE_LOG ? run_log(b, err) : run_once(b, err);
}

static int open_wakes(struct batch *b, struct error *err)
{
    int signals = open_signals(b->env->out, err);
    int timer = signals < 0 ? signals : open_timer(b->opts->delay_s, err);

    if (timer < 0) {
        if (signals >= 0)
            close(signals);
        return timer;
    }
    b->wake[WAKE_TIMER] = (struct pollfd){timer, POLLIN, 0};
    b->wake[WAKE_SIGNAL] = (struct pollfd){signals, POLLIN, 0};
    b->wake[WAKE_OUTPUT] = (struct pollfd){b->env->out->fd, 0, 0};
    return 0;
}

static void drain(int fd)
{
    struct signalfd_siginfo info;

    while (read(fd, &info, sizeof(info)) == sizeof(info))
        continue;
}

static int status_of(const struct batch *b, int result)
{
    if (result == -EPIPE)
        return STATUS_DONE;
    if (result == -ENOTUNIQ || result == -EINVAL)
        return STATUS_USAGE;
    if (result < 0)
        return STATUS_FAILED;
    return b->failed_reads ? STATUS_PARTIAL : STATUS_DONE;
}

/* 0: it is no terminal, or one that does not say. */
static unsigned terminal_columns(int fd)
{
    struct winsize size;

    return fd >= 0 && ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

int batch_run_env(const struct batch_env *env, const struct options *opts, struct error *err)
{
    struct batch b = {
        .env = env, .opts = opts, .forecasts = {.settings = opts->forecast, .look = opts->scan}};
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
    sigset_t block, mask;
    int result = filter_open(&opts->choice, &b.filter, err);

    if (result < 0)
        return STATUS_USAGE;
    b.report = (struct report){
        .format = report_format_find(opts->format),
        .filter = &b.filter,
        .stream = opts->mode == MODE_LOG,
        .include_past = opts->include_past,
        .skip_zero = opts->skip_zero,
        .joins = true,
        .terminal = env->out->fd >= 0 && isatty(env->out->fd) == 1,
        .columns = terminal_columns(env->out->fd),
        .verbose = opts->verbose,
        .per_vcpu = opts->per_vcpu,
        .exit_histograms = opts->exit_histograms,
        .estimates = estimates_of(&b),
        .forecasts = forecasts_of(&b),
        .wide = opts->wide,
        .csv_safe = opts->csv_safe,
    };
    our_signals(env->out, &block);
    sigprocmask(SIG_BLOCK, &block, &mask);
    sigaction(SIGPIPE, &ignore, &before);
    result = open_wakes(&b, err);
    if (result == 0) {
        env->out->stop_fd = b.wake[WAKE_SIGNAL].fd;
        estimator_init(&b.estimator, env->supervisor, b.wake[WAKE_SIGNAL].fd);
        forecaster_init(&b.forecaster, env->supervisor, b.wake[WAKE_SIGNAL].fd);
        result = run(&b, err);
        env->out->stop_fd = -1;
        estimator_done(&b.estimator);
        /* A signal that ended the run has done its work; it must not kill us when unblocked. */
        drain(b.wake[WAKE_SIGNAL].fd);
        close(b.wake[WAKE_SIGNAL].fd);
        close(b.wake[WAKE_TIMER].fd);
    }
    sigaction(SIGPIPE, &before, NULL);
    sigprocmask(SIG_SETMASK, &mask, NULL);
    estimates_done(&b.estimates);
    kept_forecasts_done(&b.forecasts);
    free(b.estimates_path);
    snapshot_free(b.first);
    filter_close(&b.filter);
    return status_of(&b, result);
}

static int tick_link(void *ctx, int stop_fd, struct snapshot **ret, struct error *err)
{
    return sample_link_tick(ctx, stop_fd, ret, err);
}

static int open_output(struct output *ret, const struct options *opts, FILE *out,
                       struct error *err)
{
    if (opts->log_file != NULL)
        return output_append(ret, opts->log_file, report_format_find(opts->format)->magic, err);
    if (opts->output != NULL)
        return output_replace(ret, opts->output, err);
    fflush(out);
    output_fd(ret, fileno(out));
    return 0;
}

int batch_run(struct sample_link *link, const struct rootfs *root, struct supervisor *supervisor,
              const struct options *opts, FILE *out, FILE *diag, struct error *err)
{
    struct output output;
    int result = open_output(&output, opts, out, err);

    if (result < 0)
        return result == -EINVAL ? STATUS_USAGE : STATUS_FAILED;
    sample_link_set_load(
        link, report_load_wish(report_format_find(opts->format), opts->per_vcpu, opts->wide));
    struct batch_env env = {tick_link, link, &output, diag, root, supervisor};
    int status = batch_run_env(&env, opts, err);
    output_close(&output);
    return status;
}
