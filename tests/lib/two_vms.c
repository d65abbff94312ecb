// SPDX-License-Identifier: MIT
#include "tests/lib/two_vms.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"

#define BUCKETS 4
#define VCPUS_MAX 2
#define SECOND 1000000000ull

struct entity_memory {
    struct reading readings[F_COUNT];
    uint64_t buckets[BUCKETS];
};

struct two_vms {
    struct field_table fields;
    struct host host;
    struct vm vms[2];
    char names[2][64];
    struct sample samples[2];
    struct sample_vm sample_vms[2][2];
    struct sample_vcpu vcpus[2][2][VCPUS_MAX];
    struct entity_memory memory[2][2][1 + VCPUS_MAX];
    struct entity_memory totals[2]; /* of the host: none */
};

static const struct field fields[F_COUNT] = {
    [F_EXITS] = {"exits", FIELD_VCPU, FIELD_CUMULATIVE, FIELD_NONE, 10, 0, 1, 0, 0},
    [F_HALT_WAIT] = {"halt_wait_ns", FIELD_VCPU, FIELD_CUMULATIVE, FIELD_SECONDS, 10, -9, 1, 0, 0},
    [F_GUEST_MODE] = {"guest_mode", FIELD_VCPU, FIELD_INSTANT, FIELD_BOOLEAN, 10, 0, 1, 0, 0},
    [F_HIST] = {"halt_wait_hist", FIELD_VCPU, FIELD_LOG_HIST, FIELD_SECONDS, 10, -9, BUCKETS, 0, 0},
    [F_PTE_WRITE] = {"mmu_pte_write", FIELD_VM, FIELD_CUMULATIVE, FIELD_NONE, 10, 0, 1, 0, 0},
    [F_PAGES_4K] = {"pages_4k", FIELD_VM, FIELD_INSTANT, FIELD_NONE, 10, 0, 1, 0, 0},
    [F_PEAK] = {"max_mmu_page_hash_collisions", FIELD_VM, FIELD_PEAK, FIELD_NONE, 10, 0, 1, 0, 0},
    [F_BIG] = {"big", FIELD_VM, FIELD_CUMULATIVE, FIELD_NONE, 10, 0, 1, 0, 0},
};

/* raw values of the first and the second sample, of a vCPU; the VM has their sum over its vCPUs */
static const uint64_t vcpu_raw[F_COUNT][2] = {
    [F_EXITS] = {100, 160}, [F_HALT_WAIT] = {5 * SECOND, 5 * SECOND + SECOND / 2},
    [F_GUEST_MODE] = {1, 1}, [F_HIST] = {0, 0},
};

static const uint64_t vm_raw[F_COUNT][2] = {
    [F_PTE_WRITE] = {7, 7},
    [F_PAGES_4K] = {300, 310},
    [F_PEAK] = {3, 3},
    [F_BIG] = {UINT64_MAX - 5, UINT64_MAX - 5},
};

static struct sample_entity entity(struct two_vms *t, int tick, int vm, int which)
{
    struct entity_memory *m = &t->memory[tick][vm][which];
    struct sample_entity e = {.readings = m->readings, .buckets = m->buckets};

    for (int source = SOURCE_STATSFD; source < SOURCE_COUNT; source++)
        e.time_ns[source] = (uint64_t)(10 + tick) * SECOND;
    return e;
}

static void fill_vcpu(struct two_vms *t, int tick, int vm, int i)
{
    struct sample_vcpu *v = &t->vcpus[tick][vm][i];
    int moved = vm == 0 ? tick : 0;

    *v = (struct sample_vcpu){
        .id = i, .tid = 6000 + 10 * vm + i, .entity = entity(t, tick, vm, 1 + i)};
    for (int f = 0; f < F_COUNT; f++) {
        if (fields[f].scope != FIELD_VCPU)
            continue;
        v->entity.readings[f] = vm == 0 ? reading_ok(vcpu_raw[f][moved], SOURCE_STATSFD)
                                        : reading_missing(READING_ABSENT, CAUSE_NO_STATS_FD);
    }
    for (uint64_t b = 0; b < BUCKETS && vm == 0; b++)
        v->entity.buckets[b] = b * (uint64_t)(tick + 1);
    v->gauges[VCPU_CPU_NS] = reading_ok((uint64_t)(moved + 1) * SECOND / 4, SOURCE_PROC);
    v->gauges[VCPU_WAIT_NS] = reading_ok(0, SOURCE_PROC);
    v->gauges[VCPU_TSC_OFFSET] = reading_ok((uint64_t)-9553258952ll, SOURCE_DEBUGFS);
    v->gauges[VCPU_GUEST_MODE] = reading_ok(0, SOURCE_DEBUGFS);
}

static void fill_vm(struct two_vms *t, int tick, int vm)
{
    struct sample_vm *s = &t->sample_vms[tick][vm];
    int moved = vm == 0 ? tick : 0;
    uint64_t vcpus = t->vms[vm].vcpu_count;

    *s = (struct sample_vm){
        .id = t->vms[vm].id,
        .vm = &t->vms[vm],
        .facts = vm_facts_of(&t->vms[vm]),
        .entity = entity(t, tick, vm, 0),
        .vcpus = t->vcpus[tick][vm],
        .vcpu_count = vcpus,
    };
    for (int i = 0; i < (int)vcpus; i++)
        fill_vcpu(t, tick, vm, i);
    for (int f = 0; f < F_COUNT; f++) {
        bool vcpu = fields[f].scope == FIELD_VCPU;
        uint64_t raw = vcpu ? vcpu_raw[f][moved] * vcpus : vm_raw[f][tick];
        s->entity.readings[f] =
            reading_ok(raw, vm == 0 && vcpu ? SOURCE_STATSFD : SOURCE_DEBUGFS);
    }
    if (vm == 0)
        s->entity.readings[F_PTE_WRITE] =
            reading_missing(READING_DENIED, CAUSE_LOCKDOWN_INTEGRITY);
    else
        s->entity.readings[F_HIST] = reading_missing(READING_ABSENT, CAUSE_HIST_ONLY_STATSFD);
    for (uint64_t b = 0; b < BUCKETS && vm == 0; b++)
        s->entity.buckets[b] = vcpus * b * (uint64_t)(tick + 1);
    s->gauges[VM_CPU_NS] = reading_ok((uint64_t)(moved + 1) * SECOND / 2, SOURCE_PROC);
    s->gauges[VM_RSS_BYTES] = reading_ok(55ull << 20, SOURCE_PROC);
    s->gauges[VM_PAGETABLE_BYTES] = reading_ok(65536, SOURCE_PROC);
}

struct two_vms *two_vms_new(void)
{
    static const char *const raw_names[2] = {"vm16", TWO_VMS_HOSTILE};
    struct two_vms *t = calloc(1, sizeof(*t));

    assert(t != NULL);
    for (int f = 0; f < F_COUNT; f++) {
        int index = field_table_add(&t->fields, &fields[f]);
        assert(index == f);
        (void)index;
    }
    t->host = (struct host){.name = "web-07", .kernel = "6.18.44", .cpus = 2,
                            .lockdown = LOCKDOWN_INTEGRITY, .mem_bytes = 8ull << 30};
    for (int vm = 0; vm < 2; vm++) {
        text_clean(raw_names[vm], strlen(raw_names[vm]), t->names[vm], sizeof(t->names[vm]));
        t->vms[vm] = (struct vm){
            .id = {.pid = vm == 0 ? 5164 : 5201, .start_ticks = 77, .fd = vm == 0 ? 9 : 12},
            .creator_tid = vm == 0 ? 5164 : 5202,
            .vmm = "qemu",
            .name_raw = (char *)raw_names[vm],
            .name = t->names[vm],
            .stats_fd = -1,
            .stats_fd_cause = CAUSE_NO_STATS_FD,
            .vcpu_fd_cause = vm == 0 ? CAUSE_NONE : CAUSE_NO_STATS_FD,
            .ram_bytes = vm == 0 ? 16ull << 30 : 0,
            .vcpu_count = vm == 0 ? 2 : 1,
        };
    }
    for (int tick = 0; tick < 2; tick++) {
        for (int vm = 0; vm < 2; vm++)
            fill_vm(t, tick, vm);
        t->samples[tick] = (struct sample){
            .host = {.readings = t->totals[tick].readings, .buckets = t->totals[tick].buckets},
            .wall = {1767225600 + tick, 123000000},
            .read_ns = (uint64_t)(10 + tick) * SECOND,
            .duration_ns = 812000,
            .field_count = F_COUNT,
            .bucket_count = t->fields.bucket_count,
            .vms = t->sample_vms[tick],
            .vm_count = 2,
        };
    }
    return t;
}

void two_vms_free(struct two_vms *t)
{
    field_table_done(&t->fields);
    free(t);
}

struct sample *two_vms_sample(struct two_vms *t, int i)
{
    return &t->samples[i];
}

const struct field_table *two_vms_fields(const struct two_vms *t)
{
    return &t->fields;
}

struct snapshot *two_vms_first(struct two_vms *t)
{
    t->samples[0].host_facts = t->host;
    return snapshot_derive(NULL, &t->samples[0], &t->fields, 0);
}

struct snapshot *two_vms_second(struct two_vms *t)
{
    t->samples[1].host_facts = t->host;
    return snapshot_derive(&t->samples[0], &t->samples[1], &t->fields, SECOND / 100);
}
