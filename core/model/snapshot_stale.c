// SPDX-License-Identifier: MIT
/* What a snapshot shows of a VM that was not read in its tick. */
#include "core/model/snapshot_internal.h"

/* When the newest of its numbers was read; 0: none was. */
static uint64_t newest_of(const struct sample_entity *entity, uint64_t newest)
{
    for (int i = 0; i < SOURCE_COUNT; i++)
        newest = entity->time_ns[i] > newest ? entity->time_ns[i] : newest;
    return newest;
}

static double stale_seconds(const struct sample_vm *vm, uint64_t now_ns)
{
    uint64_t newest = newest_of(&vm->entity, 0);

    for (size_t k = 0; k < vm->vcpu_count; k++)
        newest = newest_of(&vm->vcpus[k].entity, newest);
    return newest != 0 && newest < now_ns ? (double)(now_ns - newest) / 1e9 : 0;
}

/*
 * What is missing for a reason of its own stays so. The number itself stays behind its state:
 * totals may count from it.
 */
void snapshot_age_reading(struct reading *reading, enum reading_cause cause)
{
    bool unread = reading->state == READING_ABSENT && reading->cause == CAUSE_NONE;

    if (reading->state != READING_OK && !unread)
        return;
    reading->state = READING_STALE;
    reading->cause = (uint8_t)cause;
}

static void age_figure(struct figure *figure, enum reading_cause cause)
{
    *figure = (struct figure){.state = READING_STALE, .cause = (uint8_t)cause};
}

static void age_values(struct snapshot_value *values, size_t count,
                       const struct field_table *fields, enum reading_cause cause)
{
    for (size_t f = 0; f < count; f++) {
        snapshot_age_reading(&values[f].reading, cause);
        if (fields->fields[f].kind == FIELD_CUMULATIVE && values[f].reading.state == READING_STALE)
            age_figure(&values[f].rate, cause);
    }
}

/* What was not asked for is not stale either. */
void snapshot_age_figure(struct figure *figure, enum reading_cause cause)
{
    if (figure->state != READING_ABSENT || figure->cause == CAUSE_NONE)
        age_figure(figure, cause);
}

static void age_load(struct vm_load *l, enum reading_cause cause)
{
    struct figure *const figures[] = {
        &l->uptime_s, &l->run_mean, &l->run_worst, &l->ready_mean,        &l->ready_worst,
        &l->guest,    &l->host,     &l->throttled, &l->throttled_periods, &l->halt_poll,
    };

    for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
        snapshot_age_figure(figures[i], cause);
    for (size_t i = 0; i < PRESSURE_COUNT; i++)
        snapshot_age_figure(&l->pressure[i], cause);
    for (size_t i = 0; i < VM_ROLE_COUNT; i++) {
        snapshot_age_reading(&l->roles[i].threads, cause);
        snapshot_age_figure(&l->roles[i].cpu, cause);
        snapshot_age_figure(&l->roles[i].wait, cause);
    }
    l->state = VM_STATE_UNKNOWN;
    l->state_cause = (uint8_t)cause;
}

static void age_vcpu_load(struct vcpu_load *l, enum reading_cause cause)
{
    struct figure *const figures[] = {&l->guest, &l->host, &l->throttled, &l->halt_poll};

    for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
        snapshot_age_figure(figures[i], cause);
    snapshot_age_reading(&l->host_cpu, cause);
    snapshot_age_reading(&l->cpu_count, cause);
    l->state = VCPU_STATE_UNKNOWN;
    l->state_cause = (uint8_t)cause;
}

void snapshot_age_vm(const struct sample *cur, const struct sample_vm *now,
                     const struct field_table *fields, struct snapshot_vm *out)
{
    enum reading_cause cause = (enum reading_cause)now->skip_cause;

    out->stale_s = stale_seconds(now, cur->read_ns);
    out->stale_cause = now->skip_cause;
    out->interval_s = 0;
    age_values(out->values, cur->field_count, fields, cause);
    for (int g = 0; g < VM_GAUGE_COUNT; g++)
        snapshot_age_reading(&out->gauges[g], cause);
    age_figure(&out->cpu_ratio, cause);
    age_figure(&out->wait_ratio, cause);
    snapshot_age_reading(&out->mapped_bytes, cause);
    age_load(&out->load, cause);
    snapshot_age_memory(&out->memory, cause);
    snapshot_age_io(&out->io, cause);
    for (size_t k = 0; k < out->vcpu_count; k++) {
        struct snapshot_vcpu *vcpu = &out->vcpus[k];
        age_values(vcpu->values, cur->field_count, fields, cause);
        for (int g = 0; g < VCPU_GAUGE_COUNT; g++)
            snapshot_age_reading(&vcpu->gauges[g], cause);
        age_figure(&vcpu->cpu_ratio, cause);
        age_figure(&vcpu->wait_ratio, cause);
        age_vcpu_load(&vcpu->load, cause);
    }
    out->vm_source = out->vcpu_source = SOURCE_NONE;
    out->vm_cause = out->vcpu_cause = now->skip_cause;
}
