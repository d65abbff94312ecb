// SPDX-License-Identifier: MIT
/* Exits in JSON, CSV and text; those in metrics are in test_metrics.c. */
#include <jansson.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/exits_fake.h"
#include "tests/lib/two_vms.h"
#include "ui/report/report.h"

static const struct filter all = {.vm_fd = -1};

#define NOT_ASKED (-1)

/* @pid: only that process is watched; 0: all. The caller frees it. */
static char *print(struct report *r, int kind, pid_t pid)
{
    struct two_vms *t = two_vms_new();
    char *text = NULL;

    /* Beyond signed 64 bits jansson cannot read it as an integer. */
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < 2; k++)
            two_vms_sample(t, i)->vms[k].entity.readings[F_BIG].raw = 1ull << 52;
    struct snapshot *s = two_vms_second(t);
    if (kind != NOT_ASKED) {
        s->exits = exits_fake(s, (enum exits_fake)kind);
        s->exits->facts.pid = pid;
    }
    r->filter = r->filter != NULL ? r->filter : &all;
    assert_int_equal(report_make(r, NULL, s, &text, NULL), 0);
    snapshot_free(s);
    two_vms_free(t);
    return text;
}

/* --- JSON --- */

static json_t *record(int kind, pid_t pid)
{
    struct report r = {.format = &report_json};
    char *text = print(&r, kind, pid);
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

    assert_non_null(json);
    free(text);
    return json;
}

static json_t *vm(const json_t *record, size_t i)
{
    return json_array_get(json_object_get(record, "vms"), i);
}

static json_t *vcpu(const json_t *record, size_t i, size_t k)
{
    return json_array_get(json_object_get(vm(record, i), "vcpus"), k);
}

/* The reason of that name, which is there once, or NULL. */
static json_t *reason(const json_t *of, const char *name)
{
    json_t *found = NULL, *item;
    size_t i;

    assert_true(json_is_array(json_object_get(of, "exits")));
    json_array_foreach(json_object_get(of, "exits"), i,
                       item) if (strcmp(json_string_value(json_object_get(item, "reason")), name) ==
                                 0)
    {
        assert_null(found);
        found = item;
    }
    return found;
}

/* In "keys" of a reason or "exit_keys" of a VM. @way "": it has none. */
static json_t *key(const json_t *of, const char *where, const char *kind, const char *name,
                   const char *way)
{
    json_t *item;
    size_t i;

    assert_true(json_is_array(json_object_get(of, where)));
    json_array_foreach(json_object_get(of, where), i, item)
    {
        const char *has = json_string_value(json_object_get(item, "way"));
        if (strcmp(json_string_value(json_object_get(item, "kind")), kind) == 0 &&
            strcmp(json_string_value(json_object_get(item, "key")), name) == 0 &&
            strcmp(has != NULL ? has : "", way) == 0)
            return item;
    }
    return NULL;
}

static void expect_int(const json_t *of, const char *name, json_int_t value)
{
    const json_t *number = json_object_get(of, name);

    assert_true(json_is_integer(number));
    assert_int_equal(json_integer_value(number), value);
}

static void expect_real(const json_t *of, const char *name, double value)
{
    const json_t *number = json_object_get(of, name);

    assert_true(json_is_number(number));
    assert_true(json_number_value(number) > value - 1e-9 &&
                json_number_value(number) < value + 1e-9);
}

static void expect_text(const json_t *of, const char *name, const char *text)
{
    assert_string_equal(json_string_value(json_object_get(of, name)), text);
}

static void json_has_the_reasons_of_vms_and_of_vcpus(void **state)
{
    json_t *json = record(EXITS_FAKE_SVM, 0), *io = reason(vm(json, 0), "io"), *port;

    (void)state;
    expect_text(io, "isa", "svm");
    expect_int(io, "count", 18000);
    expect_real(io, "rate", 1800);
    expect_int(io, "timed", 18000);
    expect_int(io, "time_ns", 18000 * 2500);
    expect_int(io, "min_ns", 1250);
    expect_int(io, "max_ns", 3750);
    expect_real(io, "time_ratio", 1800 * 2500 / 2e9); /* of two threads */
    const json_t *histogram = json_object_get(io, "histogram");
    assert_int_equal(json_array_size(histogram), 12); /* the last that has any holds 2 to 4 us */
    assert_int_equal(json_integer_value(json_array_get(histogram, 9)), 0);
    assert_int_equal(json_integer_value(json_array_get(histogram, 10)), 9000);
    assert_int_equal(json_integer_value(json_array_get(histogram, 11)), 9000);
    assert_null(json_object_get(io, "halt"));
    expect_int(reason(vcpu(json, 0, 0), "io"), "count", 6000);
    expect_int(reason(vcpu(json, 0, 1), "io"), "count", 12000);
    expect_int(reason(vcpu(json, 1, 0), "io"), "count", 18000);

    port = key(io, "keys", "port", "0x80", "out");
    expect_int(port, "count", 10500);
    expect_real(port, "rate", 1050);
    expect_text(port, "device", "POST code, I/O delay");
    /* A string instruction is one exit, and so many accesses. */
    expect_int(key(io, "keys", "port", "0x1f0", "in"), "count", 1500 * 256);
    expect_int(key(reason(vcpu(json, 0, 1), "io"), "keys", "port", "0x80", "out"), "count", 7000);
    assert_non_null(key(reason(vm(json, 0), "msr"), "keys", "msr", "0x6e0", "write"));
    assert_non_null(key(reason(vm(json, 0), "npf"), "keys", "mmio", "0xfee00000", "write"));
    assert_non_null(key(reason(vm(json, 0), "cpuid"), "keys", "cpuid", "0xb.1", ""));
    json_decref(json);
}

/* Two of the three vCPUs are halted for half of the time and more, one of them still. */
static void json_says_where_the_time_went(void **state)
{
    json_t *json = record(EXITS_FAKE_SVM, 0);

    (void)state;
    expect_real(vm(json, 0), "halt_ratio", 0.5);
    expect_real(vcpu(json, 0, 0), "halt_ratio", 0.45);
    expect_real(vcpu(json, 0, 1), "halt_ratio", 0.55);
    expect_real(reason(vcpu(json, 0, 1), "hlt"), "time_ratio", 0.55);
    assert_true(json_is_true(json_object_get(reason(vm(json, 0), "hlt"), "halt")));
    double rest = 1;
    json_t *item;
    size_t i;
    json_array_foreach(json_object_get(vm(json, 0), "exits"), i, item) rest -=
        json_number_value(json_object_get(item, "time_ratio"));
    expect_real(vm(json, 0), "guest_ratio", rest);
    json_decref(json);
}

static void what_was_not_timed_has_no_times(void **state)
{
    static const char *const times[] = {"time_ns", "min_ns", "max_ns", "time_ratio", "histogram"};
    json_t *json = record(EXITS_FAKE_SVM, 0), *interrupt = reason(vm(json, 0), "interrupt");

    (void)state;
    expect_int(interrupt, "count", 300);
    expect_int(interrupt, "timed", 0);
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
        assert_null(json_object_get(interrupt, times[i]));
    json_decref(json);
}

/* Each key stands in one place: what adds them up counts none of them twice. */
static void keys_of_no_one_reason_stand_beside_them(void **state)
{
    json_t *json = record(EXITS_FAKE_SVM, 0);

    (void)state;
    assert_int_equal(json_array_size(json_object_get(vm(json, 0), "exit_keys")), 4);
    assert_non_null(key(vm(json, 0), "exit_keys", "hypercall", "9", ""));
    expect_int(key(vm(json, 0), "exit_keys", "user", "IO", ""), "count", 17940);
    assert_non_null(key(vm(json, 0), "exit_keys", "user", "EINTR", ""));
    expect_int(key(vm(json, 0), "exit_keys", "nested", "npf", ""), "count", 90);
    json_decref(json);
    /* Three reasons of Intel's may have MMIO behind them, and two of them are there. */
    json = record(EXITS_FAKE_VMX, 0);
    assert_non_null(key(vm(json, 0), "exit_keys", "mmio", "0xfee00000", "write"));
    assert_int_equal(json_array_size(json_object_get(reason(vm(json, 0), "EPT_MISCONFIG"), "keys")),
                     0);
    assert_non_null(key(reason(vm(json, 0), "MSR_WRITE"), "keys", "msr", "0x6e0", "write"));
    json_decref(json);
}

static void reasons_of_one_name_are_one(void **state)
{
    json_t *json = record(EXITS_FAKE_VMX, 0), *io = reason(vm(json, 0), "IO_INSTRUCTION");

    (void)state;
    expect_int(io, "count", 18000);
    expect_int(io, "time_ns", 3 * (5980 * 2500 + 20 * 40000));
    expect_int(io, "min_ns", 1250);
    expect_int(io, "max_ns", 60000);
    expect_int(key(io, "keys", "port", "0x80", "out"), "count", 10500);
    json_decref(json);
}

static void without_exits_there_are_keys_and_no_ratios(void **state)
{
    json_t *json = record(EXITS_FAKE_KEYS_ONLY, 0);

    (void)state;
    assert_int_equal(json_array_size(json_object_get(vm(json, 0), "exits")), 0);
    expect_int(key(vm(json, 0), "exit_keys", "port", "0x80", "out"), "count", 10500);
    expect_int(key(vcpu(json, 0, 0), "exit_keys", "msr", "0x10", "read"), "count", 500);
    assert_null(json_object_get(vm(json, 0), "guest_ratio"));
    assert_null(json_object_get(vm(json, 0), "halt_ratio"));
    json_decref(json);
}

static void without_an_interval_there_are_no_rates(void **state)
{
    json_t *json = record(EXITS_FAKE_FIRST, 0), *io = reason(vm(json, 0), "io");
    const json_t *host = json_object_get(json_object_get(json, "host"), "exits");

    (void)state;
    expect_int(io, "count", 18000);
    assert_null(json_object_get(io, "rate"));
    assert_null(json_object_get(io, "time_ratio"));
    assert_null(json_object_get(key(io, "keys", "port", "0x80", "out"), "rate"));
    assert_null(json_object_get(vm(json, 0), "guest_ratio"));
    assert_null(json_object_get(host, "interval_s"));
    assert_null(json_object_get(host, "cost_ratio"));
    expect_real(host, "since_s", 10);
    json_decref(json);
}

static void the_host_says_what_holds_for_all(void **state)
{
    json_t *json = record(EXITS_FAKE_LOSING, 0);
    const json_t *host = json_object_get(json_object_get(json, "host"), "exits");
    const json_t *lost = json_object_get(host, "lost");

    (void)state;
    expect_text(host, "state", "counted");
    assert_null(json_object_get(host, "why"));
    expect_real(host, "interval_s", 1);
    expect_int(lost, "threads", 2000);
    expect_int(lost, "reasons", 0);
    expect_int(lost, "keys", 70);
    expect_int(host, "missed", 3);
    expect_int(host, "strangers", 0);
    assert_true(json_is_real(json_object_get(host, "cost_ratio")));
    assert_int_equal(json_array_size(json_object_get(host, "events")), EXITS_EVENT_COUNT - 1);
    assert_string_equal(json_string_value(json_array_get(json_object_get(host, "events"), 0)),
                        "kvm_exit");
    json_decref(json);
}

static void json_without_them_says_nothing_or_why(void **state)
{
    json_t *json = record(EXITS_FAKE_FAILED, 0);
    const json_t *host = json_object_get(json_object_get(json, "host"), "exits");

    (void)state;
    expect_text(host, "state", "failed");
    assert_non_null(strstr(json_string_value(json_object_get(host, "why")), "CAP_BPF"));
    assert_int_equal(json_object_size(host), 2);
    assert_null(json_object_get(vm(json, 0), "exits"));
    assert_null(json_object_get(vm(json, 0), "exit_keys"));
    json_decref(json);
    json = record(NOT_ASKED, 0);
    assert_null(json_object_get(json_object_get(json, "host"), "exits"));
    assert_null(json_object_get(vm(json, 0), "exits"));
    json_decref(json);
    /* Of a process that is not watched nothing is known: no list, and not an empty one. */
    json = record(EXITS_FAKE_SVM, 5201);
    assert_null(json_object_get(vm(json, 0), "exits"));
    assert_null(json_object_get(vcpu(json, 0, 0), "exits"));
    assert_non_null(reason(vm(json, 1), "io"));
    expect_int(json_object_get(json_object_get(json, "host"), "exits"), "pid", 5201);
    json_decref(json);
}

/* --- CSV --- */

#define HEADER_0_1 "time,pid,vm_fd,vm,vcpu,field,bucket,kind,unit,exponent,value,rate,state,cause"
#define AT         "2026-01-01T00:00:01.123Z,5164,9,vm16,"

static void expect_line(const char *text, const char *line)
{
    size_t len = strlen(line);

    for (const char *p = text; *p != '\0'; p += strcspn(p, "\n") + 1)
        if (strncmp(p, line, len) == 0 && p[len] == '\n')
            return;
    fail_msg("no line '%s' in:\n%s", line, text);
}

static void csv_has_them_as_rows_of_the_same_columns(void **state)
{
    struct report r = {.format = &report_csv, .fresh = true};
    char *text = print(&r, EXITS_FAKE_SVM, 0);

    (void)state;
    expect_line(text, HEADER_0_1 ",cause_id");
    expect_line(text, AT ",exit:io,,cumulative,none,0,18000,1800,ok,,");
    expect_line(text, AT "1,exit:io,,cumulative,none,0,12000,1200,ok,,");
    expect_line(text, AT ",exit_time:io,,cumulative,seconds,-9,45000000,4500000,ok,,");
    expect_line(text, AT ",exit_key:port:0x80:out,,cumulative,none,0,10500,1050,ok,,");
    expect_line(text, AT "0,exit_key:cpuid:0xb.1,,cumulative,none,0,100,10,ok,,");
    expect_line(text, AT ",exit_key:user:IO,,cumulative,none,0,17940,1770,ok,,");
    expect_line(text, AT ",exit_key:nested:npf,,cumulative,none,0,90,9,ok,,");
    expect_line(text, AT ",halt_ratio,,instant,ratio,0,0.5,,ok,,");
    expect_line(text, AT ",exit:interrupt,,cumulative,none,0,300,30,ok,,");
    assert_null(strstr(text, "exit_time:interrupt"));
    free(text);
    r = (struct report){.format = &report_csv};
    text = print(&r, EXITS_FAKE_FIRST, 0);
    expect_line(text, AT ",exit:io,,cumulative,none,0,18000,,warmup,,warmup");
    free(text);
    for (int kind = NOT_ASKED; kind <= EXITS_FAKE_FAILED; kind += EXITS_FAKE_FAILED + 1) {
        text = print(&r, kind, 0);
        assert_null(strstr(text, ",exit:"));
        assert_null(strstr(text, "guest_ratio"));
        free(text);
    }
}

/* A log that was begun without -t, or by version 0.1.0, goes on with it. */
static void a_csv_log_begun_without_them_goes_on(void **state)
{
    struct report r = {
        .format = &report_csv, .stream = true, .joins = true, .header = HEADER_0_1 ",cause_id"};
    char *text = print(&r, EXITS_FAKE_SVM, 0);

    (void)state;
    expect_line(text, AT ",exit:io,,cumulative,none,0,18000,1800,ok,,");
    free(text);
    r = (struct report){.format = &report_csv, .stream = true, .joins = true, .header = HEADER_0_1};
    text = print(&r, EXITS_FAKE_SVM, 0);
    expect_line(text, AT ",exit:io,,cumulative,none,0,18000,1800,ok,");
    free(text);
}

/* --- text --- */

static void text_has_a_table_of_reasons(void **state)
{
    static const char *const lines[] = {
        "  vCPU        TID     CPU%    WAIT%        exits/s             tsc-offset   GUEST%    "
        "HALT%",
        "  1          6001    25.0%     0.0%           60.0            -9553258952    44.6%    "
        "55.0%",
        "  exits counted for 10.000 s, rates over 1.000 s; in the guest 49.7%, halted 50.0%, at "
        "work outside of it 0.3%; counting takes 0.1%, estimated",
        "  EXIT REASON                                         COUNT     PER SECOND       %  "
        "WORK %     AVG     P50     P99     MAX",
        "  io                                                  18000         1800.0   77.6%   "
        "76.8%   2.5us   2.0us   3.8us   3.8us",
        "    port in 0x1f0 (IDE)                              384000        38400.0    8.3%",
        "    port out 0x80 (POST code, I/O delay)              10500         1050.0   58.3%",
        "  interrupt                                             300           30.0    1.3%       "
        "-       -       -       -       -",
        "    mmio read 0xfed00000 (HPET)                          90            0.0    0.0%",
        "  WAITING                                             COUNT     PER SECOND       %  "
        "TIME %     AVG     P50     P99     MAX",
        "  hlt                                                  1000          100.0    4.3%   "
        "50.0%   9.0ms   8.4ms    14ms    14ms",
        "  TO USER SPACE                                       COUNT     PER SECOND       %",
        "  KVM_EXIT_IO                                         17940         1770.0   99.8%",
        "  EINTR                                                  30            3.0    0.2%",
        "  hypercall 9 (CLOCK_PAIRING)                            12            3.0  100.0%",
        "  nested npf                                             90            9.0  100.0%",
    };
    struct report r = {.format = &report_text};
    char *text = print(&r, EXITS_FAKE_SVM, 0);

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        expect_line(text, lines[i]);
    /* the most frequent first, and waiting apart from work */
    assert_true(strstr(text, "\n  io ") < strstr(text, "\n  npf "));
    assert_true(strstr(text, "\n  npf ") < strstr(text, "\n  hlt "));
    free(text);
    r.skip_zero = true;
    text = print(&r, EXITS_FAKE_SVM, 0);
    assert_null(strstr(text, "HPET"));
    assert_non_null(strstr(text, "local APIC"));
    free(text);
}

static void text_without_reasons_says_why(void **state)
{
    struct report r = {.format = &report_text};
    char *text = print(&r, EXITS_FAKE_KEYS_ONLY, 0);

    (void)state;
    assert_non_null(strstr(text, "no reasons: KVM reports no exits on this host"));
    assert_null(strstr(text, "EXIT REASON"));
    assert_null(strstr(text, "in the guest"));
    expect_line(text,
                "  port out 0x80 (POST code, I/O delay)                10500         1050.0   "
                "77.8%");
    free(text);
    text = print(&r, EXITS_FAKE_FAILED, 0);
    assert_non_null(strstr(text, "\nexits are not counted: BPF programs may not be loaded"));
    assert_null(strstr(text, "EXIT REASON"));
    assert_null(strstr(text, "GUEST%"));
    free(text);
    text = print(&r, EXITS_FAKE_LOSING, 0);
    expect_line(text, "2073 events of exits are in no number, for lack of room or unseen");
    free(text);
    text = print(&r, EXITS_FAKE_FIRST, 0);
    expect_line(text, "  exits counted for 10.000 s");
    free(text);
    text = print(&r, NOT_ASKED, 0);
    assert_null(strstr(text, "GUEST%"));
    assert_null(strstr(text, "exits counted"));
    free(text);
}

static void a_text_log_has_them_below_the_row_of_the_vm(void **state)
{
    struct report r = {.format = &report_text, .stream = true};
    char *text = print(&r, EXITS_FAKE_SVM, 0);
    const char *first = strstr(text, " vm16 "), *second = strstr(text, " 5201 ");

    (void)state;
    assert_true(first != NULL && second != NULL);
    const char *io = strstr(first, "\n  io ");
    assert_true(io != NULL && io < second && strstr(second, "\n  io ") != NULL);
    assert_null(strstr(text, "HPET")); /* not in this interval */
    free(text);
}

/* The counters of the other VM stand still, but it had exits. */
static void a_vm_with_exits_is_not_idle(void **state)
{
    const struct report_format *const formats[] = {&report_csv, &report_json, &report_text};
    struct filter exits_only;
    struct error err;

    (void)state;
    assert_int_equal(filter_open(&(struct filter_choice){.fields = "^exits$"}, &exits_only, &err),
                     0);
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        struct report r = {
            .format = formats[i], .filter = &exits_only, .stream = true, .skip_zero = true};
        char *text = print(&r, NOT_ASKED, 0);
        assert_null(strstr(text, "5201"));
        free(text);
        text = print(&r, EXITS_FAKE_SVM, 0);
        assert_non_null(strstr(text, "5201"));
        free(text);
    }
    filter_close(&exits_only);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_has_the_reasons_of_vms_and_of_vcpus),
        cmocka_unit_test(json_says_where_the_time_went),
        cmocka_unit_test(what_was_not_timed_has_no_times),
        cmocka_unit_test(keys_of_no_one_reason_stand_beside_them),
        cmocka_unit_test(reasons_of_one_name_are_one),
        cmocka_unit_test(without_exits_there_are_keys_and_no_ratios),
        cmocka_unit_test(without_an_interval_there_are_no_rates),
        cmocka_unit_test(the_host_says_what_holds_for_all),
        cmocka_unit_test(json_without_them_says_nothing_or_why),
        cmocka_unit_test(csv_has_them_as_rows_of_the_same_columns),
        cmocka_unit_test(a_csv_log_begun_without_them_goes_on),
        cmocka_unit_test(text_has_a_table_of_reasons),
        cmocka_unit_test(text_without_reasons_says_why),
        cmocka_unit_test(a_text_log_has_them_below_the_row_of_the_vm),
        cmocka_unit_test(a_vm_with_exits_is_not_idle),
    };
    setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
