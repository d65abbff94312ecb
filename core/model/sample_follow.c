// SPDX-License-Identifier: MIT
/* What a sample carries on from the one before. */
#include <string.h>

#include "core/model/sample.h"

/*
 * A VM made anew is another one.
 *
 * One that was marked gone is missed twice: in the sample that marked it and in the next. It died
 * while that sample was taken, before the totals of the host were read or behind it, so they lost
 * its share in either interval: what follows from them is void in both.
 */
static bool all_live_on(const struct sample *prev, const struct sample *sample)
{
    struct sample_walk walk = {sample, 0};

    for (size_t i = 0; i < prev->vm_count; i++) {
        const struct sample_vm *now = sample_walk_to(&walk, &prev->vms[i].id);
        if (now == NULL || now->gone)
            return false;
    }
    return true;
}

/* A sample of later has more fields, if other ones at all: those of the table come at its end. */
struct shape {
    size_t fields, buckets;
};

static struct shape common_shape(const struct sample *a, const struct sample *b)
{
    return (struct shape){
        a->field_count < b->field_count ? a->field_count : b->field_count,
        a->bucket_count < b->bucket_count ? a->bucket_count : b->bucket_count,
    };
}

static void copy_entity(const struct sample_entity *from, struct shape shape,
                        struct sample_entity *to)
{
    memcpy(to->time_ns, from->time_ns, sizeof(to->time_ns));
    if (shape.fields > 0)
        memcpy(to->readings, from->readings, shape.fields * sizeof(*to->readings));
    if (shape.buckets > 0)
        memcpy(to->buckets, from->buckets, shape.buckets * sizeof(*to->buckets));
    to->cause = from->cause;
}

const struct sample_device *sample_find_device(const struct sample_vm *vm, size_t at,
                                               const struct sample_device *device)
{
    for (size_t i = 0; vm != NULL && i < vm->device_count; i++) {
        /* Lists seldom change: it is where it was. */
        const struct sample_device *d = &vm->devices[(at + i) % vm->device_count];
        if (d->kind == device->kind && strcmp(d->name, device->name) == 0)
            return d;
    }
    return NULL;
}

static void copy_devices(const struct sample_vm *from, struct sample_vm *to)
{
    for (size_t i = 0; i < to->device_count; i++) {
        const struct sample_device *old = sample_find_device(from, i, &to->devices[i]);
        if (old == NULL)
            continue;
        to->devices[i].time_ns = old->time_ns;
        memcpy(to->devices[i].counts, old->counts, sizeof(old->counts));
    }
}

/* The vCPU of @vm with that id, or NULL. *@at: where to begin; each call asks for a higher id. */
static const struct sample_vcpu *vcpu_of(const struct sample_vm *vm, size_t *at, int id)
{
    while (*at < vm->vcpu_count && vm->vcpus[*at].id < id)
        (*at)++;
    return *at < vm->vcpu_count && vm->vcpus[*at].id == id ? &vm->vcpus[*at] : NULL;
}

/* Also of the vCPUs of @to that @from has as well. */
static void copy_numbers(const struct sample_vm *from, struct shape shape, struct sample_vm *to)
{
    size_t k = 0;

    copy_entity(&from->entity, shape, &to->entity);
    memcpy(to->gauges, from->gauges, sizeof(to->gauges));
    copy_devices(from, to);
    for (size_t i = 0; i < to->vcpu_count; i++) {
        struct sample_vcpu *vcpu = &to->vcpus[i];
        const struct sample_vcpu *old = vcpu_of(from, &k, vcpu->id);
        if (old == NULL)
            continue;
        copy_entity(&old->entity, shape, &vcpu->entity);
        memcpy(vcpu->gauges, old->gauges, sizeof(vcpu->gauges));
        vcpu->ticks = old->ticks;
    }
}

/* @gauges: that the parts of it are. */
static struct tick_point point_of(uint64_t at_ns, const struct reading *readings, size_t count,
                                  const uint8_t *gauges)
{
    struct tick_point point = {.at_ns = at_ns};

    for (size_t i = 0; i < count; i++) {
        if (readings[gauges[i]].state != READING_OK)
            return (struct tick_point){0};
        point.part_ns[i] = readings[gauges[i]].raw;
    }
    return point;
}

struct tick_point sample_vcpu_ticks(const struct sample_vcpu *vcpu)
{
    static const uint8_t gauges[] = {
        [TICK_VCPU_CPU] = VCPU_CPU_NS, [TICK_VCPU_GUEST] = VCPU_GUEST_NS};

    return point_of(vcpu->entity.time_ns[SOURCE_PROC], vcpu->gauges, sizeof(gauges), gauges);
}

struct tick_point sample_host_ticks(const struct sample *sample)
{
    static const uint8_t gauges[] = {[TICK_HOST_IDLE] = HOST_IDLE_NS,
                                     [TICK_HOST_IOWAIT] = HOST_IOWAIT_NS,
                                     [TICK_HOST_STEAL] = HOST_STEAL_NS,
                                     [TICK_HOST_GUEST] = HOST_GUEST_NS};
    const struct reading *all = &sample->host_gauges[HOST_CPU_NS];

    return point_of(all->state == READING_OK ? all->raw : 0, sample->host_gauges, sizeof(gauges),
                    gauges);
}

static void follow_ticks(const struct sample_vm *prev, struct sample_vm *vm)
{
    size_t k = 0;

    for (size_t i = 0; i < vm->vcpu_count; i++) {
        const struct sample_vcpu *old = vcpu_of(prev, &k, vm->vcpus[i].id);
        if (old == NULL)
            continue;
        const struct tick_point then = sample_vcpu_ticks(old),
                                now = sample_vcpu_ticks(&vm->vcpus[i]);
        vm->vcpus[i].ticks = tick_window_follow(&old->ticks, &then, &now);
    }
}

/* A number that is missing, or from elsewhere, has not fallen. */
static void follow_counters(const struct sample_vm *prev, size_t fields, struct sample_vm *vm)
{
    for (size_t f = 0; f < fields; f++) {
        const struct reading *before = &prev->entity.readings[f];
        struct reading *now = &vm->entity.readings[f];
        bool fell = now->state == READING_OK && before->state == READING_OK &&
                    sources_count_alike(now->source, before->source) && now->raw < before->raw;
        now->falls = before->falls + fell;
    }
}

void sample_follow_vm(const struct sample *prev, const struct sample_vm *before,
                      const struct sample *sample, struct sample_vm *vm)
{
    if (before == NULL)
        return;
    if (vm->skipped) {
        copy_numbers(before, common_shape(prev, sample), vm);
        return;
    }
    follow_counters(before, prev->field_count, vm);
    follow_ticks(before, vm);
}

void sample_follow_host(const struct sample *prev, struct sample *sample)
{
    const struct tick_point then = sample_host_ticks(prev), at = sample_host_ticks(sample);

    sample->host_ticks = tick_window_follow(&prev->host_ticks, &then, &at);
    sample->vm_ends = prev->vm_ends + !all_live_on(prev, sample);
    for (size_t f = 0; f < prev->field_count && sample->has_host; f++) {
        const struct reading *before = &prev->host.readings[f];
        struct reading *now = &sample->host.readings[f];
        now->falls = before->falls + (now->raw < before->raw);
    }
}

void sample_follow(const struct sample *prev, struct sample *sample)
{
    struct sample_walk walk = {prev, 0};

    for (size_t i = 0; i < sample->vm_count; i++) {
        struct sample_vm *vm = &sample->vms[i];
        sample_follow_vm(prev, sample_walk_to(&walk, &vm->id), sample, vm);
    }
    sample_follow_host(prev, sample);
}
