// SPDX-License-Identifier: MIT
#include "core/scan/page_reader.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define PAGE PAGE_READER_BYTES
#define SEGMENTS_MAX 1024 /* UIO_MAXIOV */

static void clear_map(uint64_t *map, size_t pages)
{
    memset(map, 0, (pages + 63) / 64 * sizeof(*map));
}

static void mark(uint64_t *map, size_t page)
{
    map[page / 64] |= 1ull << (page % 64);
}

/* Is this error about the page at hand, not about the process? */
static bool is_page_error(int code)
{
    return code == EFAULT || code == EIO || code == EHWPOISON || code == EAGAIN;
}

/* Drops the first @bytes of the ranges. */
static void advance(struct iovec **at, size_t *count, size_t bytes)
{
    while (*count > 0 && bytes >= (*at)->iov_len) {
        bytes -= (*at)->iov_len;
        (*at)++;
        (*count)--;
    }
    if (bytes > 0 && *count > 0) {
        (*at)->iov_base = (char *)(*at)->iov_base + bytes;
        (*at)->iov_len -= bytes;
    }
}

ssize_t page_reader_vm(pid_t pid, const struct iovec *segments, size_t count, void *buf,
                       uint64_t *ret_bad)
{
    struct iovec copy[SEGMENTS_MAX], *at = copy;
    size_t total = 0, done = 0;
    ssize_t bad = 0;

    if (count > SEGMENTS_MAX)
        return -EINVAL;
    memcpy(copy, segments, count * sizeof(*copy));
    for (size_t i = 0; i < count; i++)
        total += segments[i].iov_len;
    clear_map(ret_bad, total / PAGE);
    while (done < total) {
        struct iovec local = {.iov_base = (char *)buf + done, .iov_len = total - done};
        ssize_t n = process_vm_readv(pid, &local, 1, at, count, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && !is_page_error(errno))
            return -errno;
        /* The kernel stops at the first page it cannot have; a call that begins there fails. */
        size_t good = n < 0 ? 0 : (size_t)n / PAGE * PAGE;
        advance(&at, &count, good);
        done += good;
        if (good == 0) {
            mark(ret_bad, done / PAGE);
            bad++;
            advance(&at, &count, PAGE);
            done += PAGE;
        }
    }
    return bad;
}

ssize_t page_reader_file(int fd, uint64_t offset, size_t bytes, void *buf, uint64_t *ret_bad)
{
    size_t done = 0;
    ssize_t bad = 0;

    clear_map(ret_bad, bytes / PAGE);
    while (done < bytes) {
        ssize_t n = pread(fd, (char *)buf + done, bytes - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && !is_page_error(errno))
            return -errno;
        size_t good = n < 0 ? 0 : (size_t)n / PAGE * PAGE;
        done += good;
        if (done < bytes && good == 0) { /* a poisoned page, or the end of the file */
            mark(ret_bad, done / PAGE);
            bad++;
            done += PAGE;
        }
    }
    return bad;
}

static bool is_inode_of(const struct stat *st, const struct ram_region *region)
{
    return S_ISREG(st->st_mode) && st->st_ino == region->inode;
}

/* Inode numbers repeat from file system to file system: a disk image may have that of the RAM. */
static bool is_on_device_of(const struct stat *st, const struct ram_region *region)
{
    return major(st->st_dev) == region->dev_major && minor(st->st_dev) == region->dev_minor;
}

static bool is_file_of(int fd, const struct ram_region *region)
{
    struct stat st;
    return fstat(fd, &st) == 0 && is_inode_of(&st, region);
}

static int open_checked(const struct rootfs *root, const char *path,
                        const struct ram_region *region)
{
    int fd = rootfs_openat(root, path, 0);

    if (fd >= 0 && !is_file_of(fd, region)) {
        close(fd);
        return -ENOENT;
    }
    return fd;
}

/* The VMM keeps its memfd open as a rule; that link may be followed without a capability. */
static int open_through_fds(const struct rootfs *root, pid_t pid, const struct ram_region *region)
{
    char path[64];
    int result = -ENOENT;

    snprintf(path, sizeof(path), "proc/%d/fd", (int)pid);
    DIR *dir = rootfs_opendir(root, path, &result);
    if (dir == NULL)
        return result;
    result = -ENOENT;
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        struct stat st;
        if (!isdigit((unsigned char)entry->d_name[0]))
            continue;
        snprintf(path, sizeof(path), "proc/%d/fd/%.20s", (int)pid, entry->d_name);
        /* stat first: opening a pipe or a device would have effects */
        if (rootfs_stat(root, path, &st) < 0 || !is_inode_of(&st, region) ||
            !is_on_device_of(&st, region))
            continue;
        result = open_checked(root, path, region);
        if (result >= 0)
            break;
    }
    closedir(dir);
    return result;
}

int page_reader_open_file(const struct rootfs *root, pid_t pid, const struct ram_region *region)
{
    char path[96];

    if (region->inode == 0 || region->skip == RAM_SKIP_DEVICE)
        return -ENOENT;
    snprintf(path, sizeof(path), "proc/%d/map_files/%llx-%llx", (int)pid,
             (unsigned long long)region->map_start, (unsigned long long)region->map_end);
    int fd = open_checked(root, path, region);
    return fd >= 0 ? fd : open_through_fds(root, pid, region);
}
