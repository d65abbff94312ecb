// SPDX-License-Identifier: MIT
#include "core/model/snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "core/model/ept.h"
#include "core/model/snapshot_internal.h"

/* --- memory: one block, cut into the arrays in order of alignment ----------------------------- */

struct sizes {
    size_t vms, vcpus, devices, values, buckets, text;
};

static size_t text_bytes(const char *s)
{
    return s != NULL ? strlen(s) + 1 : 0;
}

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
        for (size_t k = 0; k < vm->vcpu_count; k++)
            n.text += text_bytes(vm->vcpus[k].cpus_allowed);
        n.devices += vm->device_count;
        for (size_t k = 0; k < vm->device_count; k++)
            n.text += text_bytes(vm->devices[k].name);
    }
    n.values = (n.vms + n.vcpus + cur->has_host) * cur->field_count;
    n.buckets = (n.vms + n.vcpus) * cur->bucket_count;
    return n;
}

struct cursor {
    struct snapshot_vcpu *vcpu;
    struct io_device *device;
    struct snapshot_value *value;
    uint64_t *bucket;
    char *text;
};

static struct snapshot *allocate(const struct sizes *n, struct spare *home, struct cursor *ret)
{
    size_t vms = n->vms * sizeof(struct snapshot_vm);
    size_t vcpus = n->vcpus * sizeof(struct snapshot_vcpu);
    size_t devices = n->devices * sizeof(struct io_device);
    size_t values = n->values * sizeof(struct snapshot_value);
    size_t buckets = n->buckets * sizeof(uint64_t);
    size_t made = vms + vcpus + devices;
    size_t bytes = sizeof(struct snapshot) + made + values + buckets + n->text + 1;
    char *block = home != NULL ? spare_take(home, bytes) : malloc(bytes);

    if (block == NULL)
        return NULL;
    /* The values are all written by derive; the rest is small. */
    memset(block, 0, sizeof(struct snapshot) + made);
    struct snapshot *s = (struct snapshot *)block;
    s->home = home;
    block += sizeof(*s);
    s->vms = (struct snapshot_vm *)block;
    ret->vcpu = (struct snapshot_vcpu *)(block + vms);
    ret->device = (struct io_device *)(block + vms + vcpus);
    ret->value = (struct snapshot_value *)(block + made);
    ret->bucket = (uint64_t *)(block + made + values);
    ret->text = block + made + values + buckets;
    return s;
}

void snapshot_free(struct snapshot *snapshot)
{
    if (snapshot == NULL)
        return;
    free(snapshot->exits);
    spare_give(snapshot->home, snapshot);
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

struct figure snapshot_growth(const struct reading *prev, uint64_t prev_ns,
                              const struct reading *cur, uint64_t cur_ns)
{
    if (cur->state != READING_OK)
        return no_figure((enum reading_state)cur->state, (enum reading_cause)cur->cause);
    /* Another source counts from another start or sums at another moment. */
    if (prev == NULL || prev->state != READING_OK || cur_ns <= prev_ns ||
        (prev->source != cur->source && !sources_count_alike(prev->source, cur->source)))
        return no_figure(READING_WARMUP, CAUSE_NONE);
    if (cur->raw < prev->raw)
        return no_figure(READING_RESET, CAUSE_NONE);
    return (struct figure){.value =
                               (double)(cur->raw - prev->raw) * 1e9 / (double)(cur_ns - prev_ns),
                           .state = READING_OK};
}

struct figure snapshot_gauge_ratio(const struct sample_entity *prev, const struct reading *before,
                                   const struct sample_entity *cur, const struct reading *now)
{
    struct figure r = snapshot_growth(before, prev != NULL ? prev->time_ns[before->source] : 0, now,
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
        out[f].rate =
            fields->fields[f].kind != FIELD_CUMULATIVE
                ? no_figure(READING_ABSENT, CAUSE_NONE)
                : snapshot_growth(before, before != NULL ? prev->time_ns[before->source] : 0, now,
                                  cur->time_ns[now->source]);
    }
}

static void derive_vcpu(const struct sample *prev, const struct sample_vcpu *before,
                        const struct sample *cur, const struct sample_vcpu *now,
                        const struct field_table *fields, const struct load_fields *load,
                        struct snapshot_vcpu *out)
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
    out->cpu_ratio =
        snapshot_gauge_ratio(then, thread != NULL ? &thread->gauges[VCPU_CPU_NS] : NULL,
                             &now->entity, &now->gauges[VCPU_CPU_NS]);
    out->wait_ratio =
        snapshot_gauge_ratio(then, thread != NULL ? &thread->gauges[VCPU_WAIT_NS] : NULL,
                             &now->entity, &now->gauges[VCPU_WAIT_NS]);
    snapshot_load_vcpu(thread, now, load, out);
}

/* --- a VM ------------------------------------------------------------------------------------- */

static void place_devices(const struct sample_vm *now, struct cursor *at, struct vm_io *ret)
{
    ret->devices = at->device;
    ret->device_count = now->device_count;
    at->device += now->device_count;
    for (size_t i = 0; i < now->device_count; i++)
        ret->devices[i].name = put_text(at, now->devices[i].name);
}

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
                      const struct field_table *fields, const struct load_fields *load,
                      struct cursor *at, struct snapshot_vm *out)
{
    const struct vm_facts *vm = &now->facts;
    size_t k = 0;

    out->id = now->id;
    out->creator_tid = vm->creator_tid;
    out->vmm = vm->vmm;
    out->name = put_text(at, vm->name);
    out->name_raw = put_text(at, vm->name_raw);
    out->migration = now->skipped ? (uint8_t)VM_MIGRATION_UNKNOWN : vm->migration;
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
    out->cpu_ratio = snapshot_gauge_ratio(before != NULL ? &before->entity : NULL,
                                          before != NULL ? &before->gauges[VM_CPU_NS] : NULL,
                                          &now->entity, &now->gauges[VM_CPU_NS]);
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
        derive_vcpu(prev, old, cur, &now->vcpus[i], fields, load, &out->vcpus[i]);
        if (now->vcpus[i].cpus_allowed != NULL)
            out->vcpus[i].load.cpus_allowed = put_text(at, now->vcpus[i].cpus_allowed);
    }
    out->wait_ratio = sum_of_waits(out);
    snapshot_load_vm(before, now, load, out);
    snapshot_memory_vm(now, &out->memory);
    place_devices(now, at, &out->io);
    snapshot_io_vm(before, now, &out->io);
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

/* --- a VM at a time --------------------------------------------------------------------------- */

struct snapshot_work {
    const struct sample *prev, *cur;
    const struct field_table *fields;
    struct snapshot *snapshot; /* under way */
    struct load_fields load;
    struct cursor at;
    size_t count; /* VMs of it that are done */
};

static void fill_head(const struct sample *prev, const struct sample *cur, uint64_t self_cpu_ns,
                      struct snapshot *s)
{
    s->wall = cur->wall;
    s->mono_ns = cur->read_ns;
    s->sample_ns = cur->duration_ns;
    memcpy(s->cost_ns, cur->cost_ns, sizeof(s->cost_ns));
    s->host = cur->host_facts;
    memcpy(s->host_gauges, cur->host_gauges, sizeof(s->host_gauges));
    s->bpf = cur->bpf;
    s->field_count = cur->field_count;
    s->bucket_count = cur->bucket_count;
    s->hidden_processes = cur->hidden_processes;
    s->hidden_pid = cur->hidden_pid;
    s->hidden_cause = cur->hidden_cause;
    s->proc_hides = cur->proc_hides;
    s->hidden_vms = cur->hidden_vms;
    s->cut_processes = cur->cut_processes;
    if (prev != NULL && cur->read_ns > prev->read_ns) {
        s->interval_s = (double)(cur->read_ns - prev->read_ns) / 1e9;
        s->self_cpu_ratio = (double)self_cpu_ns / (double)(cur->read_ns - prev->read_ns);
    }
}

struct snapshot_work *snapshot_begin(const struct sample *prev, const struct sample *cur,
                                     const struct field_table *fields, uint64_t self_cpu_ns,
                                     struct spare *home)
{
    struct snapshot_work *work = malloc(sizeof(*work));
    struct sizes n = measure(cur);

    if (work == NULL)
        return NULL;
    *work = (struct snapshot_work){.prev = prev, .cur = cur, .fields = fields};
    work->snapshot = allocate(&n, home, &work->at);
    if (work->snapshot == NULL) {
        free(work);
        return NULL;
    }
    snapshot_load_fields(fields, cur->field_count, &work->load);
    fill_head(prev, cur, self_cpu_ns, work->snapshot);
    work->snapshot->fields = fields;
    work->snapshot->vm_count = n.vms;
    work->snapshot->vcpu_count = n.vcpus;
    return work;
}

void snapshot_add(struct snapshot_work *work, const struct sample_vm *before,
                  const struct sample_vm *vm)
{
    if (!vm->gone)
        derive_vm(work->prev, before, work->cur, vm, work->fields, &work->load, &work->at,
                  &work->snapshot->vms[work->count++]);
}

/* Without memory for them there are none in this one. */
static struct exits *derive_exits(const struct sample *prev, const struct sample *cur,
                                  const struct snapshot *s)
{
    struct exits_vm *vms = calloc(s->vm_count + 1, sizeof(*vms));
    pid_t *tids = malloc((s->vcpu_count + 1) * sizeof(*tids)), *at = tids;
    struct exits *exits = NULL;

    for (size_t i = 0; vms != NULL && tids != NULL && i < s->vm_count; i++) {
        const struct snapshot_vm *vm = &s->vms[i];
        vms[i] = (struct exits_vm){.pid = vm->id.pid, .is_alone = true, .tids = at};
        vms[i].vcpu_count = vm->vcpu_count;
        for (size_t k = 0; k < vm->vcpu_count; k++)
            *at++ = vm->vcpus[k].tid;
        if (i > 0 && vms[i - 1].pid == vms[i].pid)
            vms[i - 1].is_alone = vms[i].is_alone = false;
    }
    if (vms != NULL && tids != NULL)
        exits = exits_derive(prev != NULL ? prev->exits : NULL, cur->exits, vms, s->vm_count);
    free(vms);
    free(tids);
    return exits;
}

struct snapshot *snapshot_finish(struct snapshot_work *work)
{
    struct snapshot *s = work->snapshot;

    if (work->cur->exits != NULL)
        s->exits = derive_exits(work->prev, work->cur, s);

    s->vm_ends = work->cur->vm_ends;
    derive_host(work->prev, work->cur, work->fields, &work->at, s);
    snapshot_load_host(work->prev, work->cur, &s->host_load);
    free(work);
    return s;
}

void snapshot_abandon(struct snapshot_work *work)
{
    if (work == NULL)
        return;
    snapshot_free(work->snapshot);
    free(work);
}

struct snapshot *snapshot_derive(const struct sample *prev, const struct sample *cur,
                                 const struct field_table *fields, uint64_t self_cpu_ns)
{
    struct snapshot_work *work = snapshot_begin(prev, cur, fields, self_cpu_ns, NULL);
    struct sample_walk walk = {prev, 0};

    if (work == NULL)
        return NULL;
    for (size_t i = 0; i < cur->vm_count; i++)
        snapshot_add(work, sample_walk_to(&walk, &cur->vms[i].id), &cur->vms[i]);
    return snapshot_finish(work);
}
