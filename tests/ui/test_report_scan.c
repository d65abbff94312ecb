// SPDX-License-Identifier: MIT
#include "ui/report/report_scan.h"

#include <errno.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The BIOS-only VM of 16 GiB that a person would see first. */
struct fixture {
    struct scan_region regions[2];
    char warnings[2][200];
    struct scan_report report;
};

static void make(struct fixture *f)
{
    *f = (struct fixture){
        .regions = {{.ram = {.start = 0x7f7d37e00000, .bytes = 17179869184ull,
                             .rule = "QEMU RAM block (dontfork)"}},
                    {.ram = {.start = 0x7f7d36c00000, .bytes = 16777216, .backing = RAM_SHMEM,
                             .skip = RAM_SKIP_UFFD, .name = "/memfd:x (deleted)",
                             .rule = "QEMU RAM block (dontfork)"}}},
        .warnings = {"first", "second"},
    };
    f->report = (struct scan_report){
        .state = SCAN_DONE,
        .mode = SCAN_EXACT,
        .vm = {.pid = 5164},
        .region_count = 2,
        .regions = f->regions,
        .pages_total = 4198610,
        .counts = {{[PAGE_UNTOUCHED] = 4185016, [PAGE_ZERO_CONTENT] = 13345, [PAGE_NONZERO] = 249}},
        .residency_done = true,
        .zero_known = true,
        .zero_ratio = 4198361.0 / 4198610,
        .wire = {.valid = true, .zero_pages = 4198361, .normal_pages = 249, .bytes = 38807145},
        .cost = {.elapsed_s = 0.009, .cpu_s = 0.008, .residency_s = 0.001, .bytes_read = 55681024,
                 .accel = "avx2", .threads = 1},
        .warning_count = 2,
        .warnings = f->warnings,
    };
}

static void make_estimate(struct fixture *f)
{
    make(f);
    f->report.mode = SCAN_ESTIMATE;
    f->report.zero_known = false;
    f->report.counts = (struct page_counts){{[PAGE_UNTOUCHED] = 4185016, [PAGE_UNREAD] = 13594}};
    f->report.estimate = (struct scan_estimate){.valid = true, .sampled = 1000, .sampled_zero = 981,
                                                .population = 13594, .zero_ratio = 0.99994,
                                                .ci95_low = 0.9999, .ci95_high = 0.99997};
}

static char *text_of(const struct fixture *f, bool unicode)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    assert_non_null(out);
    assert_int_equal(report_scan_text(&f->report, "vm16", "qemu", unicode, out), 0);
    fclose(out);
    return text;
}

static json_t *json_of(const struct fixture *f, const char *name)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    assert_non_null(out);
    assert_int_equal(report_scan_json(&f->report, name, out), 0);
    fclose(out);
    assert_int_equal(text[len - 1], '\n');
    assert_ptr_equal(strchr(text, '\n'), text + len - 1); /* one line */
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    free(text);
    return root;
}

static json_int_t integer(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    if (!json_is_integer(value))
        fail_msg("'%s' is no integer", key);
    return json_integer_value(value);
}

static void text_report_is_as_people_read_it(void **state)
{
    static const char want[] =
        "vm16 (5164, qemu)   16.0G   exact\n"
        "Zero       99.9941 %   4,198,361 of 4,198,610 pages\n"
        "  untouched               4,185,016      99.7 %  ##############################\n"
        "  zero page mapped                0       0.0 %\n"
        "  zero content               13,345       0.3 %  #  52.1M resident for nothing\n"
        "  not zero                      249    0.0059 %  #  996K resident\n"
        "On the wire 38,807,145 bytes (37.0M) = 249 x 4104 + 4,198,361 x 9;\n"
        "            310ms at 1 Gbit/s\n"
        "Cost       9.0ms (1.0ms to find regions and residency), 8.0ms CPU, 53.1M read at\n"
        "           7.0 GB/s, avx2, 1 thread\n"
        "Note       first\n"
        "           second\n"
        "Regions\n"
        "  7f7d37e00000   16.0G  anonymous  QEMU RAM block (dontfork)\n"
        "  7f7d36c00000   16.0M  shmem      QEMU RAM block (dontfork)  /memfd:x (deleted)  "
        "not readable: userfaultfd\n";
    struct fixture f;

    (void)state;
    make(&f);
    char *text = text_of(&f, false);
    assert_string_equal(text, want);
    free(text);
    text = text_of(&f, true);
    assert_non_null(strstr(text, "\xE2\x96\x88"));
    assert_null(strchr(text, '#'));
    free(text);
}

/* Where memslots are known: where the guest sees it, and what it may not write to. */
static void slots_are_told_of_each_region_that_has_one(void **state)
{
    struct fixture f;

    (void)state;
    make(&f);
    f.report.has_slots = true;
    f.report.regions[0].ram.rule = "memslot";
    f.report.regions[0].ram.has_gfn = true;
    f.report.regions[0].ram.gfn = 0x100000;
    f.report.regions[1].ram.is_rom = true;
    char *text = text_of(&f, false);
    assert_non_null(strstr(text, "  7f7d37e00000   16.0G  anonymous  memslot  gfn 100000\n"));
    assert_non_null(strstr(text, "  QEMU RAM block (dontfork)  rom  /memfd:x (deleted)"));
    free(text);
    json_t *root = json_of(&f, "vm16");
    json_t *regions = json_object_get(root, "regions");
    assert_int_equal(integer(json_array_get(regions, 0), "gfn"), 0x100000);
    assert_null(json_object_get(json_array_get(regions, 0), "rom"));
    assert_null(json_object_get(json_array_get(regions, 1), "gfn"));
    assert_true(json_is_true(json_object_get(json_array_get(regions, 1), "rom")));
    json_decref(root);
}

static void estimate_shows_its_interval_and_no_count_it_does_not_know(void **state)
{
    struct fixture f;

    (void)state;
    make_estimate(&f);
    char *text = text_of(&f, false);
    assert_non_null(strstr(text, "Zero about   99.9940 %   (95 %: 99.990 .. 99.9970)"));
    assert_non_null(strstr(text, "1,000 of 13,594 resident pages sampled"));
    assert_non_null(strstr(text, "  not read                   13,594"));
    assert_null(strstr(text, "zero content"));
    assert_null(strstr(text, "not zero"));
    free(text);
}

static void partial_report_is_labelled_and_gives_bounds(void **state)
{
    struct fixture f;

    (void)state;
    make(&f);
    f.report.state = SCAN_CANCELLED;
    f.report.partial = true;
    f.report.zero_known = false;
    f.report.wire.valid = false;
    f.report.zero_low = 0.25;
    f.report.zero_high = 0.75;
    char *text = text_of(&f, false);
    assert_non_null(strstr(text, "PARTIAL"));
    assert_non_null(strstr(text, "Zero       25.0 .. 75.0 %"));
    assert_null(strstr(text, "On the wire"));
    free(text);
    json_t *root = json_of(&f, "vm16");
    assert_true(json_is_true(json_object_get(root, "partial")));
    assert_true(json_is_null(json_object_get(root, "zero_ratio")));
    assert_true(json_is_null(json_object_get(root, "wire")));
    json_decref(root);
}

/* Rounding must never turn "nearly all" into "all", nor "hardly any" into "none". */
static void nearly_all_is_not_100_percent(void **state)
{
    struct fixture f;

    (void)state;
    make(&f);
    f.report.pages_total = 1ull << 40;
    f.report.counts.pages[PAGE_UNTOUCHED] = (1ull << 40) - 1;
    f.report.counts.pages[PAGE_ZERO_CONTENT] = 0;
    f.report.counts.pages[PAGE_NONZERO] = 1;
    f.report.zero_ratio = 1 - 1 / (double)(1ull << 40);
    char *text = text_of(&f, false);
    assert_null(strstr(text, "100"));
    assert_null(strstr(strstr(text, "not zero"), " 0.0 %"));
    free(text);
    f.report.counts = (struct page_counts){{[PAGE_UNTOUCHED] = 1ull << 40}};
    f.report.zero_ratio = 1;
    text = text_of(&f, false);
    assert_non_null(strstr(text, "Zero       100.0 %"));
    free(text);
}

static void json_has_every_field_and_its_pages_sum_to_total(void **state)
{
    static const char *const classes[] = {"untouched", "zero_mapped", "zero_content", "nonzero",
                                          "swapped", "unreadable"};
    struct fixture f;
    json_int_t sum = 0;

    (void)state;
    make(&f);
    json_t *root = json_of(&f, "vm16");
    assert_string_equal(json_string_value(json_object_get(root, "schema")), "kvmlens-scan/1");
    assert_string_equal(json_string_value(json_object_get(root, "name")), "vm16");
    assert_string_equal(json_string_value(json_object_get(root, "mode")), "exact");
    assert_int_equal(integer(root, "pid"), 5164);
    assert_int_equal(integer(root, "page_size"), 4096);
    json_t *pages = json_object_get(root, "pages");
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
        sum += integer(pages, classes[i]);
    assert_int_equal(sum, integer(pages, "total"));
    assert_null(json_object_get(pages, "unread"));
    assert_float_equal(json_real_value(json_object_get(root, "zero_ratio")), f.report.zero_ratio,
                       1e-9);
    assert_true(json_is_null(json_object_get(root, "estimate")));
    assert_int_equal(integer(json_object_get(root, "wire"), "bytes"), 38807145);
    assert_int_equal(integer(json_object_get(root, "wire"), "normal_pages"), 249);
    assert_int_equal(integer(json_object_get(root, "cost"), "bytes_read"), 55681024);
    json_t *regions = json_object_get(root, "regions");
    assert_int_equal(json_array_size(regions), 2);
    assert_int_equal(integer(json_array_get(regions, 0), "start"), 0x7f7d37e00000);
    assert_int_equal(integer(json_array_get(regions, 0), "bytes"), 17179869184);
    assert_string_equal(json_string_value(json_object_get(json_array_get(regions, 1), "backing")),
                        "shmem");
    assert_int_equal(json_array_size(json_object_get(root, "warnings")), 2);
    json_decref(root);
}

static void json_of_an_estimate_has_null_where_content_is_not_known(void **state)
{
    struct fixture f;

    (void)state;
    make_estimate(&f);
    json_t *root = json_of(&f, "vm16");
    json_t *pages = json_object_get(root, "pages");
    assert_true(json_is_null(json_object_get(pages, "zero_content")));
    assert_true(json_is_null(json_object_get(pages, "nonzero")));
    assert_true(json_is_null(json_object_get(root, "zero_ratio")));
    assert_int_equal(integer(pages, "unread") + integer(pages, "untouched"),
                     integer(pages, "total"));
    json_t *estimate = json_object_get(root, "estimate");
    assert_int_equal(integer(estimate, "sampled"), 1000);
    assert_float_equal(json_real_value(json_object_get(estimate, "ci95_low")), 0.9999, 1e-12);
    assert_float_equal(json_real_value(json_object_get(estimate, "ci95_high")), 0.99997, 1e-12);
    json_decref(root);
}

static void json_of_any_name_is_valid(void **state)
{
    struct fixture f;

    (void)state;
    make(&f);
    json_decref(json_of(&f, "\xFF\x01\"\\\n\xE2\x80\xAE\xC0\x80"));
    f.report.pages_total = 0;
    f.report.region_count = 0;
    f.report.state = SCAN_REFUSED;
    f.report.error = (struct error){.code = -EPERM, .msg = "no \xFF"};
    json_t *root = json_of(&f, "");
    assert_string_equal(json_string_value(json_object_get(root, "state")), "refused");
    assert_non_null(json_object_get(root, "error"));
    json_decref(root);
    char *text = text_of(&f, true);
    assert_string_equal(text, "");
    free(text);
}

static void output_that_cannot_be_written_is_an_error(void **state)
{
    struct fixture f;
    FILE *out = fopen("/dev/full", "w");

    (void)state;
    make(&f);
    assert_non_null(out);
    assert_true(report_scan_text(&f.report, "vm16", "qemu", true, out) < 0);
    assert_true(report_scan_json(&f.report, "vm16", out) < 0);
    fclose(out);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_report_is_as_people_read_it),
        cmocka_unit_test(slots_are_told_of_each_region_that_has_one),
        cmocka_unit_test(estimate_shows_its_interval_and_no_count_it_does_not_know),
        cmocka_unit_test(partial_report_is_labelled_and_gives_bounds),
        cmocka_unit_test(nearly_all_is_not_100_percent),
        cmocka_unit_test(json_has_every_field_and_its_pages_sum_to_total),
        cmocka_unit_test(json_of_an_estimate_has_null_where_content_is_not_known),
        cmocka_unit_test(json_of_any_name_is_valid),
        cmocka_unit_test(output_that_cannot_be_written_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
