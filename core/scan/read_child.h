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

struct read_child;

/* read_child_open - @pid: whose memory. @bytes: of the largest read. 0 or -errno. Ends with
 * read_child_close (NULL ok). */
int read_child_open(pid_t pid, size_t bytes, struct read_child **ret);
void read_child_close(struct read_child *child);

/*
 * read_child_read - like page_reader_vm, but gives up.
 *
 * @ret_data: the pages, in memory of @child, until its next call. They are not copied: that would
 * leave pieces of them in vector registers.
 * @timeout_ms: for the whole call. @cancel: looked at every 10 ms; may be NULL.
 * Returns the number of bad pages, -ETIMEDOUT or -ECANCELED (the reading process was killed; the
 * next call starts another), or what page_reader_vm returns.
 */
ssize_t read_child_read(struct read_child *child, const struct iovec *segments, size_t count,
                        const void **ret_data, uint64_t *ret_bad, int timeout_ms,
                        const atomic_bool *cancel);

/*
 * read_child_open_file - for comparing memory of a file in place, through a mapping: no copy, so
 * twice as fast where pages differ from zero in their first bytes.
 *
 * What makes a mapping unfit for this program itself only ends the child: SIGBUS when the file
 * has shrunk, or when a hole was punched meanwhile (which userfaultfd keeps from being filled by
 * the touch).
 * @fd: memfd or tmpfs file, borrowed. @bytes: of the largest comparison.
 */
int read_child_open_file(int fd, const struct zeropage_impl *impl, size_t bytes,
                         struct read_child **ret);

/*
 * read_child_compare - which pages of [@offset, @offset + @bytes) are zero.
 *
 * @nice_value: of the child from now on; 0 leaves it. @ret_zero: as of zeropage_fn.
 * @ret_cpu_s: CPU time it took.
 * Returns the number of zero pages; -EIO: not all of it is there (any more), read it otherwise;
 * -EOPNOTSUPP: this host cannot do it safely; -ECANCELED, -ETIMEDOUT.
 */
ssize_t read_child_compare(struct read_child *child, uint64_t offset, size_t bytes, int nice_value,
                           uint64_t *ret_zero, double *ret_cpu_s, const atomic_bool *cancel);

#endif
