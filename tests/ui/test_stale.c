// SPDX-License-Identifier: MIT
/* What reports and screens say of a VM that was not read this time. */
#include <jansson.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/screen_dump.h"
#include "tests/lib/two_vms.h"
#include "ui/report/partial.h"
#include "ui/report/report.h"
#include "ui/state/columns.h"
#include "ui/view/view.h"

static struct world {
    struct two_vms *vms;
    struct snapshot *now;
    struct filter filter;
} w;

/* vm16 was read a second ago, or, where it is @young, never; the other VM now. */
static void skip_first(bool young)
{
    struct sample *before = two_vms_sample(w.vms, 0), *s = two_vms_sample(w.vms, 1);

    s->vms[0].skipped = true;
    s->vms[0].skip_cause = CAUSE_SLOW;
    if (young)
        before->vms[0].id.born = 77;
    sample_follow(before, s);
    if (young) {
        memset(s->vms[0].entity.time_ns, 0, sizeof(s->vms[0].entity.time_ns));
        for (size_t k = 0; k < s->vms[0].vcpu_count; k++)
            memset(s->vms[0].vcpus[k].entity.time_ns, 0, sizeof(s->vms[0].vcpus[k].entity.time_ns));
    }
    w.now = two_vms_second(w.vms);
    assert_non_null(w.now);
}

static int setup(void **state)
{
    struct error err;

    memset(&w, 0, sizeof(w));
    w.vms = two_vms_new();
    *state = &w;
    return filter_open(&(struct filter_choice){0}, &w.filter, &err);
}

static int teardown(void **state)
{
    (void)state;
    snapshot_free(w.now);
    two_vms_free(w.vms);
    filter_close(&w.filter);
    return 0;
}

static void json_tells_the_age_of_what_was_not_read(void **state)
{
    json_error_t why;
    const char *key;
    json_t *value;

    (void)state;
    skip_first(false);
    char *text = report_json_record(w.now, &w.filter);
    json_t *record = json_loads(text, JSON_DECODE_INT_AS_REAL, &why),
           *vms = json_object_get(record, "vms");
    json_t *stale = json_array_get(vms, 0), *fresh = json_array_get(vms, 1);

    double age = json_real_value(json_object_get(stale, "stale_s"));
    assert_true(age > 0.9 && age < 1.1);
    assert_null(json_object_get(fresh, "stale_s"));
    assert_int_equal(json_object_size(json_object_get(stale, "counters")), 0);
    assert_int_equal(json_object_size(json_object_get(stale, "rates")), 0);
    assert_int_equal(json_object_size(json_object_get(stale, "histograms")), 0);
    assert_null(json_object_get(stale, "cpu_ratio"));
    assert_null(json_object_get(stale, "interval_s"));
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(stale, "missing"), "exits")),
        "slow-process");
    json_object_foreach(json_object_get(stale, "missing"), key, value)
        assert_string_not_equal(json_string_value(value), "stale");
    json_t *vcpu = json_array_get(json_object_get(stale, "vcpus"), 0);
    assert_int_equal(json_object_size(json_object_get(vcpu, "counters")), 0);
    assert_non_null(json_object_get(json_object_get(record, "causes"), "slow-process"));
    assert_true(json_object_size(json_object_get(fresh, "counters")) > 0);
    json_decref(record);
    free(text);
}

static void a_skipped_vm_counts_as_not_read(void **state)
{
    static struct partial partial;

    (void)state;
    skip_first(false);
    memset(&partial, 0, sizeof(partial));
    assert_true(partial_count(&w.filter, w.now, &partial));
    assert_int_equal(partial.causes[CAUSE_SLOW].vms, 1);
    assert_true(partial.causes[CAUSE_SLOW].fields > 0);
}

static char *report_text_of(void)
{
    struct report r = {.format = report_format_find("text"), .filter = &w.filter, .verbose = true};
    char *text;
    size_t len;

    assert_int_equal(report_make(&r, NULL, w.now, &text, &len), 0);
    return text;
}

static void text_says_when_it_was_read(void **state)
{
    (void)state;
    skip_first(false);
    char *text = report_text_of();
    assert_non_null(
        strstr(text, "\n  not read: looking at its process takes too long; last read "));
    assert_non_null(strstr(text, "\n  VM counters from "));
    free(text);
}

static void text_says_that_it_was_never_read(void **state)
{
    (void)state;
    skip_first(true);
    char *text = report_text_of();
    assert_non_null(strstr(text, "\n  not read: looking at its process takes too long\n"));
    free(text);
}

static void expect_status(bool young, const char *expected)
{
    struct screen screen;

    skip_first(young);
    assert_int_equal(screen_init(&screen, 1, 100, true), 0);
    assert_true(view_cause(w.now, &w.now->vms[0], screen_rect(&screen), &screen));
    char *dump = screen_dump(&screen);
    if (strstr(dump, expected) == NULL)
        fail_msg("'%s' is not in:\n%s", expected, dump);
    free(dump);
    screen_done(&screen);
}

static void the_status_line_says_for_how_long(void **state)
{
    (void)state;
    expect_status(false, "vm16: not read for 1.0s: looking at its process takes too long. ");
}

static void the_status_line_says_that_it_was_never_read(void **state)
{
    (void)state;
    expect_status(true, "vm16: not read yet: looking at its process takes too long. ");
}

static const char *source_of_row(enum reading_cause cause)
{
    struct column_fields fields;

    skip_first(false);
    column_fields_resolve(w.now, NULL, &fields);
    w.now->vms[0].stale_cause = cause;
    const char *text = column_get(COLUMN_SOURCE, &fields, &w.now->vms[0], NULL).text;
    snapshot_free(w.now);
    w.now = NULL;
    return text;
}

/* A call that never returned is another thing than a turn that comes. */
static void the_row_tells_stuck_from_slow(void **state)
{
    (void)state;
    assert_string_equal(source_of_row(CAUSE_STUCK), "stuck!");
    assert_string_equal(source_of_row(CAUSE_SLOW), "slow!");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
        return 1;
    const struct CMUnitTest tests[] = {
        TEST(json_tells_the_age_of_what_was_not_read),
        TEST(a_skipped_vm_counts_as_not_read),
        TEST(text_says_when_it_was_read),
        TEST(text_says_that_it_was_never_read),
        TEST(the_status_line_says_for_how_long),
        TEST(the_status_line_says_that_it_was_never_read),
        TEST(the_row_tells_stuck_from_slow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
