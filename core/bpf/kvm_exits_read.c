// SPDX-License-Identifier: MIT
#include "core/bpf/kvm_exits.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/bpf/kvm_exits_count.skel.h"
#include "core/bpf/kvm_exits_internal.h"

#define AT_ONCE 1024 /* entries of a map; none of its buckets has as many */

/* Keys and values of a map, one array each. */
struct entries {
    uint8_t *keys, *values;
    size_t count;
};

static void entries_done(struct entries *e)
{
    free(e->keys);
    free(e->values);
    *e = (struct entries){0};
}

static bool make_room(struct entries *e, size_t cap, size_t key_bytes, size_t value_bytes)
{
    uint8_t *keys = realloc(e->keys, cap * key_bytes);

    if (keys != NULL)
        e->keys = keys;
    uint8_t *values = realloc(e->values, cap * value_bytes);
    if (values != NULL)
        e->values = values;
    return keys != NULL && values != NULL;
}

/* 0 or a negative errno. */
static int read_map(int map, size_t key_bytes, size_t value_bytes, struct entries *e)
{
    uint32_t position = 0;
    bool is_first = true;
    size_t cap = 0;

    *e = (struct entries){0};
    for (;;) {
        uint32_t count = AT_ONCE;
        if (e->count + AT_ONCE > cap) {
            cap = cap == 0 ? 2 * AT_ONCE : 2 * cap;
            if (!make_room(e, cap, key_bytes, value_bytes))
                return -ENOMEM;
        }
        int result = bpf_map_lookup_batch(map, is_first ? NULL : &position, &position,
                                          e->keys + e->count * key_bytes,
                                          e->values + e->count * value_bytes, &count, NULL);
        if (result < 0 && result != -ENOENT)
            return result;
        e->count += count;
        if (result == -ENOENT)
            return 0;
        is_first = false;
    }
}

/* --- rows ------------------------------------------------------------------------------------- */

static int order(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int by_thread(const void *a, const void *b)
{
    const struct kvm_exits_thread_row *x = a, *y = b;

    return order(x->tid, y->tid);
}

static int by_reason(const void *a, const void *b)
{
    const struct kvm_exits_reason_row *x = a, *y = b;
    int result = order(x->tid, y->tid);

    if (result == 0)
        result = order(x->isa, y->isa);
    return result != 0 ? result : order(x->reason, y->reason);
}

static int by_key(const void *a, const void *b)
{
    const struct kvm_exits_key_row *x = a, *y = b;
    int result = order(x->key.tid, y->key.tid);

    if (result == 0)
        result = order(x->key.kind, y->key.kind);
    return result != 0 ? result : order(x->key.value, y->key.value);
}

/* The instruction set is that of the thread's last exit: it does not change. */
static void set_isa(const struct kvm_exits *exits, const struct kvm_exits_reading *reading,
                    struct kvm_exits_reason_row *row)
{
    const struct kvm_exits_thread_row wanted = {.tid = row->tid}, *found = NULL;

    if (exits->programs->rodata->is_arm64) {
        row->isa = (row->reason & KVM_EXITS_ARM64_CODE) != 0 ? EXIT_ISA_ARM64_CODE : EXIT_ISA_ARM64;
        row->reason &= ~KVM_EXITS_ARM64_CODE;
        return;
    }
    if (reading->thread_count > 0)
        found = bsearch(&wanted, reading->threads, reading->thread_count, sizeof(*reading->threads),
                        by_thread);
    row->isa = EXIT_ISA_UNKNOWN;
    if (found != NULL && (found->is.isa == EXIT_ISA_VMX || found->is.isa == EXIT_ISA_SVM))
        row->isa = (enum exit_isa)found->is.isa;
}

/* Room for one more. 0, or -ENOMEM. */
static int add_reason(struct kvm_exits_reading *ret, size_t *cap,
                      struct kvm_exits_reason_row **ret_row)
{
    if (ret->reason_count == *cap) {
        const size_t more = *cap == 0 ? 256 : 2 * *cap;
        struct kvm_exits_reason_row *rows = realloc(ret->reasons, more * sizeof(*rows));
        if (rows == NULL)
            return -ENOMEM;
        ret->reasons = rows;
        *cap = more;
    }
    *ret_row = &ret->reasons[ret->reason_count++];
    return 0;
}

/* Threads, and the reasons that stand beside them. */
static int read_threads(struct kvm_exits *exits, struct kvm_exits_reading *ret, size_t *cap)
{
    struct entries e;
    int result =
        read_map(exits->threads_map, sizeof(uint32_t), sizeof(struct kvm_exits_thread_value), &e);

    if (result == 0 && e.count > 0) {
        ret->threads = calloc(e.count, sizeof(*ret->threads));
        result = ret->threads == NULL ? -ENOMEM : 0;
    }
    for (size_t i = 0; result == 0 && i < e.count; i++) {
        struct kvm_exits_thread_value value;
        memcpy(&value, e.values + i * sizeof(value), sizeof(value));
        if (value.is.tgid == 0) /* just being added: whose it is comes after the row */
            continue;
        struct kvm_exits_thread_row *row = &ret->threads[ret->thread_count++];
        memcpy(&row->tid, e.keys + i * sizeof(row->tid), sizeof(row->tid));
        row->is = value.is;
        for (unsigned k = 0; result == 0 && k < value.is.reasons && k < KVM_EXITS_NEAR_REASONS;
             k++) {
            struct kvm_exits_reason_row *reason;
            result = add_reason(ret, cap, &reason);
            if (result == 0)
                *reason = (struct kvm_exits_reason_row){
                    .tid = row->tid, .reason = value.near_reasons[k], .is = value.near[k]};
        }
    }
    entries_done(&e);
    if (result == 0 && ret->thread_count > 0)
        qsort(ret->threads, ret->thread_count, sizeof(*ret->threads), by_thread);
    return result;
}

/* After the threads. */
static int read_reasons(struct kvm_exits *exits, struct kvm_exits_reading *ret, size_t cap)
{
    struct entries e;
    int result = read_map(exits->reasons_map, sizeof(struct kvm_exits_reason_key),
                          sizeof(struct kvm_exits_reason), &e);

    for (size_t i = 0; result == 0 && i < e.count; i++) {
        struct kvm_exits_reason_row *row;
        struct kvm_exits_reason_key key;
        result = add_reason(ret, &cap, &row);
        if (result < 0)
            break;
        memcpy(&key, e.keys + i * sizeof(key), sizeof(key));
        *row = (struct kvm_exits_reason_row){.tid = key.tid, .reason = key.reason};
        memcpy(&row->is, e.values + i * sizeof(row->is), sizeof(row->is));
    }
    entries_done(&e);
    for (size_t i = 0; i < ret->reason_count; i++)
        set_isa(exits, ret, &ret->reasons[i]);
    if (result == 0 && ret->reason_count > 0)
        qsort(ret->reasons, ret->reason_count, sizeof(*ret->reasons), by_reason);
    return result;
}

static int read_keys(struct kvm_exits *exits, struct kvm_exits_reading *ret)
{
    struct entries e;
    int result = read_map(exits->keys_map, sizeof(struct kvm_exits_key),
                          sizeof(struct kvm_exits_key_value), &e);

    if (result == 0 && e.count > 0) {
        ret->keys = calloc(e.count, sizeof(*ret->keys));
        result = ret->keys == NULL ? -ENOMEM : 0;
    }
    for (size_t i = 0; result == 0 && i < e.count; i++) {
        struct kvm_exits_key_row *row = &ret->keys[ret->key_count++];
        memcpy(&row->key, e.keys + i * sizeof(row->key), sizeof(row->key));
        memcpy(&row->is, e.values + i * sizeof(row->is), sizeof(row->is));
    }
    entries_done(&e);
    if (result == 0 && ret->key_count > 0)
        qsort(ret->keys, ret->key_count, sizeof(*ret->keys), by_key);
    return result;
}

static uint64_t missed_of(const struct kvm_exits *exits)
{
    uint64_t missed = 0;

    for (unsigned i = 0; i < KVM_EXITS_PROGRAMS; i++) {
        struct bpf_prog_info info;
        uint32_t bytes = sizeof(info);
        memset(&info, 0, sizeof(info));
        if (exits->program_fds[i] >= 0 &&
            bpf_obj_get_info_by_fd(exits->program_fds[i], &info, &bytes) == 0)
            missed += info.recursion_misses;
    }
    return missed;
}

int kvm_exits_read(struct kvm_exits *exits, struct kvm_exits_reading *ret)
{
    struct timespec now;
    size_t cap = 0;

    memset(ret, 0, sizeof(*ret));
    clock_gettime(CLOCK_MONOTONIC, &now);
    ret->taken_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    int result = read_threads(exits, ret, &cap);
    if (result == 0)
        result = read_reasons(exits, ret, cap);
    if (result == 0)
        result = read_keys(exits, ret);
    if (result < 0) {
        kvm_exits_reading_done(ret);
        return result;
    }
    memcpy(ret->lost, (const void *)exits->programs->bss->lost, sizeof(ret->lost));
    ret->missed = missed_of(exits);
    return 0;
}

/* The first row of @tid or above it: rows of a reading ascend by thread. */
static size_t first_reason(const struct kvm_exits_reading *reading, uint32_t tid)
{
    size_t low = 0, high = reading->reason_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (reading->reasons[middle].tid < tid)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static size_t first_key(const struct kvm_exits_reading *reading, uint32_t tid)
{
    size_t low = 0, high = reading->key_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (reading->keys[middle].key.tid < tid)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

size_t kvm_exits_forget(struct kvm_exits *exits, const struct kvm_exits_reading *reading,
                        uint32_t tid)
{
    size_t i = first_reason(reading, tid), k = first_key(reading, tid), rows = 1;

    for (; i < reading->reason_count && reading->reasons[i].tid == tid; i++, rows++) {
        const struct kvm_exits_reason_key key = {
            .tid = tid, .reason = kvm_exits_raw_reason(&reading->reasons[i])};
        bpf_map_delete_elem(exits->reasons_map, &key);
    }
    for (; k < reading->key_count && reading->keys[k].key.tid == tid; k++, rows++)
        bpf_map_delete_elem(exits->keys_map, &reading->keys[k].key);
    bpf_map_delete_elem(exits->threads_map, &tid);
    return rows;
}
