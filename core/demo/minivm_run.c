// SPDX-License-Identifier: MIT
/*
 * The threads of a minivm: one for each vCPU, and one that wakes them.
 *
 * Threads are ended without signals, so that the host program's signal set-up is left alone: an NMI
 * makes the guest write to a port, which leaves KVM_RUN, and then the thread sees the stop flag.
 */
#ifdef __x86_64__

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "core/demo/minivm_internal.h"

#define NS_PER_S 1000000000ull

static void vcpu_failed(struct minivm *vm, unsigned index, const char *why, unsigned reason)
{
    pthread_mutex_lock(&vm->lock);
    if (vm->failed++ == 0)
        error_set(&vm->error, -EIO, "vCPU %u stopped: %s (%u)", index, why, reason);
    pthread_cond_broadcast(&vm->changed);
    pthread_mutex_unlock(&vm->lock);
}

/* Guest code runs. A guest that works stands still here until it may go on. */
static void vcpu_ran(struct minivm_vcpu *vcpu)
{
    struct minivm *vm = vcpu->vm;

    pthread_mutex_lock(&vm->lock);
    vm->ran++;
    pthread_cond_broadcast(&vm->changed);
    while (vm->config.program == MINIVM_WORK && !vm->may_go && !atomic_load(&vm->stop))
        pthread_cond_wait(&vm->changed, &vm->lock);
    pthread_mutex_unlock(&vm->lock);
}

/* What a guest that works wrote to a port. */
static void vcpu_told(struct minivm_vcpu *vcpu, unsigned port)
{
    struct minivm *vm = vcpu->vm;

    if (port != MINIVM_PORT_HALTS && port != MINIVM_PORT_DONE)
        return;
    pthread_mutex_lock(&vm->lock);
    vcpu->is_halting = port == MINIVM_PORT_HALTS;
    vcpu->woken_ns = 0;
    vcpu->done_count += port == MINIVM_PORT_DONE;
    if (vcpu->done_count >= 2)
        atomic_store(&vcpu->is_done, true);
    pthread_mutex_unlock(&vm->lock);
}

static void *vcpu_main(void *arg)
{
    struct minivm_vcpu *vcpu = arg;
    struct minivm *vm = vcpu->vm;
    bool first = true;

    pthread_mutex_lock(&vm->lock);
    vm->info.vcpus[vcpu->index].tid = gettid();
    pthread_mutex_unlock(&vm->lock);

    while (!atomic_load(&vm->stop)) {
        if (ioctl(vm->info.vcpus[vcpu->index].fd, KVM_RUN, 0) < 0) {
            if (errno == EINTR || errno == EAGAIN)
                continue;
            vcpu_failed(vm, vcpu->index, "KVM_RUN failed", (unsigned)errno);
            break;
        }
        unsigned reason = vcpu->run->exit_reason;
        /* Reads of ports find what the shared page held before: nobody looks at the value. */
        if (reason != KVM_EXIT_IO && reason != KVM_EXIT_MMIO && reason != KVM_EXIT_INTR) {
            vcpu_failed(vm, vcpu->index, "unexpected exit reason", reason);
            break;
        }
        if (reason == KVM_EXIT_MMIO)
            atomic_fetch_add(&vcpu->mmio_exits, 1);
        if (reason != KVM_EXIT_IO)
            continue;
        atomic_fetch_add(&vcpu->io_exits, 1);
        if (first)
            vcpu_ran(vcpu);
        else if (vm->config.program == MINIVM_WORK)
            vcpu_told(vcpu, vcpu->run->io.port);
        first = false;
    }
    return NULL;
}

/* NMI to one vCPU: needs no set-up of the guest's interrupt controller and wakes it from hlt. */
static void wake_vcpu(const struct minivm *vm, unsigned index)
{
    struct kvm_msi msi = {.address_lo = 0xfee00000u | index << 12, .data = 0x400};

    ioctl(vm->info.vm_fd, KVM_SIGNAL_MSI, &msi);
}

/* Time to the next wake-up: constant, or a triangle between once and four times the shortest. */
static uint64_t wake_period_ns(const struct minivm_config *config, uint64_t elapsed_ns)
{
    uint64_t shortest = NS_PER_S / config->wake_hz;

    if (config->wave_s == 0)
        return shortest;
    uint64_t wave = config->wave_s * NS_PER_S, at = elapsed_ns % wave;
    uint64_t distance = at < wave / 2 ? at : wave - at; /* 0 .. wave/2 */
    double swing = (double)distance / ((double)wave / 2);
    return (uint64_t)((double)shortest / (0.25 + 0.75 * swing));
}

static uint64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

/*
 * What comes before the guest is halted is lost, so it is told again. Under the lock: a guest that
 * is done is not told any more.
 */
static void wake_halting(struct minivm *vm, struct minivm_vcpu *vcpu)
{
    const uint64_t again_ns = 20000000, now = now_ns();

    pthread_mutex_lock(&vm->lock);
    if (vcpu->is_halting && now - vcpu->woken_ns > again_ns) {
        vcpu->woken_ns = now;
        wake_vcpu(vm, vcpu->index);
    }
    pthread_mutex_unlock(&vm->lock);
}

static void *waker_main(void *arg)
{
    const struct timespec pause = {.tv_nsec = 200000};
    struct minivm *vm = arg;

    while (!atomic_load(&vm->stop)) {
        clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
        for (unsigned i = 0; i < vm->info.vcpu_count; i++)
            wake_halting(vm, &vm->vcpus[i]);
    }
    return NULL;
}

static void *ticker_main(void *arg)
{
    struct minivm *vm = arg;
    uint64_t start = now_ns();

    while (!atomic_load(&vm->stop)) {
        uint64_t at = now_ns() + wake_period_ns(&vm->config, now_ns() - start);
        struct timespec ts = {.tv_sec = (time_t)(at / NS_PER_S), .tv_nsec = (long)(at % NS_PER_S)};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
        for (unsigned i = 0; i < vm->info.vcpu_count; i++)
            wake_vcpu(vm, i);
    }
    return NULL;
}

int minivm_run_start(struct minivm *vm, struct error *err)
{
    for (unsigned i = 0; i < vm->info.vcpu_count; i++) {
        char name[24]; /* at most 15 of them are used: the index has two digits */
        int e = pthread_create(&vm->vcpus[i].thread, NULL, vcpu_main, &vm->vcpus[i]);
        if (e != 0)
            return error_set(err, -e, "cannot start a thread for a vCPU: %s", strerror(e));
        vm->vcpus[i].started = true;
        snprintf(name, sizeof(name), "CPU %u/KVM", i);
        pthread_setname_np(vm->vcpus[i].thread, name);
    }
    pthread_mutex_lock(&vm->lock);
    while (vm->ran < vm->info.vcpu_count && vm->failed == 0)
        pthread_cond_wait(&vm->changed, &vm->lock);
    struct error failure = vm->error;
    bool failed = vm->failed != 0;
    pthread_mutex_unlock(&vm->lock);
    if (failed)
        return error_set(err, failure.code, "%s", failure.msg);
    if (vm->config.program != MINIVM_BUSY && vm->config.program != MINIVM_WORK)
        return 0;
    int e = pthread_create(&vm->ticker, NULL,
                           vm->config.program == MINIVM_BUSY ? ticker_main : waker_main, vm);
    if (e != 0)
        return error_set(err, -e, "cannot start a thread: %s", strerror(e));
    vm->ticker_started = true;
    pthread_setname_np(vm->ticker, "vm-ticker");
    return 0;
}

void minivm_go(struct minivm *vm)
{
    pthread_mutex_lock(&vm->lock);
    vm->may_go = true;
    pthread_cond_broadcast(&vm->changed);
    pthread_mutex_unlock(&vm->lock);
}

struct minivm_did minivm_did(const struct minivm *vm, unsigned index)
{
    const struct minivm_vcpu *vcpu = &vm->vcpus[index];

    return (struct minivm_did){.io_exits = atomic_load(&vcpu->io_exits),
                               .mmio_exits = atomic_load(&vcpu->mmio_exits),
                               .is_done = atomic_load(&vcpu->is_done)};
}

/*
 * An NMI that comes just before the thread enters KVM_RUN does its work there; one that is masked
 * by another is lost, so send until the thread has ended.
 */
static void end_vcpu(struct minivm *vm, struct minivm_vcpu *vcpu)
{
    int e = vcpu->started ? ETIMEDOUT : 0;

    while (e == ETIMEDOUT) {
        struct timespec soon;

        wake_vcpu(vm, vcpu->index);
        clock_gettime(CLOCK_REALTIME, &soon);
        soon.tv_nsec += 2000000;
        soon.tv_sec += soon.tv_nsec / (long)NS_PER_S;
        soon.tv_nsec %= (long)NS_PER_S;
        e = pthread_timedjoin_np(vcpu->thread, NULL, &soon);
    }
}

void minivm_run_stop(struct minivm *vm)
{
    atomic_store(&vm->stop, true);
    minivm_go(vm);
    if (vm->ticker_started)
        pthread_join(vm->ticker, NULL);
    for (unsigned i = 0; i < vm->info.vcpu_count; i++)
        end_vcpu(vm, &vm->vcpus[i]);
}

#else

#include "core/demo/minivm.h"

void minivm_go(struct minivm *vm)
{
    (void)vm;
}

struct minivm_did minivm_did(const struct minivm *vm, unsigned index)
{
    (void)vm, (void)index;
    return (struct minivm_did){0};
}

#endif
