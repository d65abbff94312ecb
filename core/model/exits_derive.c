// SPDX-License-Identifier: MIT
/* Two counts in, the exits of a snapshot out. */
#include <stdlib.h>
#include <string.h>

#include "core/model/exit_key_text.h"
#include "core/model/exits_internal.h"

/* --- what was counted of one thread, and what before ------------------------------------------ */

/* The rows of one thread in a count. */
struct span {
    size_t first, count;
};

struct thread_rows {
    const struct exits_count *count; /* NULL: there is none */
    const struct exits_thread *thread;
    struct span reasons, keys;
};

/* Through a count, by ascending threads. */
struct walk {
    const struct exits_count *count; /* NULL: an empty one */
    size_t thread, reason, key;
};

static struct thread_rows rows_of(struct walk *w, pid_t tid)
{
    const struct exits_count *c = w->count;
    struct thread_rows rows = {.count = c};

    if (c == NULL)
        return rows;
    while (w->thread < c->thread_count && c->threads[w->thread].tid < tid)
        w->thread++;
    while (w->reason < c->reason_count && c->reasons[w->reason].tid < tid)
        w->reason++;
    while (w->key < c->key_count && c->keys[w->key].tid < tid)
        w->key++;
    rows.reasons.first = w->reason;
    rows.keys.first = w->key;
    if (w->thread < c->thread_count && c->threads[w->thread].tid == tid)
        rows.thread = &c->threads[w->thread++];
    while (w->reason < c->reason_count && c->reasons[w->reason].tid == tid)
        w->reason++;
    while (w->key < c->key_count && c->keys[w->key].tid == tid)
        w->key++;
    rows.reasons.count = w->reason - rows.reasons.first;
    rows.keys.count = w->key - rows.keys.first;
    return rows;
}

/* A number fell: it is another thread, and nothing of it was counted before. */
static bool is_another(const struct thread_rows *before, const struct thread_rows *now)
{
    const struct exits_thread *a = before->thread, *b = now->thread;
    size_t k = now->reasons.first, end = now->reasons.first + now->reasons.count;

    if (a == NULL || b == NULL || b->pid != a->pid || b->exits < a->exits)
        return true;
    for (size_t i = 0; i < before->reasons.count; i++) {
        const struct exits_reason *r = &before->count->reasons[before->reasons.first + i];
        while (k < end && exits_compare_reasons(&now->count->reasons[k], r) < 0)
            k++;
        const struct exits_reason *n = k < end ? &now->count->reasons[k] : NULL;
        if (n == NULL || exits_compare_reasons(n, r) != 0 || n->count < r->count ||
            n->timed < r->timed || n->total_ns < r->total_ns)
            return true;
    }
    return false;
}

static uint64_t grown(uint64_t before, uint64_t now)
{
    return now > before ? now - before : 0;
}

/* --- groups ----------------------------------------------------------------------------------- */

/* Reasons are few, and most are there already. @g has room for it. */
static struct exit_row *row_at(struct exit_group *g, uint8_t isa, uint32_t reason)
{
    size_t i = g->row_count;

    while (i > 0 && exits_order_reasons(g->rows[i - 1].isa, g->rows[i - 1].reason, isa, reason) > 0)
        i--;
    if (i > 0 && exits_order_reasons(g->rows[i - 1].isa, g->rows[i - 1].reason, isa, reason) == 0)
        return &g->rows[i - 1];
    memmove(&g->rows[i + 1], &g->rows[i], (g->row_count - i) * sizeof(*g->rows));
    g->row_count++;
    g->rows[i] = (struct exit_row){
        .isa = isa, .reason = reason, .is_halt = exit_is_halt((enum exit_isa)isa, reason)};
    return &g->rows[i];
}

static void add_times(struct exit_times *to, const struct exit_times *from)
{
    to->count += from->count;
    to->timed += from->timed;
    to->total_ns += from->total_ns;
    for (size_t b = 0; b < EXIT_BUCKETS; b++)
        to->buckets[b] += from->buckets[b];
}

static void add_row(struct exit_group *g, const struct exit_row *from)
{
    struct exit_row *to = row_at(g, from->isa, from->reason);

    to->name = from->name;
    if (from->all.timed > 0) {
        to->min_ns = to->all.timed == 0 || from->min_ns < to->min_ns ? from->min_ns : to->min_ns;
        to->max_ns = from->max_ns > to->max_ns ? from->max_ns : to->max_ns;
    }
    add_times(&to->all, &from->all);
    add_times(&to->interval, &from->interval);
    to->spent_ns += from->spent_ns;
}

/* @g has room for all of it; its keys are put in order by merge_keys. */
static void add_group(struct exit_group *g, const struct exit_group *from)
{
    for (size_t i = 0; i < from->row_count; i++)
        add_row(g, &from->rows[i]);
    if (from->key_count > 0)
        memcpy(&g->keys[g->key_count], from->keys, from->key_count * sizeof(*g->keys));
    g->key_count += from->key_count;
    g->threads += from->threads;
    g->exits += from->exits;
    g->interval_exits += from->interval_exits;
    g->untimed += from->untimed;
    g->guest_ns += from->guest_ns;
    g->halt_ns += from->halt_ns;
    g->work_ns += from->work_ns;
    g->events += from->events;
    g->interval_events += from->interval_events;
}

static int by_key(const void *a, const void *b)
{
    const struct exit_key_row *x = a, *y = b;

    return exits_order_keys(x->kind, x->value, y->kind, y->value);
}

/* The same ones come more than once, and there may be very many: sorted once. */
static void merge_keys(struct exit_group *g)
{
    size_t n = 0;

    if (g->key_count < 2)
        return;
    qsort(g->keys, g->key_count, sizeof(*g->keys), by_key);
    for (size_t i = 1; i < g->key_count; i++) {
        struct exit_key_row *last = &g->keys[n];
        const struct exit_key_row *next = &g->keys[i];
        if (by_key(last, next) != 0) {
            g->keys[++n] = *next;
            continue;
        }
        last->count += next->count;
        last->interval_count += next->interval_count;
        last->events += next->events;
        last->interval_events += next->interval_events;
    }
    g->key_count = n + 1;
}

/* --- a thread --------------------------------------------------------------------------------- */

static void fill_row(const struct exits_reason *before, const struct exits_reason *now,
                     bool has_interval, struct exit_row *to)
{
    to->all = (struct exit_times){now->count, now->timed, now->total_ns, {0}};
    memcpy(to->all.buckets, now->buckets, sizeof(now->buckets));
    to->min_ns = now->min_ns;
    to->max_ns = now->max_ns;
    if (!has_interval)
        return;
    to->interval = to->all;
    if (before != NULL) {
        to->interval.count -= before->count;
        to->interval.timed -= before->timed;
        to->interval.total_ns -= before->total_ns;
        for (size_t b = 0; b < EXIT_BUCKETS; b++)
            to->interval.buckets[b] = grown(before->buckets[b], now->buckets[b]);
    }
    to->spent_ns = to->interval.total_ns;
}

static void fill_rows(const struct thread_rows *before, const struct thread_rows *now,
                      bool has_interval, struct exit_group *g)
{
    size_t k = 0;

    for (size_t i = 0; i < now->reasons.count; i++) {
        const struct exits_reason *n = &now->count->reasons[now->reasons.first + i];
        const struct exits_reason *b = NULL;
        for (; k < before->reasons.count; k++) {
            b = &before->count->reasons[before->reasons.first + k];
            if (exits_compare_reasons(b, n) >= 0)
                break;
        }
        bool is_known = k < before->reasons.count && exits_compare_reasons(b, n) == 0;
        struct exit_row *row = row_at(g, n->isa, n->reason);
        fill_row(is_known ? b : NULL, n, has_interval, row);
    }
}

/* Those that mean the same are one: a guest leaves what it likes where CPUID looks at nothing. */
static void fill_keys(const struct thread_rows *before, const struct thread_rows *now,
                      bool has_interval, struct exit_group *g)
{
    bool are_plain = true;
    size_t k = 0;

    for (size_t i = 0; i < now->keys.count; i++) {
        const struct exits_key *n = &now->count->keys[now->keys.first + i];
        const struct exits_key *b = NULL;
        for (; k < before->keys.count; k++) {
            b = &before->count->keys[before->keys.first + k];
            if (exits_compare_keys(b, n) >= 0)
                break;
        }
        bool is_known = k < before->keys.count && exits_compare_keys(b, n) == 0;
        struct exit_key_row *row = &g->keys[g->key_count++];
        *row = (struct exit_key_row){.kind = (uint8_t)n->kind,
                                     .value = exit_key_plain((enum exit_key_kind)n->kind, n->value),
                                     .count = n->count,
                                     .events = n->events};
        are_plain &= row->value == n->value;
        if (has_interval) {
            row->interval_count = is_known ? grown(b->count, n->count) : n->count;
            row->interval_events = is_known ? grown(b->events, n->events) : n->events;
        }
        g->events += row->events;
        g->interval_events += row->interval_events;
    }
    if (!are_plain)
        merge_keys(g);
}

/*
 * What is still going on: the time that an exit took which nothing came back from is in no sum of
 * the kernel's yet. What of it was before the interval is not in the interval.
 */
static void add_open(const struct exits_thread *before, const struct exits_thread *now,
                     struct exit_group *g)
{
    if (now->open_ns > 0)
        row_at(g, now->open_isa, now->open_reason)->spent_ns += now->open_ns;
    if (before->open_ns > 0) {
        struct exit_row *row = row_at(g, before->open_isa, before->open_reason);
        row->spent_ns -= before->open_ns < row->spent_ns ? before->open_ns : row->spent_ns;
    }
}

/* Only for a row that the thread has: of one that found no room nothing is known. */
static bool has_row(const struct thread_rows *rows, uint8_t isa, uint32_t reason)
{
    for (size_t i = 0; i < rows->reasons.count; i++) {
        const struct exits_reason *r = &rows->count->reasons[rows->reasons.first + i];
        if (r->isa == isa && r->reason == reason)
            return true;
    }
    return false;
}

/* Of the copies: the count may end before the exits do. */
static void name_rows(const struct exits *e, struct exit_group *g)
{
    for (size_t i = 0; i < g->row_count; i++)
        g->rows[i].name =
            exits_find_name(e->names, e->name_count, g->rows[i].isa, g->rows[i].reason);
}

/* The group of one thread. @g has room for its rows. */
static void fill_thread(const struct thread_rows *before, const struct thread_rows *now,
                        bool has_interval, struct exit_group *g)
{
    static const struct thread_rows none = {0};
    const struct exits_thread *t = now->thread;
    const struct thread_rows *then = is_another(before, now) ? &none : before;
    struct exits_thread a = {0}, b = *t;

    if (then->thread != NULL)
        a = *then->thread;
    g->threads = 1;
    fill_rows(then, now, has_interval, g);
    g->events = 2 * t->exits;
    if (has_interval)
        g->interval_events = 2 * (t->exits - a.exits);
    fill_keys(then, now, has_interval, g);
    g->exits = t->exits;
    g->untimed = t->untimed;
    if (!has_interval)
        return;
    g->interval_exits = t->exits - a.exits;
    g->guest_ns = grown(a.guest_ns, t->guest_ns);
    if (!has_row(now, a.open_isa, a.open_reason))
        a.open_ns = 0;
    if (!has_row(now, b.open_isa, b.open_reason))
        b.open_ns = 0;
    add_open(&a, &b, g);
    for (size_t i = 0; i < g->row_count; i++)
        *(g->rows[i].is_halt ? &g->halt_ns : &g->work_ns) += g->rows[i].spent_ns;
}

/* --- all -------------------------------------------------------------------------------------- */

/* Which vCPU a thread is. */
struct owner {
    pid_t tid;
    size_t vm, vcpu; /* @vcpu of all */
};

static int by_tid(const void *a, const void *b)
{
    const struct owner *x = a, *y = b;

    return exits_order((uint64_t)x->tid, (uint64_t)y->tid);
}

struct owners {
    struct owner *vcpus; /* ascending tid; the vCPUs whose thread is known */
    size_t count;
    const struct exits_vm *vms;
    size_t vm_count;
};

#define NOBODY SIZE_MAX

/* The first VM of that process or of a later one: VMs ascend by process. */
static size_t first_of(const struct owners *o, pid_t pid)
{
    size_t low = 0, high = o->vm_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (o->vms[middle].pid < pid)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* @ret_vcpu NOBODY: none of its vCPUs is known to be this thread. false: it is of no VM. */
static bool find_owner(const struct owners *o, const struct exits_thread *thread, size_t *ret_vm,
                       size_t *ret_vcpu)
{
    const struct owner wanted = {.tid = thread->tid};
    const struct owner *found =
        o->count > 0 ? bsearch(&wanted, o->vcpus, o->count, sizeof(wanted), by_tid) : NULL;

    *ret_vcpu = NOBODY;
    if (found != NULL && o->vms[found->vm].pid == thread->pid) {
        *ret_vm = found->vm;
        *ret_vcpu = found->vcpu;
        return true;
    }
    const size_t i = first_of(o, thread->pid);
    if (i == o->vm_count || o->vms[i].pid != thread->pid || !o->vms[i].is_alone)
        return false;
    *ret_vm = i;
    return true;
}

static bool find_owners(const struct exits_vm *vms, size_t vm_count, size_t vcpus,
                        struct owners *ret)
{
    size_t vcpu = 0;

    *ret = (struct owners){.vms = vms, .vm_count = vm_count};
    ret->vcpus = malloc((vcpus + 1) * sizeof(*ret->vcpus));
    if (ret->vcpus == NULL)
        return false;
    for (size_t i = 0; i < vm_count; i++)
        for (size_t k = 0; k < vms[i].vcpu_count; k++, vcpu++)
            if (vms[i].tids[k] > 0)
                ret->vcpus[ret->count++] = (struct owner){vms[i].tids[k], i, vcpu};
    qsort(ret->vcpus, ret->count, sizeof(*ret->vcpus), by_tid);
    return true;
}

/* One block: all groups, rows for each thread, and as many again for its VM and for all. */
static struct exits *allocate(const struct exits_count *cur, size_t vms, size_t vcpus)
{
    const size_t groups = (vms + vcpus) * sizeof(struct exit_group);
    const size_t rows = 3 * cur->reason_count * sizeof(struct exit_row);
    const size_t keys = 3 * cur->key_count * sizeof(struct exit_key_row);
    const size_t names = cur->name_count * sizeof(struct exits_name);
    /* What is not used of it is never touched, and so takes no memory. */
    struct exits *e = calloc(1, sizeof(*e) + groups + rows + keys + names);

    if (e == NULL)
        return NULL;
    e->facts = cur->facts;
    e->vm_count = vms;
    e->vcpu_count = vcpus;
    e->vms = (struct exit_group *)(e + 1);
    e->vcpus = e->vms + vms;
    e->host.rows = (struct exit_row *)((char *)(e + 1) + groups);
    e->host.keys = (struct exit_key_row *)((char *)e->host.rows + rows);
    struct exits_name *to = (struct exits_name *)((char *)e->host.keys + keys);
    if (cur->name_count > 0)
        memcpy(to, cur->names, names);
    e->names = to;
    e->name_count = cur->name_count;
    return e;
}

/* Where the rows of the next group go. */
struct cursor {
    struct exit_row *row;
    struct exit_key_row *key;
};

/* Room for as many rows of each VM as its threads have. */
static void place_vms(const struct owners *o, const struct exits_count *cur, struct exits *e,
                      struct cursor *at)
{
    struct walk walk = {.count = cur};
    size_t vm, vcpu;

    for (size_t i = 0; i < cur->thread_count; i++) {
        struct thread_rows rows = rows_of(&walk, cur->threads[i].tid);
        if (!find_owner(o, &cur->threads[i], &vm, &vcpu))
            continue;
        e->vms[vm].row_count += rows.reasons.count;
        e->vms[vm].key_count += rows.keys.count;
    }
    for (size_t i = 0; i < e->vm_count; i++) {
        struct exit_group *g = &e->vms[i];
        g->rows = at->row;
        g->keys = at->key;
        at->row += g->row_count;
        at->key += g->key_count;
        g->row_count = g->key_count = 0;
    }
}

static void fill(const struct owners *o, const struct exits_count *prev,
                 const struct exits_count *cur, struct exits *e)
{
    struct cursor at = {e->host.rows + cur->reason_count, e->host.keys + cur->key_count};
    struct walk then = {.count = prev}, now = {.count = cur};
    size_t vm, vcpu;

    place_vms(o, cur, e, &at);
    for (size_t i = 0; i < cur->thread_count; i++) {
        struct thread_rows before = rows_of(&then, cur->threads[i].tid);
        struct thread_rows rows = rows_of(&now, cur->threads[i].tid);
        struct exit_group own = {.rows = at.row, .keys = at.key};
        fill_thread(&before, &rows, prev != NULL, &own);
        name_rows(e, &own);
        at.row += own.row_count;
        at.key += own.key_count;
        add_group(&e->host, &own);
        if (!find_owner(o, &cur->threads[i], &vm, &vcpu)) {
            e->strangers++;
            continue;
        }
        add_group(&e->vms[vm], &own);
        if (vcpu != NOBODY)
            e->vcpus[vcpu] = own;
    }
    for (size_t i = 0; i < e->vm_count; i++)
        if (e->vms[i].threads > 1)
            merge_keys(&e->vms[i]);
    if (e->host.threads > 1)
        merge_keys(&e->host);
}

struct exits *exits_derive(const struct exits_count *prev, const struct exits_count *cur,
                           const struct exits_vm *vms, size_t vm_count)
{
    struct owners owners;
    size_t vcpus = 0;

    /* Of the threads of another process nothing was counted before, which is not nothing. */
    if (prev != NULL &&
        (prev->facts.state != EXITS_COUNTED || prev->facts.began_ns != cur->facts.began_ns ||
         prev->facts.taken_ns >= cur->facts.taken_ns ||
         (prev->facts.pid != 0 && prev->facts.pid != cur->facts.pid)))
        prev = NULL;
    for (size_t i = 0; i < vm_count; i++)
        vcpus += vms[i].vcpu_count;
    if (!find_owners(vms, vm_count, vcpus, &owners))
        return NULL;
    struct exits *e = allocate(cur, vm_count, vcpus);
    if (e != NULL) {
        if (prev != NULL)
            e->interval_s = (double)(cur->facts.taken_ns - prev->facts.taken_ns) / 1e9;
        fill(&owners, prev, cur, e);
    }
    free(owners.vcpus);
    return e;
}
