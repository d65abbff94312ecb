// SPDX-License-Identifier: MIT
#include "tests/lib/kvm_guest.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/demo/minivm.h"

static bool open_files(unsigned count)
{
    const struct rlimit limit = {count + 256, count + 256};

    if (count == 0)
        return true;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        return false;
    for (unsigned i = 0; i < count; i++)
        if (open("/dev/null", O_RDONLY | O_CLOEXEC) < 0)
            return false;
    return true;
}

static sem_t has_borrowed;

static void *borrow(void *unused)
{
    (void)unused;
    if (unshare(CLONE_FILES) == 0)
        sem_post(&has_borrowed);
    while (pause() < 0)
        ;
    return NULL;
}

/* 0 or an errno. */
static int lend(unsigned vcpu)
{
    char path[32], link[64], wanted[64];
    pthread_t thread;
    int last = -1;

    snprintf(wanted, sizeof(wanted), "anon_inode:kvm-vcpu:%u", vcpu);
    for (int fd = 0; fd < 256; fd++) {
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        ssize_t n = readlink(path, link, sizeof(link) - 1);
        link[n > 0 ? n : 0] = '\0';
        last = strcmp(link, wanted) == 0 ? fd : last;
    }
    if (sem_init(&has_borrowed, 0, 0) < 0)
        return errno;
    int result = pthread_create(&thread, NULL, borrow, NULL);
    if (result != 0)
        return result;
    while (sem_wait(&has_borrowed) < 0 && errno == EINTR)
        ;
    return close(last) < 0 ? errno : 0;
}

void kvm_guest(struct guest_info *info, const void *arg)
{
    const struct kvm_guest_config *c = arg;
    const struct minivm_config config = {
        .ram_bytes = 8 << 20,
        .vcpus = c->vcpus,
        .keep_vm_stats_fd = c->stats_fds,
        .keep_vcpu_stats_fds = c->stats_fds,
        .program = c->is_busy ? MINIVM_BUSY : MINIVM_HALT,
        .wake_hz = 100,
    };

    if (!open_files(c->files))
        info->error = errno;
    for (unsigned i = 0; i < c->vms && info->error == 0; i++) {
        struct minivm *vm;
        struct error err;
        int result = minivm_start(&config, &vm, &err);
        info->error = -result;
        if (result == 0 && i < 2)
            info->extra[i] = (uint64_t)minivm_info(vm)->vm_fd;
        if (result == 0 && i == 0)
            info->extra[2] = (uint64_t)minivm_info(vm)->vcpus[0].tid;
    }
    if (c->lends && info->error == 0)
        info->error = lend(c->vcpus - 1);
}

struct kvm_bpf *kvm_guest_bpf(struct rootfs *root)
{
    struct kvm_bpf *bpf = NULL;
    struct error err = {0};

    if (access("/dev/kvm", R_OK | W_OK) != 0) {
        printf("skipped: /dev/kvm cannot be used here: %s\n", strerror(errno));
        return NULL;
    }
    if (rootfs_open(NULL, root, &err) == 0 && kvm_bpf_open(root, &bpf, &err) < 0) {
        printf("skipped: BPF cannot be loaded here: %s\n", err.msg);
        rootfs_close(root);
    }
    return bpf;
}
