// SPDX-License-Identifier: MIT
#include "ui/state/counters.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ui/grid/format.h"

static int reserve(struct counters *c, size_t count)
{
    if (count <= c->cap)
        return 0;
    struct counter_row *rows = realloc(c->rows, count * sizeof(*rows));
    if (rows == NULL)
        return -ENOMEM;
    c->rows = rows;
    c->cap = count;
    return 0;
}

void counters_done(struct counters *c)
{
    free(c->rows);
    *c = (struct counters){0};
}

static bool guest_matches(const struct pattern *guests, const struct snapshot_vm *vm)
{
    char pid[16];

    if (guests == NULL || !guests->set)
        return true;
    snprintf(pid, sizeof(pid), "%d", (int)vm->id.pid);
    return pattern_match(guests, vm->name) || pattern_match(guests, pid);
}

static void add(struct figure *sum, struct figure figure, bool *is_short)
{
    *is_short |= figure_is_lacking(figure.state, figure.cause);
    figure_add(sum, figure);
}

static struct figure figure_of(struct reading r)
{
    return (struct figure){.value = (double)r.raw, .state = r.state, .cause = r.cause};
}

/* Where @q asks for one vCPU, of it. */
static struct reading total_of(const struct counters_query *q, const struct snapshot_vm *then,
                               const struct snapshot_vm *vm, size_t field)
{
    return q->vcpu != NULL ? snapshot_vcpu_total(q->base, then, q->s, q->vcpu, field)
                           : snapshot_total_since(q->base, then, q->s, vm, field);
}

static void add_field(struct counter_row *row, const struct counters_query *q,
                      const struct snapshot_vm *then, const struct snapshot_vm *vm, size_t field)
{
    struct reading total = total_of(q, then, vm, field);
    const struct snapshot_value *v = q->vcpu != NULL ? &q->vcpu->values[field] : &vm->values[field];

    add(&row->total, figure_of(total), &row->total_short);
    if (total.state == READING_OK)
        row->source = total.source;
    if (q->s->fields->fields[field].kind != FIELD_CUMULATIVE)
        return;
    /* A counter that could not be read has no rate; its own state says more than the rate's. */
    add(&row->rate, v->reading.state == READING_OK ? v->rate : figure_of(v->reading),
        &row->rate_short);
}

const struct snapshot_value *counters_totals(const struct counters_query *q)
{
    return q->vm != NULL || q->by_guest || (q->guests != NULL && q->guests->set)
               ? NULL
               : q->s->host_values;
}

/* Of all VMs together. */
static void set_total(struct counter_row *row, const struct counters_query *q,
                      const struct snapshot_value *value, size_t field)
{
    struct reading total = snapshot_host_total(q->base, q->s, field);

    row->total = figure_of(total);
    row->source = value->reading.source;
    row->rate = value->rate;
}

bool counters_is_count(const struct field *f)
{
    return f->kind == FIELD_CUMULATIVE && f->unit == FIELD_NONE;
}

bool counters_is_exit(const struct field *f)
{
    return counters_is_count(f) && strstr(f->name, "exit") != NULL;
}

bool counters_is_all_exits(const struct field *f)
{
    return counters_is_count(f) && strcmp(f->name, "exits") == 0;
}

/* Is it added up to compare guests? Only where nobody asked for other counters are these exits. */
static bool compares_guests(const struct counters_query *q, const struct field *f)
{
    if (q->pattern != NULL && q->pattern->set)
        return counters_is_count(f);
    return field_table_find(q->s->fields, "exits") >= 0 ? counters_is_all_exits(f)
                                                        : counters_is_exit(f);
}

static bool is_shown(const struct counters_query *q, const struct field *f)
{
    if (field_is_hist(f) ||
        (q->vm == NULL && counters_totals(q) == NULL && f->kind != FIELD_CUMULATIVE))
        return false;
    if (q->vcpu != NULL && f->scope != FIELD_VCPU)
        return false; /* it is one of the whole VM */
    return q->pattern == NULL || pattern_match(q->pattern, f->name);
}

/* Which fields are asked for: matched once, not once per VM. */
static size_t shown_fields(const struct counters_query *q, uint16_t fields[FIELD_MAX])
{
    size_t n = 0;

    for (size_t f = 0; f < q->s->field_count && f < FIELD_MAX; f++)
        if (is_shown(q, &q->s->fields->fields[f]))
            fields[n++] = (uint16_t)f;
    return n;
}

static bool any_guest_matches(const struct counters_query *q)
{
    for (size_t v = 0; v < q->s->vm_count; v++)
        if (guest_matches(q->guests, &q->s->vms[v]))
            return true;
    return q->s->vm_count == 0; /* then nothing else can be told of the pattern */
}

/* Rows of which no number could ever be known would only look like missing numbers. */
static enum counters_lack lack_of(const struct counters_query *q, const uint16_t *fields, size_t n)
{
    size_t usable = 0;

    for (size_t i = 0; i < n; i++)
        usable += !q->by_guest || compares_guests(q, &q->s->fields->fields[fields[i]]);
    if (q->pattern != NULL && q->pattern->set && usable == 0 && q->s->field_count > 0)
        return COUNTERS_LACK_FIELD;
    if (q->vm == NULL && q->guests != NULL && q->guests->set && !any_guest_matches(q))
        return COUNTERS_LACK_GUEST;
    return COUNTERS_LACK_NOTHING;
}

static int collect_fields(const struct counters_query *q, struct counters *c)
{
    uint16_t fields[FIELD_MAX];
    size_t n = shown_fields(q, fields);

    c->lack = lack_of(q, fields, n);
    if (c->lack != COUNTERS_LACK_NOTHING)
        return 0;
    if (reserve(c, n) < 0)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        c->rows[i] = (struct counter_row){.index = fields[i], .id = fields[i], .share = NAN};
    c->count = n;
    const struct snapshot_value *totals = counters_totals(q);
    for (size_t i = 0; totals != NULL && i < n; i++)
        set_total(&c->rows[i], q, &totals[fields[i]], fields[i]);
    for (size_t v = 0; totals == NULL && v < q->s->vm_count; v++) {
        const struct snapshot_vm *vm = &q->s->vms[v];
        if (q->vm != NULL ? vm != q->vm : !guest_matches(q->guests, vm))
            continue;
        const struct snapshot_vm *then = q->base != NULL ? snapshot_find(q->base, &vm->id) : NULL;
        for (size_t i = 0; i < n; i++)
            add_field(&c->rows[i], q, then, vm, fields[i]);
    }
    return 0;
}

static int collect_guests(const struct counters_query *q, struct counters *c)
{
    uint16_t fields[FIELD_MAX];
    size_t n = shown_fields(q, fields);

    c->lack = lack_of(q, fields, n);
    if (c->lack != COUNTERS_LACK_NOTHING)
        return 0;
    if (reserve(c, q->s->vm_count) < 0)
        return -ENOMEM;
    for (size_t v = 0; v < q->s->vm_count; v++) {
        const struct snapshot_vm *vm = &q->s->vms[v];
        if (!guest_matches(q->guests, vm))
            continue;
        const struct snapshot_vm *then = q->base != NULL ? snapshot_find(q->base, &vm->id) : NULL;
        struct counter_row *row = &c->rows[c->count++];
        *row = (struct counter_row){
            .index = (uint32_t)v,
            .id = (int64_t)vm->id.pid << 32 | (uint32_t)vm->id.fd, /* a process may have several */
            .share = NAN,
        };
        for (size_t i = 0; i < n; i++)
            if (compares_guests(q, &q->s->fields->fields[fields[i]]))
                add_field(row, q, then, vm, fields[i]);
    }
    return 0;
}

/* A counter that moves stays when its total was just reset: its rate is not 0. */
static void drop_zeros(struct counters *c)
{
    size_t kept = 0;

    for (size_t i = 0; i < c->count; i++) {
        const struct counter_row *r = &c->rows[i];
        bool moves = r->rate.state == READING_OK && r->rate.value > 0;
        if (r->total.state == READING_OK && r->total.value == 0 && !moves)
            c->hidden_zero++;
        else
            c->rows[kept++] = *r;
    }
    c->count = kept;
}

static const struct field *field_of(const struct counters_query *q, const struct counter_row *r)
{
    return &q->s->fields->fields[r->index];
}

/* What shares are of: all exits where there are such rows, else all counts. */
static bool is_part(const struct counters_query *q, const struct counters *c,
                    const struct counter_row *r)
{
    return q->by_guest ||
           (c->sum_is_exits ? counters_is_exit(field_of(q, r)) : counters_is_count(field_of(q, r)));
}

/* The row of all exits, which has those of each kind in it; NULL: there is none. */
static const struct counter_row *row_of_exits(const struct counters_query *q,
                                              const struct counters *c)
{
    for (size_t i = 0; i < c->count && !q->by_guest; i++)
        if (counters_is_all_exits(field_of(q, &c->rows[i])))
            return &c->rows[i];
    return NULL;
}

static void add_to_sums(struct counters *c, const struct counter_row *r)
{
    struct figure rate = r->rate;

    c->total_sum_short |= r->total_short;
    c->rate_sum_short |= r->rate_short;
    /* Both sums add up the same rows, and each tells what it leaves out. */
    if (r->total.state != READING_OK) {
        c->rate_sum_short |= rate.state == READING_OK && rate.value > 0;
        rate.value = 0;
    }
    add(&c->total_sum, r->total, &c->total_sum_short);
    add(&c->rate_sum, rate, &c->rate_sum_short);
}

/* Before zeros are left out: that there are some says that something is known. */
static void set_sums(const struct counters_query *q, struct counters *c)
{
    const struct counter_row *exits = row_of_exits(q, c);

    c->sum_is_exits = q->by_guest && (q->pattern == NULL || !q->pattern->set);
    for (size_t i = 0; i < c->count && !q->by_guest; i++)
        c->sum_is_exits |= counters_is_exit(field_of(q, &c->rows[i]));
    if (exits != NULL) {
        add_to_sums(c, exits);
        return;
    }
    for (size_t i = 0; i < c->count; i++)
        if (is_part(q, c, &c->rows[i]))
            add_to_sums(c, &c->rows[i]);
}

static void set_shares(const struct counters_query *q, struct counters *c)
{
    for (size_t i = 0; i < c->count; i++) {
        struct counter_row *r = &c->rows[i];
        if (r->total.state == READING_OK && is_part(q, c, r) && c->total_sum.state == READING_OK &&
            c->total_sum.value > 0)
            r->share = r->total.value / c->total_sum.value;
    }
}

static const char *row_name(const struct counters_query *q, const struct counter_row *r)
{
    return q->by_guest ? q->s->vms[r->index].name : q->s->fields->fields[r->index].name;
}

/* In seconds for times, so that they can be compared with each other. */
static double comparable(const struct counters_query *q, const struct counter_row *r, double value)
{
    const struct field *f = q->by_guest ? NULL : &q->s->fields->fields[r->index];

    return f != NULL ? value * pow(f->base, f->exponent) : value;
}

static int compare(const void *pa, const void *pb, void *arg)
{
    const struct counters_query *q = arg;
    const struct counter_row *a = pa, *b = pb;
    const struct figure *x = q->order == COUNTERS_BY_RATE ? &a->rate : &a->total;
    const struct figure *y = q->order == COUNTERS_BY_RATE ? &b->rate : &b->total;
    int result = 0;

    if (q->order != COUNTERS_BY_NAME) {
        bool xok = x->state == READING_OK, yok = y->state == READING_OK;
        if (xok != yok)
            return xok ? -1 : 1;
        double p = xok ? comparable(q, a, x->value) : 0, s = yok ? comparable(q, b, y->value) : 0;
        result = (p < s) - (p > s);
    }
    if (result == 0)
        result = strcmp(row_name(q, a), row_name(q, b));
    return q->inverted ? -result : result;
}

int counters_collect(const struct counters_query *q, struct counters *c)
{
    c->count = c->hidden_zero = 0;
    c->rate_sum = c->total_sum = (struct figure){.state = READING_ABSENT};
    c->rate_sum_short = c->total_sum_short = false;
    int result = q->by_guest ? collect_guests(q, c) : collect_fields(q, c);
    if (result < 0)
        return result;
    set_sums(q, c);
    if (q->hide_zero)
        drop_zeros(c);
    set_shares(q, c);
    if (c->count > 0)
        qsort_r(c->rows, c->count, sizeof(c->rows[0]), compare, (void *)q);
    return 0;
}

char *counters_value_text(const struct field *f, double raw, char out[FORMAT_MAX])
{
    double value = raw * pow(f->base, f->exponent);

    if (f->unit == FIELD_SECONDS)
        return format_seconds(out, value);
    if (f->unit == FIELD_BYTES)
        return format_bytes(out, value);
    if (f->unit == FIELD_BOOLEAN && raw <= 1)
        return strcpy(out, raw > 0 ? "yes" : "no");
    if (value >= 0 && value < 18e18)
        return format_exact(out, (uint64_t)value);
    return format_count(out, value);
}

char *counters_rate_text(const struct field *f, double rate, char out[FORMAT_MAX])
{
    if (f->unit == FIELD_SECONDS)
        return strcat(format_percent(out, rate * pow(f->base, f->exponent)), "%");
    if (f->unit == FIELD_BYTES)
        return format_bytes(out, rate * pow(f->base, f->exponent));
    return format_count(out, rate * pow(f->base, f->exponent));
}

char *counters_kind_text(const struct field *f, char out[FORMAT_MAX])
{
    static const char *const kinds[FIELD_KIND_COUNT] = {
        [FIELD_CUMULATIVE] = "counter",        [FIELD_INSTANT] = "gauge", [FIELD_PEAK] = "peak",
        [FIELD_LINEAR_HIST] = "histogram",     [FIELD_LOG_HIST] = "histogram",
    };
    static const char *const units[FIELD_UNIT_COUNT] = {
        [FIELD_NONE] = "", [FIELD_BYTES] = " B", [FIELD_SECONDS] = " s", [FIELD_CYCLES] = " cyc",
        [FIELD_BOOLEAN] = " y/n",
    };

    snprintf(out, FORMAT_MAX, "%s%s", kinds[f->kind], units[f->unit]);
    return out;
}
