// SPDX-License-Identifier: MIT
#include "ui/app/scan_pool.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#define GRACE_NS    500000000u /* for scans that were asked to end */
#define PROGRESS_NS 200000000u

struct place {
    struct scan_link *link;
    size_t index; /* of its request */
    bool is_busy;
    struct scan_report *newest; /* for one that has to be given up; or NULL */
};

struct scan_pool {
    struct supervisor *supervisor;
    struct place places[SCAN_POOL_SIDE_BY_SIDE];
};

/* One run of the pool. */
struct pool_run {
    struct scan_pool *pool;
    const struct scan_pool_work *work;
    size_t places; /* in use */
    size_t next;   /* request */
    size_t under_way, done;
    int why; /* all is to end for this; 0: it goes on */
    uint64_t grace_ends_ns, shown_ns;
};

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

struct scan_pool *scan_pool_open(struct supervisor *supervisor)
{
    struct scan_pool *pool = calloc(1, sizeof(*pool));

    if (pool != NULL)
        pool->supervisor = supervisor;
    return pool;
}

void scan_pool_close(struct scan_pool *pool)
{
    if (pool == NULL)
        return;
    for (size_t i = 0; i < SCAN_POOL_SIDE_BY_SIDE; i++) {
        scan_report_free(pool->places[i].newest);
        scan_link_close(pool->places[i].link);
    }
    free(pool);
}

/* --- one place -------------------------------------------------------------------------------- */

static double seconds_of(const struct scan_request *request)
{
    return request->duration_s > 0 ? request->duration_s : SCAN_DIRTY_DURATION_S;
}

/* One alone has limits of its own, which are these or tighter. */
static void take_share(struct scan_request *request, double places)
{
    double seconds = seconds_of(request);
    double rate = (double)request->max_rate_bytes;

    if (rate == 0)
        rate = fmin(SCAN_POOL_RATE, (double)SCAN_DIRTY_BYTES_MAX * places / seconds);
    request->max_rate_bytes = (uint64_t)(rate / places) + 1;
    request->max_cpu = SCAN_POOL_CPU / places;
}

static int begin(struct pool_run *run, struct place *place, struct error *err)
{
    struct scan_request request = run->work->requests[run->next];

    if (place->link == NULL)
        place->link = scan_link_open(run->pool->supervisor);
    if (place->link == NULL)
        return error_set(err, -ENOMEM, "out of memory");
    if (run->places > 1)
        take_share(&request, (double)run->places);
    int result = scan_link_submit(place->link, &request, err);
    if (result < 0)
        return result;
    place->index = run->next++;
    place->is_busy = true;
    run->under_way++;
    return 0;
}

static void end(struct pool_run *run, struct place *place, struct scan_report *report)
{
    scan_report_free(place->newest);
    place->newest = NULL;
    place->is_busy = false;
    run->under_way--;
    run->done++;
    run->work->done(run->work->ctx, place->index, report);
}

static void look(struct pool_run *run, struct place *place)
{
    scan_link_look(place->link);
    struct scan_report *peek = scan_link_peek(place->link);
    if (peek != NULL) {
        scan_report_free(place->newest);
        place->newest = peek;
    }
    struct scan_report *report = scan_link_take(place->link);
    if (report != NULL)
        end(run, place, report);
}

/* What it had is what there is. */
static void give_up(struct pool_run *run, struct place *place)
{
    struct error why = {.code = -ETIMEDOUT, .msg = "the look at this VM did not end in time"};

    scan_link_give_up(place->link, &why);
    struct scan_report *report = scan_link_take(place->link);
    if (place->newest != NULL) {
        scan_report_free(report);
        report = place->newest;
        place->newest = NULL;
        report->state = SCAN_CANCELLED;
    }
    end(run, place, report);
}

/* --- all of them ------------------------------------------------------------------------------ */

static void for_busy(struct pool_run *run, void (*act)(struct pool_run *, struct place *))
{
    for (size_t i = 0; i < run->places; i++)
        if (run->pool->places[i].is_busy)
            act(run, &run->pool->places[i]);
}

static void cancel(struct pool_run *run, struct place *place)
{
    (void)run;
    scan_link_cancel(place->link);
}

static void ask_to_end(struct pool_run *run, int why)
{
    run->why = why;
    run->grace_ends_ns = now_ns() + GRACE_NS;
    for_busy(run, cancel);
}

static bool may_begin(const struct pool_run *run)
{
    uint64_t until = run->work->begin_until_ns;

    return run->why == 0 && run->next < run->work->count && (until == 0 || now_ns() < until);
}

/* A scanner that cannot be had is no reason to stop while others work: its VM waits. */
static int fill_places(struct pool_run *run, struct error *err)
{
    for (size_t i = 0; i < run->places && may_begin(run); i++) {
        struct place *place = &run->pool->places[i];
        int result = place->is_busy ? 0 : begin(run, place, err);
        if (result < 0)
            return run->under_way > 0 ? 0 : result;
    }
    return 0;
}

static void tell(struct pool_run *run)
{
    struct scan_pool_progress p = {run->done, run->under_way, run->work->count, -1,
                                   SCAN_PHASE_LOOKS};
    double longest = 0;

    for (size_t i = 0; i < run->places; i++) {
        const struct place *place = &run->pool->places[i];
        if (!place->is_busy)
            continue;
        struct scan_worker_progress of = scan_link_progress(place->link);
        if (of.phase < p.phase)
            p.phase = of.phase;
        longest = of.eta_s > longest ? of.eta_s : longest;
    }
    size_t waves = (p.total - p.done - p.under_way + run->places - 1) / run->places;
    if (longest > 0 && run->work->count > 0)
        p.eta_s = longest + (double)waves * seconds_of(run->work->requests);
    run->work->progress(run->work->ctx, &p);
}

/* True: there is something to be read from stop_fd. */
static bool wait_a_little(struct pool_run *run)
{
    struct pollfd fds[SCAN_POOL_SIDE_BY_SIDE + 1];
    bool listens = run->why == 0 || run->work->reads_signals;
    size_t count = 0;

    fds[count++] = (struct pollfd){listens ? run->work->stop_fd : -1, POLLIN, 0};
    for (size_t i = 0; i < run->places; i++) {
        const struct place *place = &run->pool->places[i];
        if (place->is_busy)
            fds[count++] = (struct pollfd){scan_link_fd(place->link), POLLIN, 0};
    }
    if (poll(fds, (nfds_t)count, SCAN_LINK_LOOK_MS) < 0)
        return false; /* EINTR: a stopped and continued process */
    return fds[0].revents != 0;
}

static void heed_signal(struct pool_run *run)
{
    struct signalfd_siginfo info;

    if (run->work->reads_signals && read(run->work->stop_fd, &info, sizeof(info)) <= 0)
        return;
    if (run->why == 0)
        ask_to_end(run, -EINTR);
    else
        for_busy(run, give_up);
}

static void heed_time(struct pool_run *run)
{
    uint64_t now = now_ns(), deadline = run->work->deadline_ns;

    if (run->why == 0 && deadline != 0 && now >= deadline)
        ask_to_end(run, -ETIME);
    else if (run->why != 0 && now >= run->grace_ends_ns)
        for_busy(run, give_up);
    if (run->work->progress != NULL && now - run->shown_ns > PROGRESS_NS) {
        tell(run);
        run->shown_ns = now;
    }
}

int scan_pool_run(struct scan_pool *pool, const struct scan_pool_work *work, struct error *err)
{
    struct pool_run run = {.pool = pool, .work = work, .shown_ns = now_ns()};
    int result;

    size_t most = work->places > 0 && work->places < SCAN_POOL_SIDE_BY_SIDE
                      ? work->places
                      : SCAN_POOL_SIDE_BY_SIDE;
    run.places = work->count < most ? work->count : most;
    while ((result = fill_places(&run, err)) == 0 && run.under_way > 0) {
        if (wait_a_little(&run))
            heed_signal(&run);
        for_busy(&run, look);
        heed_time(&run);
    }
    if (result < 0)
        return result;
    return run.why != 0 ? run.why : run.done < work->count ? -ETIME : 0;
}
