// SPDX-License-Identifier: MIT
/* A run of looks at one sample: how many pages, when, and what it may cost. */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>

#include "core/scan/scan_looks.h"

#define NAP_NS 10000000ull /* between two glances at cancel while nothing is to be done */
/* Times shorter than this part of the whole show bursts, and no change of load. */
#define LOAD_FROM_SHARE 0.4
/* One page in so many: else a working set that is a small part of a large VM is hardly met. */
#define LARGE_SHARE 8
/*
 * The first looks are at so many pages, and only the last ones are at all of them: short times need
 * short looks. One at 65,536 pages takes 0.1 s, and on a busy host several times as long.
 */
#define EARLY_PAGES SCAN_SAMPLE_DEFAULT
#define FULL_LOOKS  4      /* the whole time, and its half, quarter and eighth */
#define PAGE_CPU_S  1.5e-6 /* of one page at one look, before it is known: 1.1 to 1.5 were seen */

/* A run under way. */
struct dirty_run {
    struct scan_job *job;
    struct scan_looks looks;
    struct scan_activity activity;
    struct scan_identity identity;    /* of the VM, when it began */
    double offsets[DIRTY_LOOKS_MOST]; /* when to look, in seconds from the first look */
    unsigned count;
    unsigned full_from;  /* of them: those before it are at the early places only */
    unsigned next;       /* of them: the first ones may be skipped when a look takes long */
    bool is_again;       /* a region was left at the first look: all is drawn anew */
    double before_cpu_s; /* that all took until the first look */
    double count_cpu_s;  /* that counting what is there took */
    uint64_t *first_page; /* [region_count] in the order in which QEMU sends them */
    uint64_t *present;    /* [chunk_count] as they were counted first */
    uint64_t counted_ns; /* and when */
    int code;            /* of the thread that looks */
    double cpu_s;
    pthread_t thread;
};

static double duration_of(const struct scan_request *request)
{
    return request->duration_s > 0 ? fmin(fmax(request->duration_s, SCAN_DIRTY_DURATION_MIN_S),
                                          SCAN_DIRTY_DURATION_MAX_S)
                                   : SCAN_DIRTY_DURATION_S;
}

/* --- what it may cost ------------------------------------------------------------------------- */

/* Pages of one look, that the bytes of a run allow. */
static uint64_t pages_by_bytes(const struct scan_request *request)
{
    double offsets[DIRTY_LOOKS_MOST], duration_s = duration_of(request);
    unsigned count = scan_pairs_schedule(duration_s, offsets);
    double bytes = request->max_rate_bytes > 0 ? (double)request->max_rate_bytes * duration_s
                                               : (double)SCAN_DIRTY_BYTES_MAX;

    return (uint64_t)fmin(bytes / count / SCAN_PAGE_BYTES, SCAN_SAMPLE_MAX);
}

static double cpu_share(const struct scan_request *request)
{
    return request->max_cpu > 0 ? request->max_cpu : SCAN_DIRTY_CPU;
}

/* Likewise its CPU time: the first look is over before it is known what one takes. */
static uint64_t pages_by_cpu(const struct scan_request *request)
{
    double offsets[DIRTY_LOOKS_MOST], duration_s = duration_of(request);
    unsigned count = scan_pairs_schedule(duration_s, offsets);
    double pages = cpu_share(request) * duration_s / count / PAGE_CPU_S;

    return (uint64_t)fmin(pages, SCAN_SAMPLE_MAX);
}

static uint64_t at_most(uint64_t pages, uint64_t most)
{
    return pages < most ? pages : most;
}

uint64_t scan_dirty_sample(const struct scan_request *request, uint64_t population)
{
    uint64_t want = request->sample_pages;

    if (want == 0) {
        want = population / LARGE_SHARE;
        want = want < SCAN_SAMPLE_DEFAULT       ? SCAN_SAMPLE_DEFAULT
               : want > SCAN_DIRTY_SAMPLE_LARGE ? SCAN_DIRTY_SAMPLE_LARGE
                                                : want;
    }
    want = at_most(want, at_most(pages_by_bytes(request), pages_by_cpu(request)));
    return want < SCAN_DIRTY_SAMPLE_MIN ? SCAN_DIRTY_SAMPLE_MIN : want;
}

static int by_place(const void *left, const void *right, void *arg)
{
    const struct scan_place *places = arg, *a = &places[*(const uint64_t *)left],
                            *b = &places[*(const uint64_t *)right];

    if (a->region != b->region)
        return a->region < b->region ? -1 : 1;
    return (a->address > b->address) - (a->address < b->address);
}

static int by_number(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

    return (a > b) - (a < b);
}

/* Draw from the sample again, so that it has @count pages, as evenly spread as before. */
static int thin_out(struct dirty_run *run, uint64_t count)
{
    struct scan_looks *looks = &run->looks;
    uint64_t *kept = malloc(count * sizeof(*kept)), *sorted = calloc(looks->count, sizeof(*sorted));
    struct scan_random random = {.state = scan_seed(run->job->request)};
    int n = kept == NULL || sorted == NULL ? -ENOMEM : 0;

    if (n == 0)
        n = scan_sample_spread(kept, count, looks->count, &random,
                               &run->job->env->progress->cancel);
    if (n == 0) {
        for (size_t i = 0; i < looks->count; i++)
            sorted[i] = i;
        qsort_r(sorted, looks->count, sizeof(*sorted), by_place, looks->places);
        for (uint64_t i = 0; i < count; i++)
            kept[i] = sorted[kept[i]];
        qsort(kept, count, sizeof(*kept), by_number);
        scan_looks_keep(looks, kept, (size_t)count);
    }
    free(kept);
    free(sorted);
    return n;
}

static size_t early_count(const struct scan_looks *looks)
{
    size_t count = 0;

    for (size_t i = 0; i < looks->count; i++)
        count += looks->places[i].is_early;
    return count;
}

/* Pages of the looks that are to come. */
static double pages_to_come(const struct dirty_run *run)
{
    unsigned early = run->next < run->full_from ? run->full_from - run->next : 0;

    return (double)early_count(&run->looks) * early +
           (double)run->looks.count * (run->count - run->next - early);
}

/*
 * A page of the looks that are to come takes as long as of this one, and what is there is counted
 * once more: when that is too much, fewer pages.
 */
static int keep_to_budget(struct dirty_run *run, double page_cpu_s, double spent_cpu_s)
{
    const struct scan_request *request = run->job->request;
    double left = cpu_share(request) * duration_of(request) - spent_cpu_s - run->count_cpu_s;
    double wanted = page_cpu_s * pages_to_come(run);
    double least = SCAN_DIRTY_SAMPLE_MIN;

    if (!(wanted > left) || run->looks.count <= SCAN_DIRTY_SAMPLE_MIN)
        return 0;
    return thin_out(run, (uint64_t)fmax((double)run->looks.count * left / wanted, least));
}

/* --- the looks -------------------------------------------------------------------------------- */

/* What the looks so far say goes into the report. */
static void fill_report(struct dirty_run *run)
{
    struct scan_report *report = run->job->report;
    struct scan_dirty *dirty = report->dirty;
    const struct scan_looks *looks = &run->looks;

    pthread_mutex_lock(&run->job->mutex);
    scan_pairs_fill(looks, &dirty->looks);
    scan_places_fill(looks, report->regions, run->first_page, report->pages_total,
                     dirty->looks.places);
    if (dirty->looks.pair_count == 0 && looks->looks > 1) /* there is no page to tell the time of */
        dirty->looks.duration_s = (double)(scan_now_ns() - looks->begin_ns) / 1e9;
    dirty->look_count = looks->looks;
    dirty->looks.population = report->estimate.population;
    dirty->looks.page_bytes_dirty = SCAN_PAGE_BYTES;
    dirty->lost = 0;
    for (size_t i = 0; looks->looks > 0 && i < looks->count; i++)
        dirty->lost += looks->time_us[(looks->looks - 1) * looks->room + i] == 0;
    pthread_mutex_unlock(&run->job->mutex);
}

static int wait_until(const struct scan_job *job, uint64_t until_ns)
{
    for (;;) {
        uint64_t now = scan_now_ns();
        if (scan_job_stops(job))
            return -ECANCELED;
        if (now >= until_ns)
            return 0;
        beacon_at(job->env->beacon, 0, BEACON_NOTHING);
        uint64_t left = until_ns - now < NAP_NS ? until_ns - now : NAP_NS;
        struct timespec ts = {.tv_nsec = (long)left};
        nanosleep(&ts, NULL);
    }
}

static uint64_t time_of(const struct dirty_run *run, unsigned i)
{
    return run->looks.begin_ns + (uint64_t)(run->offsets[i] * 1e9);
}

static int look_once(struct dirty_run *run, struct scan_lane *lane)
{
    struct scan_job *job = run->job;
    double before = scan_thread_cpu_s() + lane->children_cpu_s;

    bool only_early = run->next < run->full_from;
    size_t pages = only_early ? early_count(&run->looks) : run->looks.count;

    scan_void_note_activity(job, &run->activity);
    int n = scan_look(lane, &run->looks, only_early);
    if (n < 0)
        return n;
    double now = scan_thread_cpu_s() + lane->children_cpu_s;
    scan_job_merge(job, lane); /* pages that are read first are an estimate, too */
    scan_report_estimate(job->report);
    run->next++;
    while (run->next + 1 < run->count && time_of(run, run->next + 1) <= scan_now_ns())
        run->next++;
    return pages == 0
               ? 0
               : keep_to_budget(run, (now - before) / (double)pages, run->before_cpu_s + now);
}

static int look_again_and_again(struct dirty_run *run, struct scan_lane *lane)
{
    struct scan_job *job = run->job;
    struct scan_progress *progress = job->env->progress;
    size_t left = atomic_load(&job->left_count);
    int n = 0;

    run->looks.begin_ns = scan_now_ns();
    atomic_store(&progress->start_ns, run->looks.begin_ns);
    atomic_store(&progress->end_ns, time_of(run, run->count - 1));
    while (n == 0 && run->next < run->count) {
        n = wait_until(job, time_of(run, run->next));
        if (n == 0)
            n = look_once(run, lane);
        if (n == 0 && run->looks.looks == 1 && atomic_load(&job->left_count) != left) {
            run->is_again = true;
            return 0;
        }
        if (n < 0)
            return n; /* it says no more than before */
        fill_report(run);
        scan_job_publish(job);
        atomic_store(&progress->total_bytes, atomic_load(&progress->done_bytes) +
                                                 (uint64_t)pages_to_come(run) * SCAN_PAGE_BYTES);
    }
    return n;
}

/* A thread of its own, for its low priority cannot be taken back. */
static void *run_thread(void *arg)
{
    struct dirty_run *run = arg;
    struct scan_lane lane;

    setpriority(PRIO_PROCESS, 0, SCAN_POLITE_NICE); /* on Linux: of this thread */
    run->code = scan_lane_open(&lane, run->job);
    lane.child = run->job->readers->children[0];
    lane.polite = true;
    if (run->code == 0)
        run->code = look_again_and_again(run, &lane);
    scan_job_merge(run->job, &lane);
    run->cpu_s = scan_thread_cpu_s() + lane.children_cpu_s;
    scan_lane_close(&lane);
    return NULL;
}

static int look_in_thread(struct dirty_run *run)
{
    struct scan_job *job = run->job;

    scan_job_set_phase(job, SCAN_PHASE_LOOKS);
    if (pthread_create(&run->thread, NULL, run_thread, run) != 0)
        return -EAGAIN;
    pthread_join(run->thread, NULL);
    job->report->cost.cpu_s += run->cpu_s;
    return run->code;
}

/* --- before and after ------------------------------------------------------------------------- */

static int note_order(struct dirty_run *run)
{
    const struct scan_report *report = run->job->report;

    run->first_page = calloc(report->region_count + 1, sizeof(*run->first_page));
    return run->first_page == NULL
               ? -ENOMEM
               : scan_places_order(report->regions, report->region_count, run->first_page);
}

/* Where the pages are that were drawn. Those that went meanwhile are not of the sample. */
static int find_places(struct dirty_run *run)
{
    struct scan_job *job = run->job;
    size_t count = 0;
    int n = scan_job_draw(job);

    if (n < 0)
        return n;
    struct scan_place *places = calloc(job->sample_count + 1, sizeof(*places));
    if (places == NULL)
        return -ENOMEM;
    job->places = places;
    n = scan_job_pass(job);
    job->places = NULL;
    for (size_t i = 0; i < job->sample_count; i++)
        if (places[i].address != 0)
            places[count++] = places[i];
    free(job->sample);
    job->sample = NULL;
    scan_looks_done(&run->looks);
    struct scan_random random = {.state = scan_seed(job->request)};
    if (n == 0)
        n = scan_looks_choose_early(places, count, count < EARLY_PAGES ? count : EARLY_PAGES,
                                    &random, &job->env->progress->cancel);
    scan_looks_shuffle(places, count, &random);
    if (n == 0)
        n = scan_looks_open(&run->looks, places, count, run->count);
    if (n < 0)
        free(places);
    return n;
}

static int note_present(struct dirty_run *run)
{
    const struct scan_job *job = run->job;

    if (run->present == NULL)
        run->present = calloc(job->chunk_count + 1, sizeof(*run->present));
    if (run->present == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < job->chunk_count; i++)
        run->present[i] = job->seen[i].present;
    run->counted_ns = scan_now_ns();
    return 0;
}

static int begin(struct dirty_run *run)
{
    struct scan_job *job = run->job;

    scan_job_forget(job);
    job->report->estimate = (struct scan_estimate){.valid = false};
    job->report->dirty->looks.duration_s = 0;
    atomic_store(&job->huge_pages, 0);
    double before_s = job->report->cost.cpu_s;
    int n = scan_job_residency(job);
    run->count_cpu_s = job->report->cost.cpu_s - before_s;
    if (n == 0)
        n = note_present(run);
    job->report->dirty->huge_pages = atomic_load(&job->huge_pages);
    if (n == 0)
        n = find_places(run);
    if (n == 0 && getrandom(&run->looks.seed, sizeof(run->looks.seed), 0) < 0)
        n = -errno;
    if (n == 0)
        scan_job_publish(job);
    run->before_cpu_s = job->report->cost.cpu_s + scan_thread_cpu_s() - job->begin_cpu_s;
    return n;
}

/* Count once more what is there: what a chunk has more than before, got memory meanwhile. */
static int count_grown(struct dirty_run *run)
{
    struct scan_job *job = run->job;
    struct scan_dirty *dirty = job->report->dirty;
    uint64_t grown = 0;

    job->recount = true;
    int n = scan_job_pass(job);
    job->recount = false;
    double seconds = (double)(scan_now_ns() - run->counted_ns) / 1e9;
    for (size_t i = 0; n == 0 && i < job->chunk_count; i++)
        if (job->seen[i].present > run->present[i])
            grown += job->seen[i].present - run->present[i];
    dirty->grown_pages = grown;
    dirty->looks.newly_touched_per_s = seconds > 0 ? (double)grown / seconds : 0;
    return n;
}

/* The longest pair says most. */
static bool saw_change(const struct dirty_looks *looks)
{
    for (size_t i = 0; i < looks->pair_count; i++)
        if (looks->pairs[i].changed > 0)
            return true;
    return looks->newly_touched_per_s > 0;
}

/* Who is looked at in the end? */
static void note_identity(struct dirty_run *run)
{
    static const int voids[] = {
        [SCAN_VM_CLOSED] = SCAN_VOID_ENDED, [SCAN_VM_ANOTHER] = SCAN_VOID_REPLACED};
    struct scan_job *job = run->job;
    struct scan_identity now;

    scan_identity_read(job, &now);
    enum scan_same same = scan_identity_compare(
        &run->identity, &now,
        scan_busy_is_replaced(&run->activity.busy, job->env->root, job->request->vm.pid));
    if (same != SCAN_VM_SAME)
        scan_void_set(job, (enum scan_void)voids[same]);
}

static void judge(struct dirty_run *run, int code)
{
    struct scan_job *job = run->job;
    struct scan_dirty *dirty = job->report->dirty;

    dirty->changed_looks =
        scan_pairs_load_changed(&run->looks, LOAD_FROM_SHARE * dirty->looks.duration_s);
    if (dirty->changed_looks != 0) {
        dirty->looks.flags |= DIRTY_LOOKS_LOAD_CHANGED;
        scan_void_set(job, SCAN_VOID_LOAD_CHANGED);
    }
    if (scan_void_is_stopped(&run->activity) && !saw_change(&dirty->looks)) {
        dirty->looks.flags |= DIRTY_LOOKS_STOPPED;
        scan_void_set(job, SCAN_VOID_STOPPED);
    }
    /* Threads of several VMs in one process cannot be told apart. */
    if (job->request->process_vms <= 1)
        dirty->vcpu_busy = scan_busy_share(&run->activity.busy);
    if (code < 0)
        dirty->looks.flags |= DIRTY_LOOKS_CUT_SHORT;
    if (code == -ECANCELED)
        scan_void_set(job, SCAN_VOID_CUT_SHORT);
    if (code == -ESRCH)
        scan_void_set(job, SCAN_VOID_ENDED);
    else
        note_identity(run);
    if (job->request->vmm != NULL && strcmp(job->request->vmm, "qemu") != 0)
        scan_void_set(job, SCAN_VOID_OTHER_VMM);
}

int scan_dirty_run(struct scan_job *job)
{
    struct dirty_run run = {.job = job};
    int n;

    run.count = scan_pairs_schedule(duration_of(job->request), run.offsets);
    run.full_from = run.count > FULL_LOOKS ? run.count - FULL_LOOKS : 0;
    job->seen = calloc(job->chunk_count, sizeof(*job->seen));
    if (job->seen == NULL)
        return -ENOMEM;
    if (job->request->process_vms > 1 && !job->report->has_slots)
        scan_void_set(job, SCAN_VOID_SHARED);
    n = note_order(&run);
    scan_identity_read(job, &run.identity);
    if (n == 0)
        scan_void_note_migration(job);
    do {
        run.is_again = false;
        run.next = 0;
        if (n == 0)
            n = begin(&run);
        if (n == 0)
            n = look_in_thread(&run);
    } while (n == 0 && run.is_again);
    if (n == 0)
        n = count_grown(&run);
    if (n == 0)
        scan_void_note_migration(job);
    judge(&run, n);
    scan_busy_done(&run.activity.busy);
    scan_looks_done(&run.looks);
    free(run.present);
    free(run.first_page);
    return n;
}
