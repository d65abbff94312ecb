// SPDX-License-Identifier: MIT
#include "core/scan/scan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "accel/cpu.h"
#include "core/scan/scan_internal.h"

#define PUBLISH_NS 100000000ull

uint64_t scan_now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

const struct zeropage_impl *scan_accel(const struct scan_request *request)
{
    return request->accel != NULL ? request->accel : zeropage_pick(cpu_detect());
}

double scan_thread_cpu_s(void)
{
    struct timespec ts;
    return clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts) == 0
               ? (double)ts.tv_sec + (double)ts.tv_nsec / 1e9 : 0;
}

bool scan_job_stops(const struct scan_job *job)
{
    return atomic_load_explicit(&job->env->progress->cancel, memory_order_relaxed) ||
           atomic_load_explicit(&job->stop, memory_order_relaxed);
}

void scan_job_set_phase(struct scan_job *job, enum scan_phase phase)
{
    job->report->phase = phase;
    atomic_store_explicit(&job->env->progress->phase, (int)phase, memory_order_relaxed);
}

static uint64_t slice_sum(const struct scan_slice *slice)
{
    uint64_t sum = 0;

    for (int i = 0; i < PAGE_CLASS_COUNT; i++)
        sum += slice->pages[i];
    return sum;
}

/* Where the reading pass has not been yet, what the residency pass saw is shown. */
static void fill_from_base(struct scan_report *report, const struct scan_slice *base)
{
    report->counts = (struct page_counts){0};
    for (size_t i = 0; i < report->slice_count; i++) {
        if (slice_sum(&report->slices[i]) < slice_sum(&base[i]))
            report->slices[i] = base[i];
        for (int k = 0; k < PAGE_CLASS_COUNT; k++)
            report->counts.pages[k] += report->slices[i].pages[k];
    }
}

static void stamp(struct scan_job *job, struct scan_report *report)
{
    report->cost.elapsed_s = (double)(scan_now_ns() - job->begin_ns) / 1e9;
}

/* With job->mutex held, or with one thread only. */
void scan_job_publish(struct scan_job *job)
{
    if (job->env->publish == NULL)
        return;
    struct scan_report *copy = scan_report_copy(job->report);
    if (copy == NULL)
        return; /* the next one may fit */
    if (job->base != NULL && copy->phase == SCAN_PHASE_READ)
        fill_from_base(copy, job->base);
    stamp(job, copy);
    scan_report_finish(copy);
    job->env->publish(job->env->publish_arg, copy);
}

void scan_job_merge(struct scan_job *job, struct scan_lane *lane)
{
    struct scan_report *report = job->report;

    pthread_mutex_lock(&job->mutex);
    for (int k = 0; k < PAGE_CLASS_COUNT; k++) {
        report->counts.pages[k] += lane->counts.pages[k];
        report->regions[lane->chunk.region].counts.pages[k] += lane->counts.pages[k];
    }
    for (size_t i = lane->slice_low; i <= lane->slice_high && i < SCAN_SLICES; i++) {
        for (int k = 0; k < PAGE_CLASS_COUNT; k++)
            report->slices[i].pages[k] += lane->slices[i].pages[k];
        lane->slices[i] = (struct scan_slice){0};
    }
    report->cost.bytes_read += lane->bytes_read;
    report->estimate.sampled += lane->sampled;
    report->estimate.sampled_zero += lane->sampled_zero;
    lane->bytes_read = lane->sampled = lane->sampled_zero = 0;
    lane->counts = (struct page_counts){0};
    lane->slice_low = SCAN_SLICES;
    lane->slice_high = 0;
    uint64_t now = scan_now_ns();
    if (now - job->last_publish_ns >= PUBLISH_NS) {
        job->last_publish_ns = now;
        scan_job_publish(job);
    }
    pthread_mutex_unlock(&job->mutex);
}

/* A thread of a pass. */
struct scan_thread {
    struct scan_job *job;
    struct read_child *child; /* NULL: none was made beforehand */
    pthread_t thread;
    double cpu_s;
    uint64_t stuck_pages;
};

static void *run_thread(void *arg)
{
    struct scan_thread *thread = arg;
    struct scan_job *job = thread->job;
    struct scan_lane lane;
    int n = scan_lane_open(&lane, job);
    lane.child = thread->child;
    if (n == 0)
        n = scan_lane_run(&lane);
    if (n < 0) {
        pthread_mutex_lock(&job->mutex);
        if (job->code == 0)
            job->code = n;
        pthread_mutex_unlock(&job->mutex);
        atomic_store(&job->stop, true);
    }
    thread->cpu_s = lane.cpu_s;
    thread->stuck_pages = lane.stuck_pages;
    if (lane.residency != NULL && residency_hides_zero_page(lane.residency))
        atomic_store(&job->zero_page_hidden, true);
    if (lane.residency != NULL)
        atomic_fetch_add(&job->huge_pages, residency_huge_bytes(lane.residency) / SCAN_PAGE_BYTES);
    scan_lane_close(&lane);
    return NULL;
}

/* Run all lanes over all chunks. Threads of their own, for a lower priority cannot be taken
 * back. */
int scan_job_pass(struct scan_job *job)
{
    struct scan_thread threads[SCAN_THREADS_MAX];
    unsigned count = job->report->cost.threads, made = 0;
    uint64_t stuck = 0;

    atomic_store(&job->next_chunk, 0);
    if ((job->reading || job->sample != NULL) && scan_left_any_read(job))
        scan_readers_ready(job->readers, job->env->root, job->request->vm.pid, job->accel, count);
    for (unsigned i = 0; i < count; i++)
        threads[i] = (struct scan_thread){.job = job, .child = job->readers->children[i]};
    for (; made < count; made++) {
        if (pthread_create(&threads[made].thread, NULL, run_thread, &threads[made]) != 0)
            break; /* with those that there are */
    }
    if (made == 0)
        return -EAGAIN;
    for (unsigned i = 0; i < made; i++)
        pthread_join(threads[i].thread, NULL);
    for (unsigned i = 0; i < made; i++) { /* when no lane publishes the report any more */
        job->report->cost.cpu_s += threads[i].cpu_s;
        stuck += threads[i].stuck_pages;
    }
    job->report->cost.threads = made;
    if (stuck > 0)
        scan_report_warn(job->report, "%llu pages of userfaultfd memory were given up: nobody "
                         "answered within a second", (unsigned long long)stuck);
    return job->code;
}

/* --- the sample ------------------------------------------------------------------------------ */

uint64_t scan_seed(const struct scan_request *request)
{
    uint64_t seed = request->seed;

    if (seed == 0 && getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed))
        seed = scan_now_ns();
    return seed;
}

static uint64_t want_pages(const struct scan_request *request)
{
    uint64_t want = request->sample_pages;

    return want == 0 ? SCAN_SAMPLE_DEFAULT : want > SCAN_SAMPLE_MAX ? SCAN_SAMPLE_MAX : want;
}

/* The residency pass has counted present pages per chunk: number them through and draw. */
int scan_job_draw(struct scan_job *job)
{
    uint64_t population = 0;
    uint64_t want = want_pages(job->request);

    for (size_t i = 0; i < job->chunk_count; i++) {
        job->seen[i].first = population;
        population += job->seen[i].present;
    }
    job->report->estimate.population = population;
    if (job->request->mode == SCAN_DIRTY)
        want = scan_dirty_sample(job->request, population);
    job->sample_count = want < population ? want : population;
    job->sample = malloc((job->sample_count + 1) * sizeof(*job->sample));
    if (job->sample == NULL)
        return -ENOMEM;
    struct scan_random random = {.state = scan_seed(job->request)};
    int (*draw)(uint64_t *, uint64_t, uint64_t, struct scan_random *, const atomic_bool *) =
        job->request->mode == SCAN_DIRTY ? scan_sample_spread : scan_sample_draw;
    return draw(job->sample, job->sample_count, population, &random, &job->env->progress->cancel);
}

/* Of the sample, which is the first that is read. */
static void note_speed(struct scan_report *report, uint64_t bytes, uint64_t took_ns)
{
    if (took_ns > 0)
        report->estimate.bytes_per_s = (double)bytes * 1e9 / (double)took_ns;
}

/* Does reading all take longer than was asked for? */
static bool is_too_long(const struct scan_job *job)
{
    double seconds = scan_exact_seconds(job->report), limit = job->request->exact_limit_s;

    return limit > 0 && !(seconds >= 0 && seconds <= limit);
}

int scan_job_residency(struct scan_job *job)
{
    scan_job_set_phase(job, SCAN_PHASE_RESIDENCY);
    int n = scan_job_pass(job);
    job->report->cost.residency_s = (double)(scan_now_ns() - job->begin_ns) / 1e9;
    job->report->residency_done = n == 0;
    return n;
}

static int run_sample(struct scan_job *job)
{
    struct scan_progress *progress = job->env->progress;
    int n = scan_job_draw(job);

    if (n < 0)
        return n;
    uint64_t to_read = job->request->mode == SCAN_ESTIMATE ? job->sample_count
                                                           : job->report->estimate.population;
    atomic_store(&progress->total_bytes, to_read * SCAN_PAGE_BYTES);
    scan_job_set_phase(job, SCAN_PHASE_SAMPLE);
    scan_job_publish(job);
    uint64_t begin_ns = scan_now_ns(), begin_bytes = job->report->cost.bytes_read;
    atomic_store(&progress->start_ns, begin_ns);
    n = scan_job_pass(job);
    free(job->sample);
    job->sample = NULL;
    if (n == 0)
        note_speed(job->report, job->report->cost.bytes_read - begin_bytes,
                   scan_now_ns() - begin_ns);
    return n;
}

void scan_job_forget(struct scan_job *job)
{
    struct scan_report *report = job->report;

    memset(report->slices, 0, SCAN_SLICES * sizeof(*report->slices));
    report->counts = (struct page_counts){0};
    for (size_t i = 0; i < report->region_count; i++)
        report->regions[i].counts = (struct page_counts){0};
}

/*
 * What was drawn from a region that had to be left stands for nothing: the rest is looked at and
 * drawn from again.
 */
static int run_estimate(struct scan_job *job)
{
    size_t left;
    int n;

    job->seen = calloc(job->chunk_count, sizeof(*job->seen));
    if (job->seen == NULL)
        return -ENOMEM;
    do {
        left = atomic_load(&job->left_count);
        scan_job_forget(job);
        job->report->estimate = (struct scan_estimate){.valid = false};
        n = scan_job_residency(job);
        if (n == 0)
            n = run_sample(job);
    } while (n == 0 && atomic_load(&job->left_count) != left);
    if (n < 0)
        return n;
    scan_report_estimate(job->report);
    scan_job_publish(job);
    return 0;
}

static int run_exact(struct scan_job *job)
{
    struct scan_report *report = job->report;

    if (job->request->estimate_first) {
        int n = run_estimate(job);
        if (n < 0)
            return n;
        if (is_too_long(job)) {
            report->mode = SCAN_ESTIMATE;
            return 0;
        }
        job->base = malloc(SCAN_SLICES * sizeof(*job->base));
        if (job->base == NULL)
            return -ENOMEM;
        memcpy(job->base, report->slices, SCAN_SLICES * sizeof(*job->base));
        scan_job_forget(job);
    }
    scan_job_set_phase(job, SCAN_PHASE_READ);
    job->reading = true;
    if (report->cost.residency_s == 0)
        report->cost.residency_s = (double)(scan_now_ns() - job->begin_ns) / 1e9;
    atomic_store(&job->env->progress->done_bytes, 0);
    atomic_store(&job->env->progress->start_ns, scan_now_ns());
    int n = scan_job_pass(job);
    if (n == 0)
        report->residency_done = true;
    else if (job->base != NULL)
        fill_from_base(report, job->base);
    return n;
}

/* --- the end --------------------------------------------------------------------------------- */

/* Only private anonymous memory has the zero page in it. */
static void warn_of_zero_page(const struct scan_job *job)
{
    struct scan_report *report = job->report;
    uint64_t pages = 0;

    for (size_t i = 0; i < report->region_count; i++)
        if (report->regions[i].ram.backing == RAM_ANON)
            pages += report->regions[i].counts.pages[PAGE_ZERO_CONTENT];
    if (pages > 0 && atomic_load(&job->zero_page_hidden))
        scan_report_warn(report,
                         "%llu pages that read as zero may be the kernel's zero page, which "
                         "takes no memory: before Linux 6.7 only CAP_SYS_ADMIN tells; run as root "
                         "with --privileges=off",
                         (unsigned long long)pages);
}

static void warn_of_counts(const struct scan_job *job)
{
    struct scan_report *report = job->report;
    const uint64_t *pages = report->counts.pages;
    size_t unopened = 0;

    for (size_t i = 0; job->unopened != NULL && i < report->region_count; i++)
        unopened += atomic_load(&job->unopened[i]);
    if (unopened > 0)
        scan_report_warn(report, "the file behind %zu mapping%s cannot be opened: pages that the "
                         "VMM itself has not mapped are unreadable", unopened,
                         unopened == 1 ? "" : "s");
    if (pages[PAGE_SWAPPED] > 0)
        scan_report_warn(report, "%llu pages are swapped out or on disk: not read, counted as not "
                         "zero", (unsigned long long)pages[PAGE_SWAPPED]);
    if (pages[PAGE_UNREADABLE] > 0)
        scan_report_warn(report, "%llu pages could not be read: any of them may be zero",
                         (unsigned long long)pages[PAGE_UNREADABLE]);
    warn_of_zero_page(job);
}

struct failure {
    int code;
    const char *text;
};
static const struct failure failures[] = {
    {-ESRCH, "the process ended during the scan"},
    {-EPERM, "the kernel refuses to read the memory of this process: needs CAP_SYS_PTRACE, and "
             "kernel.yama.ptrace_scope below 3"},
    {-EACCES, "the memory of this process may not be read: needs CAP_SYS_PTRACE"},
    {-ENOMEM, "out of memory"},
    {-EAGAIN, "no thread could be started"},
};

static void explain(struct scan_job *job, int code)
{
    struct error *err = &job->report->error;

    if (err->code != 0)
        return;
    for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
        if (failures[i].code == code)
            error_set(err, code, "%s", failures[i].text);
    }
    if (err->code == 0)
        error_set(err, code, "the scan broke off: %s", strerror(-code));
}

static enum scan_state end_state(const struct scan_job *job, int code)
{
    bool began = job->report->cost.bytes_read > 0 || job->report->phase >= SCAN_PHASE_READ;

    if (code == 0)
        return SCAN_DONE;
    if (code == -ECANCELED)
        return SCAN_CANCELLED;
    /* refused at the first read is refused */
    if (!began || (code == -EPERM && job->report->cost.bytes_read == 0))
        return SCAN_REFUSED;
    return SCAN_FAILED;
}

static int run_job(struct scan_job *job)
{
    static int (*const runs[])(struct scan_job *) = {
        [SCAN_EXACT] = run_exact,
        [SCAN_ESTIMATE] = run_estimate,
        [SCAN_DIRTY] = scan_dirty_run,
    };
    struct error *err = &job->report->error;

    scan_job_set_phase(job, SCAN_PHASE_REGIONS);
    beacon_at(job->env->beacon, job->request->vm.pid, BEACON_LIST_FDS);
    int n = scan_check_request(job, err);
    if (n == 0)
        n = scan_slots_read(job, err);
    if (n == 0)
        n = scan_check_memory(job, err);
    if (n == 0)
        n = scan_check_numa(job, err);
    if (n == 0)
        n = scan_regions_find(job, err);
    if (n == 0)
        n = scan_chunks_prepare(job, err);
    if (n == 0)
        n = scan_check_process(job, err);
    if (n < 0)
        return n;
    scan_job_publish(job);
    n = runs[job->request->mode](job);
    return n == 0 ? scan_check_process(job, err) : n; /* lanes read and open files by the pid */
}

static void job_done(struct scan_job *job)
{
    scan_chunks_done(job);
    if (job->readers == &job->own_readers)
        scan_readers_done(&job->own_readers);
    else
        scan_readers_wipe(job->readers);
    free(job->sample);
    free(job->base);
    ram_map_done(&job->map);
    kvm_bpf_slots_done(&job->slots);
    pthread_mutex_destroy(&job->mutex);
}

int scan_execute(const struct scan_env *env, const struct scan_request *request,
                 struct scan_report **ret)
{
    struct scan_job job = {.env = env, .request = request, .begin_ns = scan_now_ns()};
    unsigned threads = request->threads == 0 ? 1 : request->threads;

    *ret = NULL;
    job.report = scan_report_new(request);
    if (job.report == NULL)
        return -ENOMEM;
    job.accel = scan_accel(request);
    job.readers = env->readers != NULL ? env->readers : &job.own_readers;
    job.report->cost.accel = job.accel->name;
    job.report->cost.threads = threads > SCAN_THREADS_MAX ? SCAN_THREADS_MAX : threads;
    job.last_publish_ns = job.begin_ns;
    job.begin_cpu_s = scan_thread_cpu_s();
    pthread_mutex_init(&job.mutex, NULL);
    int n = run_job(&job);
    if (n == 0 && atomic_load(&env->progress->cancel))
        n = -ECANCELED;
    struct scan_report *report = job.report;
    stamp(&job, report);
    report->state = end_state(&job, n);
    if (report->state == SCAN_DONE && report->cost.elapsed_s > 0.1) {
        scan_regions_warn_of_changes(&job);
        scan_left_look_again(&job);
    }
    /* half of what an estimate takes */
    report->cost.regions_cpu_s = scan_thread_cpu_s() - job.begin_cpu_s;
    report->cost.cpu_s += report->cost.regions_cpu_s;
    if (n < 0 && n != -ECANCELED)
        explain(&job, n);
    scan_report_finish(report);
    if (job.left != NULL)
        scan_left_tell(&job);
    warn_of_counts(&job);
    scan_void_tell(&job);
    job_done(&job);
    beacon_at(env->beacon, 0, BEACON_NOTHING);
    *ret = report;
    return n;
}
