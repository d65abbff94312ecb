// SPDX-License-Identifier: MIT
/* What the flat form says of itself, and its rows: nothing that it is given is trusted. */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "core/model/sample_flat_form.h"

#define WALL_MAX_S 253402300799 /* the end of the year 9999 */
#define HOST_GAUGES_MAX 4096         /* of a writer that knows more than we do */

static bool read_names(const struct source_form *form, enum section id, size_t known,
                       const char *(*name)(size_t i), struct names *ret)
{
    struct flat_section s = flat_find(&form->flat, id);

    if (s.count == 0 || s.count > NAMES_MAX || s.item_bytes < sizeof(struct flat_text))
        return false;
    *ret = (struct names){.count = s.count, .is_same = s.count <= known};
    for (size_t i = 0; i < s.count; i++) {
        struct flat_text at;
        flat_item(&s, i, &at, sizeof(at));
        const char *text = flat_text_at(&form->text, at);
        if (text == NULL)
            return false;
        if (i < known && strcmp(text, name(i)) == 0) {
            ret->to[i] = (uint8_t)i;
            continue;
        }
        /* 0: of neither a source nor a cause is anything known */
        for (size_t k = 0; k < known; k++)
            if (strcmp(text, name(k)) == 0)
                ret->to[i] = (uint8_t)k;
        ret->is_same = false;
    }
    return true;
}

/* A matrix of items of exactly @item_bytes. NULL: it is missing or another size. */
static void *read_matrix(const struct source_form *form, enum section id, size_t item_bytes,
                         size_t rows, size_t columns)
{
    struct flat_section s = flat_find(&form->flat, id);

    if (columns != 0 && rows > SIZE_MAX / columns)
        return NULL;
    return s.item_bytes == item_bytes && s.count == rows * columns ? s.items : NULL;
}

static bool read_head(struct source_form *form)
{
    struct flat_section s = flat_find(&form->flat, HEAD);
    struct flat_head h;

    if (s.count != 1)
        return false;
    flat_item(&s, 0, &h, sizeof(h));
    form->head = (struct flat_head){
        .wall_s = (int64_t)le64toh((uint64_t)h.wall_s),
        .wall_ns = le64toh(h.wall_ns),
        .read_ns = le64toh(h.read_ns),
        .self_cpu_ns = le64toh(h.self_cpu_ns),
        .duration_ns = le64toh(h.duration_ns),
        .hidden_processes = le64toh(h.hidden_processes),
        .hidden_vms = le64toh(h.hidden_vms),
        .cut_processes = le64toh(h.cut_processes),
        .hidden_pid = (int32_t)le32toh((uint32_t)h.hidden_pid),
        .hidden_cause = le32toh(h.hidden_cause),
        .vm_gauges = le32toh(h.vm_gauges),
        .vcpu_gauges = le32toh(h.vcpu_gauges),
        .buckets = le32toh(h.buckets),
        .flags = le32toh(h.flags),
    };
    return form->head.wall_ns < 1000000000 && form->head.wall_s >= 0 &&
           form->head.wall_s <= WALL_MAX_S && form->head.hidden_pid >= 0 &&
           form->head.hidden_cause < form->causes.count;
}

static int add_field(const struct source_form *form, const struct flat_field *from,
                     struct field_table *fields)
{
    const char *name = flat_text_at(&form->text, from->name);
    struct field field = {
        .scope = (enum field_scope)from->scope,
        .kind = (enum field_kind)from->kind,
        .unit = (enum field_unit)from->unit,
        .base = from->base,
        .exponent = (int16_t)le16toh((uint16_t)from->exponent),
        .size = le16toh(from->size),
        .bucket_size = le32toh(from->bucket_size),
    };

    if (name == NULL || strlen(name) >= sizeof(field.name) || from->scope > FIELD_VCPU ||
        (from->base != 2 && from->base != 10))
        return -EBADMSG;
    strcpy(field.name, name);
    int at = field_table_add(fields, &field);
    return at == -EINVAL || at == -ENOSPC ? -EBADMSG : at;
}

static int read_fields(struct source_form *form, struct field_table *fields)
{
    form->fields = flat_find(&form->flat, FIELDS);
    if (form->fields.count > FIELD_MAX || form->head.buckets > FIELD_MAX * FIELD_BUCKETS_MAX)
        return -EBADMSG;
    form->fields_are_same = true;
    for (size_t i = 0; i < form->fields.count; i++) {
        struct flat_field from;
        flat_item(&form->fields, i, &from, sizeof(from));
        int at = add_field(form, &from, fields);
        if (at < 0)
            return at;
        const struct field *field = &fields->fields[at];
        size_t index = le32toh(from.bucket_index);
        if (field_is_hist(field) &&
            (index > form->head.buckets || field->size > form->head.buckets - index))
            return -EBADMSG;
        form->field_to[i] = at;
        if (at != (int)i || (field_is_hist(field) && index != field->bucket_index))
            form->fields_are_same = false;
    }
    /* One that lacks some of those known here would be narrower than the samples before it. */
    if (form->fields.count != fields->count || form->head.buckets != fields->bucket_count)
        form->fields_are_same = false;
    return 0;
}

/* Numbers of states, sources and causes of the writer into those of here. */
static bool read_readings(const struct source_form *form, struct reading *readings, size_t count)
{
    const struct names *sources = &form->sources, *causes = &form->causes;
    bool is_same = sources->is_same && causes->is_same;
    bool is_good = true;

    sample_flat_swap(readings, count);
    for (size_t i = 0; i < count; i++) {
        struct reading *r = &readings[i];
        is_good &= r->state < READING_STATE_COUNT && r->source < sources->count &&
                   r->cause < causes->count;
        if (is_same)
            continue;
        r->source = sources->to[r->source];
        r->cause = causes->to[r->cause];
    }
    return is_good;
}

static bool find_matrices(struct source_form *form)
{
    size_t vms = form->vms.count, vcpus = form->vcpus.count;
    size_t buckets = form->head.buckets, fields = form->fields.count;

    form->entities = 1 + vms + vcpus;
    if (form->entities > SAMPLE_FLAT_ENTITIES_MAX)
        return false;
    form->vm_gauges =
        read_matrix(form, VM_GAUGES, sizeof(struct reading), vms, form->head.vm_gauges);
    form->vcpu_gauges =
        read_matrix(form, VCPU_GAUGES, sizeof(struct reading), vcpus, form->head.vcpu_gauges);
    form->times = read_matrix(form, TIMES, sizeof(uint64_t), form->entities, form->sources.count);
    form->readings = read_matrix(form, READINGS, sizeof(struct reading), form->entities, fields);
    form->buckets = read_matrix(form, BUCKETS, sizeof(uint64_t), form->entities, buckets);
    return form->vm_gauges != NULL && form->vcpu_gauges != NULL && form->times != NULL &&
           form->readings != NULL && form->buckets != NULL;
}

/* A section that may be missing. */
static bool find_host_gauges(struct source_form *form)
{
    struct flat_section s = flat_find(&form->flat, HOST_GAUGES);

    form->host_gauges = (struct reading *)(void *)s.items;
    form->host_gauge_count = s.count;
    return s.count == 0 || (s.item_bytes == sizeof(struct reading) && s.count <= HOST_GAUGES_MAX);
}

/* Two sections that may be missing. */
static bool find_devices(struct source_form *form)
{
    struct flat_section counts = flat_find(&form->flat, DEVICE_COUNTS);
    size_t devices = form->devices.count;

    form->device_counts = (struct reading *)(void *)counts.items;
    if (devices == 0)
        return counts.count == 0;
    form->device_counters = counts.count / devices;
    return devices <= SAMPLE_FLAT_DEVICES_MAX && counts.count % devices == 0 &&
           (counts.count == 0 || counts.item_bytes == sizeof(struct reading));
}

bool sample_form_entities(const struct source_form *form, size_t row, size_t count)
{
    size_t buckets = form->head.buckets, fields = form->fields.count;

    flat_swap64(form->times + row * form->sources.count, count * form->sources.count);
    flat_swap64(form->buckets + row * buckets, count * buckets);
    return read_readings(form, form->readings + row * fields, count * fields);
}

bool sample_form_vm_gauges(const struct source_form *form, size_t i)
{
    size_t columns = form->head.vm_gauges;

    return read_readings(form, form->vm_gauges + i * columns, columns);
}

bool sample_form_vcpu_gauges(const struct source_form *form, size_t i, size_t count)
{
    size_t columns = form->head.vcpu_gauges;

    return read_readings(form, form->vcpu_gauges + i * columns, count * columns);
}

bool sample_form_device_counts(const struct source_form *form, size_t i)
{
    size_t columns = form->device_counters;

    return read_readings(form, form->device_counts + i * columns, columns);
}

bool sample_form_host_gauges(const struct source_form *form)
{
    return read_readings(form, form->host_gauges, form->host_gauge_count);
}

int sample_form_open(void *buffer, size_t size, struct field_table *fields, struct source_form *ret)
{
    struct source_form *form = ret;
    int result = flat_open(buffer, size, FLAT_SAMPLE, &form->flat);

    if (result < 0)
        return result;
    form->text = flat_find(&form->flat, TEXT);
    form->vms = flat_find(&form->flat, VMS);
    form->vcpus = flat_find(&form->flat, VCPUS);
    form->devices = flat_find(&form->flat, DEVICES);
    if (!read_names(form, SOURCE_NAMES, SOURCE_COUNT, sample_flat_source, &form->sources) ||
        !read_names(form, CAUSE_NAMES, CAUSE_COUNT, sample_flat_cause, &form->causes) ||
        !read_head(form))
        return -EBADMSG;
    result = read_fields(form, fields);
    if (result < 0)
        return result;
    return find_matrices(form) && find_host_gauges(form) && find_devices(form) ? 0 : -EBADMSG;
}
