// SPDX-License-Identifier: MIT
/* Exits in CSV and text; those in metrics are in test_metrics.c. */
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

/* The caller frees it. */
static char *print(struct report *r, int kind)
{
    struct two_vms *t = two_vms_new();
    struct snapshot *s = two_vms_second(t);
    char *text = NULL;

    if (kind != NOT_ASKED)
        s->exits = exits_fake(s, (enum exits_fake)kind);
    r->filter = r->filter != NULL ? r->filter : &all;
    r->verbose = true;
    assert_int_equal(report_make(r, NULL, s, &text, NULL), 0);
    snapshot_free(s);
    two_vms_free(t);
    return text;
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
    char *text = print(&r, EXITS_FAKE_SVM);

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
    text = print(&r, EXITS_FAKE_FIRST);
    expect_line(text, AT ",exit:io,,cumulative,none,0,18000,,warmup,,warmup");
    free(text);
    for (int kind = NOT_ASKED; kind <= EXITS_FAKE_FAILED; kind += EXITS_FAKE_FAILED + 1) {
        text = print(&r, kind);
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
    char *text = print(&r, EXITS_FAKE_SVM);

    (void)state;
    expect_line(text, AT ",exit:io,,cumulative,none,0,18000,1800,ok,,");
    free(text);
    r = (struct report){.format = &report_csv, .stream = true, .joins = true, .header = HEADER_0_1};
    text = print(&r, EXITS_FAKE_SVM);
    expect_line(text, AT ",exit:io,,cumulative,none,0,18000,1800,ok,");
    free(text);
}

/* --- text --- */

static void text_has_a_table_of_reasons(void **state)
{
    static const char *const lines[] = {
        "  vCPU      TID    CPU%   WAIT%    exits/s            tsc-offset  GUEST%  HALT%",
        "  1        6001   25.0%    0.0%       60.0           -9553258952   44.6%  55.0%",
        "  exits counted for 10.000 s, rates over 1.000 s; in the guest 49.7%, halted",
        "    50.0%, exits 0.3%; counting takes 0.1%, estimated",
        "  EXIT REASON               COUNT    PER S      %  TIME%   AVG   P50   P99   MAX",
        "  io                        18000   1800.0  77.6%  76.8% 2.5us 2.0us 3.8us 3.8us",
        "    port in 0x1f0 (IDE)    384000  38400.0   8.3%",
        "    port out 0x80 (POST code, I/O delay) 10500   1050.0  58.3%",
        "  interrupt                   300     30.0   1.3%      -     -     -     -     -",
        "    mmio read 0xfed00000 (HPET) 90      0.0   0.0%",
        "  WAITING, of all time      COUNT    PER S      %  TIME%   AVG   P50   P99   MAX",
        "  hlt                        1000    100.0   4.3%  50.0% 9.0ms 8.4ms  14ms  14ms",
        "  TO USER SPACE             COUNT    PER S      %",
        "  KVM_EXIT_IO               17940   1770.0  99.8%",
        "  EINTR                        30      3.0   0.2%",
        "  hypercall 9 (CLOCK_PAIRING)  12      3.0 100.0%",
        "  nested npf                   90      9.0 100.0%",
    };
    struct report r = {.format = &report_text};
    char *text = print(&r, EXITS_FAKE_SVM);

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        expect_line(text, lines[i]);
    /* the most frequent first, and waiting apart from work */
    assert_true(strstr(text, "\n  io ") < strstr(text, "\n  npf "));
    assert_true(strstr(text, "\n  npf ") < strstr(text, "\n  hlt "));
    free(text);
    r.skip_zero = true;
    text = print(&r, EXITS_FAKE_SVM);
    assert_null(strstr(text, "HPET"));
    assert_non_null(strstr(text, "local APIC"));
    free(text);
}

/* Shares of time are of the threads that were seen: of how many is said where that is not all. */
static void text_says_how_many_vcpus_were_seen(void **state)
{
    struct report r = {.format = &report_text, .filter = &all, .verbose = true};
    struct two_vms *t = two_vms_new();
    struct snapshot *s = two_vms_second(t);
    char *text;

    (void)state;
    s->exits = exits_fake(s, EXITS_FAKE_SVM);
    s->exits->vcpus[1].threads = 0;
    assert_int_equal(report_make(&r, NULL, s, &text, NULL), 0);
    assert_non_null(strstr(text, "; 1 of 2 vCPUs seen; in the\n    guest "));
    assert_null(strstr(strstr(text, "vCPUs seen") + 1, "vCPUs seen")); /* all of the other VM */
    free(text);
    snapshot_free(s);
    two_vms_free(t);
}

/* Many, in no order of how many there were: the most frequent are shown, the others counted. */
static void text_has_the_most_frequent_keys(void **state)
{
    struct exit_key_row ports[15];
    struct report r = {.format = &report_text, .filter = &all, .verbose = true};
    struct two_vms *t = two_vms_new();
    struct snapshot *s = two_vms_second(t);
    char *text, line[120];

    (void)state;
    for (unsigned i = 0; i < 15; i++) {
        uint64_t count = (i * 7) % 15 + 1; /* each of 1 to 15 once */
        ports[i] = (struct exit_key_row){.kind = EXIT_KEY_PORT_WRITE,
                                         .value = 0xe000 + count,
                                         .count = count,
                                         .interval_count = count,
                                         .events = count,
                                         .interval_events = count};
    }
    s->exits = exits_fake(s, EXITS_FAKE_SVM);
    s->exits->vms[0].keys = ports;
    s->exits->vms[0].key_count = 15;
    assert_int_equal(report_make(&r, NULL, s, &text, NULL), 0);
    const char *at = strstr(text, "\n  io ");
    for (unsigned count = 15; count > 5; count--) {
        snprintf(line, sizeof(line), "\n    port out 0x%x ", 0xe000 + count);
        assert_non_null(at);
        at = strstr(at, line);
    }
    assert_non_null(at);
    at = strchr(at + 1, '\n');
    assert_int_equal(strncmp(at, "\n    and 5 more\n", 16), 0);
    assert_null(strstr(text, "0xe005"));
    free(text);
    snapshot_free(s);
    two_vms_free(t);
}

static void text_without_reasons_says_why(void **state)
{
    struct report r = {.format = &report_text};
    char *text = print(&r, EXITS_FAKE_KEYS_ONLY);

    (void)state;
    assert_non_null(strstr(text, "no reasons: KVM reports no exits on this host"));
    assert_null(strstr(text, "EXIT REASON"));
    assert_null(strstr(text, "in the guest"));
    expect_line(text, "  port out 0x80 (POST code, I/O delay) 10500   1050.0  77.8%");
    free(text);
    text = print(&r, EXITS_FAKE_FAILED);
    assert_non_null(strstr(text, "\nexits are not counted: BPF programs may not be loaded"));
    assert_null(strstr(text, "EXIT REASON"));
    assert_null(strstr(text, "GUEST%"));
    free(text);
    text = print(&r, EXITS_FAKE_LOSING);
    expect_line(text, "2073 events of exits are in no number, for lack of room or unseen");
    free(text);
    text = print(&r, EXITS_FAKE_FIRST);
    expect_line(text, "  exits counted for 10.000 s");
    free(text);
    text = print(&r, NOT_ASKED);
    assert_null(strstr(text, "GUEST%"));
    assert_null(strstr(text, "exits counted"));
    free(text);
}

static void a_text_log_has_them_below_the_row_of_the_vm(void **state)
{
    struct report r = {.format = &report_text, .stream = true};
    char *text = print(&r, EXITS_FAKE_SVM);
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
        char *text = print(&r, NOT_ASKED);
        assert_null(strstr(text, "5201"));
        free(text);
        text = print(&r, EXITS_FAKE_SVM);
        assert_non_null(strstr(text, "5201"));
        free(text);
    }
    filter_close(&exits_only);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv_has_them_as_rows_of_the_same_columns),
        cmocka_unit_test(a_csv_log_begun_without_them_goes_on),
        cmocka_unit_test(text_has_a_table_of_reasons),
        cmocka_unit_test(text_says_how_many_vcpus_were_seen),
        cmocka_unit_test(text_has_the_most_frequent_keys),
        cmocka_unit_test(text_without_reasons_says_why),
        cmocka_unit_test(a_text_log_has_them_below_the_row_of_the_vm),
        cmocka_unit_test(a_vm_with_exits_is_not_idle),
    };
    setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
