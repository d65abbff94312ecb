/* SPDX-License-Identifier: MIT */
/*
 * What read_child.c, which waits, and read_child_work.c, which is the reading process, share.
 */
#ifndef KVMLENS_CORE_SCAN_READ_CHILD_INTERNAL_H
#define KVMLENS_CORE_SCAN_READ_CHILD_INTERNAL_H

#include <time.h>

#include "core/scan/page_reader.h"
#include "core/scan/read_child.h"

#define READ_BATCH_PAGES 512 /* read at once: one huge page */
#define READ_MAP_WORDS   (READ_CHILD_PAGES_MAX / 64)
#define READ_BATCHES_MAX (READ_CHILD_PAGES_MAX / READ_BATCH_PAGES) /* of one look: each is full */

/* Lies in memory that both processes share. */
struct read_request {
    enum { READ_LOOK, READ_HASH, READ_COMPARE, READ_WIPE } what;
    pid_t target;                     /* of a look */
    const struct zeropage_impl *impl; /* static, so it is where it was before the fork */
    size_t count;
    uint64_t offset, bytes; /* of a comparison: part of the file */
    int nice;
    double cpu_s; /* of this process so far */
    ssize_t result;
    /* of a look: finished, so that what takes long is told from what hangs */
    atomic_size_t batches;
    uint64_t zero[READ_MAP_WORDS], bad[READ_MAP_WORDS];
    struct iovec segments[READ_CHILD_SEGMENTS_MAX];
    /* of a look that hashes */
    uint64_t seed;
    uint64_t begin_ns[READ_BATCHES_MAX], end_ns[READ_BATCHES_MAX]; /* of reading each batch */
    uint64_t hash[READ_CHILD_PAGES_MAX];
};

struct read_child {
    const struct rootfs *root;
    int file_fd; /* of comparisons; -1: looks */
    struct read_request *request;
    pid_t pid;        /* of the reading process; 0 = none */
    pid_t starter;    /* thread with which it ends */
    int sock;         /* one byte each way per read */
    char hung_in[64]; /* function of the kernel; "" = not known */
    /* of the reading process only: */
    void *buf_map; /* twice as large, to align it */
    void *buf;     /* [BATCH_BYTES] */
};

static inline uint64_t read_child_now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static inline bool read_child_bit(const uint64_t *map, size_t i)
{
    return (map[i / 64] >> (i % 64) & 1) != 0;
}

/* read_child_serve - the reading process, from the fork on. @sock: of whoever waits, @parent. */
void read_child_serve(struct read_child *child, int sock, pid_t parent) __attribute__((noreturn));

#endif
