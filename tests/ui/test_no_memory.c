// SPDX-License-Identifier: MIT
/*
 * When memory is short: each allocation of a record fails once, and the record is complete or is
 * said to be missing. malloc and its family are this program's own, for jansson and libc as well.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/rootfs.h"
#include "core/find/host_check.h"
#include "core/source/sampler.h"
#include "tests/lib/exits_fake.h"
#include "tests/lib/two_vms.h"
#include "ui/app/batch.h"
#include "ui/app/doctor.h"
#include "ui/app/exit_status.h"
#include "ui/app/export.h"
#include "ui/report/list.h"
#include "ui/report/report.h"
#include "ui/report/report_scan.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OWN_MALLOC 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                        \
    __has_feature(memory_sanitizer)
#define OWN_MALLOC 0
#endif
#endif
#if !defined(OWN_MALLOC) && defined(__GLIBC__)
#define OWN_MALLOC 1
#endif

#if OWN_MALLOC

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *p, size_t size);

static struct {
    bool armed;
    size_t count, fail_at; /* allocations since it was armed; 0: none fails */
} memory;

static bool fails(void)
{
    return memory.armed && ++memory.count == memory.fail_at;
}

void *malloc(size_t size)
{
    if (!fails())
        return __libc_malloc(size);
    errno = ENOMEM;
    return NULL;
}

void *calloc(size_t count, size_t size)
{
    if (!fails())
        return __libc_calloc(count, size);
    errno = ENOMEM;
    return NULL;
}

void *realloc(void *p, size_t size)
{
    if (!fails())
        return __libc_realloc(p, size);
    errno = ENOMEM;
    return NULL;
}

static void arm(size_t fail_at)
{
    memory.count = 0;
    memory.fail_at = fail_at;
    memory.armed = true;
}

static size_t disarm(void)
{
    memory.armed = false;
    return memory.count;
}

/*
 * Something that makes a text, or an error without one. What it needs beside @arg it makes itself,
 * as a failure may leave it half-done.
 */
typedef int make_text(void *arg, char **ret);

/* Calls @make once for each of its allocations, which then fails. */
static void every_failure_is_told(const char *what, make_text *make, void *arg)
{
    char *whole = NULL;
    size_t told = 0;

    arm(0);
    int r = make(arg, &whole);
    size_t count = disarm();
    assert_int_equal(r, 0);
    assert_non_null(whole);
    assert_true(count > 0);
    for (size_t k = 1; k <= count; k++) {
        char *text = NULL;
        arm(k);
        r = make(arg, &text);
        disarm();
        if (r == 0 && (text == NULL || strcmp(text, whole) != 0))
            fail_msg("%s: allocation %zu of %zu failed, and a part is missing without a word:\n%s",
                     what, k, count, text != NULL ? text : "(nothing)");
        if (r != 0)
            assert_null(text);
        told += r != 0;
        free(text);
    }
    print_message("%s: %zu allocations, %zu failures told\n", what, count, told);
    free(whole);
}

struct reported {
    const struct snapshot *base, *s;
    struct report report;
};

static int make_record(void *arg, char **ret)
{
    const struct reported *a = arg;
    struct report report = a->report;
    size_t len;

    return report_make(&report, a->base, a->s, ret, &len);
}

static void a_record_is_complete_or_an_error(void **state)
{
    static const struct filter all = {.vm_fd = -1};
    static const struct {
        const char *format;
        bool stream, wide, per_vcpu, exit_histograms, csv_safe;
    } cases[] = {
        {.format = "text"},
        {.format = "text", .stream = true},
        {.format = "json", .stream = true},
        {.format = "csv", .stream = true},
        {.format = "csv", .csv_safe = true},
        {.format = "csv", .stream = true, .wide = true},
        {.format = "prometheus", .per_vcpu = true},
        {.format = "prometheus", .stream = true, .exit_histograms = true},
        {.format = "openmetrics", .per_vcpu = true},
    };
    struct two_vms *t = two_vms_new();
    struct snapshot *first = two_vms_first(t), *s = two_vms_second(t);

    (void)state;
    s->exits = exits_fake(s, EXITS_FAKE_SVM);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct reported a = {.base = first, .s = s};
        a.report = (struct report){.format = report_format_find(cases[i].format),
                                   .filter = &all,
                                   .stream = cases[i].stream,
                                   .wide = cases[i].wide,
                                   .per_vcpu = cases[i].per_vcpu,
                                   .exit_histograms = cases[i].exit_histograms,
                                   .csv_safe = cases[i].csv_safe,
                                   .fresh = true};
        every_failure_is_told(cases[i].format, make_record, &a);
    }
    snapshot_free(first);
    snapshot_free(s);
    two_vms_free(t);
}

/* A row under the header of a log that is there already: comparing them takes memory, too. */
static void a_header_that_could_not_be_compared_is_no_other_header(void **state)
{
    static const struct filter all = {.vm_fd = -1};
    struct two_vms *t = two_vms_new();
    struct snapshot *first = two_vms_first(t), *s = two_vms_second(t);
    struct reported a = {.base = first, .s = s};

    (void)state;
    a.report = (struct report){
        .format = &report_csv,
        .filter = &all,
        .stream = true,
        .joins = true,
        .header = "time,pid,vm_fd,vm,vcpu,field,bucket,kind,unit,exponent,value,rate,state,cause,"
                  "cause_id",
    };
    every_failure_is_told("csv that joins a log", make_record, &a);
    snapshot_free(first);
    snapshot_free(s);
    two_vms_free(t);
}

/* --- what prints on standard output --- */

/* @print prints on a FILE that is there, as standard output is. */
static int printed(int (*print)(void *arg, FILE *out), void *arg, char **ret)
{
    static char text[1 << 16];

    memory.armed = false;
    memset(text, 0, sizeof(text));
    FILE *out = fmemopen(text, sizeof(text), "w");
    assert_non_null(out);
    memory.armed = true;
    int r = print(arg, out);
    memory.armed = false;
    fclose(out);
    *ret = r == 0 ? strdup(text) : NULL;
    return r;
}

static int print_list(void *arg, FILE *out)
{
    static const struct filter all = {.vm_fd = -1};

    return list_run(arg, &all, true, out);
}

static int make_list(void *arg, char **ret)
{
    return printed(print_list, arg, ret);
}

static int print_doctor(void *arg, FILE *out)
{
    static const struct host host;
    int r = doctor_run(arg, &host, true, true, out);

    return r == STATUS_PARTIAL ? 0 : r;
}

/* A check that found no memory says so in its finding, and the others go on. */
static int make_doctor(void *arg, char **ret)
{
    int r = printed(print_doctor, arg, ret);

    if (r == 0 && strstr(*ret, "Cannot allocate memory") == NULL)
        return 0;
    free(*ret);
    *ret = NULL;
    return r < 0 ? r : -ENOMEM;
}

static void a_list_is_complete_or_an_error(void **state)
{
    struct two_vms *t = two_vms_new();
    struct snapshot *s = two_vms_second(t);

    (void)state;
    every_failure_is_told("list", make_list, s);
    snapshot_free(s);
    two_vms_free(t);
}

static void the_doctor_is_complete_or_an_error(void **state)
{
    struct rootfs root;

    (void)state;
    assert_int_equal(rootfs_open("tests/data/roots/no-debugfs", &root, NULL), 0);
    every_failure_is_told("doctor", make_doctor, &root);
    rootfs_close(&root);
}

static int print_scan(void *arg, FILE *out)
{
    return report_scan_json(arg, "vm16", out);
}

static int make_scan(void *arg, char **ret)
{
    return printed(print_scan, arg, ret);
}

static void the_report_of_a_scan_is_complete_or_an_error(void **state)
{
    struct scan_region region = {.ram = {.start = 4096, .bytes = 8192, .rule = "named"}};
    char warnings[1][200] = {"something"};
    struct scan_report report = {
        .state = SCAN_DONE,
        .vm = {.pid = 5164},
        .region_count = 1,
        .regions = &region,
        .pages_total = 2,
        .counts = {{[PAGE_ZERO_CONTENT] = 1, [PAGE_NONZERO] = 1}},
        .residency_done = true,
        .zero_known = true,
        .zero_ratio = 0.5,
        .estimate = {.valid = true, .sampled = 2, .zero_ratio = 0.5},
        .wire = {.valid = true, .zero_pages = 1, .normal_pages = 1, .bytes = 4113},
        .cost = {.accel = "avx2", .threads = 1},
        .warning_count = 1,
        .warnings = warnings,
    };

    (void)state;
    every_failure_is_told("scan", make_scan, &report);
}

/* --- files --- */

static int make_export(void *arg, char **ret)
{
    char path[] = "/tmp/kvmlens-export-XXXXXX", text[1 << 16] = "";
    struct error err;

    memory.armed = false;
    assert_non_null(mkdtemp(path));
    char file[sizeof(path) + 2];
    snprintf(file, sizeof(file), "%s/x", path);
    memory.armed = true;
    int r = export_json(arg, file, &err);
    memory.armed = false;
    FILE *in = fopen(file, "r");
    assert_int_equal(in != NULL, r == 0); /* nothing is left of one that failed */
    if (in != NULL) {
        assert_true(fread(text, 1, sizeof(text) - 1, in) > 0);
        fclose(in);
        unlink(file);
        *ret = strdup(text);
    }
    rmdir(path);
    return r;
}

static void an_exported_snapshot_is_complete_or_an_error(void **state)
{
    struct two_vms *t = two_vms_new();
    struct snapshot *s = two_vms_second(t);

    (void)state;
    every_failure_is_told("export", make_export, s);
    snapshot_free(s);
    two_vms_free(t);
}

/* --- a whole run --- */

static int tick(void *vms, int stop_fd, struct snapshot **ret, struct error *err)
{
    (void)stop_fd;
    bool armed = memory.armed;

    (void)err;
    memory.armed = false;
    *ret = two_vms_second(vms);
    memory.armed = armed;
    return 0;
}

/* Runs batch with its @fail_at-th allocation failing. *@ret_count: how many there were. */
static int run_batch(const char *format, size_t fail_at, char *text, size_t size, struct error *err,
                     size_t *ret_count)
{
    struct two_vms *vms = two_vms_new();
    FILE *file = tmpfile(), *diag = fopen("/dev/null", "w");
    struct options o = {.mode = MODE_ONCE, .format = format, .delay_s = 0.1, .per_vcpu = true};
    struct output out;

    assert_true(file != NULL && diag != NULL);
    output_fd(&out, fileno(file));
    struct batch_env env = {tick, vms, &out, diag, NULL, NULL};
    *err = (struct error){0};
    arm(fail_at);
    int status = batch_run_env(&env, &o, err);
    *ret_count = disarm();
    rewind(file);
    text[fread(text, 1, size - 1, file)] = '\0';
    fclose(file);
    fclose(diag);
    two_vms_free(vms);
    return status;
}

static void a_run_without_memory_fails_with_a_sentence_and_prints_nothing(void **state)
{
    static const struct {
        const char *format;
        size_t step; /* json waits a tenth of a second for its second sample */
    } cases[] = {{"prometheus", 1}, {"openmetrics", 1}, {"json", 37}};
    static char whole[1 << 16], text[1 << 16];
    struct error err;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t count, ignored, failed = 0;
        assert_int_equal(run_batch(cases[i].format, 0, whole, sizeof(whole), &err, &count),
                         STATUS_PARTIAL);
        for (size_t k = 1; k <= count; k += cases[i].step) {
            int status = run_batch(cases[i].format, k, text, sizeof(text), &err, &ignored);
            if (status == STATUS_PARTIAL) {
                assert_string_equal(text, whole);
                continue;
            }
            assert_int_equal(status, STATUS_FAILED);
            assert_string_equal(text, "");
            assert_non_null(strstr(err.msg, "memory"));
            failed++;
        }
        assert_true(failed > 0);
    }
}

/* --- finding and reading VMs --- */

/* Two ticks on a saved host; *@ret_sampler owns what *@ret borrows. The error, or 0. */
static int sample_twice(const struct rootfs *root, struct sampler **ret_sampler,
                        struct snapshot **ret, struct error *err)
{
    struct sampler_config config = {.root = root, .sources = SOURCES_ALL};
    struct snapshot *first = NULL;

    *ret = NULL;
    *ret_sampler = NULL;
    *err = (struct error){0};
    int r = sampler_open(&config, ret_sampler, err);
    if (r == 0)
        r = sampler_tick(*ret_sampler, &first, err);
    if (r == 0)
        r = sampler_tick(*ret_sampler, ret, err);
    snapshot_free(first);
    return r;
}

/* Each number of @n is that of @whole, or is missing with a cause. */
static void assert_nothing_wrong(const struct snapshot *n, const struct snapshot *whole, size_t k)
{
    if (n->vm_count != whole->vm_count)
        fail_msg("allocation %zu failed, and %zu of %zu VMs are there without a word", k,
                 n->vm_count, whole->vm_count);
    for (size_t i = 0; i < whole->vm_count; i++) {
        const struct snapshot_vm *vm = &n->vms[i], *other = &whole->vms[i];
        /* Its name may be that of its command, as when the command line cannot be read. */
        if (vm->vcpu_count != other->vcpu_count)
            fail_msg("allocation %zu failed: VM %zu has %zu vCPUs", k, i, vm->vcpu_count);
        for (size_t f = 0; f < whole->field_count; f++) {
            const char *name = whole->fields->fields[f].name;
            struct reading r = snapshot_vm_value(n, vm, name).reading;
            struct reading expected = snapshot_vm_value(whole, other, name).reading;
            if (r.state == READING_OK ? r.raw != expected.raw : r.cause == CAUSE_NONE)
                fail_msg("allocation %zu failed: %s is %llu, state %s, not %llu", k, name,
                         (unsigned long long)r.raw, reading_state_name(r.state),
                         (unsigned long long)expected.raw);
        }
    }
}

static void a_sample_has_no_wrong_number_or_is_an_error(void **state)
{
    struct rootfs root;
    struct sampler *sampler, *other;
    struct snapshot *whole, *n;
    struct error err;
    size_t failed = 0;

    (void)state;
    assert_int_equal(rootfs_open("tests/data/roots/lockdown-qemu10", &root, NULL), 0);
    int fd = rootfs_openat(&root, "proc", O_DIRECTORY);
    if (fd == -ENOSYS) {
        print_message("skipped: this emulator lacks openat2\n");
        rootfs_close(&root);
        return;
    }
    close(fd);
    arm(0);
    assert_int_equal(sample_twice(&root, &sampler, &whole, &err), 0);
    size_t count = disarm();
    assert_true(whole->vm_count > 0);
    for (size_t k = 1; k <= count; k++) {
        arm(k);
        int r = sample_twice(&root, &other, &n, &err);
        disarm();
        if (r == 0)
            assert_nothing_wrong(n, whole, k);
        failed += r != 0;
        snapshot_free(n);
        sampler_close(other);
    }
    print_message("two ticks: %zu allocations, %zu failures told\n", count, failed);
    assert_true(failed > 0);
    snapshot_free(whole);
    sampler_close(sampler);
    rootfs_close(&root);
}

#define TESTS                                                                                      \
    TEST(a_record_is_complete_or_an_error),                                                        \
        TEST(a_header_that_could_not_be_compared_is_no_other_header),                              \
        TEST(a_list_is_complete_or_an_error), TEST(the_doctor_is_complete_or_an_error),            \
        TEST(the_report_of_a_scan_is_complete_or_an_error),                                        \
        TEST(an_exported_snapshot_is_complete_or_an_error),                                        \
        TEST(a_run_without_memory_fails_with_a_sentence_and_prints_nothing),                       \
        TEST(a_sample_has_no_wrong_number_or_is_an_error),
#else
#define TESTS
#endif

static void needs_a_malloc_of_its_own(void **state)
{
    (void)state;
#if !OWN_MALLOC
    print_message("skipped: a sanitizer or another C library has the allocator\n");
    skip();
#endif
}

#define TEST(f) cmocka_unit_test(f)

int main(void)
{
    const struct CMUnitTest tests[] = {TESTS TEST(needs_a_malloc_of_its_own)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
