// SPDX-License-Identifier: MIT
/* What several looks at the same pages say. Pure. */
#include <math.h>

#include "core/scan/scan_looks.h"

#define US_PER_S 1e6
/*
 * Two halves differ clearly when chance alone hardly ever makes such a difference, and when it is
 * one that matters: a sample of some ten thousand pages sees differences that are of no account.
 */
#define CLEAR_SIGMAS 4.0
#define CLEAR_RATIO  1.5

unsigned scan_pairs_schedule(double duration_s, double ret[DIRTY_LOOKS_MOST])
{
    unsigned doublings = 0;

    while (duration_s / exp2(doublings) > SCAN_DIRTY_FIRST_S * 1.0001 &&
           doublings + 2 < DIRTY_LOOKS_MOST)
        doublings++;
    ret[0] = 0;
    for (unsigned i = 0; i <= doublings; i++)
        ret[1 + i] = duration_s / exp2(doublings - i);
    return doublings + 2;
}

static const uint64_t *hashes(const struct scan_looks *looks, unsigned look)
{
    return looks->hash + look * looks->room;
}

static const uint32_t *times(const struct scan_looks *looks, unsigned look)
{
    return looks->time_us + look * looks->room;
}

static struct dirty_pair compare(const struct scan_looks *looks, unsigned i, unsigned j)
{
    const uint64_t *before = hashes(looks, i), *after = hashes(looks, j);
    const uint32_t *from = times(looks, i), *to = times(looks, j);
    struct dirty_pair pair = {0};
    uint64_t us = 0;

    for (size_t k = 0; k < looks->count; k++) {
        if (from[k] == 0 || to[k] <= from[k])
            continue;
        pair.sampled++;
        pair.changed += before[k] != after[k];
        us += to[k] - from[k];
    }
    if (pair.sampled > 0)
        pair.seconds = (double)us / (double)pair.sampled / US_PER_S;
    return pair;
}

static void count_zero(const struct scan_looks *looks, struct dirty_looks *ret)
{
    ret->zero_at_begin = ret->zero_at_end = 0;
    for (size_t k = 0; k < looks->count; k++) {
        ret->zero_at_begin += (looks->zero[k] & SCAN_ZERO_FIRST) != 0;
        ret->zero_at_end += (looks->zero[k] & SCAN_ZERO_LAST) != 0;
    }
}

void scan_pairs_fill(const struct scan_looks *looks, struct dirty_looks *ret)
{
    double begin_s[DIRTY_LOOKS_MOST] = {0};

    ret->pair_count = 0;
    ret->sampled = looks->count;
    for (unsigned j = 1; j < looks->looks; j++)
        begin_s[j] = compare(looks, 0, j).seconds;
    if (looks->looks > 1 && begin_s[looks->looks - 1] > ret->duration_s)
        ret->duration_s = begin_s[looks->looks - 1];
    for (unsigned i = 0; i < looks->looks; i++)
        for (unsigned j = i + 1; j < looks->looks; j++) {
            struct dirty_pair pair = compare(looks, i, j);
            pair.begin_s = begin_s[i];
            if (pair.sampled > 0) /* nothing of it could be read: that tells nothing */
                ret->pairs[ret->pair_count++] = pair;
        }
    count_zero(looks, ret);
}

/* Pages that changed in the first half only, in the second only, in both. */
struct halves {
    uint64_t first, second, both;
    double first_us, second_us;
};

static struct halves compare_halves(const struct scan_looks *looks, unsigned middle, unsigned end)
{
    const uint64_t *a = hashes(looks, 0), *b = hashes(looks, middle), *c = hashes(looks, end);
    const uint32_t *ta = times(looks, 0), *tb = times(looks, middle), *tc = times(looks, end);
    struct halves h = {0};

    for (size_t k = 0; k < looks->count; k++) {
        if (ta[k] == 0 || tb[k] <= ta[k] || tc[k] <= tb[k])
            continue;
        bool in_first = a[k] != b[k], in_second = b[k] != c[k];
        h.first += in_first && !in_second;
        h.second += in_second && !in_first;
        h.both += in_first && in_second;
        h.first_us += tb[k] - ta[k];
        h.second_us += tc[k] - tb[k];
    }
    return h;
}

/*
 * Of a load that stays the same, as many pages change in the first half only as in the second one
 * only, whatever the working set is like: a test of pairs (McNemar), which pages that change all
 * the time do not blur. Halves that are not quite as long are made so.
 */
static bool differ(const struct halves *h)
{
    if (!(h->first_us > 0) || !(h->second_us > 0))
        return false;
    double scale = h->first_us / h->second_us;
    double first = (double)h->first, second = (double)h->second * scale, both = (double)h->both;
    double most = fmax(first, second) + both, least = fmin(first, second) + both;

    return fabs(first - second) > CLEAR_SIGMAS * sqrt(first + second) && most > CLEAR_RATIO * least;
}

/* The look nearest to the middle between the first one and @end; 0: none is near. @seconds: from
 * the first look to each. */
static unsigned middle_of(const double *seconds, unsigned end)
{
    double best = 0.25 * seconds[end];
    unsigned found = 0;

    for (unsigned i = 1; i < end; i++) {
        double off = fabs(2 * seconds[i] - seconds[end]);
        if (off < best) {
            best = off;
            found = i;
        }
    }
    return found;
}

uint32_t scan_pairs_load_changed(const struct scan_looks *looks, double from_s)
{
    double seconds[DIRTY_LOOKS_MOST] = {0};
    uint32_t ret = 0;

    for (unsigned i = 1; i < looks->looks; i++)
        seconds[i] = compare(looks, 0, i).seconds;
    for (unsigned end = 2; end < looks->looks; end++) {
        unsigned middle = middle_of(seconds, end);
        if (middle == 0 || seconds[end] < from_s)
            continue;
        struct halves h = compare_halves(looks, middle, end);
        if (differ(&h))
            ret |= 1u << end;
    }
    return ret;
}
