// SPDX-License-Identifier: MIT
/* Which options go together. */
#include <errno.h>
#include <string.h>

#include "ui/app/options_internal.h"
#include "ui/report/report.h"

static void row_label(const struct option_row *row, char *buf, size_t size)
{
    if (row->short_name != 0)
        snprintf(buf, size, "-%c, --%s", row->short_name, row->long_name);
    else
        snprintf(buf, size, "--%s", row->long_name);
}

static const char *mode_words(enum options_mode mode)
{
    static const char *const words[MODE_COUNT] = {
        [MODE_MONITOR] = "the interactive monitor",
        [MODE_ONCE] = "--once",
        [MODE_LOG] = "--log",
        [MODE_LIST] = "--list",
        [MODE_DOCTOR] = "--doctor",
        [MODE_FIELDS] = "--fields help",
        [MODE_SCAN] = "--scan",
        [MODE_FORECAST] = "--forecast",
    };
    return words[mode];
}

/* What only some formats can do. */
static int check_formats(const struct options *opts, struct error *err)
{
    const struct report_format *format = report_format_find(opts->format);
    bool csv = strcmp(opts->format, "csv") == 0;

    if (opts->mode == MODE_FORECAST && format->document)
        return error_set(err, -EINVAL,
                         "--forecast prints text or json; --forecast all adds to --once and --log "
                         "with --format %s",
                         opts->format);
    if ((MODE_BIT(opts->mode) & (MODE_BIT(MODE_LIST) | MODE_BIT(MODE_DOCTOR) | MODE_BIT(MODE_SCAN) |
                                 MODE_BIT(MODE_FORECAST))) &&
        format != &report_text && format != &report_json)
        return error_set(err, -EINVAL, "%s prints text or json, not %s", mode_words(opts->mode),
                         opts->format);
    if (format->document && opts->mode == MODE_LOG && opts->output == NULL)
        return error_set(
            err, -EINVAL,
            "--log --format %s needs --output FILE, because each record is a whole document",
            opts->format);
    if (!format->document && opts->mode == MODE_LOG && opts->output != NULL)
        return error_set(err, -EINVAL,
                         "--output keeps the last record only: give --log-to-file for a log");
    if (opts->per_vcpu && !format->document)
        return error_set(err, -EINVAL,
                         "--per-vcpu goes with --format prometheus or openmetrics; "
                         "the other formats have all vCPUs");
    if (opts->exit_histograms && (!format->document || !opts->tracepoints))
        return error_set(err, -EINVAL,
                         "--exit-histograms goes with --tracepoints and --format prometheus or "
                         "openmetrics; json has all histograms");
    if (opts->forecast_all && opts->mode != MODE_FORECAST && !format->document)
        return error_set(err, -EINVAL,
                         "--forecast all with %s goes with --format prometheus or openmetrics; "
                         "without %s it prints text or json",
                         mode_words(opts->mode), mode_words(opts->mode));
    if (opts->estimate && !format->document)
        return error_set(err, -EINVAL,
                         "--estimate goes with --format prometheus or openmetrics; "
                         "--scan VM --sample N prints one VM's");
    /* A collector takes a series that is gone for a VM that is gone. */
    if (opts->skip_zero && format->document)
        return error_set(err, -EINVAL, "--skip-zero-records goes with --format text, csv or json");
    if (opts->skip_zero && opts->mode == MODE_ONCE && format != &report_text)
        return error_set(err, -EINVAL, "--skip-zero-records with --once goes with --format text");
    if ((opts->wide || opts->csv_safe) && !csv)
        return error_set(err, -EINVAL, "--wide and --csv-safe go with --format csv");
    if (opts->wide && opts->tracepoints)
        return error_set(err, -EINVAL,
                         "--wide has no columns for --tracepoints, because reasons "
                         "come and go: leave out one of both");
    if (opts->verbose && format != &report_text)
        return error_set(err, -EINVAL,
                         "--verbose goes with --format text; the other formats have all counters");
    const struct filter_choice *vms = &opts->choice;
    if (opts->wide && vms->guest == NULL && vms->vm == NULL && vms->pid == 0)
        return error_set(err, -EINVAL, "--wide is for one VM: name it, or give its process id");
    return 0;
}

/* In records there may be forecasts, or not. */
static int check_forecast_rows(const struct options *opts, struct error *err)
{
    for (const struct option_row *row = option_table; row->long_name != NULL; row++) {
        bool is_of_forecasts = row->group == GROUP_FORECAST || row->group == GROUP_SCAN;
        char label[64];
        if (!(opts->given & 1ull << (row - option_table)) || !is_of_forecasts)
            continue;
        row_label(row, label, sizeof(label));
        return error_set(err, -EINVAL, "%s goes with --forecast all here: give that, too", label);
    }
    return 0;
}

/* What a person asks for once is not for a service to do again and again. */
static int check_forced_forecasts(const struct options *opts, struct error *err)
{
    bool is_of_records = opts->mode == MODE_ONCE || opts->mode == MODE_LOG;

    if (opts->scan.force && opts->forecast_all && is_of_records)
        return error_set(err, -EINVAL,
                         "--force has no meaning with --forecast all and %s: memory under "
                         "userfaultfd would be fetched for it every five minutes; leave it out, "
                         "or make a forecast by --forecast VM --force",
                         mode_words(opts->mode));
    return 0;
}

/* Of records alone: what was forgotten, as kvm_stat asks for with -c and -z. NULL: it may be
 * another mode. */
static const char *missing_mode(const struct option_row *row)
{
    if (row->modes == MODE_BIT(MODE_ONCE))
        return "-1";
    if (row->modes == MODE_BIT(MODE_LOG))
        return "-l or -L FILE";
    return row->modes == (MODE_BIT(MODE_ONCE) | MODE_BIT(MODE_LOG)) ? "-1, -l or -L FILE" : NULL;
}

int options_check(const struct options *opts, struct error *err)
{
    int forced = check_forced_forecasts(opts, err);

    if (forced < 0)
        return forced;
    for (const struct option_row *row = option_table; row->long_name != NULL; row++) {
        if (!(opts->given & 1ull << (row - option_table)) || (row->modes & MODE_BIT(opts->mode)))
            continue;
        char label[64], goes[160] = "";
        row_label(row, label, sizeof(label));
        for (int mode = 0; mode < MODE_HELP; mode++) {
            size_t len = strlen(goes);
            if (row->modes & MODE_BIT(mode))
                snprintf(goes + len, sizeof(goes) - len, "%s%s", len > 0 ? ", " : "",
                         mode_words((enum options_mode)mode));
        }
        const char *missing = missing_mode(row);
        if (opts->mode == MODE_MONITOR && missing != NULL)
            return error_set(err, -EINVAL, "%s goes with %s: give %s, too", label, goes, missing);
        return error_set(err, -EINVAL, "%s has no meaning with %s; it goes with: %s", label,
                         mode_words(opts->mode), goes);
    }
    if ((opts->choice.vm != NULL) + (opts->choice.guest != NULL) + (opts->choice.pid != 0) > 1)
        return error_set(err, -EINVAL,
                         "VM, --guest and --pid exclude each other: give one of them");
    if (opts->choice.vm != NULL && !((MODES_VMS | MODE_BIT(MODE_SCAN)) & MODE_BIT(opts->mode)))
        return error_set(err, -EINVAL, "%s takes no VM: leave out '%s'", mode_words(opts->mode),
                         options_show(opts->choice.vm).text);
    if (opts->demo && opts->sysroot != NULL)
        return error_set(err, -EINVAL,
                         "--demo and --sysroot exclude each other: a saved tree has no live VMs");
    if (opts->bpf && opts->sysroot != NULL)
        return error_set(err, -EINVAL,
                         "--bpf and --sysroot exclude each other: a saved tree has no kernel that "
                         "could run BPF programs");
    int result = 0;
    if (opts->forecast_vm == NULL && opts->mode != MODE_SCAN)
        result = check_forecast_rows(opts, err);
    if (result == 0)
        result = options_forecast_check(opts, err);
    return result == 0 ? check_formats(opts, err) : result;
}
