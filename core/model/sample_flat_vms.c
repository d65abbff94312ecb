// SPDX-License-Identifier: MIT
/* The sample that a flat form makes, a VM at a time. */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "core/model/sample_flat_form.h"
#include "core/model/vmm.h"

/* Where the next arrays and texts of the sample go, and which row of the matrices is next. */
struct cursor {
    struct sample *sample;
    struct sample_vcpu *vcpu;
    struct sample_device *device;
    size_t next_device; /* of the form */
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

static const char *keep_text(struct cursor *at, const char *s)
{
    char *to = at->text;
    size_t size = strlen(s) + 1;

    memcpy(to, s, size);
    at->text += size;
    return to;
}

/* A list of CPUs has only these characters: "0-3,8". */
static bool read_cpus(const struct source_form *form, struct flat_text text, struct cursor *at,
                      const char **ret)
{
    const char *from = text.length != 0 ? flat_text_at(&form->text, text) : "";
    size_t length = from != NULL ? strlen(from) : 0;

    if (from == NULL || length >= CPUS_ALLOWED_MAX || from[strspn(from, "0123456789,-")] != '\0')
        return false;
    *ret = length > 0 ? keep_text(at, from) : NULL;
    return true;
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
    if (vcpu->id <= previous_id || vcpu->tid < 0 || cause >= form->causes.count ||
        !read_cpus(form, from.cpus_allowed, at, &vcpu->cpus_allowed))
        return false;
    read_entity(form, fields, at, cause, &vcpu->entity);
    read_gauges(form->vcpu_gauges + i * form->head.vcpu_gauges, form->head.vcpu_gauges,
                VCPU_GAUGE_COUNT, vcpu->gauges);
    at->vcpu++;
    return true;
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

/* The VMM chose the name, so it is cleaned here as well. */
static bool read_device(const struct source_form *form, const struct flat_device *from,
                        struct cursor *at, struct sample_vm *vm)
{
    const char *name = flat_text_at(&form->text, from->name);
    struct sample_device *device = at->device;

    if (name == NULL || strlen(name) >= IO_NAME_MAX || from->kind >= IO_DEVICE_KIND_COUNT ||
        vm->device_count >= IO_DEVICES_MAX || !sample_form_device_counts(form, at->next_device))
        return false;
    if (vm->device_count++ == 0)
        vm->devices = device;
    device->name = keep_clean(at, name);
    device->kind = from->kind;
    device->is_read_only = (from->flags & DEVICE_READ_ONLY) != 0;
    device->time_ns = le64toh(from->time_ns);
    if (form->device_counters > 0)
        read_gauges(form->device_counts + at->next_device * form->device_counters,
                    form->device_counters, IO_COUNTER_COUNT, device->counts);
    at->device++;
    at->next_device++;
    return true;
}

/* Those of the VM with number @i. */
static bool read_devices(const struct source_form *form, size_t i, struct cursor *at,
                         struct sample_vm *vm)
{
    struct flat_device from;

    for (; at->next_device < form->devices.count;) {
        flat_item(&form->devices, at->next_device, &from, sizeof(from));
        if (le32toh(from.vm) != i)
            break;
        if (!read_device(form, &from, at, vm))
            return false;
    }
    return true;
}

static bool read_facts(const struct source_form *form, const struct flat_vm *from,
                       struct cursor *at, struct vm_facts *ret)
{
    const char *vmm = flat_text_at(&form->text, from->vmm),
               *raw = flat_text_at(&form->text, from->name_raw);
    unsigned flags = le16toh(from->flags);

    if (vmm == NULL || raw == NULL || strlen(raw) > VM_NAME_RAW_MAX ||
        from->fds_cause >= form->causes.count || from->migration >= VM_MIGRATION_COUNT)
        return false;
    *ret = (struct vm_facts){
        .creator_tid = (pid_t)le32toh((uint32_t)from->creator_tid),
        .object = le64toh(from->object),
        .vmm = vmm_by_name(vmm)->name,
        .name_raw = keep_text(at, raw),
        .name = keep_clean(at, raw),
        .ram_bytes = le64toh(from->ram_bytes),
        .fds_cause = form->causes.to[from->fds_cause],
        .migration = from->migration,
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
    if (!sample_form_entities(form, at->row, 1 + vm->vcpu_count) ||
        !sample_form_vm_gauges(form, i) ||
        !sample_form_vcpu_gauges(form, *next_vcpu, vm->vcpu_count))
        return false;
    vm->skip_cause = form->causes.to[from.skip_cause];
    read_entity(form, fields, at, from.cause, &vm->entity);
    read_gauges(form->vm_gauges + i * form->head.vm_gauges, form->head.vm_gauges, VM_GAUGE_COUNT,
                vm->gauges);
    for (size_t k = 0; k < vm->vcpu_count; k++, (*next_vcpu)++)
        if (!read_vcpu(form, fields, *next_vcpu, at, k > 0 ? vm->vcpus[k - 1].id : -1))
            return false;
    return read_devices(form, i, at, vm);
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
        .btf = (flags & HOST_BTF) != 0,
    };
    return read_host_text(form, from.name, ret->name, sizeof(ret->name)) &&
           read_host_text(form, from.kernel, ret->kernel, sizeof(ret->kernel)) &&
           read_host_text(form, from.debugfs, ret->debugfs, sizeof(ret->debugfs));
}

static bool read_bpf(const struct source_form *form, struct bpf_status *ret)
{
    struct flat_section s = flat_find(&form->flat, BPF);
    struct flat_bpf from;

    *ret = (struct bpf_status){.state = BPF_UNASKED};
    if (s.count == 0)
        return true;
    flat_item(&s, 0, &from, sizeof(from));
    uint32_t state = le32toh(from.state), obstacle = le32toh(from.obstacle);
    if (s.count != 1 || state >= BPF_STATE_COUNT || obstacle >= BPF_OBSTACLE_COUNT)
        return false;
    ret->state = (uint8_t)state;
    ret->obstacle = (uint8_t)obstacle;
    return read_host_text(form, from.why, ret->why, sizeof(ret->why));
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
    size_t devices = form->devices.count * sizeof(struct sample_device);
    /* Texts may share their place in the form, but not here: each has its bound. */
    size_t texts = 0;
    struct sample *s = calloc(1, sizeof(*s));

    for (size_t i = 0; i < form->vms.count; i++) {
        struct flat_vm from;
        flat_item(&form->vms, i, &from, sizeof(from));
        size_t length = le32toh(from.name_raw.length);
        texts += 2 * ((length < VM_NAME_RAW_MAX ? length : VM_NAME_RAW_MAX) + 2);
    }
    for (size_t i = 0; i < form->vcpus.count; i++) {
        struct flat_vcpu from;
        flat_item(&form->vcpus, i, &from, sizeof(from));
        size_t length = le32toh(from.cpus_allowed.length);
        texts += (length < CPUS_ALLOWED_MAX ? length : CPUS_ALLOWED_MAX) + 1;
    }
    for (size_t i = 0; i < form->devices.count; i++) {
        struct flat_device from;
        flat_item(&form->devices, i, &from, sizeof(from));
        size_t length = le32toh(from.name.length);
        texts += (length < IO_NAME_MAX ? length : IO_NAME_MAX) + 2;
    }
    if (s != NULL)
        s->memory = calloc(1, vms + vcpus + devices + texts + 1);
    if (s == NULL || s->memory == NULL) {
        free(s);
        return NULL;
    }
    s->vms = s->memory;
    s->vm_count = form->vms.count;
    *ret = (struct cursor){.sample = s,
                           .vcpu = (struct sample_vcpu *)((char *)s->memory + vms),
                           .device = (struct sample_device *)((char *)s->memory + vms + vcpus),
                           .text = (char *)s->memory + vms + vcpus + devices};
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

/* --- a VM at a time --------------------------------------------------------------------------- */

struct sample_reader {
    struct source_form form;
    void *buffer; /* NULL: the sample has it */
    struct spare *home;
    const struct field_table *fields;
    struct cursor at;
    size_t next_vm, next_vcpu;
};

static int begin(struct sample_reader *r, size_t size, struct field_table *fields)
{
    int result = sample_form_open(r->buffer, size, fields, &r->form);

    if (result < 0)
        return result;
    struct sample *s = allocate(&r->form, &r->at);
    if (s == NULL)
        return -ENOMEM;
    result = place_matrices(&r->form, fields, &r->at);
    if (result < 0)
        return result;
    fill_head(&r->form, s);
    if (!sample_form_entities(&r->form, 0, 1) || !read_host(&r->form, &s->host_facts) ||
        !read_bpf(&r->form, &s->bpf))
        return -EBADMSG;
    read_entity(&r->form, fields, &r->at, 0, &s->host);
    if (!sample_form_host_gauges(&r->form))
        return -EBADMSG;
    if (r->form.host_gauge_count > 0)
        read_gauges(r->form.host_gauges, r->form.host_gauge_count, HOST_GAUGE_COUNT,
                    s->host_gauges);
    return 0;
}

int sample_reader_open(void *buffer, size_t size, struct spare *home, struct field_table *fields,
                       struct sample_reader **ret)
{
    struct sample_reader *r = calloc(1, sizeof(*r));

    if (r == NULL) {
        spare_give(home, buffer);
        return -ENOMEM;
    }
    r->buffer = buffer;
    r->home = home;
    r->fields = fields;
    int result = begin(r, size, fields);
    if (result < 0)
        sample_reader_close(r);
    else
        *ret = r;
    return result;
}

void sample_reader_close(struct sample_reader *r)
{
    if (r == NULL)
        return;
    sample_free(r->at.sample);
    spare_give(r->home, r->buffer);
    free(r);
}

/* Only a sample whose numbers lie in the buffer has a use for it. */
static struct sample *finish(struct sample_reader *r)
{
    struct sample *s = r->at.sample;

    if (s->matrices == NULL) {
        s->matrices = r->buffer;
        s->home = r->home;
        r->buffer = NULL;
    }
    r->at.sample = NULL;
    return s;
}

int sample_reader_step(struct sample_reader *r, size_t entities, struct sample **ret)
{
    const size_t first = r->at.row;

    while (r->next_vm < r->form.vms.count && r->at.row - first < entities) {
        if (!read_vm(&r->form, r->fields, r->next_vm, &r->at, &r->next_vcpu))
            return -EBADMSG;
        r->next_vm++;
    }
    if (r->next_vm < r->form.vms.count)
        return 0;
    if (r->next_vcpu != r->form.vcpus.count || r->at.next_device != r->form.devices.count)
        return -EBADMSG;
    *ret = finish(r);
    return 1;
}

int sample_flat_read(void *buffer, size_t size, struct field_table *fields, struct sample **ret)
{
    struct sample_reader *r;
    int result = sample_reader_open(buffer, size, NULL, fields, &r);

    if (result < 0)
        return result;
    result = sample_reader_step(r, SIZE_MAX, ret);
    sample_reader_close(r);
    return result < 0 ? result : 0;
}
