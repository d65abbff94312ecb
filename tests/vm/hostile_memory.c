// SPDX-License-Identifier: MIT
/*
 * A VM whose RAM is registered with userfaultfd, before or while it is read, and one whose first
 * thread waits where no signal but SIGKILL reaches it.
 */
#include "core/demo/minivm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/vm/hostile.h"

#define MIB          (1ull << 20)
#define WINDOW_BYTES (64u << 10) /* pages that come and go together */
#define FLAP_BYTES   (32 * MIB)  /* the end of the RAM; more takes longer than from look to read */

static struct minivm *start_vm(uint64_t bytes)
{
    struct minivm_range range = {.start = MIB, .bytes = bytes - MIB, .fill = MINIVM_FILL_NONZERO};
    struct minivm_config config = {.ram_bytes = bytes,
                                   .vcpus = 1,
                                   .keep_vcpu_stats_fds = true,
                                   .ranges = &range,
                                   .range_count = 1,
                                   .seed = 1};
    struct minivm *vm;
    struct error err;

    if (minivm_start(&config, &vm, &err) < 0) {
        errno = 0;
        hostile_cannot("%s", err.msg);
    }
    return vm;
}

static void say(const struct minivm *vm)
{
    const struct minivm_info *info = minivm_info(vm);

    printf("{\"pid\":%d,\"ram_start\":%llu,\"ram_bytes\":%llu}\n", (int)getpid(),
           (unsigned long long)(uintptr_t)info->ram, (unsigned long long)info->ram_bytes);
    fflush(stdout);
}

/* All of the RAM but its first pages, which the guest runs in; missing pages are never served. */
static int register_ram(const struct minivm_info *info)
{
    struct uffdio_api api = {.api = UFFD_API};
    struct uffdio_register reg = {
        .range = {.start = (uintptr_t)info->ram + MIB, .len = info->ram_bytes - MIB},
        .mode = UFFDIO_REGISTER_MODE_MISSING,
    };
    int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

    if (fd < 0 || ioctl(fd, UFFDIO_API, &api) < 0)
        hostile_cannot("userfaultfd");
    if (ioctl(fd, UFFDIO_REGISTER, &reg) < 0)
        hostile_cannot("UFFDIO_REGISTER");
    return fd;
}

struct flap {
    const struct minivm_info *info;
    int uffd;
    const void *page; /* WINDOW_BYTES of content */
};

static void come(const struct flap *flap, uint64_t at)
{
    struct uffdio_copy copy = {.dst = (uintptr_t)flap->info->ram + at,
                               .src = (uintptr_t)flap->page,
                               .len = WINDOW_BYTES,
                               .mode = UFFDIO_COPY_MODE_DONTWAKE};

    (void)ioctl(flap->uffd, UFFDIO_COPY, &copy); /* who waits for these pages waits on */
}

static void go(const struct flap *flap, uint64_t at)
{
    madvise((char *)(uintptr_t)flap->info->ram + at, WINDOW_BYTES, MADV_DONTNEED);
}

/*
 * Every second window of the end of the RAM is there, the others are not, and the other way round
 * some ms later: who looks which pages are there and then reads them falls into those that have
 * gone.
 */
static void *flap_main(void *arg)
{
    const struct flap *flap = arg;
    uint64_t end = flap->info->ram_bytes, first = end > FLAP_BYTES ? end - FLAP_BYTES : MIB;

    for (uint64_t phase = 0;; phase++) {
        for (uint64_t at = first; at + WINDOW_BYTES <= end; at += WINDOW_BYTES) {
            if ((at / WINDOW_BYTES + phase) % 2 == 0)
                come(flap, at);
            else
                go(flap, at);
        }
    }
    return NULL;
}

static void start_flapping(struct flap *flap, const struct minivm_info *info)
{
    pthread_t thread;
    void *page = malloc(WINDOW_BYTES);

    if (page == NULL)
        hostile_fail("memory");
    memset(page, 0x5a, WINDOW_BYTES);
    *flap = (struct flap){info, register_ram(info), page};
    if (pthread_create(&thread, NULL, flap_main, flap) != 0)
        hostile_fail("thread");
    pthread_detach(thread);
}

int hostile_uffd(int argc, char **argv)
{
    char line[64];
    bool later = argc == 2 && strcmp(argv[0], "later") == 0, flaps = false;
    struct flap flap;

    if (argc != 2 || (!later && strcmp(argv[0], "before") != 0))
        hostile_fail("usage: hostile uffd before|later MIB");
    hostile_block_signals();
    struct minivm *vm = start_vm(hostile_number(argv[1], 8, 4096, "MiB") * MIB);
    if (!later)
        register_ram(minivm_info(vm));
    say(vm);
    while (hostile_command(line, sizeof(line))) {
        if (later && !flaps)
            start_flapping(&flap, minivm_info(vm));
        flaps = true;
        say(vm);
    }
    return 0; /* not stopped in order: the flapping thread is at its RAM */
}

/* The child shares the memory of its parent, so it does nothing but wait. */
int hostile_vfork(int argc, char **argv)
{
    char byte;

    (void)argc;
    (void)argv;
    say(start_vm(16 * MIB));
    pid_t parent = getpid();
    pid_t pid = vfork(); /* one variable: clang-tidy 14 ends by a signal on two */
    /* That the parent waits while the child makes calls is what is wanted. */
    /* NOLINTBEGIN(clang-analyzer-unix.Vfork) */
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        while (getppid() == parent && read(STDIN_FILENO, &byte, 1) > 0)
            ;
        _exit(0);
    }
    /* NOLINTEND(clang-analyzer-unix.Vfork) */
    return pid < 0;
}
