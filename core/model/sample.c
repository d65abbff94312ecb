// SPDX-License-Identifier: MIT
#include "core/model/sample.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct vm_facts vm_facts_of(const struct vm *vm)
{
    return (struct vm_facts){
        .creator_tid = vm->creator_tid,
        .object = vm->debugfs_inode,
        .vmm = vm->vmm,
        .name_raw = vm->name_raw,
        .name = vm->name,
        .ram_bytes = vm->ram_bytes,
        .fds_cause = (uint8_t)vm->fds_cause,
        .migration = (uint8_t)vm->migration,
        .vcpus_by_fd_order = vm->vcpus_by_fd_order,
        .process_is_cut = vm->process_is_cut,
    };
}

static size_t text_bytes(const char *text)
{
    return text != NULL ? strlen(text) + 1 : 0;
}

static const char *put_text(char **at, const char *text)
{
    char *to = *at;

    if (text == NULL)
        return NULL;
    memcpy(to, text, strlen(text) + 1);
    *at += strlen(text) + 1;
    return to;
}

/* What an empty sample has room for. */
struct sizes {
    size_t vms, vcpus, devices, texts, fields, buckets;
};

/* Where in it the next of each kind goes. */
struct cursor {
    struct sample *sample;
    struct sample_vcpu *vcpu;
    struct sample_device *device;
    struct reading *reading;
    uint64_t *bucket;
    char *text;
};

static void place_entity(struct cursor *at, struct sample_entity *entity)
{
    entity->readings = at->reading;
    entity->buckets = at->bucket;
    at->reading += at->sample->field_count;
    at->bucket += at->sample->bucket_count;
}

/* One allocation for all arrays, zeroed, with the host in its place. 0 or -ENOMEM. */
static int lay_out(const struct sizes *n, struct cursor *ret)
{
    size_t entities = 1 + n->vms + n->vcpus;
    /* Descending alignment, so that no part needs padding: all sizes are multiples of 8. */
    size_t vm_bytes = n->vms * sizeof(struct sample_vm);
    size_t vcpu_bytes = n->vcpus * sizeof(struct sample_vcpu);
    size_t device_bytes = n->devices * sizeof(struct sample_device);
    size_t reading_bytes = entities * n->fields * sizeof(struct reading);
    size_t bucket_bytes = entities * n->buckets * sizeof(uint64_t);
    size_t rest_bytes = device_bytes + reading_bytes + bucket_bytes + n->texts;
    struct sample *s = calloc(1, sizeof(*s));
    char *memory = calloc(1, vm_bytes + vcpu_bytes + rest_bytes + 1);

    if (s == NULL || memory == NULL) {
        free(s);
        free(memory);
        return -ENOMEM;
    }
    s->memory = memory;
    s->field_count = n->fields;
    s->bucket_count = n->buckets;
    s->vms = (struct sample_vm *)memory;
    char *at = memory + vm_bytes + vcpu_bytes;
    *ret = (struct cursor){
        .sample = s,
        .vcpu = (struct sample_vcpu *)(memory + vm_bytes),
        .device = (struct sample_device *)at,
        .reading = (struct reading *)(at + device_bytes),
        .bucket = (uint64_t *)(at + device_bytes + reading_bytes),
        .text = at + device_bytes + reading_bytes + bucket_bytes,
    };
    place_entity(ret, &s->host);
    return 0;
}

/* The next VM, as far as it is known without its numbers; its vCPUs still lack their ids. */
static struct sample_vm *place_vm(struct cursor *at, const struct vm_id *id,
                                  const struct vm_facts *facts, size_t vcpus)
{
    struct sample_vm *sv = &at->sample->vms[at->sample->vm_count++];

    sv->id = *id;
    sv->facts = *facts;
    sv->facts.name = put_text(&at->text, facts->name);
    sv->facts.name_raw = put_text(&at->text, facts->name_raw);
    place_entity(at, &sv->entity);
    sv->vcpus = at->vcpu;
    sv->vcpu_count = vcpus;
    for (size_t k = 0; k < vcpus; k++, at->vcpu++)
        place_entity(at, &at->vcpu->entity);
    return sv;
}

/* The next device of @sv, without its counts. */
static void place_device(struct cursor *at, const char *name, uint8_t kind, bool is_read_only,
                         struct sample_vm *sv)
{
    struct sample_device *device = at->device++;

    if (sv->device_count++ == 0)
        sv->devices = device;
    device->name = put_text(&at->text, name);
    device->kind = kind;
    device->is_read_only = is_read_only;
}

int sample_new(const struct vm_list *vms, const struct field_table *fields, struct sample **ret)
{
    struct sizes n = {.vms = vms->count, .fields = fields->count, .buckets = fields->bucket_count};
    struct cursor at;

    for (size_t i = 0; i < vms->count; i++) {
        n.vcpus += vms->vms[i]->vcpu_count;
        n.texts += text_bytes(vms->vms[i]->name) + text_bytes(vms->vms[i]->name_raw);
        for (size_t k = 0; k < vms->vms[i]->vcpu_count; k++)
            n.texts += text_bytes(vms->vms[i]->vcpus[k].cpus_allowed);
        n.devices += vms->vms[i]->device_count;
        for (size_t k = 0; k < vms->vms[i]->device_count; k++)
            n.texts += text_bytes(vms->vms[i]->devices[k].name);
    }
    int result = lay_out(&n, &at);
    if (result < 0)
        return result;
    for (size_t i = 0; i < vms->count; i++) {
        struct vm *vm = vms->vms[i];
        struct vm_facts facts = vm_facts_of(vm);
        struct sample_vm *sv = place_vm(&at, &vm->id, &facts, vm->vcpu_count);
        sv->vm = vm;
        for (size_t k = 0; k < vm->vcpu_count; k++) {
            sv->vcpus[k].id = vm->vcpus[k].id;
            sv->vcpus[k].tid = vm->vcpus[k].tid;
            sv->vcpus[k].cpus_allowed = put_text(&at.text, vm->vcpus[k].cpus_allowed);
        }
        for (size_t k = 0; k < vm->device_count; k++)
            place_device(&at, vm->devices[k].name, vm->devices[k].kind, vm->devices[k].is_read_only,
                         sv);
    }
    *ret = at.sample;
    return 0;
}

void sample_free(struct sample *sample)
{
    if (sample == NULL)
        return;
    free(sample->memory);
    free(sample->kept);
    free(sample->exits);
    spare_give(sample->home, sample->matrices);
    free(sample);
}

static void add_sum(struct sample_vm *vm, const struct field *field, size_t f)
{
    struct reading *to = &vm->entity.readings[f];
    uint64_t sum = 0;

    for (size_t k = 0; k < vm->vcpu_count; k++) {
        const struct reading *r = &vm->vcpus[k].entity.readings[f];
        if (r->state != READING_OK || r->source != vm->vcpus[0].entity.readings[f].source)
            return;
        if (field->kind == FIELD_PEAK)
            sum = r->raw > sum ? r->raw : sum;
        else
            sum += r->raw;
    }
    *to = reading_ok(sum, (enum reading_source)vm->vcpus[0].entity.readings[f].source);
    for (size_t k = 0; field_is_hist(field) && k < vm->vcpu_count; k++)
        for (size_t b = 0; b < field->size; b++)
            vm->entity.buckets[field->bucket_index + b] +=
                vm->vcpus[k].entity.buckets[field->bucket_index + b];
    /* The sum is as old as its first part. */
    vm->entity.time_ns[to->source] = vm->vcpus[0].entity.time_ns[to->source];
}

void sample_vm_add_vcpu_sums(const struct sample *sample, const struct field_table *fields,
                             struct sample_vm *vm)
{
    for (size_t f = 0; f < sample->field_count && vm->vcpu_count > 0 && !vm->lacks_vcpus; f++)
        if (fields->fields[f].scope == FIELD_VCPU && vm->entity.readings[f].state != READING_OK)
            add_sum(vm, &fields->fields[f], f);
}

void sample_add_vcpu_sums(struct sample *sample, const struct field_table *fields)
{
    for (size_t i = 0; i < sample->vm_count; i++)
        sample_vm_add_vcpu_sums(sample, fields, &sample->vms[i]);
}

const struct sample_vm *sample_walk_to(struct sample_walk *walk, const struct vm_id *id)
{
    const struct sample *s = walk->sample;

    while (s != NULL && walk->at < s->vm_count && vm_id_before(&s->vms[walk->at].id, id))
        walk->at++;
    bool is_it = s != NULL && walk->at < s->vm_count && vm_id_equal(&s->vms[walk->at].id, id);
    return is_it ? &s->vms[walk->at] : NULL;
}

/* --- VMs that are out of reach ---------------------------------------------------------------- */

static bool is_of(const struct sample_vm *vm, const pid_t *pids, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (pids[i] == vm->id.pid)
            return true;
    return false;
}

/* The VMs of @prev that are to be kept beside those of @cur. Returns how many. */
static size_t choose(const struct sample *prev, const pid_t *pids, size_t count,
                     const struct sample *cur, const struct sample_vm **ret)
{
    size_t k = 0, kept = 0;

    for (size_t i = 0; i < prev->vm_count; i++) {
        const struct sample_vm *vm = &prev->vms[i];
        while (k < cur->vm_count && vm_id_before(&cur->vms[k].id, &vm->id))
            k++;
        /* Under one number there is one VM: that of now. */
        bool is_taken = k < cur->vm_count && !vm_id_before(&vm->id, &cur->vms[k].id);
        if (!vm->gone && !is_taken && is_of(vm, pids, count))
            ret[kept++] = vm;
    }
    return kept;
}

/* @at has room for it. Its numbers are zero. */
static void keep_vm(const struct sample_vm *old, enum reading_cause cause, struct cursor *at)
{
    struct sample_vm *sv = place_vm(at, &old->id, &old->facts, old->vcpu_count);

    for (size_t k = 0; k < old->vcpu_count; k++) {
        sv->vcpus[k].id = old->vcpus[k].id;
        sv->vcpus[k].tid = old->vcpus[k].tid;
        sv->vcpus[k].cpus_allowed = put_text(&at->text, old->vcpus[k].cpus_allowed);
    }
    for (size_t k = 0; k < old->device_count; k++)
        place_device(at, old->devices[k].name, old->devices[k].kind, old->devices[k].is_read_only,
                     sv);
    sv->skipped = true;
    sv->skip_cause = (uint8_t)cause;
}

/* Those of now stay where they are, but for the array that names them all. */
static void merge(struct sample *cur, const struct sample_vm **kept, size_t count,
                  enum reading_cause cause, struct cursor *at)
{
    struct sample *all = at->sample;
    size_t k = 0;

    for (size_t i = 0; i <= cur->vm_count; i++) {
        const struct sample_vm *next = i < cur->vm_count ? &cur->vms[i] : NULL;
        for (; k < count && (next == NULL || vm_id_before(&kept[k]->id, &next->id)); k++)
            keep_vm(kept[k], cause, at);
        if (next != NULL)
            all->vms[all->vm_count++] = *next;
    }
    cur->vms = all->vms;
    cur->vm_count = all->vm_count;
    cur->kept = all->memory;
    free(all);
}

int sample_keep(const struct sample *prev, const pid_t *pids, size_t count,
                enum reading_cause cause, struct sample *sample)
{
    const struct sample_vm **kept = malloc((prev->vm_count + 1) * sizeof(*kept));
    struct sizes n = {.fields = sample->field_count, .buckets = sample->bucket_count};
    struct cursor at;

    if (kept == NULL)
        return -ENOMEM;
    size_t kept_count = choose(prev, pids, count, sample, kept);
    for (size_t i = 0; i < kept_count; i++) {
        n.vcpus += kept[i]->vcpu_count;
        n.texts += text_bytes(kept[i]->facts.name) + text_bytes(kept[i]->facts.name_raw);
        for (size_t k = 0; k < kept[i]->vcpu_count; k++)
            n.texts += text_bytes(kept[i]->vcpus[k].cpus_allowed);
        n.devices += kept[i]->device_count;
        for (size_t k = 0; k < kept[i]->device_count; k++)
            n.texts += text_bytes(kept[i]->devices[k].name);
    }
    n.vms = kept_count + sample->vm_count;
    int result = kept_count > 0 ? lay_out(&n, &at) : 0;
    if (kept_count > 0 && result == 0)
        merge(sample, kept, kept_count, cause, &at);
    free(kept);
    return result;
}
