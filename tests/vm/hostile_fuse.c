// SPDX-License-Identifier: MIT
/*
 * A VM that swaps its stats descriptors for files of a file system that it serves itself, and has
 * such a file as its RAM. One kind of request is never answered, or late.
 *
 * Two processes. The VMM holds the files; its child holds /dev/fuse and serves. What the VMM itself
 * asks for is always answered: it closes such files all the time. When either ends, however it
 * ends, /dev/fuse is closed, the kernel aborts the connection, and whoever hangs in it goes on. So
 * nothing is left behind, except by a monitor that holds on to what it copied.
 *
 * The mount is in a mount namespace of its own and detached once the file is open.
 *
 * Kernel: include/uapi/linux/fuse.h, fs/fuse/dev.c (request_wait_answer: one that was handed to the
 * server is waited for without heed of any signal).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <linux/kvm.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/vm/hostile.h"

#define VCPUS         8 /* each with a descriptor to swap: one look at the VM meets some */
#define RAM_BYTES     (64ull << 20)
#define FILE_NODE     2
#define REQUEST_BYTES (64u << 10)
#define LATE_MAX      1024 /* requests kept for a late answer */
#define SWAP_NS       100000
#define FILE_NAME     "memory-backend-file"

/* Shared by both processes. */
struct shared {
    atomic_uint held;     /* requests that were not answered at once */
    atomic_int asker;     /* thread that made the last of them */
    atomic_bool fixed;    /* the files stay where they are */
    atomic_bool swapping; /* descriptors are being swapped */
};

static const struct op {
    const char *name;
    uint32_t code;
} ops[] = {
    {"open", FUSE_OPEN}, {"getattr", FUSE_GETATTR}, {"lseek", FUSE_LSEEK},
    {"read", FUSE_READ}, {"flush", FUSE_FLUSH},
};

/* --- the server ------------------------------------------------------------------------------- */

struct request {
    struct fuse_in_header header;
    union {
        struct fuse_read_in read;
        struct fuse_lseek_in lseek;
    } in;
};

struct late {
    struct request request;
    uint64_t due_ns;
};

struct server {
    int fd;
    pid_t vmm;
    struct stat mounts; /* the mount namespace that the VMM was started in */
    const struct op *op;
    uint64_t late_ns; /* 0: never answered */
    struct shared *shared;
    struct late late[LATE_MAX]; /* in order of time */
    size_t late_count;
    unsigned char content[REQUEST_BYTES];
};

static uint64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void answer(const struct server *s, const struct request *request, int error,
                   const void *data, size_t bytes)
{
    struct fuse_out_header header = {.len = (uint32_t)(sizeof(header) + bytes),
                                     .error = -error,
                                     .unique = request->header.unique};
    struct iovec parts[] = {{&header, sizeof(header)}, {(void *)(uintptr_t)data, bytes}};

    /* ENOENT: who asked was killed meanwhile. */
    (void)!writev(s->fd, parts, bytes > 0 ? 2 : 1);
}

/* Never cached: each fstat of the file asks anew. */
static struct fuse_attr attributes(uint64_t node)
{
    bool is_file = node == FILE_NODE;

    return (struct fuse_attr){.ino = node,
                              .size = is_file ? RAM_BYTES : 0,
                              .blocks = is_file ? RAM_BYTES / 512 : 0,
                              .mode = is_file ? S_IFREG | 0600 : S_IFDIR | 0700,
                              .nlink = 1,
                              .blksize = 4096};
}

static void on_init(struct server *s, const struct request *request)
{
    struct fuse_init_out out = {.major = FUSE_KERNEL_VERSION,
                                .minor = FUSE_KERNEL_MINOR_VERSION,
                                .max_background = 64,
                                .congestion_threshold = 48,
                                .max_write = 4096};

    answer(s, request, 0, &out, sizeof(out));
}

static void on_lookup(struct server *s, const struct request *request)
{
    struct fuse_entry_out out = {.nodeid = FILE_NODE, .attr = attributes(FILE_NODE)};

    answer(s, request, 0, &out, sizeof(out));
}

static void on_getattr(struct server *s, const struct request *request)
{
    struct fuse_attr_out out = {.attr = attributes(request->header.nodeid)};

    answer(s, request, 0, &out, sizeof(out));
}

static void on_open(struct server *s, const struct request *request)
{
    struct fuse_open_out out = {.fh = 1};

    answer(s, request, 0, &out, sizeof(out));
}

static void on_read(struct server *s, const struct request *request)
{
    uint64_t at = request->in.read.offset, left = at < RAM_BYTES ? RAM_BYTES - at : 0;
    size_t bytes = request->in.read.size < left ? request->in.read.size : (size_t)left;

    answer(s, request, 0, s->content, bytes < sizeof(s->content) ? bytes : sizeof(s->content));
}

/* All of it is data. */
static void on_lseek(struct server *s, const struct request *request)
{
    struct fuse_lseek_out out = {request->in.lseek.offset};

    if (request->in.lseek.whence == SEEK_HOLE)
        out.offset = RAM_BYTES;
    answer(s, request, out.offset > RAM_BYTES ? ENXIO : 0, &out,
           out.offset > RAM_BYTES ? 0 : sizeof(out));
}

static void on_statfs(struct server *s, const struct request *request)
{
    struct fuse_statfs_out out = {.st = {.bsize = 4096, .namelen = 255}};

    answer(s, request, 0, &out, sizeof(out));
}

static void on_nothing(struct server *s, const struct request *request)
{
    answer(s, request, 0, NULL, 0);
}

static void on_notice(struct server *s, const struct request *request)
{
    (void)s; /* these have no answer */
    (void)request;
}

static const struct {
    uint32_t code;
    void (*serve)(struct server *s, const struct request *request);
} handlers[] = {
    {FUSE_INIT, on_init},        {FUSE_LOOKUP, on_lookup}, {FUSE_GETATTR, on_getattr},
    {FUSE_OPEN, on_open},        {FUSE_READ, on_read},     {FUSE_LSEEK, on_lseek},
    {FUSE_STATFS, on_statfs},    {FUSE_FLUSH, on_nothing}, {FUSE_RELEASE, on_nothing},
    {FUSE_INTERRUPT, on_notice}, {FUSE_FORGET, on_notice}, {FUSE_BATCH_FORGET, on_notice},
    {FUSE_DESTROY, on_nothing},
};

static void serve(struct server *s, const struct request *request)
{
    for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++) {
        if (handlers[i].code == request->header.opcode) {
            handlers[i].serve(s, request);
            return;
        }
    }
    answer(s, request, ENOSYS, NULL, 0);
}

/*
 * Only who lives in the mount namespace that this was started in is kept waiting: the tests have
 * one of their own, and what else watches this machine is to be left in peace. The VMM itself has
 * left it. 0: the kernel asks, for nobody.
 */
static bool is_prey(const struct server *s, uint32_t tid)
{
    char path[64];
    struct stat st;

    snprintf(path, sizeof(path), "/proc/%u/ns/mnt", tid);
    return tid != 0 && stat(path, &st) == 0 && st.st_dev == s->mounts.st_dev &&
           st.st_ino == s->mounts.st_ino;
}

static void handle(struct server *s, const struct request *request)
{
    const struct fuse_in_header *h = &request->header;

    if (h->opcode != s->op->code || !is_prey(s, h->pid)) {
        serve(s, request);
        return;
    }
    atomic_store(&s->shared->asker, (int)h->pid);
    atomic_fetch_add(&s->shared->held, 1);
    if (s->late_ns != 0 && s->late_count < LATE_MAX)
        s->late[s->late_count++] = (struct late){*request, now_ns() + s->late_ns};
}

static int serve_late(struct server *s)
{
    size_t done = 0;

    while (done < s->late_count && s->late[done].due_ns <= now_ns())
        serve(s, &s->late[done++].request);
    s->late_count -= done;
    memmove(s->late, s->late + done, s->late_count * sizeof(s->late[0]));
    if (s->late_count == 0)
        return -1;
    uint64_t now = now_ns(), due = s->late[0].due_ns;
    return due > now ? (int)((due - now) / 1000000 + 1) : 0;
}

/* Until the VMM ends or the file system does. */
static void server_main(struct server *s)
{
    static char buf[REQUEST_BYTES + 4096];
    struct pollfd poll_fd = {.fd = s->fd, .events = POLLIN};

    memset(s->content, 0x5a, sizeof(s->content));
    for (;;) {
        int n = poll(&poll_fd, 1, serve_late(s));
        if (n < 0 && errno != EINTR)
            return;
        if (n <= 0)
            continue;
        ssize_t bytes = read(s->fd, buf, sizeof(buf));
        if (bytes < 0 && (errno == EINTR || errno == EAGAIN || errno == ENOENT))
            continue;
        if (bytes < (ssize_t)sizeof(struct fuse_in_header))
            return;
        struct request request = {.in = {.read = {0}}};
        memcpy(&request, buf, (size_t)bytes < sizeof(request) ? (size_t)bytes : sizeof(request));
        handle(s, &request);
    }
}

/* Mounts on @dir; the end of this process, with what is wrong, when that cannot be. */
static void mount_here(int fd, const char *dir)
{
    char options[128];

    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        hostile_cannot("no mount namespace of its own");
    snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
    if (mount("hostile", dir, "fuse", MS_NOSUID | MS_NODEV, options) < 0)
        hostile_cannot("no FUSE mount");
}

/* The file of the file system that a child serves from now on. */
static int start_server(struct server *s, pid_t *ret_child)
{
    static const char dir[] = "/tmp";

    s->vmm = getpid();
    if (stat("/proc/self/ns/mnt", &s->mounts) < 0)
        hostile_cannot("no mount namespaces");
    s->fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    if (s->fd < 0)
        hostile_cannot("/dev/fuse");
    mount_here(s->fd, dir);
    pid_t child = fork();
    if (child < 0)
        hostile_fail("fork");
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        prctl(PR_SET_NAME, "hostile-server");
        for (int fd = 0; fd < 3; fd++)
            close(fd);
        if (getppid() == s->vmm)
            server_main(s);
        _exit(0);
    }
    close(s->fd);
    int file = open("/tmp/" FILE_NAME, O_RDWR | O_CLOEXEC);
    if (file < 0) {
        kill(child, SIGKILL);
        hostile_cannot("a file of its own file system");
    }
    umount2(dir, MNT_DETACH);
    *ret_child = child;
    return file;
}

/* --- the VMM ---------------------------------------------------------------------------------- */

struct vmm {
    struct bare_vm vm;
    int file;
    void *ram;
    struct shared *shared;
};

/* Whoever found a stats descriptor there copies a file that hangs. */
static void put_file(const struct vmm *v, unsigned i)
{
    dup2(v->file, v->vm.vcpus[i].stats_fd);
}

/* A copy of it elsewhere in this process would be found there, so it is made anew. */
static void put_stats(const struct vmm *v, unsigned i)
{
    int fd = ioctl(v->vm.vcpus[i].fd, KVM_GET_STATS_FD, NULL);

    if (fd < 0)
        return;
    dup2(fd, v->vm.vcpus[i].stats_fd);
    close(fd);
}

static void put_files(const struct vmm *v)
{
    for (unsigned i = 0; i < v->vm.vcpu_count; i++)
        put_file(v, i);
}

/* xorshift32: no pattern that a monitor could keep step with. */
static uint32_t next_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

/*
 * A monitor looks at the link and copies the descriptor 0.1 to 10 ms later. At any time one half of
 * them are files, always others: each has one chance in four to be stats at the look and a file at
 * the copy, and one in two at each later tick, that copies without a look.
 */
static void *swap_main(void *arg)
{
    const struct vmm *v = arg;
    uint32_t random = 1, are_files = 0;

    while (!atomic_load(&v->shared->fixed)) {
        uint32_t wanted = next_random(&random);
        for (unsigned i = 0; i < v->vm.vcpu_count; i++) {
            if (((wanted ^ are_files) >> i & 1) == 0)
                continue;
            if (wanted >> i & 1)
                put_file(v, i);
            else
                put_stats(v, i);
        }
        are_files = wanted;
        const struct timespec pause = {.tv_nsec = SWAP_NS + next_random(&random) % SWAP_NS};
        nanosleep(&pause, NULL);
    }
    atomic_store(&v->shared->swapping, false);
    return NULL;
}

static void make_vm(struct vmm *v)
{
    atomic_int done = 0;
    int kvm = bare_kvm_open(), result = bare_vm_make(kvm, VCPUS, true, &v->vm);

    if (result == 0)
        result = bare_vm_start_threads(kvm, &v->vm, &done);
    bare_vm_wait_threads(&done, result);
    errno = -result;
    if (result < 0)
        hostile_cannot("VM");
    v->ram = mmap(NULL, RAM_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, v->file, 0);
    if (v->ram == MAP_FAILED)
        hostile_cannot("RAM in a file of its own file system");
    madvise(v->ram, RAM_BYTES, MADV_DONTFORK);
    /* The first half is read, so that it is there; the others must be fetched by who reads. */
    for (size_t at = 0; at < RAM_BYTES / 2; at += 4096)
        (void)((volatile char *)v->ram)[at];
}

static void say(const struct vmm *v, pid_t server)
{
    printf("{\"pid\":%d,\"server\":%d,\"vcpus\":%d,\"ram_start\":%llu,\"ram_bytes\":%llu,"
           "\"held\":%u,\"asker\":%d}\n",
           (int)getpid(), (int)server, VCPUS, (unsigned long long)(uintptr_t)v->ram,
           (unsigned long long)RAM_BYTES, atomic_load(&v->shared->held),
           atomic_load(&v->shared->asker));
    fflush(stdout);
}

static void fix(const struct vmm *v)
{
    atomic_store(&v->shared->fixed, true);
    while (atomic_load(&v->shared->swapping))
        usleep(1000);
    put_files(v);
}

static const struct op *op_of(const char *name)
{
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
        if (strcmp(ops[i].name, name) == 0)
            return &ops[i];
    hostile_fail("no such operation: %s", name);
}

int hostile_fuse(int argc, char **argv)
{
    static struct server server;
    struct vmm v;
    pid_t child;
    pthread_t thread;
    char line[64];
    bool swaps = true;

    if (argc < 1)
        hostile_fail("usage: hostile fuse OP [fixed] [MS]");
    server.op = op_of(argv[0]);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "fixed") == 0)
            swaps = false;
        else
            server.late_ns = hostile_number(argv[i], 1, 600000, "ms") * 1000000;
    }
    hostile_block_signals();
    server.shared = v.shared =
        mmap(NULL, sizeof(*v.shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (v.shared == MAP_FAILED)
        hostile_fail("memory");
    v.file = start_server(&server, &child);
    make_vm(&v);
    atomic_store(&v.shared->swapping, swaps);
    if (swaps && pthread_create(&thread, NULL, swap_main, &v) != 0)
        hostile_fail("thread");
    say(&v, child);
    while (hostile_command(line, sizeof(line))) {
        if (strcmp(line, "fix") == 0)
            fix(&v);
        say(&v, child);
    }
    /* Without its server all of the file system ends, so that nothing can hang in it. */
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    return 0;
}
