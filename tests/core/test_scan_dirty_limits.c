// SPDX-License-Identifier: MIT
/* What looks may cost, and that they end when they are told to, with all that works for them. */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/scan/scan.h"
#include "tests/lib/guest.h"
#include "tests/lib/scanning.h"

#define MIB  (1ull << 20)
#define PAGE 4096ull

static const struct minivm_range most_of_it[] = {
    {.bytes = 48 * MIB, .fill = MINIVM_FILL_ONE_BYTE, .offset = 100}};
static const struct guest_ram_config small = {
    .bytes = 64 * MIB, .ranges = most_of_it, .range_count = 1};
/* Every other page, so that to find out what is there takes a while. */
static const struct minivm_range every_other[] = {
    {.bytes = 1024 * MIB, .fill = MINIVM_FILL_ONE_BYTE, .stride = 2}};
static const struct guest_ram_config large = {
    .bytes = 16384 * MIB, .ranges = every_other, .range_count = 1};

static double now_s(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void nap_us(long us)
{
    struct timespec ts = {.tv_nsec = us * 1000};

    nanosleep(&ts, NULL);
}

static struct scan_request start(struct guest *guest, const struct guest_ram_config *config,
                                 double duration_s)
{
    assert_true(guest_start(guest, guest_ram, config));
    struct scan_request request = scanning_request(guest);
    request.mode = SCAN_DIRTY;
    request.duration_s = duration_s;
    request.ram[0] =
        (struct ram_range){guest->info->ram_start, guest->info->ram_start + guest->info->ram_bytes};
    request.ram_count = 1;
    return request;
}

/* --- limits ----------------------------------------------------------------------------------- */

static void a_rate_makes_the_sample_smaller(void **state)
{
    struct guest guest;
    struct scan_report *r;

    (void)state;
    struct scan_request request = start(&guest, &small, 0.8);
    request.max_rate_bytes = 20 * MIB;
    assert_int_equal(scanning_run(&request, &r), 0);
    assert_int_equal(r->dirty->looks.sampled, 16 * MIB / PAGE / 5); /* of 0, 0.1, 0.2, 0.4, 0.8 s */
    assert_int_equal(r->cost.bytes_read, r->dirty->looks.sampled * PAGE * r->dirty->look_count);
    assert_true((double)r->cost.bytes_read <= 0.8 * 20 * MIB);
    scan_report_free(r);
    request.max_rate_bytes = 1; /* so little that it would tell nothing */
    assert_int_equal(scanning_run(&request, &r), 0);
    assert_int_equal(r->dirty->looks.sampled, SCAN_DIRTY_SAMPLE_MIN);
    scan_report_free(r);
    guest_stop(&guest);
}

/* The pages that each look read are those of the sample then, and no others. */
static void expect_thinned(const struct scan_report *r)
{
    const struct dirty_looks *d = &r->dirty->looks;
    uint64_t first = r->estimate.sampled;

    assert_true(r->estimate.valid);
    assert_true(d->sampled <= first && d->sampled >= SCAN_DIRTY_SAMPLE_MIN);
    for (size_t i = 0; i < d->pair_count; i++) /* what was dropped is in no pair */
        assert_int_equal(d->pairs[i].sampled, d->sampled);
    assert_true(r->cost.bytes_read >= (first + d->sampled * (r->dirty->look_count - 1)) * PAGE);
    assert_true(r->cost.bytes_read <= first * r->dirty->look_count * PAGE);
}

/* CPU seconds; what one look takes on a busy host is not what the next one takes, so the best of 3.
 */
static double cost_with(struct scan_request *request, double share, bool is_whole)
{
    double best_s = INFINITY;

    request->max_cpu = share;
    for (int i = 0; i < 3; i++) {
        struct scan_report *r;
        assert_int_equal(scanning_run(request, &r), 0);
        expect_thinned(r);
        assert_true((r->estimate.sampled == r->estimate.population) == is_whole);
        print_message("  %.1f ms of %.1f, sample %llu\n", r->cost.cpu_s * 1e3,
                      share * request->duration_s * 1e3,
                      (unsigned long long)r->dirty->looks.sampled);
        best_s = fmin(best_s, r->cost.cpu_s);
        scan_report_free(r);
    }
    return best_s;
}

static void a_share_of_the_cpu_too(void **state)
{
    struct guest guest;

    (void)state;
    struct scan_request request = start(&guest, &small, 0.8);
    /* The first look is at 12,288 pages, if these may take 1.5 us each at five looks. */
    assert_true(cost_with(&request, 0.25, true) < 0.25 * 0.8);
    assert_true(cost_with(&request, 0.025, false) < 0.025 * 0.8 + 0.005);
    /* The fewest pages, regions, and two counts of what is there: in a slow build, too */
    assert_true(cost_with(&request, 0.001, false) < 0.025);
    guest_stop(&guest);
}

/* Short looks for short times: of a large sample only the last four looks are at all of it. */
static void first_looks_are_at_a_part_of_a_large_sample(void **state)
{
    static const struct minivm_range range[] = {
        {.bytes = 256 * MIB, .fill = MINIVM_FILL_ONE_BYTE, .offset = 100},
        {.start = 64 * MIB, .bytes = 64 * MIB, .fill = MINIVM_FILL_ZERO}};
    static const struct guest_ram_config config = {
        .bytes = 256 * MIB, .ranges = range, .range_count = 2};
    struct guest guest;
    struct scan_report *r;
    uint64_t placed = 0;

    (void)state;
    struct scan_request request = start(&guest, &config, 6.4); /* 0, 0.1, 0.2, 0.4 | 0.8 ... */
    request.sample_pages = 40000;
    request.max_cpu = 1;
    assert_int_equal(scanning_run(&request, &r), 0);
    const struct dirty_looks *d = &r->dirty->looks;
    assert_int_equal(d->sampled, 40000);
    assert_int_equal(r->dirty->lost, 0);
    /* When a look begins depends on the host; which of them are the early ones does not. */
    double last_early_s = -1, first_whole_s = INFINITY;
    unsigned whole = 2, whole_pairs = 0;
    for (size_t i = 0; i < d->pair_count; i++) {
        const struct dirty_pair *p = &d->pairs[i];
        assert_true(p->sampled == SCAN_SAMPLE_DEFAULT || p->sampled == 40000);
        if (p->sampled == 40000) {
            first_whole_s = fmin(first_whole_s, p->begin_s);
            whole_pairs++;
        } else {
            last_early_s = fmax(last_early_s, p->begin_s);
        }
        assert_int_equal(p->changed, 0);
    }
    assert_true(last_early_s >= 0 && last_early_s < first_whole_s && first_whole_s < 6.4);
    for (int i = 0; i < DIRTY_PLACES; i++)
        placed += d->places[i].sampled;
    assert_int_equal(placed, 40000);
    /* each page counts once in the estimate, when it is read first */
    assert_int_equal(r->estimate.sampled, 40000);
    assert_in_range(r->estimate.sampled_zero, 9900, 10100);
    assert_int_equal(d->zero_at_begin, r->estimate.sampled_zero);
    assert_int_equal(d->zero_at_end, r->estimate.sampled_zero);
    while (whole * (whole - 1) / 2 != whole_pairs) /* those that are late are left out */
        whole++;
    assert_in_range(r->cost.bytes_read, (uint64_t)whole * 40000 * PAGE,
                    ((uint64_t)4 * 40000 + 4 * SCAN_SAMPLE_DEFAULT) * PAGE);
    scan_report_free(r);
    guest_stop(&guest);
}

/* --- a cancel --------------------------------------------------------------------------------- */

struct moment {
    const char *name;
    enum scan_phase phase;
    uint64_t read_bytes; /* so much was read already */
    long then_us;
};

struct canceller {
    const struct moment *moment;
    struct scan_progress *progress;
    double at_s;
};

static void *cancel_then(void *arg)
{
    struct canceller *c = arg;
    const struct moment *m = c->moment;

    while (atomic_load(&c->progress->phase) < (int)m->phase || /* one may be over already */
           atomic_load(&c->progress->done_bytes) < m->read_bytes)
        nap_us(100);
    nap_us(m->then_us);
    c->at_s = now_s();
    atomic_store(&c->progress->cancel, true);
    return NULL;
}

/* How long it took to end. */
static double cancel_at(const struct scan_request *request, const struct moment *moment)
{
    struct scan_progress progress = {.phase = SCAN_PHASE_REGIONS};
    struct canceller canceller = {.moment = moment, .progress = &progress};
    struct rootfs root;
    struct scan_env env = {.root = &root, .progress = &progress};
    struct scan_report *report;
    pthread_t thread;

    assert_int_equal(rootfs_open(NULL, &root, NULL), 0);
    assert_int_equal(pthread_create(&thread, NULL, cancel_then, &canceller), 0);
    int n = scan_execute(&env, request, &report);
    double ended_s = now_s();
    pthread_join(thread, NULL);
    rootfs_close(&root);
    assert_int_equal(n, -ECANCELED);
    assert_int_equal(report->state, SCAN_CANCELLED);
    scan_report_free(report);
    return ended_s - canceller.at_s;
}

/* All of this process, of any of its threads. */
static unsigned count_children(void)
{
    char path[64], list[4096];
    unsigned count = 0;

    snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return 0;
    size_t n = fread(list, 1, sizeof(list) - 1, file);
    fclose(file);
    list[n] = '\0';
    for (const char *at = list; *at != '\0'; at++)
        count += *at == ' ';
    return count;
}

/* One that was killed ends when a busy host gives it a CPU for that. */
static void expect_children(unsigned expected)
{
    const double end_s = now_s() + 20;

    while (count_children() > expected && now_s() < end_s && waitpid(-1, NULL, WNOHANG) >= 0)
        nap_us(1000);
    assert_int_equal(count_children(), expected);
}

static void a_cancel_ends_any_phase_within_50_ms_and_all_who_read(void **state)
{
    static const struct moment moments[] = {
        {"finding regions", SCAN_PHASE_REGIONS, 0, 0},
        {"counting", SCAN_PHASE_RESIDENCY, 0, 500},
        {"the first look", SCAN_PHASE_LOOKS, 0, 2000},
        {"a look", SCAN_PHASE_LOOKS, 20 * MIB, 0},
        {"between looks", SCAN_PHASE_LOOKS, 64 * MIB, 300000},
    };
    struct guest guest;

    (void)state;
    struct scan_request request = start(&guest, &large, 60);
    unsigned children = count_children();
    for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
        double best_s = 1, worst_s = 0;
        for (int k = 0; k < 4; k++) {
            double took_s = cancel_at(&request, &moments[i]);
            best_s = fmin(best_s, took_s);
            worst_s = fmax(worst_s, took_s);
            expect_children(children);
        }
        print_message("  %s: %.1f to %.1f ms\n", moments[i].name, best_s * 1e3, worst_s * 1e3);
        assert_true(best_s < 0.05 && worst_s < 1); /* a host may be busy */
    }
    guest_stop(&guest);
}

static void nobody_who_reads_is_left_behind(void **state)
{
    struct guest guest;
    struct scan_report *r;

    (void)state;
    struct scan_request request = start(&guest, &small, 0.2);
    unsigned children = count_children();
    assert_true(children >= 1); /* the guest: they can be counted */
    assert_int_equal(scanning_run(&request, &r), 0);
    assert_true(r->cost.bytes_read > 0);
    expect_children(children);
    scan_report_free(r);
    guest_stop(&guest);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rate_makes_the_sample_smaller),
        cmocka_unit_test(a_share_of_the_cpu_too),
        cmocka_unit_test(first_looks_are_at_a_part_of_a_large_sample),
        cmocka_unit_test(a_cancel_ends_any_phase_within_50_ms_and_all_who_read),
        cmocka_unit_test(nobody_who_reads_is_left_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
