// SPDX-License-Identifier: MIT
#include "core/base/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

int rootfs_open(const char *dir, struct rootfs *ret, struct error *err)
{
    const char *path = dir != NULL ? dir : "/";
    int fd = (int)TEMP_FAILURE_RETRY(open(path, O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (fd < 0) {
        int code = -errno;
        return error_set(err, code, "cannot open the system tree '%s': %s", path, strerror(-code));
    }
    *ret = (struct rootfs){.fd = fd, .live = dir == NULL};
    return 0;
}

void rootfs_close(struct rootfs *root)
{
    if (root == NULL || root->fd < 0)
        return;
    close(root->fd);
    root->fd = -1;
}

/* @resolve (RESOLVE_*) holds in a saved tree: the live one has no links that lead astray. */
static int open_below(const struct rootfs *root, int dirfd, const char *path, int flags,
                      uint64_t resolve)
{
    int fd;

    /* A saved tree may hold FIFOs. openat2 refuses flags that mean nothing beside O_PATH. */
    flags |= O_CLOEXEC | (flags & O_PATH ? 0 : O_RDONLY | O_NONBLOCK | O_NOCTTY);
    do {
        if (root->live) {
            fd = openat(dirfd, path, flags);
        } else {
            struct open_how how = {.flags = (uint64_t)flags, .resolve = resolve};
            fd = (int)syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
        }
    } while (fd < 0 && errno == EINTR);
    return fd < 0 ? -errno : fd;
}

int rootfs_openat(const struct rootfs *root, const char *path, int flags)
{
    return open_below(root, root->fd, path, flags, RESOLVE_IN_ROOT);
}

/*
 * Fills @buf from @fd; the count, -EFBIG when there was more than @size, or -errno.
 *
 * The small files of /proc, /sys and debugfs give all they have in one read: asking once more for
 * the end would double the reads of a tick.
 */
static ssize_t read_full(int fd, char *buf, size_t size)
{
    char probe;
    ssize_t n = TEMP_FAILURE_RETRY(read(fd, buf, size));
    if (n < 0)
        return -errno;
    return (size_t)n == size && read(fd, &probe, 1) == 1 ? -EFBIG : n;
}

static ssize_t read_and_close(int fd, char *buf, size_t size)
{
    ssize_t n = read_full(fd, buf, size - 1);

    close(fd);
    if (n >= 0)
        buf[n] = '\0';
    else
        buf[n == -EFBIG ? size - 1 : 0] = '\0';
    return n;
}

ssize_t rootfs_read(const struct rootfs *root, const char *path, char *buf, size_t size)
{
    int fd = rootfs_openat(root, path, 0);

    buf[0] = '\0';
    return fd < 0 ? fd : read_and_close(fd, buf, size);
}

ssize_t rootfs_read_in(const struct rootfs *root, int dirfd, const char *name, char *buf,
                       size_t size)
{
    int fd = open_below(root, dirfd, name, O_NOFOLLOW, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);

    buf[0] = '\0';
    return fd < 0 ? fd : read_and_close(fd, buf, size);
}

int rootfs_read_all(const struct rootfs *root, const char *path, size_t max, char **ret,
                    size_t *ret_len)
{
    return rootfs_read_until(root, path, max, NULL, ret, ret_len);
}

int rootfs_read_until(const struct rootfs *root, const char *path, size_t max,
                      const atomic_bool *cancel, char **ret, size_t *ret_len)
{
    size_t cap = 16384, len = 0;
    char *buf = NULL;
    int result;
    int fd = rootfs_openat(root, path, 0);

    if (fd < 0)
        return fd;
    for (;;) {
        if (cancel != NULL && atomic_load_explicit(cancel, memory_order_relaxed)) {
            result = -ECANCELED;
            goto fail;
        }
        if (buf == NULL || len == cap) {
            cap = buf == NULL ? cap : cap * 2;
            char *grown = realloc(buf, cap + 1);
            if (grown == NULL) {
                result = -ENOMEM;
                goto fail;
            }
            buf = grown;
        }
        ssize_t n = read(fd, buf + len, cap - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            result = -errno;
            goto fail;
        }
        if (n == 0)
            break;
        len += (size_t)n;
        if (len > max) {
            result = -EFBIG;
            goto fail;
        }
    }
    close(fd);
    buf[len] = '\0';
    *ret = buf;
    *ret_len = len;
    return 0;
fail:
    close(fd);
    free(buf);
    return result;
}

ssize_t rootfs_readlink(const struct rootfs *root, const char *path, char *buf, size_t size)
{
    ssize_t n;

    buf[0] = '\0';
    if (root->live) {
        n = readlinkat(root->fd, path, buf, size - 1);
    } else {
        int fd = rootfs_openat(root, path, O_PATH | O_NOFOLLOW);
        if (fd < 0)
            return fd;
        n = readlinkat(fd, "", buf, size - 1);
        close(fd);
    }
    if (n < 0)
        return -errno;
    buf[n] = '\0';
    return n;
}

DIR *rootfs_opendir(const struct rootfs *root, const char *path, int *ret_errno)
{
    int fd = rootfs_openat(root, path, O_DIRECTORY);

    if (fd < 0) {
        *ret_errno = fd;
        return NULL;
    }
    DIR *dir = fdopendir(fd);
    if (dir == NULL) {
        *ret_errno = -errno;
        close(fd);
    }
    return dir;
}

struct dirent *rootfs_readdir(DIR *dir, int *ret_errno)
{
    errno = 0;
    struct dirent *entry = readdir(dir);
    *ret_errno = entry == NULL ? -errno : 0;
    return entry;
}

int rootfs_stat(const struct rootfs *root, const char *path, struct stat *ret)
{
    if (root->live)
        return fstatat(root->fd, path, ret, 0) < 0 ? -errno : 0;

    int fd = rootfs_openat(root, path, O_PATH);
    if (fd < 0)
        return fd;
    int result = fstat(fd, ret) < 0 ? -errno : 0;
    close(fd);
    return result;
}

int rootfs_is_fstype(const struct rootfs *root, const char *path, long magic)
{
    struct statfs sf;
    int fd = rootfs_openat(root, path, O_PATH);

    if (fd < 0)
        return fd;
    int result = fstatfs(fd, &sf) < 0 ? -errno : (long)sf.f_type == magic;
    close(fd);
    return root->live ? result : 1;
}

int rootfs_foreign_fd(const struct rootfs *root, pid_t pid, int pidfd, int fd)
{
    int copy;

    if (root->live) {
        copy = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
        return copy < 0 ? -errno : copy;
    }
    char path[64];
    snprintf(path, sizeof(path), "proc/%d/fd-data/%d", (int)pid, fd);
    return rootfs_openat(root, path, 0);
}

int rootfs_pidfd(const struct rootfs *root, pid_t pid)
{
    if (!root->live)
        return -ENOSYS;
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    return fd < 0 ? -errno : fd;
}

bool rootfs_stat_block(const struct rootfs *root, const char *path, unsigned *ret_major,
                       unsigned *ret_minor)
{
    struct statx st;
    struct stat saved;

    if (!root->live) {
        if (rootfs_stat(root, path, &saved) < 0 || !S_ISBLK(saved.st_mode))
            return false;
        *ret_major = major(saved.st_rdev);
        *ret_minor = minor(saved.st_rdev);
        return true;
    }
    if (statx(root->fd, path, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_TYPE, &st) < 0 ||
        !S_ISBLK(st.stx_mode))
        return false;
    *ret_major = st.stx_rdev_major;
    *ret_minor = st.stx_rdev_minor;
    return true;
}

int rootfs_page_nodes(const struct rootfs *root, pid_t pid, const uint64_t *pages, size_t count,
                      int *ret)
{
    if (!root->live)
        return -ENOSYS;
    /* The kernel takes addresses of the other process, as wide as its own pointers. */
    _Static_assert(sizeof(void *) == sizeof(uint64_t), "addresses are passed on as they are");
    return syscall(SYS_move_pages, pid, count, pages, NULL, ret, 0) < 0 ? -errno : 0;
}

int rootfs_compare_files(const struct rootfs *root, pid_t pid1, int fd1, pid_t pid2, int fd2)
{
    if (!root->live)
        return -ENOSYS;
    int result = (int)syscall(SYS_kcmp, pid1, pid2, KCMP_FILE, fd1, fd2);
    return result < 0 ? -errno : result;
}

int rootfs_process_stat(const struct rootfs *root, pid_t pid, struct proc_stat *ret)
{
    char path[64], buf[2048];

    snprintf(path, sizeof(path), "proc/%d/stat", (int)pid);
    ssize_t n = rootfs_read(root, path, buf, sizeof(buf));
    if (n < 0)
        return (int)n;
    return n == 0 ? -ESRCH : parse_proc_stat(buf, ret);
}

static int saved_cpu_ns(const struct rootfs *root, pid_t pid, uint64_t *ret)
{
    struct proc_stat stat;
    int result = rootfs_process_stat(root, pid, &stat);

    if (result < 0)
        return result;
    *ret = (stat.utime + stat.stime) * (1000000000ULL / (uint64_t)sysconf(_SC_CLK_TCK));
    return 0;
}

int rootfs_process_cpu_ns(const struct rootfs *root, pid_t pid, uint64_t *ret)
{
    clockid_t clock;
    struct timespec ts;

    if (!root->live)
        return saved_cpu_ns(root, pid, ret);
    int e = clock_getcpuclockid(pid, &clock);
    if (e != 0)
        return -e;
    if (clock_gettime(clock, &ts) < 0)
        return -errno;
    *ret = (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
    return 0;
}
