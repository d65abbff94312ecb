// SPDX-License-Identifier: MIT
#include "core/collect/exits_threads.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* --- which processes -------------------------------------------------------------------------- */

static int by_pid(const void *a, const void *b)
{
    const pid_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

/* Each process once, ascending. */
static size_t processes_of(const struct message_count *wanted, pid_t *ret)
{
    size_t count = 0;

    for (size_t i = 0; i < wanted->count; i++)
        ret[i] = wanted->vcpus[i].pid;
    qsort(ret, wanted->count, sizeof(*ret), by_pid);
    for (size_t i = 0; i < wanted->count; i++)
        if (count == 0 || ret[count - 1] != ret[i])
            ret[count++] = ret[i];
    return count;
}

int exits_watch_choose(const struct message_count *wanted, bool is_narrow, struct exits_watch *ret)
{
    *ret = (struct exits_watch){.is_all = wanted->pid == 0 && (!is_narrow || wanted->is_cut == 1)};
    if (ret->is_all)
        return 0;
    ret->pids = calloc(wanted->count + 1, sizeof(*ret->pids));
    if (ret->pids == NULL)
        return -ENOMEM;
    if (wanted->pid != 0)
        ret->pids[ret->count++] = wanted->pid;
    else
        ret->count = processes_of(wanted, ret->pids);
    if (ret->count > KVM_EXITS_WATCHED_MAX) {
        exits_watch_done(ret);
        ret->is_all = true;
    }
    return 0;
}

void exits_watch_done(struct exits_watch *watch)
{
    free(watch->pids);
    *watch = (struct exits_watch){0};
}

bool exits_watch_has(const struct exits_watch *watch, pid_t pid)
{
    if (watch->is_all)
        return true;
    return watch->count > 0 &&
           bsearch(&pid, watch->pids, watch->count, sizeof(pid), by_pid) != NULL;
}

bool exits_watch_equal(const struct exits_watch *a, const struct exits_watch *b)
{
    return a->is_all == b->is_all && a->count == b->count &&
           (a->count == 0 || memcmp(a->pids, b->pids, a->count * sizeof(*a->pids)) == 0);
}

/* --- which threads ---------------------------------------------------------------------------- */

/* Of two VMs that one thread runs the first, so that it is the same one each time. */
static int by_thread(const void *a, const void *b)
{
    const struct exits_known *x = a, *y = b;

    if (x->tid != y->tid)
        return x->tid < y->tid ? -1 : 1;
    return (x->vm > y->vm) - (x->vm < y->vm);
}

/* Those of now, each once, ascending. */
static size_t threads_of(const struct message_count *wanted, struct exits_known *ret)
{
    size_t count = 0, kept = 0;

    for (size_t i = 0; i < wanted->count; i++) {
        const struct exits_vcpu *v = &wanted->vcpus[i];
        if (v->tid > 0)
            ret[count++] =
                (struct exits_known){.tid = v->tid, .has_vm = true, .pid = v->pid, .vm = v->vm};
    }
    if (count > 0)
        qsort(ret, count, sizeof(*ret), by_thread);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || ret[kept - 1].tid != ret[i].tid)
            ret[kept++] = ret[i];
    return kept;
}

/* Where that thread is among @items; @count: it is not. */
static size_t place_of(const struct exits_known *items, size_t count, pid_t tid)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (items[middle].tid < tid)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && items[low].tid == tid ? low : count;
}

static struct exits_known *find(const struct exits_threads *threads, pid_t tid)
{
    size_t at = place_of(threads->items, threads->count, tid);

    return at < threads->count ? &threads->items[at] : NULL;
}

/* What is known of a thread now: @now of the sample or NULL, @row of the reading or NULL. */
static struct exits_known merge(const struct exits_known *before, const struct exits_known *now,
                                const struct kvm_exits_thread_row *row,
                                const struct exits_watch *watch)
{
    struct exits_known known = {0};

    if (now != NULL)
        known = *now;
    else if (before != NULL)
        known = *before;
    known.is_past = false;
    if (row == NULL)
        return known;
    known.tid = (pid_t)row->tid;
    if (before != NULL && before->is_past)
        known.is_past = true;
    if (before != NULL && now != NULL && before->has_vm && before->vm != now->vm)
        known.is_past = true;
    if (!exits_watch_has(watch, (pid_t)row->is.tgid))
        known.is_past = true;
    return known;
}

/* Those of the sample and those of the reading, each once. */
static size_t join(const struct exits_threads *before, const struct exits_known *now,
                   size_t now_count, const struct kvm_exits_reading *reading,
                   const struct exits_watch *watch, struct exits_known *ret)
{
    size_t i = 0, k = 0, count = 0;

    while (i < now_count || k < reading->thread_count) {
        const pid_t of_row = k < reading->thread_count ? (pid_t)reading->threads[k].tid : 0;
        const pid_t of_known = i < now_count ? now[i].tid : 0;
        /* The lower one first, both where they are the same; 0: there is none any more. */
        const pid_t tid = of_row == 0 || (of_known != 0 && of_known < of_row) ? of_known : of_row;
        const struct kvm_exits_thread_row *row = of_row == tid ? &reading->threads[k] : NULL;
        const struct exits_known *known = of_known == tid ? &now[i] : NULL;
        ret[count++] = merge(find(before, tid), known, row, watch);
        i += known != NULL;
        k += row != NULL;
    }
    return count;
}

/* --- those that have ended -------------------------------------------------------------------- */

/* One that cannot be told lives. No file of /proc is asked, which may hide it. */
static bool lives(pid_t pid, pid_t tid)
{
    return tgkill(pid, tid, 0) == 0 || errno != ESRCH;
}

/* A thread that runs a vCPU of the sample in that process need not be asked after. */
static bool is_doubtful(const struct exits_known *known, bool is_in_sample, uint32_t tgid)
{
    return !known->is_past && !(is_in_sample && known->pid == (pid_t)tgid);
}

/* From the last that was asked after on, so that each has its turn. */
static void probe(struct exits_threads *threads, const struct exits_known *now, size_t now_count,
                  const struct kvm_exits_reading *reading)
{
    const size_t count = reading->thread_count;
    const size_t share = count / EXITS_PROBES_SHARE;
    const size_t most = share > EXITS_PROBES_MAX ? share : EXITS_PROBES_MAX;
    const pid_t after = threads->probed;
    size_t first = 0, probes = 0;

    while (first < count && (pid_t)reading->threads[first].tid <= after)
        first++;
    for (size_t i = 0; i < count && probes < most; i++) {
        const struct kvm_exits_thread_row *row = &reading->threads[(first + i) % count];
        struct exits_known *known = find(threads, (pid_t)row->tid);
        const bool is_in_sample = place_of(now, now_count, known->tid) < now_count;
        if (!is_doubtful(known, is_in_sample, row->is.tgid))
            continue;
        known->is_past = !lives((pid_t)row->is.tgid, (pid_t)row->tid);
        threads->probed = known->tid;
        probes++;
    }
}

int exits_threads_follow(struct exits_threads *threads, const struct message_count *wanted,
                         const struct kvm_exits_reading *reading, const struct exits_watch *watch)
{
    const size_t most = wanted->count;
    struct exits_known *now = calloc(most + 1, sizeof(*now));
    struct exits_known *items = calloc(most + reading->thread_count + 1, sizeof(*items));

    if (now == NULL || items == NULL) {
        free(now);
        free(items);
        return -ENOMEM;
    }
    size_t now_count = threads_of(wanted, now);
    size_t count = join(threads, now, now_count, reading, watch, items);
    free(threads->items);
    threads->items = items;
    threads->count = count;
    probe(threads, now, now_count, reading);
    free(now);
    return 0;
}

bool exits_threads_is_past(const struct exits_threads *threads, pid_t tid)
{
    const struct exits_known *known = find(threads, tid);

    return known != NULL && known->is_past;
}

void exits_threads_forgot(struct exits_threads *threads, pid_t tid)
{
    struct exits_known *known = find(threads, tid);

    if (known != NULL)
        known->is_past = false;
}

void exits_threads_done(struct exits_threads *threads)
{
    free(threads->items);
    *threads = (struct exits_threads){0};
}
