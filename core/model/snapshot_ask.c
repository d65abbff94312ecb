// SPDX-License-Identifier: MIT
/* What can be asked of a snapshot. */
#include <math.h>
#include <string.h>

#include "core/model/snapshot_internal.h"

static struct snapshot_value value_of(const struct snapshot *s, const struct snapshot_value *values,
                                      const char *field)
{
    struct snapshot_value best = {.reading = reading_missing(READING_ABSENT, CAUSE_NOT_IN_KERNEL),
                                  .rate = no_figure(READING_ABSENT, CAUSE_NOT_IN_KERNEL)};

    /* One name may stand for two fields when two kernels' schemas meet (a guess and the real
     * one). */
    for (size_t f = 0; f < s->field_count; f++)
        if (strcmp(s->fields->fields[f].name, field) == 0) {
            best = values[f];
            if (best.reading.state == READING_OK)
                break;
        }
    return best;
}

struct snapshot_value snapshot_vm_value(const struct snapshot *s, const struct snapshot_vm *vm,
                                        const char *field)
{
    return value_of(s, vm->values, field);
}

struct snapshot_value snapshot_vcpu_value(const struct snapshot *s,
                                          const struct snapshot_vcpu *vcpu, const char *field)
{
    return value_of(s, vcpu->values, field);
}

struct snapshot_value snapshot_host_value(const struct snapshot *s, const char *field)
{
    if (s->host_values != NULL)
        return value_of(s, s->host_values, field);
    return (struct snapshot_value){.reading = reading_missing(READING_ABSENT, CAUSE_NONE),
                                   .rate = no_figure(READING_ABSENT, CAUSE_NONE)};
}

struct figure snapshot_tsc_scaling(const struct snapshot_vcpu *vcpu)
{
    const struct reading *ratio = &vcpu->gauges[VCPU_TSC_SCALING_RATIO];
    const struct reading *bits = &vcpu->gauges[VCPU_TSC_SCALING_FRAC_BITS];

    if (ratio->state != READING_OK)
        return no_figure((enum reading_state)ratio->state, (enum reading_cause)ratio->cause);
    if (bits->state != READING_OK)
        return no_figure((enum reading_state)bits->state, (enum reading_cause)bits->cause);
    if (bits->raw > 63)
        return no_figure(READING_ABSENT, CAUSE_READ_ERROR);
    return (struct figure){.value = ldexp((double)ratio->raw, -(int)bits->raw),
                           .state = READING_OK};
}

const struct snapshot_vm *snapshot_find_fd(const struct snapshot *s, pid_t pid, int fd)
{
    size_t low = 0, high = s->vm_count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        const struct vm_id *at = &s->vms[mid].id;
        if (at->pid < pid || (at->pid == pid && at->fd < fd))
            low = mid + 1;
        else
            high = mid;
    }
    bool is_it = low < s->vm_count && s->vms[low].id.pid == pid && s->vms[low].id.fd == fd;
    return is_it ? &s->vms[low] : NULL;
}

const struct snapshot_vm *snapshot_find(const struct snapshot *s, const struct vm_id *id)
{
    const struct snapshot_vm *vm = snapshot_find_fd(s, id->pid, id->fd);

    return vm != NULL && vm_id_equal(&vm->id, id) ? vm : NULL;
}

const struct snapshot_vm *snapshot_find_kept(const struct snapshot *s, const struct vm_id *id)
{
    const struct snapshot_vm *vm = snapshot_find_fd(s, id->pid, id->fd);

    return vm != NULL && vm->id.start_ticks == id->start_ticks ? vm : NULL;
}

/* @then: those of @base, or NULL. */
static struct reading total_since(const struct snapshot *base, const struct snapshot_value *then,
                                  const struct snapshot *s, const struct snapshot_value *values,
                                  size_t field)
{
    struct reading now = values[field].reading;

    if (now.state != READING_OK || s->fields->fields[field].kind != FIELD_CUMULATIVE ||
        then == NULL || field >= base->field_count)
        return now;
    const struct reading *before = &then[field].reading;
    bool was_never_read = before->state == READING_STALE && before->source == SOURCE_NONE;
    if (was_never_read)
        return *before;
    bool is_known = before->state == READING_OK || before->state == READING_STALE;
    if (is_known && sources_count_alike(before->source, now.source) && before->falls == now.falls &&
        before->raw <= now.raw)
        now.raw -= before->raw;
    return now;
}

struct reading snapshot_total_since(const struct snapshot *base, const struct snapshot_vm *then,
                                    const struct snapshot *s, const struct snapshot_vm *vm,
                                    size_t field)
{
    return total_since(base, then != NULL ? then->values : NULL, s, vm->values, field);
}

struct reading snapshot_vcpu_total(const struct snapshot *base, const struct snapshot_vm *then,
                                   const struct snapshot *s, const struct snapshot_vcpu *vcpu,
                                   size_t field)
{
    const struct snapshot_value *values = NULL;

    for (size_t i = 0; then != NULL && i < then->vcpu_count; i++)
        if (then->vcpus[i].id == vcpu->id)
            values = then->vcpus[i].values;
    return total_since(base, values, s, vcpu->values, field);
}

struct reading snapshot_total(const struct snapshot *base, const struct snapshot *s,
                              const struct snapshot_vm *vm, size_t field)
{
    const struct snapshot_vm *then = base != NULL ? snapshot_find(base, &vm->id) : NULL;

    return snapshot_total_since(base, then, s, vm, field);
}

struct reading snapshot_host_total(const struct snapshot *base, const struct snapshot *s,
                                   size_t field)
{
    static const struct reading nothing = {.state = READING_OK};
    const struct reading *before = NULL;
    struct reading now = s->host_values[field].reading;

    if (base == NULL || now.state != READING_OK ||
        s->fields->fields[field].kind != FIELD_CUMULATIVE)
        return now;
    /* Where no VM was there nothing was counted: each that is has come since. */
    if (base->vm_count == 0 && base->hidden_processes == 0 && !base->proc_hides)
        before = &nothing;
    else if (base->host_values != NULL && field < base->field_count)
        before = &base->host_values[field].reading;
    if (before == NULL || before->state != READING_OK || before->raw > now.raw ||
        before->falls != now.falls || base->vm_ends != s->vm_ends)
        return reading_missing(READING_RESET, CAUSE_NONE);
    now.raw -= before->raw;
    return now;
}

bool snapshot_interval_differs(double seconds, double usual)
{
    return seconds > 0 && usual > 0 && fabs(seconds - usual) > usual / 10;
}
