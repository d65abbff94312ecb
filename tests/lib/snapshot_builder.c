// SPDX-License-Identifier: MIT
#include "tests/lib/snapshot_builder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct snapshot_builder {
    struct field_table fields;
    struct snapshot s; /* vms, values and buckets allocated one by one until finish */
    struct snapshot *finished;
    bool taken;
};

static void *must(void *p)
{
    if (!p) {
        perror("snapshot_builder");
        abort();
    }
    return p;
}

/* A host that has little to do. */
static struct host_load quiet_host(void)
{
    const struct figure none = {.value = 0, .state = READING_OK};
    struct host_load h = {.load_1 = {.value = 0.21, .state = READING_OK},
                          .load_5 = {.value = 0.18, .state = READING_OK},
                          .load_15 = {.value = 0.11, .state = READING_OK},
                          .busy = {.value = 0.042, .state = READING_OK},
                          .guest = {.value = 0.031, .state = READING_OK},
                          .steal = none,
                          .iowait = none,
                          .mem_free = reading_ok(3ull << 30, SOURCE_PROC),
                          .mem_available = reading_ok(6ull << 30, SOURCE_PROC),
                          .swap_total = reading_ok(2ull << 30, SOURCE_PROC),
                          .swap_free = reading_ok(2ull << 30, SOURCE_PROC)};

    for (int i = 0; i < PRESSURE_COUNT; i++)
        h.pressure[i] = none;
    return h;
}

struct snapshot_builder *snapshot_builder_new(void)
{
    struct snapshot_builder *b = must(calloc(1, sizeof(*b)));

    b->s = (struct snapshot){
        .wall = {.tv_sec = 1767270605}, /* 2026-01-01 12:30:05 UTC */
        .mono_ns = 1000000000000,
        .interval_s = 1.0,
        .sample_ns = 812000,
        .self_cpu_ratio = 0.0021,
        .host = {.name = "web-07",
                 .kernel = "6.18.44",
                 .lockdown = LOCKDOWN_NONE,
                 .cpus = 2,
                 .mem_bytes = 8ull << 30,
                 .kvm_module = true,
                 .debugfs_mounted = true,
                 .debugfs = "sys/kernel/debug/kvm"},
        .host_load = quiet_host(),
    };
    return b;
}

struct snapshot *snapshot_builder_snapshot(struct snapshot_builder *b)
{
    return &b->s;
}

int snapshot_builder_field(struct snapshot_builder *b, const char *name, enum field_scope scope,
                           enum field_kind kind, enum field_unit unit, uint16_t size)
{
    struct field f = {.scope = scope,
                      .kind = kind,
                      .unit = unit,
                      .base = 10,
                      .exponent = unit == FIELD_SECONDS ? -9 : 0,
                      .size = size,
                      .bucket_size = kind == FIELD_LINEAR_HIST ? 10 : 0};

    snprintf(f.name, sizeof(f.name), "%s", name);
    int index = field_table_add(&b->fields, &f);
    if (index < 0) {
        fprintf(stderr, "snapshot_builder: field %s: %s\n", name, strerror(-index));
        abort();
    }
    b->s.fields = &b->fields;
    b->s.field_count = b->fields.count;
    b->s.bucket_count = b->fields.bucket_count;
    return index;
}

void snapshot_builder_fields_x86(struct snapshot_builder *b)
{
    static const struct {
        const char *name;
        enum field_scope scope;
        enum field_kind kind;
        enum field_unit unit;
        uint16_t size;
    } list[] = {
        {"exits", FIELD_VCPU, FIELD_CUMULATIVE, FIELD_NONE, 1},
        {"io_exits", FIELD_VCPU, FIELD_CUMULATIVE, FIELD_NONE, 1},
        {"mmio_exits", FIELD_VCPU, FIELD_CUMULATIVE, FIELD_NONE, 1},
        {"halt_exits", FIELD_VCPU, FIELD_CUMULATIVE, FIELD_NONE, 1},
        {"irq_injections", FIELD_VCPU, FIELD_CUMULATIVE, FIELD_NONE, 1},
        {"pf_fixed", FIELD_VCPU, FIELD_CUMULATIVE, FIELD_NONE, 1},
        {"halt_wait_ns", FIELD_VCPU, FIELD_CUMULATIVE, FIELD_SECONDS, 1},
        {"guest_mode", FIELD_VCPU, FIELD_INSTANT, FIELD_BOOLEAN, 1},
        {"pages_4k", FIELD_VM, FIELD_INSTANT, FIELD_NONE, 1},
        {"halt_wait_hist", FIELD_VCPU, FIELD_LOG_HIST, FIELD_SECONDS, 8},
    };

    for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
        snapshot_builder_field(b, list[i].name, list[i].scope, list[i].kind, list[i].unit,
                               list[i].size);
}

size_t snapshot_builder_vm(struct snapshot_builder *b, int pid, int fd, const char *name,
                           const char *vmm, size_t vcpus)
{
    struct snapshot *s = &b->s;

    s->vms = must(realloc(s->vms, (s->vm_count + 1) * sizeof(*s->vms)));
    struct snapshot_vm *vm = &s->vms[s->vm_count];
    *vm = (struct snapshot_vm){
        .id = {.pid = pid, .start_ticks = 1000 + (uint64_t)pid, .fd = fd},
        .creator_tid = pid,
        .vmm = vmm,
        .name = must(strdup(name)),
        .name_raw = must(strdup(name)),
        .vcpu_count = vcpus,
        .vcpus = must(calloc(vcpus + 1, sizeof(*vm->vcpus))),
        .values = must(calloc(s->field_count + 1, sizeof(*vm->values))),
        .buckets = must(calloc(s->bucket_count + 1, sizeof(*vm->buckets))),
    };
    for (size_t i = 0; i < vcpus; i++)
        vm->vcpus[i] = (struct snapshot_vcpu){
            .id = (int)i,
            .tid = pid + 1 + (int)i,
            .values = must(calloc(s->field_count + 1, sizeof(*vm->values))),
            .buckets = must(calloc(s->bucket_count + 1, sizeof(*vm->buckets))),
        };
    s->vcpu_count += vcpus;
    return s->vm_count++;
}

struct snapshot_vm *snapshot_builder_get(struct snapshot_builder *b, size_t vm)
{
    return &b->s.vms[vm];
}

static struct snapshot_value *value_of(struct snapshot_builder *b, size_t vm, int vcpu, int field)
{
    struct snapshot_vm *v = &b->s.vms[vm];

    return vcpu < 0 ? &v->values[field] : &v->vcpus[vcpu].values[field];
}

void snapshot_builder_set(struct snapshot_builder *b, size_t vm, int vcpu, int field, uint64_t raw,
                          double rate, enum reading_source source)
{
    struct snapshot_value *v = value_of(b, vm, vcpu, field);

    v->reading = reading_ok(raw, source);
    if (b->fields.fields[field].kind == FIELD_CUMULATIVE)
        v->rate = (struct figure){.value = rate, .state = READING_OK};
}

void snapshot_builder_missing(struct snapshot_builder *b, size_t vm, int vcpu, int field,
                              enum reading_state state, enum reading_cause cause)
{
    struct snapshot_value *v = value_of(b, vm, vcpu, field);

    v->reading = reading_missing(state, cause);
    v->rate = (struct figure){.state = (uint8_t)state, .cause = (uint8_t)cause};
}

void snapshot_builder_warmup(struct snapshot_builder *b, size_t vm, int vcpu, int field,
                             uint64_t raw)
{
    struct snapshot_value *v = value_of(b, vm, vcpu, field);

    v->reading = reading_ok(raw, SOURCE_STATSFD);
    v->rate = (struct figure){.state = READING_WARMUP};
}

void snapshot_builder_host(struct snapshot_builder *b, int field, uint64_t raw, double rate)
{
    struct snapshot *s = &b->s;

    if (s->host_values == NULL)
        s->host_values = must(calloc(s->field_count + 1, sizeof(*s->host_values)));
    s->host_values[field].reading = reading_ok(raw, SOURCE_DEBUGFS);
    if (b->fields.fields[field].kind == FIELD_CUMULATIVE)
        s->host_values[field].rate = (struct figure){.value = rate, .state = READING_OK};
}

/* --- one allocation --------------------------------------------------------------------------- */

/* Hands out parts of a block, or only counts when there is none yet. */
struct arena {
    char *memory;
    size_t used;
};

static void *part(struct arena *a, const void *from, size_t size)
{
    size_t at = (a->used + 15) & ~(size_t)15;

    a->used = at + size;
    if (!a->memory)
        return NULL;
    return size ? memcpy(a->memory + at, from, size) : a->memory + at;
}

static struct snapshot *copy_into(struct arena *a, const struct snapshot *from)
{
    struct snapshot *s = part(a, from, sizeof(*from));
    struct snapshot_vm *vms = part(a, from->vms, from->vm_count * sizeof(*vms));
    struct snapshot_value *host =
        from->host_values
            ? part(a, from->host_values, from->field_count * sizeof(*host))
            : NULL;

    for (size_t i = 0; i < from->vm_count; i++) {
        const struct snapshot_vm *f = &from->vms[i];
        struct snapshot_vm vm = *f;
        size_t values = from->field_count * sizeof(*vm.values);
        size_t buckets = from->bucket_count * sizeof(*vm.buckets);

        vm.name = part(a, f->name, strlen(f->name) + 1);
        vm.name_raw = part(a, f->name_raw, strlen(f->name_raw) + 1);
        vm.values = part(a, f->values, values);
        vm.buckets = part(a, f->buckets, buckets);
        vm.vcpus = part(a, f->vcpus, f->vcpu_count * sizeof(*vm.vcpus));
        for (size_t c = 0; c < f->vcpu_count; c++) {
            struct snapshot_value *v = part(a, f->vcpus[c].values, values);
            uint64_t *u = part(a, f->vcpus[c].buckets, buckets);
            if (a->memory) {
                vm.vcpus[c].values = v;
                vm.vcpus[c].buckets = u;
            }
        }
        if (a->memory)
            vms[i] = vm;
    }
    if (s) {
        s->vms = vms;
        s->host_values = host;
    }
    return s;
}

const struct snapshot *snapshot_builder_finish(struct snapshot_builder *b)
{
    struct arena a = {0};

    b->s.fields = &b->fields;
    if (!b->taken)
        free(b->finished);
    b->taken = false;
    copy_into(&a, &b->s);
    a.memory = must(malloc(a.used));
    a.used = 0;
    b->finished = copy_into(&a, &b->s);
    return b->finished;
}

struct snapshot *snapshot_builder_take(struct snapshot_builder *b)
{
    snapshot_builder_finish(b);
    b->taken = true;
    b->s.exits = NULL; /* which belong to that one now */
    return b->finished;
}

void snapshot_builder_free(struct snapshot_builder *b)
{
    if (!b)
        return;
    for (size_t i = 0; i < b->s.vm_count; i++) {
        struct snapshot_vm *vm = &b->s.vms[i];
        for (size_t c = 0; c < vm->vcpu_count; c++) {
            free(vm->vcpus[c].values);
            free(vm->vcpus[c].buckets);
        }
        free(vm->vcpus);
        free(vm->values);
        free(vm->buckets);
        free((char *)vm->name);
        free((char *)vm->name_raw);
    }
    free(b->s.vms);
    free(b->s.host_values);
    free(b->s.exits);
    if (!b->taken)
        free(b->finished);
    field_table_done(&b->fields);
    free(b);
}

/* --- ready-made hosts ------------------------------------------------------------------------- */

enum { EXITS, IO, MMIO, HALT, IRQ, PF, WAIT_NS, GUEST_MODE, PAGES, HIST };

/* Rates per second of one vCPU for EXITS .. PF. */
static void set_vcpus(struct snapshot_builder *b, size_t vm, const double rates[6], double cpu,
                      double wait)
{
    struct snapshot_vm *v = &b->s.vms[vm];
    size_t n = v->vcpu_count;

    for (int f = EXITS; f <= PF; f++) {
        for (size_t c = 0; c < n; c++)
            snapshot_builder_set(b, vm, (int)c, f, (uint64_t)(rates[f] * 3600), rates[f],
                                 SOURCE_STATSFD);
        snapshot_builder_set(b, vm, -1, f, (uint64_t)(rates[f] * 3600) * n, rates[f] * (double)n,
                             SOURCE_STATSFD);
    }
    for (size_t c = 0; c < n; c++) {
        struct snapshot_vcpu *vcpu = &v->vcpus[c];
        vcpu->cpu_ratio = (struct figure){.value = cpu, .state = READING_OK};
        vcpu->wait_ratio = (struct figure){.value = wait, .state = READING_OK};
        vcpu->gauges[VCPU_TSC_OFFSET] = reading_ok((uint64_t)-9553258952, SOURCE_DEBUGFS);
        vcpu->gauges[VCPU_GUEST_MODE] = reading_ok(0, SOURCE_DEBUGFS);
        snapshot_builder_set(b, vm, (int)c, WAIT_NS, 950000000, 9.5e8, SOURCE_STATSFD);
        snapshot_builder_set(b, vm, (int)c, GUEST_MODE, 0, 0, SOURCE_STATSFD);
        snapshot_builder_set(b, vm, (int)c, HIST, 0, 0, SOURCE_STATSFD);
        for (size_t i = 0; i < b->s.bucket_count; i++) {
            vcpu->buckets[i] = i * i * (c + 1);
            v->buckets[i] += vcpu->buckets[i];
        }
    }
    snapshot_builder_set(b, vm, -1, WAIT_NS, 950000000 * n, 9.5e8 * (double)n, SOURCE_STATSFD);
    snapshot_builder_set(b, vm, -1, GUEST_MODE, 0, 0, SOURCE_STATSFD);
    snapshot_builder_set(b, vm, -1, HIST, 0, 0, SOURCE_STATSFD);
    v->cpu_ratio = (struct figure){.value = cpu * (double)n, .state = READING_OK};
    v->wait_ratio = (struct figure){.value = wait * (double)n, .state = READING_OK};
    v->vcpu_source = SOURCE_STATSFD;
}

void snapshot_builder_three_vms(struct snapshot_builder *b)
{
    static const double idle[6] = {60, 6, 0, 49, 50.5, 0};
    static const double busy[6] = {4762.5, 137.5, 5, 362.5, 262.5, 38.75};
    size_t vm;

    snapshot_builder_fields_x86(b);
    vm = snapshot_builder_vm(b, 5164, 9, "vm16", "qemu", 2);
    set_vcpus(b, vm, idle, 0.0155, 0);
    b->s.vms[vm].ram_bytes = reading_ok(16ull << 30, SOURCE_PROC);
    b->s.vms[vm].gauges[VM_RSS_BYTES] = reading_ok(55ull << 20, SOURCE_PROC);
    b->s.vms[vm].gauges[VM_PAGETABLE_BYTES] = reading_ok(400ull << 10, SOURCE_PROC);
    snapshot_builder_missing(b, vm, -1, PAGES, READING_DENIED, CAUSE_LOCKDOWN);
    b->s.vms[vm].vm_cause = CAUSE_LOCKDOWN;

    vm = snapshot_builder_vm(b, 5201, 12, "db-primary", "qemu", 8);
    set_vcpus(b, vm, busy, 0.765, 0.00275);
    b->s.vms[vm].ram_bytes = reading_ok(32ull << 30, SOURCE_PROC);
    b->s.vms[vm].gauges[VM_RSS_BYTES] = reading_ok(25877ull << 20, SOURCE_PROC);
    b->s.vms[vm].gauges[VM_PAGETABLE_BYTES] = reading_ok(51ull << 20, SOURCE_PROC);
    b->s.vms[vm].mapped_bytes = reading_ok(24473ull << 20, SOURCE_DEBUGFS);
    snapshot_builder_set(b, vm, -1, PAGES, 6265088, 0, SOURCE_DEBUGFS);
    b->s.vms[vm].vm_source = SOURCE_DEBUGFS;

    vm = snapshot_builder_vm(b, 6003, 21, "fc-1", "firecracker", 1);
    for (int f = EXITS; f <= HIST; f++) {
        snapshot_builder_missing(b, vm, -1, f, READING_DENIED, CAUSE_LOCKDOWN);
        snapshot_builder_missing(b, vm, 0, f, READING_ABSENT, CAUSE_NO_STATS_FD);
    }
    b->s.vms[vm].cpu_ratio = (struct figure){.value = 0.271, .state = READING_OK};
    b->s.vms[vm].wait_ratio = (struct figure){.value = 0.221, .state = READING_OK};
    b->s.vms[vm].vcpus[0].cpu_ratio = (struct figure){.value = 0.262, .state = READING_OK};
    b->s.vms[vm].vcpus[0].wait_ratio = (struct figure){.value = 0.221, .state = READING_OK};
    b->s.vms[vm].ram_bytes = reading_ok(512ull << 20, SOURCE_PROC);
    b->s.vms[vm].gauges[VM_RSS_BYTES] = reading_ok(130ull << 20, SOURCE_PROC);
    b->s.vms[vm].vm_cause = CAUSE_LOCKDOWN;
    b->s.vms[vm].vcpu_cause = CAUSE_NO_STATS_FD;
}

void snapshot_builder_many_vms(struct snapshot_builder *b, size_t count, size_t vcpus)
{
    snapshot_builder_fields_x86(b);
    for (size_t i = 0; i < count; i++) {
        char name[32];
        double k = (double)((i * 7919) % 1009);
        const double rates[6] = {k * 3, k, k / 7, k / 2, k / 3, k / 100};
        snprintf(name, sizeof(name), "vm-%04zu", i);
        size_t vm = snapshot_builder_vm(b, 10000 + (int)i * 10, 9, name, "qemu", vcpus);
        set_vcpus(b, vm, rates, k / 2000, k / 20000);
        b->s.vms[vm].ram_bytes = reading_ok(4ull << 30, SOURCE_PROC);
        b->s.vms[vm].gauges[VM_RSS_BYTES] = reading_ok((uint64_t)(k * 4e6), SOURCE_PROC);
    }
}
