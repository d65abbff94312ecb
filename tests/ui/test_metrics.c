// SPDX-License-Identifier: MIT
#include "ui/report/metrics.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/exits_fake.h"
#include "tests/lib/two_vms.h"
#include "ui/report/estimates.h"
#include "ui/report/report.h"

static void bounds_are_canonical_numbers(void **state)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0, "0.0"},           {1, "1.0"},
        {30, "30.0"},         {0.5, "0.5"},
        {1e-9, "1e-09"},      {2.047e-06, "2.047e-06"},
        {7 / 1e9, "7e-09"},   {0.0001, "0.0001"},
        {0.00001, "1e-05"},   {1.073741823, "1.073741823"},
        {1e6, "1e+06"},       {1048575, "1.048575e+06"},
        {999999, "999999.0"}, {123456.75, "123456.75"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char buf[METRICS_NUMBER_MAX];
        metrics_canonical(cases[i].value, buf);
        assert_string_equal(buf, cases[i].text);
    }
}

static char *print(const struct report_format *format, const struct snapshot *s, bool per_vcpu)
{
    static const struct filter all = {.vm_fd = -1};
    struct report r = {.format = format, .filter = &all, .per_vcpu = per_vcpu};
    char *text = NULL;
    size_t len;
    FILE *mem = open_memstream(&text, &len);

    assert_non_null(mem);
    assert_int_equal(report_record(&r, NULL, s, mem), 0);
    fclose(mem);
    return text;
}

static void expect_line(const char *text, const char *line)
{
    size_t len = strlen(line);

    for (const char *p = text; *p != '\0'; p += strcspn(p, "\n") + 1)
        if (strncmp(p, line, len) == 0 && p[len] == '\n')
            return;
    fail_msg("no line '%s' in:\n%s", line, text);
}

#define VM16 "{vm=\"vm16\",pid=\"5164\",vm_fd=\"9\"} "
#define IN_VM16 "{vm=\"vm16\",pid=\"5164\",vm_fd=\"9\","

static void prometheus_has_the_values_of_the_snapshot(void **state)
{
    static const char *const lines[] = {
        "# TYPE kvmlens_vm_exits_total counter",
        "kvmlens_vm_exits_total" VM16 "320",
        "# TYPE kvmlens_vm_halt_wait_seconds_total counter",
        "kvmlens_vm_halt_wait_seconds_total" VM16 "11.000000000",
        "# TYPE kvmlens_vm_pages_4k gauge",
        "kvmlens_vm_pages_4k" VM16 "310",
        "# TYPE kvmlens_vm_max_mmu_page_hash_collisions gauge",
        "kvmlens_vm_big_total" VM16 "18446744073709551610",
        "kvmlens_vm_ram_bytes" VM16 "17179869184",
        "kvmlens_vm_cpu_seconds_total" VM16 "1.000000000",
        "kvmlens_vm_vcpus" VM16 "2",
        "kvmlens_vms 2",
        "kvmlens_vm_unreadable_counters" IN_VM16 "cause=\"lockdown\"} 1",
        "# TYPE kvmlens_vm_halt_wait_duration_seconds histogram",
        "kvmlens_vm_halt_wait_duration_seconds_bucket" IN_VM16 "le=\"0.0\"} 0",
        "kvmlens_vm_halt_wait_duration_seconds_bucket" IN_VM16 "le=\"1e-09\"} 4",
        "kvmlens_vm_halt_wait_duration_seconds_bucket" IN_VM16 "le=\"3e-09\"} 12",
        "kvmlens_vm_halt_wait_duration_seconds_bucket" IN_VM16 "le=\"+Inf\"} 24",
        "kvmlens_vm_halt_wait_duration_seconds_count" VM16 "24",
        "kvmlens_vm_halt_wait_duration_seconds_sum" VM16 "11",
    };
    struct two_vms *t = two_vms_new();
    struct snapshot *s = two_vms_second(t);
    char *text = print(&report_prometheus, s, false);

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        expect_line(text, lines[i]);
    assert_null(strstr(text, "migrating")); /* not known */
    assert_null(strstr(text, "mmu_pte_write_total" VM16));
    assert_null(strstr(text, "vcpu=\""));
    assert_null(strstr(text, "# EOF"));
    /* The hostile VM has no RAM figure, and none is made up. */
    assert_null(strstr(text, "kvmlens_vm_ram_bytes{vm=\"=db"));
    free(text);
    snapshot_free(s);
    two_vms_free(t);
}

static void a_migration_is_a_gauge_where_it_is_known(void **state)
{
    struct two_vms *t = two_vms_new();
    struct snapshot *s = two_vms_second(t);

    (void)state;
    s->vms[0].migration = VM_DIRTY_LOGGED;
    char *text = print(&report_prometheus, s, false);
    expect_line(text, "# TYPE kvmlens_vm_migrating gauge");
    expect_line(text, "kvmlens_vm_migrating" VM16 "0");
    expect_line(text, "kvmlens_vm_dirty_logged" VM16 "1");
    assert_null(strstr(text, "kvmlens_vm_migrating{vm=\"=db"));
    free(text);
    s->vms[0].migration = VM_MIGRATING;
    text = print(&report_prometheus, s, false);
    expect_line(text, "kvmlens_vm_migrating" VM16 "1");
    free(text);
    snapshot_free(s);
    two_vms_free(t);
}

/* Nobody asked: no family. What is missing has no sample, and what is there has its unit. */
static void load_is_there_where_it_was_read(void **state)
{
    struct two_vms *t = two_vms_new();
    struct snapshot *s = two_vms_second(t);
    char *text = print(&report_prometheus, s, true);

    (void)state;
    assert_null(strstr(text, "kvmlens_vm_state"));
    assert_null(strstr(text, "kvmlens_vm_role"));
    assert_null(strstr(text, "kvmlens_host_load"));
    free(text);
    snapshot_free(s);
    struct sample *cur = two_vms_sample(t, 1);
    struct reading *vm = cur->vms[0].gauges, *vcpu = cur->vms[0].vcpus[1].gauges;
    vm[VM_LOOK] = reading_ok(VM_LOOK_RUNS, SOURCE_PROC);
    vm[VM_UPTIME_NS] = reading_ok(61500000000ull, SOURCE_PROC);
    vm[VM_THROTTLED_NS] = reading_ok(1250000000, SOURCE_PROC);
    vm[VM_LIMITED_PERIODS] = reading_ok(9, SOURCE_PROC);
    vm[VM_VHOST_WAIT_NS] = reading_ok(2000000, SOURCE_PROC);
    vm[VM_EMULATOR_THREADS] = reading_ok(3, SOURCE_PROC);
    vm[VM_MEMORY_FULL_NS] = reading_ok(7000, SOURCE_PROC);
    vcpu[VCPU_LOOK] = reading_ok(VCPU_LOOK_SLEEPS, SOURCE_PROC);
    vcpu[VCPU_THROTTLED_NS] = reading_of_cause(CAUSE_NO_CPU_LIMIT);
    cur->host_gauges[HOST_LOAD_15] = reading_ok(105, SOURCE_PROC);
    cur->host_gauges[HOST_STEAL_NS] = reading_ok(20000000, SOURCE_PROC);
    s = two_vms_second(t);
    text = print(&report_prometheus, s, true);
#define OF_VM "vm=\"vm16\",pid=\"5164\",vm_fd=\"9\""
    expect_line(text, "kvmlens_vm_state{" OF_VM ",state=\"running\"} 1");
    expect_line(text, "kvmlens_vm_uptime_seconds{" OF_VM "} 61.500000000");
    expect_line(text, "kvmlens_vm_throttled_seconds_total{" OF_VM "} 1.250000000");
    expect_line(text, "kvmlens_vm_limited_periods_total{" OF_VM "} 9");
    expect_line(text, "kvmlens_vm_role_wait_seconds_total{" OF_VM ",role=\"vhost\"} 0.002000000");
    expect_line(text, "kvmlens_vm_role_threads{" OF_VM ",role=\"emulator\"} 3");
    expect_line(text, "kvmlens_vm_pressure_seconds_total{" OF_VM
                      ",resource=\"memory\",kind=\"full\"} 0.000007000");
    expect_line(text, "kvmlens_vcpu_state{" OF_VM ",vcpu=\"1\",state=\"halted\"} 1");
    assert_null(strstr(text, "kvmlens_vcpu_throttled"));
    expect_line(text, "kvmlens_host_load{minutes=\"15\"} 1.05");
    expect_line(text, "kvmlens_host_cpu_seconds_total{mode=\"steal\"} 0.020000000");
    free(text);
    snapshot_free(s);
    two_vms_free(t);
}

static void labels_are_cleaned_and_escaped(void **state)
{
    struct two_vms *t = two_vms_new();
    struct snapshot *s = two_vms_second(t);
    char *text = print(&report_prometheus, s, false);

    (void)state;
    expect_line(
        text,
        "kvmlens_vm_vcpus{vm=\"=db,\\\"x\\\"?[31m??\xe6\x95\xb0??\",pid=\"5201\",vm_fd=\"12\"} 1");
    free(text);
    snapshot_free(s);
    two_vms_free(t);
}

static void vcpus_are_families_of_their_own_on_request(void **state)
{
    struct two_vms *t = two_vms_new();
    struct snapshot *s = two_vms_second(t);
    char *text = print(&report_prometheus, s, true);

    (void)state;
    expect_line(text, "kvmlens_vcpu_exits_total" IN_VM16 "vcpu=\"1\"} 160");
    expect_line(text, "kvmlens_vcpu_tsc_offset_cycles" IN_VM16 "vcpu=\"0\"} -9553258952");
    expect_line(text, "kvmlens_vcpu_cpu_seconds_total" IN_VM16 "vcpu=\"0\"} 0.500000000");
    assert_null(strstr(text, "kvmlens_vcpu_pages_4k"));
    free(text);
    snapshot_free(s);
    two_vms_free(t);
}

static void openmetrics_names_families_without_suffix_and_ends_with_eof(void **state)
{
    struct two_vms *t = two_vms_new();
    struct snapshot *s = two_vms_second(t);
    char *text = print(&report_openmetrics, s, true);

    (void)state;
    expect_line(text, "# TYPE kvmlens_vm_exits counter");
    expect_line(text, "kvmlens_vm_exits_total" VM16 "320");
    expect_line(text, "# UNIT kvmlens_vm_halt_wait_seconds seconds");
    expect_line(text, "# TYPE kvmlens_build info");
    assert_string_equal(text + strlen(text) - 6, "# EOF\n");
    assert_ptr_equal(strstr(text, "# EOF"), text + strlen(text) - 6);
    free(text);
    snapshot_free(s);
    two_vms_free(t);
}

static void histogram_without_its_sum_makes_none_up(void **state)
{
    struct two_vms *t = two_vms_new();
    two_vms_sample(t, 1)->vms[0].entity.readings[F_HALT_WAIT] =
        reading_missing(READING_DENIED, CAUSE_NO_PERMISSION);
    struct snapshot *s = two_vms_second(t);
    char *text = print(&report_prometheus, s, false);

    (void)state;
    expect_line(text, "kvmlens_vm_halt_wait_duration_seconds_sum" VM16 "NaN");
    free(text);
    text = print(&report_openmetrics, s, false);
    assert_null(strstr(text, "duration_seconds_sum"));
    assert_null(strstr(text, "duration_seconds_count"));
    assert_non_null(strstr(text, "le=\"+Inf\"} 24\n"));
    free(text);
    snapshot_free(s);
    two_vms_free(t);
}

static void estimates_are_gauges_with_their_age(void **state)
{
    static const struct filter all = {.vm_fd = -1};
    struct two_vms *t = two_vms_new();
    struct snapshot *s = two_vms_second(t);
    struct scan_report known = {.state = SCAN_DONE, .mode = SCAN_ESTIMATE, .vm = s->vms[0].id,
                                .estimate = {.valid = true, .zero_ratio = 0.75, .ci95_low = 0.7,
                                             .ci95_high = 0.8},
                                .wire = {.valid = true, .bytes = 123456789},
                                .cost = {.elapsed_s = 0.5}};
    struct scan_report refused = {.state = SCAN_REFUSED, .vm = s->vms[1].id};
    struct estimate items[] = {estimates_of_report(&known, s->mono_ns - 2500000000u),
                               estimates_of_report(&refused, s->mono_ns)};
    struct estimates estimates = {items, 2};
    struct report r = {.format = &report_prometheus, .filter = &all, .estimates = &estimates};
    char *text = NULL;
    size_t len;
    FILE *mem = open_memstream(&text, &len);

    (void)state;
    assert_non_null(mem);
    assert_int_equal(report_record(&r, NULL, s, mem), 0);
    fclose(mem);
    expect_line(text, "kvmlens_vm_zero_ratio" VM16 "0.75");
    expect_line(text, "kvmlens_vm_zero_ratio_low" VM16 "0.7");
    expect_line(text, "kvmlens_vm_zero_ratio_high" VM16 "0.8");
    expect_line(text, "kvmlens_vm_migration_bytes" VM16 "123456789");
    expect_line(text, "kvmlens_vm_scan_age_seconds" VM16 "2.5");
    expect_line(text, "kvmlens_vm_scan_failed" VM16 "0");
    /* Nothing is known of the other, which is not a ratio of 0. */
    assert_null(strstr(text, "kvmlens_vm_zero_ratio{vm=\"=db"));
    assert_null(strstr(text, "kvmlens_vm_migration_bytes{vm=\"=db"));
    const char *failed = strstr(text, "kvmlens_vm_scan_failed{vm=\"=db");
    assert_non_null(failed);
    assert_non_null(strstr(failed, "\"} 1\n"));
    free(text);
    snapshot_free(s);
    two_vms_free(t);
}

/* --- exits --- */

/* @kind below 0: nobody asked. The caller frees it. */
static char *print_exits(const struct report_format *format, int kind, bool stream, bool per_vcpu)
{
    static const struct filter all = {.vm_fd = -1};
    struct report r = {.format = format, .filter = &all, .stream = stream, .per_vcpu = per_vcpu};
    struct two_vms *t = two_vms_new();
    struct snapshot *s = two_vms_second(t);
    char *text = NULL;

    if (kind >= 0)
        s->exits = exits_fake(s, (enum exits_fake)kind);
    assert_int_equal(report_make(&r, NULL, s, &text, NULL), 0);
    snapshot_free(s);
    two_vms_free(t);
    return text;
}

static size_t count_of(const char *text, const char *part)
{
    size_t n = 0;

    for (const char *p = text; (p = strstr(p, part)) != NULL; p++)
        n++;
    return n;
}

#define OF_VM16(reason, isa) IN_VM16 "reason=\"" reason "\",isa=\"" isa "\"} "

static void a_log_has_totals_of_exits(void **state)
{
    char *text = print_exits(&report_prometheus, EXITS_FAKE_SVM, true, false);

    (void)state;
    expect_line(text, "# TYPE kvmlens_vm_exit_reason_total counter");
    expect_line(text, "kvmlens_vm_exit_reason_total" OF_VM16("io", "svm") "18000");
    expect_line(text, "# TYPE kvmlens_vm_exit_reason_seconds_total counter");
    expect_line(text, "kvmlens_vm_exit_reason_seconds_total" OF_VM16("io", "svm") "0.045000000");
    /* What is never timed has no time, which is not 0 s. */
    expect_line(text, "kvmlens_vm_exit_reason_total" OF_VM16("interrupt", "svm") "300");
    assert_null(strstr(text, "kvmlens_vm_exit_reason_seconds_total" OF_VM16("interrupt", "svm")));
    expect_line(text, "kvmlens_vm_halt_ratio" VM16 "0.5");
    expect_line(text, "kvmlens_exits_counted 1");
    expect_line(text, "# TYPE kvmlens_exits_lost_total counter");
    expect_line(text, "kvmlens_exits_lost_total{what=\"keys\"} 0");
    assert_null(strstr(text, "_per_second"));
    assert_null(strstr(text, "time_ratio"));
    assert_null(strstr(text, "vcpu=\""));
    /* Ports and addresses would be series without end. */
    assert_null(strstr(text, "0x80"));
    free(text);
}

static void one_record_has_rates_of_exits_and_no_totals(void **state)
{
    char *text = print_exits(&report_prometheus, EXITS_FAKE_SVM, false, true);

    (void)state;
    expect_line(text, "# TYPE kvmlens_vm_exit_reason_per_second gauge");
    expect_line(text, "kvmlens_vm_exit_reason_per_second" OF_VM16("io", "svm") "1800");
    expect_line(text, "kvmlens_vm_exit_reason_time_ratio" OF_VM16("hlt", "svm") "0.5");
    expect_line(text, "kvmlens_vcpu_exit_reason_per_second" IN_VM16
                      "vcpu=\"1\",reason=\"io\",isa=\"svm\"} 1200");
    expect_line(text, "kvmlens_vcpu_halt_ratio" IN_VM16 "vcpu=\"1\"} 0.55");
    assert_null(strstr(text, "exit_reason_total"));
    assert_null(strstr(text, "exit_reason_seconds"));
    free(text);
}

/* Before the second sample nothing is known of rates, and none is 0. */
static void without_an_interval_there_are_no_rates_of_exits(void **state)
{
    char *text = print_exits(&report_openmetrics, EXITS_FAKE_FIRST, false, true);

    (void)state;
    expect_line(text, "kvmlens_exits_counted 1");
    assert_null(strstr(text, "exit_reason"));
    assert_null(strstr(text, "guest_ratio"));
    assert_null(strstr(text, "cost_ratio"));
    free(text);
}

static char *print_histograms(const struct report_format *format, bool stream, bool per_vcpu)
{
    static const struct filter all = {.vm_fd = -1};
    struct report r = {.format = format,
                       .filter = &all,
                       .stream = stream,
                       .per_vcpu = per_vcpu,
                       .exit_histograms = true};
    struct two_vms *t = two_vms_new();
    struct snapshot *s = two_vms_second(t);
    char *text = NULL;

    s->exits = exits_fake(s, EXITS_FAKE_SVM);
    assert_int_equal(report_make(&r, NULL, s, &text, NULL), 0);
    snapshot_free(s);
    two_vms_free(t);
    return text;
}

/* Half of them took 1.25 us, in the bucket up to 2047 ns, and half 3.75 us. */
static void histograms_of_exits_are_there_on_request(void **state)
{
#define OF_IO IN_VM16 "reason=\"io\",isa=\"svm\""
    char *text = print_histograms(&report_prometheus, true, false);

    (void)state;
    expect_line(text, "# TYPE kvmlens_vm_exit_reason_duration_seconds histogram");
    expect_line(text, "kvmlens_vm_exit_reason_duration_seconds_bucket" OF_IO ",le=\"1e-09\"} 0");
    expect_line(text,
                "kvmlens_vm_exit_reason_duration_seconds_bucket" OF_IO ",le=\"1.023e-06\"} 0");
    expect_line(text,
                "kvmlens_vm_exit_reason_duration_seconds_bucket" OF_IO ",le=\"2.047e-06\"} 9000");
    expect_line(text,
                "kvmlens_vm_exit_reason_duration_seconds_bucket" OF_IO ",le=\"4.095e-06\"} 18000");
    expect_line(text, "kvmlens_vm_exit_reason_duration_seconds_bucket" OF_IO
                      ",le=\"549.755813887\"} 18000");
    expect_line(text, "kvmlens_vm_exit_reason_duration_seconds_bucket" OF_IO ",le=\"+Inf\"} 18000");
    expect_line(text, "kvmlens_vm_exit_reason_duration_seconds_count" OF_IO "} 18000");
    expect_line(text, "kvmlens_vm_exit_reason_duration_seconds_sum" OF_IO "} 0.045");
    assert_int_equal(count_of(text, "kvmlens_vm_exit_reason_duration_seconds_bucket" OF_IO),
                     EXIT_BUCKETS);
    /* What was never timed has none. */
    assert_null(strstr(text, "duration_seconds_count" IN_VM16 "reason=\"interrupt\""));
    assert_null(strstr(text, "kvmlens_vcpu_exit_reason_duration_seconds"));
    free(text);
    text = print_histograms(&report_openmetrics, true, true);
    expect_line(text, "# TYPE kvmlens_vm_exit_reason_duration_seconds histogram");
    expect_line(text, "# UNIT kvmlens_vm_exit_reason_duration_seconds seconds");
    expect_line(text, "kvmlens_vcpu_exit_reason_duration_seconds_count" IN_VM16
                      "vcpu=\"1\",reason=\"io\",isa=\"svm\"} 12000");
    free(text);
    text = print_histograms(&report_prometheus, false, false);
    assert_null(strstr(text, "exit_reason_duration"));
    free(text);
    text = print_exits(&report_prometheus, EXITS_FAKE_SVM, true, false);
    assert_null(strstr(text, "exit_reason_duration"));
    free(text);
}

/* A reader takes no page in which a series comes twice. */
static void reasons_of_one_name_are_one_series(void **state)
{
    char *text = print_exits(&report_openmetrics, EXITS_FAKE_VMX, true, false);

    (void)state;
    expect_line(text, "# TYPE kvmlens_vm_exit_reason counter");
    expect_line(text, "# UNIT kvmlens_vm_exit_reason_seconds seconds");
    expect_line(text, "kvmlens_vm_exit_reason_total" OF_VM16("IO_INSTRUCTION", "vmx") "18000");
    assert_int_equal(
        count_of(text, "kvmlens_vm_exit_reason_total" IN_VM16 "reason=\"IO_INSTRUCTION\""), 1);
    expect_line(text, "kvmlens_vm_exit_reason_seconds_total" OF_VM16("IO_INSTRUCTION",
                                                                     "vmx") "0.047250000");
    free(text);
}

static void exits_that_are_not_counted_are_told_of_and_not_made_up(void **state)
{
    char *text = print_exits(&report_prometheus, EXITS_FAKE_FAILED, true, true);

    (void)state;
    expect_line(text, "kvmlens_exits_counted 0");
    assert_int_equal(count_of(text, "kvmlens_exits_"), 3); /* HELP, TYPE and that one */
    assert_null(strstr(text, "exit_reason"));
    free(text);
    text = print_exits(&report_prometheus, EXITS_FAKE_KEYS_ONLY, false, true);
    assert_null(strstr(text, "exit_reason"));
    assert_null(strstr(text, "guest_ratio")); /* not seen, which is not 0 */
    free(text);
    text = print_exits(&report_prometheus, EXITS_FAKE_LOSING, false, true);
    expect_line(text, "# TYPE kvmlens_exits_lost gauge");
    expect_line(text, "kvmlens_exits_lost{what=\"threads\"} 2000");
    expect_line(text, "kvmlens_exits_lost{what=\"missed\"} 3");
    free(text);
    text = print_exits(&report_prometheus, -1, true, true);
    assert_null(strstr(text, "kvmlens_exits_"));
    assert_null(strstr(text, "exit_reason"));
    free(text);
}

static void no_family_comes_twice(void **state)
{
    char *text = NULL;
    size_t len;
    FILE *mem = open_memstream(&text, &len);
    struct metrics m = {.out = mem};
    const struct metrics_label none[] = {{NULL, NULL}};
    struct metrics_family a = metrics_family(&m, METRICS_GAUGE, "a.b", NULL, "one\\\ntwo");
    struct metrics_family b = metrics_family(&m, METRICS_GAUGE, "a_b", NULL, "x");
    struct metrics_family unused = metrics_family(&m, METRICS_GAUGE, "c", NULL, "x");

    (void)state;
    (void)unused;
    assert_non_null(mem);
    metrics_int(&a, none, 1);
    metrics_int(&b, none, 2);
    metrics_int(&a, none, 3);
    assert_int_equal(metrics_end(&m), 0);
    fclose(mem);
    assert_string_equal(text, "# HELP kvmlens_a_b one\\\\\\ntwo\n# TYPE kvmlens_a_b gauge\n"
                              "kvmlens_a_b 1\nkvmlens_a_b 3\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_are_canonical_numbers),
        cmocka_unit_test(prometheus_has_the_values_of_the_snapshot),
        cmocka_unit_test(a_migration_is_a_gauge_where_it_is_known),
        cmocka_unit_test(load_is_there_where_it_was_read),
        cmocka_unit_test(labels_are_cleaned_and_escaped),
        cmocka_unit_test(vcpus_are_families_of_their_own_on_request),
        cmocka_unit_test(openmetrics_names_families_without_suffix_and_ends_with_eof),
        cmocka_unit_test(histogram_without_its_sum_makes_none_up),
        cmocka_unit_test(estimates_are_gauges_with_their_age),
        cmocka_unit_test(a_log_has_totals_of_exits),
        cmocka_unit_test(one_record_has_rates_of_exits_and_no_totals),
        cmocka_unit_test(without_an_interval_there_are_no_rates_of_exits),
        cmocka_unit_test(histograms_of_exits_are_there_on_request),
        cmocka_unit_test(reasons_of_one_name_are_one_series),
        cmocka_unit_test(exits_that_are_not_counted_are_told_of_and_not_made_up),
        cmocka_unit_test(no_family_comes_twice),
    };
    setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
