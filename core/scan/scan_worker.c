// SPDX-License-Identifier: MIT
#include "core/scan/scan_worker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/scan/scan_readers.h"

#define STOP_WAIT_MS 500

enum scan_worker_state {
    SCAN_WORKER_IDLE,
    SCAN_WORKER_QUEUED,
    SCAN_WORKER_RUNNING,
    SCAN_WORKER_DONE
};

struct scan_worker {
    const struct rootfs *root;
    int wake_fd;
    pthread_t thread;
    pthread_cond_t cond; /* state or quit changed, or the thread ended */
    struct scan_progress *progress; /* @own, or what another process looks at */
    struct scan_progress own;
    struct beacon *beacon;
    struct kvm_bpf *bpf;
    pthread_mutex_t mutex; /* guards all below */
    enum scan_worker_state state;
    bool quit, ended;
    struct scan_request request;
    struct scan_report *peek; /* newest intermediate report, not fetched yet */
    struct scan_report *done;
    struct scan_report *spare; /* for a job that has no memory for its own. NULL: in use */
};

static void wake(const struct scan_worker *worker)
{
    uint64_t one = 1;

    if (worker->wake_fd >= 0 && write(worker->wake_fd, &one, sizeof(one)) < 0)
        return; /* EAGAIN: the counter is full, so whoever waits is awake */
}

static void on_publish(void *arg, struct scan_report *report)
{
    struct scan_worker *worker = arg;

    pthread_mutex_lock(&worker->mutex);
    struct scan_report *old = worker->peek;
    worker->peek = report;
    pthread_mutex_unlock(&worker->mutex);
    scan_report_free(old);
    wake(worker);
}

static void run_one(struct scan_worker *worker, const struct scan_request *request,
                    struct scan_readers *readers)
{
    struct scan_env env = {.root = worker->root,
                           .progress = worker->progress,
                           .publish = on_publish,
                           .publish_arg = worker,
                           .readers = readers,
                           .beacon = worker->beacon,
                           .bpf = worker->bpf};
    struct scan_report *report = NULL;

    scan_execute(&env, request, &report);
    pthread_mutex_lock(&worker->mutex);
    if (report == NULL) {
        report = worker->spare;
        worker->spare = NULL;
        scan_report_use_spare(report, request);
    }
    worker->done = report;
    worker->state = SCAN_WORKER_DONE;
    pthread_mutex_unlock(&worker->mutex);
    wake(worker);
}

static void *scan_worker_main(void *arg)
{
    struct scan_worker *worker = arg;
    struct scan_readers readers = {{NULL}};
    struct scan_request request;

    pthread_mutex_lock(&worker->mutex);
    while (!worker->quit) {
        if (worker->state != SCAN_WORKER_QUEUED) {
            pthread_cond_wait(&worker->cond, &worker->mutex);
            continue;
        }
        worker->state = SCAN_WORKER_RUNNING;
        request = worker->request;
        pthread_mutex_unlock(&worker->mutex);
        run_one(worker, &request, &readers);
        pthread_mutex_lock(&worker->mutex);
    }
    pthread_mutex_unlock(&worker->mutex);
    scan_readers_done(&readers);
    pthread_mutex_lock(&worker->mutex);
    worker->ended = true;
    pthread_cond_broadcast(&worker->cond);
    pthread_mutex_unlock(&worker->mutex);
    return NULL;
}

int scan_worker_start(const struct rootfs *root, int wake_fd, struct scan_worker **ret,
                      struct error *err)
{
    return scan_worker_start_seen(root, wake_fd, NULL, NULL, NULL, ret, err);
}

int scan_worker_start_seen(const struct rootfs *root, int wake_fd, struct scan_progress *progress,
                           struct beacon *beacon, struct kvm_bpf *bpf, struct scan_worker **ret,
                           struct error *err)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP};
    struct scan_worker *worker = calloc(1, sizeof(*worker));
    pthread_condattr_t attr;
    sigset_t all, old;

    *ret = NULL;
    if (worker != NULL)
        worker->spare = scan_report_spare();
    if (worker == NULL || worker->spare == NULL) {
        free(worker);
        return error_set(err, -ENOMEM, "out of memory");
    }
    worker->root = root;
    worker->wake_fd = wake_fd;
    worker->progress = progress != NULL ? progress : &worker->own;
    worker->beacon = beacon;
    worker->bpf = bpf;
    pthread_mutex_init(&worker->mutex, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&worker->cond, &attr);
    pthread_condattr_destroy(&attr);
    sigfillset(&all);
    /* One that is blocked where it happens ends the process past its handler, which restores the
     * terminal. */
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
        sigdelset(&all, faults[i]);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int n = pthread_create(&worker->thread, NULL, scan_worker_main, worker);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (n != 0) {
        pthread_cond_destroy(&worker->cond);
        pthread_mutex_destroy(&worker->mutex);
        scan_report_free(worker->spare);
        free(worker);
        return error_set(err, -n, "cannot start the scanning thread: %s", strerror(n));
    }
    *ret = worker;
    return 0;
}

static void reset_progress(struct scan_progress *progress)
{
    atomic_store(&progress->done_bytes, 0);
    atomic_store(&progress->total_bytes, 0);
    atomic_store(&progress->start_ns, 0);
    atomic_store(&progress->end_ns, 0);
    atomic_store(&progress->phase, SCAN_PHASE_REGIONS);
    atomic_store(&progress->cancel, false);
}

int scan_worker_submit(struct scan_worker *worker, const struct scan_request *request)
{
    int n = -EBUSY;

    pthread_mutex_lock(&worker->mutex);
    if (worker->state == SCAN_WORKER_IDLE && worker->spare == NULL) {
        worker->spare = scan_report_spare();
        n = worker->spare != NULL ? n : -ENOMEM;
    }
    if (worker->state == SCAN_WORKER_IDLE && worker->spare != NULL) {
        reset_progress(worker->progress);
        worker->request = *request;
        worker->state = SCAN_WORKER_QUEUED;
        pthread_cond_broadcast(&worker->cond);
        n = 0;
    }
    pthread_mutex_unlock(&worker->mutex);
    return n;
}

void scan_worker_cancel(struct scan_worker *worker)
{
    atomic_store_explicit(&worker->progress->cancel, true, memory_order_relaxed);
}

void scan_worker_progress_of(const struct scan_progress *progress, uint64_t now_ns,
                             struct scan_worker_progress *ret)
{
    uint64_t start_ns = atomic_load_explicit(&progress->start_ns, memory_order_relaxed);
    uint64_t end_ns = atomic_load_explicit(&progress->end_ns, memory_order_relaxed);
    int phase = atomic_load_explicit(&progress->phase, memory_order_relaxed);

    ret->phase = phase >= SCAN_PHASE_REGIONS && phase < SCAN_PHASE_COUNT ? (enum scan_phase)phase
                                                                         : SCAN_PHASE_REGIONS;
    ret->done_bytes = atomic_load_explicit(&progress->done_bytes, memory_order_relaxed);
    ret->total_bytes = atomic_load_explicit(&progress->total_bytes, memory_order_relaxed);
    ret->bytes_per_s = 0;
    ret->eta_s = -1;
    if (start_ns != 0 && now_ns > start_ns && ret->done_bytes > 0)
        ret->bytes_per_s = (double)ret->done_bytes * 1e9 / (double)(now_ns - start_ns);
    if (ret->bytes_per_s > 0 && ret->total_bytes > ret->done_bytes)
        ret->eta_s = (double)(ret->total_bytes - ret->done_bytes) / ret->bytes_per_s;
    if (ret->phase == SCAN_PHASE_LOOKS) /* whatever was read: most of the time nothing is */
        ret->eta_s = end_ns > now_ns ? (double)(end_ns - now_ns) / 1e9 : 0;
}

struct scan_worker_progress scan_worker_progress(struct scan_worker *worker)
{
    struct scan_worker_progress ret;
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    scan_worker_progress_of(worker->progress,
                            (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec, &ret);
    pthread_mutex_lock(&worker->mutex);
    ret.busy = worker->state != SCAN_WORKER_IDLE;
    ret.vm = worker->request.vm;
    pthread_mutex_unlock(&worker->mutex);
    return ret;
}

struct scan_report *scan_worker_peek(struct scan_worker *worker)
{
    pthread_mutex_lock(&worker->mutex);
    struct scan_report *report = worker->peek;
    worker->peek = NULL;
    pthread_mutex_unlock(&worker->mutex);
    return report;
}

struct scan_report *scan_worker_take(struct scan_worker *worker)
{
    struct scan_report *report = NULL, *stale = NULL;

    pthread_mutex_lock(&worker->mutex);
    if (worker->state == SCAN_WORKER_DONE) {
        report = worker->done;
        stale = worker->peek;
        worker->done = worker->peek = NULL;
        worker->state = SCAN_WORKER_IDLE;
    }
    pthread_mutex_unlock(&worker->mutex);
    scan_report_free(stale);
    return report;
}

bool scan_worker_stop(struct scan_worker *worker)
{
    struct timespec until;

    if (worker == NULL)
        return true;
    scan_worker_cancel(worker);
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += STOP_WAIT_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_mutex_lock(&worker->mutex);
    worker->quit = true;
    pthread_cond_broadcast(&worker->cond);
    int n = 0;
    while (!worker->ended && n == 0)
        n = pthread_cond_timedwait(&worker->cond, &worker->mutex, &until);
    bool ended = worker->ended;
    pthread_mutex_unlock(&worker->mutex);
    if (!ended) {
        pthread_detach(worker->thread);
        return false;
    }
    pthread_join(worker->thread, NULL);
    scan_report_free(worker->peek);
    scan_report_free(worker->done);
    scan_report_free(worker->spare);
    pthread_cond_destroy(&worker->cond);
    pthread_mutex_destroy(&worker->mutex);
    free(worker);
    return true;
}
