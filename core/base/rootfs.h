/* SPDX-License-Identifier: MIT */
/*
 * The only way into /proc and /sys.
 *
 * A rootfs is either the live system or a saved tree (`--sysroot DIR`) that stands for it. All
 * paths are relative to it, without a leading slash ("proc/1/stat"). In a saved tree nothing leads
 * out of the tree (openat2 RESOLVE_IN_ROOT), and two things that a file system cannot hold have a
 * place:
 *
 *   bytes behind a binary stats fd   proc/PID/fd-data/N    (beside the link proc/PID/fd/N)
 *   CPU time of a process            proc/PID/stat, fields utime and stime
 *
 * Any thread may use a rootfs; it is not changed after rootfs_open.
 */
#ifndef KVMLENS_CORE_BASE_ROOTFS_H
#define KVMLENS_CORE_BASE_ROOTFS_H

#include <dirent.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "core/base/error.h"
#include "core/base/parse_proc.h"

struct rootfs {
    int fd;    /* directory that stands for "/" */
    bool live; /* false: a saved tree */
};

/*
 * rootfs_open - @dir NULL for the live system, else a saved tree.
 * Returns 0, or a negative errno with a sentence in @err. Ends with rootfs_close (NULL ok).
 */
int rootfs_open(const char *dir, struct rootfs *ret, struct error *err);
void rootfs_close(struct rootfs *root);

/* rootfs_openat - read-only, close-on-exec; @flags adds O_DIRECTORY and the like. fd or -errno. */
int rootfs_openat(const struct rootfs *root, const char *path, int flags);

/*
 * rootfs_read - the whole of a small file (up to one page, or @size when that is less), by open,
 * read, close.
 *
 * @buf gets at most @size - 1 bytes and always a NUL behind them. Returns the length, or a negative
 * errno; -EFBIG when the file did not fit (what fitted is in @buf).
 */
ssize_t rootfs_read(const struct rootfs *root, const char *path, char *buf, size_t size);

/*
 * rootfs_read_in - the same, @name below an open directory of the tree: saves the walk when many
 * files are read. Not through a link.
 */
ssize_t rootfs_read_in(const struct rootfs *root, int dirfd, const char *name, char *buf,
                       size_t size);

/*
 * rootfs_read_all - the same for a file of unknown length up to @max bytes.
 * *@ret is allocated (caller frees) and NUL-terminated; *@ret_len excludes the NUL.
 * Returns 0, -EFBIG, -ENOMEM or what open and read said; *@ret is set on success only.
 */
int rootfs_read_all(const struct rootfs *root, const char *path, size_t max, char **ret,
                    size_t *ret_len);

/*
 * rootfs_read_until - the same, and -ECANCELED when @cancel is set before the end. It is looked at
 * between two reads, of which a file of /proc needs one for each page of text. NULL = never set.
 */
int rootfs_read_until(const struct rootfs *root, const char *path, size_t max,
                      const atomic_bool *cancel, char **ret, size_t *ret_len);

/* rootfs_readlink - text of a link, NUL-terminated, cut at @size - 1. Length or -errno. */
ssize_t rootfs_readlink(const struct rootfs *root, const char *path, char *buf, size_t size);

/* rootfs_opendir - NULL and a negative errno in *@ret_errno on failure. Ends with closedir. */
DIR *rootfs_opendir(const struct rootfs *root, const char *path, int *ret_errno);

/*
 * rootfs_readdir - readdir(3), whose failures look like the end. NULL at the end, *@ret_errno is 0
 * then, and on failure, a negative errno.
 */
struct dirent *rootfs_readdir(DIR *dir, int *ret_errno);

/* rootfs_stat - follows links inside the root. 0 or -errno. */
int rootfs_stat(const struct rootfs *root, const char *path, struct stat *ret);

/*
 * rootfs_stat_block - is @path, links followed, a block device? Its numbers, else false. What a
 * file server, or a file system in user space, would have to be asked is not asked
 * (AT_STATX_DONT_SYNC): for links of others, which may lead anywhere.
 */
bool rootfs_stat_block(const struct rootfs *root, const char *path, unsigned *ret_major,
                       unsigned *ret_minor);

/*
 * rootfs_is_fstype - does @path stand on a file system with this magic (statfs(2) f_type)?
 * 1 yes, 0 no, or -errno: it could not be looked at. Yes for every existing path of a saved tree,
 * which has lost the type.
 */
int rootfs_is_fstype(const struct rootfs *root, const char *path, long magic);

/*
 * rootfs_foreign_fd - our own descriptor of the file behind fd @fd of process @pid.
 *
 * Live: pidfd_getfd(2) on @pidfd, which needs PTRACE_MODE_ATTACH_REALCREDS. The copy keeps the file
 * alive (a stats fd keeps its whole VM alive): close it before the tick ends.
 * Saved tree: opens proc/PID/fd-data/FD; @pidfd is not used.
 * Returns the fd or a negative errno (-EPERM: no ptrace access, -EBADF: closed meanwhile,
 * -ESRCH: process gone, -EMFILE: our own table is full).
 */
int rootfs_foreign_fd(const struct rootfs *root, pid_t pid, int pidfd, int fd);

/* rootfs_pidfd - pidfd_open(2): an fd, or -errno. A saved tree has no processes: -ENOSYS. */
int rootfs_pidfd(const struct rootfs *root, pid_t pid);

/*
 * rootfs_compare_files - kcmp(2) of the open files behind two descriptors: 0 the same, 1 the first
 * comes before the second in an order of the kernel's, 2 after it. A negative errno where that is
 * not known: -ENOSYS in a saved tree or a kernel without kcmp, -EPERM, -EBADF, -ESRCH.
 */
int rootfs_compare_files(const struct rootfs *root, pid_t pid1, int fd1, pid_t pid2, int fd2);

/*
 * rootfs_page_nodes - on which NUMA node each page of a process lies: move_pages(2) without nodes,
 * which moves nothing. @ret[i]: a node, or a negative errno (-ENOENT: it is not resident).
 * 0; -ENOSYS in a saved tree; -EPERM, -ESRCH.
 */
int rootfs_page_nodes(const struct rootfs *root, pid_t pid, const uint64_t *pages, size_t count,
                      int *ret);

/*
 * rootfs_process_stat - /proc/PID/stat. 0; -ENOENT/-ESRCH gone; -EBADMSG in another form; or what
 * opening it said.
 */
int rootfs_process_stat(const struct rootfs *root, pid_t pid, struct proc_stat *ret);

/*
 * rootfs_process_cpu_ns - user plus system time of the whole process, all threads, guest time
 * included. Live: the process's CPU clock (clock_getcpuclockid(3)), nanoseconds, one system call.
 * Saved tree: utime + stime of stat, in steps of a clock tick. 0 or -errno.
 */
int rootfs_process_cpu_ns(const struct rootfs *root, pid_t pid, uint64_t *ret);

#endif
