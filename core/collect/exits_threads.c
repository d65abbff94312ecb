// SPDX-License-Identifier: MIT
#include "core/collect/exits_threads.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* --- which processes -------------------------------------------------------------------------- */

static int by_pid(const void *a, const void *b)
{
    const pid_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

/* VMs of a sample ascend by process. */
static size_t processes_of(const struct sample *sample, pid_t *ret)
{
    size_t count = 0;

    for (size_t i = 0; i < sample->vm_count; i++)
        if (count == 0 || ret[count - 1] != sample->vms[i].id.pid)
            ret[count++] = sample->vms[i].id.pid;
    return count;
}

int exits_watch_choose(pid_t pid, bool is_narrow, const struct sample *sample,
                       struct exits_watch *ret)
{
    *ret = (struct exits_watch){.is_all = pid == 0 && !is_narrow};
    if (ret->is_all)
        return 0;
    ret->pids = calloc(sample->vm_count + 1, sizeof(*ret->pids));
    if (ret->pids == NULL)
        return -ENOMEM;
    if (pid != 0)
        ret->pids[ret->count++] = pid;
    else
        ret->count = processes_of(sample, ret->pids);
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
    return vm_id_before(&x->vm, &y->vm) ? -1 : vm_id_before(&y->vm, &x->vm);
}

/* Ascending, each thread once. Returns how many. */
static size_t threads_of(const struct sample *sample, struct exits_known *ret)
{
    size_t count = 0, kept = 0;

    for (size_t i = 0; i < sample->vm_count; i++) {
        const struct sample_vm *vm = &sample->vms[i];
        for (size_t k = 0; k < vm->vcpu_count && !vm->gone; k++)
            if (vm->vcpus[k].tid > 0)
                ret[count++] = (struct exits_known){vm->vcpus[k].tid, true, false, vm->id};
    }
    if (count > 0)
        qsort(ret, count, sizeof(*ret), by_thread);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || ret[kept - 1].tid != ret[i].tid)
            ret[kept++] = ret[i];
    return kept;
}

static size_t vcpus_of(const struct sample *sample)
{
    size_t count = 0;

    for (size_t i = 0; i < sample->vm_count; i++)
        count += sample->vms[i].vcpu_count;
    return count;
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
    if (before != NULL && now != NULL && before->has_vm && !vm_id_equal(&before->vm, &now->vm))
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
        const struct kvm_exits_thread_row *row =
            k < reading->thread_count ? &reading->threads[k] : NULL;
        const struct exits_known *known = i < now_count ? &now[i] : NULL;
        if (row != NULL && known != NULL && known->tid != (pid_t)row->tid) {
            if (known->tid < (pid_t)row->tid)
                row = NULL;
            else
                known = NULL;
        }
        pid_t tid = row != NULL ? (pid_t)row->tid : known->tid;
        ret[count++] = merge(find(before, tid), known, row, watch);
        i += known != NULL;
        k += row != NULL;
    }
    return count;
}

/* --- those that have ended -------------------------------------------------------------------- */

/* Is there such a thread in such a process? One that cannot be told lives. */
static bool lives(const struct rootfs *root, uint32_t tgid, uint32_t tid)
{
    char path[64];
    struct stat st;

    snprintf(path, sizeof(path), "proc/%u/task/%u", tgid, tid);
    int result = rootfs_stat(root, path, &st);
    return result != -ENOENT && result != -ESRCH;
}

/* A thread that runs a vCPU of the sample in that process need not be asked after. */
static bool is_doubtful(const struct exits_known *known, bool is_in_sample, uint32_t tgid)
{
    return !known->is_past && !(is_in_sample && known->vm.pid == (pid_t)tgid);
}

/* From the last that was asked after on, so that each has its turn. */
static void probe(struct exits_threads *threads, const struct rootfs *root,
                  const struct exits_known *now, size_t now_count,
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
        known->is_past = !lives(root, row->is.tgid, row->tid);
        threads->probed = known->tid;
        probes++;
    }
}

int exits_threads_follow(struct exits_threads *threads, const struct rootfs *root,
                         const struct sample *sample, const struct kvm_exits_reading *reading,
                         const struct exits_watch *watch)
{
    const size_t most = vcpus_of(sample);
    struct exits_known *now = calloc(most + 1, sizeof(*now));
    struct exits_known *items = calloc(most + reading->thread_count + 1, sizeof(*items));

    if (now == NULL || items == NULL) {
        free(now);
        free(items);
        return -ENOMEM;
    }
    size_t now_count = threads_of(sample, now);
    size_t count = join(threads, now, now_count, reading, watch, items);
    free(threads->items);
    threads->items = items;
    threads->count = count;
    probe(threads, root, now, now_count, reading);
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
