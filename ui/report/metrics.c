// SPDX-License-Identifier: MIT
#include "ui/report/metrics.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ui/report/number.h"

#define PREFIX "kvmlens_"

static const struct {
    const char *classic, *openmetrics, *suffix;
} types[] = {
    [METRICS_COUNTER] = {"counter", "counter", "_total"},
    [METRICS_GAUGE] = {"gauge", "gauge", ""},
    [METRICS_HISTOGRAM] = {"histogram", "histogram", ""},
    [METRICS_INFO] = {"gauge", "info", "_info"},
};

static bool ends_with(const char *s, const char *end)
{
    size_t len = strlen(s), n = strlen(end);

    return len >= n && strcmp(s + len - n, end) == 0;
}

struct metrics_family metrics_family(struct metrics *m, enum metrics_type type, const char *stem,
                                     const char *unit, const char *help)
{
    struct metrics_family f = {.metrics = m, .type = type, .unit = unit, .help = help};
    char suffix[32] = "";

    if (unit != NULL)
        snprintf(suffix, sizeof(suffix), "_%s", unit);
    snprintf(f.name, sizeof(f.name) - sizeof(suffix), PREFIX "%s", stem);
    for (char *p = f.name; *p != '\0'; p++)
        if (!isalnum((unsigned char)*p) && *p != '_')
            *p = '_';
    if (!ends_with(f.name, suffix))
        strcat(f.name, suffix);
    return f;
}

/* HELP: backslash and line feed are escaped, in OpenMetrics quotes too. Labels: all three. */
static void put_escaped(FILE *out, const char *s, bool quotes)
{
    for (; *s != '\0'; s++) {
        if (*s == '\n')
            fputs("\\n", out);
        else if (*s == '\\' || (quotes && *s == '"'))
            fprintf(out, "\\%c", *s);
        else
            fputc(*s, out);
    }
}

static bool is_new(struct metrics *m, const char *name)
{
    for (size_t i = 0; i < m->name_count; i++)
        if (strcmp(m->names[i], name) == 0)
            return false;
    if (m->names == NULL)
        m->names = calloc(METRICS_FAMILIES_MAX, sizeof(*m->names));
    if (m->names == NULL || m->name_count == METRICS_FAMILIES_MAX) {
        m->out_of_memory = true;
        return false;
    }
    strcpy(m->names[m->name_count++], name);
    return true;
}

/*
 * Writes the metadata when not done. False when the family must not be written: an earlier one has
 * its name, or memory is out.
 */
static bool begin(struct metrics_family *f)
{
    struct metrics *m = f->metrics;
    const char *suffix = m->openmetrics ? "" : types[f->type].suffix;

    if (f->begun || f->refused)
        return f->begun;
    f->refused = !is_new(m, f->name);
    if (f->refused)
        return false;
    f->begun = true;
    if (m->openmetrics) {
        fprintf(m->out, "# TYPE %s %s\n", f->name, types[f->type].openmetrics);
        if (f->unit != NULL)
            fprintf(m->out, "# UNIT %s %s\n", f->name, f->unit);
    }
    fprintf(m->out, "# HELP %s%s ", f->name, suffix);
    put_escaped(m->out, f->help, m->openmetrics);
    fputc('\n', m->out);
    if (!m->openmetrics)
        fprintf(m->out, "# TYPE %s%s %s\n", f->name, suffix, types[f->type].classic);
    return true;
}

static void put_name(struct metrics_family *f, const char *suffix,
                     const struct metrics_label *labels, const char *le)
{
    FILE *out = f->metrics->out;
    const char *comma = "{";

    fprintf(out, "%s%s", f->name, suffix);
    for (; labels->name != NULL; labels++) {
        fprintf(out, "%s%s=\"", comma, labels->name);
        put_escaped(out, labels->value, true);
        fputc('"', out);
        comma = ",";
    }
    if (le != NULL) {
        fprintf(out, "%sle=\"%s\"", comma, le);
        comma = ",";
    }
    fputs(comma[0] == ',' ? "} " : " ", out);
}

void metrics_int(struct metrics_family *f, const struct metrics_label *labels, uint64_t value)
{
    if (!begin(f))
        return;
    put_name(f, types[f->type].suffix, labels, NULL);
    fprintf(f->metrics->out, "%llu\n", (unsigned long long)value);
}

void metrics_real(struct metrics_family *f, const struct metrics_label *labels, double value)
{
    if (!isfinite(value) || !begin(f))
        return;
    put_name(f, types[f->type].suffix, labels, NULL);
    fprintf(f->metrics->out, "%.15g\n", value);
}

/* The digits of @raw with the point moved: a double would lose the last ones of a large counter. */
static void put_shifted(FILE *out, uint64_t raw, int digits)
{
    uint64_t unit = 1;

    for (int i = 0; i < digits; i++)
        unit *= 10;
    fprintf(out, "%llu.%0*llu\n", (unsigned long long)(raw / unit), digits,
            (unsigned long long)(raw % unit));
}

void metrics_scaled(struct metrics_family *f, const struct metrics_label *labels,
                    const struct field *field, uint64_t raw)
{
    if (field->exponent == 0) {
        metrics_int(f, labels, raw);
    } else if (field->base != 2 && field->exponent < 0 && field->exponent >= -18) {
        if (!begin(f))
            return;
        put_name(f, types[f->type].suffix, labels, NULL);
        put_shifted(f->metrics->out, raw, -field->exponent);
    } else {
        metrics_real(f, labels, (double)raw * number_scale(field));
    }
}

void metrics_canonical(double value, char buf[METRICS_NUMBER_MAX])
{
    bool plain = value == 0 || (fabs(value) >= 1e-4 && fabs(value) < 1e6);

    if (plain && value == floor(value)) {
        snprintf(buf, METRICS_NUMBER_MAX, "%.1f", value);
        return;
    }
    /* The fewest digits that read back as the same number. */
    for (int digits = plain ? 1 : 0; digits <= 17; digits++) {
        snprintf(buf, METRICS_NUMBER_MAX, plain ? "%.*g" : "%.*e", digits, value);
        if (strtod(buf, NULL) == value)
            return;
    }
}

/* @total: of this bucket and those below. */
static void put_bucket(struct metrics_family *f, const struct metrics_label *labels, double bound,
                       uint64_t total)
{
    char le[METRICS_NUMBER_MAX];

    metrics_canonical(bound, le);
    put_name(f, "_bucket", labels, le);
    fprintf(f->metrics->out, "%llu\n", (unsigned long long)total);
}

/* The last bucket, and what all are together. */
static void put_whole(struct metrics_family *f, const struct metrics_label *labels, uint64_t total,
                      const double *sum)
{
    put_name(f, "_bucket", labels, "+Inf");
    fprintf(f->metrics->out, "%llu\n", (unsigned long long)total);
    if (sum == NULL && f->metrics->openmetrics)
        return;
    put_name(f, "_count", labels, NULL);
    fprintf(f->metrics->out, "%llu\n", (unsigned long long)total);
    put_name(f, "_sum", labels, NULL);
    if (sum != NULL)
        fprintf(f->metrics->out, "%.15g\n", *sum);
    else
        fputs("NaN\n", f->metrics->out);
}

void metrics_histogram(struct metrics_family *f, const struct metrics_label *labels,
                       const struct field *field, const uint64_t *buckets, const double *sum)
{
    uint64_t total = 0;

    if (!begin(f))
        return;
    for (size_t i = 0; i + 1 < field->size; i++) {
        uint64_t low, high;
        field_bucket_range(field, i, &low, &high);
        total += buckets[i];
        /* Divided and not multiplied by 1e-9, which is no exact number: 7 / 1e9 prints as 7e-09. */
        double scale = number_scale(field);
        put_bucket(f, labels,
                   scale < 1 ? (double)(high - 1) / round(1 / scale) : (double)(high - 1) * scale,
                   total);
    }
    put_whole(f, labels, total + buckets[field->size - 1], sum);
}

void metrics_histogram_of(struct metrics_family *f, const struct metrics_label *labels,
                          const double *bounds, const uint64_t *buckets, size_t size, double sum)
{
    uint64_t total = 0;

    if (!begin(f))
        return;
    for (size_t i = 0; i + 1 < size; i++)
        put_bucket(f, labels, bounds[i], total += buckets[i]);
    put_whole(f, labels, total + buckets[size - 1], &sum);
}

int metrics_end(struct metrics *m)
{
    if (m->openmetrics)
        fputs("# EOF\n", m->out);
    free(m->names);
    m->names = NULL;
    return m->out_of_memory ? -ENOMEM : 0;
}
