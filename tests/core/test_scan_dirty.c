// SPDX-License-Identifier: MIT
/*
 * Looks at a process that writes its memory at a rate that it counts itself.
 */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/scan/scan_worker.h"
#include "tests/lib/guest.h"
#include "tests/lib/scanning.h"

#define MIB  (1ull << 20)
#define PAGE 4096ull

enum pattern {
    IDLE,
    UNIFORM,    /* any page of the working set, at random */
    SEQUENTIAL, /* one after the other, and again from the first */
    TOUCH,      /* pages that were never touched, one after the other */
    ZERO_PAGES, /* writes into pages of zeros, likewise */
    VANISH,     /* after half a second, every other page is given back */
    LATE,       /* uniform, but nothing in the first second */
};

struct writer {
    uint64_t ram_bytes; /* all of it has memory but the last quarter */
    uint64_t set_bytes; /* what is written to, from the start on */
    double pages_per_s;
    enum pattern pattern;
    bool is_memfd;
};

static double now_s(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void nap_ms(long ms)
{
    struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    nanosleep(&ts, NULL);
}

struct writing {
    const struct writer *w;
    struct guest_info *info;
    unsigned char *ram;
};

/* info->extra: 0 pages written, 1 nanoseconds that took, so that a test knows the true rate. */
static void write_page(struct writing *w, uint64_t count, uint64_t random)
{
    uint64_t pages = w->w->set_bytes / PAGE, filled = w->w->ram_bytes / PAGE / 4 * 3;
    uint64_t page = w->w->pattern == UNIFORM || w->w->pattern == LATE ? (random >> 33) % pages
                    : w->w->pattern == TOUCH ? filled + count % (w->w->ram_bytes / PAGE / 4)
                                             : count % pages;

    count++;
    memcpy(w->ram + page * PAGE + 128, &count, sizeof(count));
}

static void *write_on(void *arg)
{
    struct writing *w = arg;
    uint64_t random = 1, count = 0;
    double begin = now_s();

    prctl(PR_SET_NAME, "writer");
    if (w->w->pattern == LATE) {
        nap_ms(1000);
        begin = now_s();
    }
    if (w->w->pattern == VANISH) {
        nap_ms(500);
        for (uint64_t at = 0; at < w->w->set_bytes; at += 2 * PAGE)
            madvise(w->ram + at, PAGE, MADV_DONTNEED);
        return NULL;
    }
    for (;;) {
        double passed = now_s() - begin;
        for (; (double)count < passed * w->w->pages_per_s; count++) {
            random = random * 6364136223846793005ull + 1442695040888963407ull;
            write_page(w, count, random);
        }
        w->info->extra[0] = count;
        w->info->extra[1] = (uint64_t)(passed * 1e9);
        nap_ms(1);
    }
    return NULL;
}

static void start_writer(struct guest_info *info, const void *arg)
{
    static struct writing writing;
    const struct writer *w = arg;
    int fd = w->is_memfd ? memfd_create("pc.ram", MFD_CLOEXEC) : -1;
    pthread_t thread;

    if (w->is_memfd && ftruncate(fd, (off_t)w->ram_bytes) < 0) {
        info->error = errno;
        return;
    }
    unsigned char *ram = mmap(NULL, w->ram_bytes, PROT_READ | PROT_WRITE,
                              w->is_memfd ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS, fd, 0);
    if (ram == MAP_FAILED) {
        info->error = errno;
        return;
    }
    madvise(ram, w->ram_bytes, MADV_NOHUGEPAGE);
    for (uint64_t at = 0; at < w->ram_bytes / 4 * 3; at += PAGE)
        ram[at] = w->pattern == ZERO_PAGES ? 0 : 1;
    info->ram_start = (uintptr_t)ram;
    info->ram_bytes = w->ram_bytes;
    writing = (struct writing){.w = w, .info = info, .ram = ram};
    if (w->pattern != IDLE && pthread_create(&thread, NULL, write_on, &writing) != 0)
        info->error = EAGAIN;
}

static struct scan_request looking(const struct guest *guest, double duration_s)
{
    struct scan_request request = scanning_request(guest);

    request.mode = SCAN_DIRTY;
    request.duration_s = duration_s;
    request.ram[0] =
        (struct ram_range){guest->info->ram_start, guest->info->ram_start + guest->info->ram_bytes};
    request.ram_count = 1;
    return request;
}

/* The caller frees it. */
static struct scan_report *look_at(const struct writer *w, double duration_s, struct guest *guest)
{
    struct scan_report *report;

    assert_true(guest_start(guest, start_writer, w));
    struct scan_request request = looking(guest, duration_s);
    assert_int_equal(scanning_run(&request, &report), 0);
    assert_int_equal(report->state, SCAN_DONE);
    assert_non_null(report->dirty);
    return report;
}

/* Of some runs the first with many looks: on a busy host those that are late are left out. */
static struct scan_report *look_often(const struct writer *w, double duration_s,
                                      struct guest *guest)
{
    struct scan_report *report = look_at(w, duration_s, guest);

    for (int i = 1; i < 10 && report->dirty->looks.pair_count < 6; i++) {
        scan_report_free(report);
        guest_stop(guest);
        report = look_at(w, duration_s, guest);
    }
    return report;
}

static double true_rate(const struct guest *guest)
{
    return (double)guest->info->extra[0] * 1e9 / (double)guest->info->extra[1];
}

static const struct dirty_pair *longest(const struct dirty_looks *d)
{
    const struct dirty_pair *found = &d->pairs[0];

    assert_true(d->pair_count > 0);
    for (size_t i = 0; i < d->pair_count; i++)
        if (d->pairs[i].seconds > found->seconds)
            found = &d->pairs[i];
    return found;
}

/*
 * Each pair against what is true: within 6 standard deviations of the sample, and 25 ms and 3 % of
 * the writer, which writes in bursts of a millisecond, or of many when the host is busy.
 */
static void expect_rates(const struct scan_report *report, const struct writer *w, double rate)
{
    const struct dirty_looks *d = &report->dirty->looks;
    double population = (double)w->ram_bytes / PAGE / 4 * 3, set = (double)w->set_bytes / PAGE;

    assert_true(d->population >= population && d->population <= population + 16);
    assert_true(d->pair_count >= 6);
    for (size_t i = 0; i < d->pair_count; i++) {
        const struct dirty_pair *p = &d->pairs[i];
        double seen = (double)p->changed / (double)p->sampled, bounds[2];
        for (int k = 0; k < 2; k++) {
            double sign = k == 0 ? -1 : 1;
            double written = rate * fmax(0, p->seconds * (1 + sign * 0.03) + sign * 0.025);
            double dirty =
                w->pattern == UNIFORM ? set * (1 - exp(-written / set)) : fmin(written, set);
            double share = dirty / population;
            bounds[k] = share + sign * 6 * sqrt((share + 2e-4) / (double)p->sampled);
        }
        if (seen < bounds[0] || seen > bounds[1])
            fail_msg("%.3f s from %.3f s: %.5f of the pages changed, not %.5f to %.5f", p->seconds,
                     p->begin_s, seen, bounds[0], bounds[1]);
    }
}

/* The last quarter of the RAM has no memory, and the writer writes at its beginning. */
static void expect_places(const struct dirty_looks *d, const struct writer *w)
{
    uint64_t part = w->ram_bytes / DIRTY_PLACES, sampled = 0, changed = 0;

    for (uint64_t i = 0; i < DIRTY_PLACES; i++) {
        const struct dirty_place *place = &d->places[i];
        bool is_written = i * part < w->set_bytes;
        bool is_filled = i < DIRTY_PLACES / 4 * 3;
        assert_true((place->sampled > 0) == is_filled);
        assert_true((place->changed > 0) == is_written);
        sampled += place->sampled;
        changed += place->changed;
    }
    assert_int_equal(sampled, longest(d)->sampled);
    assert_int_equal(changed, longest(d)->changed);
}

static void pages_that_are_written_are_counted_at_every_time(void **state)
{
    static const struct writer cases[] = {
        {64 * MIB, 32 * MIB, 3000, UNIFORM, false},
        {64 * MIB, 8 * MIB, 3000, SEQUENTIAL, false}, /* all of it is written in 0.7 s */
        {64 * MIB, 32 * MIB, 3000, UNIFORM, true},
        {16 * MIB, 1 * MIB, 100, UNIFORM, false}, /* the sample is all of it */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct guest guest;
        struct scan_report *r = look_often(&cases[i], 1.6, &guest);
        const struct dirty_looks *d = &r->dirty->looks;
        expect_rates(r, &cases[i], true_rate(&guest));
        expect_places(d, &cases[i]);
        assert_true(d->duration_s > 1); /* on a busy host each look may take long, and be late */
        assert_int_equal(r->dirty->voids & 1u << SCAN_VOID_STOPPED, 0);
        assert_int_equal(d->sampled,
                         d->population < SCAN_SAMPLE_DEFAULT ? d->population : SCAN_SAMPLE_DEFAULT);
        assert_int_equal(d->page_bytes_dirty, 4096);
        assert_true(r->estimate.valid && r->estimate.sampled_zero == 0);
        scan_report_free(r);
        guest_stop(&guest);
    }
}

static void who_sleeps_all_the_time_is_stopped(void **state)
{
    static const struct writer w = {16 * MIB, 0, 0, IDLE, false};
    struct guest guest;
    struct scan_report *r = look_at(&w, 0.4, &guest);

    (void)state;
    for (size_t i = 0; i < r->dirty->looks.pair_count; i++)
        assert_int_equal(r->dirty->looks.pairs[i].changed, 0);
    assert_int_equal(r->dirty->voids, 1u << SCAN_VOID_STOPPED);
    assert_int_equal(r->dirty->looks.flags, DIRTY_LOOKS_STOPPED);
    assert_true(scanning_warns(r, scan_void_text(SCAN_VOID_STOPPED)));
    scan_report_free(r);
    guest_stop(&guest);
}

static void new_memory_is_counted_by_residency(void **state)
{
    static const struct writer w = {128 * MIB, 0, 2000, TOUCH, false};
    struct guest guest;
    struct scan_report *r = look_at(&w, 0.8, &guest);
    double rate = true_rate(&guest), seen = r->dirty->looks.newly_touched_per_s;

    (void)state;
    assert_true(seen > 0.75 * rate && seen < 1.25 * rate);
    assert_true(r->dirty->grown_pages > 1000);
    assert_int_equal(longest(&r->dirty->looks)->changed, 0);
    assert_int_equal(r->dirty->voids & 1u << SCAN_VOID_STOPPED, 0);
    scan_report_free(r);
    guest_stop(&guest);
}

static void pages_of_zeros_that_are_written_are_seen(void **state)
{
    static const struct writer w = {32 * MIB, 24 * MIB, 2000, ZERO_PAGES, false};
    struct guest guest;
    struct scan_report *r = look_at(&w, 0.8, &guest);
    const struct dirty_looks *d = &r->dirty->looks;
    uint64_t written = d->zero_at_begin - d->zero_at_end;

    (void)state;
    assert_int_equal(d->sampled, d->population); /* few enough to be read all */
    assert_int_equal(written, longest(d)->changed);
    assert_in_range(written, 2000 * (longest(d)->seconds * 0.9 - 0.1),
                    2000 * (longest(d)->seconds * 1.1 + 0.1));
    scan_report_free(r);
    guest_stop(&guest);
}

static void pages_that_vanish_are_not_brought_back(void **state)
{
    static const struct writer w = {32 * MIB, 16 * MIB, 0, VANISH, false};
    const long half_kib = 8 * 1024; /* of the part that vanishes */
    struct guest guest;

    (void)state;
    assert_true(guest_start(&guest, start_writer, &w));
    long before_kib = guest_status(guest.pid, "RssAnon:");
    struct scan_request request = looking(&guest, 1.6);
    struct scan_report *r;
    assert_int_equal(scanning_run(&request, &r), 0);
    const struct dirty_looks *d = &r->dirty->looks;
    assert_int_equal(r->dirty->lost, half_kib / 4);
    assert_int_equal(longest(d)->sampled, d->sampled - r->dirty->lost);
    assert_int_equal(longest(d)->changed, 0);
    assert_in_range(guest_status(guest.pid, "RssAnon:"), before_kib - half_kib - 200,
                    before_kib - half_kib + 200);
    scan_report_free(r);
    guest_stop(&guest);
}

static void nothing_is_mapped_by_looking(void **state)
{
    static const bool memfd[] = {false, true};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const struct writer w = {64 * MIB, 0, 0, IDLE, memfd[i]};
        struct scan_report *r;
        struct guest guest;
        assert_true(guest_start(&guest, start_writer, &w));
        long rss = guest_status(guest.pid, "VmRSS:"), tables = guest_status(guest.pid, "VmPTE:");
        struct scan_request request = looking(&guest, 0.4);
        assert_int_equal(scanning_run(&request, &r), 0);
        assert_in_range(r->dirty->looks.sampled, 12000, 12300);
        /* A sanitizer's own memory grows in an idle process too; a page for each look would be
         * 48 MiB. */
        assert_in_range(guest_status(guest.pid, "VmRSS:"), rss, rss + 256);
        assert_int_equal(guest_status(guest.pid, "VmPTE:"), tables);
        scan_report_free(r);
        guest_stop(&guest);
    }
}

static void a_load_that_begins_meanwhile_is_said(void **state)
{
    static const struct writer w = {64 * MIB, 32 * MIB, 4000, LATE, false};
    struct guest guest;
    struct scan_report *r = look_at(&w, 1.6, &guest);

    (void)state;
    /* On a busy host looks are left out, perhaps all of the first second. */
    for (int i = 1; i < 10 && (r->dirty->looks.flags & DIRTY_LOOKS_LOAD_CHANGED) == 0; i++) {
        scan_report_free(r);
        guest_stop(&guest);
        r = look_at(&w, 1.6, &guest);
    }
    assert_true(r->dirty->looks.flags & DIRTY_LOOKS_LOAD_CHANGED);
    assert_true(r->dirty->changed_looks & 1u << (r->dirty->look_count - 1));
    assert_true(scanning_warns(r, scan_void_text(SCAN_VOID_LOAD_CHANGED)));
    scan_report_free(r);
    guest_stop(&guest);
}

/* --- ends that come early --------------------------------------------------------------------- */

struct later {
    double seconds;
    struct scan_progress *progress; /* NULL: kill */
    pid_t pid;
    double at_s;
};

static void *do_later(void *arg)
{
    struct later *l = arg;

    nap_ms((long)(l->seconds * 1000));
    l->at_s = now_s();
    if (l->progress != NULL)
        atomic_store(&l->progress->cancel, true);
    else
        kill(l->pid, SIGKILL);
    return NULL;
}

static int run_with(const struct scan_request *request, struct later *later,
                    struct scan_report **ret, double *ret_ended_s)
{
    struct scan_progress progress = {.cancel = false};
    struct rootfs root;
    struct scan_env env = {.root = &root, .progress = &progress};
    pthread_t thread;

    if (later->pid == 0)
        later->progress = &progress;
    assert_int_equal(rootfs_open(NULL, &root, NULL), 0);
    assert_int_equal(pthread_create(&thread, NULL, do_later, later), 0);
    int n = scan_execute(&env, request, ret);
    *ret_ended_s = now_s();
    pthread_join(thread, NULL);
    rootfs_close(&root);
    return n;
}

static void a_cancel_ends_it_within_50_ms_and_what_was_seen_stays(void **state)
{
    static const struct writer w = {256 * MIB, 128 * MIB, 3000, UNIFORM, false};
    static const double after_s[] = {0.3, 0.45, 0.512, 0.9};
    unsigned most_looks = 0;
    double best_s = 1;
    struct guest guest;

    (void)state;
    assert_true(guest_start(&guest, start_writer, &w));
    struct scan_request request = looking(&guest, 60);
    /* The best of some: on a busy host any of them may have had no CPU. */
    for (size_t i = 0; i < 24 && (i < 4 || best_s >= 0.05 || most_looks < 2); i++) {
        struct later later = {.seconds = after_s[i % 4]};
        struct scan_report *r;
        double ended_s;
        assert_int_equal(run_with(&request, &later, &r, &ended_s), -ECANCELED);
        best_s = fmin(best_s, ended_s - later.at_s);
        assert_true(ended_s - later.at_s < 5);
        assert_int_equal(r->state, SCAN_CANCELLED);
        unsigned looks = r->dirty->look_count;
        assert_int_equal(r->dirty->looks.pair_count, looks > 0 ? looks * (looks - 1) / 2 : 0);
        most_looks = looks > most_looks ? looks : most_looks;
        assert_true(r->dirty->looks.flags & DIRTY_LOOKS_CUT_SHORT);
        /* a writer that had no CPU between two looks cannot be told from one that stands still */
        assert_int_equal(r->dirty->voids & ~(1u << SCAN_VOID_STOPPED), 1u << SCAN_VOID_CUT_SHORT);
        assert_true(scanning_warns(r, scan_void_text(SCAN_VOID_CUT_SHORT)));
        scan_report_free(r);
    }
    print_message("  best: %.1f ms\n", best_s * 1e3);
    assert_true(best_s < 0.05 && most_looks >= 2);
    guest_stop(&guest);
}

static void a_vm_that_ends_meanwhile_is_no_stopped_one(void **state)
{
    static const struct writer w = {64 * MIB, 32 * MIB, 3000, UNIFORM, false};
    struct scan_report *r;
    struct guest guest;
    double ended_s;

    (void)state;
    for (int i = 0;; i++) {
        assert_true(guest_start(&guest, start_writer, &w));
        struct later later = {.seconds = 0.6, .pid = guest.pid};
        struct scan_request request = looking(&guest, 3.2);
        assert_int_equal(run_with(&request, &later, &r, &ended_s), -ESRCH);
        assert_int_equal(r->state, SCAN_FAILED);
        if (i == 9 || (r->dirty != NULL && r->dirty->look_count >= 1))
            break; /* on a busy host it may have ended before the first look */
        scan_report_free(r);
        guest_stop(&guest);
    }
    assert_int_equal(r->dirty->voids, 1u << SCAN_VOID_ENDED);
    assert_true(r->dirty->looks.flags & DIRTY_LOOKS_CUT_SHORT);
    assert_true(r->dirty->look_count >= 1);
    scan_report_free(r);
    guest_stop(&guest);
}

static void progress_knows_when_the_last_look_is_due(void **state)
{
    struct scan_progress p = {.done_bytes = 1000,
                              .total_bytes = 5000,
                              .start_ns = 1000000000,
                              .end_ns = 4000000000,
                              .phase = SCAN_PHASE_LOOKS};
    struct scan_worker_progress seen;

    (void)state;
    scan_worker_progress_of(&p, 2000000000, &seen);
    assert_int_equal(seen.phase, SCAN_PHASE_LOOKS);
    assert_true(seen.eta_s == 2);
    scan_worker_progress_of(&p, 5000000000, &seen);
    assert_true(seen.eta_s == 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_that_are_written_are_counted_at_every_time),
        cmocka_unit_test(who_sleeps_all_the_time_is_stopped),
        cmocka_unit_test(new_memory_is_counted_by_residency),
        cmocka_unit_test(pages_of_zeros_that_are_written_are_seen),
        cmocka_unit_test(pages_that_vanish_are_not_brought_back),
        cmocka_unit_test(nothing_is_mapped_by_looking),
        cmocka_unit_test(a_load_that_begins_meanwhile_is_said),
        cmocka_unit_test(a_cancel_ends_it_within_50_ms_and_what_was_seen_stays),
        cmocka_unit_test(a_vm_that_ends_meanwhile_is_no_stopped_one),
        cmocka_unit_test(progress_knows_when_the_last_look_is_due),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
