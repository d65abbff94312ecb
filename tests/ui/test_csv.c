// SPDX-License-Identifier: MIT
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
#include "tests/lib/two_vms.h"
#include "ui/report/report.h"

static const struct filter all = {.vm_fd = -1};

static char *print(struct report *r, const struct snapshot *s)
{
    char *text = NULL;
    size_t len;
    FILE *mem = open_memstream(&text, &len);

    assert_non_null(mem);
    r->format = &report_csv;
    r->filter = r->filter != NULL ? r->filter : &all;
    assert_int_equal(report_record(r, NULL, s, mem), 0);
    fclose(mem);
    return text;
}

#define CELLS 15

/* A strict reader of RFC 4180: takes one row off *@pos, cells into @row; false at the end. */
static bool read_row(char **pos, char *row[CELLS], size_t *ret_count)
{
    char *p = *pos;
    size_t n = 0;

    if (*p == '\0')
        return false;
    for (;;) {
        assert_true(n < CELLS);
        char *to = p;
        row[n++] = to;
        if (*p == '"') {
            for (p++; p[0] != '"' || p[1] == '"'; p++) {
                assert_true(*p != '\0');
                p += *p == '"';
                *to++ = *p;
            }
            p++;
        } else {
            for (; *p != ',' && *p != '\n'; p++) {
                assert_true(*p != '\0' && *p != '"');
                to++;
            }
        }
        char end = *p++;
        assert_true(end == ',' || end == '\n');
        *to = '\0';
        if (end == '\n')
            break;
    }
    *pos = p;
    *ret_count = n;
    return true;
}

enum {
    TIME,
    PID,
    FD,
    VM,
    VCPU,
    FIELD,
    BUCKET,
    KIND,
    UNIT,
    EXPONENT,
    VALUE,
    RATE,
    STATE,
    CAUSE,
    CAUSE_ID
};

static const json_t *by_number(const json_t *array, const char *key, const char *number)
{
    size_t i;
    json_t *item;

    json_array_foreach((json_t *)array, i, item)
        if (json_integer_value(json_object_get(item, key)) == atoll(number))
            return item;
    return NULL;
}

static void compare_cell(const json_t *json, const char *cell)
{
    if (json == NULL)
        assert_string_equal(cell, "");
    else if (json_is_string(json))
        assert_string_equal(cell, json_string_value(json));
    else
        assert_true(json_number_value(json) == strtod(cell, NULL) && cell[0] != '\0');
}

/* "roles.vhost.threads" is a key of an object of an object. */
static const json_t *by_path(const json_t *object, const char *path)
{
    for (const char *dot; (dot = strchr(path, '.')) != NULL; path = dot + 1)
        object = json_object_getn(object, path, (size_t)(dot - path));
    return json_object_get(object, path);
}

/* What two VMs and the host fight for, some of it missing. */
static void add_load(struct two_vms *t)
{
    for (int tick = 0; tick < 2; tick++) {
        struct sample *s = two_vms_sample(t, tick);
        struct reading *vm = s->vms[0].gauges, *vcpu = s->vms[0].vcpus[1].gauges;
        vm[VM_LOOK] = reading_ok(VM_LOOK_OUTSIDE, SOURCE_PROC);
        vm[VM_THROTTLED_NS] = reading_ok(7, SOURCE_PROC);
        vm[VM_VHOST_THREADS] = reading_ok(2, SOURCE_PROC);
        vm[VM_VHOST_CPU_NS] = reading_ok(5000000 + 1000000 * (uint64_t)tick, SOURCE_PROC);
        vm[VM_IO_FULL_NS] = reading_of_cause(CAUSE_ROOT_CGROUP);
        vcpu[VCPU_LOOK] = reading_of_cause(CAUSE_NO_PTRACE);
        vcpu[VCPU_HOST_CPU] = reading_ok(3, SOURCE_PROC);
        s->host.time_ns[SOURCE_PROC] = 1000000000ull * (uint64_t)(1 + tick);
        s->host_gauges[HOST_LOAD_1] = reading_ok(150, SOURCE_PROC);
        s->host_gauges[HOST_SWAP_FREE_BYTES] = reading_ok(4096, SOURCE_PROC);
        s->host_gauges[HOST_MEMORY_SOME_NS] = reading_ok(250000000 * (uint64_t)tick, SOURCE_PROC);
        s->host_gauges[HOST_IO_SOME_NS] = reading_of_cause(CAUSE_NO_PRESSURE);
    }
}

/* Where the memory of a VM lies and what it moves, some of it missing. */
static void add_memory_io(struct two_vms *t)
{
    for (int tick = 0; tick < 2; tick++) {
        struct reading *vm = two_vms_sample(t, tick)->vms[0].gauges;
        vm[VM_RSS_ANON_BYTES] = reading_ok(40960, SOURCE_PROC);
        vm[VM_HUGETLB_BYTES] = reading_of_cause(CAUSE_NOT_IN_KERNEL);
        vm[VM_LOOKED_PAGES] = reading_ok(1000, SOURCE_PROC);
        vm[VM_LOOKED_THP_PAGES] = reading_ok(512, SOURCE_PROC);
        vm[VM_LOOKED_HUGETLB_PAGES] = reading_ok(0, SOURCE_PROC);
        vm[VM_NUMA_PAGES] = vm[VM_NUMA_NODE] = reading_of_cause(CAUSE_ONE_NODE);
        vm[VM_STORAGE_READ_BYTES] = reading_ok(512 + 1024 * (uint64_t)tick, SOURCE_PROC);
        vm[VM_DEVICES_FOUND] = reading_ok(0, SOURCE_PROC);
    }
}

/* Every number of the CSV is in the JSON of the same snapshot, and says the same. */
static void long_form_read_back_equals_the_json(void **state)
{
    struct two_vms *t = two_vms_new();
    /* Beyond signed 64 bits jansson cannot read it as an integer. */
    for (int i = 0; i < 2; i++)
        for (int vm = 0; vm < 2; vm++)
            two_vms_sample(t, i)->vms[vm].entity.readings[F_BIG].raw = 1ull << 52;
    add_load(t);
    add_memory_io(t);
    struct snapshot *s = two_vms_second(t);
    struct report r = {0};
    report_fresh(&r);
    char *text = print(&r, s), *json = report_json_record(s, &all), *pos = text, *row[CELLS];
    json_t *root = json_loads(json, 0, NULL);
    size_t cells, rows = 0, values = 0;

    (void)state;
    assert_non_null(root);
    assert_true(read_row(&pos, row, &cells));
    assert_int_equal(cells, CELLS);
    assert_string_equal(row[TIME], "time");
    assert_string_equal(row[CAUSE], "cause");
    assert_string_equal(row[CAUSE_ID], "cause_id");
    while (read_row(&pos, row, &cells)) {
        char clean[200];
        assert_int_equal(cells, CELLS);
        const json_t *object = row[PID][0] != '\0'
                                   ? by_number(json_object_get(root, "vms"), "pid", row[PID])
                                   : json_object_get(root, "host");
        assert_non_null(object);
        const char *name = json_string_value(json_object_get(object, "name"));
        text_clean(name, strlen(name), clean, sizeof(clean));
        assert_string_equal(row[VM], row[PID][0] != '\0' ? clean : "");
        if (row[VCPU][0] != '\0')
            object = by_number(json_object_get(object, "vcpus"), "id", row[VCPU]);
        const json_t *value = json_object_get(json_object_get(object, "counters"), row[FIELD]);
        const json_t *hist = json_object_get(json_object_get(object, "histograms"), row[FIELD]);
        const json_t *rate = json_object_get(json_object_get(object, "rates"), row[FIELD]);
        if (hist != NULL)
            value = json_array_get(hist, (size_t)atoi(row[BUCKET]));
        if (json_object_get(json_object_get(root, "fields"), row[FIELD]) == NULL)
            value = by_path(object, row[FIELD]);
        compare_cell(value, row[VALUE]);
        compare_cell(rate, row[RATE]);
        assert_int_equal(value == NULL, strcmp(row[STATE], "ok") != 0);
        const json_t *missing = json_object_get(json_object_get(object, "missing"), row[FIELD]);
        if (missing != NULL)
            assert_string_equal(json_string_value(missing), row[CAUSE_ID]);
        if (strcmp(row[STATE], "ok") == 0)
            assert_string_equal(row[CAUSE_ID], "");
        values += value != NULL;
        rows++;
    }
    /* vm16: 5 + 8 numbers and 4 buckets instead of 1, twice 4 + 4 and 3 more buckets; db: 5 + 8, 4
     * + 4 */
    size_t counters = 5 + 7 + 4 + 2 * (4 + 3 + 4) + 5 + 8 + 4 + 4;
    /* Of each VM five figures that need no wish, of each vCPU one; the rest is of add_load. */
    size_t memory = 2 + 1 + 1 + 1 + 3 + 3, io = 2 + 1 + 6 + 4;
    assert_int_equal(rows, counters + 2 * 5 + 3 + 5 + 2 + 4 + memory + 1 + io);
    assert_true(values > 30);
    json_decref(root);
    free(json);
    free(text);
    snapshot_free(s);
    two_vms_free(t);
}

static void devices_have_rows_and_objects_of_their_own(void **state)
{
    static struct sample_device devices[2][2];
    struct two_vms *t = two_vms_new();

    (void)state;
    add_memory_io(t);
    for (int tick = 0; tick < 2; tick++) {
        struct sample_vm *vm = &two_vms_sample(t, tick)->vms[0];
        struct sample_device *d = devices[tick];
        d[0] = (struct sample_device){.name = "tap,0", .kind = IO_DEVICE_TAP};
        d[1] = (struct sample_device){.name = "/a.iso", .kind = IO_DEVICE_IMAGE};
        d[1].is_read_only = true;
        d[0].time_ns = 1000000000ull * (uint64_t)(1 + tick);
        d[0].counts[IO_IN_OPS] = reading_ok(30 + 5 * (uint64_t)tick, SOURCE_PROC);
        d[0].counts[IO_OUT_OPS] = reading_of_cause(CAUSE_OTHER_NETNS);
        vm->devices = d;
        vm->device_count = 2;
    }
    struct snapshot *s = two_vms_second(t);
    struct report r = {0};
    report_fresh(&r);
    char *text = print(&r, s), *json = report_json_record(s, &all);
    assert_non_null(strstr(text, "\"io.devices.tap.tap,0.in_ops\",,cumulative,none,0,35,,ok,"));
    assert_non_null(
        strstr(text, "\"io.devices.tap.tap,0.in_ops_per_second\",,instant,none,0,5,,ok,"));
    assert_non_null(strstr(text, "tap,0.out_ops\",,cumulative,none,0,,,absent,"));
    assert_null(strstr(text, "a.iso"));
    assert_non_null(strstr(json, "{\"kind\":\"tap\",\"name\":\"tap,0\",\"in_ops\":35,"
                                 "\"in_ops_per_second\":5.0,\"missing\":{\"out_ops\":"
                                 "\"other-network-namespace\"}}"));
    assert_non_null(strstr(json, "{\"kind\":\"image\",\"name\":\"/a.iso\",\"read_only\":true}"));
    free(text);
    free(json);
    snapshot_free(s);
    two_vms_free(t);
}

static void header_comes_once_per_file(void **state)
{
    struct two_vms *t = two_vms_new();
    struct snapshot *s = two_vms_second(t);
    struct report r = {.stream = true};
    static const bool fresh[] = {true, false, true};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        if (fresh[i])
            report_fresh(&r);
        char *text = print(&r, s);
        assert_int_equal(strncmp(text, "time,", 5) == 0, fresh[i]);
        free(text);
    }
    snapshot_free(s);
    two_vms_free(t);
}

static void wide_form_has_one_row_and_stable_columns(void **state)
{
    struct filter_choice o = {.guest = "vm16",
                              .fields = "^(exits|mmu_pte_write|pages_4k|halt_wait_hist)$"};
    struct filter filter;
    struct two_vms *t = two_vms_new();
    struct snapshot *s = two_vms_second(t);

    (void)state;
    assert_int_equal(filter_open(&o, &filter, NULL), 0);
    struct report r = {.stream = true, .wide = true, .filter = &filter};
    report_fresh(&r);
    char *text = print(&r, s);
    assert_string_equal(
        text, "time,pid,vm_fd,vm,ram_bytes,rss_bytes,mapped_bytes,cpu_ratio,wait_ratio,exits,"
              "exits_per_s,mmu_pte_write,mmu_pte_write_per_s,pages_4k\n"
              "2026-01-01T00:00:01.123Z,5164,9,vm16,17179869184,57671680,,0.5,0,320,120,,,310\n");
    free(text);
    struct field later = {.name = "pages_4k_more", .scope = FIELD_VM, .kind = FIELD_INSTANT,
                          .base = 10, .size = 1};
    assert_true(field_table_add((struct field_table *)two_vms_fields(t), &later) >= 0);
    text = print(&r, s);
    assert_int_equal(strncmp(text, "2026", 4), 0);
    free(text);
    filter_close(&filter);
    snapshot_free(s);
    two_vms_free(t);
}

static void rows_under_a_header_of_other_columns_are_refused(void **state)
{
    struct two_vms *t = two_vms_new();
    struct snapshot *s = two_vms_second(t);
    char *text = NULL;
    size_t len;

    (void)state;
    for (int same = 0; same < 2; same++) {
        struct report r = {.format = &report_csv, .filter = &all, .stream = true};
        r.joins = true;
        r.header =
            same ? "time,pid,vm_fd,vm,vcpu,field,bucket,kind,unit,exponent,value,rate,state,cause,"
                   "cause_id"
                 : "time,pid,vm_fd,vm,vcpu,field,bucket,kind,unit,exponent,value,rate,state";
        FILE *mem = open_memstream(&text, &len);
        assert_non_null(mem);
        assert_int_equal(report_record(&r, NULL, s, mem), same ? 0 : -EBADMSG);
        fclose(mem);
        free(text);
    }
    snapshot_free(s);
    two_vms_free(t);
}

/* Rotation then begins a file of today's columns. */
static void a_log_of_version_0_1_goes_on_in_its_form(void **state)
{
    static const struct {
        bool fresh, joins;
        size_t cells;
    } records[] = {{false, true, 14}, {false, false, 14}, {true, false, CELLS}};
    struct two_vms *t = two_vms_new();
    struct snapshot *s = two_vms_second(t);
    struct report r = {
        .stream = true,
        .header = "time,pid,vm_fd,vm,vcpu,field,bucket,kind,unit,exponent,value,rate,state,cause"};

    (void)state;
    for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
        char *row[CELLS];
        size_t cells, rows = 0;
        r.joins = records[i].joins;
        if (records[i].fresh)
            report_fresh(&r);
        char *text = print(&r, s), *pos = text;
        assert_int_equal(strncmp(text, "time,", 5) == 0, records[i].fresh);
        for (; read_row(&pos, row, &cells); rows++)
            assert_int_equal(cells, records[i].cells);
        assert_true(rows > 30);
        free(text);
    }
    /* The wide form has no such column, then as now: under that header it stays refused. */
    r = (struct report){.format = &report_csv, .filter = &all, .header = r.header};
    r.joins = r.wide = true;
    char *text;
    assert_int_equal(report_make(&r, NULL, s, &text, &(size_t){0}), -EBADMSG);
    snapshot_free(s);
    two_vms_free(t);
}

static void names_that_are_formulas_are_marked_on_request(void **state)
{
    struct two_vms *t = two_vms_new();
    struct snapshot *s = two_vms_second(t);

    (void)state;
    for (int safe = 0; safe < 2; safe++) {
        struct report r = {.csv_safe = safe};
        char *text = print(&r, s);
        assert_non_null(strstr(text, safe ? ",\"'=db,\"\"x\"\"" : ",\"=db,\"\"x\"\""));
        assert_non_null(strstr(text, ",vm16,"));
        free(text);
    }
    /* Each sign that begins one, and no other. */
    for (const char *sign = "=+-@_"; *sign != '\0'; sign++) {
        struct report r = {.csv_safe = true};
        const char name[] = {*sign, 's', 'u', 'm', '\0'};
        char expected[16];
        const char *before = s->vms[0].name;
        s->vms[0].name = name;
        snprintf(expected, sizeof(expected), ",%s%csum,", *sign == '_' ? "" : "'", *sign);
        char *text = print(&r, s);
        assert_non_null(strstr(text, expected));
        s->vms[0].name = before;
        free(text);
    }
    snapshot_free(s);
    two_vms_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_form_read_back_equals_the_json),
        cmocka_unit_test(devices_have_rows_and_objects_of_their_own),
        cmocka_unit_test(header_comes_once_per_file),
        cmocka_unit_test(wide_form_has_one_row_and_stable_columns),
        cmocka_unit_test(rows_under_a_header_of_other_columns_are_refused),
        cmocka_unit_test(a_log_of_version_0_1_goes_on_in_its_form),
        cmocka_unit_test(names_that_are_formulas_are_marked_on_request),
    };
    setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
