// SPDX-License-Identifier: MIT
#include "core/model/exits.h"

#include <stdlib.h>
#include <string.h>

#include "core/model/exits_internal.h"

const char *exits_find_name(const struct exits_name *names, size_t count, unsigned isa,
                            uint32_t reason)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int c = exits_order_reasons(names[middle].isa, names[middle].reason, isa, reason);
        if (c == 0)
            return names[middle].name;
        if (c < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const char *exits_name_of(const struct exits *exits, enum exit_isa isa, uint32_t reason)
{
    return exits_find_name(exits->names, exits->name_count, isa, reason);
}

/* --- a count ---------------------------------------------------------------------------------- */

struct exits_count *exits_count_new(size_t threads, size_t reasons, size_t keys, size_t names)
{
    struct exits_count *c =
        calloc(1, sizeof(*c) + threads * sizeof(struct exits_thread) +
                      reasons * sizeof(struct exits_reason) + keys * sizeof(struct exits_key) +
                      names * sizeof(struct exits_name));

    if (c == NULL)
        return NULL;
    /* All but the names are aligned to 8 and multiples of it. */
    c->threads = (struct exits_thread *)(c + 1);
    c->reasons = (struct exits_reason *)(c->threads + threads);
    c->keys = (struct exits_key *)(c->reasons + reasons);
    c->names = (struct exits_name *)(c->keys + keys);
    c->thread_count = threads;
    c->reason_count = reasons;
    c->key_count = keys;
    c->name_count = names;
    return c;
}

bool exits_count_is_ordered(const struct exits_count *c)
{
    for (size_t i = 1; i < c->thread_count; i++)
        if (c->threads[i - 1].tid >= c->threads[i].tid)
            return false;
    for (size_t i = 1; i < c->reason_count; i++)
        if (exits_compare_reasons(&c->reasons[i - 1], &c->reasons[i]) >= 0)
            return false;
    for (size_t i = 1; i < c->key_count; i++)
        if (exits_compare_keys(&c->keys[i - 1], &c->keys[i]) >= 0)
            return false;
    for (size_t i = 1; i < c->name_count; i++)
        if (exits_order_reasons(c->names[i - 1].isa, c->names[i - 1].reason, c->names[i].isa,
                                c->names[i].reason) >= 0)
            return false;
    for (size_t i = 0; i < c->reason_count; i++)
        if (exits_find_name(c->names, c->name_count, c->reasons[i].isa, c->reasons[i].reason) ==
            NULL)
            return false;
    return true;
}

/* --- figures ---------------------------------------------------------------------------------- */

uint64_t exit_quantile(const uint64_t buckets[static EXIT_BUCKETS], double q, uint64_t min_ns,
                       uint64_t max_ns)
{
    uint64_t sum = 0;
    double left;

    for (size_t b = 0; b < EXIT_BUCKETS; b++)
        sum += buckets[b];
    if (sum == 0)
        return 0;
    left = q * (double)sum;
    for (size_t b = 0; b < EXIT_BUCKETS; b++) {
        if (buckets[b] == 0 || (left > (double)buckets[b] && b + 1 < EXIT_BUCKETS)) {
            left -= (double)buckets[b];
            continue;
        }
        const double low = b == 0 ? 0 : (double)(1ull << b);
        /* The last bucket has no other end. */
        const double high = b + 1 < EXIT_BUCKETS ? (double)(2ull << b) : (double)max_ns;
        const double at = low + (high - low) * left / (double)buckets[b];
        if (at <= (double)min_ns)
            return min_ns;
        return at >= (double)max_ns ? max_ns : (uint64_t)at;
    }
    return max_ns;
}

size_t exit_groups_seen(const struct exit_group *groups, size_t count)
{
    size_t seen = 0;

    for (size_t i = 0; i < count; i++)
        seen += groups[i].threads > 0;
    return seen;
}

double exit_group_cost(const struct exits *exits, const struct exit_group *group)
{
    if (exits->interval_s <= 0 || group->threads == 0)
        return 0;
    return (double)group->interval_events * EXITS_EVENT_NS / 1e9 /
           (exits->interval_s * (double)group->threads);
}
