// SPDX-License-Identifier: MIT
/*
 * A VM among descriptors whose names look like those of KVM, as far as names can: paths, memfds,
 * sockets. Some hold bytes that nobody but their owner may take; a line on standard input asks how
 * many are left.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/vm/hostile.h"

#define NAMES 6
#define BYTES "taken by nobody"

/* What the descriptors of KVM are called, and what may be taken for it. */
static const char *const names[NAMES] = {
    "anon_inode:kvm-vm",
    "anon_inode:kvm-vm-stats",
    "anon_inode:kvm-vcpu:0",
    "anon_inode:kvm-vcpu-stats:0",
    "kvm-vm",
    "x\nanon_inode:kvm-vcpu-stats:0",
};

struct hidden {
    const char *dir;  /* they are made in it, and not removed */
    int fifos[NAMES]; /* they hold BYTES */
    int files[NAMES]; /* their offset is 0 */
    int pty;          /* master; it holds BYTES */
};

static int must(int fd, const char *what)
{
    if (fd < 0)
        hostile_cannot("%s", what);
    return fd;
}

static void put_bytes(int fd)
{
    if (write(fd, BYTES, sizeof(BYTES)) != (ssize_t)sizeof(BYTES))
        hostile_fail("write");
}

/* A fifo, a file, a device, a directory, a link to a fifo, all with this name, and a memfd. */
static void make_alike(struct hidden *h, unsigned i)
{
    char path[400];
    static const char *const kinds[] = {"fifo", "file", "device", "dir", "link"};

    for (unsigned k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        snprintf(path, sizeof(path), "%s/%s", h->dir, kinds[k]);
        if (mkdir(path, 0700) < 0 && errno != EEXIST)
            hostile_fail("%s", path);
    }
    snprintf(path, sizeof(path), "%s/fifo/%s", h->dir, names[i]);
    must(mkfifo(path, 0600), "mkfifo");
    h->fifos[i] = must(open(path, O_RDWR | O_CLOEXEC), "fifo");
    put_bytes(h->fifos[i]);
    snprintf(path, sizeof(path), "%s/file/%s", h->dir, names[i]);
    h->files[i] = must(open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600), "file");
    put_bytes(h->files[i]);
    if (lseek(h->files[i], 0, SEEK_SET) != 0)
        hostile_fail("lseek");
    snprintf(path, sizeof(path), "%s/device/%s", h->dir, names[i]);
    /* A file system mounted nodev, or a sandbox: then this kind is missing. */
    if (mknod(path, S_IFCHR | 0600, makedev(1, 5)) == 0)
        (void)open(path, O_RDWR | O_CLOEXEC);
    snprintf(path, sizeof(path), "%s/dir/%s", h->dir, names[i]);
    must(mkdir(path, 0700), "mkdir");
    must(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), "directory");
    must(memfd_create(names[i], MFD_CLOEXEC), "memfd");
}

static void make_socket(const struct hidden *h)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = must(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");

    snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", h->dir, names[0]);
    must(bind(fd, (struct sockaddr *)&address, sizeof(address)), "bind");
    must(listen(fd, 1), "listen");
}

static void make_pty(struct hidden *h)
{
    int master = must(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), "pty");

    if (grantpt(master) < 0 || unlockpt(master) < 0)
        hostile_fail("pty");
    put_bytes(must(open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC), "pty"));
    h->pty = master;
}

static int unread(int fd)
{
    int bytes = -1;

    return ioctl(fd, FIONREAD, &bytes) < 0 ? -1 : bytes;
}

static void say(const struct hidden *h)
{
    int fifo = 0, offset = 0;

    for (unsigned i = 0; i < NAMES; i++) {
        fifo += unread(h->fifos[i]);
        offset += (int)lseek(h->files[i], 0, SEEK_CUR);
    }
    printf("{\"pid\":%d,\"expected\":%d,\"unread\":%d,\"offset\":%d,\"pty\":%d}\n", (int)getpid(),
           NAMES * (int)sizeof(BYTES), fifo, offset, unread(h->pty));
    fflush(stdout);
}

int hostile_hidden(int argc, char **argv)
{
    struct hidden h;
    struct bare_vm vm;
    atomic_int done = 0;
    char line[64];

    if (argc != 1)
        hostile_fail("usage: hostile hidden DIRECTORY");
    h.dir = argv[0];
    hostile_block_signals();
    int kvm = bare_kvm_open();
    /* Those that look like it come first: the numbers of the real ones are higher. */
    for (unsigned i = 0; i < NAMES; i++)
        make_alike(&h, i);
    make_socket(&h);
    make_pty(&h);
    int result = bare_vm_make(kvm, 2, false, &vm);
    if (result == 0)
        result = bare_vm_start_threads(kvm, &vm, &done);
    bare_vm_wait_threads(&done, result);
    errno = -result;
    if (result < 0)
        hostile_cannot("VM");
    say(&h);
    while (hostile_command(line, sizeof(line)))
        say(&h);
    return 0;
}
