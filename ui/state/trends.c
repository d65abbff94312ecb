// SPDX-License-Identifier: MIT
#include "ui/state/trends.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>

#include "ui/state/columns.h"

static const struct vm_id host_id; /* all zero: no VM has pid 0 */

int trends_init(struct trends *trends)
{
    *trends = (struct trends){.vms = history_new(TREND_COUNT), .host = history_new(TREND_COUNT)};
    if (trends->vms != NULL && trends->host != NULL)
        return 0;
    trends_done(trends);
    return -ENOMEM;
}

void trends_done(struct trends *trends)
{
    history_free(trends->vms);
    history_free(trends->host);
    history_free(trends->counters);
    history_free(trends->host_counters);
    history_free(trends->exits);
    history_free(trends->host_exits);
    *trends = (struct trends){0};
}

static float rate_or_gap(struct column_value v)
{
    return v.state == READING_OK ? (float)v.number : NAN;
}

struct figure trends_host_exits(const struct snapshot *s)
{
    struct column_fields fields;
    struct figure sum = {.state = READING_ABSENT};

    if (s->host_values != NULL)
        return snapshot_host_value(s, "exits").rate;
    column_fields_resolve(s, NULL, &fields);
    for (size_t i = 0; i < s->vm_count; i++) {
        struct column_value v = column_get(COLUMN_EXITS, &fields, &s->vms[i], NULL);
        if (v.state == READING_OK) {
            sum.value += v.number;
            sum.state = READING_OK;
        } else if (sum.state == READING_ABSENT) {
            sum.state = v.state;
            sum.cause = v.cause;
        }
    }
    return sum;
}

static void update_counters(struct trends *trends, const struct snapshot *s)
{
    const struct snapshot_vm *vm = snapshot_find(s, &trends->open);
    float values[FIELD_MAX];

    if (vm == NULL)
        return; /* it ended: its graphs stay as they were */
    for (size_t f = 0; f < FIELD_MAX; f++) {
        values[f] = NAN;
        if (f >= s->field_count || vm->values[f].reading.state != READING_OK)
            continue;
        const struct figure *rate = &vm->values[f].rate;
        if (s->fields->fields[f].kind != FIELD_CUMULATIVE)
            values[f] = (float)vm->values[f].reading.raw;
        else if (rate->state == READING_OK)
            values[f] = (float)rate->value;
    }
    history_begin(trends->counters);
    (void)history_add(trends->counters, &vm->id, values);
    history_end(trends->counters);
}

static void update_host_counters(struct trends *trends, const struct snapshot *s)
{
    float values[FIELD_MAX];

    for (size_t f = 0; f < FIELD_MAX; f++) {
        struct figure sum = {.state = READING_ABSENT};
        const bool is_counter = f < s->field_count && s->fields->fields[f].kind == FIELD_CUMULATIVE;
        if (is_counter && s->host_values != NULL)
            sum = s->host_values[f].rate;
        for (size_t i = 0; is_counter && s->host_values == NULL && i < s->vm_count; i++)
            figure_add(&sum, s->vms[i].values[f].rate);
        values[f] = sum.state == READING_OK ? (float)sum.value : NAN;
    }
    history_begin(trends->host_counters);
    (void)history_add(trends->host_counters, &host_id, values);
    history_end(trends->host_counters);
}

/* --- exits: each thing counted is a VM of its own to the history --------------------------------
 */

static struct vm_id exit_id(const struct trend_exit *e)
{
    return (struct vm_id){
        .pid = e->isa, .start_ticks = e->value, .fd = e->vcpu + 1, .born = e->is_kind};
}

static void add_exit(struct history *h, const struct trend_exit *which, uint64_t count,
                     double interval_s)
{
    const struct vm_id id = exit_id(which);
    const float rate = (float)((double)count / interval_s);

    (void)history_add(h, &id, &rate);
}

static void add_exits(struct history *h, const struct exit_group *g, int vcpu, double interval_s)
{
    uint64_t kinds[EXIT_KEY_COUNT] = {0};
    uint32_t seen = 0; /* one that did not happen this time has its graph all the same */

    for (size_t i = 0; i < g->row_count; i++)
        add_exit(h, &(struct trend_exit){g->rows[i].isa, false, g->rows[i].reason, vcpu},
                 g->rows[i].interval.count, interval_s);
    for (size_t i = 0; i < g->key_count; i++) {
        const struct exit_key_row *k = &g->keys[i];
        kinds[k->kind] += k->interval_count;
        seen |= EXIT_KEY_BIT(k->kind);
        if (k->kind == EXIT_KEY_USER)
            add_exit(h, &(struct trend_exit){EXIT_ISA_USER, false, k->value, vcpu},
                     k->interval_count, interval_s);
    }
    for (unsigned kind = 0; kind < EXIT_KEY_COUNT; kind++)
        if (seen & EXIT_KEY_BIT(kind))
            add_exit(h, &(struct trend_exit){0, true, kind, vcpu}, kinds[kind], interval_s);
}

/* A new beginning has no graph yet. */
static struct history *begin_exits(struct history **h)
{
    if (*h == NULL)
        *h = history_new(1);
    if (*h != NULL)
        history_begin(*h);
    return *h;
}

static void forget_exits(struct trends *trends)
{
    history_free(trends->exits);
    history_free(trends->host_exits);
    trends->exits = trends->host_exits = NULL;
}

static void update_exits(struct trends *trends, const struct snapshot *s)
{
    const struct exits *e = s->exits;
    const struct snapshot_vm *vm = trends->is_open ? snapshot_find(s, &trends->open) : NULL;
    struct history *h;

    if (e == NULL || e->facts.state != EXITS_COUNTED || e->interval_s <= 0)
        return;
    if (trends->exits_began_ns != e->facts.began_ns)
        forget_exits(trends);
    trends->exits_began_ns = e->facts.began_ns;
    if (e->facts.pid == 0 && (h = begin_exits(&trends->host_exits)) != NULL) {
        add_exits(h, &e->host, -1, e->interval_s);
        history_end(h);
    }
    if (vm == NULL || (e->facts.pid != 0 && e->facts.pid != vm->id.pid) ||
        (h = begin_exits(&trends->exits)) == NULL)
        return;
    size_t index = (size_t)(vm - s->vms), vcpu = 0;
    for (size_t i = 0; i < index; i++)
        vcpu += s->vms[i].vcpu_count;
    add_exits(h, &e->vms[index], -1, e->interval_s);
    for (size_t i = 0; i < vm->vcpu_count; i++)
        add_exits(h, &e->vcpus[vcpu + i], (int)i, e->interval_s);
    history_end(h);
}

size_t trends_exit(const struct trends *trends, const struct vm_id *vm,
                   const struct trend_exit *which, float *ret, size_t count)
{
    const struct history *h = vm != NULL ? trends->exits : trends->host_exits;
    const struct vm_id id = exit_id(which);

    if (h == NULL || (vm != NULL && !vm_id_equal(vm, &trends->open)))
        return 0;
    return history_get(h, &id, 0, ret, count);
}

void trends_update(struct trends *trends, const struct snapshot *s)
{
    struct column_fields fields;
    struct figure host = trends_host_exits(s);
    float value = host.state == READING_OK ? (float)host.value : NAN;

    column_fields_resolve(s, NULL, &fields);
    history_begin(trends->vms);
    for (size_t i = 0; i < s->vm_count; i++) {
        float values[TREND_COUNT] = {
            [TREND_EXITS] = rate_or_gap(column_get(COLUMN_EXITS, &fields, &s->vms[i], NULL)),
        };
        (void)history_add(trends->vms, &s->vms[i].id, values);
    }
    history_end(trends->vms);
    history_begin(trends->host);
    (void)history_add(trends->host, &host_id, &value);
    history_end(trends->host);
    if (trends->is_open && trends->counters != NULL)
        update_counters(trends, s);
    if (trends->host_counters != NULL)
        update_host_counters(trends, s);
    update_exits(trends, s);
}

void trends_open(struct trends *trends, const struct vm_id *id)
{
    if (trends->is_open && vm_id_equal(&trends->open, id))
        return;
    if (trends->counters == NULL)
        trends->counters = history_new(FIELD_MAX);
    history_free(trends->exits);
    trends->exits = NULL;
    trends->open = *id;
    trends->is_open = true;
}

void trends_open_host(struct trends *trends)
{
    if (trends->host_counters == NULL)
        trends->host_counters = history_new(FIELD_MAX);
}

size_t trends_host_counter(const struct trends *trends, size_t field, float *ret, size_t count)
{
    return trends->host_counters != NULL
               ? history_get(trends->host_counters, &host_id, field, ret, count)
               : 0;
}

size_t trends_counter(const struct trends *trends, const struct vm_id *id, size_t field, float *ret,
                      size_t count)
{
    return trends->counters != NULL ? history_get(trends->counters, id, field, ret, count) : 0;
}

size_t trends_vm(const struct trends *trends, const struct vm_id *id, enum trend trend, float *ret,
                 size_t count)
{
    return history_get(trends->vms, id, trend, ret, count);
}

size_t trends_host(const struct trends *trends, enum trend trend, float *ret, size_t count)
{
    return history_get(trends->host, &host_id, trend, ret, count);
}
