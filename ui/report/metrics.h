/* SPDX-License-Identifier: MIT */
/*
 * Writing metric families in the text formats of Prometheus (0.0.4) and OpenMetrics (1.0).
 *
 * The rules that differ are here, once: order and names of the metadata, EOF mark, units, canonical
 * numbers of bucket bounds. What is measured is ui/report/report_metrics.c.
 */
#ifndef KVMLENS_UI_REPORT_METRICS_H
#define KVMLENS_UI_REPORT_METRICS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/model/field.h"

#define METRICS_NAME_MAX 160
#define METRICS_FAMILIES_MAX (2 * FIELD_MAX + 64)

enum metrics_type { METRICS_COUNTER, METRICS_GAUGE, METRICS_HISTOGRAM, METRICS_INFO };

/* One exposition. Zeroed but for its first members to begin. */
struct metrics {
    FILE *out;
    bool openmetrics;
    char (*names)[METRICS_NAME_MAX]; /* of the families so far, none may come twice */
    size_t name_count;
    bool out_of_memory;
};

/*
 * A family: its metadata are written before its first sample, so one without samples leaves no
 * trace.
 */
struct metrics_family {
    struct metrics *metrics;
    enum metrics_type type;
    char name[METRICS_NAME_MAX]; /* without _total and _info */
    const char *unit;            /* "seconds", "bytes"; NULL = none. The name ends with it */
    const char *help;
    bool begun, refused;
};

struct metrics_label {
    const char *name, *value;
};

/*
 * metrics_family - a family called kvmlens_@stem, with every byte that no name may hold as '_', and
 * "_UNIT" behind it when it does not end so.
 */
struct metrics_family metrics_family(struct metrics *m, enum metrics_type type, const char *stem,
                                     const char *unit, const char *help);

/* metrics_int, ... - one sample. @labels: a NULL name ends. Values of labels may hold any text. */
void metrics_int(struct metrics_family *f, const struct metrics_label *labels, uint64_t value);
void metrics_real(struct metrics_family *f, const struct metrics_label *labels, double value);

/* metrics_scaled - @raw * @field's base^exponent, all digits exact where the base is 10. */
void metrics_scaled(struct metrics_family *f, const struct metrics_label *labels,
                    const struct field *field, uint64_t raw);

/*
 * metrics_histogram - cumulative buckets, count and sum.
 *
 * KVM's buckets are half open, [a, b), and le is inclusive: the bound written is b - 1 in raw
 * units, the largest value the bucket can hold.
 * @sum: in the unit of the field, or NULL when not known: then the classic format says NaN, and
 * OpenMetrics, where count and sum come together or not at all, neither.
 */
void metrics_histogram(struct metrics_family *f, const struct metrics_label *labels,
                       const struct field *field, const uint64_t *buckets, const double *sum);

/*
 * metrics_histogram_of - the same of buckets that are no field's. @bounds: [@size - 1], what each
 * but the last holds at most, in the unit of the family, ascending; the last holds all above.
 */
void metrics_histogram_of(struct metrics_family *f, const struct metrics_label *labels,
                          const double *bounds, const uint64_t *buckets, size_t size, double sum);

/* metrics_end - the end mark. 0 or -ENOMEM when something was left out. Frees what it holds. */
int metrics_end(struct metrics *m);

#define METRICS_NUMBER_MAX 64
/* metrics_canonical - a bucket bound as OpenMetrics wants it: "0.0", "1e-09", "1.048575e+06". */
void metrics_canonical(double value, char buf[METRICS_NUMBER_MAX]);

#endif
