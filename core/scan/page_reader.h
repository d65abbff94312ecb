/* SPDX-License-Identifier: MIT */
/*
 * Reads guest pages that are known to be in memory: through the VMM with process_vm_readv(2), or
 * from the file behind shared memory with pread(2), which fills holes with zeros and allocates
 * nothing.
 * Comparing in place, through a mapping of the file, is for a process that may die of it:
 * core/scan/read_child.h.
 */
#ifndef KVMLENS_CORE_SCAN_PAGE_READER_H
#define KVMLENS_CORE_SCAN_PAGE_READER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "core/base/rootfs.h"
#include "core/ram/ram.h"

#define PAGE_READER_BYTES 4096

/*
 * page_reader_vm - copy pages of another process, one after the other, into @buf.
 *
 * @segments: address ranges in process @pid, multiples of 4096, @count of them (1..1024)
 * @ret_bad:  shape [ceil(pages / 64)]; bit i: page i could not be read and its place in @buf
 * holds anything. Always written
 *            whole. A bad page in the middle does not keep the others from being read.
 * Returns the number of bad pages; -ESRCH gone, -EPERM no access, -ENOMEM, or what else the
 * kernel says that is not about one page.
 */
ssize_t page_reader_vm(pid_t pid, const struct iovec *segments, size_t count, void *buf,
                       uint64_t *ret_bad);

/*
 * page_reader_file - the same for @bytes (a multiple of 4096) of a file at @offset. What lies
 * behind its end is bad.
 */
ssize_t page_reader_file(int fd, uint64_t offset, size_t bytes, void *buf, uint64_t *ret_bad);

/*
 * page_reader_open_file - the file behind a region, read-only: through map_files
 * (CAP_CHECKPOINT_RESTORE), else through the VMM's own descriptor of it. fd, -ENOENT when it has
 * none or it is another file by now, or -errno.
 */
int page_reader_open_file(const struct rootfs *root, pid_t pid, const struct ram_region *region);

#endif
