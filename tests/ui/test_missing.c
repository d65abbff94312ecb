// SPDX-License-Identifier: MIT
/* What machines are told of numbers that are missing: ids, and in JSON what they mean. */
#include "ui/report/report.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/snapshot_builder.h"

#define COUNTERS 7

static const struct filter all = {.vm_fd = -1};

/* One VM with a counter for each way to be missing, and one more that was reset. */
static struct snapshot_builder *new_builder(void)
{
    static const struct {
        enum reading_state state;
        enum reading_cause cause;
    } ways[COUNTERS] = {
        {READING_DENIED, CAUSE_LOCKDOWN_INTEGRITY},
        {READING_DENIED, CAUSE_LOCKDOWN_CONFIDENTIALITY}, /* its mode changed meanwhile */
        {READING_DENIED, CAUSE_NO_PERMISSION},
        {READING_ABSENT, CAUSE_NOT_IN_KERNEL},
        {READING_ABSENT, CAUSE_NONE},
        {READING_STALE, CAUSE_NONE},
        {READING_STALE, CAUSE_NO_PERMISSION},
    };
    struct snapshot_builder *b = snapshot_builder_new();
    size_t vm;
    int fields[COUNTERS + 1];

    for (int i = 0; i <= COUNTERS; i++) {
        char name[20];
        snprintf(name, sizeof(name), "counter%d", i);
        fields[i] = snapshot_builder_field(b, name, FIELD_VM, FIELD_CUMULATIVE, FIELD_NONE, 1);
    }
    vm = snapshot_builder_vm(b, 5164, 9, "vm16", "qemu", 1);
    for (int i = 0; i < COUNTERS; i++)
        snapshot_builder_missing(b, vm, -1, fields[i], ways[i].state, ways[i].cause);
    snapshot_builder_set(b, vm, -1, fields[COUNTERS], 7, 0, SOURCE_DEBUGFS);
    snapshot_builder_get(b, vm)->values[fields[COUNTERS]].rate =
        (struct figure){.state = READING_RESET};
    return b;
}

static char *print(const struct report_format *format, const struct snapshot *s)
{
    struct report r = {.format = format, .filter = &all};
    char *text = NULL;

    report_fresh(&r);
    assert_int_equal(report_make(&r, NULL, s, &text, &(size_t){0}), 0);
    return text;
}

static void expect_missing(const json_t *missing, const char *name, const char *id)
{
    const char *found = json_string_value(json_object_get(missing, name));

    assert_non_null(found);
    assert_string_equal(found, id);
}

/* Each id that stands under a "missing" becomes a key of @ret. */
static void collect(const json_t *value, json_t *ret)
{
    const char *key;
    json_t *item, *id;
    size_t i;

    json_array_foreach((json_t *)value, i, item) collect(item, ret);
    json_object_foreach((json_t *)value, key, item)
    {
        const char *name;
        collect(item, ret);
        if (strcmp(key, "missing") != 0)
            continue;
        json_object_foreach(item, name, id)
            assert_int_equal(json_object_set_new(ret, json_string_value(id), json_null()), 0);
    }
}

static void json_names_ids_and_says_once_what_they_mean(void **state)
{
    struct snapshot_builder *b = new_builder();
    char *text = print(&report_json, snapshot_builder_finish(b));
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL), *used = json_object();
    json_t *missing = NULL, *causes = json_object_get(root, "causes"), *sentence;
    const char *id;

    (void)state;
    assert_int_equal(json_unpack(root, "{s:[{s:o}]}", "vms", "missing", &missing), 0);
    expect_missing(missing, "counter0", "lockdown");
    expect_missing(missing, "counter1", "lockdown");
    expect_missing(missing, "counter2", "no-permission");
    expect_missing(missing, "counter3", "not-in-kernel");
    expect_missing(missing, "counter4", "absent");
    expect_missing(missing, "counter5", "stale");
    expect_missing(missing, "counter6", "no-permission");
    expect_missing(missing, "rates.counter7", "reset");
    collect(root, used);
    assert_int_equal(json_object_size(causes), json_object_size(used));
    json_object_foreach(causes, id, sentence)
    {
        assert_non_null(json_object_get(used, id));
        assert_true(strlen(json_string_value(sentence)) > 5);
    }
    json_decref(used);
    json_decref(root);
    free(text);
    snapshot_builder_free(b);
}

static void json_without_anything_missing_has_no_causes(void **state)
{
    const struct snapshot none = {0};
    char *text = print(&report_json, &none);
    json_t *root = json_loads(text, 0, NULL);

    (void)state;
    assert_int_equal(json_object_size(json_object_get(root, "causes")), 0);
    json_decref(root);
    free(text);
}

static void csv_has_the_ids_in_its_last_column(void **state)
{
    static const char *const ends[] = {
        "denied,lockdown=integrity,lockdown\n",
        "denied,lockdown=confidentiality,lockdown\n",
        "denied,no permission,no-permission\n",
        "absent,not in this kernel,not-in-kernel\n",
        "absent,,absent\n",
        "stale,,stale\n",
        "stale,no permission,no-permission\n",
        "reset,,reset\n",
    };
    struct snapshot_builder *b = new_builder();
    char *text = print(&report_csv, snapshot_builder_finish(b));

    (void)state;
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        if (strstr(text, ends[i]) == NULL)
            fail_msg("no row ends in %s:\n%s", ends[i], text);
    assert_null(strstr(text, ",ok,,ok"));
    free(text);
    snapshot_builder_free(b);
}

static void metrics_have_one_series_for_each_id(void **state)
{
    static const struct report_format *const formats[] = {&report_prometheus, &report_openmetrics};
    struct snapshot_builder *b = new_builder();
    const struct snapshot *s = snapshot_builder_finish(b);

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char *text = print(formats[i], s), *first = strstr(text, "cause=\"lockdown\"} 2\n");
        assert_non_null(first);
        assert_null(strstr(first + 1, "cause=\"lockdown"));
        assert_non_null(strstr(text, "cause=\"no-permission\"} 2\n"));
        assert_non_null(strstr(text, "cause=\"stale\"} 1\n"));
        assert_null(strstr(text, "cause=\"\""));
        assert_null(strstr(text, "cause=\"not-in-kernel\""));
        free(text);
    }
    snapshot_builder_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_names_ids_and_says_once_what_they_mean),
        cmocka_unit_test(json_without_anything_missing_has_no_causes),
        cmocka_unit_test(csv_has_the_ids_in_its_last_column),
        cmocka_unit_test(metrics_have_one_series_for_each_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
