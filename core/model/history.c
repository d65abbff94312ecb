// SPDX-License-Identifier: MIT
// Entries lie in ascending order of identity, so that a snapshot, which has the same order, finds
// each by one step.
#include "core/model/history.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    struct vm_id id;
    unsigned tick;   /* of the last value */
    size_t count;    /* values kept, at most HISTORY_LENGTH */
    size_t next;     /* place of the next value */
    float values[];  /* [series][HISTORY_LENGTH] */
};

struct history {
    size_t series;
    unsigned tick;
    size_t count, cap;
    size_t hint; /* where the last VM was found */
    struct entry **entries; /* [count], ascending identity */
};

struct history *history_new(size_t series)
{
    struct history *h = calloc(1, sizeof(*h));

    if (h != NULL)
        h->series = series;
    return h;
}

void history_free(struct history *h)
{
    if (h == NULL)
        return;
    for (size_t i = 0; i < h->count; i++)
        free(h->entries[i]);
    free(h->entries);
    free(h);
}

void history_begin(struct history *h)
{
    h->tick++;
    h->hint = 0;
}

static int compare(const struct vm_id *a, const struct vm_id *b)
{
    if (a->pid != b->pid)
        return a->pid < b->pid ? -1 : 1;
    if (a->fd != b->fd)
        return a->fd < b->fd ? -1 : 1;
    if (a->start_ticks != b->start_ticks)
        return a->start_ticks < b->start_ticks ? -1 : 1;
    return (a->born > b->born) - (a->born < b->born);
}

/* First place whose identity is not below @id. */
static size_t lower_bound(const struct history *h, const struct vm_id *id)
{
    size_t low = 0, high = h->count;

    if (h->hint < h->count && compare(&h->entries[h->hint]->id, id) == 0)
        return h->hint;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (compare(&h->entries[mid]->id, id) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static int insert(struct history *h, size_t at, const struct vm_id *id)
{
    if (h->count == HISTORY_VMS_MAX)
        return -ENOSPC;
    if (h->count == h->cap) {
        size_t cap = h->cap ? h->cap * 2 : 16;
        struct entry **grown = realloc(h->entries, cap * sizeof(struct entry *));
        if (grown == NULL)
            return -ENOMEM;
        h->entries = grown;
        h->cap = cap;
    }
    struct entry *e = calloc(1, sizeof(*e) + h->series * HISTORY_LENGTH * sizeof(float));
    if (e == NULL)
        return -ENOMEM;
    e->id = *id;
    memmove(h->entries + at + 1, h->entries + at, (h->count - at) * sizeof(struct entry *));
    h->entries[at] = e;
    h->count++;
    return 0;
}

int history_add(struct history *h, const struct vm_id *id, const float *values)
{
    size_t at = lower_bound(h, id);

    if (at == h->count || compare(&h->entries[at]->id, id) != 0) {
        int result = insert(h, at, id);
        if (result < 0)
            return result;
    }
    struct entry *e = h->entries[at];
    for (size_t s = 0; s < h->series; s++)
        e->values[s * HISTORY_LENGTH + e->next] = values[s];
    e->next = (e->next + 1) % HISTORY_LENGTH;
    if (e->count < HISTORY_LENGTH)
        e->count++;
    e->tick = h->tick;
    h->hint = at + 1;
    return 0;
}

void history_end(struct history *h)
{
    size_t kept = 0;

    for (size_t i = 0; i < h->count; i++) {
        if (h->entries[i]->tick == h->tick)
            h->entries[kept++] = h->entries[i];
        else
            free(h->entries[i]);
    }
    h->count = kept;
    h->hint = 0;
}

size_t history_get(const struct history *h, const struct vm_id *id, size_t series, float *ret,
                   size_t count)
{
    size_t at = lower_bound(h, id);

    if (at == h->count || compare(&h->entries[at]->id, id) != 0 || series >= h->series)
        return 0;
    const struct entry *e = h->entries[at];
    if (count > e->count)
        count = e->count;
    for (size_t i = 0; i < count; i++)
        ret[i] = e->values[series * HISTORY_LENGTH +
                           (e->next + HISTORY_LENGTH - count + i) % HISTORY_LENGTH];
    return count;
}
