/* SPDX-License-Identifier: MIT */
/*
 * How zero and data pages lay in the RAM of one real VM, measured with tests/bench/vm_mix.py.
 *
 * The guest: Debian's 6.1 cloud kernel, 1 GiB, one vCPU, QEMU 7.2 (TCG), RAM in a shared file. Its
 * init ran a Python program four times (200,000 JSON records built, serialised, compressed and
 * written; 150,000 SHA-256 keys; an 80 MiB heap with one byte set in each 64 KiB), read every file
 * of its file system, wrote and removed 64 MiB of random data, and then held 90 MB of objects.
 */
#ifndef KVMLENS_TESTS_BENCH_VM_MIX_H
#define KVMLENS_TESTS_BENCH_VM_MIX_H

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

#endif
