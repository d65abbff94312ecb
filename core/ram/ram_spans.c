// SPDX-License-Identifier: MIT
#include "core/ram/ram_spans.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

/* A heap of the spans that have begun; the best is on top. */
struct heap {
    const struct ram_span **at;
    size_t count;
};

static bool is_better(const struct ram_span *a, const struct ram_span *b)
{
    return a->rank != b->rank ? a->rank < b->rank : a->of < b->of;
}

static void push(struct heap *h, const struct ram_span *span)
{
    size_t i = h->count++;

    for (; i > 0 && is_better(span, h->at[(i - 1) / 2]); i = (i - 1) / 2)
        h->at[i] = h->at[(i - 1) / 2];
    h->at[i] = span;
}

static void pop(struct heap *h)
{
    const struct ram_span *last = h->at[--h->count];
    size_t i = 0;

    for (;;) {
        size_t child = 2 * i + 1;
        if (child + 1 < h->count && is_better(h->at[child + 1], h->at[child]))
            child++;
        if (child >= h->count || !is_better(h->at[child], last))
            break;
        h->at[i] = h->at[child];
        i = child;
    }
    if (h->count > 0)
        h->at[i] = last;
}

static int lower_first(const void *left, const void *right)
{
    const struct ram_span *a = left, *b = right;

    return (a->start > b->start) - (a->start < b->start);
}

static void emit(struct ram_span *out, size_t *count, const struct ram_span *span, uint64_t start,
                 uint64_t end)
{
    struct ram_span *last = *count > 0 ? &out[*count - 1] : NULL;

    if (last != NULL && last->of == span->of && last->end == start) {
        last->end = end;
        return;
    }
    out[*count] = *span;
    out[*count].start = start;
    out[(*count)++].end = end;
}

static size_t sweep(const struct ram_span *spans, size_t count, struct heap *heap,
                    struct ram_span *out)
{
    uint64_t at = 0;
    size_t i = 0, made = 0;

    for (;;) {
        while (heap->count > 0 && heap->at[0]->end <= at)
            pop(heap);
        if (heap->count == 0) {
            if (i == count)
                return made;
            at = spans[i].start;
        }
        while (i < count && spans[i].start <= at)
            push(heap, &spans[i++]);
        /* Those that begin now may be better than the one that was on top, and none has ended. */
        const struct ram_span *top = heap->at[0];
        uint64_t end = i < count && spans[i].start < top->end ? spans[i].start : top->end;
        emit(out, &made, top, at, end);
        at = end;
    }
}

int ram_spans_settle(struct ram_span *spans, size_t count, struct ram_span **ret,
                     size_t *ret_count)
{
    struct heap heap = {.at = malloc(count * sizeof(*heap.at) + 1)};

    *ret_count = 0;
    *ret = malloc(2 * count * sizeof(**ret) + 1);
    if (heap.at == NULL || *ret == NULL) {
        free(heap.at);
        free(*ret);
        *ret = NULL;
        return -ENOMEM;
    }
    if (count > 0)
        qsort(spans, count, sizeof(*spans), lower_first);
    *ret_count = sweep(spans, count, &heap, *ret);
    free(heap.at);
    return 0;
}
