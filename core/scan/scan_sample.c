// SPDX-License-Identifier: MIT
#include <errno.h>
#include <sys/mman.h>

#include "core/scan/scan_internal.h"

#define CANCEL_STEPS 65536 /* numbers drawn, or words looked through, between two looks at cancel */

/* SplitMix64: enough for drawing pages, and repeatable from a seed. */
uint64_t scan_random_next(struct scan_random *random)
{
    uint64_t z = random->state += 0x9e3779b97f4a7c15ull;

    random->drawn++;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

static bool is_cancelled(const atomic_bool *cancel, uint64_t step)
{
    return step % CANCEL_STEPS == 0 && atomic_load_explicit(cancel, memory_order_relaxed);
}

/* Sets bit @i; false: it was set already. */
static bool set_bit(uint64_t *bits, uint64_t i)
{
    uint64_t mask = 1ull << (i % 64), before = bits[i / 64];

    bits[i / 64] = before | mask;
    return (before & mask) == 0;
}

/*
 * Floyd's way: one number for each of the sample and none in vain. A number that is taken already
 * stands for the last of those it was drawn from, which no earlier draw could have had.
 */
static int draw(uint64_t *bits, uint64_t n, uint64_t population, struct scan_random *random,
                const atomic_bool *cancel)
{
    for (uint64_t last = population - n; last < population; last++) {
        if (is_cancelled(cancel, last - (population - n)))
            return -ECANCELED;
        if (!set_bit(bits, scan_random_next(random) % (last + 1))) /* biased by population / 2^64 */
            set_bit(bits, last);
    }
    return 0;
}

static int list_bits(const uint64_t *bits, uint64_t words, uint64_t *ret, const atomic_bool *cancel)
{
    for (uint64_t i = 0; i < words; i++) {
        if (is_cancelled(cancel, i))
            return -ECANCELED;
        for (uint64_t left = bits[i]; left != 0; left &= left - 1)
            *ret++ = i * 64 + (uint64_t)__builtin_ctzll(left);
    }
    return 0;
}

int scan_sample_draw(uint64_t *sample, uint64_t n, uint64_t population,
                     struct scan_random *random, const atomic_bool *cancel)
{
    uint64_t words = population / 64 + 1;
    size_t bytes = (size_t)(words * sizeof(uint64_t));
    uint64_t *bits = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (bits == MAP_FAILED)
        return -ENOMEM;
    madvise(bits, bytes, MADV_NOHUGEPAGE); /* a small sample of many pages touches little of it */
    int result = draw(bits, n, population, random, cancel);
    if (result == 0)
        result = list_bits(bits, words, sample, cancel);
    munmap(bits, bytes);
    return result;
}

static void reverse(uint64_t *at, uint64_t count)
{
    for (uint64_t i = 0; i + i + 1 < count; i++) {
        uint64_t other = at[i];
        at[i] = at[count - 1 - i];
        at[count - 1 - i] = other;
    }
}

/* Where stretch @i of @n begins: i * population / n, without the product, which may be too large.
 */
static uint64_t stretch_begin(uint64_t i, uint64_t n, uint64_t population)
{
    return i * (population / n) + i * (population % n) / n;
}

int scan_sample_spread(uint64_t *sample, uint64_t n, uint64_t population,
                       struct scan_random *random, const atomic_bool *cancel)
{
    uint64_t shift = n > 0 ? scan_random_next(random) % population : 0, wrapped = 0;

    for (uint64_t i = 0; i < n; i++) {
        if (is_cancelled(cancel, i))
            return -ECANCELED;
        uint64_t begin = stretch_begin(i, n, population);
        uint64_t end = stretch_begin(i + 1, n, population);
        uint64_t at = begin + scan_random_next(random) % (end - begin);
        bool wraps = at >= population - shift;
        sample[i] = wraps ? at - (population - shift) : at + shift;
        wrapped += wraps;
    }
    /* Those behind the end began anew, and are the last: they go first. */
    reverse(sample, n);
    reverse(sample, wrapped);
    reverse(sample + wrapped, n - wrapped);
    return 0;
}
