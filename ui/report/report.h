/* SPDX-License-Identifier: MIT */
/*
 * Reports: snapshots as text for people and for machines.
 *
 * A format only turns a snapshot into bytes on a FILE. When they are written, to where and how
 * often is ui/app/batch.h. No format looks at the clock, the locale or the system.
 */
#ifndef KVMLENS_UI_REPORT_REPORT_H
#define KVMLENS_UI_REPORT_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "core/base/error.h"
#include "core/model/snapshot.h"
#include "ui/choose/filter.h"

struct estimates;
struct kept_forecasts;
struct report_format;

struct report {
    const struct report_format *format;
    const struct filter *filter;  /* borrowed */
    bool stream;                  /* --log: many records; else one */
    bool include_past;            /* totals since the VM was created */
    bool skip_zero;
    bool terminal;                /* repeat the column header */
    unsigned columns;             /* text: how long a row of a log may be; 0 = as it is */
    bool verbose;                 /* text, no stream: the counters of each VM */
    bool per_vcpu;                /* metrics: each vCPU too */
    bool exit_histograms;         /* metrics of a stream: how long exits took, too */
    /* metrics: zero pages, borrowed; NULL = none were asked for */
    const struct estimates *estimates;
    const struct kept_forecasts *forecasts; /* metrics: migrations, likewise */
    bool wide;                    /* CSV: one row per record */
    bool csv_safe;                /* CSV: names that a spreadsheet would run get a ' */
    bool fresh;                   /* the next record begins its file: headers */
    /* the next record is the first of ours in a file that has some: under its header? */
    bool joins;
    const char *header;           /* borrowed: first line of a file that is appended to, or NULL */
    /* State between records of a stream; private to the formats. */
    unsigned long records;
    unsigned long rows;           /* text: since the header */
    size_t fields_shown;          /* fields that the header or a record has described */
    bool csv_is_0_1;              /* CSV: the file has the columns of version 0.1.0 */
};

struct report_format {
    const char *name; /* --format NAME */
    const char *magic; /* how its files begin, so that a log knows its own; NULL = not told */
    /* each record is a whole document, and needs no second sample but for exits */
    bool document;
    /* Write errors stay in the FILE; -ENOMEM is returned. */
    int (*record)(struct report *report, const struct snapshot *base, const struct snapshot *s,
                  FILE *out);
};

/*
 * All formats, in the order in which people are told of them. A new one is a file that defines
 * report_NAME, with NAME as its name, and a row here: options, --help and completions follow.
 */
#define REPORT_FORMATS(X)                                                                          \
    X(text)                                                                                        \
    X(json)                                                                                        \
    X(csv)                                                                                         \
    X(prometheus)                                                                                  \
    X(openmetrics)

#define REPORT_DECLARE(format) extern const struct report_format report_##format;
REPORT_FORMATS(REPORT_DECLARE)
#undef REPORT_DECLARE

extern const struct report_format *const report_formats[]; /* NULL ends */
extern const char *const report_format_words[];            /* their names; NULL ends */

/* report_format_find - NULL when there is no such format. */
const struct report_format *report_format_find(const char *name);

/* report_format_names - "text, json" into @buf. */
void report_format_names(char *buf, size_t size);

/*
 * report_fresh - the next record is the first of an empty file: it brings its header.
 * A report that appends to a file that has one already does not call this.
 */
void report_fresh(struct report *report);

/*
 * report_record - one record.
 * @base: the snapshot totals count from; NULL = since the VM was created.
 * Returns 0, -ENOMEM, -EBADMSG when the file that is appended to has another header, or -EIO when
 * @out is in error.
 */
int report_record(struct report *report, const struct snapshot *base, const struct snapshot *s,
                  FILE *out);

/*
 * report_make - the same in memory: a whole record, or an error and none of it. *@ret is
 * NUL-terminated, the caller frees it; *@ret_len its length. -ENOMEM also where only a part of the
 * record found no memory.
 */
int report_make(struct report *report, const struct snapshot *base, const struct snapshot *s,
                char **ret, size_t *ret_len);

/*
 * report_idle - did every chosen counter of these values (of a VM, of the host) stand still
 * (rate 0)? A counter that could not be read is not idle: it is not known.
 */
bool report_idle(const struct filter *filter, const struct snapshot *s,
                 const struct snapshot_value *values);

/* report_idle_vm - the same of s->vms[@vm], in which no exit was counted either. */
bool report_idle_vm(const struct filter *filter, const struct snapshot *s, size_t vm);

/*
 * report_host_values - the kernel's totals of all VMs; NULL where there are none, and where only
 * some VMs were asked for: they are no numbers of these.
 */
const struct snapshot_value *report_host_values(const struct filter *filter,
                                                const struct snapshot *s);

/*
 * report_json_record - one object of schema kvmlens/1, without newline, NUL-terminated, ASCII only.
 * With "fields", as the first record of a stream.
 * The caller frees it with free(). NULL when memory is out.
 */
char *report_json_record(const struct snapshot *s, const struct filter *filter);

#endif
