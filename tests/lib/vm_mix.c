// SPDX-License-Identifier: MIT
#include "tests/lib/vm_mix.h"

#include "tests/lib/check_zeropage.h"

#define COUNT(x) (sizeof(x) / sizeof((x)[0]))

/* One bucket of run lengths: how many runs, and how many pages in all of them. */
struct mix_run {
    unsigned runs;
    unsigned pages;
};

/* How many data pages have their first non-zero byte below this offset (and not below the last). */
struct mix_offset {
    unsigned below;
    unsigned pages;
};

/* 136087 backed pages of 262144: 12.9 % zero. */
static const struct mix_run zero_runs[] = {
    {85, 85},    /* 1 page */
    {86, 172},   /* 2 */
    {60, 206},   /* up to 4 */
    {98, 655},   /* up to 8 */
    {345, 4419}, /* up to 16 */
    {334, 7155}, /* up to 32 */
    {8, 379},    /* up to 64 */
    {8, 696},    /* up to 128 */
    {1, 255},    /* up to 256 */
    {2, 796},    /* up to 512 */
    {1, 724},    /* up to 1024 */
    {1, 2048},   /* more */
};
static const struct mix_run data_runs[] = {
    {818, 818},   /* 1 page */
    {38, 76},     /* 2 */
    {35, 121},    /* up to 4 */
    {43, 269},    /* up to 8 */
    {20, 231},    /* up to 16 */
    {17, 381},    /* up to 32 */
    {5, 232},     /* up to 64 */
    {8, 778},     /* up to 128 */
    {9, 2005},    /* up to 256 */
    {9, 3681},    /* up to 512 */
    {9, 6403},    /* up to 1024 */
    {23, 103502}, /* more */
};
static const struct mix_offset data_offsets[] = {
    {8, 110043}, {16, 6041},  {64, 696},   {128, 226},  {256, 189},
    {512, 179},  {1024, 203}, {2048, 308}, {4096, 612},
};

/* A length from the measured runs: a bucket by its share of runs, then the mean of that bucket. */
static size_t draw_run(const struct mix_run *runs, size_t n, uint64_t *random)
{
    uint64_t total = 0;
    for (size_t i = 0; i < n; i++)
        total += runs[i].runs;
    uint64_t at = check_random(random) % total;
    size_t i = 0;
    while (at >= runs[i].runs)
        at -= runs[i++].runs;
    return (runs[i].pages + runs[i].runs / 2) / runs[i].runs;
}

static size_t draw_offset(uint64_t *random)
{
    uint64_t total = 0;
    for (size_t i = 0; i < COUNT(data_offsets); i++)
        total += data_offsets[i].pages;
    uint64_t at = check_random(random) % total;
    size_t i = 0;
    while (at >= data_offsets[i].pages)
        at -= data_offsets[i++].pages;
    size_t from = i == 0 ? 0 : data_offsets[i - 1].below;
    return from + check_random(random) % (data_offsets[i].below - from);
}

bool vm_mix_next(struct vm_mix *mix, size_t *ret_offset)
{
    if (!mix->started)
        mix->zero = check_random(&mix->random) & 1;
    mix->started = true;
    for (; mix->left == 0; mix->zero = !mix->zero)
        mix->left = mix->zero ? draw_run(data_runs, COUNT(data_runs), &mix->random)
                              : draw_run(zero_runs, COUNT(zero_runs), &mix->random);
    mix->left--;
    *ret_offset = mix->zero ? 0 : draw_offset(&mix->random);
    return mix->zero;
}
