/* SPDX-License-Identifier: MIT */
/*
 * Writing records so that a reader never meets half a one that could have been avoided.
 */
#ifndef KVMLENS_CORE_BASE_WHOLE_WRITE_H
#define KVMLENS_CORE_BASE_WHOLE_WRITE_H

#include <stddef.h>

/*
 * whole_write - all @len bytes at @text to @fd, in one write(2) where the kernel takes it so.
 *
 * Waits where @fd is non-blocking. When a regular file takes only a part (disk full), that part is
 * cut off again. Returns 0 or a negative errno (-EPIPE: nobody reads; -ENOSPC, -EBADF ...).
 */
int whole_write(int fd, const char *text, size_t len);

/*
 * whole_write_until - the same, but gives up with -EINTR when @fd takes nothing, as a pipe whose
 * reader stands still, and @stop_fd is readable: a signal that is blocked could not end that wait.
 * @stop_fd: a signalfd; below 0: none.
 */
int whole_write_until(int fd, const char *text, size_t len, int stop_fd);

#endif
