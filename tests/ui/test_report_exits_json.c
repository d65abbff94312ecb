// SPDX-License-Identifier: MIT
/* Exits in JSON. */
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
    expect_int(vm(json, 0), "vcpus_seen", 2);
    assert_null(json_object_get(vcpu(json, 0, 0), "vcpus_seen"));
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
    };
    setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
