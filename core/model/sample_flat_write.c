// SPDX-License-Identifier: MIT
/* The half of the flat form that writes it. */
#include "core/model/sample_flat.h"

#include <endian.h>
#include <string.h>

#include "core/model/sample_flat_internal.h"

#define CAUSE_NAME(name, ...) #name,
static const char *const cause_names[CAUSE_COUNT] = {"NONE", CAUSES(CAUSE_NAME)};
#undef CAUSE_NAME

const char *sample_flat_source(size_t i)
{
    return reading_source_name((enum reading_source)i);
}

const char *sample_flat_cause(size_t i)
{
    return cause_names[i];
}

/* Readings begin with their number; the three bytes behind it are in no order, the last is one. */
void sample_flat_swap(struct reading *readings, size_t count)
{
#if __BYTE_ORDER != __LITTLE_ENDIAN
    for (size_t i = 0; i < count; i++) {
        readings[i].raw = htole64(readings[i].raw);
        readings[i].falls = htole32(readings[i].falls);
    }
#else
    (void)readings;
    (void)count;
#endif
}

/* No text at all where it is not known. */
static struct flat_text put_cpus(struct flat_texts *texts, const struct sample_vcpu *vcpu)
{
    if (vcpu->cpus_allowed == NULL)
        return (struct flat_text){0, 0};
    return flat_put_text(texts, vcpu->cpus_allowed);
}

static size_t texts_bytes(const struct sample *s, const struct field_table *fields)
{
    struct flat_texts count = {NULL, 0};

    flat_put_text(&count, s->host_facts.name);
    flat_put_text(&count, s->host_facts.kernel);
    flat_put_text(&count, s->host_facts.debugfs);
    flat_put_text(&count, s->bpf.why);
    for (size_t i = 0; i < SOURCE_COUNT; i++)
        flat_put_text(&count, sample_flat_source(i));
    for (size_t i = 0; i < CAUSE_COUNT; i++)
        flat_put_text(&count, sample_flat_cause(i));
    for (size_t i = 0; i < s->field_count; i++)
        flat_put_text(&count, fields->fields[i].name);
    for (size_t i = 0; i < s->vm_count; i++) {
        flat_put_text(&count, s->vms[i].facts.vmm);
        flat_put_text(&count, s->vms[i].facts.name_raw);
        for (size_t k = 0; k < s->vms[i].vcpu_count; k++)
            put_cpus(&count, &s->vms[i].vcpus[k]);
        for (size_t k = 0; k < s->vms[i].device_count; k++)
            flat_put_text(&count, s->vms[i].devices[k].name);
    }
    return count.used;
}

static void write_head(struct flat_writer *w, const struct sample *s)
{
    struct flat_head *head = flat_add(w, HEAD, sizeof(*head), 1);

    if (head == NULL)
        return;
    *head = (struct flat_head){
        .wall_s = (int64_t)htole64((uint64_t)s->wall.tv_sec),
        .wall_ns = htole64((uint64_t)s->wall.tv_nsec),
        .read_ns = htole64(s->read_ns),
        .self_cpu_ns = htole64(s->self_cpu_ns),
        .duration_ns = htole64(s->duration_ns),
        .hidden_processes = htole64(s->hidden_processes),
        .hidden_vms = htole64(s->hidden_vms),
        .cut_processes = htole64(s->cut_processes),
        .hidden_pid = (int32_t)htole32((uint32_t)s->hidden_pid),
        .hidden_cause = htole32(s->hidden_cause),
        .vm_gauges = htole32(VM_GAUGE_COUNT),
        .vcpu_gauges = htole32(VCPU_GAUGE_COUNT),
        .buckets = htole32((uint32_t)s->bucket_count),
        .flags =
            htole32((s->has_host ? HEAD_HAS_HOST : 0u) | (s->proc_hides ? HEAD_PROC_HIDES : 0u)),
    };
}

static void write_host(struct flat_writer *w, const struct host *h, struct flat_texts *texts)
{
    struct flat_host *host = flat_add(w, HOST, sizeof(*host), 1);

    if (host == NULL)
        return;
    *host = (struct flat_host){
        .name = flat_put_text(texts, h->name),
        .kernel = flat_put_text(texts, h->kernel),
        .debugfs = flat_put_text(texts, h->debugfs),
        .mem_bytes = htole64(h->mem_bytes),
        .caps = htole64(h->caps),
        .cpus = htole32((uint32_t)h->cpus),
        .lockdown = htole32(h->lockdown),
        .flags =
            htole32((h->kvm_module ? HOST_KVM : 0u) | (h->debugfs_mounted ? HOST_DEBUGFS : 0u) |
                    (h->caps_known ? HOST_CAPS_KNOWN : 0u) | (h->is_root ? HOST_IS_ROOT : 0u) |
                    (h->btf ? HOST_BTF : 0u)),
    };
}

static void write_bpf(struct flat_writer *w, const struct bpf_status *b, struct flat_texts *texts)
{
    struct flat_bpf *item = flat_add(w, BPF, sizeof(*item), 1);

    if (item != NULL)
        *item = (struct flat_bpf){
            .why = flat_put_text(texts, b->why),
            .state = htole32(b->state),
            .obstacle = htole32(b->obstacle),
        };
}

static void write_names(struct flat_writer *w, enum section id, size_t count,
                        const char *(*name)(size_t i), struct flat_texts *texts)
{
    struct flat_text *items = flat_add(w, id, sizeof(*items), count);

    for (size_t i = 0; items != NULL && i < count; i++)
        items[i] = flat_put_text(texts, name(i));
}

static void write_fields(struct flat_writer *w, const struct field_table *fields, size_t count,
                         struct flat_texts *texts)
{
    struct flat_field *items = flat_add(w, FIELDS, sizeof(*items), count);

    for (size_t i = 0; items != NULL && i < count; i++) {
        const struct field *f = &fields->fields[i];
        items[i] = (struct flat_field){
            .name = flat_put_text(texts, f->name),
            .bucket_size = htole32(f->bucket_size),
            .bucket_index = htole32((uint32_t)f->bucket_index),
            .exponent = (int16_t)htole16((uint16_t)f->exponent),
            .size = htole16(f->size),
            .scope = (uint8_t)f->scope,
            .kind = (uint8_t)f->kind,
            .unit = (uint8_t)f->unit,
            .base = f->base,
        };
    }
}

static void write_vms(struct flat_writer *w, const struct sample *s, struct flat_texts *texts)
{
    struct flat_vm *items = flat_add(w, VMS, sizeof(*items), s->vm_count);

    for (size_t i = 0; items != NULL && i < s->vm_count; i++) {
        const struct sample_vm *vm = &s->vms[i];
        const struct vm_facts *f = &vm->facts;
        unsigned flags = (vm->gone ? VM_GONE : 0u) | (f->vcpus_by_fd_order ? VM_BY_FD_ORDER : 0u) |
                         (f->process_is_cut ? VM_PROCESS_IS_CUT : 0u) |
                         (vm->skipped ? VM_SKIPPED : 0u);
        items[i] = (struct flat_vm){
            .start_ticks = htole64(vm->id.start_ticks),
            .born = htole64(vm->id.born),
            .object = htole64(f->object),
            .ram_bytes = htole64(f->ram_bytes),
            .pid = (int32_t)htole32((uint32_t)vm->id.pid),
            .fd = (int32_t)htole32((uint32_t)vm->id.fd),
            .creator_tid = (int32_t)htole32((uint32_t)f->creator_tid),
            .vcpus = htole32((uint32_t)vm->vcpu_count),
            .vmm = flat_put_text(texts, f->vmm),
            .name_raw = flat_put_text(texts, f->name_raw),
            .cause = vm->entity.cause,
            .fds_cause = f->fds_cause,
            .flags = htole16((uint16_t)flags),
            .skip_cause = vm->skip_cause,
            .migration = f->migration,
        };
    }
}

static void write_vcpus(struct flat_writer *w, const struct sample *s, size_t count,
                        struct flat_texts *texts)
{
    struct flat_vcpu *at = flat_add(w, VCPUS, sizeof(*at), count);

    for (size_t i = 0; at != NULL && i < s->vm_count; i++)
        for (size_t k = 0; k < s->vms[i].vcpu_count; k++, at++)
            *at = (struct flat_vcpu){
                .id = (int32_t)htole32((uint32_t)s->vms[i].vcpus[k].id),
                .tid = (int32_t)htole32((uint32_t)s->vms[i].vcpus[k].tid),
                .cause = htole32(s->vms[i].vcpus[k].entity.cause),
                .cpus_allowed = put_cpus(texts, &s->vms[i].vcpus[k]),
            };
}

/* A row of a matrix of readings or of numbers. Returns where the next goes. */
static void *put_row(void *at, const void *row, size_t bytes)
{
    memcpy(at, row, bytes);
    return (char *)at + bytes;
}

static void write_gauges(struct flat_writer *w, const struct sample *s, size_t vcpus)
{
    struct reading *at = flat_add(w, VM_GAUGES, sizeof(*at), s->vm_count * VM_GAUGE_COUNT);
    struct reading *first = at;

    for (size_t i = 0; at != NULL && i < s->vm_count; i++)
        at = put_row(at, s->vms[i].gauges, sizeof(s->vms[i].gauges));
    if (first != NULL)
        sample_flat_swap(first, s->vm_count * VM_GAUGE_COUNT);
    at = first = flat_add(w, VCPU_GAUGES, sizeof(*at), vcpus * VCPU_GAUGE_COUNT);
    for (size_t i = 0; at != NULL && i < s->vm_count; i++)
        for (size_t k = 0; k < s->vms[i].vcpu_count; k++)
            at = put_row(at, s->vms[i].vcpus[k].gauges, sizeof(s->vms[i].vcpus[k].gauges));
    if (first != NULL)
        sample_flat_swap(first, vcpus * VCPU_GAUGE_COUNT);
}

static void write_host_gauges(struct flat_writer *w, const struct sample *s)
{
    struct reading *at = flat_add(w, HOST_GAUGES, sizeof(*at), HOST_GAUGE_COUNT);

    if (at == NULL)
        return;
    put_row(at, s->host_gauges, sizeof(s->host_gauges));
    sample_flat_swap(at, HOST_GAUGE_COUNT);
}

static size_t count_devices(const struct sample *s)
{
    size_t count = 0;

    for (size_t i = 0; i < s->vm_count; i++)
        count += s->vms[i].device_count;
    return count;
}

static void write_devices(struct flat_writer *w, const struct sample *s, struct flat_texts *texts)
{
    size_t count = count_devices(s);
    struct flat_device *item = flat_add(w, DEVICES, sizeof(*item), count);
    struct reading *at = flat_add(w, DEVICE_COUNTS, sizeof(*at), count * IO_COUNTER_COUNT);
    struct reading *first = at;

    if (at == NULL)
        return; /* the last: without room for it the others are of no use */
    for (size_t i = 0; i < s->vm_count; i++)
        for (size_t k = 0; k < s->vms[i].device_count; k++, item++) {
            const struct sample_device *device = &s->vms[i].devices[k];
            *item = (struct flat_device){
                .time_ns = htole64(device->time_ns),
                .name = flat_put_text(texts, device->name),
                .vm = htole32((uint32_t)i),
                .kind = device->kind,
                .flags = device->is_read_only ? DEVICE_READ_ONLY : 0,
            };
            at = put_row(at, device->counts, sizeof(device->counts));
        }
    sample_flat_swap(first, count * IO_COUNTER_COUNT);
}

/* Where the rows of all entities go; NULL: nowhere. */
struct rows {
    void *times, *readings, *buckets;
};

static void put_entity(struct rows *at, const struct sample *s, const struct sample_entity *e)
{
    at->times = put_row(at->times, e->time_ns, sizeof(e->time_ns));
    at->readings = put_row(at->readings, e->readings, s->field_count * sizeof(struct reading));
    at->buckets = put_row(at->buckets, e->buckets, s->bucket_count * sizeof(uint64_t));
}

static void write_entities(struct flat_writer *w, const struct sample *s, size_t entities)
{
    size_t times = entities * SOURCE_COUNT, readings = entities * s->field_count,
           buckets = entities * s->bucket_count;
    struct rows first = {flat_add(w, TIMES, sizeof(uint64_t), times),
                         flat_add(w, READINGS, sizeof(struct reading), readings),
                         flat_add(w, BUCKETS, sizeof(uint64_t), buckets)};
    struct rows at = first;

    if (first.buckets == NULL)
        return; /* the last: without room for it the others are of no use */
    put_entity(&at, s, &s->host);
    for (size_t i = 0; i < s->vm_count; i++) {
        put_entity(&at, s, &s->vms[i].entity);
        for (size_t k = 0; k < s->vms[i].vcpu_count; k++)
            put_entity(&at, s, &s->vms[i].vcpus[k].entity);
    }
    flat_swap64(first.times, times);
    sample_flat_swap(first.readings, readings);
    flat_swap64(first.buckets, buckets);
}

static size_t count_vcpus(const struct sample *s)
{
    size_t count = 0;

    for (size_t i = 0; i < s->vm_count; i++)
        count += s->vms[i].vcpu_count;
    return count;
}

size_t sample_flat_write(const struct sample *s, const struct field_table *fields, void *buffer,
                         size_t size)
{
    size_t vcpus = count_vcpus(s);
    struct flat_writer w;
    struct flat_texts texts = {0};

    flat_begin(&w, FLAT_SAMPLE, buffer, size);
    texts.at = flat_add(&w, TEXT, 1, texts_bytes(s, fields));
    write_head(&w, s);
    write_host(&w, &s->host_facts, &texts);
    write_bpf(&w, &s->bpf, &texts);
    write_names(&w, SOURCE_NAMES, SOURCE_COUNT, sample_flat_source, &texts);
    write_names(&w, CAUSE_NAMES, CAUSE_COUNT, sample_flat_cause, &texts);
    uint64_t *costs = flat_add(&w, COSTS, sizeof(*costs), SOURCE_COUNT);
    if (costs != NULL) {
        memcpy(costs, s->cost_ns, sizeof(s->cost_ns));
        flat_swap64(costs, SOURCE_COUNT);
    }
    write_fields(&w, fields, s->field_count, &texts);
    write_vms(&w, s, &texts);
    write_vcpus(&w, s, vcpus, &texts);
    write_gauges(&w, s, vcpus);
    write_host_gauges(&w, s);
    write_devices(&w, s, &texts);
    write_entities(&w, s, 1 + s->vm_count + vcpus);
    return flat_end(&w);
}
