// SPDX-License-Identifier: MIT
#include "core/collect/exits_fill.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Reasons that need a name: isa and number in one, ascending, each once. */
struct reasons {
    uint64_t *items;
    size_t count, cap;
    bool failed; /* memory is out */
};

#define REASON_OF(isa, number) ((uint64_t)(isa) << 32 | (number))

/* They are few, and nearly always there already. */
static void note_reason(struct reasons *reasons, uint64_t wanted)
{
    size_t low = 0, high = reasons->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (reasons->items[middle] < wanted)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < reasons->count && reasons->items[low] == wanted)
        return;
    if (reasons->count == reasons->cap) {
        size_t cap = reasons->cap == 0 ? 64 : 2 * reasons->cap;
        uint64_t *items = realloc(reasons->items, cap * sizeof(*items));
        if (items == NULL) {
            reasons->failed = true;
            return;
        }
        reasons->items = items;
        reasons->cap = cap;
    }
    memmove(&reasons->items[low + 1], &reasons->items[low],
            (reasons->count - low) * sizeof(*reasons->items));
    reasons->items[low] = wanted;
    reasons->count++;
}

/* Printable and not empty, whatever the kernel's list has. */
static void name_reason(const struct exit_names *names, uint64_t reason, struct exits_name *ret)
{
    const uint32_t number = (uint32_t)reason;

    ret->isa = (uint8_t)(reason >> 32);
    ret->reason = number;
    exit_name(names, (enum exit_isa)ret->isa, number, ret->name);
    for (char *at = ret->name; *at != '\0'; at++)
        if (*at < ' ' || *at > '~')
            *at = '?';
    if (ret->name[0] == '\0')
        snprintf(ret->name, sizeof(ret->name), "0x%x", number);
}

/* --- rows ------------------------------------------------------------------------------------- */

static uint64_t since(uint64_t then, uint64_t now)
{
    return now > then ? now - then : 0;
}

/* @open: of the exit that it has not come back from, where that is known. */
static struct exits_thread thread_row(const struct kvm_exits_thread_row *from,
                                      const struct kvm_exits_reason_row *open, uint64_t taken_ns)
{
    struct exits_thread row = {.tid = (pid_t)from->tid,
                               .pid = (pid_t)from->is.tgid,
                               .exits = from->is.exits,
                               .untimed = from->is.untimed,
                               .guest_ns = from->is.guest_ns};

    if (from->is.entry_ns != 0)
        row.guest_ns += since(from->is.entry_ns, taken_ns);
    /* Its reason was read later: where all its exits have their time, it came back meanwhile. */
    const bool is_back = open != NULL && open->is.timed >= open->is.count;
    if (from->is.exit_ns == 0 || is_back)
        return row;
    /* 0 would say that it is in the guest. */
    const uint64_t open_ns = since(from->is.exit_ns, taken_ns);
    row.open_ns = open_ns > 0 ? open_ns : 1;
    row.open_isa = (uint8_t)(open != NULL ? open->isa : EXIT_ISA_UNKNOWN);
    row.open_reason = open != NULL ? open->reason : from->is.reason;
    return row;
}

static struct exits_reason reason_row(const struct kvm_exits_reason_row *from)
{
    struct exits_reason row = {.tid = (pid_t)from->tid,
                               .isa = (uint8_t)from->isa,
                               .reason = from->reason,
                               .count = from->is.count,
                               .timed = from->is.timed,
                               .total_ns = from->is.total_ns,
                               .min_ns = from->is.min_ns,
                               .max_ns = from->is.max_ns};

    memcpy(row.buckets, from->is.buckets, sizeof(row.buckets));
    return row;
}

static struct exits_key key_row(const struct kvm_exits_key_row *from)
{
    return (struct exits_key){.tid = (pid_t)from->key.tid,
                              .kind = from->key.kind,
                              .value = from->key.value,
                              .events = from->is.events,
                              .count = from->is.count};
}

/* --- the walk --------------------------------------------------------------------------------- */

struct fill {
    const struct kvm_exits_reading *reading;
    const struct exits_threads *threads;
    struct exits_count *count; /* NULL: rows are only counted, and reasons noted */
    struct reasons reasons;
    size_t thread_count, reason_count, key_count;
    size_t reason, key; /* of the reading: the next */
};

/* Rows of threads that are not in the reading come before those of @tid. */
static void skip_to(struct fill *f, uint32_t tid)
{
    const struct kvm_exits_reading *r = f->reading;

    while (f->reason < r->reason_count && r->reasons[f->reason].tid < tid)
        f->reason++;
    while (f->key < r->key_count && r->keys[f->key].key.tid < tid)
        f->key++;
}

/* The row of the exit that @row is in the middle of. NULL: there was no room for it. */
static const struct kvm_exits_reason_row *open_row(const struct fill *f,
                                                   const struct kvm_exits_thread_row *row)
{
    const struct kvm_exits_reading *r = f->reading;

    for (size_t i = f->reason; i < r->reason_count && r->reasons[i].tid == row->tid; i++)
        if (kvm_exits_raw_reason(&r->reasons[i]) == row->is.reason)
            return &r->reasons[i];
    return NULL;
}

static bool is_same(const struct kvm_exits_reason_row *a, const struct kvm_exits_reason_row *b)
{
    return b != NULL && a->isa == b->isa && a->reason == b->reason;
}

/*
 * Each once. A program that is at work for a thread while this is forgotten writes into room that
 * may be another thread's by then, which can get one twice.
 */
static void add_reasons(struct fill *f, uint32_t tid, bool is_left)
{
    const struct kvm_exits_reading *r = f->reading;
    const struct kvm_exits_reason_row *last = NULL;

    for (; f->reason < r->reason_count && r->reasons[f->reason].tid == tid; f->reason++) {
        const struct kvm_exits_reason_row *row = &r->reasons[f->reason];
        if (is_left || is_same(row, last))
            continue;
        last = row;
        if (f->count == NULL)
            note_reason(&f->reasons, REASON_OF(row->isa, row->reason));
        else
            f->count->reasons[f->reason_count] = reason_row(row);
        f->reason_count++;
    }
}

/* @isa: of the thread's last exit, and so of those of a guest in its guest. */
static void note_key(struct fill *f, const struct kvm_exits_key *key, uint32_t isa)
{
    if (isa != EXIT_ISA_VMX && isa != EXIT_ISA_SVM)
        isa = EXIT_ISA_UNKNOWN;
    if (key->kind == EXIT_KEY_NESTED)
        note_reason(&f->reasons, REASON_OF(isa, (uint32_t)key->value));
    else if (key->kind == EXIT_KEY_USER && (key->value & EXIT_KEY_USER_ERRNO) == 0)
        note_reason(&f->reasons, REASON_OF(EXIT_ISA_USER, (uint32_t)key->value));
}

static void add_keys(struct fill *f, uint32_t tid, bool is_left, uint32_t isa)
{
    const struct kvm_exits_reading *r = f->reading;

    for (; f->key < r->key_count && r->keys[f->key].key.tid == tid; f->key++) {
        const struct kvm_exits_key_row *row = &r->keys[f->key];
        if (is_left)
            continue;
        if (f->count == NULL)
            note_key(f, &row->key, isa);
        else
            f->count->keys[f->key_count] = key_row(row);
        f->key_count++;
    }
}

static void walk(struct fill *f)
{
    const struct kvm_exits_reading *r = f->reading;

    f->thread_count = f->reason_count = f->key_count = f->reason = f->key = 0;
    for (size_t i = 0; i < r->thread_count; i++) {
        const struct kvm_exits_thread_row *row = &r->threads[i];
        const bool is_left = exits_threads_is_past(f->threads, (pid_t)row->tid);
        skip_to(f, row->tid);
        const struct kvm_exits_reason_row *open = open_row(f, row);
        /* Reasons that came while the maps were read have no instruction set yet. */
        add_reasons(f, row->tid, is_left || row->is.exits == 0);
        add_keys(f, row->tid, is_left, row->is.isa);
        if (is_left)
            continue;
        if (f->count != NULL)
            f->count->threads[f->thread_count] = thread_row(row, open, r->taken_ns);
        f->thread_count++;
    }
}

struct exits_count *exits_fill(const struct kvm_exits_reading *reading,
                               const struct exits_threads *threads, const struct exit_names *names)
{
    struct fill f = {.reading = reading, .threads = threads};

    walk(&f);
    if (!f.reasons.failed)
        f.count = exits_count_new(f.thread_count, f.reason_count, f.key_count, f.reasons.count);
    if (f.count != NULL) {
        for (size_t i = 0; i < f.reasons.count; i++)
            name_reason(names, f.reasons.items[i], &f.count->names[i]);
        walk(&f);
        f.count->facts.taken_ns = reading->taken_ns;
        memcpy(f.count->facts.lost, reading->lost, sizeof(f.count->facts.lost));
        f.count->facts.missed = reading->missed;
    }
    free(f.reasons.items);
    return f.count;
}
