// SPDX-License-Identifier: MIT
#include "ui/app/options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/parse_number.h"
#include "core/base/text.h"
#include "core/source/sampler.h"
#include "ui/app/options_internal.h"
#include "ui/choose/delay.h"
#include "ui/report/report.h"

#define OPT_LONG_BASE 256
/* The leak checker of a sanitizer is a tracer of its own process, which strict refuses. */
#if defined(__SANITIZE_ADDRESS__)
#define DEFAULT_PRIVILEGES PRIVILEGE_OFF
#else
#define DEFAULT_PRIVILEGES PRIVILEGE_STRICT
#endif
#define TABLE_MAX 64 /* rows; options.given has one bit each */

struct options_shown options_show(const char *arg)
{
    struct options_shown s = {.text = ""};

    text_clean(arg, strlen(arg), s.text, sizeof(s.text));
    return s;
}

static int set_mode(struct options *opts, enum options_mode mode, struct error *err)
{
    static const char *const names[MODE_COUNT] = {
        [MODE_ONCE] = "--once",          [MODE_LOG] = "--log",
        [MODE_LIST] = "--list",          [MODE_DOCTOR] = "--doctor",
        [MODE_FIELDS] = "--fields help", [MODE_SCAN] = "--scan",
        [MODE_FORECAST] = "--forecast",
    };

    if (opts->mode != MODE_MONITOR && opts->mode != mode)
        return error_set(err, -EINVAL, "%s and %s exclude each other: give one of them",
                         names[opts->mode], names[mode]);
    opts->mode = mode;
    return 0;
}

int options_count(const char *name, const char *arg, uint64_t max, uint64_t *ret, struct error *err)
{
    uint64_t value;
    const char *end = parse_digits(arg, NULL, 10, &value);

    if (end == NULL || *end != '\0' || value < 1 || value > max)
        return error_set(err, -EINVAL, "%s '%s': give a whole number from 1 to %llu", name,
                         options_show(arg).text, (unsigned long long)max);
    *ret = value;
    return 0;
}

static int apply_scan(struct options *opts, const char *arg, struct error *err)
{
    if (arg[0] == '\0')
        return error_set(err, -EINVAL, "--scan: the VM is empty");
    opts->choice.vm = arg;
    return set_mode(opts, MODE_SCAN, err);
}

/* Which mode that is depends on what else is given: see settle_forecast. */
static int apply_forecast(struct options *opts, const char *arg, struct error *err)
{
    if (arg[0] == '\0')
        return error_set(err, -EINVAL, "--forecast: the VM is empty; all means all of them");
    opts->forecast_vm = arg;
    return 0;
}

/* A mode of its own, but for what records of metrics bring along. A VM called "all" is meant by its
 * process id. */
static int settle_forecast(struct options *opts, struct error *err)
{
    if (opts->forecast_vm == NULL)
        return 0;
    opts->forecast_all = strcmp(opts->forecast_vm, "all") == 0;
    if (opts->forecast_all && (MODE_BIT(opts->mode) & (MODE_BIT(MODE_ONCE) | MODE_BIT(MODE_LOG))))
        return 0;
    if (!opts->forecast_all)
        opts->choice.vm = opts->forecast_vm;
    return set_mode(opts, MODE_FORECAST, err);
}

static int apply_pid(struct options *opts, const char *arg, struct error *err)
{
    uint64_t pid = 0;
    int result = options_count("process id", arg, INT_MAX, &pid, err);

    opts->choice.pid = (pid_t)pid;
    return result;
}

static int apply_guest(struct options *opts, const char *arg, struct error *err)
{
    if (arg[0] == '\0')
        return error_set(err, -EINVAL, "--guest: the name is empty; --list shows the names");
    opts->choice.guest = arg;
    return 0;
}

static int apply_fields(struct options *opts, const char *arg, struct error *err)
{
    if (strcmp(arg, "help") == 0)
        return set_mode(opts, MODE_FIELDS, err);
    opts->choice.fields = arg;
    return 0;
}

static int apply_delay(struct options *opts, const char *arg, struct error *err)
{
    opts->delay_given = true;
    if (delay_parse(arg, &opts->delay_s) < 0)
        return error_set(err, -EINVAL, "delay '%s': give seconds from 0.1 to 3600, such as 0.5",
                         options_show(arg).text);
    return 0;
}

static int apply_iterations(struct options *opts, const char *arg, struct error *err)
{
    return options_count("--iterations", arg, 1000000000, &opts->iterations, err);
}

/* As kvm_stat's -d: counters from debugfs only, and all that are no counters. */
static int apply_debugfs(struct options *opts, const char *arg, struct error *err)
{
    (void)arg;
    (void)err;
    opts->sources =
        (SOURCES_ALL & ~sources_that_give(GIVES_COUNTERS)) | SOURCE_BIT(SOURCE_DEBUGFS);
    return 0;
}

#define WORD(id, name, brief, gives) #name,
static const char *const source_words[] = {SOURCES(WORD) NULL};

/* All names of sources with @between them. */
static struct options_shown list_sources(const char *between)
{
    struct options_shown s = {.text = ""};
    size_t len = 0;

    for (size_t i = 0; source_words[i] != NULL && len < sizeof(s.text); i++)
        len += (size_t)snprintf(s.text + len, sizeof(s.text) - len, "%s%s", i > 0 ? between : "",
                                source_words[i]);
    return s;
}

static int apply_source(struct options *opts, const char *arg, struct error *err)
{
    opts->sources = 0;
    for (const char *p = arg;;) {
        size_t len = strcspn(p, ",");
        enum reading_source source = source_find(p, len);
        if (source == SOURCE_NONE)
            return error_set(err, -EINVAL, "--source '%s': give a comma-separated list of %s",
                             options_show(arg).text, list_sources(", ").text);
        opts->sources |= SOURCE_BIT(source);
        opts->bpf |= source == source_find("bpf", 3);
        p += len;
        if (*p == '\0')
            return 0;
        p++;
    }
}

static int apply_format(struct options *opts, const char *arg, struct error *err)
{
    if (report_format_find(arg) == NULL) {
        char names[100];
        report_format_names(names, sizeof(names));
        return error_set(err, -EINVAL, "--format '%s': give one of %s", options_show(arg).text,
                         names);
    }
    opts->format = arg;
    return 0;
}

static int apply_csv(struct options *opts, const char *arg, struct error *err)
{
    (void)arg;
    (void)err;
    opts->format = "csv";
    return 0;
}

static int apply_log_file(struct options *opts, const char *arg, struct error *err)
{
    if (arg[0] == '\0')
        return error_set(err, -EINVAL, "--log-to-file: the file name is empty");
    opts->log_file = arg;
    return set_mode(opts, MODE_LOG, err);
}

static int apply_output(struct options *opts, const char *arg, struct error *err)
{
    if (arg[0] == '\0')
        return error_set(err, -EINVAL, "--output: the file name is empty");
    opts->output = arg;
    return 0;
}

static int apply_sysroot(struct options *opts, const char *arg, struct error *err)
{
    if (arg[0] == '\0')
        return error_set(err, -EINVAL, "--sysroot: the directory is empty");
    opts->sysroot = arg;
    return 0;
}

static int apply_privileges(struct options *opts, const char *arg, struct error *err)
{
    if (privilege_level_find(arg, &opts->privileges) < 0)
        return error_set(err, -EINVAL, "--privileges '%s': give strict, basic or off",
                         options_show(arg).text);
    return 0;
}

/* Last members of a row whose option has a plain effect. */
#define CALLS(function) function, MODE_MONITOR, 0
#define FLAG(member) NULL, MODE_MONITOR, offsetof(struct options, member)
#define ENTERS(entered) NULL, entered, 0
#define ONCE_LOG (MODE_BIT(MODE_ONCE) | MODE_BIT(MODE_LOG))
#define MONITOR MODE_BIT(MODE_MONITOR)
#define SCAN MODE_BIT(MODE_SCAN)
#define FORECAST        MODE_BIT(MODE_FORECAST)
#define FORECASTS       (FORECAST | ONCE_LOG)
#define SAMPLED (ONCE_LOG | MONITOR)

const struct option_row option_table[] = {
    {'1', "once", "batch", NULL, NULL, GROUP_MODE, MODES_ANY,
     "sample twice, one delay apart, print the snapshot and exit", ENTERS(MODE_ONCE)},
    {'l', "log", NULL, NULL, NULL, GROUP_MODE, MODES_ANY,
     "print one record per interval until interrupted", ENTERS(MODE_LOG)},
    {0, "list", NULL, NULL, NULL, GROUP_MODE, MODES_ANY,
     "list the VMs, and say for each source whether it is usable", ENTERS(MODE_LIST)},
    {0, "scan", NULL, "VM", NULL, GROUP_MODE, MODES_ANY,
     "count the zero pages of a VM's RAM, without changing it", CALLS(apply_scan)},
    {0, "forecast", NULL, "VM|all", NULL, GROUP_MODE, MODES_ANY,
     "tell what migrating a VM would take, or rank all by that", CALLS(apply_forecast)},
    {0, "doctor", NULL, NULL, NULL, GROUP_MODE, MODES_ANY,
     "check the host: each problem with its cause and its fix", ENTERS(MODE_DOCTOR)},
    {0, "demo", NULL, NULL, NULL, GROUP_MODE, MODES_ANY,
     "start two small VMs, and end them afterwards; goes with every mode", FLAG(demo)},
    {'h', "help", NULL, NULL, NULL, GROUP_MODE, MODES_ANY, "print this help and exit",
     ENTERS(MODE_HELP)},
    {'V', "version", NULL, NULL, NULL, GROUP_MODE, MODES_ANY, "print the version and exit",
     ENTERS(MODE_VERSION)},

    {'p', "pid", NULL, "PID", NULL, GROUP_SELECT, MODES_VMS, "show only the VMs of this process",
     CALLS(apply_pid)},
    {'g', "guest", NULL, "NAME", NULL, GROUP_SELECT, MODES_VMS, "show only the VM of this name",
     CALLS(apply_guest)},
    {'f', "fields", NULL, "REGEX", NULL, GROUP_SELECT, SAMPLED | MODE_BIT(MODE_FIELDS),
     "show only fields that match (POSIX extended); 'help' lists them", CALLS(apply_fields)},

    {'s', "set-delay", NULL, "SECONDS", NULL, GROUP_SAMPLE, SAMPLED,
     "wait so long between two samples, 0.1 to 3600 (default 1)", CALLS(apply_delay)},
    {'n', "iterations", NULL, "N", NULL, GROUP_SAMPLE, MODE_BIT(MODE_LOG),
     "end the log after N records", CALLS(apply_iterations)},
    {'i', "debugfs-include-past", NULL, NULL, NULL, GROUP_SAMPLE, SAMPLED,
     "show totals since the VM was created, not since kvmlens started", FLAG(include_past)},
    {'d', "debugfs", NULL, NULL, NULL, GROUP_SAMPLE, MODES_VMS,
     "take counters from debugfs only: --source debugfs,proc", CALLS(apply_debugfs)},
    {0, "source", NULL, "LIST", source_words, GROUP_SAMPLE, MODES_VMS, "use only these sources",
     CALLS(apply_source)},
    {0, "bpf", NULL, NULL, NULL, GROUP_SAMPLE, MODES_ANY,
     "load BPF programs that read what is missing else; gone at the end", FLAG(bpf)},
    {'t', "tracepoints", NULL, NULL, NULL, GROUP_SAMPLE, SAMPLED,
     "count exits by reason, with their times; takes BPF", FLAG(tracepoints)},

    {0, "sample", NULL, "N", NULL, GROUP_SCAN, SCAN, "read only N random pages, and estimate",
     CALLS(options_scan_sample)},
    {0, "max-rate", NULL, "MB/S", NULL, GROUP_SCAN, SCAN | FORECASTS,
     "read at most so many million bytes per second", CALLS(options_scan_max_rate)},
    {0, "threads", NULL, "N", NULL, GROUP_SCAN, SCAN, "read with N threads (default 1)",
     CALLS(options_scan_threads)},
    {0, "ram", NULL, "START-END", NULL, GROUP_SCAN, SCAN,
     "take these addresses for the guest's RAM; may be repeated", CALLS(options_scan_ram)},
    {0, "force", NULL, NULL, NULL, GROUP_SCAN, SCAN | FORECAST,
     "also read memory under userfaultfd and of confidential guests", CALLS(options_scan_force)},
    {0, "accel", NULL, "NAME", NULL, GROUP_SCAN, SCAN,
     "look for zero pages with this instruction set", CALLS(options_scan_accel)},

    {0, "bandwidth", NULL, "MB/S", NULL, GROUP_FORECAST, FORECASTS,
     "send at most so much (default 125 million bytes/s, 1 Gbit/s)",
     CALLS(options_forecast_bandwidth)},
    {0, "link", NULL, "MB/S", NULL, GROUP_FORECAST, FORECASTS,
     "what the line gives once that limit is lifted (default: as that)",
     CALLS(options_forecast_link)},
    {0, "downtime", NULL, "MS", NULL, GROUP_FORECAST, FORECASTS,
     "let the guest stand still for so many milliseconds (default 300)",
     CALLS(options_forecast_downtime)},
    {0, "mode", NULL, "MODE", options_forecast_modes, GROUP_FORECAST, FORECASTS,
     "how it would be sent", CALLS(options_forecast_mode)},
    {0, "channels", NULL, "N", NULL, GROUP_FORECAST, FORECASTS,
     "multifd: over so many connections (default 2)", CALLS(options_forecast_channels)},
    {0, "zero-page-detection", NULL, "HOW", options_forecast_zeros, GROUP_FORECAST, FORECASTS,
     "as the parameter of QEMU", CALLS(options_forecast_zero)},
    {0, "auto-converge", NULL, NULL, NULL, GROUP_FORECAST, FORECASTS,
     "hold the guest back where it would not end else", FLAG(forecast.auto_converge)},
    {0, "duration", NULL, "SECONDS", NULL, GROUP_FORECAST, FORECASTS,
     "look at each VM for so long, 0.1 to 3600 (default 3.2)", CALLS(options_forecast_duration)},

    {0, "format", NULL, "NAME", report_format_words, GROUP_OUTPUT,
     ONCE_LOG | MODE_BIT(MODE_LIST) | MODE_BIT(MODE_DOCTOR) | SCAN | FORECAST,
     "print in this format", CALLS(apply_format)},
    {'c', "csv", NULL, NULL, NULL, GROUP_OUTPUT, ONCE_LOG, "short for --format csv",
     CALLS(apply_csv)},
    {0, "wide", NULL, NULL, NULL, GROUP_OUTPUT, ONCE_LOG,
     "print CSV of one VM: a row per record, a column per number", FLAG(wide)},
    {0, "csv-safe", NULL, NULL, NULL, GROUP_OUTPUT, ONCE_LOG,
     "CSV: put a ' before names that a spreadsheet takes for a formula", FLAG(csv_safe)},
    {0, "per-vcpu", NULL, NULL, NULL, GROUP_OUTPUT, ONCE_LOG,
     "prometheus, openmetrics: add the series of each vCPU", FLAG(per_vcpu)},
    {0, "exit-histograms", NULL, NULL, NULL, GROUP_OUTPUT, MODE_BIT(MODE_LOG),
     "the same: with -t, also how long exits took, as histograms", FLAG(exit_histograms)},
    {0, "estimate", NULL, NULL, NULL, GROUP_OUTPUT, ONCE_LOG,
     "prometheus, openmetrics: estimate the zero pages of each VM", FLAG(estimate)},
    {'L', "log-to-file", NULL, "FILE", NULL, GROUP_OUTPUT, MODE_BIT(MODE_LOG),
     "append the log to FILE; SIGHUP opens it again", CALLS(apply_log_file)},
    {'o', "output", NULL, "FILE", NULL, GROUP_OUTPUT, ONCE_LOG,
     "replace FILE with each record, never leaving half of one", CALLS(apply_output)},
    {'v', "verbose", NULL, NULL, NULL, GROUP_OUTPUT, MODE_BIT(MODE_ONCE),
     "text: print the counters of each VM, not of all together only", FLAG(verbose)},
    {'z', "skip-zero-records", NULL, NULL, NULL, GROUP_OUTPUT, ONCE_LOG,
     "leave out counters (--once) and VMs (--log) that are all zero", FLAG(skip_zero)},
    {0, "no-color", NULL, NULL, NULL, GROUP_OUTPUT, MONITOR,
     "draw without colours, as NO_COLOR=1 does", FLAG(no_color)},
    {0, "no-unicode", NULL, NULL, NULL, GROUP_OUTPUT, MONITOR | SCAN | FORECAST,
     "draw with ASCII characters only", FLAG(no_unicode)},
    {0, "no-mouse", NULL, NULL, NULL, GROUP_OUTPUT, MONITOR, "leave the mouse to the terminal",
     FLAG(no_mouse)},

    {0, "sysroot", NULL, "DIR", NULL, GROUP_SYSTEM, MODES_ANY,
     "read a saved /proc and /sys tree instead of this host's", CALLS(apply_sysroot)},
    {0, "privileges", NULL, "LEVEL", privilege_words, GROUP_SYSTEM, MODES_ANY,
     "give up what is not needed, capabilities only, or nothing", CALLS(apply_privileges)},
    {0},
};

static const struct option_row *row_of(int c)
{
    for (const struct option_row *row = option_table; row->long_name != NULL; row++)
        if ((c != 0 && c == row->short_name) ||
            c == OPT_LONG_BASE + (int)(row - option_table))
            return row;
    return NULL;
}

/* Both tables that getopt_long(3) wants. A leading ':' tells a missing argument from an unknown
 * option. */
static void build_getopt(char shorts[2 * TABLE_MAX + 2], struct option longs[2 * TABLE_MAX + 1])
{
    size_t n = 0;

    *shorts++ = ':';
    for (const struct option_row *row = option_table; row->long_name != NULL; row++) {
        int c = row->short_name != 0 ? row->short_name : OPT_LONG_BASE + (int)(row - option_table);
        const char *names[] = {row->long_name, row->alias};
        for (size_t i = 0; i < 2; i++)
            if (names[i] != NULL)
                longs[n++] = (struct option){names[i], row->arg != NULL, NULL, c};
        if (row->short_name != 0) {
            *shorts++ = row->short_name;
            if (row->arg != NULL)
                *shorts++ = ':';
        }
    }
    *shorts = '\0';
    longs[n] = (struct option){0};
}

static int bad_option(int c, int argc, char **argv, struct error *err)
{
    const char *arg = optind > 0 && optind <= argc ? argv[optind - 1] : "";
    const struct option_row *row = row_of(optopt);

    if (c == ':')
        return error_set(err, -EINVAL, "'%s' needs an argument: %s", options_show(arg).text,
                         row != NULL ? row->arg : "see --help");
    if (optopt > 0 && optopt < OPT_LONG_BASE && row == NULL) {
        char name[2] = {(char)optopt, '\0'};
        return error_set(err, -EINVAL, "unknown option '-%s'; kvmlens --help lists all",
                         options_show(name).text);
    }
    if (row != NULL)
        return error_set(err, -EINVAL, "'%s' takes no argument", options_show(arg).text);
    return error_set(err, -EINVAL, "unknown or ambiguous option '%s'; kvmlens --help lists all",
                     options_show(arg).text);
}

static int apply_row(const struct option_row *row, struct options *opts, struct error *err)
{
    if (row->apply != NULL)
        return row->apply(opts, optarg, err);
    if (row->flag != 0)
        *(bool *)((char *)opts + row->flag) = true;
    else if (row->enters == MODE_HELP || row->enters == MODE_VERSION)
        opts->mode = row->enters; /* whatever else was given */
    else
        return set_mode(opts, row->enters, err);
    return 0;
}

int options_parse(int argc, char **argv, struct options *ret, struct error *err)
{
    char shorts[2 * TABLE_MAX + 2];
    struct option longs[2 * TABLE_MAX + 1];
    int c;

    *ret = (struct options){
        .delay_s = 1.0,
        .sources = SOURCES_ALL,
        .format = "text",
        .privileges = DEFAULT_PRIVILEGES,
        .forecast = forecast_settings_default,
        /* An estimate first, for who does not wait until the end. */
        .scan = {.mode = SCAN_EXACT, .estimate_first = true, .idle_priority = true},
    };
    build_getopt(shorts, longs);
    optind = 0; /* GNU: start afresh, so that tests may parse more than once */
    opterr = 0;
    while ((c = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
        const struct option_row *row = c == '?' || c == ':' ? NULL : row_of(c);
        if (row == NULL)
            return bad_option(c, argc, argv, err);
        int applied = apply_row(row, ret, err);
        if (applied < 0)
            return applied;
        if (ret->mode == MODE_HELP || ret->mode == MODE_VERSION)
            return 0;
        ret->given |= 1ull << (row - option_table);
    }
    int result = settle_forecast(ret, err);
    if (result < 0)
        return result;
    if (argc - optind > 1)
        return error_set(err, -EINVAL, "'%s' is one VM too many: give at most one",
                         options_show(argv[optind + 1]).text);
    if (optind < argc) {
        if (argv[optind][0] == '\0')
            return error_set(err, -EINVAL, "the VM is empty: give a pid, pid:fd or a name");
        if (ret->mode == MODE_SCAN || ret->mode == MODE_FORECAST)
            return error_set(err, -EINVAL, "'%s' is one VM too many: %s has named one",
                             options_show(argv[optind]).text,
                             ret->mode == MODE_SCAN ? "--scan" : "--forecast");
        ret->choice.vm = argv[optind];
    }
    return options_check(ret, err);
}
