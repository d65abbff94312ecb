// SPDX-License-Identifier: MIT
/* A kernel that counts no VM apart: its totals of all VMs in reports, lists and tables. */
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/snapshot_builder.h"
#include "ui/report/list.h"
#include "ui/report/partial.h"
#include "ui/report/report.h"
#include "ui/state/counters.h"
#include "ui/state/trends.h"

enum { EXITS, FAULTS, LARGE, WAIT, FIELDS };

static const struct filter all = {.vm_fd = -1};
static const struct filter one_pid = {.pid = 500, .vm_fd = -1};
static const struct filter one_name = {.name = "first", .vm_fd = -1};

static void add_vm(struct snapshot_builder *b, int pid, const char *name)
{
    size_t i = snapshot_builder_vm(b, pid, 9, name, "qemu", 1);
    struct snapshot_vm *vm = snapshot_builder_get(b, i);

    vm->vm_cause = vm->vcpu_cause = CAUSE_HOST_TOTALS;
    for (int f = 0; f < FIELDS; f++)
        snapshot_builder_missing(b, i, -1, f, READING_ABSENT, CAUSE_HOST_TOTALS);
}

static struct snapshot_builder *fields_only(void)
{
    struct snapshot_builder *b = snapshot_builder_new();

    snapshot_builder_field(b, "exits", FIELD_VCPU, FIELD_CUMULATIVE, FIELD_NONE, 1);
    snapshot_builder_field(b, "pf_fixed", FIELD_VCPU, FIELD_CUMULATIVE, FIELD_NONE, 1);
    snapshot_builder_field(b, "largepages", FIELD_VM, FIELD_INSTANT, FIELD_NONE, 1);
    snapshot_builder_field(b, "halt_wait_ns", FIELD_VCPU, FIELD_CUMULATIVE, FIELD_SECONDS, 1);
    return b;
}

/* Two VMs, one total denied. */
static struct snapshot_builder *old_kernel(uint64_t exits, double rate)
{
    struct snapshot_builder *b = fields_only();
    struct snapshot *s = snapshot_builder_snapshot(b);

    add_vm(b, 500, "first");
    add_vm(b, 600, "second");
    snapshot_builder_host(b, EXITS, exits, rate);
    snapshot_builder_host(b, LARGE, 77, 0);
    snapshot_builder_host(b, WAIT, 2500000000, 5e8);
    s->host_values[FAULTS].reading = reading_missing(READING_DENIED, CAUSE_NO_PERMISSION);
    return b;
}

static int setup(void **state)
{
    *state = old_kernel(12345, 250);
    return 0;
}

static int teardown(void **state)
{
    snapshot_builder_free(*state);
    return 0;
}

static char *print(struct report r, const struct snapshot *base, const struct snapshot *s)
{
    char *text = NULL;
    size_t len;
    FILE *mem = open_memstream(&text, &len);

    assert_non_null(mem);
    report_fresh(&r);
    assert_int_equal(report_record(&r, base, s, mem), 0);
    fclose(mem);
    return text;
}

/* The line that begins so; ends the test when there is none. */
static const char *line_of(const char *text, const char *begin)
{
    size_t len = strlen(begin);

    for (const char *p = text; *p != '\0'; p += strcspn(p, "\n") + 1)
        if (strncmp(p, begin, len) == 0)
            return p;
    fail_msg("no line '%s' in:\n%s", begin, text);
    return NULL;
}

static void text_has_a_table_of_all_vms_and_none_of_each(void **state)
{
    const struct snapshot *s = snapshot_builder_finish(*state);
    struct report r = {.format = &report_text, .filter = &all, .verbose = true};
    char *text = print(r, NULL, s);
    const char *table = line_of(text, "all VMs together  totals of the kernel");

    assert_true(table < line_of(text, "first  pid 500"));
    const char *exits = line_of(text, "  exits ");
    assert_true(exits > table);
    assert_true(strstr(exits, " 12345 ") < strchr(exits, '\n'));
    assert_true(strstr(exits, " 250") < strchr(exits, '\n'));
    assert_null(strstr(exits + 7, "  exits "));
    assert_non_null(strstr(text, "\n  denied (no permission): pf_fixed\n"));
    assert_non_null(strstr(line_of(text, "  largepages "), " 77 "));
    assert_non_null(strstr(text, "VM counters from none (this kernel has only totals of all VMs)"));
    free(text);
}

static void totals_are_no_numbers_of_chosen_vms(void **state)
{
    static const struct report_format *const formats[] = {
        &report_text, &report_json, &report_csv, &report_prometheus, &report_openmetrics};
    static const struct filter *const filters[] = {&one_pid, &one_name};
    const struct snapshot *s = snapshot_builder_finish(*state);

    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
        for (int stream = 0; stream < 2; stream++) {
            struct report r = {.format = formats[i], .filter = &all, .stream = stream};
            char *text = print(r, NULL, s);
            assert_non_null(strstr(text, stream && i == 0 ? "250" : "12345"));
            free(text);
            for (size_t k = 0; k < 2; k++) {
                r.filter = filters[k];
                text = print(r, NULL, s);
                assert_null(strstr(text, "12345"));
                assert_null(strstr(text, "250"));
                assert_null(strstr(text, "host_exits"));
                free(text);
            }
        }
}

static void totals_since_the_start_count_from_the_base(void **state)
{
    struct snapshot_builder *then = old_kernel(12000, 0);
    const struct snapshot *base = snapshot_builder_finish(then);
    struct report r = {.format = &report_text, .filter = &all, .skip_zero = true};
    char *text = print(r, base, snapshot_builder_finish(*state));

    assert_non_null(strstr(line_of(text, "  exits "), " 345 "));
    free(text);
    /* Nothing is known of what a VM that has gone had counted. */
    snapshot_builder_snapshot(*state)->vm_ends++;
    text = print(r, base, snapshot_builder_finish(*state));
    assert_non_null(strstr(line_of(text, "  exits "), " reset "));
    free(text);
    snapshot_builder_free(then);
}

static void a_log_has_a_row_of_all_vms(void **state)
{
    const struct snapshot *s = snapshot_builder_finish(*state);
    struct report r = {.format = &report_text, .filter = &all, .stream = true};
    char *text = print(r, NULL, s);
    const char *row = line_of(text, "2026-01-01T12:30:05.000Z        -    - (all VMs) ");

    assert_memory_equal(strstr(row, "250"), "250", 3);
    assert_true(strstr(row, "first") > strchr(row, '\n'));
    free(text);
    /* With -z the rows that have nothing to tell go: those of the VMs here. */
    r.skip_zero = true;
    text = print(r, NULL, s);
    line_of(text, "2026-01-01T12:30:05.000Z        -    - (all VMs) ");
    assert_null(strstr(text, "first"));
    free(text);
    struct snapshot_builder *still = old_kernel(12345, 0);
    struct snapshot_value *values = snapshot_builder_snapshot(still)->host_values;
    values[WAIT].rate.value = 0;
    values[FAULTS].reading = reading_missing(READING_ABSENT, CAUSE_NONE);
    text = print(r, NULL, snapshot_builder_finish(still));
    assert_string_equal(text, "");
    free(text);
    r.format = &report_json;
    text = print(r, NULL, snapshot_builder_finish(still));
    assert_null(strstr(text, "12345"));
    free(text);
    r.format = &report_csv;
    text = print(r, NULL, snapshot_builder_finish(still));
    assert_null(strstr(text, "12345"));
    free(text);
    snapshot_builder_free(still);
}

static void json_has_them_in_the_host(void **state)
{
    const struct snapshot *s = snapshot_builder_finish(*state);
    char *text = print((struct report){.format = &report_json, .filter = &all}, NULL, s);
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL), *host;
    json_int_t exits, large;
    double rate;
    const char *missing, *kernel;

    assert_non_null(root);
    host = json_object_get(root, "host");
    assert_int_equal(json_unpack(host, "{s:s, s:{s:I,s:I}, s:{s:f}, s:{s:s}}", "kernel", &kernel,
                                 "counters", "exits", &exits, "largepages", &large, "rates",
                                 "exits", &rate, "missing", "pf_fixed", &missing),
                     0);
    assert_int_equal(exits, 12345);
    assert_int_equal(large, 77);
    assert_true(rate == 250.0);
    assert_string_equal(missing, "no-permission");
    assert_null(json_object_get(json_object_get(host, "rates"), "largepages"));
    assert_null(json_object_get(host, "histograms"));
    json_decref(root);
    free(text);
}

static void json_has_none_where_none_were_read(void **state)
{
    struct snapshot_builder *b = snapshot_builder_new();
    (void)state;
    snapshot_builder_three_vms(b);
    char *text = report_json_record(snapshot_builder_finish(b), &all);
    json_t *root = json_loads(text, 0, NULL), *host = json_object_get(root, "host");

    assert_non_null(host);
    assert_null(json_object_get(host, "counters"));
    assert_null(json_object_get(host, "rates"));
    assert_null(json_object_get(host, "missing"));
    json_decref(root);
    free(text);
    snapshot_builder_free(b);
}

static void csv_has_rows_without_a_vm(void **state)
{
    const struct snapshot *s = snapshot_builder_finish(*state);
    char *text = print((struct report){.format = &report_csv, .filter = &all}, NULL, s);

    line_of(text, "2026-01-01T12:30:05.000Z,,,,,exits,,cumulative,none,0,12345,250,ok,,\n");
    line_of(text, "2026-01-01T12:30:05.000Z,,,,,largepages,,instant,none,0,77,,ok,,\n");
    line_of(text, "2026-01-01T12:30:05.000Z,,,,,pf_fixed,,cumulative,none,0,,,denied,no permission"
                  ",no-permission\n");
    line_of(text, "2026-01-01T12:30:05.000Z,500,9,first,,exits,,cumulative,none,0,,,absent,"
                  "this kernel has only totals of all VMs,host-totals-only\n");
    free(text);
}

/* A counter that falls by a part is no counter: rate() would take the rest for growth. */
static void metrics_are_gauges(void **state)
{
    const struct snapshot *s = snapshot_builder_finish(*state);
    char *text = print((struct report){.format = &report_prometheus, .filter = &all}, NULL, s);

    line_of(text, "# TYPE kvmlens_host_exits gauge\n");
    line_of(text, "kvmlens_host_exits 12345\n");
    line_of(text, "kvmlens_host_largepages 77\n");
    line_of(text, "kvmlens_host_halt_wait_seconds 2.500000000\n");
    assert_null(strstr(text, "host_pf_fixed"));
    assert_null(strstr(text, "host_exits_total"));
    assert_null(strstr(text, "vm_exits"));
    free(text);
    text = print((struct report){.format = &report_openmetrics, .filter = &all}, NULL, s);
    line_of(text, "# TYPE kvmlens_host_exits gauge\n");
    line_of(text, "kvmlens_host_exits 12345\n");
    free(text);
}

static void only_chosen_fields_are_shown(void **state)
{
    static const struct report_format *const formats[] = {&report_text, &report_json, &report_csv,
                                                          &report_prometheus};
    const struct snapshot *s = snapshot_builder_finish(*state);
    struct filter f = {.vm_fd = -1, .has_regex = true};

    assert_int_equal(regcomp(&f.regex, "^large", REG_EXTENDED | REG_NOSUB), 0);
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        char *text = print((struct report){.format = formats[i], .filter = &f}, NULL, s);
        assert_non_null(strstr(text, "77"));
        assert_null(strstr(text, "12345"));
        assert_null(strstr(text, "pf_fixed"));
        free(text);
    }
    struct partial p = {0};
    partial_count(&f, s, &p);
    assert_int_equal(p.causes[CAUSE_NO_PERMISSION].totals, 0);
    regfree(&f.regex);
}

static void what_could_not_be_read_is_told(void **state)
{
    const struct snapshot *s = snapshot_builder_finish(*state);
    struct partial p = {0};
    char *text = NULL;
    size_t len;
    FILE *mem = open_memstream(&text, &len);

    assert_true(partial_count(&all, s, &p));
    assert_int_equal(p.causes[CAUSE_NO_PERMISSION].totals, 1);
    assert_int_equal(p.causes[CAUSE_HOST_TOTALS].fields, 2 * FIELDS);
    partial_tell(&p, mem);
    fclose(mem);
    assert_non_null(strstr(text, "1 total of all VMs could not be read: no permission."));
    assert_non_null(strstr(text, "8 counters of 2 VMs could not be read: this kernel has only "
                                 "totals of all VMs. Linux 4.7 and later count each VM."));
    free(text);
    /* Who asked for a VM is told of that VM only. */
    partial_count(&one_pid, s, &p);
    assert_int_equal(p.causes[CAUSE_NO_PERMISSION].totals, 0);
    assert_int_equal(p.causes[CAUSE_HOST_TOTALS].vms, 1);
}

static void the_list_says_what_the_kernel_has(void **state)
{
    const struct snapshot *s = snapshot_builder_finish(*state);
    char *text = NULL;
    size_t len;
    FILE *mem = open_memstream(&text, &len);

    assert_int_equal(list_run(s, &all, false, mem), 0);
    fclose(mem);
    line_of(text,
            "    debugfs  no       this kernel has only totals of all VMs\n");
    line_of(text, "note: this kernel has only totals of all VMs, which kvmlens -1 prints. Linux "
                  "4.7");
    free(text);
}

static const struct counter_row *row_of(const struct counters *c, uint32_t field)
{
    for (size_t i = 0; i < c->count; i++)
        if (c->rows[i].index == field)
            return &c->rows[i];
    return NULL;
}

static void the_host_table_shows_the_kernels_totals(void **state)
{
    const struct snapshot *s = snapshot_builder_finish(*state);
    struct counters c = {0};

    assert_int_equal(counters_collect(&(struct counters_query){.s = s}, &c), 0);
    assert_int_equal(c.count, FIELDS);
    assert_true(row_of(&c, EXITS)->total.value == 12345);
    assert_true(row_of(&c, EXITS)->rate.value == 250);
    assert_int_equal(row_of(&c, EXITS)->source, SOURCE_DEBUGFS);
    assert_true(row_of(&c, LARGE)->total.value == 77);
    assert_int_equal(row_of(&c, FAULTS)->total.state, READING_DENIED);
    assert_int_equal(row_of(&c, FAULTS)->total.cause, CAUSE_NO_PERMISSION);
    assert_true(c.total_sum.value == 12345 && c.rate_sum.value == 250);
    /* Of a VM, of some guests and by guest there is nothing. */
    struct pattern guests = {0};
    assert_int_equal(pattern_set(&guests, "first", NULL, 0), 0);
    const struct counters_query others[] = {
        {.s = s, .vm = &s->vms[0]}, {.s = s, .guests = &guests}, {.s = s, .by_guest = true}};
    for (size_t i = 0; i < 3; i++) {
        assert_null(counters_totals(&others[i]));
        assert_int_equal(counters_collect(&others[i], &c), 0);
        assert_true(c.count > 0);
        for (size_t k = 0; k < c.count; k++)
            assert_int_equal(c.rows[k].total.state, READING_ABSENT);
        assert_int_equal(c.total_sum.state, READING_ABSENT);
    }
    pattern_clear(&guests);
    counters_done(&c);
}

static void the_host_table_counts_from_its_base(void **state)
{
    struct snapshot_builder *then = old_kernel(12000, 0);
    struct counters c = {0};

    snapshot_builder_host(*state, FAULTS, 9, 0);
    snapshot_builder_host(then, FAULTS, 9, 0);
    struct counters_query q = {.s = snapshot_builder_finish(*state),
                               .base = snapshot_builder_finish(then)};
    assert_int_equal(counters_collect(&q, &c), 0);
    assert_true(row_of(&c, EXITS)->total.value == 345);
    assert_true(c.rate_sum.value == 250);
    assert_false(c.rate_sum_short);
    snapshot_builder_snapshot(*state)->vm_ends++;
    q.s = snapshot_builder_finish(*state);
    assert_int_equal(counters_collect(&q, &c), 0);
    assert_int_equal(row_of(&c, EXITS)->total.state, READING_RESET);
    assert_true(row_of(&c, EXITS)->rate.value == 250);
    /* The rate of a row without a total is in no sum, and the sum says so. */
    assert_true(c.rate_sum.value == 0);
    assert_true(c.rate_sum_short && c.total_sum_short);
    /* Nothing is missing where nothing moves. */
    snapshot_builder_host(*state, EXITS, 12345, 0);
    q.s = snapshot_builder_finish(*state);
    assert_int_equal(counters_collect(&q, &c), 0);
    assert_int_equal(row_of(&c, EXITS)->total.state, READING_RESET);
    assert_false(c.rate_sum_short);
    counters_done(&c);
    snapshot_builder_free(then);
}

static void exits_of_the_host_are_the_kernels_total(void **state)
{
    struct figure exits = trends_host_exits(snapshot_builder_finish(*state));

    assert_int_equal(exits.state, READING_OK);
    assert_true(exits.value == 250);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(text_has_a_table_of_all_vms_and_none_of_each),
        TEST(totals_are_no_numbers_of_chosen_vms),
        TEST(totals_since_the_start_count_from_the_base),
        TEST(a_log_has_a_row_of_all_vms),
        TEST(json_has_them_in_the_host),
        TEST(json_has_none_where_none_were_read),
        TEST(csv_has_rows_without_a_vm),
        TEST(metrics_are_gauges),
        TEST(only_chosen_fields_are_shown),
        TEST(what_could_not_be_read_is_told),
        TEST(the_list_says_what_the_kernel_has),
        TEST(the_host_table_shows_the_kernels_totals),
        TEST(the_host_table_counts_from_its_base),
        TEST(exits_of_the_host_are_the_kernels_total),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
