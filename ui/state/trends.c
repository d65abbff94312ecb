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
}

void trends_open(struct trends *trends, const struct vm_id *id)
{
    if (trends->is_open && vm_id_equal(&trends->open, id))
        return;
    if (trends->counters == NULL)
        trends->counters = history_new(FIELD_MAX);
    trends->open = *id;
    trends->is_open = true;
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
