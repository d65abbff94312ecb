// SPDX-License-Identifier: MIT
#include "ui/app/options_internal.h"

#include <errno.h>
#include <string.h>

#include "accel/cpu.h"
#include "core/base/text.h"

#define MEGABYTE 1000000ull
#define MAX_RATE_MB 1000000ul /* 1 TB/s */

int options_scan_sample(struct options *opts, const char *arg, struct error *err)
{
    opts->scan.mode = SCAN_ESTIMATE;
    opts->scan.estimate_first = false;
    return options_count("--sample", arg, SCAN_SAMPLE_MAX, &opts->scan.sample_pages, err);
}

int options_scan_max_rate(struct options *opts, const char *arg, struct error *err)
{
    uint64_t megabytes = 0;
    int n = options_count("--max-rate", arg, MAX_RATE_MB, &megabytes, err);

    if (n == 0)
        opts->scan.max_rate_bytes = megabytes * MEGABYTE;
    return n;
}

int options_scan_threads(struct options *opts, const char *arg, struct error *err)
{
    uint64_t threads = 0;
    int n = options_count("--threads", arg, SCAN_THREADS_MAX, &threads, err);

    if (n == 0)
        opts->scan.threads = (unsigned)threads;
    return n;
}

int options_scan_force(struct options *opts, const char *arg, struct error *err)
{
    (void)arg;
    (void)err;
    opts->scan.force = true;
    return 0;
}

int options_scan_ram(struct options *opts, const char *arg, struct error *err)
{
    struct scan_request *scan = &opts->scan;

    if (scan->ram_count == RAM_RANGES_MAX)
        return error_set(err, -EINVAL, "--ram: at most %d ranges", RAM_RANGES_MAX);
    int n = ram_parse_range(arg, &scan->ram[scan->ram_count], err);
    if (n == 0)
        scan->ram_count++;
    return n;
}

int options_scan_accel(struct options *opts, const char *arg, struct error *err)
{
    unsigned flags = cpu_detect();
    char shown[40], choices[300];

    opts->scan.accel = zeropage_named(arg, flags);
    if (opts->scan.accel != NULL)
        return 0;
    text_clean(arg, strlen(arg), shown, sizeof(shown));
    zeropage_choices(flags, choices, sizeof(choices));
    return error_set(err, -EINVAL, "--accel '%s' cannot be used here; %s", shown, choices);
}
