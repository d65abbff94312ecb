// SPDX-License-Identifier: MIT
#include "core/model/snapshot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/model/ept.h"
#include "core/model/snapshot_internal.h"

/* --- memory: one block, cut into the arrays in order of alignment ----------------------------- */

struct sizes {
    size_t vms, vcpus, values, buckets, text;
};

static struct sizes measure(const struct sample *cur)
{
    struct sizes n = {0};

    for (size_t i = 0; i < cur->vm_count; i++) {
        const struct sample_vm *vm = &cur->vms[i];
        if (vm->gone)
            continue;
        n.vms++;
        n.vcpus += vm->vcpu_count;
        n.text += strlen(vm->facts.name) + strlen(vm->facts.name_raw) + 2;
    }
    n.values = (n.vms + n.vcpus + cur->has_host) * cur->field_count;
    n.buckets = (n.vms + n.vcpus) * cur->bucket_count;
    return n;
}

struct cursor {
    struct snapshot_vcpu *vcpu;
    struct snapshot_value *value;
    uint64_t *bucket;
    char *text;
};

static struct snapshot *allocate(const struct sizes *n, struct cursor *ret)
{
    size_t vms = n->vms * sizeof(struct snapshot_vm);
    size_t vcpus = n->vcpus * sizeof(struct snapshot_vcpu);
    size_t values = n->values * sizeof(struct snapshot_value);
    size_t buckets = n->buckets * sizeof(uint64_t);
    char *block = malloc(sizeof(struct snapshot) + vms + vcpus + values + buckets + n->text + 1);

    if (block == NULL)
        return NULL;
    /* The values are all written by derive; the rest is small. */
    memset(block, 0, sizeof(struct snapshot) + vms + vcpus);
    struct snapshot *s = (struct snapshot *)block;
    block += sizeof(*s);
    s->vms = (struct snapshot_vm *)block;
    ret->vcpu = (struct snapshot_vcpu *)(block + vms);
    ret->value = (struct snapshot_value *)(block + vms + vcpus);
    ret->bucket = (uint64_t *)(block + vms + vcpus + values);
    ret->text = block + vms + vcpus + values + buckets;
    return s;
}

void snapshot_free(struct snapshot *snapshot)
{
    free(snapshot);
}

static const char *put_text(struct cursor *at, const char *s)
{
    size_t size = strlen(s) + 1;
    char *to = at->text;

    memcpy(to, s, size);
    at->text += size;
    return to;
}

/* --- rates ------------------------------------------------------------------------------------ */

static struct figure no_figure(enum reading_state state, enum reading_cause cause)
{
    return (struct figure){.state = (uint8_t)state, .cause = (uint8_t)cause};
}

/*
 * Growth per second between two readings of one cumulative number; @prev NULL when there is none.
 */
static struct figure growth(const struct reading *prev, uint64_t prev_ns, const struct reading *cur,
                            uint64_t cur_ns)
{
    if (cur->state != READING_OK)
        return no_figure((enum reading_state)cur->state, (enum reading_cause)cur->cause);
    /* Another source counts from another start or sums at another moment. */
    if (prev == NULL || prev->state != READING_OK || prev->source != cur->source ||
        cur_ns <= prev_ns)
        return no_figure(READING_WARMUP, CAUSE_NONE);
    if (cur->raw < prev->raw)
        return no_figure(READING_RESET, CAUSE_NONE);
    return (struct figure){.value =
                               (double)(cur->raw - prev->raw) * 1e9 / (double)(cur_ns - prev_ns),
                           .state = READING_OK};
}

/* Of a time: its share of the interval. @prev and @before NULL: there is none. */
static struct figure gauge_ratio(const struct sample_entity *prev, const struct reading *before,
                                 const struct sample_entity *cur, const struct reading *now)
{
    struct figure r = growth(before, prev != NULL ? prev->time_ns[before->source] : 0, now,
                             cur->time_ns[now->source]);

    r.value /= 1e9;
    return r;
}

static void derive_values(const struct sample_entity *prev, size_t prev_fields,
                          const struct sample_entity *cur, const struct sample *sample,
                          const struct field_table *fields, struct snapshot_value *out)
{
    for (size_t f = 0; f < sample->field_count; f++) {
        const struct reading *now = &cur->readings[f];
        const struct reading *before = prev != NULL && f < prev_fields ? &prev->readings[f] : NULL;
        out[f].reading = *now;
        out[f].rate = fields->fields[f].kind != FIELD_CUMULATIVE
                          ? no_figure(READING_ABSENT, CAUSE_NONE)
                          : growth(before, before != NULL ? prev->time_ns[before->source] : 0, now,
                                   cur->time_ns[now->source]);
    }
}

static void derive_vcpu(const struct sample *prev, const struct sample_vcpu *before,
                        const struct sample *cur, const struct sample_vcpu *now,
                        const struct field_table *fields, struct snapshot_vcpu *out)
{
    const struct sample_entity *e = before != NULL ? &before->entity : NULL;
    /* The same id on another thread is another vCPU as far as CPU time goes. */
    const struct sample_vcpu *thread = before != NULL && before->tid == now->tid ? before : NULL;
    const struct sample_entity *then = thread != NULL ? &thread->entity : NULL;

    out->id = now->id;
    out->tid = now->tid;
    memcpy(out->gauges, now->gauges, sizeof(out->gauges));
    memcpy(out->buckets, now->entity.buckets, cur->bucket_count * sizeof(uint64_t));
    derive_values(e, prev != NULL ? prev->field_count : 0, &now->entity, cur, fields, out->values);
    out->cpu_ratio = gauge_ratio(then, thread != NULL ? &thread->gauges[VCPU_CPU_NS] : NULL,
                                 &now->entity, &now->gauges[VCPU_CPU_NS]);
    out->wait_ratio = gauge_ratio(then, thread != NULL ? &thread->gauges[VCPU_WAIT_NS] : NULL,
                                  &now->entity, &now->gauges[VCPU_WAIT_NS]);
}

/* --- a VM ------------------------------------------------------------------------------------- */

static struct figure sum_of_waits(const struct snapshot_vm *vm)
{
    struct figure sum = {.state = READING_OK};

    if (vm->vcpu_count == 0)
        return no_figure(READING_ABSENT, CAUSE_NO_THREAD_ID);
    for (size_t k = 0; k < vm->vcpu_count; k++) {
        if (vm->vcpus[k].wait_ratio.state != READING_OK)
            return vm->vcpus[k].wait_ratio;
        sum.value += vm->vcpus[k].wait_ratio.value;
    }
    return sum;
}

/*
 * The source that most fields of a scope came from, and the cause that most of its missing ones
 * name.
 */
static void summarise(const struct snapshot_value *values, size_t count,
                      const struct field_table *fields, enum field_scope scope, uint8_t *ret_source,
                      uint8_t *ret_cause)
{
    unsigned by_source[SOURCE_COUNT] = {0}, by_cause[CAUSE_COUNT] = {0};
    uint8_t source = SOURCE_NONE, cause = CAUSE_NONE;

    for (size_t f = 0; f < count; f++) {
        if (fields->fields[f].scope != scope)
            continue;
        if (values[f].reading.state == READING_OK)
            by_source[values[f].reading.source]++;
        else if (values[f].reading.cause != CAUSE_HIST_ONLY_STATSFD)
            by_cause[values[f].reading.cause]++;
    }
    for (uint8_t i = 1; i < SOURCE_COUNT; i++)
        if (by_source[i] > by_source[source])
            source = i;
    for (uint8_t i = 1; i < CAUSE_COUNT; i++)
        if (by_cause[i] > by_cause[cause] || (cause == CAUSE_NONE && by_cause[i] > 0))
            cause = i;
    *ret_source = source;
    *ret_cause = cause;
}

static struct reading reading_of(const struct snapshot_value *values, size_t count,
                                 const struct field_table *fields, const char *name)
{
    struct reading best = reading_missing(READING_ABSENT, CAUSE_NOT_IN_KERNEL);

    for (size_t f = 0; f < count && best.state != READING_OK; f++)
        if (strcmp(fields->fields[f].name, name) == 0)
            best = values[f].reading;
    return best;
}

/*
 * A guest that has used CPU time has run, whether or not its counters can be read. Of one that has
 * used little, and whose exits are not known, nobody can say that it has not: no 0 is made up.
 */
static struct reading mapped_bytes(const struct snapshot_vm *vm, size_t count,
                                   const struct field_table *fields)
{
    struct reading exits = reading_of(vm->values, count, fields, "exits");
    bool ran = exits.raw > 0;

    for (size_t k = 0; k < vm->vcpu_count && !ran; k++)
        ran = vm->vcpus[k].gauges[VCPU_CPU_NS].state == READING_OK &&
              vm->vcpus[k].gauges[VCPU_CPU_NS].raw > 10000000;
    struct reading mapped = ept_mapped_bytes(
        reading_of(vm->values, count, fields, "pages_4k"),
        reading_of(vm->values, count, fields, "pages_2m"),
        reading_of(vm->values, count, fields, "pages_1g"), ran);
    bool unclear = mapped.state == READING_OK && mapped.raw == 0 && !ran;
    if (unclear && exits.state != READING_OK)
        return reading_missing((enum reading_state)exits.state, (enum reading_cause)exits.cause);
    return mapped;
}

/*
 * The time between the reads of the counters, by the source that most of them came from. Late in a
 * sample that took long it is another one than for the VM that was read first.
 */
static double interval_of(const struct sample_vm *before, const struct sample_vm *now,
                          const struct snapshot_vm *vm)
{
    const uint8_t sources[] = {vm->vcpu_source, vm->vm_source, SOURCE_PROC};

    for (size_t i = 0; before != NULL && i < sizeof(sources); i++) {
        uint64_t from = before->entity.time_ns[sources[i]], to = now->entity.time_ns[sources[i]];
        if (sources[i] != SOURCE_NONE && from != 0 && to > from)
            return (double)(to - from) / 1e9;
    }
    return 0;
}

static void derive_vm(const struct sample *prev, const struct sample_vm *before,
                      const struct sample *cur, const struct sample_vm *now,
                      const struct field_table *fields, struct cursor *at, struct snapshot_vm *out)
{
    const struct vm_facts *vm = &now->facts;
    size_t k = 0;

    out->id = now->id;
    out->creator_tid = vm->creator_tid;
    out->vmm = vm->vmm;
    out->name = put_text(at, vm->name);
    out->name_raw = put_text(at, vm->name_raw);
    out->vcpus_by_fd_order = vm->vcpus_by_fd_order;
    out->process_is_cut = vm->process_is_cut;
    out->ram_bytes = vm->ram_bytes != 0
                         ? reading_ok(vm->ram_bytes, SOURCE_PROC)
                         : reading_missing(READING_ABSENT, (enum reading_cause)vm->fds_cause);
    memcpy(out->gauges, now->gauges, sizeof(out->gauges));
    out->values = at->value;
    at->value += cur->field_count;
    out->buckets = at->bucket;
    at->bucket += cur->bucket_count;
    memcpy(out->buckets, now->entity.buckets, cur->bucket_count * sizeof(uint64_t));
    derive_values(before != NULL ? &before->entity : NULL, prev != NULL ? prev->field_count : 0,
                  &now->entity, cur, fields, out->values);
    out->cpu_ratio = gauge_ratio(before != NULL ? &before->entity : NULL,
                                 before != NULL ? &before->gauges[VM_CPU_NS] : NULL, &now->entity,
                                 &now->gauges[VM_CPU_NS]);
    out->vcpus = at->vcpu;
    out->vcpu_count = now->vcpu_count;
    at->vcpu += now->vcpu_count;
    for (size_t i = 0; i < now->vcpu_count; i++) {
        const struct sample_vcpu *old = NULL;
        while (before != NULL && k < before->vcpu_count && before->vcpus[k].id < now->vcpus[i].id)
            k++;
        if (before != NULL && k < before->vcpu_count && before->vcpus[k].id == now->vcpus[i].id)
            old = &before->vcpus[k];
        out->vcpus[i].values = at->value;
        at->value += cur->field_count;
        out->vcpus[i].buckets = at->bucket;
        at->bucket += cur->bucket_count;
        derive_vcpu(prev, old, cur, &now->vcpus[i], fields, &out->vcpus[i]);
    }
    out->wait_ratio = sum_of_waits(out);
    out->mapped_bytes = mapped_bytes(out, cur->field_count, fields);
    summarise(out->values, cur->field_count, fields, FIELD_VM, &out->vm_source, &out->vm_cause);
    summarise(out->values, cur->field_count, fields, FIELD_VCPU, &out->vcpu_source,
              &out->vcpu_cause);
    /* Where no VM has given a schema there is no field that could say why it is missing. */
    if (out->vm_source == SOURCE_NONE && out->vm_cause == CAUSE_NONE)
        out->vm_cause = now->entity.cause;
    if (out->vcpu_source == SOURCE_NONE && out->vcpu_cause == CAUSE_NONE && now->vcpu_count > 0)
        out->vcpu_cause = now->vcpus[0].entity.cause;
    out->interval_s = interval_of(before, now, out);
    if (now->skipped)
        snapshot_age_vm(cur, now, fields, out);
}

static void derive_host(const struct sample *prev, const struct sample *cur,
                        const struct field_table *fields, struct cursor *at, struct snapshot *out)
{
    /* A VM of the sample before is gone, and with it its share of all totals. */
    bool ended = prev != NULL && prev->vm_ends != cur->vm_ends;

    if (!cur->has_host)
        return;
    out->host_values = at->value;
    at->value += cur->field_count;
    derive_values(prev != NULL ? &prev->host : NULL, prev != NULL ? prev->field_count : 0,
                  &cur->host, cur, fields, out->host_values);
    for (size_t f = 0; ended && f < cur->field_count; f++)
        if (out->host_values[f].rate.state == READING_OK)
            out->host_values[f].rate = no_figure(READING_RESET, CAUSE_NONE);
}

struct snapshot *snapshot_derive(const struct sample *prev, const struct sample *cur,
                                 const struct field_table *fields, uint64_t self_cpu_ns)
{
    struct sizes n = measure(cur);
    struct cursor at;
    struct snapshot *s = allocate(&n, &at);
    size_t k = 0, out = 0;

    if (s == NULL)
        return NULL;
    s->wall = cur->wall;
    s->mono_ns = cur->read_ns;
    s->sample_ns = cur->duration_ns;
    memcpy(s->cost_ns, cur->cost_ns, sizeof(s->cost_ns));
    s->host = cur->host_facts;
    s->fields = fields;
    s->field_count = cur->field_count;
    s->bucket_count = cur->bucket_count;
    s->vm_count = n.vms;
    s->vcpu_count = n.vcpus;
    s->hidden_processes = cur->hidden_processes;
    s->hidden_pid = cur->hidden_pid;
    s->hidden_cause = cur->hidden_cause;
    s->proc_hides = cur->proc_hides;
    s->hidden_vms = cur->hidden_vms;
    s->cut_processes = cur->cut_processes;
    s->vm_ends = cur->vm_ends;
    if (prev != NULL && cur->read_ns > prev->read_ns) {
        s->interval_s = (double)(cur->read_ns - prev->read_ns) / 1e9;
        s->self_cpu_ratio = (double)self_cpu_ns / (double)(cur->read_ns - prev->read_ns);
    }
    for (size_t i = 0; i < cur->vm_count; i++) {
        const struct sample_vm *now = &cur->vms[i], *before = NULL;
        if (now->gone)
            continue;
        /* Both lists ascend by (pid, fd). */
        while (prev != NULL && k < prev->vm_count &&
               (prev->vms[k].id.pid < now->id.pid ||
                (prev->vms[k].id.pid == now->id.pid && prev->vms[k].id.fd < now->id.fd)))
            k++;
        if (prev != NULL && k < prev->vm_count && vm_id_equal(&prev->vms[k].id, &now->id))
            before = &prev->vms[k];
        derive_vm(prev, before, cur, now, fields, &at, &s->vms[out++]);
    }
    derive_host(prev, cur, fields, &at, s);
    return s;
}

/* --- questions -------------------------------------------------------------------------------- */

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

struct reading snapshot_total_since(const struct snapshot *base, const struct snapshot_vm *then,
                                    const struct snapshot *s, const struct snapshot_vm *vm,
                                    size_t field)
{
    struct reading now = vm->values[field].reading;

    if (now.state != READING_OK || s->fields->fields[field].kind != FIELD_CUMULATIVE ||
        then == NULL || field >= base->field_count)
        return now;
    const struct reading *before = &then->values[field].reading;
    bool was_never_read = before->state == READING_STALE && before->source == SOURCE_NONE;
    if (was_never_read)
        return *before;
    bool is_known = before->state == READING_OK || before->state == READING_STALE;
    if (is_known && before->source == now.source && before->falls == now.falls &&
        before->raw <= now.raw)
        now.raw -= before->raw;
    return now;
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
