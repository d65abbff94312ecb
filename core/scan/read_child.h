/* SPDX-License-Identifier: MIT */
/*
 * Reads pages of another process in a child of ours that may be killed.
 *
 * A read of a userfaultfd range can wait for ever in the kernel, where only SIGKILL of the whole
 * process ends it. So a process is spent on it: it reads into memory shared with us, and when it
 * is late it is killed.
 */
#ifndef KVMLENS_CORE_SCAN_READ_CHILD_H
#define KVMLENS_CORE_SCAN_READ_CHILD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "accel/zeropage.h"
#include "core/base/beacon.h"
#include "core/base/rootfs.h"

#define READ_CHILD_PAGES_MAX    4096 /* of one look */
#define READ_CHILD_SEGMENTS_MAX READ_CHILD_PAGES_MAX

struct read_child;

/*
 * read_child_open - for looks at memory. @root: where it is looked up what a read hangs in;
 * borrowed. 0 or -errno. Ends with read_child_close (NULL ok).
 */
int read_child_open(const struct rootfs *root, struct read_child **ret);

/* read_child_aim - whose memory the next looks are at, and who compares it. Of a child with a file:
 * for whom it is read. */
void read_child_aim(struct read_child *child, pid_t pid, const struct zeropage_impl *impl);

/*
 * read_child_start - have the process ready, so that it ends with this thread and no other; the
 * next look would start it too. 0 or -errno.
 */
int read_child_start(struct read_child *child);

/* read_child_wipe - what it has read last is forgotten; for who keeps it for another scan. */
void read_child_wipe(struct read_child *child);

void read_child_close(struct read_child *child);

/* How long, and for whom, a look may take. */
struct read_patience {
    /* without progress, then it is asked what holds the read: a userfault is waited for no longer
     */
    int uffd_ms;
    int any_ms;                /* nor is anything else, after this */
    const atomic_bool *cancel; /* looked at every 10 ms; may be NULL */
    struct beacon *beacon;     /* goes on as long as this side waits; may be NULL */
};

/*
 * read_child_look - which pages of memory are zero: read and compared in the child, so that no
 * page of them is copied twice.
 *
 * @segments: address ranges, multiples of 4096, READ_CHILD_SEGMENTS_MAX and READ_CHILD_PAGES_MAX
 * pages at most. @nice_value: of the child from now on; 0 leaves it.
 * @ret_zero, @ret_bad: shape [ceil(pages / 64)]; bit i: page i is zero, could not be read.
 * @ret_cpu_s: CPU time it took.
 * Returns the number of bad pages; -ETIMEDOUT: it was given up, and the pages behind those that
 * were looked at until then are bad; -ECANCELED; -EIO: somebody killed the child; or what
 * page_reader_vm returns. After the first three the next call starts another process.
 */
ssize_t read_child_look(struct read_child *child, const struct iovec *segments, size_t count,
                        int nice_value, uint64_t *ret_zero, uint64_t *ret_bad, double *ret_cpu_s,
                        const struct read_patience *patience);

/* What a page had in it, and when: never handed on to another process, never kept. */
struct read_hashes {
    uint64_t hash[READ_CHILD_PAGES_MAX];
    uint64_t time_ns[READ_CHILD_PAGES_MAX]; /* CLOCK_MONOTONIC, when it was copied */
    uint64_t zero[READ_CHILD_PAGES_MAX / 64], bad[READ_CHILD_PAGES_MAX / 64];
};

/*
 * read_child_hash - XXH3 (64 bits) of pages with @seed, made in the child, so that no byte of them
 * comes out of it. Two pages that differ have the same hash once in 2^64.
 *
 * The same as read_child_look otherwise. Of a child of read_child_open_file the segments are
 * offsets in its file, which is read and not mapped: a hole is zeros and stays one. Of bad pages
 * there is no hash, and no time. After -EIO and -ECANCELED there is nothing in @ret.
 */
ssize_t read_child_hash(struct read_child *child, const struct iovec *segments, size_t count,
                        int nice_value, uint64_t seed, struct read_hashes *ret, double *ret_cpu_s,
                        const struct read_patience *patience);

/* read_child_hung_in - after -ETIMEDOUT: the function of the kernel in which the read was, "" when
 * the kernel does not say. */
const char *read_child_hung_in(const struct read_child *child);

/* read_child_hung_in_uffd - was that a userfault? */
bool read_child_hung_in_uffd(const struct read_child *child);

/*
 * read_child_open_file - for comparing memory of a file in place, through a mapping: no copy, so
 * twice as fast where pages differ from zero in their first bytes.
 *
 * What makes a mapping unfit for this program itself only ends the child: SIGBUS when the file
 * has shrunk, or when a hole was punched meanwhile (which userfaultfd keeps from being filled by
 * the touch).
 * @fd: memfd or tmpfs file, borrowed.
 */
int read_child_open_file(int fd, const struct zeropage_impl *impl, struct read_child **ret);

/*
 * read_child_compare - which pages of [@offset, @offset + @bytes) are zero; READ_CHILD_PAGES_MAX of
 * them at most.
 *
 * @nice_value: of the child from now on; 0 leaves it. @ret_zero: as of zeropage_fn.
 * @ret_cpu_s: CPU time it took.
 * Returns the number of zero pages; -EIO: not all of it is there (any more), read it otherwise;
 * -EOPNOTSUPP: this host cannot do it safely; -ECANCELED, -ETIMEDOUT.
 */
ssize_t read_child_compare(struct read_child *child, uint64_t offset, size_t bytes, int nice_value,
                           uint64_t *ret_zero, double *ret_cpu_s, const atomic_bool *cancel);

#endif
