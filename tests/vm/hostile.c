// SPDX-License-Identifier: MIT
/* Neighbours that a monitor must survive, for the end-to-end tests. See hostile.h. */
#include "tests/vm/hostile.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define STACK_BYTES (32u << 10) /* of a thread that does next to nothing */

static const struct part {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} parts[] = {
    {"crowd", hostile_crowd, "VMS VCPUS [stats] [threads]: many VMs in one process"},
    {"fuse", hostile_fuse,
     "OP [fixed] [MS]: a VM that puts a file of a file system of its own where its stats\n"
     "           descriptors were, and maps it as RAM. OP is answered after MS, or never: open,\n"
     "           getattr, lseek, read, flush. fixed: not before \"fix\" on standard input"},
    {"hidden", hostile_hidden,
     "DIRECTORY: a VM among descriptors that are named like those of KVM"},
    {"uffd", hostile_uffd,
     "before|later MIB: a VM with userfaultfd on its RAM; later: at a line on standard input"},
    {"vfork", hostile_vfork, "a VM whose first thread is in state D, waiting for its vfork child"},
};

__attribute__((format(printf, 1, 0))) static void complain(const char *format, va_list args)
{
    int code = errno;

    fprintf(stderr, "hostile: ");
    vfprintf(stderr, format, args);
    if (code != 0)
        fprintf(stderr, ": %s", strerror(code));
    fputc('\n', stderr);
}

void hostile_fail(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    complain(format, args);
    va_end(args);
    exit(1);
}

void hostile_cannot(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    complain(format, args);
    va_end(args);
    exit(HOSTILE_CANNOT);
}

int bare_kvm_open(void)
{
    int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

    if (fd < 0)
        hostile_cannot("/dev/kvm");
    return fd;
}

static void close_vm(struct bare_vm *vm)
{
    for (unsigned i = 0; i < vm->vcpu_count; i++) {
        close(vm->vcpus[i].fd);
        if (vm->vcpus[i].stats_fd >= 0)
            close(vm->vcpus[i].stats_fd);
    }
    free(vm->vcpus);
    if (vm->stats_fd >= 0)
        close(vm->stats_fd);
    close(vm->vm_fd);
}

int bare_vm_make(int kvm, unsigned vcpus, bool keep_stats, struct bare_vm *vm)
{
    int result = 0;

    do
        vm->vm_fd = ioctl(kvm, KVM_CREATE_VM, 0);
    while (vm->vm_fd < 0 && errno == EINTR);
    if (vm->vm_fd < 0)
        return -errno;
    vm->stats_fd = -1;
    vm->vcpu_count = 0;
    vm->vcpus = calloc(vcpus, sizeof(*vm->vcpus));
    if (vm->vcpus == NULL)
        result = -ENOMEM;
    if (result == 0 && keep_stats && (vm->stats_fd = ioctl(vm->vm_fd, KVM_GET_STATS_FD, NULL)) < 0)
        result = -errno;
    for (unsigned i = 0; i < vcpus && result == 0; i++) {
        struct bare_vcpu *vcpu = &vm->vcpus[i];
        *vcpu = (struct bare_vcpu){.fd = ioctl(vm->vm_fd, KVM_CREATE_VCPU, i), .stats_fd = -1};
        if (vcpu->fd < 0) {
            result = -errno;
            break;
        }
        vm->vcpu_count++;
        if (keep_stats && (vcpu->stats_fd = ioctl(vcpu->fd, KVM_GET_STATS_FD, NULL)) < 0)
            result = -errno;
    }
    if (result < 0)
        close_vm(vm);
    return result;
}

struct seat {
    int vcpu_fd;
    unsigned index;
    size_t run_bytes;
    atomic_int *done;
};

/* Enters KVM_RUN and leaves it at once: from then on debugfs names this thread as the vCPU's. */
static void *vcpu_main(void *arg)
{
    struct seat *seat = arg;
    char name[24];

    snprintf(name, sizeof(name), "CPU %u/KVM", seat->index);
    pthread_setname_np(pthread_self(), name);
    struct kvm_run *run =
        mmap(NULL, seat->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, seat->vcpu_fd, 0);
    if (run != MAP_FAILED) {
        run->immediate_exit = 1;
        (void)ioctl(seat->vcpu_fd, KVM_RUN, 0);
        munmap(run, seat->run_bytes);
    }
    atomic_fetch_add(seat->done, 1);
    free(seat);
    for (;;)
        pause();
    return NULL;
}

int bare_vm_start_threads(int kvm, const struct bare_vm *vm, atomic_int *done)
{
    size_t run_bytes = (size_t)ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    pthread_attr_t attr;
    int result = 0;

    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    /* Stacks that touch are one mapping: the kernel locks each mapping for each VM it makes. */
    pthread_attr_setguardsize(&attr, 0);
    for (unsigned i = 0; i < vm->vcpu_count && result == 0; i++) {
        pthread_t thread;
        struct seat *seat = malloc(sizeof(*seat));
        if (seat == NULL) {
            result = -ENOMEM;
            break;
        }
        *seat = (struct seat){vm->vcpus[i].fd, i, run_bytes, done};
        result = -pthread_create(&thread, &attr, vcpu_main, seat);
        if (result < 0)
            free(seat);
    }
    pthread_attr_destroy(&attr);
    return result < 0 ? result : (int)vm->vcpu_count;
}

void bare_vm_wait_threads(const atomic_int *done, int count)
{
    while (atomic_load(done) < count)
        usleep(1000);
}

static sigset_t end_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    return set;
}

void hostile_block_signals(void)
{
    sigset_t set = end_signals();

    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        hostile_fail("signals");
}

bool hostile_command(char *line, size_t size)
{
    sigset_t set = end_signals();
    int fd = signalfd(-1, &set, SFD_CLOEXEC);
    struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = fd, .events = POLLIN}};

    if (fd < 0)
        hostile_fail("signalfd");
    while (poll(fds, 2, -1) < 0)
        if (errno != EINTR)
            hostile_fail("poll");
    close(fd);
    ssize_t n = fds[1].revents == 0 ? read(STDIN_FILENO, line, size - 1) : 0;
    line[n > 0 ? n : 0] = '\0';
    line[strcspn(line, "\n")] = '\0';
    return n > 0;
}

uint64_t hostile_number(const char *text, uint64_t min, uint64_t max, const char *what)
{
    char *end;

    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || n < min || n > max)
        hostile_fail("bad number of %s", what);
    return n;
}

static int usage(void)
{
    fprintf(stderr, "usage: hostile PART ...\n");
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        fprintf(stderr, "  %-8s %s\n", parts[i].name, parts[i].help);
    return 2;
}

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof(parts) / sizeof(parts[0]); i++)
        if (strcmp(parts[i].name, argv[1]) == 0)
            return parts[i].run(argc - 2, argv + 2);
    return usage();
}
