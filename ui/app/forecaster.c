// SPDX-License-Identifier: MIT
#include "ui/app/forecaster.h"

#include <errno.h>
#include <time.h>

static uint64_t now_ns(void *ctx)
{
    struct timespec t;

    (void)ctx;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int take(void *ctx, const struct scan_request *requests, size_t count, uint64_t deadline_ns,
                void *done_ctx, void (*done)(void *done_ctx, size_t index, struct scan_report *))
{
    struct forecaster *f = ctx;
    uint64_t duration_ns = (uint64_t)(requests[0].duration_s * 1e9);
    struct scan_pool *pool = scan_pool_open(f->supervisor);
    const struct scan_pool_work work = {
        .requests = requests,
        .count = count,
        .places = FORECASTER_SIDE_BY_SIDE,
        .ctx = done_ctx,
        .done = done,
        .stop_fd = f->stop_fd,
        .deadline_ns = deadline_ns,
        /* One that cannot come to its end is for the next time. */
        .begin_until_ns = deadline_ns > duration_ns ? deadline_ns - duration_ns : 1,
    };

    if (pool == NULL)
        return -ENOMEM;
    int result = scan_pool_run(pool, &work, NULL);
    scan_pool_close(pool);
    return result;
}

void forecaster_init(struct forecaster *f, struct supervisor *supervisor, int stop_fd)
{
    *f = (struct forecaster){.supervisor = supervisor, .stop_fd = stop_fd};
}

struct kept_forecasts_taker forecaster_taker(struct forecaster *f)
{
    return (struct kept_forecasts_taker){.ctx = f, .now_ns = now_ns, .take = take};
}
