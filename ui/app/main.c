// SPDX-License-Identifier: MIT
/*
 * Composition root: options, the tree to read, the processes, then one mode. The only place that
 * prints errors and decides the exit status.
 */
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/rootfs.h"
#include "core/base/text.h"
#include "core/collect/sample_link.h"
#include "core/collect/supervisor.h"
#include "core/demo/demo.h"
#include "ui/app/batch.h"
#include "ui/app/confine.h"
#include "ui/app/doctor.h"
#include "ui/app/exit_status.h"
#include "ui/app/forecast_run.h"
#include "ui/app/monitor.h"
#include "ui/app/options.h"
#include "ui/app/scan_run.h"
#include "ui/app/stdio_guard.h"
#include "ui/choose/filter.h"
#include "ui/report/list.h"
#include "ui/report/partial.h"
#include "ui/state/config.h"

#define KEPT_BYTES (256 << 20) /* of freed memory at most, in each process */

/* What a mode works with. */
struct run {
    const struct options *opts;
    const struct filter *filter;
    const struct rootfs *root;
    struct supervisor *supervisor;
    struct sample_link *link; /* NULL for a mode that reads no VM */
    int *end_signal;          /* ended the monitor, and is to end the program; 0: none */
};

static bool is_json(const struct options *opts)
{
    return strcmp(opts->format, "json") == 0;
}

static bool shows_unicode(const struct options *opts)
{
    return !opts->no_unicode && strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

static int run_monitor(const struct run *run, struct error *err)
{
    char path[PATH_MAX];
    const char *no_color = getenv("NO_COLOR"); /* set, and not to nothing: whatever it says */
    bool has_path = config_path(getenv("XDG_CONFIG_HOME"), getenv("HOME"), path, sizeof(path)) == 0;
    const struct monitor_config config = {
        .supervisor = run->opts->sysroot != NULL
                          ? NULL
                          : run->supervisor, /* a saved tree has no memory to scan */
        .config_path = has_path ? path : NULL,
        .delay_s = run->opts->delay_given ? run->opts->delay_s : 0,
        .no_colour = run->opts->no_color || (no_color != NULL && *no_color),
        .no_unicode = run->opts->no_unicode,
        .no_mouse = run->opts->no_mouse,
        .vm = run->opts->choice.vm != NULL ? run->filter : NULL,
        .guest = run->opts->choice.guest,
        .pid = run->opts->choice.pid,
        .fields = run->opts->choice.fields,
        .bpf = run->opts->bpf,
        .since_creation = run->opts->include_past,
        .exits = run->opts->tracepoints,
        .is_confined = run->opts->privileges == PRIVILEGE_STRICT,
    };

    int result = monitor_run(run->link, &config, err);
    if (result <= 0)
        return result;
    *run->end_signal = result;
    return error_set(err, -EINTR, "ended by signal %d", result);
}

static int run_batch(const struct run *run, struct error *err)
{
    return batch_run(run->link, run->root, run->supervisor, run->opts, stdout, stderr, err);
}

static int run_list(const struct run *run, struct error *err)
{
    struct snapshot *s;
    int result = sample_link_tick(run->link, -1, &s, err);

    /* Only a VM of debugfs that is there twice without a process counts as hidden: the first may
     * be just ending. */
    if (result == 0) {
        snapshot_free(s);
        result = sample_link_tick(run->link, -1, &s, err);
    }
    if (result < 0)
        return result;
    result = filter_check(run->filter, s, err);
    if (result == 0 && (result = list_run(s, run->filter, is_json(run->opts), stdout)) == -ENOMEM)
        error_set(err, result, "out of memory");
    struct partial partial = {0};
    if (result == 0 && partial_count_hidden(run->filter, s, &partial)) {
        result = fflush(stdout) == 0 ? STATUS_PARTIAL : -errno;
        partial_tell(&partial, stderr);
    }
    snapshot_free(s);
    return result;
}

/* Who asked for BPF and did not get it hears so, whatever else there is. */
static int tell_bpf(const struct snapshot *s, int status)
{
    struct partial partial = {0};

    if (!partial_count_bpf(s, &partial))
        return status;
    partial_tell(&partial, stderr);
    return status == STATUS_DONE ? STATUS_PARTIAL : status;
}

static int run_fields(const struct run *run, struct error *err)
{
    struct snapshot *s;
    int result = sample_link_tick(run->link, -1, &s, err);

    if (result < 0)
        return result;
    result = filter_check(run->filter, s, err);
    if (result == 0)
        result = tell_bpf(s, list_fields(s, run->filter, stdout));
    snapshot_free(s);
    return result;
}

/*
 * The VM must be found before it is scanned; what is borrowed from the snapshot outlives the scan.
 */
static int run_scan(const struct run *run, struct error *err)
{
    struct scan_request request = run->opts->scan;
    char ascii[256];
    struct snapshot *s;
    int result = sample_link_tick(run->link, -1, &s, err);

    if (result < 0)
        return result;
    result = filter_check(run->filter, s, err);
    const struct snapshot_vm *vm = result == 0 ? filter_find(run->filter, s) : NULL;
    if (vm != NULL) {
        struct scan_output output = {
            .name = vm->name,
            .name_raw = vm->name_raw,
            .json = is_json(run->opts),
            .unicode = shows_unicode(run->opts),
            .progress = isatty(STDERR_FILENO) != 0,
        };
        if (!output.unicode) {
            text_ascii(vm->name, ascii, sizeof(ascii));
            output.name = ascii;
        }
        scan_request_aim(&request, s, vm);
        result = scan_run(run->supervisor, &request, &output, stdout, err);
        result = tell_bpf(s, result);
    } else if (result == 0) {
        result = error_set(err, -ESRCH, "no such VM");
    }
    snapshot_free(s);
    return result;
}

static int run_forecast(const struct run *run, struct error *err)
{
    const struct options *opts = run->opts;
    const struct forecast_order order = {
        .settings = opts->forecast,
        .look = opts->scan,
        .all = opts->forecast_all,
        .json = is_json(opts),
        .unicode = shows_unicode(opts),
        .progress = isatty(STDERR_FILENO) != 0,
    };
    struct snapshot *s;
    int result = sample_link_tick(run->link, -1, &s, err);

    if (result < 0)
        return result;
    result = filter_check(run->filter, s, err);
    if (result == 0)
        result = forecast_run(run->supervisor, &order, s, run->filter, stdout, stderr, err);
    result = tell_bpf(s, result);
    snapshot_free(s);
    return result;
}

static int run_doctor(const struct run *run, struct error *err)
{
    struct host host;

    host_read(run->root, &host);
    int result = doctor_run(run->root, &host, is_json(run->opts), run->opts->bpf, stdout);

    return result == -ENOMEM ? error_set(err, result, "out of memory") : result;
}

/* Each returns an exit status or a negative errno with a sentence. -EIO: stdout has the error. */
static int (*const modes[MODE_COUNT])(const struct run *run, struct error *err) = {
    [MODE_MONITOR] = run_monitor, [MODE_ONCE] = run_batch,        [MODE_LOG] = run_batch,
    [MODE_LIST] = run_list,       [MODE_FIELDS] = run_fields,     [MODE_DOCTOR] = run_doctor,
    [MODE_SCAN] = run_scan,       [MODE_FORECAST] = run_forecast,
};

/*
 * Errors quote what the user typed or what a VMM is called: nothing of it may steer the terminal.
 */
static void complain(const struct error *err)
{
    char line[sizeof(err->msg) * 2];
    const char *at = err->msg;

    for (const char *end; *at != '\0'; at = *end != '\0' ? end + 1 : end) {
        end = at + strcspn(at, "\n");
        text_clean(at, (size_t)(end - at), line, sizeof(line));
        fprintf(stderr, "%s%s\n", at == err->msg ? "kvmlens: " : "  ", line);
    }
}

/* The write that failed knew, but it may have been one in the middle of many. */
static bool reader_has_left(void)
{
    struct pollfd out = {STDOUT_FILENO, 0, 0};

    return poll(&out, 1, 0) > 0 && (out.revents & POLLERR) != 0;
}

/*
 * What was printed has to arrive: a full disk is a failure, a reader that left is not.
 * @code: why an earlier write failed, where that is known; else EIO.
 */
static int finish_output(int status, int code)
{
    bool failed = ferror(stdout) != 0;

    errno = 0;
    if (fflush(stdout) == 0 && !failed)
        return status;
    if (errno != 0)
        code = errno;
    if (code == EPIPE || reader_has_left())
        return status;
    fprintf(stderr, "kvmlens: cannot write to standard output: %s\n", strerror(code));
    return STATUS_FAILED;
}

/*
 * What needs to be looked at. The monitor's VM only says where it opens: its list shows all.
 */
static struct sampler_scope scope_of(const struct options *opts, const struct filter *filter)
{
    if (opts->mode == MODE_MONITOR)
        return (struct sampler_scope){opts->choice.pid, opts->choice.guest};
    return (struct sampler_scope){filter->pid, filter->name};
}

/* From the first sample on. The monitor does when it shows them. */
static bool counts_exits(const struct options *opts)
{
    return opts->tracepoints && opts->mode != MODE_MONITOR;
}

/* Once the others are there, this process needs no more than it was told to write. */
static int start_processes(struct run *run, const struct child_config *config,
                           struct supervisor *supervisor, struct error *err)
{
    int result = supervisor_start(config, supervisor, err);

    if (result == 0)
        result = confine_front(run->opts, err);
    /* Before the first collector, so that there is no other one before it. */
    supervisor->bpf = run->opts->bpf;
    if (result == 0)
        result = sample_link_open(supervisor, &run->link, err);
    if (result == 0 && counts_exits(run->opts))
        result = sample_link_set_exits(run->link, true, run->filter->pid, err);
    if (run->opts->mode == MODE_MONITOR)
        supervisor->patience_ms = SUPERVISOR_PATIENCE_MS;
    return result;
}

static int run_mode(const struct options *opts, const struct filter *filter, struct error *err)
{
    struct rootfs root;
    struct demo *demo = NULL;
    struct run run = {.opts = opts, .filter = filter, .root = &root};
    const struct child_config config = {
        .root = &root,
        .sources = opts->sources,
        .scope = scope_of(opts, filter),
        .privileges = opts->privileges,
        .no_exits = opts->mode != MODE_MONITOR && !counts_exits(opts),
    };
    struct supervisor supervisor = {.sock = -1};

    int end_signal = 0;

    run.supervisor = &supervisor;
    run.end_signal = &end_signal;

    int result = rootfs_open(opts->sysroot, &root, err);
    if (result < 0)
        return result;
    if (opts->demo)
        result = demo_start(&demo, err);
    /* The doctor looks at the host as who called it, and at no VM. */
    if (result == 0 && opts->mode != MODE_DOCTOR)
        result = start_processes(&run, &config, &supervisor, err);
    /* Not for the caller to judge by its errno: a missing /dev/kvm is no misuse. */
    result = result == 0 ? modes[opts->mode](&run, err) : STATUS_FAILED;
    sample_link_close(run.link);
    supervisor_stop(&supervisor);
    demo_stop(demo);
    rootfs_close(&root);
    if (end_signal != 0)
        raise(end_signal); /* by default this is the end */
    return result;
}

/*
 * Each sample takes some blocks, and frees those of the one before. The C library would give large
 * ones back to the kernel each time and have them filled with zeros again: of a host with 16000
 * vCPUs that is four fifths of the time from a sample to a snapshot. What is kept is what the
 * largest sample took.
 */
static void keep_memory(void)
{
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, KEPT_BYTES);
    mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
#endif
}

int main(int argc, char **argv)
{
    struct options opts;
    struct filter filter;
    struct error err = {0};

    if (demo_is_child(argc, argv))
        return demo_child_main(argc, argv);
    if (stdio_guard() < 0)
        return STATUS_FAILED;
    keep_memory();
    setlocale(LC_ALL, "");
    setlocale(LC_NUMERIC, "C");
    /* A reader that leaves is seen as EPIPE where the write happens. */
    signal(SIGPIPE, SIG_IGN);

    if (options_parse(argc, argv, &opts, &err) < 0) {
        complain(&err);
        fprintf(stderr, "Try 'kvmlens --help'.\n");
        return STATUS_USAGE;
    }
    if (opts.mode == MODE_HELP || opts.mode == MODE_VERSION) {
        (opts.mode == MODE_HELP ? options_usage : options_version)(stdout);
        return finish_output(STATUS_DONE, EIO);
    }
    if (filter_open(&opts.choice, &filter, &err) < 0) {
        complain(&err);
        return STATUS_USAGE;
    }
    if (opts.mode == MODE_MONITOR && !(isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))) {
        fprintf(stderr, "kvmlens: the monitor needs a terminal on standard input and output\n"
                        "For scripts and pipes use --batch (-1) or --log (-l).\n");
        filter_close(&filter);
        return STATUS_FAILED;
    }
    int result = run_mode(&opts, &filter, &err);
    filter_close(&filter);
    /* Choices that this host cannot serve are usage errors; so is what the modes call one. */
    int status = result >= 0                                ? result
                 : result == -ENOTUNIQ || result == -EINVAL ? STATUS_USAGE
                                                            : STATUS_FAILED;
    /* Without a sentence: it is standard output that has the error. */
    bool unwritten = result < 0 && err.msg[0] == '\0';
    if (unwritten && (result == -EPIPE || reader_has_left()))
        status = STATUS_DONE;
    if (err.msg[0] != '\0' && status != STATUS_DONE && status != STATUS_PARTIAL)
        complain(&err);
    return finish_output(status, unwritten ? -result : EIO);
}
