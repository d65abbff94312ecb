// SPDX-License-Identifier: MIT
#include "tests/lib/exits_builder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BEFORE  5 /* times of what is in the interval */
#define ROWS    512
#define THREADS 64
#define SECOND  1000000000ull

/* The rows of both counts: those of the first, and of the second. */
struct rows {
    struct exits_thread threads[THREADS];
    struct exits_reason reasons[ROWS];
    struct exits_key keys[ROWS];
    size_t thread_count, reason_count, key_count;
};

struct exits_builder {
    struct exits_facts facts; /* of the second; the first was taken one second before */
    struct rows counts[2];
    bool no_first;
    struct exits_name names[ROWS];
    size_t name_count;
};

static void *must(void *p)
{
    if (p == NULL) {
        perror("exits_builder");
        abort();
    }
    return p;
}

static size_t one_more(size_t *count, size_t most)
{
    if (*count == most) {
        fputs("exits_builder: no room\n", stderr);
        abort();
    }
    return (*count)++;
}

struct exits_builder *exits_builder_new(void)
{
    struct exits_builder *b = must(calloc(1, sizeof(*b)));

    b->facts = (struct exits_facts){.state = EXITS_COUNTED,
                                    .events = (1u << EXITS_EVENT_COUNT) - 1,
                                    .began_ns = SECOND,
                                    .taken_ns = (2 + BEFORE) * SECOND};
    return b;
}

void exits_builder_free(struct exits_builder *b)
{
    free(b);
}

struct exits_facts *exits_builder_facts(struct exits_builder *b)
{
    return &b->facts;
}

void exits_builder_no_first(struct exits_builder *b)
{
    b->no_first = true;
}

/* --- rows ------------------------------------------------------------------------------------- */

void exits_builder_add_thread(struct exits_builder *b, bool later, const struct exits_thread *row)
{
    struct rows *r = &b->counts[later];

    r->threads[one_more(&r->thread_count, THREADS)] = *row;
}

void exits_builder_add_reason(struct exits_builder *b, bool later, const struct exits_reason *row)
{
    struct rows *r = &b->counts[later];

    r->reasons[one_more(&r->reason_count, ROWS)] = *row;
    for (size_t i = 0; i < r->thread_count; i++)
        if (r->threads[i].tid == row->tid) {
            r->threads[i].exits += row->count;
            r->threads[i].untimed += row->count - row->timed;
        }
}

void exits_builder_add_key(struct exits_builder *b, bool later, const struct exits_key *row)
{
    struct rows *r = &b->counts[later];

    r->keys[one_more(&r->key_count, ROWS)] = *row;
}

void exits_builder_name(struct exits_builder *b, enum exit_isa isa, uint32_t reason,
                        const char *name)
{
    for (size_t i = 0; i < b->name_count; i++)
        if (b->names[i].isa == isa && b->names[i].reason == reason)
            return;
    struct exits_name *n = &b->names[one_more(&b->name_count, ROWS)];
    n->isa = (uint8_t)isa;
    n->reason = reason;
    snprintf(n->name, sizeof(n->name), "%s", name);
}

void exits_builder_thread(struct exits_builder *b, int pid, int tid, uint64_t guest_ns)
{
    for (unsigned later = 0; later < 2; later++)
        exits_builder_add_thread(b, later,
                                 &(struct exits_thread){.tid = tid,
                                                        .pid = pid,
                                                        .guest_ns = guest_ns * (BEFORE + later)});
}

static size_t bucket_of(uint64_t ns)
{
    size_t b = 0;

    while (b + 1 < EXIT_BUCKETS && ns >= 2ull << b)
        b++;
    return b;
}

void exits_builder_reason(struct exits_builder *b, int tid, enum exit_isa isa, uint32_t reason,
                          const char *name, uint64_t count, uint64_t average_ns)
{
    const uint64_t slow = count / 10, fast_ns = average_ns * 6 / 10, slow_ns = average_ns * 46 / 10;

    for (unsigned later = 0; later < 2; later++) {
        const uint64_t times = BEFORE + later;
        struct exits_reason r = {.tid = tid,
                                 .isa = (uint8_t)isa,
                                 .reason = reason,
                                 .count = count * times,
                                 .timed = count * times,
                                 .min_ns = fast_ns,
                                 .max_ns = slow > 0 ? slow_ns : fast_ns};
        r.total_ns = ((count - slow) * fast_ns + slow * slow_ns) * times;
        r.buckets[bucket_of(fast_ns)] += (count - slow) * times;
        r.buckets[bucket_of(slow_ns)] += slow * times;
        exits_builder_add_reason(b, later, &r);
    }
    exits_builder_name(b, isa, reason, name);
}

void exits_builder_key(struct exits_builder *b, int tid, enum exit_key_kind kind, uint64_t value,
                       const char *name, uint64_t count)
{
    for (unsigned later = 0; later < 2; later++) {
        const uint64_t all = count * (BEFORE + later);
        exits_builder_add_key(
            b, later,
            &(struct exits_key){
                .tid = tid, .kind = (uint32_t)kind, .value = value, .count = all, .events = all});
    }
    if (name != NULL)
        exits_builder_name(b, EXIT_ISA_USER, (uint32_t)value, name);
}

/* --- counts ----------------------------------------------------------------------------------- */

static int order(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int by_thread(const void *a, const void *b)
{
    const struct exits_thread *x = a, *y = b;

    return order((uint64_t)x->tid, (uint64_t)y->tid);
}

static int by_reason(const void *a, const void *b)
{
    const struct exits_reason *x = a, *y = b;
    int c = order((uint64_t)x->tid, (uint64_t)y->tid);

    c = c != 0 ? c : order(x->isa, y->isa);
    return c != 0 ? c : order(x->reason, y->reason);
}

static int by_key(const void *a, const void *b)
{
    const struct exits_key *x = a, *y = b;
    int c = order((uint64_t)x->tid, (uint64_t)y->tid);

    c = c != 0 ? c : order(x->kind, y->kind);
    return c != 0 ? c : order(x->value, y->value);
}

static int by_name(const void *a, const void *b)
{
    const struct exits_name *x = a, *y = b;
    int c = order(x->isa, y->isa);

    return c != 0 ? c : order(x->reason, y->reason);
}

static struct exits_count *count_of(const struct exits_builder *b, bool later)
{
    const struct rows *r = &b->counts[later];
    struct exits_count *c =
        must(exits_count_new(r->thread_count, r->reason_count, r->key_count, b->name_count));

    c->facts = b->facts;
    if (!later)
        c->facts.taken_ns -= SECOND;
    memcpy(c->threads, r->threads, r->thread_count * sizeof(c->threads[0]));
    memcpy(c->reasons, r->reasons, r->reason_count * sizeof(c->reasons[0]));
    memcpy(c->keys, r->keys, r->key_count * sizeof(c->keys[0]));
    memcpy(c->names, b->names, b->name_count * sizeof(c->names[0]));
    qsort(c->threads, c->thread_count, sizeof(c->threads[0]), by_thread);
    qsort(c->reasons, c->reason_count, sizeof(c->reasons[0]), by_reason);
    qsort(c->keys, c->key_count, sizeof(c->keys[0]), by_key);
    qsort(c->names, c->name_count, sizeof(c->names[0]), by_name);
    if (!exits_count_is_ordered(c)) {
        fputs("exits_builder: two rows are the same\n", stderr);
        abort();
    }
    return c;
}

struct exits *exits_builder_exits(const struct exits_builder *b, const struct snapshot *s)
{
    struct exits_count *first = count_of(b, false), *second = count_of(b, true);
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
    struct exits *exits = must(exits_derive(b->no_first ? NULL : first, second, vms, s->vm_count));
    free(tids);
    free(vms);
    free(second);
    free(first);
    return exits;
}

void exits_builder_put(const struct exits_builder *b, struct snapshot_builder *to)
{
    struct snapshot *s = snapshot_builder_snapshot(to);

    free(s->exits);
    s->exits = exits_builder_exits(b, s);
}

/* --- ready-made ------------------------------------------------------------------------------- */

/* Of one vCPU of "db-primary"; the first two have more to do than the others. */
static void add_busy(struct exits_builder *e, int tid, uint64_t more)
{
    static const struct {
        uint32_t reason;
        const char *name;
        uint64_t count, average_ns;
    } reasons[] = {
        {49, "EPT_MISCONFIG", 240, 21000},
        {32, "MSR_WRITE", 1900, 1300},
        {30, "IO_INSTRUCTION", 130, 11500},
        {48, "EPT_VIOLATION", 40, 5200},
        {1, "EXTERNAL_INTERRUPT", 310, 900},
        {52, "PREEMPTION_TIMER", 95, 1100},
        {10, "CPUID", 12, 1400},
        {7, "INTERRUPT_WINDOW", 5, 700},
        {12, "HLT", 60, 3100000},
    };
    static const struct {
        enum exit_key_kind kind;
        uint64_t value;
        const char *name;
        uint64_t count;
    } keys[] = {
        {EXIT_KEY_MMIO_WRITE, 0xfebd5, NULL, 200},
        {EXIT_KEY_MMIO_WRITE, 0xfec00, NULL, 25},
        {EXIT_KEY_MMIO_READ, 0xfed00, NULL, 15},
        {EXIT_KEY_MSR_WRITE, 0x6e0, NULL, 1500},
        {EXIT_KEY_MSR_WRITE, 0x830, NULL, 400},
        {EXIT_KEY_PORT_WRITE, 0x3f8, NULL, 70},
        {EXIT_KEY_PORT_READ, 0x3fd, NULL, 50},
        {EXIT_KEY_PORT_WRITE, 0xcf8, NULL, 10},
        {EXIT_KEY_CPUID, 0x1, NULL, 8},
        {EXIT_KEY_CPUID, 0x500000001, NULL, 4},
        {EXIT_KEY_USER, 2, "IO", 130},
        {EXIT_KEY_USER, 6, "MMIO", 40},
        {EXIT_KEY_USER, EXIT_KEY_USER_ERRNO | 4, NULL, 3},
        {EXIT_KEY_NESTED, 10, NULL, 6},
    };

    exits_builder_thread(e, 5201, tid, 765000000 - more * 40000000);
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        exits_builder_reason(e, tid, EXIT_ISA_VMX, reasons[i].reason, reasons[i].name,
                             reasons[i].count * (1 + more), reasons[i].average_ns / (1 + more));
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        exits_builder_key(e, tid, keys[i].kind, keys[i].value, keys[i].name,
                          keys[i].count * (1 + more));
}

void exits_builder_busy(struct snapshot_builder *to)
{
    snapshot_builder_three_vms(to);
    exits_builder_put_busy(to);
}

void exits_builder_put_busy(struct snapshot_builder *to)
{
    struct exits_builder *e = exits_builder_new();

    for (int vcpu = 0; vcpu < 8; vcpu++)
        add_busy(e, 5202 + vcpu, vcpu < 2);
    for (int vcpu = 0; vcpu < 2; vcpu++) {
        exits_builder_thread(e, 5164, 5165 + vcpu, 9000000);
        exits_builder_reason(e, 5165 + vcpu, EXIT_ISA_VMX, 12, "HLT", 25, 39000000);
        exits_builder_reason(e, 5165 + vcpu, EXIT_ISA_VMX, 32, "MSR_WRITE", 25, 1200);
    }
    exits_builder_put(e, to);
    exits_builder_free(e);
}

void exits_builder_unseen(struct snapshot_builder *to)
{
    snapshot_builder_three_vms(to);
    exits_builder_put_unseen(to);
}

void exits_builder_put_unseen(struct snapshot_builder *to)
{
    struct exits_builder *e = exits_builder_new();

    exits_builder_facts(e)->events &= ~(1u << EXITS_EVENT_HYPERCALL);
    for (int vcpu = 0; vcpu < 8; vcpu++) {
        const int tid = 5202 + vcpu;
        exits_builder_thread(e, 5201, tid, 0);
        exits_builder_key(e, tid, EXIT_KEY_PORT_WRITE, 0x80, NULL, 1700);
        exits_builder_key(e, tid, EXIT_KEY_PORT_WRITE, 0x3f8, NULL, 55);
        exits_builder_key(e, tid, EXIT_KEY_PORT_READ, 0x3fd, NULL, 50);
        exits_builder_key(e, tid, EXIT_KEY_MMIO_WRITE, 0xfee00, NULL, 210);
        exits_builder_key(e, tid, EXIT_KEY_CPUID, 0x1, NULL, 2);
        exits_builder_key(e, tid, EXIT_KEY_USER, 2, "IO", 1755);
        exits_builder_key(e, tid, EXIT_KEY_USER, 6, "MMIO", 12);
    }
    exits_builder_put(e, to);
    exits_builder_free(e);
}
