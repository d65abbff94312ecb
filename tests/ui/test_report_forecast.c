// SPDX-License-Identifier: MIT
/* Forecasts as people and machines see them. */
#include "ui/report/report_forecast.h"

#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#define MIB 1048576.0

/* 40,000 pages of a gigabyte, written round and round within a second. */
static struct dirty_curve curve_of(double pages)
{
    struct dirty_curve curve = {.population = 100000,
                                .sampled = 16384,
                                .shortest_s = 0.1,
                                .longest_s = 3.2,
                                .dispersion = 1,
                                .initial_per_s = pages};

    curve.middle.terms[0] = (struct dirty_term){DIRTY_TERM_RAMP, pages, 1};
    curve.middle.term_count = 1;
    curve.low = curve.high = curve.middle;
    curve.low.terms[0].pages *= 0.9;
    curve.high.terms[0].pages *= 1.1;
    return curve;
}

static struct forecast_made made_of(bool is_ranked)
{
    return (struct forecast_made){.settings = forecast_settings_default,
                                  .duration_s = 3.2,
                                  .wall = {.tv_sec = 1767225600},
                                  .is_ranked = is_ranked};
}

/* One that ends, with numbers that are easily told from each other. */
static struct forecast_vm ending(const char *name, pid_t pid)
{
    return (struct forecast_vm){
        .vm = {.pid = pid, .fd = 9},
        .name = name,
        .name_raw = name,
        .vmm = "qemu",
        .is_known = true,
        .seen = {.pages = {.untouched = 162144,
                           .resident = 100000,
                           .zero = 1234.4,
                           .zero_low = 1100.7,
                           .zero_high = 1400.2},
                 .curve = curve_of(40000),
                 .duration_s = 3.2},
        .forecast = {.bytes = {400e6, 390.25e6, 410e6},
                     .rounds = {3, 2, 4},
                     .total_s = {12.25, 11.5, 13},
                     .downtime_ms = {45.5, 40, 60},
                     .margin = {2.5, 2.25, 2.75},
                     .converges = FORECAST_DOES,
                     .reasons = FORECAST_ONE_ROUND | FORECAST_EXTRAPOLATED},
        .ram_bytes = 1024 * MIB,
        .cost = {.elapsed_s = 3.25, .cpu_s = 0.125, .bytes_read = 440 << 20},
    };
}

static struct forecast_vm endless(const char *name, pid_t pid)
{
    struct forecast_vm vm = ending(name, pid);
    const struct forecast_range never = {INFINITY, INFINITY, INFINITY};

    vm.forecast = (struct forecast){.bytes = never,
                                    .rounds = never,
                                    .total_s = never,
                                    .downtime_ms = never,
                                    .margin = {0.5, 0.45, 0.6},
                                    .converges = FORECAST_DOES_NOT,
                                    .reasons = FORECAST_TOO_FAST};
    vm.has_remedy = true;
    vm.remedy =
        (struct forecast_remedy){.bandwidth = 248e6,
                                 .auto_converge = true,
                                 .with_auto_converge = {.throttle = 0.5, .total_s = {14, 13, 15}}};
    return vm;
}

static struct forecast_vm void_one(const char *name, pid_t pid)
{
    struct forecast_vm vm = ending(name, pid);

    vm.seen.voids = 1u << SCAN_VOID_VFIO | 1u << SCAN_VOID_SWAPPED;
    vm.seen.is_spoilt = true;
    vm.forecast.converges = FORECAST_UNSURE;
    return vm;
}

static struct forecast_vm refused(const char *name, pid_t pid)
{
    return (struct forecast_vm){.vm = {.pid = pid, .fd = 9},
                                .name = name,
                                .name_raw = name,
                                .vmm = "qemu",
                                .error = {.code = -1, .msg = "the process ended during the scan"}};
}

typedef int report_fn(const struct forecast_made *, const struct forecast_vm *, size_t, FILE *);

static char *print(report_fn *report, const struct forecast_made *made,
                   const struct forecast_vm *vms, size_t count)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    assert_non_null(out);
    assert_int_equal(report(made, vms, count, out), 0);
    fclose(out);
    return text;
}

static void expect_text(const struct forecast_made *made, const struct forecast_vm *vms,
                        size_t count, const char *wanted)
{
    char *text = print(report_forecast_text, made, vms, count);

    assert_string_equal(text, wanted);
    free(text);
}

static json_t *json_of(const struct forecast_made *made, const struct forecast_vm *vm)
{
    char *text = print(report_forecast_json, made, vm, 1);

    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1); /* one line */
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    free(text);
    return root;
}

/* --- text --- */

static void one_that_ends_is_told_in_full_with_ranges(void **state)
{
    const struct forecast_made made = made_of(false);
    const struct forecast_vm vm = ending("web", 77);

    (void)state;
    expect_text(&made, &vm, 1,
                "web (77, qemu)   1.0G   looked at for 3.2s\n"
                "Migration  ends\n"
                "Because    little is left after the first pass over memory\n"
                "           its rounds are longer than the VM was looked at: look longer to be\n"
                "           surer\n"
                "By         precopy at 125 MB/s (1 Gbit/s), downtime at most 300 ms\n"
                "Time       12s          12s .. 13s\n"
                "Sends      381M         372M .. 391M\n"
                "Downtime   46ms         40ms .. 60ms, less on a faster line (--link)\n"
                "Passes     3            2 .. 4\n"
                "Margin     would just end at 2.5 times its present write rate (2.2 .. 2.8)\n"
                "Pages      162,144 untouched, 100,000 resident, about 1,234 zero (1,100 ..\n"
                "           1,401)\n"
                "Dirtied in 100ms        4,000 15.6M  3.6k .. 4.4k     ###\n"
                "           200ms        8,000 31.2M  7.2k .. 8.8k     #####\n"
                "           500ms       20,000 78.1M  18.0k .. 22.0k   #############\n"
                "            1.0s       40,000  156M  36.0k .. 44.0k   #########################\n"
                "            2.0s       40,000  156M  36.0k .. 44.0k   #########################\n"
                "            5.0s~      40,000  156M  36.0k .. 44.0k   #########################\n"
                "             10s~      40,000  156M  36.0k .. 44.0k   #########################\n"
                "             20s~      40,000  156M  36.0k .. 44.0k   #########################\n"
                "             60s~      40,000  156M  36.0k .. 44.0k   #########################\n"
                "           pages; ~ is outside of the times that it was looked at. A page that\n"
                "           is written with the bytes it has is not seen here, but is sent again.\n"
                "Cost       3.2s, 125ms CPU, 440M of a random sample read; pages looked at are\n"
                "           marked accessed\n");
}

/* Up to the pages: what follows is as of one that ends. */
static void expect_begin(const struct forecast_made *made, const struct forecast_vm *vm,
                         const char *wanted)
{
    char *text = print(report_forecast_text, made, vm, 1);

    char *end = strstr(text, "\nPages ");
    if (end != NULL)
        end[1] = '\0';
    assert_string_equal(text, wanted);
    free(text);
}

static void one_that_does_not_end_has_no_numbers_but_ways_out(void **state)
{
    struct forecast_made made = made_of(false);
    struct forecast_vm vm = endless("db", 78);

    (void)state;
    expect_begin(&made, &vm,
                 "db (78, qemu)   1.0G   looked at for 3.2s\n"
                 "Migration  does not end: the guest dirties memory faster than it is sent\n"
                 "Because    pages are dirtied faster than they are sent\n"
                 "By         precopy at 125 MB/s (1 Gbit/s), downtime at most 300 ms\n"
                 "Time       never\n"
                 "Margin     would just end at 0.5 times its present write rate (0.45 .. 0.6)\n"
                 "To end     send about 250 MB/s (2 Gbit/s) or more (--bandwidth)\n"
                 "or         hold its vCPUs back for up to 50 %: it takes about 14 s\n"
                 "           (--auto-converge)\n"
                 "or         have it write less: see the margin\n");
    vm.remedy = (struct forecast_remedy){.auto_converge = false};
    made.settings.auto_converge = true;
    made.settings.mode = FORECAST_MULTIFD;
    made.settings.link_bandwidth = 1250e6;
    made.settings.zero_detection = FORECAST_ZERO_LEGACY;
    expect_begin(&made, &vm,
                 "db (78, qemu)   1.0G   looked at for 3.2s\n"
                 "Migration  does not end: the guest dirties memory faster than it is sent\n"
                 "Because    pages are dirtied faster than they are sent\n"
                 "By         multifd with 2 channels at 125 MB/s (1 Gbit/s), then 1250 MB/s (10\n"
                 "           Gbit/s), downtime at most 300 ms, auto-converge,\n"
                 "           zero-page-detection=legacy\n"
                 "Time       never\n"
                 "Margin     would just end at 0.5 times its present write rate (0.45 .. 0.6)\n"
                 "To end     have it write less: see the margin\n");
}

static void a_rate_below_one_page_does_not_read_as_none(void **state)
{
    const struct forecast_made made = made_of(false);
    struct forecast_vm vm = ending("idle", 81);

    (void)state;
    vm.seen.curve = curve_of(3);
    char *text = print(report_forecast_text, &made, &vm, 1);
    assert_non_null(strstr(text, "\nDirtied in 100ms           <1  1.2K  0 .. 1 "));
    free(text);
}

/* It may end: the best case has numbers, and the worst has none. */
static void one_that_may_end_says_never_only_where_it_may_not(void **state)
{
    const struct forecast_made made = made_of(false);
    struct forecast_vm vm = ending("db", 78);

    (void)state;
    vm.forecast.converges = FORECAST_UNSURE;
    vm.forecast.reasons = FORECAST_NEAR_LIMIT;
    vm.forecast.bytes.high = vm.forecast.rounds.high = vm.forecast.total_s.high =
        vm.forecast.downtime_ms.high = INFINITY;
    expect_begin(&made, &vm,
                 "db (78, qemu)   1.0G   looked at for 3.2s\n"
                 "Migration  unsure: it may take long, or not end\n"
                 "Because    it is close: a little more or less load decides\n"
                 "By         precopy at 125 MB/s (1 Gbit/s), downtime at most 300 ms\n"
                 "Time       12s          12s .. never\n"
                 "Sends      381M         372M .. without end\n"
                 "Downtime   46ms         40ms .. never, less on a faster line (--link)\n"
                 "Passes     3            2 .. without end\n"
                 "Margin     would just end at 2.5 times its present write rate (2.2 .. 2.8)\n");
}

static void one_that_is_void_shows_no_number_of_a_migration(void **state)
{
    const struct forecast_made made = made_of(false);
    struct forecast_vm vm = void_one("gpu", 79);

    (void)state;
    vm.is_partial = true;
    expect_text(&made, &vm, 1,
                "gpu (79, qemu)   1.0G   looked at for 3.2s   PARTIAL: ended before its time\n"
                "Migration  void: what was seen does not tell what a migration would take\n"
                "Void       a device is passed through: such a VM migrates otherwise, or not at\n"
                "           all\n"
                "Note       a part of the RAM is swapped out: it is not looked at, and a\n"
                "           migration reads it back\n"
                "By         precopy at 125 MB/s (1 Gbit/s), downtime at most 300 ms\n"
                "Cost       3.2s, 125ms CPU, 440M of a random sample read; pages looked at are\n"
                "           marked accessed\n");
}

static void several_are_a_table_with_the_cheapest_first(void **state)
{
    const struct forecast_made made = made_of(true);
    struct forecast_vm vms[] = {
        refused("gone", 1),
        void_one("gpu", 2),
        endless("db", 3),
        ending("web", 4),
        ending("a name that is longer than its column", 5),
        ending("\xE4\xBB\xAE\xE6\x83\xB3\xE4\xBB\xAE\xE6\x83\xB3\xE4\xBB\xAE\xE6\x83\xB3"
               "\xE4\xBB\xAE\xE6\x83\xB3\xE4\xBB\xAE\xE6\x83\xB3\xE4\xBB\xAE",
               6),
    };
    enum { COUNT = sizeof(vms) / sizeof(vms[0]) };

    (void)state;
    for (size_t i = 0; i < COUNT; i++)
        vms[i].place = i;
    vms[4].forecast.total_s = (struct forecast_range){5, 4.5, 6};
    forecast_vms_sort(vms, COUNT);
    expect_text(&made, vms, COUNT,
                "precopy at 125 MB/s (1 Gbit/s), downtime at most 300 ms; each seen for 3.2s\n"
                "  # NAME                  PID   RAM   TIME FROM .. TO       SENDS   DOWN ENDS\n"
                "  1 a name that is l~       5  1.0G   5.0s 4.5s .. 6.0s      381M   46ms yes\n"
                "  2 web                     4  1.0G    12s 12s .. 13s        381M   46ms yes\n"
                "  3 "
                "\xE4\xBB\xAE\xE6\x83\xB3\xE4\xBB\xAE\xE6\x83\xB3\xE4\xBB\xAE\xE6\x83\xB3\xE4\xBB"
                "\xAE\xE6\x83\xB3~       6  1.0G    12s 12s .. 13s        381M   46ms yes\n"
                "  4 db                      3  1.0G      - -                    -      - no\n"
                "  - gpu                     2  1.0G      - -                    -      - void\n"
                "  - gone                    1     -      - -                    -      - unknown\n"
                "gpu (2): a device is passed through: such a VM migrates otherwise, or not at all\n"
                "gpu (2): a part of the RAM is swapped out: it is not looked at, and a migration\n"
                "  reads it back\n"
                "gone (1): no forecast: the process ended during the scan\n"
                "A page that is written with the bytes it has is not seen here, but is sent\n"
                "again.\n");
}

/* With 30 VMs nobody reads the same sentence 30 times. */
static void what_is_true_of_several_is_said_once(void **state)
{
    const struct forecast_made made = made_of(true);
    struct forecast_vm vms[] = {ending("web", 4), ending("db", 5), ending("mail", 6)};

    (void)state;
    for (size_t i = 0; i < 3; i++)
        vms[i].seen.voids = 1u << SCAN_VOID_HUGE_PAGES;
    vms[0].seen.voids |= 1u << SCAN_VOID_SWAPPED;
    vms[2].seen.voids |= 1u << SCAN_VOID_SWAPPED;
    char *text = print(report_forecast_text, &made, vms, 3);
    assert_non_null(strstr(
        text, "\nweb (4), mail (6): a part of the RAM is swapped out: it is not looked at, "
              "and a\n  migration reads it back\n"
              "all 3 VMs: much of the RAM lies in huge pages, which KVM splits while it logs\n"
              "  writes: the guest may write more slowly then than it does now\n"
              "A page"));
    free(text);
}

/* What the scan says of the memory it looked at is true of the forecast. */
static void warnings_of_the_scan_are_told(void **state)
{
    static char warnings[][200] = {"this process holds 2 VMs: the figures are those of all of them",
                                   ""};
    struct scan_report report = {.state = SCAN_FAILED, .warnings = warnings, .warning_count = 2};
    struct forecast_made made = made_of(false);
    struct forecast_vm vms[] = {ending("web", 4), ending("db", 5), ending("web", 4)};
    struct forecast_vm vm = ending("web", 4), noted = vm;

    (void)state;
    snprintf(warnings[1], sizeof(warnings[1]), "%s", scan_void_text(SCAN_VOID_SWAPPED));
    forecast_vm_note(&noted, &report, &made.settings);
    assert_int_equal(noted.note_count, 1); /* the other one is a void, and said as such */
    vm.note_count = noted.note_count;
    memcpy(vm.notes, noted.notes, sizeof(vm.notes));
    char *text = print(report_forecast_text, &made, &vm, 1);
    assert_non_null(strstr(text,
                           "\nNote       this process holds 2 VMs: the figures are those of all "
                           "of them\n"));
    free(text);
    made.is_ranked = true;
    vms[0] = vms[2] = vm;
    text = print(report_forecast_text, &made, vms, 3);
    assert_non_null(strstr(
        text, "\nweb (4): this process holds 2 VMs: the figures are those of all of them\nA page"));
    free(text);
    json_t *root = json_of(&made, &vm), *array = json_object_get(root, "warnings");
    assert_int_equal(json_array_size(array), 1);
    assert_string_equal(json_string_value(json_array_get(array, 0)), warnings[0]);
    json_decref(root);
}

/* --- JSON --- */

static void integers_stay_integers_and_bounds_are_rounded_outwards(void **state)
{
    const struct forecast_made made = made_of(false);
    const struct forecast_vm vm = ending("w\xff", 77);
    json_t *root = json_of(&made, &vm), *wire = json_object_get(root, "wire"),
           *pages = json_object_get(root, "pages"), *dirty = json_object_get(root, "dirty"),
           *settings = json_object_get(root, "settings"), *point, *curve;
    static const struct {
        const char *name;
        json_int_t value;
    } counts[] = {{"rounds", 3}, {"rounds_low", 2}, {"rounds_high", 4}, {"pid", 77}, {"vm_fd", 9}};
    static const struct {
        const char *name;
        double value;
    } reals[] = {{"total_s", 12.25},    {"total_s_low", 11.5},   {"total_s_high", 13},
                 {"downtime_ms", 45.5}, {"downtime_ms_low", 40}, {"downtime_ms_high", 60},
                 {"margin", 2.5},       {"margin_low", 2.25},    {"margin_high", 2.75},
                 {"looked_s", 3.2},     {"throttle", 0}};

    (void)state;
    assert_string_equal(json_string_value(json_object_get(root, "schema")), "kvmlens-forecast/1");
    assert_string_equal(json_string_value(json_object_get(root, "time")),
                        "2026-01-01T00:00:00.000Z");
    assert_string_equal(json_string_value(json_object_get(root, "name")), "w\xEF\xBF\xBD");
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        const json_t *value = json_object_get(root, counts[i].name);
        if (!json_is_integer(value) || json_integer_value(value) != counts[i].value)
            fail_msg("%s", counts[i].name);
    }
    for (size_t i = 0; i < sizeof(reals) / sizeof(reals[0]); i++) {
        const json_t *value = json_object_get(root, reals[i].name);
        if (!json_is_number(value) || fabs(json_number_value(value) - reals[i].value) > 1e-9)
            fail_msg("%s", reals[i].name);
    }
    assert_int_equal(json_integer_value(json_object_get(wire, "bytes")), 400000000);
    assert_int_equal(json_integer_value(json_object_get(wire, "bytes_low")), 390250000);
    assert_int_equal(json_integer_value(json_object_get(pages, "zero")), 1234);
    assert_int_equal(json_integer_value(json_object_get(pages, "zero_low")), 1100);
    assert_int_equal(json_integer_value(json_object_get(pages, "zero_high")), 1401);
    assert_int_equal(json_integer_value(json_object_get(dirty, "pages_per_s")), 40000);
    assert_int_equal(json_integer_value(json_object_get(dirty, "pages_per_s_low")), 36000);
    curve = json_object_get(dirty, "curve");
    assert_int_equal(json_array_size(curve), 9);
    point = json_array_get(curve, 0);
    assert_true(json_real_value(json_object_get(point, "seconds")) == 0.1);
    assert_int_equal(json_integer_value(json_object_get(point, "pages")), 4000);
    assert_true(json_is_false(json_object_get(point, "extrapolated")));
    assert_true(json_is_true(json_object_get(json_array_get(curve, 8), "extrapolated")));
    assert_int_equal(json_integer_value(json_object_get(settings, "bandwidth_bytes_per_s")),
                     125000000);
    assert_int_equal(json_integer_value(json_object_get(settings, "link_bytes_per_s")), 125000000);
    assert_true(json_is_true(json_object_get(root, "converges")));
    assert_null(json_object_get(root, "rank"));
    assert_null(json_object_get(root, "would_end"));
    assert_null(json_object_get(root, "error"));
    json_decref(root);
}

static const char *const without_value[] = {
    "rounds",       "rounds_low",  "rounds_high",     "total_s",          "total_s_low",
    "total_s_high", "downtime_ms", "downtime_ms_low", "downtime_ms_high",
};

static void expect_no_numbers(const json_t *root)
{
    const json_t *wire = json_object_get(root, "wire");

    for (size_t i = 0; i < sizeof(without_value) / sizeof(without_value[0]); i++)
        if (!json_is_null(json_object_get(root, without_value[i])))
            fail_msg("%s is not null", without_value[i]);
    assert_true(json_is_null(json_object_get(wire, "bytes")));
    assert_true(json_is_null(json_object_get(wire, "bytes_high")));
}

static void what_does_not_end_is_null_and_false_and_never_zero(void **state)
{
    const struct forecast_made made = made_of(true);
    const struct forecast_vm vm = endless("db", 78);
    json_t *root = json_of(&made, &vm), *ways = json_object_get(root, "would_end");

    (void)state;
    expect_no_numbers(root);
    assert_true(json_is_false(json_object_get(root, "converges")));
    assert_int_equal(json_integer_value(json_object_get(root, "rank")), 1);
    assert_true(json_real_value(json_object_get(root, "margin")) == 0.5);
    assert_int_equal(json_integer_value(json_object_get(ways, "bandwidth_bytes_per_s")), 248000000);
    assert_true(json_is_null(json_object_get(ways, "downtime_limit_ms")));
    assert_true(json_is_true(json_object_get(ways, "auto_converge")));
    assert_string_equal(json_string_value(json_array_get(json_object_get(root, "reasons"), 0)),
                        "too-fast");
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(root, "causes"), "too-fast")),
        "pages are dirtied faster than they are sent");
    json_decref(root);
}

static void what_is_void_says_why_and_nothing_of_a_migration(void **state)
{
    const struct forecast_made made = made_of(true);
    const struct forecast_vm vm = void_one("gpu", 79);
    json_t *root = json_of(&made, &vm), *voids = json_object_get(root, "void");

    (void)state;
    expect_no_numbers(root);
    assert_true(json_is_null(json_object_get(root, "rank")));
    assert_true(json_is_null(json_object_get(root, "vcpu_busy")));
    assert_true(json_is_null(json_object_get(root, "dirty")));
    assert_true(json_is_null(json_object_get(root, "margin")));
    assert_string_equal(json_string_value(json_object_get(root, "converges")), "unsure");
    assert_int_equal(json_array_size(voids), 2);
    for (size_t i = 0; i < json_array_size(voids); i++)
        assert_true(json_is_string(json_object_get(json_object_get(root, "causes"),
                                                   json_string_value(json_array_get(voids, i)))));
    json_decref(root);
}

static void what_is_not_known_says_why(void **state)
{
    const struct forecast_made made = made_of(true);
    const struct forecast_vm vm = refused("gone", 80);
    json_t *root = json_of(&made, &vm);

    (void)state;
    expect_no_numbers(root);
    assert_true(json_is_null(json_object_get(root, "rank")));
    assert_true(json_is_null(json_object_get(root, "pages")));
    assert_true(json_is_null(json_object_get(root, "verdict")));
    assert_true(json_is_null(json_object_get(root, "looked_s")));
    assert_string_equal(json_string_value(json_object_get(root, "error")),
                        "the process ended during the scan");
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_ends_is_told_in_full_with_ranges),
        cmocka_unit_test(one_that_does_not_end_has_no_numbers_but_ways_out),
        cmocka_unit_test(a_rate_below_one_page_does_not_read_as_none),
        cmocka_unit_test(one_that_may_end_says_never_only_where_it_may_not),
        cmocka_unit_test(one_that_is_void_shows_no_number_of_a_migration),
        cmocka_unit_test(several_are_a_table_with_the_cheapest_first),
        cmocka_unit_test(what_is_true_of_several_is_said_once),
        cmocka_unit_test(warnings_of_the_scan_are_told),
        cmocka_unit_test(integers_stay_integers_and_bounds_are_rounded_outwards),
        cmocka_unit_test(what_does_not_end_is_null_and_false_and_never_zero),
        cmocka_unit_test(what_is_void_says_why_and_nothing_of_a_migration),
        cmocka_unit_test(what_is_not_known_says_why),
    };

    setlocale(LC_CTYPE, "C.UTF-8"); /* widths of names */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
