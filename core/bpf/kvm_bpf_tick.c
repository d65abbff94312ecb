// SPDX-License-Identifier: MIT
#include "core/bpf/kvm_bpf_tick.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A process and its memory. */
struct kept {
    struct kvm_bpf_process process;
    uint64_t tick; /* in which it was read */
    size_t cap;
    uint8_t *bytes; /* the counters of its files, one behind the other */
    size_t used, size;
    bool is_full; /* no memory for all of it */
};

struct kvm_bpf_tick {
    struct kvm_bpf_tick_config config;
    unsigned wants;
    uint64_t number;
    struct kept **kept; /* ascending pid */
    size_t count, cap;
};

struct kvm_bpf_tick *kvm_bpf_tick_new(const struct kvm_bpf_tick_config *config)
{
    struct kvm_bpf_tick *tick = calloc(1, sizeof(*tick));

    if (tick != NULL)
        tick->config = *config;
    return tick;
}

static void forget(struct kvm_bpf_tick *tick, struct kept *kept)
{
    kvm_bpf_forget(tick->config.bpf, kept->process.pid);
    free(kept->process.files);
    free(kept->process.vcpus);
    free(kept->bytes);
    free(kept);
}

void kvm_bpf_tick_free(struct kvm_bpf_tick *tick)
{
    if (tick == NULL)
        return;
    for (size_t i = 0; i < tick->count; i++)
        forget(tick, tick->kept[i]);
    free(tick->kept);
    free(tick);
}

struct kvm_bpf *kvm_bpf_tick_bpf(const struct kvm_bpf_tick *tick)
{
    return tick->config.bpf;
}

void kvm_bpf_tick_begin(struct kvm_bpf_tick *tick, unsigned wants)
{
    size_t left = 0;

    for (size_t i = 0; i < tick->count; i++) {
        if (tick->kept[i]->tick == tick->number)
            tick->kept[left++] = tick->kept[i];
        else
            forget(tick, tick->kept[i]);
    }
    tick->count = left;
    tick->number++;
    tick->wants = wants;
}

/* --- one process ------------------------------------------------------------------------------ */

static bool need_files(struct kept *kept)
{
    struct kvm_bpf_process *p = &kept->process;
    size_t cap = kept->cap != 0 ? kept->cap * 2 : 16;

    if (p->count < kept->cap)
        return true;
    struct kvm_bpf_file *files = realloc(p->files, cap * sizeof(*files));
    if (files == NULL)
        return false;
    p->files = files;
    const struct kvm_bpf_file **vcpus = realloc(p->vcpus, cap * sizeof(struct kvm_bpf_file *));
    if (vcpus == NULL)
        return false;
    p->vcpus = vcpus;
    kept->cap = cap;
    return true;
}

static bool need_bytes(struct kept *kept, size_t bytes)
{
    size_t size = kept->size * 2 > kept->used + bytes ? kept->size * 2 : kept->used + bytes + 4096;

    if (kept->used + bytes <= kept->size)
        return true;
    uint8_t *grown = realloc(kept->bytes, size);
    if (grown == NULL)
        return false;
    kept->bytes = grown;
    kept->size = size;
    return true;
}

static void take_file(void *user, const struct kvm_bpf_file *file)
{
    struct kept *kept = user;

    if (kept->is_full || !need_files(kept) || !need_bytes(kept, file->stat_bytes)) {
        kept->is_full = true;
        return;
    }
    kept->process.files[kept->process.count++] = *file;
    if (file->stat != NULL)
        memcpy(kept->bytes + kept->used, file->stat, file->stat_bytes);
    kept->used += file->stat_bytes;
}

/* As long as more came, the memory for all of it could move. */
static void set_pointers(struct kept *kept)
{
    const uint8_t *at = kept->bytes;
    struct kvm_bpf_process *p = &kept->process;

    for (size_t i = 0; i < p->count; i++) {
        struct kvm_bpf_file *file = &p->files[i];
        if (file->stat != NULL)
            file->stat = at;
        at += file->stat_bytes;
        if (file->kind == KVM_BPF_VCPU)
            p->vcpus[p->vcpu_count++] = file;
    }
}

static int compare_vcpus(const void *a, const void *b)
{
    const struct kvm_bpf_file *x = *(const struct kvm_bpf_file *const *)a,
                              *y = *(const struct kvm_bpf_file *const *)b;

    if (x->vm != y->vm)
        return x->vm < y->vm ? -1 : 1;
    return (x->vcpu_id > y->vcpu_id) - (x->vcpu_id < y->vcpu_id);
}

static void read_process(const struct kvm_bpf_tick *tick, struct kept *kept)
{
    struct kvm_bpf_process *p = &kept->process;

    p->count = p->vcpu_count = kept->used = 0;
    kept->is_full = false;
    kept->tick = tick->number;
    /* A descriptor that its process closes meanwhile is closed for good when we let go of it. */
    beacon_at(tick->config.beacon, p->pid, BEACON_READ_FD);
    p->result =
        kvm_bpf_read_process(tick->config.bpf, p->pid, tick->wants, take_file, kept, NULL);
    p->read_ns = tick->config.now_ns();
    if (p->result == 0 && kept->is_full)
        p->result = -ENOMEM;
    if (p->result < 0)
        p->count = 0;
    set_pointers(kept);
    if (p->vcpu_count > 1)
        qsort(p->vcpus, p->vcpu_count, sizeof(struct kvm_bpf_file *), compare_vcpus);
}

/* Where the process is, or belongs. */
static size_t place_of(const struct kvm_bpf_tick *tick, pid_t pid)
{
    size_t low = 0, high = tick->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (tick->kept[middle]->process.pid < pid)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct kept *insert(struct kvm_bpf_tick *tick, size_t at, pid_t pid)
{
    if (tick->count == tick->cap) {
        size_t cap = tick->cap != 0 ? tick->cap * 2 : 16;
        struct kept **grown = realloc(tick->kept, cap * sizeof(struct kept *));
        if (grown == NULL)
            return NULL;
        tick->kept = grown;
        tick->cap = cap;
    }
    struct kept *kept = calloc(1, sizeof(*kept));
    if (kept == NULL)
        return NULL;
    kept->process.pid = pid;
    memmove(&tick->kept[at + 1], &tick->kept[at], (tick->count - at) * sizeof(struct kept *));
    tick->kept[at] = kept;
    tick->count++;
    return kept;
}

const struct kvm_bpf_process *kvm_bpf_tick_read(struct kvm_bpf_tick *tick, pid_t pid)
{
    size_t at = place_of(tick, pid);
    bool is_there = at < tick->count && tick->kept[at]->process.pid == pid;
    struct kept *kept = is_there ? tick->kept[at] : insert(tick, at, pid);

    if (kept == NULL)
        return NULL;
    if (kept->tick != tick->number)
        read_process(tick, kept);
    return &kept->process;
}

/* --- what is in it ---------------------------------------------------------------------------- */

const struct kvm_bpf_file *kvm_bpf_process_vm(const struct kvm_bpf_process *process, int fd)
{
    size_t low = 0, high = process->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (process->files[middle].fd < fd)
            low = middle + 1;
        else
            high = middle;
    }
    const struct kvm_bpf_file *file = low < process->count ? &process->files[low] : NULL;
    return file != NULL && file->fd == fd && file->kind == KVM_BPF_VM ? file : NULL;
}

const struct kvm_bpf_file *kvm_bpf_process_vcpu(const struct kvm_bpf_process *process, uint64_t vm,
                                                int id)
{
    const struct kvm_bpf_file wanted = {.vm = vm, .vcpu_id = id}, *key = &wanted;
    const struct kvm_bpf_file **found =
        process->vcpu_count == 0
            ? NULL
            : bsearch(&key, process->vcpus, process->vcpu_count, sizeof(struct kvm_bpf_file *),
                      compare_vcpus);

    return found != NULL ? *found : NULL;
}
