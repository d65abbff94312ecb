// SPDX-License-Identifier: MIT
#include "ui/report/report.h"

#include <errno.h>
#include <jansson.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/text.h"
#include "tests/lib/snapshot_builder.h"
#include "tests/lib/two_vms.h"
#include "ui/report/number.h"
#include "ui/report/wrap.h"

struct fixture {
    struct two_vms *vms;
    struct snapshot *first, *second;
    struct filter all, one; /* one: vm16 */
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    if (f == NULL)
        return -1;
    f->vms = two_vms_new();
    f->first = two_vms_first(f->vms);
    f->second = two_vms_second(f->vms);
    f->all = (struct filter){.vm_fd = -1};
    f->one = (struct filter){.vm_fd = -1, .name = "vm16"};
    *state = f;
    return f->first != NULL && f->second != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    snapshot_free(f->first);
    snapshot_free(f->second);
    two_vms_free(f->vms);
    free(f);
    return 0;
}

static char *print(struct report *r, const struct snapshot *base, const struct snapshot *s)
{
    char *text = NULL;
    size_t len;
    FILE *mem = open_memstream(&text, &len);

    assert_non_null(mem);
    if (r->records == 0)
        report_fresh(r);
    assert_int_equal(report_record(r, base, s, mem), 0);
    fclose(mem);
    return text;
}

static json_t *parse_line(const char *text)
{
    json_error_t err;
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &err);

    if (root == NULL)
        fail_msg("%s at %d: %s", err.text, err.position, text);
    return root;
}

static const json_t *at(const json_t *root, const char *path)
{
    char buf[100];
    snprintf(buf, sizeof(buf), "%s", path);
    for (char *save = NULL, *key = strtok_r(buf, "/", &save); key != NULL && root != NULL;
         key = strtok_r(NULL, "/", &save))
        root = json_is_array(root) ? json_array_get(root, (size_t)atoi(key))
                                   : json_object_get(root, key);
    return root;
}

static void json_has_the_values_of_the_snapshot(void **state)
{
    struct fixture *f = *state;
    struct report r = {.format = &report_json, .filter = &f->all};
    char *text = print(&r, f->first, f->second);
    json_t *root;

    /* Too big for a signed 64-bit integer, so jansson itself reads it back as a real: compare the
     * text. */
    assert_non_null(strstr(text, "\"big\":18446744073709551610"));
    assert_string_equal(text + strlen(text) - 1, "\n");
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    for (char *p; (p = strstr(text, "18446744073709551610")) != NULL;)
        memcpy(p, "                   1", 20);
    root = parse_line(text);
    assert_string_equal(json_string_value(at(root, "schema")), "kvmlens/1");
    assert_string_equal(json_string_value(at(root, "time")), "2026-01-01T00:00:01.123Z");
    assert_true(json_real_value(at(root, "interval_s")) == 1.0);
    assert_string_equal(json_string_value(at(root, "host/lockdown")), "integrity");
    assert_int_equal(json_integer_value(at(root, "self/sample_us")), 812);
    assert_true(json_real_value(at(root, "self/cpu_ratio")) == 0.01);
    assert_int_equal(json_array_size(at(root, "vms")), 2);
    assert_true(json_real_value(at(root, "vms/0/interval_s")) == 1.0);
    assert_int_equal(json_integer_value(at(root, "vms/0/pid")), 5164);
    assert_int_equal(json_integer_value(at(root, "vms/0/vm_fd")), 9);
    assert_int_equal(json_integer_value(at(root, "vms/0/vcpus_total")), 2);
    assert_int_equal(json_integer_value(at(root, "vms/0/ram_bytes")), 16ll << 30);
    assert_null(at(root, "vms/1/ram_bytes"));
    assert_int_equal(json_integer_value(at(root, "vms/0/counters/exits")), 320);
    assert_true(json_is_integer(at(root, "vms/0/counters/exits")));
    assert_true(json_real_value(at(root, "vms/0/rates/exits")) == 120.0);
    assert_null(at(root, "vms/0/rates/pages_4k"));
    assert_int_equal(json_integer_value(at(root, "vms/0/counters/pages_4k")), 310);
    assert_int_equal(json_integer_value(at(root, "vms/0/histograms/halt_wait_hist/3")), 12);
    assert_int_equal(json_array_size(at(root, "vms/0/histograms/halt_wait_hist")), 4);
    assert_null(at(root, "vms/0/counters/mmu_pte_write"));
    assert_string_equal(json_string_value(at(root, "vms/0/missing/mmu_pte_write")), "lockdown");
    assert_non_null(strstr(json_string_value(at(root, "causes/lockdown")), "lockdown=integrity"));
    assert_int_equal(json_integer_value(at(root, "vms/0/vcpus/1/id")), 1);
    assert_true(json_integer_value(at(root, "vms/0/vcpus/0/tsc_offset")) == -9553258952ll);
    assert_int_equal(json_integer_value(at(root, "vms/0/vcpus/0/counters/exits")), 160);
    assert_true(json_real_value(at(root, "vms/0/vcpus/0/rates/exits")) == 60.0);
    assert_null(at(root, "vms/0/vcpus/0/counters/pages_4k"));
    assert_null(at(root, "vms/0/vcpus/0/missing/pages_4k"));
    assert_non_null(at(root, "vms/1/vcpus/0/missing/exits"));
    assert_string_equal(json_string_value(at(root, "fields/halt_wait_ns/unit")), "seconds");
    assert_int_equal(json_integer_value(at(root, "fields/halt_wait_ns/exponent")), -9);
    assert_string_equal(json_string_value(at(root, "fields/exits/scope")), "vcpu");
    json_decref(root);
    free(text);
}

/* Who asked for BPF is told what came of it; nobody else hears of it. */
/* Known of one VM, through BPF; of the other nothing is said. */
static void a_migration_is_told_where_it_is_known(void **state)
{
    static const struct {
        enum vm_migration migration;
        const char *json;
    } cases[] = {{VM_NOT_LOGGED, "\"dirty_logged\":false,\"migrating\":false,"},
                 {VM_DIRTY_LOGGED, "\"dirty_logged\":true,\"migrating\":false,"},
                 {VM_MIGRATING, "\"dirty_logged\":true,\"migrating\":true,"}};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct report r = {.format = &report_json, .filter = &f->all};
        f->second->vms[0].migration = (uint8_t)cases[i].migration;
        char *text = print(&r, f->first, f->second), *first = strstr(text, cases[i].json);
        assert_non_null(first);
        assert_null(strstr(first + strlen(cases[i].json), "migrating"));
        free(text);
        r.format = &report_text;
        text = print(&r, f->first, f->second);
        assert_int_equal(strstr(text, "migrating\n") != NULL, i == 2);
        assert_int_equal(strstr(text, "dirty-logged\n") != NULL, i == 1);
        free(text);
    }
}

static void json_says_what_came_of_bpf_to_who_asked(void **state)
{
    static const struct {
        struct bpf_status status;
        const char *state, *why;
    } cases[] = {
        {{.state = BPF_UNASKED, .obstacle = BPF_NO_BTF}, NULL, NULL},
        {{.state = BPF_LOADED}, "loaded", NULL},
        {{.state = BPF_WAITS, .why = "kvm is not loaded"}, "waiting", "kvm is not loaded"},
        {{.state = BPF_FAILED, .why = "no \"BTF\""}, "failed", "no \"BTF\""},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        f->second->bpf = cases[i].status;
        char *text = report_json_record(f->second, &f->all);
        json_t *root = json_loads(text, JSON_DECODE_INT_AS_REAL, NULL);
        assert_non_null(root);
        const char *said = json_string_value(at(root, "host/bpf/state"));
        const char *why = json_string_value(at(root, "host/bpf/why"));
        assert_int_equal(at(root, "host/bpf") == NULL, cases[i].state == NULL);
        assert_int_equal(why == NULL, cases[i].why == NULL);
        if (said != NULL)
            assert_string_equal(said, cases[i].state);
        if (why != NULL)
            assert_string_equal(why, cases[i].why);
        json_decref(root);
        free(text);
    }
}

static void json_of_the_first_tick_has_no_rates_and_no_interval(void **state)
{
    struct fixture *f = *state;
    char *text = report_json_record(f->first, &f->all);
    json_t *root = json_loads(text, JSON_DECODE_INT_AS_REAL, NULL);

    assert_non_null(root);
    assert_true(json_is_null(at(root, "interval_s")));
    assert_null(at(root, "self/cpu_ratio"));
    assert_int_equal(json_object_size(at(root, "vms/0/rates")), 0);
    assert_null(at(root, "vms/0/cpu_ratio"));
    assert_null(at(root, "vms/0/missing/rates.exits"));
    json_decref(root);
    free(text);
}

static void json_carries_hostile_names_as_escapes_and_back(void **state)
{
    struct fixture *f = *state;
    char *text = report_json_record(f->second, &f->all);

    for (const char *p = text; *p != '\0'; p++)
        assert_in_range((unsigned char)*p, 0x20, 0x7E);
    json_t *root = json_loads(text, JSON_DECODE_INT_AS_REAL, NULL);
    assert_non_null(root);
    assert_string_equal(json_string_value(at(root, "vms/1/name")),
                        "=db,\"x\"\x1b[31m\xef\xbf\xbd\n\xe6\x95\xb0\x7f\xe2\x80\xae");
    json_decref(root);
    free(text);
}

static void json_name_cannot_pose_as_a_big_integer(void **state)
{
    struct fixture *f = *state;
    static char name[] = "\xEF\xB7\x90" "12,\"x\":1";
    struct sample *last = two_vms_sample(f->vms, 1);

    last->vms[1].facts.name_raw = name;
    struct snapshot *s = two_vms_second(f->vms);
    char *text = report_json_record(s, &f->all);
    json_t *root = json_loads(text, JSON_DECODE_INT_AS_REAL, NULL);
    assert_non_null(root);
    assert_string_equal(json_string_value(at(root, "vms/1/name")), "\xef\xbf\xbd" "12,\"x\":1");
    json_decref(root);
    free(text);
    snapshot_free(s);
}

static void json_tells_a_reset_from_a_standing_counter(void **state)
{
    struct fixture *f = *state;
    struct sample *last = two_vms_sample(f->vms, 1);

    last->vms[0].entity.readings[F_EXITS].raw = 5;
    struct snapshot *s = two_vms_second(f->vms);
    char *text = report_json_record(s, &f->all);
    json_t *root = json_loads(text, JSON_DECODE_INT_AS_REAL, NULL);
    assert_non_null(root);
    assert_true(json_number_value(at(root, "vms/0/counters/exits")) == 5);
    assert_null(at(root, "vms/0/rates/exits"));
    assert_string_equal(json_string_value(at(root, "vms/0/missing/rates.exits")), "reset");
    json_decref(root);
    free(text);
    snapshot_free(s);
}

static void json_describes_fields_in_the_first_record_only(void **state)
{
    struct fixture *f = *state;
    struct report r = {.format = &report_json, .filter = &f->all, .stream = true};
    char *one = print(&r, f->first, f->second), *two = print(&r, f->first, f->second);

    assert_non_null(strstr(one, "\"fields\":{"));
    assert_null(strstr(two, "\"fields\":"));
    free(one);
    free(two);
}

static void fields_and_vms_that_were_not_chosen_are_left_out(void **state)
{
    struct fixture *f = *state;
    struct filter_choice o = {.fields = "^exits$", .guest = "vm16"};
    struct filter filter;

    assert_int_equal(filter_open(&o, &filter, NULL), 0);
    char *text = report_json_record(f->second, &filter);
    json_t *root = parse_line(text);
    assert_int_equal(json_array_size(at(root, "vms")), 1);
    assert_int_equal(json_object_size(at(root, "vms/0/counters")), 1);
    assert_int_equal(json_object_size(at(root, "fields")), 1);
    assert_null(at(root, "vms/0/missing/mmu_pte_write"));
    json_decref(root);
    free(text);
    struct report r = {.format = &report_text, .filter = &filter};
    text = print(&r, f->first, f->second);
    assert_non_null(strstr(text, "vm16"));
    assert_null(strstr(text, "5201"));
    assert_null(strstr(text, "pages_4k"));
    free(text);
    filter_close(&filter);
}

/* The line of @text that begins with two blanks and this field, cut at its end. */
static const char *line_of(char *text, const char *field, char buf[200])
{
    char start[80];

    snprintf(start, sizeof(start), "\n  %s ", field);
    const char *p = strstr(text, start);
    if (p == NULL)
        fail_msg("no line of %s in:\n%s", field, text);
    snprintf(buf, 200, "%.*s", (int)strcspn(p + 1, "\n"), p + 1);
    return buf;
}

static void text_shows_totals_rates_and_reasons(void **state)
{
    static const struct {
        const char *field, *since_start, *since_vm_start;
    } cases[] = {
        {"exits", " 120 120.0", " 320 120.0"},
        {"halt_wait_ns", " 1.000000s 100.0%", " 11.000000s 100.0%"},
        {"pages_4k", " 310 instant", " 310 instant"},
        {"max_mmu_page_hash_collisions", " 3 peak", " 3 peak"},
        {"big", " 0 0.0", " 18446744073709551610 0.0"},
    };
    struct fixture *f = *state;
    for (int past = 0; past < 2; past++) {
        struct report r = {.format = &report_text, .filter = &f->one, .include_past = past};
        char *text = print(&r, past ? NULL : f->first, f->second);
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            char buf[200], squeezed[200], *to = squeezed;
            for (const char *p = line_of(text, cases[i].field, buf) + 2 + strlen(cases[i].field);
                 *p != '\0'; p++)
                if (*p != ' ' || p[1] != ' ')
                    *to++ = *p;
            *to = '\0';
            assert_string_equal(squeezed, past ? cases[i].since_vm_start : cases[i].since_start);
        }
        assert_non_null(strstr(text, "-9553258952"));
        assert_non_null(strstr(text, "\n  denied (lockdown=integrity): mmu_pte_write\n"));
        free(text);
    }
}

/* Only what is measured in seconds is: a kernel may count in thousandths of anything. */
static void text_gives_seconds_to_seconds_only(void **state)
{
    struct fixture *f = *state;
    struct field *fields = two_vms_fields(f->vms)->fields;

    for (int stream = 0; stream < 2; stream++) {
        struct report r = {.format = &report_text, .filter = &f->one, .stream = stream};
        struct filter peaks = f->one;
        if (stream) {
            assert_int_equal(regcomp(&peaks.regex, "^max_|pages_4k", REG_EXTENDED | REG_NOSUB), 0);
            peaks.has_regex = true;
            r.filter = &peaks;
        }
        fields[F_PEAK].exponent = -3;
        fields[F_PAGES_4K].unit = FIELD_BYTES;
        fields[F_PAGES_4K].base = 2;
        fields[F_PAGES_4K].exponent = 10;
        char *text = print(&r, f->first, f->second);
        assert_non_null(strstr(text, " 0.003000")); /* a peak of 3 */
        assert_null(strstr(text, " 0.003000s"));
        assert_non_null(strstr(text, " 317440")); /* 310 KiB */
        free(text);
        filter_close(&peaks);
    }
}

static void a_rate_has_the_scale_of_its_total(void **state)
{
    const struct figure rate = {.value = 5000, .state = READING_OK};
    const struct field thousandths = {.kind = FIELD_CUMULATIVE, .base = 10, .exponent = -3};
    const struct field nanoseconds = {
        .kind = FIELD_CUMULATIVE, .unit = FIELD_SECONDS, .base = 10, .exponent = -9};
    char text[NUMBER_MAX];

    (void)state;
    number_rate(&thousandths, &rate, text);
    assert_string_equal(text, "5.0");
    number_value(&thousandths, 5000, text);
    assert_string_equal(text, "5.000000");
    number_value(&nanoseconds, 1500000000, text);
    assert_string_equal(text, "1.500000s");
    number_value(&nanoseconds, 1, text);
    assert_string_equal(text, "<0.000001s");
    number_value(&nanoseconds, 0, text);
    assert_string_equal(text, "0.000000s");
    number_value(&(struct field){.base = 10}, UINT64_MAX, text);
    assert_string_equal(text, "18446744073709551615");
}

static void text_lists_counters_by_name(void **state)
{
    struct fixture *f = *state;
    struct report r = {.format = &report_text, .filter = &f->one};
    char *text = print(&r, f->first, f->second), before[80] = "";
    size_t rows = 0;

    /* Down to those that are missing. */
    for (const char *p = strstr(text, "  COUNTER ");
         (p = strchr(p, '\n')) != NULL && strncmp(p + 1, "  denied", 8) != 0; p++, rows++) {
        char name[80];
        assert_int_equal(sscanf(p + 1, " %79s", name), 1);
        assert_true(strcmp(before, name) < 0);
        strcpy(before, name);
    }
    assert_int_equal(rows, F_COUNT - 1);
    free(text);
}

static void fits_80_columns(const char *text)
{
    char line[500];

    for (const char *p = text; *p != '\0'; p += *p == '\n') {
        size_t len = strcspn(p, "\n");
        snprintf(line, sizeof(line), "%.*s", (int)len, p);
        if (text_width(line) > 80)
            fail_msg("too wide: %s", line);
        p += len;
    }
}

/* A histogram counts from where the counters beside it do. */
static void text_counts_a_histogram_from_the_start(void **state)
{
    struct fixture *f = *state;

    for (int past = 0; past < 2; past++) {
        struct report r = {.format = &report_text, .filter = &f->one, .include_past = past};
        char *text = print(&r, past ? NULL : f->first, f->second), buf[200];
        assert_non_null(strstr(line_of(text, "halt_wait_hist", buf),
                               past ? " 24    buckets 1-3" : " 12    buckets 1-3"));
        free(text);
    }
}

/* The comma that ends a line has its place in it, wherever the line is broken. */
static void a_list_fits_80_columns_with_its_commas(void **state)
{
    (void)state;
    for (size_t first = 1; first < 20; first++) {
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);
        struct wrap wrap = {out, 0, 4, 0};
        for (size_t i = 0; i < 40; i++)
            wrap_part(&wrap, ", ", i == 0 ? &"abcdefghijklmnopqrstuvw"[first] : "exits");
        fclose(out);
        assert_non_null(strstr(text, ",\n    exits"));
        fits_80_columns(text);
        free(text);
    }
}

/* What watch(1) shows of a host: its VMs, a line for each, then what all of them count. */
static void text_begins_with_a_line_for_each_vm(void **state)
{
    static const char begin[] =
        "web-07  6.18.44  lockdown integrity  2 VMs 3 vCPUs  2026-01-01T00:00:01.123Z\n"
        "  interval 1.000 s\n"
        "       PID vCPUs    CPU%   WAIT%     EXITS/s     RAM     RSS  NAME\n"
        "         -     3    50.0     0.0       120.0  >16.0G  110.0M  (all VMs)\n"
        "      5164     2    50.0     0.0       120.0   16.0G   55.0M  vm16\n";
    struct fixture *f = *state;
    struct report r = {.format = &report_text, .filter = &f->all};
    char *text = print(&r, f->first, f->second), buf[200];

    assert_memory_equal(text, begin, sizeof(begin) - 1);
    assert_non_null(strstr(text, "\nall VMs together\n"));
    assert_non_null(strstr(line_of(text, "exits", buf), " 120          120.0"));
    assert_null(strstr(text, "pages_4k")); /* cannot be added up */
    assert_null(strstr(text, "pid 5164"));
    fits_80_columns(text);
    free(text);
    r.include_past = true;
    text = print(&r, NULL, f->second);
    assert_non_null(strstr(line_of(text, "exits", buf), " 420          120.0"));
    /* That of vm16 is denied: it is more than this. */
    assert_non_null(strstr(line_of(text, "mmu_pte_write", buf), " >"));
    free(text);
}

static void text_has_the_counters_of_each_vm_for_who_asks(void **state)
{
    struct fixture *f = *state;

    for (int one = 0; one < 2; one++) {
        struct report r = {
            .format = &report_text, .filter = one ? &f->one : &f->all, .verbose = !one};
        char *text = print(&r, f->first, f->second);
        const char *vm = strstr(text, "\nvm16  pid 5164 fd 9  qemu  ");
        assert_non_null(vm);
        assert_non_null(strstr(vm, "\n  pages_4k "));
        assert_int_equal(strstr(text, "  pid 5201 ") == NULL, one);
        assert_int_equal(strstr(text, "all VMs together") == NULL, one);
        fits_80_columns(text);
        free(text);
    }
}

/* A process that has two VMs is one process, whose CPU time and memory count once. */
static void text_adds_up_what_is_of_a_process_once(void **state)
{
    struct fixture *f = *state;
    struct sample *last = two_vms_sample(f->vms, 1);

    last->vms[1].id.pid = last->vms[0].id.pid;
    struct snapshot *s = two_vms_second(f->vms);
    struct report r = {.format = &report_text, .filter = &f->all};
    char *text = print(&r, f->first, s);
    assert_non_null(strstr(text, "\n         -     3 "));
    assert_non_null(strstr(text, " >16.0G   55.0M  (all VMs)\n"));
    assert_non_null(strstr(text, "\n    5164:9     2 "));
    assert_non_null(strstr(text, "\n   5164:12     1 "));
    free(text);
    snapshot_free(s);
}

/* On a screen of 24 lines only the first are seen. */
static void text_begins_with_who_uses_most_cpu_time(void **state)
{
    static const struct filter all = {.vm_fd = -1};
    struct snapshot_builder *b = snapshot_builder_new();

    (void)state;
    snapshot_builder_three_vms(b); /* 3.1, 612 and 27.1 % of a CPU, by process id */
    struct snapshot *s = snapshot_builder_snapshot(b);
    s->vms[2].cpu_ratio.state = READING_DENIED;
    snapshot_builder_finish(b);
    struct report r = {.format = &report_text, .filter = &all};
    char *text = print(&r, NULL, s);
    const char *first = strstr(text, "\n      5201 "), *last = strstr(text, "\n      6003 ");
    assert_true(first != NULL && first < strstr(text, "\n      5164 "));
    assert_true(last != NULL && last > strstr(text, "\n      5164 "));
    free(text);
    snapshot_builder_free(b);
}

/* A sum that the number of a VM is missing from is more than what it says, in each table. */
static void text_marks_sums_that_lack_a_vm(void **state)
{
    static const struct filter all = {.vm_fd = -1};
    struct snapshot_builder *b = snapshot_builder_new();

    (void)state;
    snapshot_builder_three_vms(b); /* fc-1 does not tell its exits */
    struct snapshot *s = snapshot_builder_snapshot(b);
    s->vms[2].wait_ratio.state = READING_DENIED;
    snapshot_builder_finish(b);
    struct report r = {.format = &report_text, .filter = &all};
    char *text = print(&r, NULL, s), buf[200];
    assert_non_null(strstr(text, "\n         -    11   642.2    >2.2    >38220.0 "));
    assert_non_null(strstr(line_of(text, "exits", buf), " >"));
    assert_non_null(strstr(strstr(buf, " >") + 2, " >38220.0"));
    free(text);
    report_fresh(&r);
    r.stream = true;
    text = print(&r, NULL, s);
    assert_non_null(strstr(text, "(all VMs)          642.2%    >2.2%  >38220.0 "));
    free(text);
    snapshot_builder_free(b);
}

static void text_lets_no_control_byte_of_a_name_through(void **state)
{
    struct fixture *f = *state;
    for (int stream = 0; stream < 2; stream++) {
        struct report r = {.format = &report_text, .filter = &f->all, .stream = stream};
        char *text = print(&r, f->first, f->second);
        for (const char *p = text; *p != '\0'; p++)
            assert_true(*p == '\n' || ((unsigned char)*p >= 0x20 && *p != 0x7F));
        assert_null(strstr(text, "\xe2\x80\xae"));
        free(text);
    }
}

static void one_of_a_kind_is_no_plural(void **state)
{
    struct fixture *f = *state;

    for (size_t n = 1; n <= 2; n++) {
        struct report r = {.format = &report_text, .filter = &f->all};
        struct snapshot s = *f->second;
        s.vm_count = s.vcpu_count = n;
        char *text = print(&r, NULL, &s);
        assert_non_null(strstr(text, n == 1 ? "  1 VM 1 vCPU  " : "  2 VMs 2 vCPUs  "));
        free(text);
    }
}

static void text_numbers_equal_those_of_json(void **state)
{
    struct fixture *f = *state;
    struct report r = {.format = &report_text, .filter = &f->one, .include_past = true};
    char *text = print(&r, NULL, f->second), *json = report_json_record(f->second, &f->all);
    json_t *root = json_loads(json, JSON_DECODE_INT_AS_REAL, NULL);
    const char *key;
    json_t *value;
    size_t compared = 0;

    assert_non_null(root);
    json_object_foreach(
        json_object_get(json_array_get(json_object_get(root, "vms"), 0), "counters"), key, value)
    {
        char buf[200];
        double shown = strtod(line_of(text, key, buf) + 2 + strlen(key), NULL);
        if (strcmp(key, "halt_wait_ns") == 0)
            shown *= 1e9;
        assert_true(shown == json_number_value(value));
        compared++;
    }
    assert_int_equal(compared, 6);
    json_decref(root);
    free(json);
    free(text);
}

static void log_has_the_most_telling_columns_first(void **state)
{
    struct fixture *f = *state;
    struct report r = {.format = &report_text, .filter = &f->all, .stream = true};
    char *text = print(&r, f->first, f->second);
    const char *exits = strstr(text, "exits/s"), *wait = strstr(text, "halt_wait_ns %");

    assert_true(exits != NULL && wait != NULL && exits < wait);
    assert_null(strstr(text, "pages_4k"));
    free(text);
}

/* As many counters as there is room for; how many there are beside is in the title. */
static void log_rows_do_not_break_on_a_terminal(void **state)
{
    struct fixture *f = *state;
    struct report r = {
        .format = &report_text, .filter = &f->all, .stream = true, .terminal = true, .columns = 66};
    char *text = print(&r, f->first, f->second);

    assert_memory_equal(text, "TIME          PID NAME                CPU%   WAIT%   exits/s +1\n",
                        64);
    assert_non_null(
        strstr(text, "\n00:00:01        - (all VMs)          50.0%    0.0%     120.0\n"));
    assert_non_null(
        strstr(text, "\n00:00:01     5164 vm16               50.0%    0.0%     120.0\n"));
    free(text);
    r = (struct report){
        .format = &report_text, .filter = &f->all, .stream = true, .terminal = true, .columns = 75};
    text = print(&r, f->first, f->second);
    assert_non_null(strstr(text, " halt_wait_ns %\n"));
    free(text);
}

static void log_has_a_row_of_all_vms_where_there_are_several(void **state)
{
    struct fixture *f = *state;

    for (int one = 0; one < 2; one++) {
        struct report r = {
            .format = &report_text, .filter = one ? &f->one : &f->all, .stream = true};
        char *text = print(&r, f->first, f->second);
        const char *all = strstr(text, "-    - (all VMs)           50.0%     0.0%     120.0");
        assert_int_equal(all == NULL, one);
        assert_true(one || all < strstr(text, " vm16 "));
        free(text);
    }
}

static size_t count_lines(const char *text, const char *prefix)
{
    size_t n = 0;

    for (const char *p = text; *p != '\0'; p += strcspn(p, "\n") + 1)
        n += strncmp(p, prefix, strlen(prefix)) == 0;
    return n;
}

static void log_repeats_its_header_on_a_terminal_only(void **state)
{
    struct fixture *f = *state;
    for (int terminal = 0; terminal < 2; terminal++) {
        struct report r = {.format = &report_text, .filter = &f->all, .stream = true,
                           .terminal = terminal};
        size_t headers = 0, rows = 0;
        for (int i = 0; i < 21; i++) {
            char *text = print(&r, f->first, f->second);
            headers += count_lines(text, "TIME");
            rows += count_lines(text, "2026-01-01T00:00:01.123Z");
            free(text);
        }
        assert_int_equal(rows, 63);
        assert_int_equal(headers, terminal ? 4 : 1);
    }
}

static void skip_zero_leaves_out_what_stood_still_but_not_what_is_unknown(void **state)
{
    struct fixture *f = *state;
    struct report r = {
        .format = &report_text, .filter = &f->all, .stream = true, .skip_zero = true};
    char *text = print(&r, f->first, f->second);

    assert_non_null(strstr(text, "5164"));
    assert_null(strstr(text, "5201"));
    free(text);
    struct sample *last = two_vms_sample(f->vms, 1);
    last->vms[1].entity.readings[F_PTE_WRITE] =
        reading_missing(READING_DENIED, CAUSE_NO_PERMISSION);
    struct snapshot *s = two_vms_second(f->vms);
    text = print(&r, f->first, s);
    assert_non_null(strstr(text, "5201"));
    free(text);
    snapshot_free(s);
    r = (struct report){.format = &report_text, .filter = &f->one, .skip_zero = true};
    text = print(&r, f->first, f->second);
    assert_null(strstr(text, "\n  big "));
    assert_non_null(strstr(text, "): mmu_pte_write\n"));
    assert_non_null(strstr(text, "\n  exits "));
    free(text);
}

static void a_full_output_is_an_error(void **state)
{
    struct fixture *f = *state;
    struct report r = {.format = &report_text, .filter = &f->all};
    FILE *full = fopen("/dev/full", "w");

    assert_non_null(full);
    setvbuf(full, NULL, _IONBF, 0);
    assert_int_equal(report_record(&r, NULL, f->second, full), -EIO);
    fclose(full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(json_has_the_values_of_the_snapshot, setup, teardown),
        cmocka_unit_test_setup_teardown(json_of_the_first_tick_has_no_rates_and_no_interval, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_migration_is_told_where_it_is_known, setup, teardown),
        cmocka_unit_test_setup_teardown(json_says_what_came_of_bpf_to_who_asked, setup, teardown),
        cmocka_unit_test_setup_teardown(json_carries_hostile_names_as_escapes_and_back, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(json_name_cannot_pose_as_a_big_integer, setup, teardown),
        cmocka_unit_test_setup_teardown(json_tells_a_reset_from_a_standing_counter, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(json_describes_fields_in_the_first_record_only, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(fields_and_vms_that_were_not_chosen_are_left_out, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(text_shows_totals_rates_and_reasons, setup, teardown),
        cmocka_unit_test_setup_teardown(text_gives_seconds_to_seconds_only, setup, teardown),
        cmocka_unit_test(a_rate_has_the_scale_of_its_total),
        cmocka_unit_test_setup_teardown(text_lists_counters_by_name, setup, teardown),
        cmocka_unit_test_setup_teardown(text_begins_with_a_line_for_each_vm, setup, teardown),
        cmocka_unit_test_setup_teardown(text_has_the_counters_of_each_vm_for_who_asks, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(text_adds_up_what_is_of_a_process_once, setup, teardown),
        cmocka_unit_test(text_begins_with_who_uses_most_cpu_time),
        cmocka_unit_test(text_marks_sums_that_lack_a_vm),
        cmocka_unit_test(a_list_fits_80_columns_with_its_commas),
        cmocka_unit_test_setup_teardown(text_counts_a_histogram_from_the_start, setup, teardown),
        cmocka_unit_test_setup_teardown(log_rows_do_not_break_on_a_terminal, setup, teardown),
        cmocka_unit_test_setup_teardown(log_has_a_row_of_all_vms_where_there_are_several, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(text_lets_no_control_byte_of_a_name_through, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(one_of_a_kind_is_no_plural, setup, teardown),
        cmocka_unit_test_setup_teardown(text_numbers_equal_those_of_json, setup, teardown),
        cmocka_unit_test_setup_teardown(log_has_the_most_telling_columns_first, setup, teardown),
        cmocka_unit_test_setup_teardown(log_repeats_its_header_on_a_terminal_only, setup, teardown),
        cmocka_unit_test_setup_teardown(
            skip_zero_leaves_out_what_stood_still_but_not_what_is_unknown, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_output_is_an_error, setup, teardown),
    };
    setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
