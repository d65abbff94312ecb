// SPDX-License-Identifier: MIT
#include "tests/lib/exits_fake.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND   1000000000ull
#define BEGAN_NS (100 * SECOND)
#define HALTED   (SECOND / 10) /* since when the halted ones are */

static void *must(void *p)
{
    if (p == NULL) {
        perror("exits_fake");
        abort();
    }
    return p;
}

/* Of the first vCPU: in the 9 s before the first count, and in the second after it. */
struct fake_reason {
    uint32_t reason;
    const char *name;
    uint32_t before, then;
    uint64_t each_ns; /* 0: never timed */
    bool is_fixed;    /* all vCPUs have as many */
};

struct fake_key {
    uint32_t kind;
    uint64_t value;
    uint32_t before, then;
    uint32_t repeat; /* accesses of each event */
};

static const struct fake_reason svm_reasons[] = {
    {0x60, "interrupt", 90, 10, 0, false}, {0x72, "cpuid", 180, 20, 1100, false},
    {0x78, "hlt", 450, 50, 9000000, true}, {0x7b, "io", 5400, 600, 2500, false},
    {0x7c, "msr", 900, 100, 1300, false},  {0x400, "npf", 90, 10, 30000, false},
};

static const struct fake_reason vmx_reasons[] = {
    {1, "EXTERNAL_INTERRUPT", 90, 10, 0, false},
    {10, "CPUID", 180, 20, 1100, false},
    {12, "HLT", 450, 50, 9000000, true},
    {30, "IO_INSTRUCTION", 5390, 590, 2500, false},
    {31, "MSR_READ", 450, 50, 1300, false},
    {32, "MSR_WRITE", 450, 50, 1300, false},
    {48, "EPT_VIOLATION", 45, 5, 30000, false},
    {49, "EPT_MISCONFIG", 45, 5, 6000, false},
    {1u << 26 | 30, "IO_INSTRUCTION", 10, 10, 40000, false}, /* with a flag: a bus lock */
};

static const struct fake_key keys[] = {
    {EXIT_KEY_PORT_READ, 0x71, 900, 100, 1},
    {EXIT_KEY_PORT_READ, 0x1f0, 450, 50, 256},
    {EXIT_KEY_PORT_WRITE, 0x70, 900, 100, 1},
    {EXIT_KEY_PORT_WRITE, 0x80, 3150, 350, 1},
    {EXIT_KEY_MMIO_READ, 0xfed00, 30, 0, 1},
    {EXIT_KEY_MMIO_WRITE, 0xfee00, 60, 10, 1},
    {EXIT_KEY_MSR_READ, 0x10, 450, 50, 1},
    {EXIT_KEY_MSR_WRITE, 0x6e0, 450, 50, 1},
    {EXIT_KEY_CPUID, 0x1, 90, 10, 1},
    {EXIT_KEY_CPUID, 0x10000000b, 90, 10, 1},
    {EXIT_KEY_HYPERCALL, 9, 3, 1, 1},
    {EXIT_KEY_USER, 2, 5390, 590, 1}, /* KVM_EXIT_IO */
    {EXIT_KEY_USER, EXIT_KEY_USER_ERRNO | EINTR, 9, 1, 1},
};

static const struct exits_name user_names[] = {
    {EXIT_ISA_USER, 2, "IO"},
    {EXIT_ISA_USER, 6, "MMIO"},
};
#define USER_NAMES (sizeof(user_names) / sizeof(user_names[0]))
#define KEYS       (sizeof(keys) / sizeof(keys[0]))

/* What stands in a count. */
struct pattern {
    uint8_t isa;
    const struct fake_reason *reasons;
    size_t reason_count;
    uint32_t nested; /* reason of exits of guests of the guest */
};

static struct pattern pattern_of(enum exits_fake kind)
{
    if (kind == EXITS_FAKE_KEYS_ONLY || kind == EXITS_FAKE_FAILED)
        return (struct pattern){0};
    if (kind == EXITS_FAKE_VMX)
        return (struct pattern){EXIT_ISA_VMX, vmx_reasons,
                                sizeof(vmx_reasons) / sizeof(vmx_reasons[0]), 48};
    return (struct pattern){EXIT_ISA_SVM, svm_reasons, sizeof(svm_reasons) / sizeof(svm_reasons[0]),
                            0x400};
}

static struct exits_reason reason_of(const struct fake_reason *from, uint8_t isa, pid_t tid,
                                     uint64_t times, bool later)
{
    const uint64_t count = (from->before + (later ? from->then : 0)) * (from->is_fixed ? 1 : times);
    struct exits_reason r = {.tid = tid, .isa = isa, .reason = from->reason, .count = count};

    if (from->each_ns == 0)
        return r;
    r.timed = count;
    r.total_ns = count * from->each_ns;
    /* half of them took half as long, and half of them longer by that */
    r.min_ns = from->each_ns / 2;
    r.max_ns = from->each_ns + from->each_ns / 2;
    r.buckets[63 - __builtin_clzll(r.min_ns)] = count / 2;
    r.buckets[63 - __builtin_clzll(r.max_ns)] += count - count / 2;
    return r;
}

static void add_thread(struct exits_count *c, const struct pattern *p, enum exits_fake kind,
                       const struct snapshot_vm *vm, pid_t tid, uint64_t times, bool later)
{
    struct exits_thread *t = &c->threads[c->thread_count++];
    uint64_t out_ns = 0;

    *t = (struct exits_thread){.tid = tid, .pid = vm->id.pid};
    for (size_t i = 0; i < p->reason_count; i++) {
        struct exits_reason r = reason_of(&p->reasons[i], p->isa, tid, times, later);
        t->exits += r.count;
        t->untimed += r.count - r.timed;
        out_ns += r.total_ns;
        c->reasons[c->reason_count++] = r;
    }
    for (size_t i = 0; i < KEYS && kind != EXITS_FAKE_FAILED; i++) {
        uint64_t events = (keys[i].before + (later ? keys[i].then : 0)) * times;
        c->keys[c->key_count++] = (struct exits_key){.tid = tid,
                                                     .kind = keys[i].kind,
                                                     .value = keys[i].value,
                                                     .events = events,
                                                     .count = events * keys[i].repeat};
    }
    if (p->reason_count == 0)
        return;
    const uint64_t nested = (later ? 30 : 27) * times;
    c->keys[c->key_count++] = (struct exits_key){tid, EXIT_KEY_NESTED, p->nested, nested, nested};
    if (later && times % 2 == 0) {
        t->open_ns = HALTED;
        t->open_isa = p->isa;
        t->open_reason = p->isa == EXIT_ISA_VMX ? 12 : 0x78;
    }
    t->guest_ns = (later ? 10 : 9) * SECOND - out_ns - t->open_ns;
}

static int by_number(const void *a, const void *b)
{
    const struct exits_name *x = a, *y = b;

    return (x->reason > y->reason) - (x->reason < y->reason);
}

static void add_names(struct exits_count *c, const struct pattern *p)
{
    for (size_t i = 0; i < p->reason_count; i++) {
        struct exits_name *name = &c->names[c->name_count++];
        *name = (struct exits_name){.isa = p->isa, .reason = p->reasons[i].reason};
        snprintf(name->name, sizeof(name->name), "%s", p->reasons[i].name);
    }
    qsort(c->names, c->name_count, sizeof(*c->names), by_number);
    memcpy(&c->names[c->name_count], user_names, sizeof(user_names));
    c->name_count += USER_NAMES;
}

/* Threads in the order of their numbers: those of the snapshot need not be. */
struct fake_thread {
    const struct snapshot_vm *vm;
    pid_t tid;
    uint64_t times;
};

static int by_tid(const void *a, const void *b)
{
    const struct fake_thread *x = a, *y = b;

    return (x->tid > y->tid) - (x->tid < y->tid);
}

static struct exits_facts facts_of(enum exits_fake kind, bool later)
{
    struct exits_facts facts = {.state = EXITS_COUNTED,
                                .events = (1u << EXITS_EVENT_COUNT) - 1,
                                .began_ns = BEGAN_NS,
                                .taken_ns = BEGAN_NS + (later ? 10 : 9) * SECOND};

    if (kind == EXITS_FAKE_FAILED) {
        facts = (struct exits_facts){.state = EXITS_FAILED};
        snprintf(facts.why, sizeof(facts.why), "%s",
                 "BPF programs may not be loaded: run as root, or with CAP_BPF and CAP_PERFMON");
    } else if (kind == EXITS_FAKE_LOSING) {
        facts.lost[EXIT_LOST_THREADS] = 2000;
        facts.lost[EXIT_LOST_KEYS] = 70;
        facts.missed = 3;
        facts.events &= ~(1u << EXITS_EVENT_NESTED);
    }
    return facts;
}

struct exits_count *exits_fake_count(const struct snapshot *s, enum exits_fake kind, bool later)
{
    const struct pattern p = pattern_of(kind);
    const size_t most = s->vcpu_count;
    struct exits_count *c = must(exits_count_new(most, most * p.reason_count, most * (KEYS + 1),
                                                 p.reason_count + USER_NAMES));
    struct fake_thread *threads = must(calloc(most + 1, sizeof(*threads)));
    size_t count = 0, number = 0;

    c->thread_count = c->reason_count = c->key_count = c->name_count = 0;
    c->facts = facts_of(kind, later);
    for (size_t i = 0; i < s->vm_count && kind != EXITS_FAKE_FAILED; i++)
        for (size_t k = 0; k < s->vms[i].vcpu_count; k++) {
            number++;
            if (s->vms[i].vcpus[k].tid > 0)
                threads[count++] = (struct fake_thread){&s->vms[i], s->vms[i].vcpus[k].tid, number};
        }
    qsort(threads, count, sizeof(*threads), by_tid);
    for (size_t i = 0; i < count; i++)
        add_thread(c, &p, kind, threads[i].vm, threads[i].tid, threads[i].times, later);
    free(threads);
    if (kind != EXITS_FAKE_FAILED)
        add_names(c, &p);
    if (!exits_count_is_ordered(c)) {
        fputs("exits_fake: not in order\n", stderr);
        abort();
    }
    return c;
}

struct exits *exits_fake(const struct snapshot *s, enum exits_fake kind)
{
    struct exits_count *before = exits_fake_count(s, kind, false);
    struct exits_count *now = exits_fake_count(s, kind, true);
    struct exits_vm *vms = must(calloc(s->vm_count + 1, sizeof(*vms)));
    pid_t *tids = must(calloc(s->vcpu_count + 1, sizeof(*tids))), *at = tids;

    for (size_t i = 0; i < s->vm_count; i++) {
        const struct snapshot_vm *vm = &s->vms[i];
        vms[i] = (struct exits_vm){vm->id.pid, true, vm->vcpu_count, at};
        for (size_t k = 0; k < s->vm_count; k++)
            vms[i].is_alone &= k == i || s->vms[k].id.pid != vm->id.pid;
        for (size_t k = 0; k < vm->vcpu_count; k++)
            *at++ = vm->vcpus[k].tid;
    }
    struct exits *exits =
        must(exits_derive(kind == EXITS_FAKE_FIRST ? NULL : before, now, vms, s->vm_count));
    free(tids);
    free(vms);
    free(now);
    free(before);
    return exits;
}
