// SPDX-License-Identifier: MIT
#include "core/source/device_links.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/parse_number.h"
#include "core/base/text.h"

/* Bounds against a hostile process. */
#define LOOKED_AT_MAX 16384 /* descriptors of any kind */
#define COLLECTED_MAX 1024  /* devices, before those that are there twice are dropped */

#define PATH_DESCRIPTOR 010000000 /* O_PATH of the kernel, which C libraries hide */

struct collecting {
    const struct rootfs *root;
    struct beacon *beacon;
    pid_t pid;
    struct device_link *at;
    size_t count;
    unsigned vhost_nets;
};

/* --- what a link tells ------------------------------------------------------------------------ */

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static bool ends(const char *text, const char *with)
{
    size_t length = strlen(text), tail = strlen(with);

    return length >= tail && strcmp(text + length - tail, with) == 0;
}

enum link_kind device_link_kind(const char *link)
{
    /* Of the many descriptors of a VMM that are neither, these need no system call. */
    static const char *const others[] = {
        "/dev/null", "/dev/zero", "/dev/kvm",    "/dev/pts/",      "/dev/ptmx",   "/dev/urandom",
        "/dev/shm/", "/dev/vfio", "/dev/random", "/dev/hugepages", "/dev/vhost-", "/dev/userfault",
    };
    static const char *const no_images[] = {"/memfd:",   "/proc/",         "/sys/", "/run/",
                                            "/var/run/", "/anon_hugepage", "/[aio]"};
    int number;

    if (link[0] != '/')
        return LINK_OTHER; /* a socket, a pipe, ... */
    if (ends(link, "/net/tun"))
        return LINK_TUN;
    if (strcmp(link, "/dev/vhost-net") == 0)
        return LINK_VHOST_NET;
    if (begins(link, "/dev/tap") && parse_whole_id(link + strlen("/dev/tap"), &number))
        return LINK_MACVTAP;
    if (begins(link, "/dev/")) {
        for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
            if (begins(link, others[i]))
                return LINK_OTHER;
        return LINK_DEVICE;
    }
    for (size_t i = 0; i < sizeof(no_images) / sizeof(no_images[0]); i++)
        if (begins(link, no_images[i]))
            return LINK_OTHER;
    return ends(link, ".pid") ? LINK_OTHER : LINK_FILE;
}

/* --- one descriptor --------------------------------------------------------------------------- */

static bool read_info(const struct collecting *c, int fd, struct fd_info *ret)
{
    char path[64], text[1024];

    snprintf(path, sizeof(path), "proc/%d/fdinfo/%d", (int)c->pid, fd);
    ssize_t n = rootfs_read(c->root, path, text, sizeof(text));
    /* An image has locks behind what is wanted, perhaps many. */
    return (n > 0 || n == -EFBIG) && parse_fd_info(text, ret);
}

/* 0 or -ENOMEM. */
static int add(struct collecting *c, const struct device_link *link, const char *name)
{
    char clean[IO_NAME_MAX];

    if (c->count == COLLECTED_MAX)
        return 0;
    if (text_clean(name, strlen(name), clean, sizeof(clean)) == 0)
        strcpy(clean, "?");
    c->at[c->count] = *link;
    c->at[c->count].name = strdup(clean);
    if (c->at[c->count].name == NULL)
        return -ENOMEM;
    c->count++;
    return 0;
}

static int take_tun(struct collecting *c, int fd)
{
    struct device_link link = {.kind = IO_DEVICE_TAP};
    struct fd_info info;

    if (!read_info(c, fd, &info) || info.interface[0] == '\0')
        return 0;
    memcpy(link.interface, info.interface, sizeof(link.interface));
    return add(c, &link, link.interface);
}

/*
 * The number behind /dev/tap is that of the interface. Its name is known where it is in our own
 * network name space; elsewhere the path has to do.
 */
static int take_macvtap(struct collecting *c, const char *path)
{
    struct device_link link = {.kind = IO_DEVICE_MACVTAP};
    char at[64], to[256];
    int number = 0;

    parse_whole_id(path + strlen("/dev/tap"), &number);
    snprintf(at, sizeof(at), "sys/class/macvtap/tap%d/device", number);
    ssize_t n = rootfs_readlink(c->root, at, to, sizeof(to));
    const char *name = n > 0 ? strrchr(to, '/') : NULL;
    if (name == NULL || strlen(name + 1) >= sizeof(link.interface))
        return add(c, &link, path);
    strcpy(link.interface, name + 1);
    return add(c, &link, link.interface);
}

static int take_device(struct collecting *c, int fd, const char *path)
{
    struct device_link link = {.kind = IO_DEVICE_BLOCK};
    struct fd_info info;
    char at[64];

    snprintf(at, sizeof(at), "proc/%d/fd/%d", (int)c->pid, fd);
    beacon_at(c->beacon, c->pid, BEACON_STAT_FD);
    bool is_block = rootfs_stat_block(c->root, at, &link.major, &link.minor);
    beacon_at(c->beacon, c->pid, BEACON_LIST_FDS);
    if (!is_block || !read_info(c, fd, &info))
        return 0;
    link.is_read_only = (info.flags & O_ACCMODE) == O_RDONLY;
    return add(c, &link, path);
}

static int take_file(struct collecting *c, int fd, const char *path)
{
    struct device_link link = {.kind = IO_DEVICE_IMAGE};
    struct fd_info info;

    if (!read_info(c, fd, &info) || (info.flags & (PATH_DESCRIPTOR | O_DIRECTORY)) != 0 ||
        (info.flags & O_ACCMODE) == O_WRONLY)
        return 0; /* a directory that is shared, or a log */
    link.is_read_only = (info.flags & O_ACCMODE) == O_RDONLY;
    return add(c, &link, path);
}

static int take(struct collecting *c, int fd, const char *path)
{
    switch (device_link_kind(path)) {
    case LINK_TUN:
        return take_tun(c, fd);
    case LINK_MACVTAP:
        return take_macvtap(c, path);
    case LINK_VHOST_NET:
        c->vhost_nets++;
        return 0;
    case LINK_DEVICE:
        return take_device(c, fd, path);
    case LINK_FILE:
        return take_file(c, fd, path);
    case LINK_OTHER:
        break;
    }
    return 0;
}

/* --- all of them ------------------------------------------------------------------------------ */

static int compare(const void *a, const void *b)
{
    const struct device_link *x = a, *y = b;

    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    int order = strcmp(x->name, y->name);
    /* Of one that is open twice the descriptor that may write stands for both. */
    return order != 0 ? order : x->is_read_only - y->is_read_only;
}

/* Each once: a tap has a descriptor for each of its queues. */
static void drop_doubles(struct collecting *c, struct device_links *ret)
{
    size_t kept = 0;

    for (size_t i = 0; i < c->count; i++) {
        const struct device_link *before = kept > 0 ? &c->at[kept - 1] : NULL;
        if (before != NULL && before->kind == c->at[i].kind &&
            strcmp(before->name, c->at[i].name) == 0)
            free(c->at[i].name);
        else
            c->at[kept++] = c->at[i];
    }
    *ret = (struct device_links){.at = c->at, .found = kept, .vhost_nets = c->vhost_nets};
    for (ret->count = kept; ret->count > IO_DEVICES_MAX;)
        free(c->at[--ret->count].name);
}

static void give_up(struct collecting *c)
{
    for (size_t i = 0; i < c->count; i++)
        free(c->at[i].name);
    free(c->at);
}

int device_links_find(const struct rootfs *root, struct beacon *beacon, pid_t pid,
                      struct device_links *ret)
{
    struct collecting c = {.root = root, .beacon = beacon, .pid = pid};
    char path[64], link[4096];
    struct dirent *entry;
    size_t looked_at = 0;
    int result = 0, fd;

    snprintf(path, sizeof(path), "proc/%d/fd", (int)pid);
    beacon_at(beacon, pid, BEACON_LIST_FDS);
    DIR *dir = rootfs_opendir(root, path, &result);
    if (dir == NULL)
        return result;
    c.at = malloc(COLLECTED_MAX * sizeof(*c.at));
    if (c.at == NULL)
        result = -ENOMEM;
    while (result == 0 && looked_at < LOOKED_AT_MAX &&
           (entry = rootfs_readdir(dir, &result)) != NULL) {
        if (parse_id(entry->d_name, &fd) == NULL)
            continue;
        looked_at++;
        ssize_t n = readlinkat(dirfd(dir), entry->d_name, link, sizeof(link) - 1);
        if (n < 0 && errno != ENOENT)
            result = -errno; /* closed meanwhile is normal */
        if (n < 0)
            continue;
        link[n] = '\0';
        result = take(&c, fd, link);
    }
    closedir(dir);
    if (result < 0) {
        give_up(&c);
        return result;
    }
    qsort(c.at, c.count, sizeof(*c.at), compare);
    drop_doubles(&c, ret);
    return 0;
}

void device_links_done(struct device_links *l)
{
    for (size_t i = 0; i < l->count; i++)
        free(l->at[i].name);
    free(l->at);
    *l = (struct device_links){0};
}
