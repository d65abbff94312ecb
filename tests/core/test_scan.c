// SPDX-License-Identifier: MIT
/*
 * Scans of real processes whose memory is known page by page. No /dev/kvm is needed: RAM is RAM.
 */
#include "core/scan/scan.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "accel/cpu.h"
#include "tests/lib/guest.h"
#include "tests/lib/scanning.h"

#define MIB (1ull << 20)
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define POOL_PAGES 64

static uint64_t pages_of(const struct scan_report *report, enum page_class page_class)
{
    return report->counts.pages[page_class];
}

static uint64_t zero_pages(const struct scan_report *report)
{
    return pages_of(report, PAGE_UNTOUCHED) + pages_of(report, PAGE_ZERO_MAPPED) +
           pages_of(report, PAGE_ZERO_CONTENT);
}

/* What must hold of any report, whatever it found. */
static void check_sums(const struct scan_report *report)
{
    struct page_counts regions = {{0}}, slices = {{0}};
    uint64_t total = 0;

    for (int k = 0; k < PAGE_CLASS_COUNT; k++) {
        total += report->counts.pages[k];
        for (size_t i = 0; i < report->region_count; i++)
            regions.pages[k] += report->regions[i].counts.pages[k];
        for (size_t i = 0; i < report->slice_count; i++)
            slices.pages[k] += report->slices[i].pages[k];
        assert_int_equal(regions.pages[k], report->counts.pages[k]);
        if (report->state == SCAN_DONE)
            assert_int_equal(slices.pages[k], report->counts.pages[k]);
    }
    assert_int_equal(total, report->pages_total);
    assert_true(report->zero_low <= report->zero_high);
}

/* A mix of everything, holes of all sizes included. */
static const struct minivm_range mix_ranges[] = {
    {.start = 0, .bytes = 4 * MIB, .fill = MINIVM_FILL_MIX},
    {.start = 6 * MIB, .bytes = 1 * MIB, .fill = MINIVM_FILL_READ},
    {.start = 8 * MIB, .bytes = 8 * MIB, .fill = MINIVM_FILL_MIX, .stride = 3},
    {.start = 16 * MIB, .bytes = 1 * MIB, .fill = MINIVM_FILL_ONE_BYTE, .offset = 4095},
    {.start = 17 * MIB, .bytes = 1 * MIB, .fill = MINIVM_FILL_ONE_BYTE, .offset = 0, .stride = 2},
    {.start = 24 * MIB, .bytes = 2 * MIB, .fill = MINIVM_FILL_ZERO},
    {.start = 30 * MIB, .bytes = 2 * MIB, .fill = MINIVM_FILL_NONZERO},
    {.start = 63 * MIB, .bytes = 4096, .fill = MINIVM_FILL_NONZERO},
};

struct backing_case {
    const char *name;
    enum minivm_backing backing;
    enum ram_backing seen;
    bool exact_classes; /* huge pages make untouched pages resident: then only sums are known */
};
static const struct backing_case backings[] = {
    {"private anonymous", MINIVM_ANON, RAM_ANON, true},
    {"private anonymous, huge pages", MINIVM_ANON_THP, RAM_ANON, false},
    {"memfd", MINIVM_MEMFD, RAM_SHMEM, true},
    {"hugetlbfs", MINIVM_HUGETLB, RAM_HUGETLB, false},
};

/* False, with the reason printed, when this host has no such memory. */
static bool start_backing(struct guest *guest, const struct backing_case *c, uint64_t bytes,
                          uint64_t seed)
{
    struct guest_ram_config config = {.backing = c->backing, .bytes = bytes, .ranges = mix_ranges,
                                      .range_count = ARRAY_LEN(mix_ranges), .seed = seed};

    if (guest_start(guest, guest_ram, &config))
        return true;
    print_message("  skipped: no %s memory here: %s\n", c->name, strerror(guest->info->error));
    assert_int_equal(c->backing, MINIVM_HUGETLB); /* the others are everywhere */
    return false;
}

static void check_counts(const struct scan_report *report, const struct minivm_pages *want,
                         bool exact_classes)
{
    assert_int_equal(report->state, SCAN_DONE);
    assert_true(report->zero_known);
    assert_false(report->partial);
    assert_int_equal(report->pages_total, want->total);
    assert_int_equal(pages_of(report, PAGE_NONZERO), want->nonzero);
    assert_int_equal(zero_pages(report), want->total - want->nonzero);
    if (exact_classes) {
        assert_int_equal(pages_of(report, PAGE_UNTOUCHED), want->untouched);
        assert_int_equal(pages_of(report, PAGE_ZERO_MAPPED), want->zero_mapped);
        assert_int_equal(pages_of(report, PAGE_ZERO_CONTENT), want->zero_content);
        assert_int_equal(report->cost.bytes_read, (want->nonzero + want->zero_content) * 4096);
    }
    assert_int_equal(report->wire.bytes,
                     want->nonzero * 4104 + (want->total - want->nonzero) * 9);
    check_sums(report);
}

/* In a fixture, so that a test that fails gives the huge pages back as well. */
static int pool_setup(void **state)
{
    *state = guest_hugepages(POOL_PAGES) ? state : NULL;
    return 0;
}

static int pool_teardown(void **state)
{
    if (*state != NULL)
        guest_hugepages(-POOL_PAGES);
    return 0;
}

static void every_page_of_every_kind_of_memory_is_counted_right(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(backings); i++) {
        for (uint64_t seed = 1; seed <= 3; seed++) {
            struct guest guest;
            struct scan_report *report;
            if (!start_backing(&guest, &backings[i], 64 * MIB, seed))
                continue;
            struct scan_request request = scanning_request(&guest);
            request.threads = (unsigned)seed;
            request.estimate_first = seed == 2;
            assert_int_equal(scanning_run(&request, &report), 0);
            print_message("  %s: %llu of %llu pages not zero\n", backings[i].name,
                          (unsigned long long)pages_of(report, PAGE_NONZERO),
                          (unsigned long long)report->pages_total);
            assert_int_equal(report->region_count, 1);
            assert_int_equal(report->regions[0].ram.backing, backings[i].seen);
            if (seed != 2)
                check_counts(report, &guest.info->pages, backings[i].exact_classes);
            else
                assert_int_equal(pages_of(report, PAGE_NONZERO), guest.info->pages.nonzero);
            guest_stop(&guest);
            scan_report_free(report);
        }
    }
}

static void every_implementation_counts_the_same(void **state)
{
    struct guest guest;
    unsigned flags = cpu_detect();

    (void)state;
    assert_true(start_backing(&guest, &backings[0], 64 * MIB, 9));
    for (const struct zeropage_impl *impl = zeropage_impls; impl->name != NULL; impl++) {
        struct scan_request request = scanning_request(&guest);
        struct scan_report *report;
        if ((impl->need & flags) != impl->need)
            continue;
        request.accel = impl;
        assert_int_equal(scanning_run(&request, &report), 0);
        assert_string_equal(report->cost.accel, impl->name);
        check_counts(report, &guest.info->pages, true);
        scan_report_free(report);
    }
    guest_stop(&guest);
}

/* All that a scan could change in its target. */
struct traces {
    long rss, anon, shmem, pte;
    long long blocks;
};

static struct traces traces_of(const struct guest *guest)
{
    struct traces t = {
        .rss = guest_status(guest->pid, "VmRSS:"),
        .anon = guest_status(guest->pid, "RssAnon:"),
        .shmem = guest_status(guest->pid, "RssShmem:"),
        .pte = guest_status(guest->pid, "VmPTE:"),
        .blocks = -1,
    };
    char path[64];
    struct stat st;

    snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)guest->pid, guest->info->memfd);
    if (guest->info->memfd >= 0 && stat(path, &st) == 0)
        t.blocks = (long long)st.st_blocks;
    return t;
}

/* The pool is the host's: other tests may use it, so a scan is given several chances. */
static void check_free_hugepages(const struct guest *guest)
{
    struct scan_request request = scanning_request(guest);
    bool same = false;

    for (int i = 0; i < 10 && !same; i++) {
        struct scan_report *report;
        long before = guest_hugepages_free();
        assert_int_equal(scanning_run(&request, &report), 0);
        scan_report_free(report);
        same = guest_hugepages_free() == before;
    }
    assert_true(same);
}

static void scan_leaves_no_trace_in_its_target(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(backings); i++) {
        struct guest guest;
        if (!start_backing(&guest, &backings[i], 64 * MIB, 4))
            continue;
        struct traces before = traces_of(&guest);
        assert_true(before.rss > 0 && before.pte > 0);
        for (int mode = 0; mode < 3; mode++) {
            struct scan_request request = scanning_request(&guest);
            struct scan_report *report;
            request.mode = mode == 1 ? SCAN_ESTIMATE : SCAN_EXACT;
            request.estimate_first = mode == 2;
            request.threads = 2;
            assert_int_equal(scanning_run(&request, &report), 0);
            scan_report_free(report);
            struct traces after = traces_of(&guest);
            assert_memory_equal(&before, &after, sizeof(before));
        }
        check_free_hugepages(&guest);
        guest_stop(&guest);
    }
}

/* Pages that the VMM's page table has lost, but the memfd has not: a peer wrote them. */
static void unmap_shared(struct guest_info *info, const void *arg)
{
    guest_ram(info, arg);
    if (info->error == 0)
        madvise((void *)(uintptr_t)info->ram_start, info->ram_bytes, MADV_DONTNEED);
}

static void pages_in_no_page_table_are_found_in_the_file(void **state)
{
    (void)state;
    for (size_t i = 2; i < 4; i++) {
        struct guest_ram_config config = {.backing = backings[i].backing, .bytes = 64 * MIB,
                                          .ranges = mix_ranges,
                                          .range_count = ARRAY_LEN(mix_ranges), .seed = 5};
        struct guest guest;
        struct scan_report *report;
        if (!guest_start(&guest, unmap_shared, &config)) {
            print_message("  skipped: no %s memory here\n", backings[i].name);
            continue;
        }
        struct scan_request request = scanning_request(&guest);
        struct traces before = traces_of(&guest);
        assert_int_equal(scanning_run(&request, &report), 0);
        check_counts(report, &guest.info->pages, backings[i].exact_classes);
        scan_report_free(report);
        struct traces after = traces_of(&guest);
        assert_memory_equal(&before, &after, sizeof(before));
        guest_stop(&guest);
    }
}

static void estimate_interval_covers_the_truth(void **state)
{
    enum { RUNS = 200, SAMPLE = 1500 };
    struct guest guest;
    unsigned covered = 0;

    (void)state;
    assert_true(start_backing(&guest, &backings[0], 64 * MIB, 6));
    double truth = 1 - (double)guest.info->pages.nonzero / (double)guest.info->pages.total;
    for (unsigned run = 0; run < RUNS; run++) {
        struct scan_request request = scanning_request(&guest);
        struct scan_report *report;
        request.mode = SCAN_ESTIMATE;
        request.sample_pages = SAMPLE;
        request.seed = 1000 + run;
        assert_int_equal(scanning_run(&request, &report), 0);
        const struct scan_estimate *e = &report->estimate;
        assert_true(e->valid);
        assert_int_equal(e->sampled, SAMPLE);
        assert_int_equal(report->cost.bytes_read, SAMPLE * 4096);
        assert_true(e->ci95_low <= e->zero_ratio && e->zero_ratio <= e->ci95_high);
        assert_false(report->zero_known);
        covered += e->ci95_low <= truth && truth <= e->ci95_high;
        check_sums(report);
        scan_report_free(report);
    }
    print_message("  interval of 95 %% covered the truth in %u of %u runs\n", covered, RUNS);
    /* Three standard deviations below 95 %: what is drawn depends on what the kernel maps. */
    assert_true(covered >= RUNS * 90 / 100);
    guest_stop(&guest);
}

static void estimate_of_fewer_pages_than_asked_is_exact(void **state)
{
    struct guest guest;
    struct scan_report *report;

    (void)state;
    assert_true(start_backing(&guest, &backings[2], 64 * MIB, 7));
    struct scan_request request = scanning_request(&guest);
    request.mode = SCAN_ESTIMATE;
    assert_int_equal(scanning_run(&request, &report), 0);
    const struct minivm_pages *pages = &guest.info->pages;
    double truth = 1 - (double)pages->nonzero / (double)pages->total;
    assert_int_equal(report->estimate.sampled, pages->nonzero + pages->zero_content);
    assert_float_equal(report->estimate.zero_ratio, truth, 1e-12);
    assert_float_equal(report->estimate.ci95_low, report->estimate.ci95_high, 1e-12);
    assert_int_equal(report->wire.normal_pages, pages->nonzero);
    scan_report_free(report);
    guest_stop(&guest);
}

/* With that of the processes which read for it, and have ended. */
static double cpu_now_s(void)
{
    struct timespec own;
    struct rusage children;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &own);
    getrusage(RUSAGE_CHILDREN, &children);
    return (double)own.tv_sec + (double)own.tv_nsec / 1e9 +
           (double)(children.ru_utime.tv_sec + children.ru_stime.tv_sec) +
           (double)(children.ru_utime.tv_usec + children.ru_stime.tv_usec) / 1e6;
}

/* For regions the kernel walks all page tables of the target: that is work of the scan. */
static void cpu_time_of_finding_regions_is_in_the_cost(void **state)
{
    static const struct minivm_range all = {.start = 0, .bytes = 256 * MIB,
                                            .fill = MINIVM_FILL_NONZERO};
    struct guest_ram_config config = {.backing = MINIVM_ANON, .bytes = 256 * MIB, .ranges = &all,
                                      .range_count = 1};
    struct guest guest;
    struct scan_report *report;

    (void)state;
    assert_true(guest_start(&guest, guest_ram, &config));
    struct scan_request request = scanning_request(&guest);
    request.mode = SCAN_ESTIMATE;
    request.sample_pages = 1;
    double before_s = cpu_now_s();
    assert_int_equal(scanning_run(&request, &report), 0);
    double all_s = cpu_now_s() - before_s;
    print_message("  %.2f ms of CPU time, %.2f in the cost\n", all_s * 1e3,
                  report->cost.cpu_s * 1e3);
    assert_true(report->cost.cpu_s <= all_s && report->cost.cpu_s > 0.4 * all_s);
    scan_report_free(report);
    guest_stop(&guest);
}

static void empty_guest_is_all_zero_and_read_not_at_all(void **state)
{
    struct guest_ram_config config = {.backing = MINIVM_ANON, .bytes = 64 * MIB};

    (void)state;
    for (int mode = SCAN_EXACT; mode <= SCAN_ESTIMATE; mode++) {
        struct guest guest;
        struct scan_report *report;
        assert_true(guest_start(&guest, guest_ram, &config));
        struct scan_request request = scanning_request(&guest);
        request.mode = (enum scan_mode)mode;
        assert_int_equal(scanning_run(&request, &report), 0);
        assert_int_equal(pages_of(report, PAGE_UNTOUCHED), report->pages_total);
        assert_int_equal(report->cost.bytes_read, 0);
        assert_int_equal(report->wire.bytes, report->pages_total * 9);
        scan_report_free(report);
        guest_stop(&guest);
    }
}

/* The intervals of two tables of statistics, and the ends that the usual interval gets wrong. */
static void wilson_interval_is_that_of_the_textbook(void **state)
{
    static const struct { uint64_t hits, n; double low, high; } cases[] = {
        {0, 10, 0, 0.2775}, {10, 10, 0.7225, 1}, {5, 10, 0.2366, 0.7634},
        {81, 263, 0.2553, 0.3662}, {15, 148, 0.0624, 0.1605}, {0, 0, 0, 1},
    };
    double low, high;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        scan_wilson(cases[i].hits, cases[i].n, 1ull << 50, &low, &high);
        assert_float_equal(low, cases[i].low, 1e-4);
        assert_float_equal(high, cases[i].high, 1e-4);
    }
    /* the whole population: no doubt is left; half of it: less doubt than of a small part */
    scan_wilson(5, 10, 10, &low, &high);
    assert_float_equal(low, 0.5, 1e-12);
    assert_float_equal(high, 0.5, 1e-12);
    scan_wilson(5, 10, 20, &low, &high);
    assert_true(low > 0.2366 && high < 0.7634);
}

#define WITH_POOL(name) cmocka_unit_test_setup_teardown(name, pool_setup, pool_teardown)

/* Who only looks does not want all of it read. Limits beyond any clock: no time decides here. */
static void reading_all_is_left_out_where_it_would_take_longer(void **state)
{
    static const struct {
        double limit_s;
        enum scan_mode mode;
    } cases[] = {{1e-12, SCAN_ESTIMATE}, {1e12, SCAN_EXACT}, {0, SCAN_EXACT}};
    struct guest guest;

    (void)state;
    assert_true(start_backing(&guest, &backings[0], 64 * MIB, 4));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct scan_request request = scanning_request(&guest);
        struct scan_report *report;
        request.estimate_first = true;
        request.sample_pages = 64;
        request.exact_limit_s = cases[i].limit_s;
        assert_int_equal(scanning_run(&request, &report), 0);
        bool estimate = cases[i].mode == SCAN_ESTIMATE;
        assert_int_equal(report->state, SCAN_DONE);
        assert_int_equal(report->mode, cases[i].mode);
        assert_int_equal(report->zero_known, !estimate);
        assert_true(report->residency_done && report->estimate.valid && report->wire.valid);
        assert_true(report->estimate.bytes_per_s > 0);
        assert_true(scan_exact_seconds(report) > 0);
        assert_int_equal(pages_of(report, PAGE_UNREAD), estimate ? report->estimate.population : 0);
        if (estimate)
            assert_int_equal(report->cost.bytes_read, 64 * SCAN_PAGE_BYTES);
        else
            assert_true(report->cost.bytes_read >= report->estimate.population * SCAN_PAGE_BYTES);
        scan_report_free(report);
    }
    guest_stop(&guest);
}

static void the_time_of_reading_all_follows_from_the_sample(void **state)
{
    struct scan_report r = {.estimate = {.population = 1000000, .bytes_per_s = 4096e6}};

    (void)state;
    assert_true(scan_exact_seconds(&r) < 0); /* nobody knows how much there is */
    r.residency_done = true;
    assert_true(scan_exact_seconds(&r) == 1.0);
    r.estimate.bytes_per_s = 0;
    assert_true(scan_exact_seconds(&r) < 0);
    r.estimate.population = 0;
    assert_true(scan_exact_seconds(&r) == 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading_all_is_left_out_where_it_would_take_longer),
        cmocka_unit_test(the_time_of_reading_all_follows_from_the_sample),
        WITH_POOL(every_page_of_every_kind_of_memory_is_counted_right),
        cmocka_unit_test(every_implementation_counts_the_same),
        WITH_POOL(scan_leaves_no_trace_in_its_target),
        WITH_POOL(pages_in_no_page_table_are_found_in_the_file),
        cmocka_unit_test(estimate_interval_covers_the_truth),
        cmocka_unit_test(estimate_of_fewer_pages_than_asked_is_exact),
        cmocka_unit_test(cpu_time_of_finding_regions_is_in_the_cost),
        cmocka_unit_test(empty_guest_is_all_zero_and_read_not_at_all),
        cmocka_unit_test(wilson_interval_is_that_of_the_textbook),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
