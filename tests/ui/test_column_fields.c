// SPDX-License-Identifier: MIT
/*
 * Each column of the VMs screen against the formats for machines and the man page: what a person
 * sees has a field of its own there, with its unit, says the same, and has its cause where it is
 * missing. Reads man/kvmlens.1 from the project root.
 */
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/load_builder.h"
#include "tests/lib/two_vms.h"
#include "ui/report/report.h"
#include "ui/state/columns.h"

#define PAGE "man/kvmlens.1"

static const struct filter all = {.vm_fd = -1};

/*
 * Where a column is in JSON, from the object of its VM on, and what CSV calls it, which is the same
 * but for what is a column of its own there; the unit in CSV; and the family in metrics.
 */
struct place {
    const char *json, *unit, *family;
};

#define ROLE(role)                                                                                 \
    {                                                                                              \
        "roles." role ".cpu_ratio", "ratio", "vm_role_cpu_seconds_total"                           \
    }
#define PSI(resource)                                                                              \
    {                                                                                              \
        "pressure." resource "_some_ratio", "ratio", "vm_pressure_seconds_total"                   \
    }
#define MEMORY(name)                                                                               \
    {                                                                                              \
        "memory." name "_bytes", "bytes", "vm_memory_bytes"                                        \
    }
#define OF_NET(name, unit, family)                                                                 \
    {                                                                                              \
        "io.net." name "_per_second", unit, "vm_device_" family "_total"                           \
    }
#define OF_BLOCK(name)                                                                             \
    {                                                                                              \
        "io.block." name "_per_second", "none", "vm_device_operations_total"                       \
    }

static const struct place places[COLUMN_COUNT] = {
    [COLUMN_STATE] = {"state", "none", "vm_state"},
    [COLUMN_UPTIME] = {"uptime_s", "seconds", "vm_uptime_seconds"},
    [COLUMN_RUN] = {"run_mean_ratio", "ratio", "vcpu_cpu_seconds_total"},
    [COLUMN_RDY] = {"ready_mean_ratio", "ratio", "vcpu_wait_seconds_total"},
    [COLUMN_RDYMAX] = {"ready_worst_ratio", "ratio", "vcpu_wait_seconds_total"},
    [COLUMN_MLMTD] = {"throttled_ratio", "ratio", "vm_throttled_seconds_total"},
    [COLUMN_GUEST] = {"cpu_guest_ratio", "ratio", "vcpu_guest_seconds_total"},
    [COLUMN_HOST] = {"cpu_host_ratio", "ratio", "vcpu_cpu_seconds_total"},
    [COLUMN_POLL] = {"halt_poll_ratio", "ratio", NULL}, /* two counters of KVM: halt_poll_*_ns */
    [COLUMN_IOTHR] = ROLE("iothread"),
    [COLUMN_VHOST] = ROLE("vhost"),
    [COLUMN_EMUL] = ROLE("emulator"),
    [COLUMN_MIGTHR] = ROLE("migration"),
    [COLUMN_KERN] = ROLE("kernel"),
    [COLUMN_PSI_CPU] = PSI("cpu"),
    [COLUMN_PSI_MEM] = PSI("memory"),
    [COLUMN_PSI_IO] = PSI("io"),
    [COLUMN_RES] = MEMORY("resident"),
    [COLUMN_PRIV] = MEMORY("anon"),
    [COLUMN_SWAP] = MEMORY("swapped"),
    [COLUMN_KSM] = MEMORY("ksm_merged"),
    [COLUMN_HUGE] = {"memory.huge_ratio", "ratio", "vm_huge_pages_ratio"},
    [COLUMN_HUGE_KIND] = {"memory.huge_kind", "none", "vm_huge_pages_ratio"},
    [COLUMN_NUMA] = {"memory.numa_local_ratio", "ratio", "vm_numa_local_ratio"},
    [COLUMN_OF_LIMIT] = {"memory.cgroup_limit_ratio", "ratio", "vm_cgroup_memory_limit_ratio"},
    [COLUMN_READ] = {"io.read_bytes_per_second", "bytes", "vm_storage_read_bytes_total"},
    [COLUMN_WRITE] = {"io.written_bytes_per_second", "bytes", "vm_storage_written_bytes_total"},
    [COLUMN_READ_OPS] = OF_BLOCK("in_ops"),
    [COLUMN_WRITE_OPS] = OF_BLOCK("out_ops"),
    [COLUMN_RX] = OF_NET("in_bytes", "bytes", "bytes"),
    [COLUMN_TX] = OF_NET("out_bytes", "bytes", "bytes"),
    [COLUMN_RX_PACKETS] = OF_NET("in_ops", "none", "operations"),
    [COLUMN_TX_PACKETS] = OF_NET("out_ops", "none", "operations"),
    [COLUMN_RX_DROPS] = OF_NET("in_drops", "none", "drops"),
    [COLUMN_TX_DROPS] = OF_NET("out_drops", "none", "drops"),
};

/* Those that are in no row of CSV: what they are there, and in JSON, other tests hold. */
static const struct {
    enum column_id id;
    const char *json;
} others[] = {
    {COLUMN_PID, "pid"},
    {COLUMN_FD, "vm_fd"},
    {COLUMN_NAME, "name"},
    {COLUMN_VMM, "vmm"},
    {COLUMN_VCPUS, "vcpus_total"},
    {COLUMN_CPU, "cpu_ratio"},
    {COLUMN_WAIT, "wait_ratio"},
    {COLUMN_EXITS, "rates.exits"},
    {COLUMN_TREND, "rates.exits"},
    {COLUMN_IO, "rates.io_exits"},
    {COLUMN_MMIO, "rates.mmio_exits"},
    {COLUMN_HALT, "rates.halt_exits"},
    {COLUMN_IRQ, "rates.irq_injections"},
    {COLUMN_PF_FIXED, "rates.pf_fixed"},
    {COLUMN_RAM, "ram_bytes"},
    {COLUMN_RSS, "rss_bytes"},
    {COLUMN_MAPPED, "mapped_bytes"},
    {COLUMN_SOURCE, "sources"},
    {COLUMN_SHARED, "memory.shmem_bytes"},
    {COLUMN_MEM_LIMIT, "memory.cgroup_max_bytes"},
    {COLUMN_ON_CPU, "vcpus"},
    {COLUMN_AFFINITY, "vcpus"},
    /* of a scan and of a forecast, which have records of their own */
    {COLUMN_ZERO, NULL},
    {COLUMN_MIGR, NULL},
};
enum { OTHERS = sizeof(others) / sizeof(others[0]) };

static char *print(const struct report_format *format, const struct snapshot *s)
{
    struct report r = {.format = format, .filter = &all, .per_vcpu = true};
    char *text = NULL;
    size_t len;
    FILE *mem = open_memstream(&text, &len);

    assert_non_null(mem);
    assert_int_equal(report_record(&r, NULL, s, mem), 0);
    fclose(mem);
    return text;
}

static const json_t *by_path(const json_t *object, const char *path)
{
    for (const char *dot; (dot = strchr(path, '.')) != NULL; path = dot + 1)
        object = json_object_getn(object, path, (size_t)(dot - path));
    return json_object_get(object, path);
}

static void each_column_has_a_place(void **state)
{
    bool has[COLUMN_COUNT] = {false};

    (void)state;
    for (size_t i = 0; i < OTHERS; i++)
        has[others[i].id] = true;
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        if (places[i].json == NULL && !has[i])
            fail_msg("%s is in no format", column_table[i].title);
        if (column_table[i].origin == NULL || strlen(column_table[i].origin) < 8)
            fail_msg("%s does not say where it is from", column_table[i].title);
        if (column_table[i].unit == NULL || column_table[i].unit[0] == '\0')
            fail_msg("%s has no unit", column_table[i].title);
    }
}

/* The row of CSV about @field of the whole VM; NULL: there is none. */
static const char *csv_row(const char *csv, const struct snapshot_vm *vm, const char *field)
{
    char begin[300];

    snprintf(begin, sizeof(begin), ",%d,%d,%s,,%s,,", (int)vm->id.pid, vm->id.fd, vm->name, field);
    return strstr(csv, begin);
}

static void same_number(const struct place *p, double number, const json_t *json, const char *row)
{
    char unit[40];

    snprintf(unit, sizeof(unit), ",%s,0,", p->unit);
    const char *value = strstr(row, unit);
    if (value == NULL || value > strchr(row, '\n'))
        fail_msg("%s is not in %s: %.100s", p->json, p->unit, row);
    const double bound = 1e-8 * fabs(number);
    if (!json_is_number(json) || fabs(json_number_value(json) - number) > bound)
        fail_msg("%s: %g is not that of JSON", p->json, number);
    if (fabs(strtod(value + strlen(unit), NULL) - number) > bound)
        fail_msg("%s: %g is not that of CSV: %.100s", p->json, number, row);
}

static void same_cause(const struct place *p, const struct column_value *v, const json_t *vm,
                       const char *row)
{
    const char *id = reading_cause_id((enum reading_cause)v->cause);
    const json_t *missing = json_object_get(json_object_get(vm, "missing"), p->json);
    char end[80];

    assert_null(by_path(vm, p->json));
    if (v->cause == CAUSE_NOT_ASKED_FOR || v->cause == CAUSE_NONE)
        return;
    if (!json_is_string(missing) || strcmp(json_string_value(missing), id) != 0)
        fail_msg("%s: JSON does not say %s", p->json, id);
    if (row == NULL)
        fail_msg("%s: CSV does not say %s", p->json, id);
    snprintf(end, sizeof(end), ",%s\n", id);
    const char *found = strstr(row, end);
    if (found == NULL || found + strlen(end) != strchr(row, '\n') + 1)
        fail_msg("%s: CSV does not say %s: %.100s", p->json, id, row);
}

/* All of them of all VMs of a host. Returns how many numbers there were. */
static size_t compare(const struct snapshot *s)
{
    const struct column_fields fields = {0};
    char *text = report_json_record(s, &all), *csv = print(&report_csv, s);
    json_t *root = json_loads(text, 0, NULL);
    size_t numbers = 0;

    for (size_t i = 0; i < s->vm_count; i++) {
        const json_t *vm = json_array_get(json_object_get(root, "vms"), i);
        for (enum column_id id = 0; id < COLUMN_COUNT; id++) {
            const struct place *p = &places[id];
            if (p->json == NULL)
                continue;
            const struct column_value v = column_get(id, &fields, &s->vms[i], NULL);
            const char *row = csv_row(csv, &s->vms[i], p->json);
            if (v.state != READING_OK) {
                same_cause(p, &v, vm, row);
            } else if (column_table[id].kind == COLUMN_TEXT) {
                assert_true(json_is_string(by_path(vm, p->json)));
                assert_non_null(row);
            } else {
                assert_non_null(row);
                same_number(p, v.number, by_path(vm, p->json), row);
                numbers++;
            }
        }
    }
    json_decref(root);
    free(text);
    free(csv);
    return numbers;
}

static void json_and_csv_say_what_columns_say(void **state)
{
    static const enum load_kind kinds[] = {LOAD_QUIET, LOAD_BUSY, LOAD_CONTENDED};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct snapshot_builder *b = snapshot_builder_new();
        load_builder_host(b, kinds[i]);
        assert_true(compare(snapshot_builder_finish(b)) > 60);
        snapshot_builder_free(b);
    }
}

static void every_number_has_its_cause_when_it_is_missing(void **state)
{
    static const struct {
        enum reading_state state;
        enum reading_cause cause;
    } kinds[] = {{READING_DENIED, CAUSE_NO_PERMISSION},
                 {READING_DENIED, CAUSE_NOT_IN_KERNEL},
                 {READING_WARMUP, CAUSE_FEW_TICKS}};
    struct snapshot_builder *b = snapshot_builder_new();

    (void)state;
    load_builder_host(b, LOAD_CONTENDED);
    for (size_t i = 0; i < 3; i++) {
        const struct figure f = load_builder_missing(kinds[i].state, kinds[i].cause);
        const struct reading r = reading_missing(kinds[i].state, kinds[i].cause);
        struct snapshot_vm *vm = snapshot_builder_get(b, i);
        vm->load.state = VM_STATE_UNKNOWN;
        vm->load.state_cause = (uint8_t)kinds[i].cause;
        vm->memory.huge_kind = HUGE_UNKNOWN;
        for (enum column_id id = 0; id < COLUMN_COUNT; id++) {
            const struct column *c = &column_table[id];
            if (places[id].json != NULL && c->vm_figure != 0)
                memcpy((char *)vm + c->vm_figure, &f, sizeof(f));
            if (places[id].json != NULL && c->vm_reading != 0)
                memcpy((char *)vm + c->vm_reading, &r, sizeof(r));
        }
    }
    compare(snapshot_builder_finish(b));
    snapshot_builder_free(b);
}

/* A VM of which everything is known, with a device of each kind that is counted. */
static struct snapshot *all_known(struct two_vms *t, struct sample_device devices[2])
{
    struct sample_vm *vm = &two_vms_sample(t, 1)->vms[0];

    for (int g = 0; g < VM_GAUGE_COUNT; g++)
        vm->gauges[g] = reading_ok(g == VM_LOOK ? VM_LOOK_RUNS : 1, SOURCE_PROC);
    for (int g = 0; g < VCPU_GAUGE_COUNT; g++)
        vm->vcpus[0].gauges[g] = reading_ok(g == VCPU_LOOK ? VCPU_LOOK_SLEEPS : 1, SOURCE_PROC);
    devices[0] = (struct sample_device){.name = "tap0", .kind = IO_DEVICE_TAP};
    devices[1] = (struct sample_device){.name = "/dev/sdb", .kind = IO_DEVICE_BLOCK};
    for (int c = 0; c < IO_COUNTER_COUNT; c++)
        devices[0].counts[c] = devices[1].counts[c] = reading_ok(1, SOURCE_PROC);
    vm->devices = devices;
    vm->device_count = 2;
    return two_vms_second(t);
}

static void every_column_has_a_family_of_metrics(void **state)
{
    struct sample_device devices[2];
    struct two_vms *t = two_vms_new();
    struct snapshot *s = all_known(t, devices);
    char *text = print(&report_prometheus, s);

    (void)state;
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        char begin[100];
        if (places[i].family == NULL)
            continue;
        snprintf(begin, sizeof(begin), "\nkvmlens_%s{", places[i].family);
        if (strstr(text, begin) == NULL)
            fail_msg("%s: no sample of kvmlens_%s", column_table[i].title, places[i].family);
    }
    free(text);
    snapshot_free(s);
    two_vms_free(t);
}

/* Words that the page has; rates of what is named there go without a word of their own. */
static void is_in_page(const char *page, const char *word)
{
    const size_t rate = strlen("_per_second");
    char stem[100];

    snprintf(stem, sizeof(stem), "%s", strrchr(word, '.') != NULL ? strrchr(word, '.') + 1 : word);
    const size_t len = strlen(stem);
    if (len > rate && strcmp(stem + len - rate, "_per_second") == 0)
        stem[len - rate] = '\0';
    if (strstr(page, stem) == NULL)
        fail_msg("%s does not name %s", PAGE, stem);
}

static void the_page_names_every_field(void **state)
{
    FILE *in = fopen(PAGE, "r");
    char *page = calloc(1, 1 << 18), family[100];

    (void)state;
    assert_non_null(in);
    assert_non_null(page);
    assert_true(fread(page, 1, (1 << 18) - 1, in) > 0);
    fclose(in);
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        if (places[i].json == NULL)
            continue;
        is_in_page(page, places[i].json);
        if (places[i].family == NULL || strncmp(places[i].family, "vcpu_cpu", 8) == 0 ||
            strncmp(places[i].family, "vcpu_wait", 9) == 0)
            continue; /* older than the list in the page */
        snprintf(family, sizeof(family), "kvmlens_%s", places[i].family);
        is_in_page(page, family);
    }
    free(page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_column_has_a_place),
        cmocka_unit_test(json_and_csv_say_what_columns_say),
        cmocka_unit_test(every_number_has_its_cause_when_it_is_missing),
        cmocka_unit_test(every_column_has_a_family_of_metrics),
        cmocka_unit_test(the_page_names_every_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
