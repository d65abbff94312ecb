// SPDX-License-Identifier: MIT
// What columns of memory and I/O say, in which order they sort, and when they are read.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/load_builder.h"
#include "tests/lib/ui_bed.h"
#include "ui/screens/load_cause.h"
#include "ui/screens/screens.h"
#include "ui/state/columns.h"
#include "ui/state/load_wish.h"
#include "ui/state/state.h"

/* The VMs of load_builder_host. */
enum { IDLE, DB, FC, VMS };

/* What stands in the cell; @ret_style: how it looks there. */
static const char *cell(enum column_id id, const struct snapshot_vm *vm, enum style *ret_style)
{
    static char buf[COLUMN_TEXT_MAX];
    const struct column_fields fields = {0};
    const struct column_value value = column_get(id, &fields, vm, NULL);
    struct screen out;

    assert_int_equal(screen_init(&out, 1, 1, false), 0);
    const char *text = column_text(id, &value, &out, buf);
    if (text != buf)
        strcpy(buf, text);
    screen_done(&out);
    if (ret_style != NULL)
        *ret_style = column_style(id, &value);
    assert_true(strlen(buf) <= (size_t)column_table[id].width);
    return buf;
}

/* Each column of a host under strain; what is missing comes last in any order. */
static const struct {
    enum column_id id;
    uint32_t wish;
    const char *texts[VMS];
    int order[VMS]; /* sorted by it */
} columns[] = {
    {COLUMN_RES, LOAD_MEMORY, {"55.0M", "25.3G", "130M"}, {DB, FC, IDLE}},
    {COLUMN_PRIV, LOAD_MEMORY, {"48.1M", "877M", "114M"}, {DB, FC, IDLE}},
    {COLUMN_SHARED, LOAD_MEMORY, {"6.9M", "24.4G", "16.2M"}, {DB, FC, IDLE}},
    {COLUMN_SWAP, LOAD_MEMORY, {"0", "!1.3G", "0"}, {DB, IDLE, FC}},
    {COLUMN_KSM, LOAD_MEMORY, {"0", "52.0M", "0"}, {DB, IDLE, FC}},
    {COLUMN_HUGE, LOAD_PLACEMENT, {"0.0", "71.3", "100.0"}, {FC, DB, IDLE}},
    {COLUMN_HUGE_KIND, LOAD_PLACEMENT, {"none", "thp", "hugetlb"}, {FC, IDLE, DB}},
    {COLUMN_NUMA, LOAD_PLACEMENT, {"92.0", "!48.0", "-"}, {DB, IDLE, FC}},
    {COLUMN_MEM_LIMIT, LOAD_MEMORY, {"-", "26.9G", "512M"}, {DB, FC, IDLE}},
    {COLUMN_OF_LIMIT, LOAD_MEMORY, {"-", "!!98.2", "26.2"}, {DB, FC, IDLE}},
    {COLUMN_READ, LOAD_IO, {"0", "38.2M", "denied"}, {DB, IDLE, FC}},
    {COLUMN_WRITE, LOAD_IO, {"0", "112M", "denied"}, {DB, IDLE, FC}},
    {COLUMN_READ_OPS, LOAD_IO, {"-", "1.2k", "-"}, {DB, IDLE, FC}},
    {COLUMN_WRITE_OPS, LOAD_IO, {"-", "3.4k", "-"}, {DB, IDLE, FC}},
    {COLUMN_RX, LOAD_IO, {"-", "2.5M", "7"}, {DB, FC, IDLE}},
    {COLUMN_TX, LOAD_IO, {"-", "11.7M", "7"}, {DB, FC, IDLE}},
    {COLUMN_RX_PACKETS, LOAD_IO, {"-", "4.1k", "<0.1"}, {DB, FC, IDLE}},
    {COLUMN_TX_PACKETS, LOAD_IO, {"-", "9.0k", "7"}, {DB, FC, IDLE}},
    {COLUMN_RX_DROPS, LOAD_IO, {"-", "!!131", "0"}, {DB, FC, IDLE}},
    {COLUMN_TX_DROPS, LOAD_IO, {"-", "0", "!0.5"}, {FC, DB, IDLE}},
};
enum { COLUMNS = sizeof(columns) / sizeof(columns[0]) };

static int bed_new(void **ret)
{
    struct ui_bed *bed = ui_bed_new();

    load_builder_host(bed->b, LOAD_CONTENDED);
    snapshot_builder_get(bed->b, IDLE)->memory.numa_local = load_builder_figure(0.92);
    ui_bed_start(bed, 24, 200);
    *ret = bed;
    return 0;
}

static int bed_free(void **state)
{
    ui_bed_free(*state);
    return 0;
}

static void each_column_has_its_text(void **state)
{
    const struct ui_bed *bed = *state;

    for (size_t i = 0; i < COLUMNS; i++)
        for (int vm = 0; vm < VMS; vm++)
            if (strcmp(cell(columns[i].id, &bed->model.now->vms[vm], NULL), columns[i].texts[vm]))
                fail_msg("%s of %s: %s, not %s", column_table[columns[i].id].title,
                         bed->model.now->vms[vm].name,
                         cell(columns[i].id, &bed->model.now->vms[vm], NULL), columns[i].texts[vm]);
}

static void each_column_sorts_and_what_is_missing_comes_last(void **state)
{
    struct ui_bed *bed = *state;

    for (size_t i = 0; i < COLUMNS; i++) {
        bed->state.vms.sort_inverted = false;
        bed->state.vms.sort = columns[i].id;
        assert_int_equal(ui_follow(&bed->state, &bed->model), 0);
        for (int row = 0; row < VMS; row++)
            if (bed->rows.vms.rows[row].vm != (uint32_t)columns[i].order[row])
                fail_msg("by %s: row %d is %s", column_table[columns[i].id].title, row,
                         bed->model.now->vms[bed->rows.vms.rows[row].vm].name);
    }
}

static void none_is_read_but_while_it_is_shown(void **state)
{
    struct ui_bed *bed = *state;
    struct vms_state *vms = &bed->state.vms;

    for (size_t i = 0; i < COLUMNS; i++) {
        vms->columns = (struct column_choice){.ids = {COLUMN_NAME, columns[i].id}, .count = 2};
        assert_int_equal(load_wish_of(&bed->state).all, LOAD_HOST | columns[i].wish);
        vms->columns.count = 1;
        assert_int_equal(load_wish_of(&bed->state).all, LOAD_HOST);
    }
}

static void a_vcpu_has_none_of_these(void **state)
{
    const struct ui_bed *bed = *state;
    const struct snapshot_vm *vm = &bed->model.now->vms[DB];
    const struct column_fields fields = {0};

    for (size_t i = 0; i < COLUMNS; i++)
        assert_true(column_get(columns[i].id, &fields, vm, &vm->vcpus[0]).blank);
}

static void set_all(struct snapshot_vm *vm, enum reading_state state, enum reading_cause cause)
{
    const struct figure f = load_builder_missing(state, cause);
    const struct reading r = reading_missing(state, cause);

    vm->memory = (struct vm_memory){.resident = r,
                                    .anon = r,
                                    .file = r,
                                    .shmem = r,
                                    .swapped = r,
                                    .ksm_merged = r,
                                    .cgroup_current = r,
                                    .cgroup_max = r,
                                    .cgroup_high = r,
                                    .cgroup_limit_share = f,
                                    .huge_share = f,
                                    .numa_local = f};
    vm->io.read.rate = vm->io.written.rate = f;
    for (int c = 0; c < IO_COUNTER_COUNT; c++)
        vm->io.net[c] = vm->io.block[c] = f;
}

static void what_is_missing_says_so_and_is_never_0(void **state)
{
    static const struct {
        enum reading_state state;
        enum reading_cause cause;
        const char *text;
    } rows[] = {
        {READING_ABSENT, CAUSE_NOT_IN_KERNEL, "-"},
        {READING_DENIED, CAUSE_NO_PERMISSION, "denied"},
        {READING_WARMUP, CAUSE_NONE, "..."},
        {READING_STALE, CAUSE_SLOW, "stale"},
        {READING_ABSENT, CAUSE_NOT_ASKED_FOR, "..."},
        {READING_ABSENT, CAUSE_ROOT_CGROUP, "-"},
    };
    struct ui_bed *bed = *state;
    struct snapshot_vm *vm = snapshot_builder_get(bed->b, DB);
    const struct column_fields fields = {0};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        set_all(vm, rows[i].state, rows[i].cause);
        for (size_t c = 0; c < COLUMNS; c++) {
            assert_string_equal(cell(columns[c].id, vm, NULL), rows[i].text);
            assert_int_equal(column_get(columns[c].id, &fields, vm, NULL).cause, rows[i].cause);
        }
    }
}

/* Whoever chose one of them reads in the status line why it is empty, and what helps. */
static void the_status_line_says_why(void **state)
{
    struct ui_bed *bed = *state;
    struct snapshot_vm *vm = snapshot_builder_get(bed->b, DB);
    struct screen out;

    set_all(vm, READING_DENIED, CAUSE_NO_PERMISSION);
    assert_int_equal(screen_init(&out, 1, 100, false), 0);
    for (size_t c = 0; c < COLUMNS; c++) {
        const struct column_plan plan = {.slots = {{.id = columns[c].id}}, .count = 1};
        char text[101] = "", wanted[101];
        screen_clear(&out);
        assert_true(load_cause_draw(bed->model.now, vm, &plan, false, screen_rect(&out), &out));
        for (int x = 0; x < 100; x++)
            text[x] = (char)screen_cell(&out, 0, x)->code;
        snprintf(wanted, sizeof(wanted), "db-primary: no %s: %s", column_table[columns[c].id].title,
                 reading_cause_text(CAUSE_NO_PERMISSION));
        assert_memory_equal(text, wanted, strlen(wanted));
    }
    screen_done(&out);
}

/* What the host lacks all VMs do: it is said of them, once. */
static void a_cause_of_the_host_is_said_of_all_vms(void **state)
{
    struct ui_bed *bed = *state;
    struct snapshot_vm *vm = snapshot_builder_get(bed->b, DB);
    const struct column_plan plan = {.slots = {{.id = COLUMN_PSI_CPU}}, .count = 1};
    const struct {
        enum reading_cause cause;
        const char *said;
    } cases[] = {{CAUSE_NO_PRESSURE, "db-primary: no PSI-CPU: "}, /* also of one cgroup */
                 {CAUSE_NO_CGROUP, "All VMs: no PSI-CPU: "},
                 {CAUSE_ROOT_CGROUP, "db-primary: no PSI-CPU: "}};
    struct screen out;

    assert_int_equal(screen_init(&out, 1, 120, false), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[64] = "";
        vm->load.pressure[PRESSURE_CPU_SOME] = load_builder_missing(READING_ABSENT, cases[i].cause);
        screen_clear(&out);
        assert_true(load_cause_draw(bed->model.now, vm, &plan, false, screen_rect(&out), &out));
        for (size_t x = 0; x < strlen(cases[i].said); x++)
            text[x] = (char)screen_cell(&out, 0, (int)x)->code;
        assert_string_equal(text, cases[i].said);
        /* The pane has a line about it. */
        assert_int_equal(load_cause_draw(bed->model.now, vm, &plan, true, screen_rect(&out), &out),
                         cases[i].cause != CAUSE_NO_CGROUP);
    }
    screen_done(&out);
}

/* A limit may be on what is used, or on what is used at ease: the tighter one counts. */
static void the_limit_is_the_tighter_of_two(void **state)
{
    const struct reading none = reading_of_cause(CAUSE_NO_MEMORY_LIMIT),
                         denied = reading_of_cause(CAUSE_NO_PERMISSION),
                         v1 = reading_of_cause(CAUSE_NOT_IN_KERNEL); /* of cgroups */
    const struct reading k1 = reading_ok(1024, SOURCE_PROC), k2 = reading_ok(2048, SOURCE_PROC);
    const struct {
        struct reading max, high;
        const char *limit;
    } rows[] = {
        {none, none, "-"}, {k2, none, "2.0K"},     {none, k1, "1.0K"},     {k2, k1, "1.0K"},
        {k1, k2, "1.0K"},  {denied, k2, "denied"}, {k2, denied, "denied"}, {denied, none, "denied"},
        {k2, v1, "2.0K"},  {none, v1, "-"},        {denied, v1, "denied"},
    };
    struct ui_bed *bed = *state;
    struct snapshot_vm *vm = snapshot_builder_get(bed->b, DB);

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        vm->memory.cgroup_max = rows[i].max;
        vm->memory.cgroup_high = rows[i].high;
        assert_string_equal(cell(COLUMN_MEM_LIMIT, vm, NULL), rows[i].limit);
    }
}

static void what_hurts_is_marked(void **state)
{
    struct ui_bed *bed = *state;
    struct snapshot_vm *vm = snapshot_builder_get(bed->b, DB);
    const struct {
        enum column_id id;
        struct figure *figure;
        double value;
        const char *text;
        enum style style;
    } rows[] = {
        {COLUMN_RX_DROPS, &vm->io.net[IO_IN_DROPS], 0, "0", STYLE_DIM},
        {COLUMN_RX_DROPS, &vm->io.net[IO_IN_DROPS], 0.01, "!<0.1", STYLE_NOTICE},
        {COLUMN_RX_DROPS, &vm->io.net[IO_IN_DROPS], 99.9, "!100", STYLE_NOTICE},
        {COLUMN_TX_DROPS, &vm->io.net[IO_OUT_DROPS], 100, "!!100", STYLE_WARNING},
        {COLUMN_TX_DROPS, &vm->io.net[IO_OUT_DROPS], 123456, "!!123k", STYLE_WARNING},
        {COLUMN_NUMA, &vm->memory.numa_local, 1, "100.0", STYLE_NORMAL},
        {COLUMN_NUMA, &vm->memory.numa_local, 0.8, "80.0", STYLE_NORMAL},
        {COLUMN_NUMA, &vm->memory.numa_local, 0.79, "!79.0", STYLE_NOTICE},
        {COLUMN_NUMA, &vm->memory.numa_local, 0, "!0.0", STYLE_NOTICE},
        {COLUMN_READ, &vm->io.read.rate, 0, "0", STYLE_DIM},
        {COLUMN_READ, &vm->io.read.rate, 0.3, "<1", STYLE_NORMAL},
        {COLUMN_RX, &vm->io.net[IO_IN_BYTES], 1e9, "954M", STYLE_NORMAL},
    };
    enum style style = STYLE_COUNT;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        *rows[i].figure = load_builder_figure(rows[i].value);
        assert_string_equal(cell(rows[i].id, vm, &style), rows[i].text);
        assert_int_equal(style, rows[i].style);
    }
    vm->memory.swapped = reading_ok(4096, SOURCE_PROC);
    assert_string_equal(cell(COLUMN_SWAP, vm, &style), "!4.0K");
    assert_int_equal(style, STYLE_NOTICE);
    vm->memory.swapped = reading_ok((uint64_t)1023 << 30, SOURCE_PROC);
    assert_string_equal(cell(COLUMN_SWAP, vm, &style), "!1023G");
    assert_int_equal(style, STYLE_NOTICE);
}

#define BED_TEST(name) cmocka_unit_test_setup_teardown(name, bed_new, bed_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BED_TEST(each_column_has_its_text),
        BED_TEST(each_column_sorts_and_what_is_missing_comes_last),
        BED_TEST(none_is_read_but_while_it_is_shown),
        BED_TEST(a_vcpu_has_none_of_these),
        BED_TEST(what_is_missing_says_so_and_is_never_0),
        BED_TEST(the_status_line_says_why),
        BED_TEST(a_cause_of_the_host_is_said_of_all_vms),
        BED_TEST(the_limit_is_the_tighter_of_two),
        BED_TEST(what_hurts_is_marked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
