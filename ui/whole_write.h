/* SPDX-License-Identifier: MIT */
/*
 * Writing records so that a reader never meets half a one that could have been avoided.
 */
#ifndef KVMLENS_UI_WHOLE_WRITE_H
#define KVMLENS_UI_WHOLE_WRITE_H

#include <stddef.h>

/*
 * whole_write - all @len bytes at @text to @fd, in one write(2) where the kernel takes it so.
 *
 * Waits where @fd is non-blocking. When a regular file takes only a part (disk full), that part is
 * cut off again. Returns 0 or a negative errno (-EPIPE: nobody reads; -ENOSPC, -EBADF ...).
 */
int whole_write(int fd, const char *text, size_t len);

#endif
