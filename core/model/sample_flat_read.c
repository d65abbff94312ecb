// SPDX-License-Identifier: MIT
/* The half of the flat form that reads it: nothing that it is given is trusted. */
#include "core/model/sample_flat.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "core/model/sample_flat_internal.h"
#include "core/model/vmm.h"

#define WALL_MAX_S 253402300799 /* the end of the year 9999 */
#define NAMES_MAX  256          /* sources and causes: their numbers are bytes */

/* What the numbers of the writer are here. */
struct names {
    uint8_t to[NAMES_MAX];
    size_t count;
    bool is_same; /* all as here */
};

struct source_form {
    struct flat flat;
    struct flat_section text, vms, vcpus, fields;
    struct flat_head head;
    struct names sources, causes;
    /* column of the writer: column here */
    int field_to[FIELD_MAX];
    bool fields_are_same;
    size_t entities;
    struct reading *vm_gauges, *vcpu_gauges, *readings;
    uint64_t *times, *buckets;
};

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

static bool read_matrices(struct source_form *form)
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
    if (form->vm_gauges == NULL || form->vcpu_gauges == NULL || form->times == NULL ||
        form->readings == NULL || form->buckets == NULL)
        return false;
    flat_swap64(form->times, form->entities * form->sources.count);
    flat_swap64(form->buckets, form->entities * buckets);
    return read_readings(form, form->vm_gauges, vms * form->head.vm_gauges) &&
           read_readings(form, form->vcpu_gauges, vcpus * form->head.vcpu_gauges) &&
           read_readings(form, form->readings, form->entities * fields);
}

/* --- the sample of it ------------------------------------------------------------------------- */

/* Where the next arrays and texts of the sample go, and which row of the matrices is next. */
struct cursor {
    struct sample *sample;
    struct sample_vcpu *vcpu;
    char *text;
    size_t row;
    struct reading *readings; /* of the sample */
    uint64_t *buckets;
};

static void read_times(const struct source_form *form, size_t row, uint64_t to[SOURCE_COUNT])
{
    const uint64_t *from = form->times + row * form->sources.count;

    for (size_t i = 0; i < form->sources.count; i++)
        if (form->sources.to[i] != SOURCE_NONE)
            to[form->sources.to[i]] = from[i];
}

/* Where the columns are others here, each number goes to its own. */
static void spread(const struct source_form *form, const struct field_table *fields, size_t row,
                   struct sample_entity *e)
{
    const struct reading *readings = form->readings + row * form->fields.count;
    const uint64_t *buckets = form->buckets + row * form->head.buckets;

    for (size_t i = 0; i < form->fields.count; i++) {
        const struct field *field = &fields->fields[form->field_to[i]];
        struct flat_field from;
        e->readings[form->field_to[i]] = readings[i];
        if (!field_is_hist(field))
            continue;
        flat_item(&form->fields, i, &from, sizeof(from));
        memcpy(&e->buckets[field->bucket_index], &buckets[le32toh(from.bucket_index)],
               field->size * sizeof(uint64_t));
    }
}

static void read_entity(const struct source_form *form, const struct field_table *fields,
                        struct cursor *at, unsigned cause, struct sample_entity *e)
{
    e->readings = at->readings + at->row * at->sample->field_count;
    e->buckets = at->buckets + at->row * at->sample->bucket_count;
    e->cause = form->causes.to[cause];
    read_times(form, at->row, e->time_ns);
    if (!form->fields_are_same)
        spread(form, fields, at->row, e);
    at->row++;
}

/* Those of the writer that are known here; those that the writer did not know stay absent. */
static void read_gauges(const struct reading *from, size_t columns, size_t known,
                        struct reading *to)
{
    memcpy(to, from, (columns < known ? columns : known) * sizeof(*to));
}

static bool read_vcpu(const struct source_form *form, const struct field_table *fields, size_t i,
                      struct cursor *at, int previous_id)
{
    struct sample_vcpu *vcpu = at->vcpu;
    struct flat_vcpu from;

    flat_item(&form->vcpus, i, &from, sizeof(from));
    unsigned cause = le32toh(from.cause);
    vcpu->id = (int)le32toh((uint32_t)from.id);
    vcpu->tid = (pid_t)le32toh((uint32_t)from.tid);
    if (vcpu->id <= previous_id || vcpu->tid < 0 || cause >= form->causes.count)
        return false;
    read_entity(form, fields, at, cause, &vcpu->entity);
    read_gauges(form->vcpu_gauges + i * form->head.vcpu_gauges, form->head.vcpu_gauges,
                VCPU_GAUGE_COUNT, vcpu->gauges);
    at->vcpu++;
    return true;
}

static const char *keep_text(struct cursor *at, const char *s)
{
    char *to = at->text;
    size_t size = strlen(s) + 1;

    memcpy(to, s, size);
    at->text += size;
    return to;
}

static const char *keep_clean(struct cursor *at, const char *raw)
{
    char *to = at->text;
    size_t len = strlen(raw);

    if (text_clean(raw, len, to, len + 2) == 0)
        strcpy(to, "?");
    at->text += strlen(to) + 1;
    return to;
}

static bool read_facts(const struct source_form *form, const struct flat_vm *from,
                       struct cursor *at, struct vm_facts *ret)
{
    const char *vmm = flat_text_at(&form->text, from->vmm),
               *raw = flat_text_at(&form->text, from->name_raw);
    unsigned flags = le16toh(from->flags);

    if (vmm == NULL || raw == NULL || strlen(raw) > VM_NAME_RAW_MAX ||
        from->fds_cause >= form->causes.count)
        return false;
    *ret = (struct vm_facts){
        .creator_tid = (pid_t)le32toh((uint32_t)from->creator_tid),
        .object = le64toh(from->object),
        .vmm = vmm_by_name(vmm)->name,
        .name_raw = keep_text(at, raw),
        .name = keep_clean(at, raw),
        .ram_bytes = le64toh(from->ram_bytes),
        .fds_cause = form->causes.to[from->fds_cause],
        .vcpus_by_fd_order = (flags & VM_BY_FD_ORDER) != 0,
        .process_is_cut = (flags & VM_PROCESS_IS_CUT) != 0,
    };
    return ret->creator_tid >= 0;
}

static bool read_vm(const struct source_form *form, const struct field_table *fields, size_t i,
                    struct cursor *at, size_t *next_vcpu)
{
    struct sample_vm *vm = &at->sample->vms[i];
    struct flat_vm from;

    flat_item(&form->vms, i, &from, sizeof(from));
    vm->id = (struct vm_id){
        .pid = (pid_t)le32toh((uint32_t)from.pid),
        .start_ticks = le64toh(from.start_ticks),
        .fd = (int)le32toh((uint32_t)from.fd),
        .born = le64toh(from.born),
    };
    vm->gone = (le16toh(from.flags) & VM_GONE) != 0;
    vm->skipped = (le16toh(from.flags) & VM_SKIPPED) != 0;
    vm->vcpus = at->vcpu;
    vm->vcpu_count = le32toh(from.vcpus);
    if (vm->id.pid <= 0 || vm->id.fd < 0 || (i > 0 && !vm_id_before(&vm[-1].id, &vm->id)) ||
        vm->vcpu_count > form->vcpus.count - *next_vcpu || from.cause >= form->causes.count ||
        from.skip_cause >= form->causes.count || !read_facts(form, &from, at, &vm->facts))
        return false;
    vm->skip_cause = form->causes.to[from.skip_cause];
    read_entity(form, fields, at, from.cause, &vm->entity);
    read_gauges(form->vm_gauges + i * form->head.vm_gauges, form->head.vm_gauges, VM_GAUGE_COUNT,
                vm->gauges);
    for (size_t k = 0; k < vm->vcpu_count; k++, (*next_vcpu)++)
        if (!read_vcpu(form, fields, *next_vcpu, at, k > 0 ? vm->vcpus[k - 1].id : -1))
            return false;
    return true;
}

static bool read_host_text(const struct source_form *form, struct flat_text text, char *to,
                           size_t size)
{
    const char *from = flat_text_at(&form->text, text);

    if (from == NULL)
        return false;
    text_clean(from, strlen(from), to, size);
    return true;
}

static bool read_host(const struct source_form *form, struct host *ret)
{
    struct flat_section s = flat_find(&form->flat, HOST);
    struct flat_host from;

    if (s.count != 1)
        return false;
    flat_item(&s, 0, &from, sizeof(from));
    unsigned flags = le32toh(from.flags), lockdown = le32toh(from.lockdown);
    *ret = (struct host){
        .lockdown =
            lockdown <= LOCKDOWN_CONFIDENTIALITY ? (enum host_lockdown)lockdown : LOCKDOWN_UNKNOWN,
        .cpus = (int)(le32toh(from.cpus) & INT32_MAX),
        .mem_bytes = le64toh(from.mem_bytes),
        .caps = le64toh(from.caps),
        .kvm_module = (flags & HOST_KVM) != 0,
        .debugfs_mounted = (flags & HOST_DEBUGFS) != 0,
        .caps_known = (flags & HOST_CAPS_KNOWN) != 0,
        .is_root = (flags & HOST_IS_ROOT) != 0,
    };
    return read_host_text(form, from.name, ret->name, sizeof(ret->name)) &&
           read_host_text(form, from.kernel, ret->kernel, sizeof(ret->kernel)) &&
           read_host_text(form, from.debugfs, ret->debugfs, sizeof(ret->debugfs));
}

static void fill_head(const struct source_form *form, struct sample *s)
{
    const struct flat_head *h = &form->head;
    struct flat_section costs = flat_find(&form->flat, COSTS);

    s->wall = (struct timespec){.tv_sec = (time_t)h->wall_s, .tv_nsec = (long)h->wall_ns};
    s->read_ns = h->read_ns;
    s->self_cpu_ns = h->self_cpu_ns;
    s->duration_ns = h->duration_ns;
    s->hidden_processes = (size_t)h->hidden_processes;
    s->hidden_vms = (size_t)h->hidden_vms;
    s->cut_processes = (size_t)h->cut_processes;
    s->hidden_pid = h->hidden_pid;
    s->hidden_cause = (enum reading_cause)form->causes.to[h->hidden_cause];
    s->has_host = (h->flags & HEAD_HAS_HOST) != 0;
    s->proc_hides = (h->flags & HEAD_PROC_HIDES) != 0;
    for (size_t i = 0; i < costs.count && i < form->sources.count; i++) {
        uint64_t ns = 0;
        flat_item(&costs, i, &ns, sizeof(ns));
        s->cost_ns[form->sources.to[i]] += le64toh(ns);
    }
}

/* The arrays of VMs and vCPUs, and twice the room of their names: raw and cleaned. */
static struct sample *allocate(const struct source_form *form, struct cursor *ret)
{
    size_t vms = form->vms.count * sizeof(struct sample_vm);
    size_t vcpus = form->vcpus.count * sizeof(struct sample_vcpu);
    /* Texts may share their place in the form, but not here: each has its bound. */
    size_t texts = 0;
    struct sample *s = calloc(1, sizeof(*s));

    for (size_t i = 0; i < form->vms.count; i++) {
        struct flat_vm from;
        flat_item(&form->vms, i, &from, sizeof(from));
        size_t length = le32toh(from.name_raw.length);
        texts += 2 * ((length < VM_NAME_RAW_MAX ? length : VM_NAME_RAW_MAX) + 2);
    }
    if (s != NULL)
        s->memory = calloc(1, vms + vcpus + texts + 1);
    if (s == NULL || s->memory == NULL) {
        free(s);
        return NULL;
    }
    s->vms = s->memory;
    s->vm_count = form->vms.count;
    *ret = (struct cursor){.sample = s,
                           .vcpu = (struct sample_vcpu *)((char *)s->memory + vms),
                           .text = (char *)s->memory + vms + vcpus};
    return s;
}

/* The matrices of the buffer, or new ones where the columns here are others. */
static int place_matrices(const struct source_form *form, const struct field_table *fields,
                          struct cursor *at)
{
    struct sample *s = at->sample;

    s->field_count = form->fields.count;
    s->bucket_count = form->head.buckets;
    at->readings = form->readings;
    at->buckets = form->buckets;
    if (form->fields_are_same)
        return 0;
    s->field_count = fields->count;
    s->bucket_count = fields->bucket_count;
    size_t readings = form->entities * s->field_count * sizeof(struct reading);
    size_t buckets = form->entities * s->bucket_count * sizeof(uint64_t);
    if (readings + buckets > SAMPLE_FLAT_MATRIX_MAX)
        return -EBADMSG;
    s->matrices = calloc(1, readings + buckets + 1);
    if (s->matrices == NULL)
        return -ENOMEM;
    at->readings = s->matrices;
    at->buckets = (uint64_t *)((char *)s->matrices + readings);
    return 0;
}

static int make_sample(const struct source_form *form, const struct field_table *fields,
                       struct sample **ret)
{
    struct cursor at;
    struct sample *s = allocate(form, &at);
    size_t next_vcpu = 0;
    int result = s == NULL ? -ENOMEM : place_matrices(form, fields, &at);

    if (result == 0) {
        fill_head(form, s);
        read_entity(form, fields, &at, 0, &s->host);
        if (!read_host(form, &s->host_facts))
            result = -EBADMSG;
    }
    for (size_t i = 0; result == 0 && i < form->vms.count; i++)
        if (!read_vm(form, fields, i, &at, &next_vcpu))
            result = -EBADMSG;
    if (result == 0 && next_vcpu != form->vcpus.count)
        result = -EBADMSG;
    if (result < 0)
        sample_free(s);
    else
        *ret = s;
    return result;
}

static int read_form(void *buffer, size_t size, struct field_table *fields, struct sample **ret)
{
    struct source_form form = {0};
    int result = flat_open(buffer, size, FLAT_SAMPLE, &form.flat);

    if (result < 0)
        return result;
    form.text = flat_find(&form.flat, TEXT);
    form.vms = flat_find(&form.flat, VMS);
    form.vcpus = flat_find(&form.flat, VCPUS);
    if (!read_names(&form, SOURCE_NAMES, SOURCE_COUNT, sample_flat_source, &form.sources) ||
        !read_names(&form, CAUSE_NAMES, CAUSE_COUNT, sample_flat_cause, &form.causes) ||
        !read_head(&form))
        return -EBADMSG;
    result = read_fields(&form, fields);
    if (result < 0)
        return result;
    return read_matrices(&form) ? make_sample(&form, fields, ret) : -EBADMSG;
}

int sample_flat_read(void *buffer, size_t size, struct field_table *fields, struct sample **ret)
{
    struct sample *s = NULL;
    int result = read_form(buffer, size, fields, &s);

    /* Only a sample whose numbers lie in it has a use for the buffer. */
    if (result == 0 && s->matrices == NULL)
        s->matrices = buffer;
    else
        free(buffer);
    if (result == 0)
        *ret = s;
    return result;
}
