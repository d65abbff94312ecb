// SPDX-License-Identifier: MIT
#include "ui/report/text_counters.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "ui/report/number.h"
#include "ui/report/text_vms.h"
#include "ui/report/wrap.h"

#define COUNTER_COLUMNS 36
#define TOTAL_COLUMNS   20
#define RATE_COLUMNS    14

/* Whose counters, and since when. */
struct table {
    const struct report *r;
    const struct snapshot *base, *s;
    const struct snapshot_vm *vm; /* NULL: of all together */
    FILE *out;
};

/* What a row shows. */
struct row {
    struct reading total;
    struct figure rate;
    bool is_short, rate_is_short; /* a sum without the number of some VM */
};

static void add_total(struct row *sum, const struct reading *total)
{
    sum->is_short |= figure_is_lacking(total->state, total->cause);
    if (total->state != READING_OK) {
        if (sum->total.state == READING_ABSENT)
            sum->total = *total;
        return;
    }
    const uint64_t before = sum->total.state == READING_OK ? sum->total.raw : 0;
    sum->total = *total;
    sum->total.raw = UINT64_MAX - before < total->raw ? UINT64_MAX : before + total->raw;
}

static struct row sum_of(const struct table *t, size_t i)
{
    struct row sum = {.total = {.state = READING_ABSENT}, .rate = {.state = READING_ABSENT}};

    for (size_t v = 0; v < t->s->vm_count; v++) {
        const struct snapshot_vm *vm = &t->s->vms[v];
        if (!filter_vm(t->r->filter, vm))
            continue;
        const struct reading total = snapshot_total(t->base, t->s, vm, i);
        add_total(&sum, &total);
    }
    const struct text_sum rate = text_sum_rate(t->r->filter, t->s, i);
    sum.rate = rate.figure;
    sum.rate_is_short = rate.is_short;
    return sum;
}

static struct row row_of(const struct table *t, size_t i)
{
    const struct snapshot_value *value;

    if (t->vm == NULL && t->s->host_values == NULL)
        return sum_of(t, i);
    value = t->vm != NULL ? &t->vm->values[i] : &t->s->host_values[i];
    if (value->reading.state != READING_OK || t->s->fields->fields[i].kind != FIELD_CUMULATIVE)
        return (struct row){.total = value->reading, .rate = value->rate};
    return (struct row){.total = t->vm != NULL ? snapshot_total(t->base, t->s, t->vm, i)
                                               : snapshot_host_total(t->base, t->s, i),
                        .rate = value->rate};
}

/* Is there a row for it at all? Values that are no counts cannot be added up. */
static bool is_chosen(const struct table *t, size_t i)
{
    const struct field *field = &t->s->fields->fields[i];

    if (t->vm == NULL && t->s->host_values == NULL && field->kind != FIELD_CUMULATIVE)
        return false;
    return filter_field(t->r->filter, field);
}

/* The counts of the VM in the base, as other totals count from there; NULL: it was not there. */
static const uint64_t *buckets_before(const struct table *t, const struct field *field)
{
    const struct snapshot_vm *then = t->base != NULL ? snapshot_find(t->base, &t->vm->id) : NULL;

    if (then == NULL || field->bucket_index + field->size > t->base->bucket_count)
        return NULL;
    return then->buckets + field->bucket_index;
}

static void put_histogram(const struct table *t, const struct field *field)
{
    const uint64_t *buckets = t->vm->buckets + field->bucket_index;
    const uint64_t *before = buckets_before(t, field);
    uint64_t count = 0;
    size_t first = field->size, last = 0;

    for (size_t i = 0; i < field->size; i++) {
        /* One that is less than it was has been cleared. */
        const bool goes_on = before != NULL && before[i] <= buckets[i];
        const uint64_t grown = buckets[i] - (goes_on ? before[i] : 0);
        count += grown;
        if (grown != 0) {
            first = i < first ? i : first;
            last = i;
        }
    }
    char used[40] = "histogram";
    if (count > 0)
        snprintf(used, sizeof(used), "buckets %zu-%zu", first, last);
    fprintf(t->out, "%*llu %*s", TOTAL_COLUMNS, (unsigned long long)count, RATE_COLUMNS, used);
}

static void put_row(const struct table *t, const struct field *field, const struct row *row)
{
    char total[NUMBER_MAX], rate[NUMBER_MAX];

    fprintf(t->out, "  %-*s ", COUNTER_COLUMNS, field->name);
    /* The kernel's totals have none. */
    if (field_is_hist(field) && t->vm != NULL) {
        put_histogram(t, field);
        fputc('\n', t->out);
        return;
    }
    if (row->total.state != READING_OK)
        number_missing(row->total.state, row->total.cause, total);
    else
        number_value(field, row->total.raw, total);
    number_sum(row->is_short, row->total.state, total);
    number_rate(field, &row->rate, rate);
    number_sum(row->rate_is_short, row->rate.state, rate);
    fprintf(t->out, "%*s %*s\n", TOTAL_COLUMNS, total, RATE_COLUMNS,
            field->kind == FIELD_CUMULATIVE ? rate : field_kind_name(field->kind));
}

/* Nothing counted: the total of a counter, or a gauge's value, is 0. What is not known is not zero.
 */
static bool is_zero(const struct field *field, const struct row *row)
{
    return !field_is_hist(field) && row->total.state == READING_OK && row->total.raw == 0;
}

/* A total that is missing though there is a number says so in its row: it may count again soon. */
static bool is_missing(const struct table *t, size_t i, const struct reading *total)
{
    if (t->vm == NULL)
        return total->state != READING_OK && total->state != READING_RESET;
    return t->vm->values[i].reading.state != READING_OK;
}

static int compare_names(const void *a, const void *b, void *fields)
{
    const struct field *f = fields;

    return strcmp(f[*(const size_t *)a].name, f[*(const size_t *)b].name);
}

/* The chosen fields by name; *@ret_count of them, the caller frees. NULL when memory is out. */
static size_t *sorted_fields(const struct table *t, size_t *ret_count)
{
    size_t *order = malloc((t->s->field_count + 1) * sizeof(*order));

    *ret_count = 0;
    for (size_t i = 0; i < t->s->field_count && order != NULL; i++)
        if (is_chosen(t, i))
            order[(*ret_count)++] = i;
    if (order != NULL)
        qsort_r(order, *ret_count, sizeof(*order), compare_names, t->s->fields->fields);
    return order;
}

/* Those of @order that are missing as the first of them is, which are taken out of it. */
static size_t put_missing(const struct table *t, size_t *order, size_t count,
                          const struct reading *missing)
{
    const uint8_t state = missing[order[0]].state, cause = missing[order[0]].cause;
    char label[NUMBER_MAX], text[NUMBER_MAX + 4];
    size_t left = 0;

    number_missing(state, cause, label);
    int len = snprintf(text, sizeof(text), "  %s: ", label);
    fputs(text, t->out);
    struct wrap wrap = {t->out, text_width(text), 4, 0};
    (void)len;
    for (size_t i = 0; i < count; i++) {
        if (missing[order[i]].state == state && missing[order[i]].cause == cause)
            wrap_part(&wrap, ", ", t->s->fields->fields[order[i]].name);
        else
            order[left++] = order[i];
    }
    fputc('\n', t->out);
    return left;
}

int text_counters(const struct report *r, const struct snapshot *base, const struct snapshot *s,
                  const struct snapshot_vm *vm, FILE *out)
{
    const struct table t = {r, base, s, vm, out};
    struct reading *missing = calloc(s->field_count + 1, sizeof(*missing));
    size_t count, left = 0;
    size_t *order = sorted_fields(&t, &count);

    if (missing == NULL || order == NULL) {
        free(missing);
        free(order);
        return -ENOMEM;
    }
    fprintf(out, "  %-*s %*s %*s\n", COUNTER_COLUMNS, "COUNTER", TOTAL_COLUMNS,
            r->include_past ? "SINCE VM START" : "SINCE START", RATE_COLUMNS, "PER SECOND");
    for (size_t k = 0; k < count; k++) {
        const struct field *field = &s->fields->fields[order[k]];
        const struct row row = row_of(&t, order[k]);
        if (is_missing(&t, order[k], &row.total)) {
            missing[order[k]] = row.total;
            order[left++] = order[k];
        } else if (!(r->skip_zero && is_zero(field, &row))) {
            put_row(&t, field, &row);
        }
    }
    while (left > 0)
        left = put_missing(&t, order, left, missing);
    free(missing);
    free(order);
    return 0;
}
