// SPDX-License-Identifier: MIT
/*
 * Source: KVM's own structures, through the BPF programs of core/bpf. Used only where they were
 * loaded because somebody asked for them.
 *
 * One read of a process gives all counters of all its VMs and their vCPUs, of one moment nearly,
 * with no descriptor copied and none opened: also of VMMs that keep no stats descriptor, and where
 * lockdown closes debugfs. So for a VM that it fills the others need not look (counters_by of
 * struct vm). Where it fails they step in at the next tick.
 *
 * Names and places of the counters are those of the kernel's BTF. Their kind and unit are those of
 * a stats descriptor of that name, else of core/model/field_known.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/bpf/kvm_bpf.h"
#include "core/bpf/kvm_layout.h"
#include "core/source/source.h"

#define UNMAPPED SIZE_MAX

/* A counter of the layout and where it goes. */
struct slot {
    const struct kvm_stat_member *member;
    int field; /* -1: nowhere */
};

struct slots {
    struct slot *slots;
    size_t count;
};

/* One open file of KVM, and where its counters stand in @bytes of the source. */
struct record {
    struct kvm_bpf_file file; /* without its counters */
    size_t at;
};

struct source {
    struct source_env env;
    const struct kvm_layout *layout; /* NULL: KVM is not there, or BTF tells nothing of it */
    unsigned layout_version;         /* that @vm and @vcpu are of */
    size_t mapped_fields;            /* size of the field table when they were mapped */
    struct slots vm, vcpu;
    int guest_mode; /* field of that name; -1: there is none */
    /* What the last read gave, of process @pid; 0: of none in this tick */
    pid_t pid;
    int result;
    uint64_t read_ns;
    bool is_full;                /* no memory for all of it */
    struct record *records;      /* ascending descriptor */
    const struct record **vcpus; /* those that are vCPUs, ascending (VM, id) */
    size_t count, cap, vcpu_count;
    uint8_t *bytes;
    size_t bytes_used, bytes_cap;
};

/* What is kept of a VM. */
struct vm_state {
    uint64_t vm; /* the kernel's own; another one: another VM. 0: not seen yet */
    bool fails;
};

static bool bpf_wanted(const struct source_env *env)
{
    return env->bpf != NULL;
}

static int bpf_attach(const struct source_env *env, struct source **ret)
{
    struct source *s = calloc(1, sizeof(*s));

    if (s == NULL)
        return -ENOMEM;
    s->env = *env;
    s->mapped_fields = UNMAPPED;
    *ret = s;
    return 0;
}

static void bpf_detach(struct source *s)
{
    free(s->vm.slots);
    free(s->vcpu.slots);
    free(s->records);
    free(s->vcpus);
    free(s->bytes);
    free(s);
}

static void bpf_forget(struct source *s, struct vm *vm)
{
    if (vm->source_data[SOURCE_BPF] == NULL)
        return;
    kvm_bpf_forget(s->env.bpf, vm->id.pid);
    free(vm->source_data[SOURCE_BPF]);
    vm->source_data[SOURCE_BPF] = NULL;
    vm->counters_by = SOURCE_NONE;
}

/* --- what counters there are ------------------------------------------------------------------ */

static bool fits(const struct field *field, const struct kvm_stat_member *member,
                 enum field_scope scope)
{
    return field->scope == scope && field->size == member->size &&
           strcmp(field->name, member->name) == 0;
}

/*
 * The field of a counter: the last of that name, which a descriptor has given if any did. An array
 * of a name that nobody knows is no histogram that we could draw. -1: none; or -ENOMEM.
 */
static int field_of(struct field_table *fields, const struct kvm_stat_member *member,
                    enum field_scope scope)
{
    const struct field_known *known = field_known(member->name);
    struct field field = {
        .scope = scope, .kind = FIELD_CUMULATIVE, .base = 10, .size = member->size};

    for (size_t i = fields->count; i-- > 0;)
        if (fits(&fields->fields[i], member, scope))
            return (int)i;
    memcpy(field.name, member->name, sizeof(field.name));
    if (known != NULL && known->scope == scope && known->size == member->size) {
        field.kind = known->kind;
        field.unit = known->unit;
        field.exponent = known->exponent;
    } else if (member->size > 1) {
        return -1;
    } else if (strncmp(member->name, "max_", 4) == 0) {
        field.kind = FIELD_PEAK;
    }
    int found = field_table_add(fields, &field);
    return found == -ENOMEM ? found : found < 0 ? -1 : found;
}

static int map_members(struct field_table *fields, const struct kvm_stat_member *members,
                       size_t count, enum field_scope scope, struct slots *ret)
{
    struct slot *slots = realloc(ret->slots, (count + 1) * sizeof(*slots));

    if (slots == NULL)
        return -ENOMEM;
    ret->slots = slots;
    ret->count = count;
    for (size_t i = 0; i < count; i++) {
        slots[i] = (struct slot){&members[i], field_of(fields, &members[i], scope)};
        if (slots[i].field == -ENOMEM)
            return -ENOMEM;
    }
    return 0;
}

static int map_layout(struct source *s)
{
    const struct kvm_layout *l = s->layout;
    struct field_table *fields = s->env.fields;

    if (s->mapped_fields == fields->count && s->layout_version == l->version)
        return 0;
    if (map_members(fields, l->vm, l->vm_count, FIELD_VM, &s->vm) < 0 ||
        map_members(fields, l->vcpu, l->vcpu_count, FIELD_VCPU, &s->vcpu) < 0) {
        s->mapped_fields = UNMAPPED;
        return -ENOMEM;
    }
    s->mapped_fields = fields->count;
    s->layout_version = l->version;
    s->guest_mode = field_table_find(fields, "guest_mode");
    return 0;
}

static int bpf_discover(struct source *s, const struct vm_list *vms)
{
    s->pid = 0;
    s->layout = kvm_bpf_layout(s->env.bpf, NULL);
    for (size_t i = 0; i < vms->count; i++) {
        struct vm *vm = vms->vms[i];
        struct vm_state *state = vm->source_data[SOURCE_BPF];
        if (state == NULL) {
            state = calloc(1, sizeof(*state));
            if (state == NULL)
                return -ENOMEM;
            vm->source_data[SOURCE_BPF] = state;
        }
        vm->counters_by = s->layout != NULL && !state->fails ? SOURCE_BPF : SOURCE_NONE;
    }
    return s->layout != NULL ? map_layout(s) : 0;
}

/* --- reading a process ------------------------------------------------------------------------ */

static bool need_room(struct source *s, size_t bytes)
{
    if (s->count == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 16;
        struct record *grown = realloc(s->records, cap * sizeof(*grown));
        if (grown == NULL)
            return false;
        s->records = grown;
        const struct record **vcpus = realloc(s->vcpus, cap * sizeof(struct record *));
        if (vcpus == NULL)
            return false;
        s->vcpus = vcpus;
        s->cap = cap;
    }
    if (s->bytes_used + bytes > s->bytes_cap) {
        size_t cap = s->bytes_cap * 2 > s->bytes_used + bytes ? s->bytes_cap * 2
                                                              : s->bytes_used + bytes + 8192;
        uint8_t *grown = realloc(s->bytes, cap);
        if (grown == NULL)
            return false;
        s->bytes = grown;
        s->bytes_cap = cap;
    }
    return true;
}

static void take_file(void *user, const struct kvm_bpf_file *file)
{
    struct source *s = user;

    if (file->stat == NULL || !need_room(s, file->stat_bytes)) {
        s->is_full = true;
        return;
    }
    struct record *r = &s->records[s->count++];
    *r = (struct record){*file, s->bytes_used};
    r->file.stat = NULL;
    memcpy(s->bytes + s->bytes_used, file->stat, file->stat_bytes);
    s->bytes_used += file->stat_bytes;
}

static int compare_vcpus(const void *a, const void *b)
{
    const struct kvm_bpf_file *x = &(*(const struct record *const *)a)->file,
                              *y = &(*(const struct record *const *)b)->file;

    if (x->vm != y->vm)
        return x->vm < y->vm ? -1 : 1;
    return (x->vcpu_id > y->vcpu_id) - (x->vcpu_id < y->vcpu_id);
}

/* All VMs of a process at once: once in a tick. */
static void read_process(struct source *s, pid_t pid)
{
    unsigned wants = KVM_BPF_STATS | (s->env.histograms ? KVM_BPF_HISTOGRAMS : 0);

    s->pid = pid;
    s->count = s->vcpu_count = s->bytes_used = 0;
    s->is_full = false;
    /* A descriptor that its process closes meanwhile is closed for good when we let go of it. */
    beacon_at(s->env.beacon, pid, BEACON_READ_FD);
    s->result = kvm_bpf_read_process(s->env.bpf, pid, wants, take_file, s, NULL);
    s->read_ns = s->env.now_ns();
    if (s->result == 0 && s->is_full)
        s->result = -ENOMEM;
    for (size_t i = 0; i < s->count; i++)
        if (s->records[i].file.kind == KVM_BPF_VCPU)
            s->vcpus[s->vcpu_count++] = &s->records[i];
    if (s->vcpu_count > 0)
        qsort(s->vcpus, s->vcpu_count, sizeof(struct record *), compare_vcpus);
}

static const struct record *find_vm(const struct source *s, int fd)
{
    size_t low = 0, high = s->count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (s->records[middle].file.fd < fd)
            low = middle + 1;
        else
            high = middle;
    }
    bool found =
        low < s->count && s->records[low].file.fd == fd && s->records[low].file.kind == KVM_BPF_VM;
    return found ? &s->records[low] : NULL;
}

static const struct record *find_vcpu(const struct source *s, uint64_t vm, int id)
{
    const struct record wanted = {.file = {.vm = vm, .vcpu_id = id}}, *key = &wanted;
    const struct record **found =
        s->vcpu_count == 0
            ? NULL
            : bsearch(&key, s->vcpus, s->vcpu_count, sizeof(struct record *), compare_vcpus);

    return found != NULL ? *found : NULL;
}

/* --- filling a VM ----------------------------------------------------------------------------- */

static void explain(const struct source *s, const struct sample *sample, enum field_scope scope,
                    enum reading_cause cause, struct sample_entity *to)
{
    to->cause = (uint8_t)cause;
    for (size_t f = 0; f < sample->field_count; f++)
        if (s->env.fields->fields[f].scope == scope && to->readings[f].state != READING_OK)
            to->readings[f] = reading_of_cause(cause);
}

static void explain_all(const struct source *s, const struct sample *sample,
                        enum reading_cause cause, struct sample_vm *sv)
{
    explain(s, sample, FIELD_VM, cause, &sv->entity);
    for (size_t k = 0; k < sv->vcpu_count; k++)
        explain(s, sample, FIELD_VCPU, cause, &sv->vcpus[k].entity);
}

static void fill_histogram(const struct kvm_stat_member *member, const uint8_t *stat,
                           const struct field *field, struct sample_entity *to)
{
    for (size_t b = 0; b < member->size; b++)
        to->buckets[field->bucket_index + b] = kvm_member_read(member, b, stat);
}

static void fill(const struct source *s, const struct sample *sample, const struct slots *slots,
                 const struct record *record, struct sample_entity *to)
{
    const uint8_t *stat = s->bytes + record->at;

    to->time_ns[SOURCE_BPF] = s->read_ns;
    for (size_t i = 0; i < slots->count; i++) {
        const struct kvm_stat_member *member = slots->slots[i].member;
        int f = slots->slots[i].field;
        if (f < 0 || (size_t)f >= sample->field_count)
            continue;
        if (member->size > 1 && !s->env.histograms) {
            to->readings[f] = reading_of_cause(CAUSE_NOT_ASKED_FOR);
            continue;
        }
        to->readings[f] = reading_ok(kvm_member_read(member, 0, stat), SOURCE_BPF);
        if (member->size > 1)
            fill_histogram(member, stat, &s->env.fields->fields[f], to);
    }
}

/*
 * The TSC of a guest runs as fast as that of the host times ratio / 2^bits. AMD has 8.32 bits,
 * Intel 16.48, and no guest is scaled by more than 256. A CPU that cannot scale has a ratio of 1 or
 * 0. Source: arch/x86/kvm/svm/svm.h (SVM_TSC_RATIO), arch/x86/kvm/vmx/vmx.c.
 */
static void fill_scaling(uint64_t ratio, struct reading *gauges)
{
    unsigned bits = ratio >> 40 != 0 ? 48 : 32;

    if (ratio >> 20 == 0)
        return;
    gauges[VCPU_TSC_SCALING_RATIO] = reading_ok(ratio, SOURCE_BPF);
    gauges[VCPU_TSC_SCALING_FRAC_BITS] = reading_ok(bits, SOURCE_BPF);
}

static void fill_gauges(const struct kvm_bpf_file *file, struct reading *gauges)
{
    if (file->has_tsc) {
        gauges[VCPU_TSC_OFFSET] = reading_ok((uint64_t)file->tsc_offset, SOURCE_BPF);
        gauges[VCPU_L1_TSC_OFFSET] = reading_ok((uint64_t)file->l1_tsc_offset, SOURCE_BPF);
        fill_scaling(file->tsc_scaling_ratio, gauges);
    }
    if (file->cpu >= 0)
        gauges[VCPU_HOST_CPU] = reading_ok((uint64_t)file->cpu, SOURCE_BPF);
    gauges[VCPU_PREEMPTED] = reading_ok(file->is_preempted, SOURCE_BPF);
    gauges[VCPU_HALT_POLL_WINDOW_NS] = reading_ok(file->halt_poll_ns, SOURCE_BPF);
}

/* A vCPU may come to run in another thread, and has none before it has run. */
static void follow_thread(struct vm *vm, size_t k, struct sample_vcpu *vcpu, pid_t tid)
{
    if (tid == 0 || k >= vm->vcpu_count || vm->vcpus[k].id != vcpu->id)
        return;
    vcpu->tid = vm->vcpus[k].tid = tid;
    vm->vcpus[k].tid_by_name = false;
}

static void fill_vcpu(const struct source *s, const struct sample *sample, uint64_t vm,
                      struct sample_vm *sv, size_t k)
{
    struct sample_vcpu *vcpu = &sv->vcpus[k];
    const struct record *record = find_vcpu(s, vm, vcpu->id);
    int g = s->guest_mode;

    if (record == NULL) {
        explain(s, sample, FIELD_VCPU, CAUSE_GONE, &vcpu->entity);
        explain(s, sample, FIELD_VCPU, CAUSE_GONE, &sv->entity); /* there is no sum */
        return;
    }
    follow_thread(sv->vm, k, vcpu, record->file.tid);
    fill(s, sample, &s->vcpu, record, &vcpu->entity);
    fill_gauges(&record->file, vcpu->gauges);
    if (g >= 0 && (size_t)g < sample->field_count && vcpu->entity.readings[g].state == READING_OK)
        vcpu->gauges[VCPU_GUEST_MODE] = vcpu->entity.readings[g];
}

/* Why the VM cannot be filled; CAUSE_NONE: it can, from *@ret. */
static enum reading_cause look_for(struct source *s, const struct vm *vm, struct vm_state *state,
                                   const struct record **ret)
{
    if (s->layout == NULL)
        return CAUSE_BPF_UNUSABLE;
    if (s->pid != vm->id.pid)
        read_process(s, vm->id.pid);
    if (s->result < 0)
        return reading_cause_of_error(s->result, CAUSE_BPF_UNUSABLE);
    *ret = find_vm(s, vm->id.fd);
    if (*ret == NULL)
        return CAUSE_GONE;
    /* One with the same descriptor number that discovery does not know yet. */
    bool other = state->vm != 0 && state->vm != (*ret)->file.vm;
    state->vm = (*ret)->file.vm;
    return other ? CAUSE_GONE : CAUSE_NONE;
}

static void bpf_read(struct source *s, struct sample *sample, struct sample_vm *sv)
{
    struct vm_state *state = sv->vm->source_data[SOURCE_BPF];
    const struct record *record = NULL;

    if (state == NULL)
        return;
    enum reading_cause cause = look_for(s, sv->vm, state, &record);
    /* Of one that ends just now nothing else can tell more; should it live on, the others step in
     * at the next tick. */
    bool ends = cause == CAUSE_GONE && !state->fails;
    state->fails = cause != CAUSE_NONE || record == NULL;
    sv->vm->counters_by = state->fails && !ends ? SOURCE_NONE : SOURCE_BPF;
    if (cause != CAUSE_NONE || record == NULL) {
        explain_all(s, sample, cause, sv);
        return;
    }
    fill(s, sample, &s->vm, record, &sv->entity);
    for (size_t k = 0; k < sv->vcpu_count; k++)
        fill_vcpu(s, sample, record->file.vm, sv, k);
}

const struct source_ops source_bpf = {
    .id = SOURCE_BPF,
    .wanted = bpf_wanted,
    .attach = bpf_attach,
    .discover = bpf_discover,
    .read = bpf_read,
    .forget = bpf_forget,
    .detach = bpf_detach,
};
