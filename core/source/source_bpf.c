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

#include "core/bpf/kvm_bpf_tick.h"
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

struct source {
    struct source_env env;
    const struct kvm_layout *layout; /* NULL: KVM is not there, or BTF tells nothing of it */
    size_t mapped_fields;            /* size of the field table when they were mapped */
    struct slots vm, vcpu;
    int guest_mode; /* field of that name; -1: there is none */
};

/* What is kept of a VM. */
struct vm_state {
    bool fails;
};

static bool bpf_wanted(const struct source_env *env)
{
    return env->bpf_tick != NULL;
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
    free(s);
}

static void bpf_forget(struct source *s, struct vm *vm)
{
    (void)s;
    if (vm->source_data[SOURCE_BPF] == NULL)
        return;
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

    if (s->mapped_fields == fields->count)
        return 0;
    if (map_members(fields, l->vm, l->vm_count, FIELD_VM, &s->vm) < 0 ||
        map_members(fields, l->vcpu, l->vcpu_count, FIELD_VCPU, &s->vcpu) < 0) {
        s->mapped_fields = UNMAPPED;
        return -ENOMEM;
    }
    s->mapped_fields = fields->count;
    s->guest_mode = field_table_find(fields, "guest_mode");
    return 0;
}

static int bpf_discover(struct source *s, const struct vm_list *vms)
{
    s->layout = kvm_bpf_layout(kvm_bpf_tick_bpf(s->env.bpf_tick), NULL);
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
                 const uint8_t *stat, uint64_t read_ns, struct sample_entity *to)
{
    to->time_ns[SOURCE_BPF] = read_ns;
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

/* False: the process has no such vCPU. */
static bool fill_vcpu(const struct source *s, const struct sample *sample,
                      const struct kvm_bpf_process *process, uint64_t vm, struct sample_vm *sv,
                      size_t k)
{
    struct sample_vcpu *vcpu = &sv->vcpus[k];
    const struct kvm_bpf_file *file = kvm_bpf_process_vcpu(process, vm, vcpu->id);
    int g = s->guest_mode;

    if (file == NULL)
        return false;
    follow_thread(sv->vm, k, vcpu, file->tid);
    fill(s, sample, &s->vcpu, file->stat, process->read_ns, &vcpu->entity);
    fill_gauges(file, vcpu->gauges);
    if (g >= 0 && (size_t)g < sample->field_count && vcpu->entity.readings[g].state == READING_OK)
        vcpu->gauges[VCPU_GUEST_MODE] = vcpu->entity.readings[g];
    return true;
}

/* How many vCPUs of VM @vm the process holds; more than one descriptor of one count once. */
static size_t count_held(const struct kvm_bpf_process *process, uint64_t vm)
{
    size_t count = 0;
    int last = -1;

    for (size_t i = 0; i < process->vcpu_count; i++)
        if (process->vcpus[i]->vm == vm && process->vcpus[i]->vcpu_id != last) {
            last = process->vcpus[i]->vcpu_id;
            count++;
        }
    return count;
}

/*
 * Returns whether those that the process has are all that the VM has. While it is made, it may have
 * more than discovery has seen: that is nobody's fault, and over in the next tick.
 */
static bool fill_vcpus(const struct source *s, const struct sample *sample,
                       const struct kvm_bpf_process *process, const struct kvm_bpf_file *vm,
                       struct sample_vm *sv)
{
    size_t found = 0;

    for (size_t k = 0; k < sv->vcpu_count; k++)
        found += fill_vcpu(s, sample, process, vm->vm, sv, k);
    const bool is_all = vm->vcpus < 0 || found >= (size_t)vm->vcpus ||
                        count_held(process, vm->vm) >= (size_t)vm->vcpus;
    const enum reading_cause cause = is_all ? CAUSE_GONE : CAUSE_VCPU_ELSEWHERE;
    sv->lacks_vcpus = vm->vcpus >= 0 && sv->vcpu_count < (size_t)vm->vcpus;
    if (is_all && found == sv->vcpu_count && !sv->lacks_vcpus)
        return true;
    explain(s, sample, FIELD_VCPU, cause, &sv->entity); /* there is no sum */
    for (size_t k = 0; k < sv->vcpu_count; k++)
        if (sv->vcpus[k].entity.time_ns[SOURCE_BPF] == 0)
            explain(s, sample, FIELD_VCPU, cause, &sv->vcpus[k].entity);
    return is_all;
}

/* What is known of the VM's process and the VM in it. CAUSE_NONE, or why it cannot be filled. */
static enum reading_cause look_for(const struct source *s, const struct vm *vm,
                                   const struct kvm_bpf_process **ret_process,
                                   const struct kvm_bpf_file **ret)
{
    if (s->layout == NULL)
        return CAUSE_BPF_UNUSABLE;
    const struct kvm_bpf_process *process = kvm_bpf_tick_read(s->env.bpf_tick, vm->id.pid);
    int result = process == NULL ? -ENOMEM : process->result;
    if (result < 0)
        return reading_cause_of_error(result, CAUSE_BPF_UNUSABLE);
    *ret_process = process;
    *ret = kvm_bpf_process_vm(process, vm->id.fd);
    /* Or one with the same descriptor number that discovery does not know yet. */
    bool is_it = *ret != NULL && !vm_is_another(vm, (*ret)->vm, (*ret)->birth);
    return is_it ? CAUSE_NONE : CAUSE_GONE;
}

static void bpf_read(struct source *s, struct sample *sample, struct sample_vm *sv)
{
    struct vm_state *state = sv->vm->source_data[SOURCE_BPF];
    const struct kvm_bpf_process *process = NULL;
    const struct kvm_bpf_file *file = NULL;

    if (state == NULL)
        return;
    enum reading_cause cause = look_for(s, sv->vm, &process, &file);
    /* Of one that ends just now nothing else can tell more; should it live on, the others step in
     * at the next tick. */
    bool ends = cause == CAUSE_GONE && !state->fails;
    state->fails = cause != CAUSE_NONE || file == NULL;
    sv->vm->counters_by = state->fails && !ends ? SOURCE_NONE : SOURCE_BPF;
    if (cause != CAUSE_NONE || file == NULL) {
        explain_all(s, sample, cause, sv);
        return;
    }
    fill(s, sample, &s->vm, file->stat, process->read_ns, &sv->entity);
    /* What it cannot reach another source may: the sum of all, if no more. */
    if (!fill_vcpus(s, sample, process, file, sv)) {
        state->fails = true;
        sv->vm->counters_by = SOURCE_NONE;
    }
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
