// SPDX-License-Identifier: MIT
/*
 * A count of exits in flat form as a counter in the hands of a VMM, or a damaged file, might give
 * it: what is taken keeps all rules, so that the exits of a snapshot can be derived and the form
 * written again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/model/exits_flat.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The length of all stands in the head: it is made right, else nothing would ever be looked at. */
static struct exits_count *read_bytes(const void *data, size_t size)
{
    uint64_t bytes = size / 8 * 8;
    struct exits_count *c = NULL;
    char *copy = malloc(size + 8);

    if (copy == NULL)
        abort();
    memcpy(copy, data, size);
    if (size >= 16)
        memcpy(copy + 8, &bytes, sizeof(bytes));
    if (exits_flat_read(copy, (size_t)bytes, &c) != 0)
        c = NULL;
    free(copy);
    return c;
}

/* The first thread is a vCPU, and so is the last; those between them are not known. */
static void derive(const struct exits_count *prev, const struct exits_count *cur)
{
    const pid_t tids[2] = {cur->thread_count > 0 ? cur->threads[0].tid : 0,
                           cur->thread_count > 1 ? cur->threads[cur->thread_count - 1].tid : 0};
    const struct exits_vm vm = {.pid = cur->thread_count > 0 ? cur->threads[0].pid : 1,
                                .is_alone = true,
                                .vcpu_count = 2,
                                .tids = tids};
    struct exits *exits = exits_derive(prev, cur, &vm, 1);

    if (exits == NULL || exits->vm_count != 1 || exits->vcpu_count != 2 ||
        exits->host.threads < cur->thread_count)
        abort();
    for (size_t i = 0; i < exits->host.row_count; i++) {
        const struct exit_row *row = &exits->host.rows[i];
        if (row->name == NULL || row->name[0] == '\0')
            abort();
        exit_quantile(row->all.buckets, 0.99, row->min_ns, row->max_ns);
    }
    free(exits);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct exits_count *c = read_bytes(data, size);

    if (c == NULL)
        return 0;
    derive(NULL, c);
    size_t bytes = exits_flat_write(c, NULL, 0);
    void *copy = malloc(bytes);
    if (copy == NULL || exits_flat_write(c, copy, bytes) != bytes)
        abort();
    struct exits_count *second = read_bytes(copy, bytes);
    if (second == NULL || second->thread_count != c->thread_count ||
        second->reason_count != c->reason_count || second->key_count != c->key_count ||
        second->name_count != c->name_count ||
        memcmp(&second->facts, &c->facts, sizeof(c->facts)) != 0)
        abort();
    derive(c, second);
    free(second);
    free(copy);
    free(c);
    return 0;
}
