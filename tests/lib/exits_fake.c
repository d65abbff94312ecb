// SPDX-License-Identifier: MIT
#include "tests/lib/exits_fake.h"

#include <errno.h>
#include <stdio.h>

#include "tests/lib/exits_builder.h"

#define SECOND   1000000000ull
#define BEGAN_NS (100 * SECOND)
#define HALTED   (SECOND / 10) /* since when the halted ones are */

#define REASONS_MAX 9

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

#define KEYS (sizeof(keys) / sizeof(keys[0]))

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

static void add_thread(struct exits_builder *b, const struct pattern *p, pid_t pid, pid_t tid,
                       uint64_t times, bool later)
{
    struct exits_reason reasons[REASONS_MAX];
    struct exits_thread t = {.tid = tid, .pid = pid};
    uint64_t out_ns = 0;

    for (size_t i = 0; i < p->reason_count; i++) {
        reasons[i] = reason_of(&p->reasons[i], p->isa, tid, times, later);
        out_ns += reasons[i].total_ns;
    }
    if (p->reason_count > 0) {
        if (later && times % 2 == 0) {
            t.open_ns = HALTED;
            t.open_isa = p->isa;
            t.open_reason = p->isa == EXIT_ISA_VMX ? 12 : 0x78;
        }
        t.guest_ns = (later ? 10 : 9) * SECOND - out_ns - t.open_ns;
    }
    exits_builder_add_thread(b, later, &t);
    for (size_t i = 0; i < p->reason_count; i++)
        exits_builder_add_reason(b, later, &reasons[i]);
    for (size_t i = 0; i < KEYS; i++) {
        uint64_t events = (keys[i].before + (later ? keys[i].then : 0)) * times;
        exits_builder_add_key(b, later,
                              &(struct exits_key){.tid = tid,
                                                  .kind = keys[i].kind,
                                                  .value = keys[i].value,
                                                  .events = events,
                                                  .count = events * keys[i].repeat});
    }
    if (p->reason_count == 0)
        return;
    const uint64_t nested = (later ? 30 : 27) * times;
    exits_builder_add_key(b, later,
                          &(struct exits_key){tid, EXIT_KEY_NESTED, p->nested, nested, nested});
}

static void add_names(struct exits_builder *b, const struct pattern *p)
{
    for (size_t i = 0; i < p->reason_count; i++)
        exits_builder_name(b, (enum exit_isa)p->isa, p->reasons[i].reason, p->reasons[i].name);
    exits_builder_name(b, EXIT_ISA_USER, 2, "IO");
    exits_builder_name(b, EXIT_ISA_USER, 6, "MMIO");
}

static void set_facts(struct exits_facts *facts, enum exits_fake kind)
{
    facts->began_ns = BEGAN_NS;
    facts->taken_ns = BEGAN_NS + 10 * SECOND;
    if (kind == EXITS_FAKE_FAILED) {
        *facts = (struct exits_facts){.state = EXITS_FAILED};
        snprintf(facts->why, sizeof(facts->why), "%s",
                 "BPF programs may not be loaded: run as root, or with CAP_BPF and CAP_PERFMON");
    } else if (kind == EXITS_FAKE_LOSING) {
        facts->lost[EXIT_LOST_THREADS] = 2000;
        facts->lost[EXIT_LOST_KEYS] = 70;
        facts->missed = 3;
        facts->events &= ~(1u << EXITS_EVENT_NESTED);
    }
}

struct exits *exits_fake(const struct snapshot *s, enum exits_fake kind)
{
    const struct pattern p = pattern_of(kind);
    struct exits_builder *b = exits_builder_new();
    uint64_t number = 0;

    set_facts(exits_builder_facts(b), kind);
    for (size_t i = 0; i < s->vm_count && kind != EXITS_FAKE_FAILED; i++)
        for (size_t k = 0; k < s->vms[i].vcpu_count; k++) {
            number++;
            if (s->vms[i].vcpus[k].tid <= 0)
                continue;
            for (int later = 0; later < 2; later++)
                add_thread(b, &p, s->vms[i].id.pid, s->vms[i].vcpus[k].tid, number, later);
        }
    if (kind != EXITS_FAKE_FAILED)
        add_names(b, &p);
    if (kind == EXITS_FAKE_FIRST)
        exits_builder_no_first(b);
    struct exits *exits = exits_builder_exits(b, s);
    exits_builder_free(b);
    return exits;
}
