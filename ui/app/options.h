/* SPDX-License-Identifier: MIT */
/*
 * Command line: one table that parsing, --help, the man page's test and the completions share.
 *
 * Short options keep the meaning they have in kvm_stat. Nothing here looks at the system: whether a
 * process or VM exists is for ui/choose/filter.h to say.
 */
#ifndef KVMLENS_UI_APP_OPTIONS_H
#define KVMLENS_UI_APP_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/base/error.h"
#include "core/forecast/forecast_settings.h"
#include "core/privilege/privilege.h"
#include "core/scan/scan.h"
#include "ui/choose/filter.h"

enum options_mode {
    MODE_MONITOR, /* no mode option given */
    MODE_ONCE,
    MODE_LOG,
    MODE_LIST,
    MODE_DOCTOR,
    MODE_FIELDS,   /* --fields help */
    MODE_SCAN,     /* --scan VM; the VM is in options.choice.vm */
    MODE_FORECAST, /* --forecast VM, likewise, or all */
    MODE_HELP,
    MODE_VERSION,
    MODE_COUNT
};

#define MODE_BIT(mode) (1u << (mode))
/* Modes that look at VMs, so where a choice of VMs and sources means something. */
#define MODES_VMS                                                                                  \
    (MODE_BIT(MODE_MONITOR) | MODE_BIT(MODE_ONCE) | MODE_BIT(MODE_LOG) | MODE_BIT(MODE_LIST) |     \
     MODE_BIT(MODE_FORECAST) | MODE_BIT(MODE_FIELDS))
#define MODES_ANY (MODE_BIT(MODE_COUNT) - 1)

/* Strings are borrowed from argv. Those not given are NULL. */
struct options {
    enum options_mode mode;
    struct filter_choice choice; /* VMs and fields */
    double delay_s;      /* --set-delay */
    bool delay_given;    /* it was; else delay_s is the default */
    uint64_t iterations; /* --iterations; 0 = no limit */
    bool skip_zero;
    bool include_past;
    unsigned sources;    /* SOURCE_BIT mask, core/source/sampler.h */
    bool bpf;            /* --bpf, or it is among the words of --source */
    bool tracepoints;    /* --tracepoints: exits are counted */
    const char *format;  /* name of a report format; never NULL */
    const char *log_file; /* --log-to-file */
    const char *output;   /* --output */
    bool per_vcpu, exit_histograms, estimate, wide, csv_safe;
    bool verbose; /* --verbose */
    const char *sysroot;
    enum privilege_level privileges; /* --privileges */
    bool demo;
    bool no_color, no_unicode, no_mouse;
    struct scan_request scan; /* --scan, --forecast; at which VM it aims is not known yet */
    struct forecast_settings forecast;
    const char *forecast_vm; /* --forecast */
    bool forecast_all; /* --forecast all: of each chosen VM; with --once and --log as metrics */
    bool has_channels;
    uint64_t given;      /* which rows of the table were used; private to options.c */
};

enum options_group {
    GROUP_MODE,
    GROUP_SELECT,
    GROUP_SAMPLE,
    GROUP_SCAN,
    GROUP_FORECAST,
    GROUP_OUTPUT,
    GROUP_SYSTEM,
    GROUP_COUNT
};

struct option_row {
    char short_name;        /* 0 = none */
    const char *long_name;  /* without the dashes */
    const char *alias;      /* a second long name, or NULL */
    const char *arg;        /* what --help calls its argument; NULL = takes none */
    const char *const *words; /* for completion: the words the argument may be; NULL = anything */
    enum options_group group;
    unsigned modes;         /* MODE_BIT mask: modes it has a meaning in */
    const char *help;       /* one line, no full stop */
    /* Takes the argument. NULL: the option has a plain effect, one of the two below. */
    int (*apply)(struct options *opts, const char *arg, struct error *err);
    enum options_mode enters; /* MODE_MONITOR: none */
    size_t flag;              /* offset in struct options of the bool it sets; 0: none */
};

/* In the order of --help; a row with no long_name ends it. */
extern const struct option_row option_table[];

/*
 * options_parse - strict: unknown or repeated modes, numbers out of range and options without a
 * meaning in the chosen mode are errors.
 *
 * @argv may be reordered (getopt_long(3)); @ret borrows strings from it.
 * Returns 0, or -EINVAL with a sentence in @err that names cause and remedy (exit status 2).
 * -h and -V win over everything after them. Main thread: getopt keeps its state in globals.
 */
int options_parse(int argc, char **argv, struct options *ret, struct error *err);

/* options_usage - --help, made from the table. */
void options_usage(FILE *out);

/* options_version - --version: name, version and licence. */
void options_version(FILE *out);

#endif
