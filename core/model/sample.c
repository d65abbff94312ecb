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

int sample_new(const struct vm_list *vms, const struct field_table *fields, struct sample **ret)
{
    size_t vcpus = 0, texts = 0;

    for (size_t i = 0; i < vms->count; i++) {
        vcpus += vms->vms[i]->vcpu_count;
        texts += text_bytes(vms->vms[i]->name) + text_bytes(vms->vms[i]->name_raw);
    }
    size_t entities = 1 + vms->count + vcpus;
    /* Descending alignment, so that no part needs padding: all sizes are multiples of 8. */
    size_t vm_bytes = vms->count * sizeof(struct sample_vm);
    size_t vcpu_bytes = vcpus * sizeof(struct sample_vcpu);
    size_t reading_bytes = entities * fields->count * sizeof(struct reading);
    size_t bucket_bytes = entities * fields->bucket_count * sizeof(uint64_t);
    struct sample *s = calloc(1, sizeof(*s));
    char *memory = calloc(1, vm_bytes + vcpu_bytes + reading_bytes + bucket_bytes + texts + 1);

    if (s == NULL || memory == NULL) {
        free(s);
        free(memory);
        return -ENOMEM;
    }
    s->memory = memory;
    s->field_count = fields->count;
    s->bucket_count = fields->bucket_count;
    s->vm_count = vms->count;
    s->vms = (struct sample_vm *)memory;
    struct sample_vcpu *vcpu = (struct sample_vcpu *)(memory + vm_bytes);
    struct reading *reading = (struct reading *)(memory + vm_bytes + vcpu_bytes);
    uint64_t *bucket = (uint64_t *)(memory + vm_bytes + vcpu_bytes + reading_bytes);
    char *text = memory + vm_bytes + vcpu_bytes + reading_bytes + bucket_bytes;

    s->host.readings = reading;
    s->host.buckets = bucket;
    reading += fields->count;
    bucket += fields->bucket_count;
    for (size_t i = 0; i < vms->count; i++) {
        struct vm *vm = vms->vms[i];
        struct sample_vm *sv = &s->vms[i];
        sv->id = vm->id;
        sv->vm = vm;
        sv->facts = vm_facts_of(vm);
        sv->facts.name = put_text(&text, vm->name);
        sv->facts.name_raw = put_text(&text, vm->name_raw);
        sv->entity.readings = reading;
        sv->entity.buckets = bucket;
        reading += fields->count;
        bucket += fields->bucket_count;
        sv->vcpus = vcpu;
        sv->vcpu_count = vm->vcpu_count;
        for (size_t k = 0; k < vm->vcpu_count; k++, vcpu++) {
            vcpu->id = vm->vcpus[k].id;
            vcpu->tid = vm->vcpus[k].tid;
            vcpu->entity.readings = reading;
            vcpu->entity.buckets = bucket;
            reading += fields->count;
            bucket += fields->bucket_count;
        }
    }
    *ret = s;
    return 0;
}

void sample_free(struct sample *sample)
{
    if (sample == NULL)
        return;
    free(sample->memory);
    free(sample->matrices);
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

void sample_add_vcpu_sums(struct sample *sample, const struct field_table *fields)
{
    for (size_t i = 0; i < sample->vm_count; i++) {
        struct sample_vm *vm = &sample->vms[i];
        if (vm->vcpu_count == 0)
            continue;
        for (size_t f = 0; f < sample->field_count; f++)
            if (fields->fields[f].scope == FIELD_VCPU && vm->entity.readings[f].state != READING_OK)
                add_sum(vm, &fields->fields[f], f);
    }
}

/*
 * Both ascend by (pid, fd), and a VM made anew is another one.
 *
 * One that was marked gone is missed twice: in the sample that marked it and in the next. It died
 * while that sample was taken, before the totals of the host were read or behind it, so they lost
 * its share in either interval: what follows from them is void in both.
 */
static bool all_live_on(const struct sample *prev, const struct sample *sample)
{
    size_t k = 0;

    for (size_t i = 0; i < prev->vm_count; i++) {
        while (k < sample->vm_count && !vm_id_equal(&sample->vms[k].id, &prev->vms[i].id))
            k++;
        if (k == sample->vm_count || sample->vms[k].gone)
            return false;
    }
    return true;
}

/* A number that is missing, or from elsewhere, has not fallen. */
static void follow_counters(const struct sample_vm *prev, size_t fields, struct sample_vm *vm)
{
    for (size_t f = 0; f < fields; f++) {
        const struct reading *before = &prev->entity.readings[f];
        struct reading *now = &vm->entity.readings[f];
        bool fell = now->state == READING_OK && before->state == READING_OK &&
                    now->source == before->source && now->raw < before->raw;
        now->falls = before->falls + fell;
    }
}

static void follow_vms(const struct sample *prev, struct sample *sample)
{
    size_t k = 0;

    for (size_t i = 0; i < sample->vm_count; i++) {
        const struct vm_id *id = &sample->vms[i].id;
        while (k < prev->vm_count &&
               (prev->vms[k].id.pid < id->pid ||
                (prev->vms[k].id.pid == id->pid && prev->vms[k].id.fd < id->fd)))
            k++;
        if (k < prev->vm_count && vm_id_equal(&prev->vms[k].id, id))
            follow_counters(&prev->vms[k], prev->field_count, &sample->vms[i]);
    }
}

void sample_follow(const struct sample *prev, struct sample *sample)
{
    follow_vms(prev, sample);
    sample->vm_ends = prev->vm_ends + !all_live_on(prev, sample);
    for (size_t f = 0; f < prev->field_count && sample->has_host; f++) {
        const struct reading *before = &prev->host.readings[f];
        struct reading *now = &sample->host.readings[f];
        now->falls = before->falls + (now->raw < before->raw);
    }
}
