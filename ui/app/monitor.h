/* SPDX-License-Identifier: MIT */
/*
 * Monitor: the interactive program. Owns the terminal while it runs.
 */
#ifndef KVMLENS_UI_APP_MONITOR_H
#define KVMLENS_UI_APP_MONITOR_H

#include <stdbool.h>
#include <sys/types.h>

#include "core/base/error.h"
#include "core/collect/sample_link.h"
#include "ui/choose/filter.h"

struct monitor_config {
    struct supervisor *supervisor; /* borrowed: memory can be scanned; NULL: it cannot */
    double delay_s;     /* between two refreshes, 0.1 .. 3600; 0: as configured, else one second */
    bool no_colour;     /* --no-color or NO_COLOR: the monochrome theme */
    bool no_unicode;    /* ASCII glyphs; a locale other than UTF-8 has them anyway */
    bool no_mouse;
    const char *config_path; /* where to read and save what a person likes; NULL: nowhere */
    const struct filter *vm; /* open the drill-down of this VM, borrowed; NULL: all VMs */
    const char *guest;  /* show only VMs of this name at first; NULL: all */
    pid_t pid;          /* show only VMs of this process at first; 0: all */
    const char *fields; /* regular expression: counters shown at first; NULL: all */
    bool is_confined;   /* it can write to few places, see ui/app/confine.h */
    bool bpf;           /* --bpf, or as configured: load BPF programs from the start */
    bool exits;         /* --tracepoints: open with exits, of @vm or of all VMs */
    bool since_creation; /* --debugfs-include-past: totals since each VM was created */
};

/*
 * monitor_run - until the user quits.
 *
 * Needs the locale to be set (LC_CTYPE). Main thread. SIGINT, SIGTERM, SIGHUP and SIGQUIT restore
 * the terminal and end it. Returns 0; the number of the signal that ended it, which has its usual
 * effect again, for the caller to raise once all else is ended; or a negative errno with a
 * sentence: -ENOTTY (not a terminal), -ENOTSUP (terminal too simple), -EINVAL (config), what
 * filter_check finds wrong with the VM, -EIO (the terminal went away), or what sampling gave.
 */
int monitor_run(struct sample_link *link, const struct monitor_config *config, struct error *err);

#endif
