/* SPDX-License-Identifier: MIT */
/*
 * Exits: why vCPUs left their guests, how long each time, and what was behind it.
 *
 * A count is what the collector has at one moment, thread by thread; all its numbers grow from the
 * moment on that somebody began to look. Two of them make the exits of a snapshot: of each vCPU, of
 * each VM, and of all together, since the beginning and in the interval.
 *
 * Pure, any thread.
 */
#ifndef KVMLENS_CORE_MODEL_EXITS_H
#define KVMLENS_CORE_MODEL_EXITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/model/exit_kind.h"
#include "core/model/exit_reason.h"

/* Order and values are part of the flat form of a count: new ones come last. */
enum exits_state {
    EXITS_UNASKED, /* nobody looks, and so nothing is attached */
    EXITS_COUNTED,
    EXITS_FAILED, /* struct exits_facts says why */
    EXITS_STATE_COUNT
};

/* Trace events: bits of exits_facts.events. Likewise part of the flat form. */
enum exits_event {
    EXITS_EVENT_EXIT,
    EXITS_EVENT_PIO,
    EXITS_EVENT_MMIO,
    EXITS_EVENT_MSR,
    EXITS_EVENT_CPUID,
    EXITS_EVENT_HYPERCALL,
    EXITS_EVENT_USER,
    EXITS_EVENT_NESTED, /* kvm_nested_vmexit: exits of L2 guests */
    EXITS_EVENT_COUNT
};

/* What holds for all of them. */
struct exits_facts {
    uint8_t state;     /* enum exits_state */
    char why[300];     /* EXITS_FAILED: a sentence with cause and fix */
    uint32_t events;   /* bit of enum exits_event: is it counted here? */
    uint64_t began_ns; /* monotonic: all numbers count from here */
    uint64_t taken_ns; /* monotonic: until here */
    pid_t pid;         /* only vCPUs of this process are watched; 0: all */
    uint64_t lost[EXIT_LOST_COUNT];
    uint64_t missed; /* events that the kernel did not show the programs */
};

/* --- a count ---------------------------------------------------------------------------------- */

/* A thread that runs a vCPU. */
struct exits_thread {
    pid_t tid, pid;
    uint64_t exits;
    uint64_t untimed;  /* exits that were followed by another one, with no entry between them */
    uint64_t guest_ns; /* in guest mode, what it is in now included */
    uint64_t open_ns;  /* since the exit that it has not come back from; 0: it is in the guest */
    uint8_t open_isa;  /* enum exit_isa of that exit */
    uint32_t open_reason;
};

struct exits_reason {
    pid_t tid;
    uint8_t isa; /* enum exit_isa */
    uint32_t reason;
    uint64_t count;                    /* exits */
    uint64_t timed;                    /* of them: followed by an entry */
    uint64_t total_ns, min_ns, max_ns; /* from the exit to the entry, of the timed ones */
    uint64_t buckets[EXIT_BUCKETS];    /* likewise */
};

struct exits_key {
    pid_t tid;
    uint32_t kind; /* enum exit_key_kind */
    uint64_t value;
    uint64_t events;
    uint64_t count; /* as events; of ports: each access of a string instruction */
};

struct exits_name {
    uint8_t isa; /* enum exit_isa; EXIT_ISA_USER too */
    uint32_t reason;
    char name[EXIT_NAME_BYTES]; /* printable ASCII, never empty */
};

struct exits_count {
    struct exits_facts facts;
    /* threads ascend by tid; reasons by tid, isa, reason; keys by tid, kind, value; names by isa,
     * reason, and each reason has one */
    struct exits_thread *threads;
    struct exits_reason *reasons;
    struct exits_key *keys;
    struct exits_name *names;
    size_t thread_count, reason_count, key_count, name_count;
};

/*
 * exits_count_new - with room for as many rows, all zero, in one allocation; the facts are zero.
 * NULL when memory is out. Ends with free(3).
 */
struct exits_count *exits_count_new(size_t threads, size_t reasons, size_t keys, size_t names);

/* exits_count_is_ordered - do all rows ascend, and has each reason its name? */
bool exits_count_is_ordered(const struct exits_count *count);

/* --- of a snapshot ---------------------------------------------------------------------------- */

struct exit_times {
    uint64_t count;                 /* exits */
    uint64_t timed;                 /* of them: their time is known */
    uint64_t total_ns;              /* of the timed ones */
    uint64_t buckets[EXIT_BUCKETS]; /* of the timed ones */
};

/* A reason. */
struct exit_row {
    uint8_t isa; /* enum exit_isa */
    bool is_halt;
    uint32_t reason;
    const char *name;
    struct exit_times all;      /* since the beginning */
    struct exit_times interval; /* zero when there is none yet */
    uint64_t min_ns, max_ns;    /* since the beginning, of the timed ones */
    /* in the interval, spent outside of the guest for this reason: what is still going on included,
     * also where it began before */
    uint64_t spent_ns;
};

/* What is behind a reason. */
struct exit_key_row {
    uint8_t kind; /* enum exit_key_kind */
    uint64_t value;                 /* exit_key_plain of those that were counted */
    uint64_t count, interval_count; /* of ports: each access of a string instruction */
    uint64_t events, interval_events;
};

/* The exits of a vCPU, of a VM, or of all. */
struct exit_group {
    struct exit_row *rows;     /* ascending isa, reason */
    struct exit_key_row *keys; /* ascending kind, value */
    size_t row_count, key_count;
    size_t threads; /* that were seen: of a vCPU one or none */
    uint64_t exits, interval_exits;
    uint64_t untimed;  /* since the beginning: exits whose time is not known */
    uint64_t guest_ns; /* in the interval, in guest mode: sum over the threads */
    uint64_t halt_ns;  /* in the interval, out of it and waiting: of rows that are halts */
    uint64_t work_ns;  /* in the interval, out of it for other reasons */
    uint64_t events, interval_events; /* that the programs saw of it: exits, entries, keys */
};

/* In the order of the snapshot: group i of @vms is of VM i, those of its vCPUs follow each other.
 */
struct exits {
    struct exits_facts facts;
    double interval_s; /* of all numbers of the interval; 0: there is none yet */
    struct exit_group host;
    struct exit_group *vms;   /* [vm_count]; threads that are no vCPU that is known are in here */
    struct exit_group *vcpus; /* [vcpu_count] */
    size_t vm_count, vcpu_count;
    size_t strangers;               /* threads that belong to no VM of the snapshot: in host only */
    const struct exits_name *names; /* ascending isa, reason */
    size_t name_count;
};

/* exits_name_of - of a reason: of a row, of EXIT_ISA_USER, of a nested guest; NULL: none is known.
 */
const char *exits_name_of(const struct exits *exits, enum exit_isa isa, uint32_t reason);

/* Whose threads are whose, in the order of a snapshot: ascending pid. */
struct exits_vm {
    pid_t pid;
    bool is_alone; /* the process has no other VM: all its threads are of this one */
    size_t vcpu_count;
    const pid_t *tids; /* [vcpu_count]; 0: not known */
};

/*
 * exits_derive - @prev NULL, or one that began at another moment: there is no interval. A thread
 * that has less than before is another one of the same number. Texts are copied.
 * NULL when memory is out. Ends with free(3): one allocation.
 */
struct exits *exits_derive(const struct exits_count *prev, const struct exits_count *cur,
                           const struct exits_vm *vms, size_t vm_count);

/*
 * exit_quantile - that @q (0..1) of the times in @buckets are not above, in ns: interpolated within
 * its bucket, which may be off by half. @min_ns, @max_ns bound it. 0 where there is no time.
 */
uint64_t exit_quantile(const uint64_t buckets[static EXIT_BUCKETS], double q, uint64_t min_ns,
                       uint64_t max_ns);

/*
 * exit_group_cost - the share of the time of its threads that counting costs the guest, about:
 * 0..1. 0 where there is no interval.
 */
double exit_group_cost(const struct exits *exits, const struct exit_group *group);

/*
 * exit_groups_seen - of how many of @groups, which are of single vCPUs, a thread was seen: shares
 * of time of all together are of these only.
 */
size_t exit_groups_seen(const struct exit_group *groups, size_t count);

/*
 * EXITS_EVENT_NS - what one event costs the guest, some: as bench_exits measures it on the machine
 * of accel/README.md, 180 to 350 ns. Where it is multiplied the result is an estimate, and said to
 * be one.
 */
#define EXITS_EVENT_NS 250

#endif
