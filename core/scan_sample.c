// SPDX-License-Identifier: MIT
#include <stdlib.h>

#include "core/scan_internal.h"

/* SplitMix64: enough for drawing pages, and repeatable from a seed. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15ull;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

static int ascending(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

void scan_sample_draw(uint64_t *sample, uint64_t n, uint64_t population, uint64_t seed)
{
    uint64_t have = 0;

    while (have < n) {
        for (uint64_t i = have; i < n; i++)
            sample[i] = next_random(&seed) % population; /* biased by population / 2^64 */
        qsort(sample, n, sizeof(*sample), ascending);
        have = 1;
        for (uint64_t i = 1; i < n; i++) {
            if (sample[i] != sample[have - 1])
                sample[have++] = sample[i];
        }
    }
}
